//! Which samples are unique, and which equal nothing known.

use std::path::Path;

use anyhow::{Context, Result};
use crystal_core::{Structure, io};
use datasets::{Split, read_raw};
use metrics::StructureMatcher;
use stability::Verdict;

/// Known structures.
pub(super) struct Known {
    pub data: String,
    pub data_sha256: String,
    /// MP-20's training split.
    pub train: Vec<Structure>,
    /// All of MP-20 with a further set, and the name of that.
    more: Option<(String, Vec<Structure>)>,
}

impl Known {
    pub(super) fn read(folder: &Path, more: Option<&Path>) -> Result<Self> {
        let inner = folder.join("mp_20");
        let data = read_raw(if inner.is_dir() { &inner } else { folder })?;
        let of = |split: Split| {
            let tables = data.splits.iter().filter(move |(of, _)| *of == split);
            tables.flat_map(|(_, table)| &table.rows).map(|row| row.structure.clone())
        };
        let train: Vec<Structure> = of(Split::Train).collect();
        let more = match more {
            None => None,
            Some(path) => {
                let entries = io::read_all(path)?;
                let mut all: Vec<Structure> = Split::ALL.into_iter().flat_map(of).collect();
                for entry in entries {
                    all.push(entry.structure.with_context(|| format!("{}: {}", path.display(), entry.id))?);
                }
                let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
                Some((name, all))
            }
        };
        Ok(Self { data: data.name, data_sha256: data.sha256, train, more })
    }

    pub(super) fn described(&self) -> String {
        let train = format!("training split of {} ({} structures)", self.data, self.train.len());
        match &self.more {
            Some((name, all)) => format!("{train}; apart, {name} with all of {} ({} structures)", self.data, all.len()),
            None => train,
        }
    }
}

/// Uniqueness and novelty of all samples in one way.
pub(super) struct Judged {
    pub name: String,
    unique: Vec<bool>,
    novel: Vec<bool>,
}

impl Judged {
    /// In every way of the protocol.
    pub(super) fn all(
        relaxed: &[Option<Structure>],
        unrelaxed: &[Option<Structure>],
        known: &Known,
    ) -> Result<Vec<Self>> {
        let strict = StructureMatcher { ltol: 0.2, stol: 0.3, angle_tol: 5.0 };
        let loose = StructureMatcher { ltol: 0.3, stol: 0.5, angle_tol: 10.0 };
        let mut all = vec![Self::of("relaxed, 0.2/0.3/5°, against training", relaxed, &known.train, &strict)?];
        if let Some((name, more)) = &known.more {
            all.push(Self::of(&format!("relaxed, 0.2/0.3/5°, against {name}"), relaxed, more, &strict)?);
        }
        all.push(Self::of("as sampled, 0.3/0.5/10°, against training", unrelaxed, &known.train, &loose)?);
        Ok(all)
    }

    fn of(name: &str, samples: &[Option<Structure>], known: &[Structure], matcher: &StructureMatcher) -> Result<Self> {
        let there: Vec<usize> = (0..samples.len()).filter(|index| samples[*index].is_some()).collect();
        let structures: Vec<Structure> = samples.iter().flatten().cloned().collect();
        let (mut unique, mut novel) = (vec![false; samples.len()], vec![false; samples.len()]);
        for (place, first) in matcher.unique(&structures)?.into_iter().enumerate() {
            unique[there[place]] = first == Some(place);
        }
        for (place, is_novel) in matcher.novel(&structures, known)?.into_iter().enumerate() {
            novel[there[place]] = is_novel == Some(true);
        }
        Ok(Self { name: name.to_owned(), unique, novel })
    }

    /// With energies above hull; a sample without one counts as a failure.
    pub(super) fn verdicts(&self, above: &[Result<f64, String>]) -> Vec<Verdict> {
        let verdict = |(index, above): (usize, &Result<f64, String>)| Verdict {
            energy_above_hull: above.as_ref().ok().copied(),
            unique: self.unique[index],
            novel: self.novel[index],
        };
        above.iter().enumerate().map(verdict).collect()
    }
}
