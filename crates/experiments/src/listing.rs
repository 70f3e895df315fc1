//! What was found of each generated structure, as a table beside them.

use std::path::Path;

use anyhow::{Context, Result};
use druse::output::write_file;
use metrics::Fingerprints;
use serde::{Deserialize, Serialize};

use crate::generated::Generated;
use crate::sameness::Sameness;

/// Name of the table.
const FILE: &str = "structures.csv";

/// A line of the table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Line {
    /// Id of the structure.
    pub(crate) id: String,
    /// Whether it has a volume, no two sites closer than 0.5 Å, and a fingerprint.
    pub(crate) valid: bool,
    /// Whether it passes SMACT's test of charges.
    pub(crate) valid_composition: bool,
    /// How often it was drawn again.
    pub(crate) redraws: usize,
    /// The first structure that it equals, itself where it is the first of its kind; none where it cannot be compared.
    pub(crate) equals: Option<String>,
    /// Whether it equals no training structure; none where that was not looked at.
    pub(crate) novel: Option<bool>,
}

/// Writes the table into the folder of a run.
///
/// # Errors
/// If the file cannot be written.
pub(crate) fn write(
    folder: &Path,
    generated: &Generated,
    fingerprints: &[Fingerprints],
    sameness: &Sameness,
) -> Result<()> {
    let mut csv = csv::Writer::from_writer(Vec::new());
    for (index, id) in generated.ids.iter().enumerate() {
        csv.serialize(Line {
            id: id.clone(),
            valid: fingerprints[index].is_valid(),
            valid_composition: fingerprints[index].composition_valid,
            redraws: generated.redraws[index],
            equals: sameness.first[index].map(|first| generated.ids[first].clone()),
            novel: sameness.novel.as_ref().and_then(|novel| novel[index]),
        })?;
    }
    Ok(write_file(&folder.join(FILE), csv.into_inner().context(FILE)?)?)
}

/// Reads the table of a run; none if the run wrote none, as earlier versions did.
///
/// # Errors
/// If the file is damaged.
pub(crate) fn read(folder: &Path) -> Result<Option<Vec<Line>>> {
    let path = folder.join(FILE);
    if !path.exists() {
        return Ok(None);
    }
    let damaged = || format!("{}: not what a run writes", path.display());
    let reader = csv::Reader::from_path(&path).with_context(damaged)?;
    Ok(Some(reader.into_deserialize().collect::<Result<_, _>>().with_context(damaged)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crystal_core::{Lattice, Site, Structure};

    #[test]
    fn what_was_written_is_read() {
        let lattice = Lattice::from_rows([[4.1, 0.0, 0.0], [0.0, 4.1, 0.0], [0.0, 0.0, 4.1]]).expect("a cell");
        let site =
            |symbol: &str, x: f64| Site { species: symbol.parse().expect("an element"), frac_coords: [x; 3].into() };
        let structure = |x| Structure::new(lattice, vec![site("Cs", 0.0), site("Cl", x)]).expect("a structure");
        let structures = vec![structure(0.5), structure(0.01)];
        let ids = ["a, b", "c"].map(str::to_owned).to_vec();
        let fingerprints: Vec<Fingerprints> = structures.iter().map(Fingerprints::of).collect();
        let generated = Generated { ids, structures, space_groups: vec![], redraws: vec![0, 2], given_up: 0 };
        let sameness = Sameness { first: vec![Some(0), None], novel: Some(vec![Some(true), None]) };
        let folder = tempfile::tempdir().expect("a folder");
        assert_eq!(read(folder.path()).expect("no table"), None);
        write(folder.path(), &generated, &fingerprints, &sameness).expect("a table");
        let lines = read(folder.path()).expect("a good table").expect("a table");
        let line = |id: &str, valid, redraws, equals: Option<&str>, novel| Line {
            id: id.to_owned(),
            valid,
            valid_composition: true,
            redraws,
            equals: equals.map(str::to_owned),
            novel,
        };
        assert_eq!(lines, [line("a, b", true, 0, Some("a, b"), Some(true)), line("c", false, 2, None, None)]);
        write_file(&folder.path().join(FILE), "id,valid\nx,perhaps\n").expect("a file");
        assert!(read(folder.path()).is_err_and(|error| error.to_string().contains(FILE)));
    }
}
