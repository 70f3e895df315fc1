//! What is learned from: tables as they are. Only the space-group filter asks the symmetry finder, and only for rows
//! whose group the file does not tell, so that a leg of a training begins at once.

use std::path::Path;

use anyhow::Result;
use crystal_core::{Finder, Structure, find_symmetry};
use datasets::{LoadOptions, Row, Source, Split, load, locate, read_raw};
use druse::config::DataConfig;
use rayon::prelude::*;

/// Folder of MP-20 inside a folder of data.
const INNER: &str = "mp_20";

/// Training and validation split.
pub(super) struct Structures {
    pub(super) name: String,
    pub(super) sha256: String,
    pub(super) training: Vec<Structure>,
    pub(super) validation: Vec<Structure>,
}

impl Structures {
    /// Of the data that the option names, at most this many of each split.
    ///
    /// # Errors
    /// If the data cannot be read.
    pub(super) fn load(data: Option<&Path>, config: &DataConfig, most: [usize; 2]) -> Result<Self> {
        let folder = match locate(data) {
            Source::Embedded => return Self::embedded(config, most),
            Source::Folder(folder) => folder,
        };
        let inner = folder.join(INNER);
        let set = read_raw(if inner.is_dir() { &inner } else { &folder })?;
        let (mut training, mut validation) = (vec![], vec![]);
        for (split, table) in set.splits {
            match split {
                Split::Train => training = kept(table.rows, config, most[0]),
                Split::Validation => validation = kept(table.rows, config, most[1]),
                Split::Test => {}
            }
        }
        Ok(Self { name: set.name, sha256: set.sha256, training, validation })
    }

    fn embedded(config: &DataConfig, most: [usize; 2]) -> Result<Self> {
        let DataConfig { min_space_group, symprec } = *config;
        let data = load(&Source::Embedded, &LoadOptions { min_space_group, symprec, ..LoadOptions::default() })?;
        let of = |split, most| data.split(split).iter().take(most).map(|record| record.structure.clone()).collect();
        let (training, validation) = (of(Split::Train, most[0]), of(Split::Validation, most[1]));
        Ok(Self { name: data.name, sha256: data.sha256, training, validation })
    }
}

/// Rows that are judged at a time.
const CHUNK: usize = 1024;

/// The first structures of high enough space groups; one whose group cannot be found is left out where that matters.
fn kept(rows: Vec<Row>, config: &DataConfig, most: usize) -> Vec<Structure> {
    let number = |row: &Row| {
        let found = || find_symmetry(&row.structure, config.symprec, Finder::default()).ok();
        row.space_group.or_else(|| found().map(|report| report.number.get()))
    };
    let is_kept =
        |row: &Row| config.min_space_group <= 1 || number(row).is_some_and(|number| number >= config.min_space_group);
    let mut structures = vec![];
    for chunk in rows.chunks(CHUNK) {
        if structures.len() >= most {
            break;
        }
        let found: Vec<&Row> = chunk.par_iter().filter(|row| is_kept(row)).collect();
        structures.extend(found.into_iter().map(|row| row.structure.clone()));
    }
    structures.truncate(most);
    structures
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filter_takes_the_group_of_the_file_or_finds_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let salt = "4,4,4,60,60,60,Na Cl,0 0 0 0.5 0.5 0.5";
        let columns = "a,b,c,alpha,beta,gamma,species,frac_coords";
        // Without a group it is looked for, and found to be rock salt.
        let plain = format!("idx,{columns}\n0,{salt}\n1,{salt}\n");
        let told = format!("idx,space_group_0.1,{columns}\n2,2,{salt}\n3,225,{salt}\n");
        let inner = folder.path().join(INNER);
        std::fs::create_dir(&inner).expect("a folder");
        std::fs::write(inner.join("train.csv"), plain).expect("a file");
        std::fs::write(inner.join("val.csv"), told).expect("a file");
        let config = DataConfig::default();
        let found = Structures::load(Some(folder.path()), &config, [9, 9]).expect("data");
        assert_eq!((found.training.len(), found.validation.len()), (2, 1));
        let all = DataConfig { min_space_group: 1, ..config };
        let all = Structures::load(Some(&inner), &all, [1, 9]).expect("data");
        assert_eq!((all.training.len(), all.validation.len(), all.sha256), (1, 2, found.sha256));
    }
}
