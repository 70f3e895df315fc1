//! What a row was sampled as, so that a later leg of the run reads its structures and samples nothing again.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use crystal_core::{Lattice, Site, SpaceGroupNumber, Structure};
use druse::Provenance;
use druse::output::write_json;
use sealed_file::sha256_hex;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::generated::Generated;

/// Written last into the folder of a row: its structures are whole when this file is there.
const FILE: &str = "sampled.json";
/// The structures themselves.
const STRUCTURES: &str = "generated.jsonl";

/// What a leg of a run does about the structures of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leg {
    /// The run begins: all are sampled.
    First,
    /// Those that an earlier leg has finished are read, the others are sampled.
    Next,
    /// The run is finished: all are read.
    Finished,
}

/// How the structures of all rows come about, and which were read.
pub(crate) struct Keeper<'a> {
    pub(crate) leg: Leg,
    /// Of this leg.
    pub(crate) provenance: &'a Provenance,
    /// By the row's name: how structures that this leg has read were sampled, if not as it would sample them itself.
    pub(crate) earlier: BTreeMap<String, Provenance>,
}

/// The record of a row.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record<E> {
    /// What the structures depend on.
    of: Value,
    structures_sha256: String,
    space_groups: Vec<SpaceGroupNumber>,
    redraws: Vec<usize>,
    given_up: usize,
    /// What else the row tells of the sampling.
    further: E,
    provenance: Provenance,
}

impl Keeper<'_> {
    /// The structures of a row: those of its folder if an earlier leg has finished them, else what `sample` gives,
    /// which writes [`STRUCTURES`] there. `of` is everything that they depend on but device and build, which a note
    /// tells.
    ///
    /// # Errors
    /// If the row was sampled from something else, if its structures are damaged, if they are missing in a finished
    /// run, or if `sample` fails.
    pub(crate) fn structures<E: Serialize + DeserializeOwned>(
        &mut self,
        name: &str,
        folder: &Path,
        of: Value,
        sample: impl FnOnce() -> Result<(Generated, E)>,
    ) -> Result<(Generated, E)> {
        let (file, structures) = (folder.join(FILE), folder.join(STRUCTURES));
        if self.leg != Leg::First && file.exists() {
            let (record, generated) = read(&file, &structures, &of)?;
            tracing::info!("{}: sampled before", structures.display());
            // A leg of the same build on the same device samples the same: there is nothing to tell.
            if self.leg == Leg::Finished || record.provenance != *self.provenance {
                self.earlier.insert(name.to_owned(), record.provenance);
            }
            return Ok((generated, record.further));
        }
        if self.leg == Leg::Finished {
            bail!(
                "{}: the finished run did not sample '{name}'; name the rows and checkpoints that it was made with, or \
                 another --name",
                file.display()
            );
        }
        if file.exists() {
            fs::remove_file(&file).with_context(|| format!("{}: cannot be removed", file.display()))?;
        }
        let (generated, further) = sample()?;
        let record = Record {
            of,
            structures_sha256: sha256_hex(&bytes_of(&structures)?),
            space_groups: generated.space_groups.clone(),
            redraws: generated.redraws.clone(),
            given_up: generated.given_up,
            further,
            provenance: self.provenance.clone(),
        };
        write_json(&file, &record)?;
        Ok((generated, record.further))
    }

    /// What the note of a row adds where its structures were sampled elsewhere.
    pub(crate) fn note(&self, name: &str) -> String {
        self.earlier.get(name).map_or_else(String::new, |by| {
            format!("; structures kept from an earlier leg on {}, git {}", by.device, by.git)
        })
    }
}

fn read<E: DeserializeOwned>(file: &Path, structures: &Path, of: &Value) -> Result<(Record<E>, Generated)> {
    let damaged = || format!("{}: not what a run writes; choose another --name", file.display());
    let record: Record<E> = serde_json::from_slice(&bytes_of(file)?).with_context(damaged)?;
    if let Some(what) = difference(&record.of, of) {
        bail!("{}: {what}; go on with that, or choose another --name", file.display());
    }
    let bytes = bytes_of(structures)?;
    if sha256_hex(&bytes) != record.structures_sha256 {
        bail!(
            "{}: not the structures that the run sampled; remove {} so that they are sampled again, or choose another \
             --name",
            structures.display(),
            file.display()
        );
    }
    let (ids, structures) = structures_of(&bytes).with_context(|| structures.display().to_string())?;
    let generated = Generated {
        ids,
        structures,
        space_groups: record.space_groups.clone(),
        redraws: record.redraws.clone(),
        given_up: record.given_up,
    };
    Ok((record, generated))
}

/// In what two samplings differ.
fn difference(there: &Value, here: &Value) -> Option<String> {
    if there == here {
        return None;
    }
    let all = || here.as_object().into_iter().flatten();
    let other = all().find(|(name, value)| there.get(name) != Some(value));
    Some(other.map_or_else(
        || "its structures were sampled from something else".to_owned(),
        |(name, value)| {
            let there = there.get(name).unwrap_or(&Value::Null);
            format!("its structures were sampled with {name} {there}, and here it is {value}")
        },
    ))
}

/// A line of [`STRUCTURES`]. A sampler may lay two atoms on one point; a reader of crystals would refuse that.
#[derive(Deserialize)]
struct Line {
    id: String,
    lattice: [[f64; 3]; 3],
    species: Vec<String>,
    frac_coords: Vec<[f64; 3]>,
}

fn structures_of(bytes: &[u8]) -> Result<(Vec<String>, Vec<Structure>)> {
    let structure = |line: Line| {
        let site = |(symbol, frac_coords): (&String, [f64; 3])| {
            Ok(Site { species: symbol.parse()?, frac_coords: frac_coords.into() })
        };
        let sites = line.species.iter().zip(line.frac_coords).map(site).collect::<Result<_>>()?;
        Ok((line.id, Structure::allowing_overlap(Lattice::from_rows(line.lattice)?, sites)?))
    };
    let lines = serde_json::Deserializer::from_slice(bytes).into_iter::<Line>();
    let all: Vec<(String, Structure)> = lines.map(|line| structure(line?)).collect::<Result<_>>()?;
    Ok(all.into_iter().unzip())
}

fn bytes_of(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("{}: cannot be read", path.display()))
}

#[cfg(test)]
mod tests {
    use crystal_core::io;
    use druse::DeviceName;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_finished_row_is_read_and_another_one_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let lattice = Lattice::from_rows([[4.1, 0.0, 0.0], [0.1 + 0.2, 4.1, 0.0], [0.0, 0.0, 4.1]]).expect("a cell");
        // Both atoms at one point: no crystal, but a structure of the row.
        let site =
            |symbol: &str| Site { species: symbol.parse().expect("an element"), frac_coords: [1.0 / 3.0; 3].into() };
        let structure = Structure::allowing_overlap(lattice, vec![site("Cs"), site("Cl")]).expect("a structure");
        let sample = || {
            io::write_all(&folder.path().join(STRUCTURES), &[("one".to_owned(), structure.clone())])?;
            let generated = Generated {
                ids: vec!["one".to_owned()],
                structures: vec![structure.clone()],
                space_groups: vec![SpaceGroupNumber::new(221).expect("a group")],
                redraws: vec![3],
                given_up: 1,
            };
            Ok((generated, 7_u64))
        };
        let none = || -> Result<(Generated, u64)> { bail!("sampled again") };
        let provenance = Provenance::of_named("none", "", 0, DeviceName::Cpu);
        let keeper = |leg| Keeper { leg, provenance: &provenance, earlier: BTreeMap::new() };
        let of = json!({"sampler": 0.1, "network": "a"});
        let mut finished = keeper(Leg::Finished);
        let error = finished.structures("row", folder.path(), of.clone(), none).err().expect("nothing is kept");
        assert!(error.to_string().contains("did not sample 'row'"), "{error}");
        keeper(Leg::First).structures("row", folder.path(), of.clone(), sample).expect("a row");
        let mut next = keeper(Leg::Next);
        let (kept, further) = next.structures("row", folder.path(), of.clone(), none).expect("the kept row");
        assert_eq!((kept.structures, kept.redraws, kept.given_up, further), (vec![structure.clone()], vec![3], 1, 7));
        assert!(next.note("row").is_empty(), "this leg would have sampled the same");
        let elsewhere = Provenance { git: "0123abc".to_owned(), ..provenance.clone() };
        for (leg, provenance) in [(Leg::Next, &elsewhere), (Leg::Finished, &provenance)] {
            let mut keeper = Keeper { leg, provenance, earlier: BTreeMap::new() };
            keeper.structures("row", folder.path(), of.clone(), none).expect("the kept row");
            let note = keeper.note("row");
            assert!(note.contains("earlier leg on cpu") && note.ends_with(&keeper.earlier["row"].git), "{note}");
        }
        let other = json!({"sampler": 0.2, "network": "a"});
        let error = next.structures("row", folder.path(), other, none).err().expect("another sampler").to_string();
        assert!(error.contains("with sampler 0.1, and here it is 0.2") && error.contains(FILE), "{error}");
        // A first leg takes nothing over.
        assert!(keeper(Leg::First).structures("row", folder.path(), of.clone(), none).is_err());
        keeper(Leg::Next).structures("row", folder.path(), of.clone(), sample).expect("sampled, as it was given up");
        let path = folder.path().join(STRUCTURES);
        fs::write(&path, fs::read_to_string(&path).expect("text").replace("Cs", "Rb")).expect("a file");
        let error = next.structures("row", folder.path(), of, none).err().expect("changed").to_string();
        assert!(error.contains("not the structures that the run sampled"), "{error}");
    }
}
