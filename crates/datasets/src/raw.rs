//! Tables as they are: no symmetry search, any of the splits.

use std::path::Path;

use crate::hashing::sha256_of_tables;
use crate::source::{name_of, table_of};
use crate::table::{self, Table};
use crate::{DatasetError, Split};

/// The splits of a folder, not reduced.
#[derive(Debug, Clone)]
pub struct RawSet {
    /// Name of the folder.
    pub name: String,
    /// SHA-256 of the content in a canonical form, hexadecimal; for three splits that of [`crate::DataSet::sha256`].
    pub sha256: String,
    /// The splits that are there, in the order of [`Split::ALL`].
    pub splits: Vec<(Split, Table)>,
}

/// Reads the splits that a folder holds: `train`, `val` and `test`, or some of them.
///
/// # Errors
/// [`DatasetError::NoFolder`]; [`DatasetError::MissingFile`] if no split is there; otherwise as [`read_table`].
pub fn read_raw(folder: &Path) -> Result<RawSet, DatasetError> {
    if !folder.is_dir() {
        return Err(DatasetError::NoFolder { path: folder.to_owned() });
    }
    let (mut splits, mut tables) = (Vec::new(), Vec::new());
    for split in Split::ALL {
        if let Some(path) = table_of(folder, split) {
            splits.push(split);
            tables.push(table::read(&path)?);
        }
    }
    if tables.is_empty() {
        let split = Split::Train.file_stem();
        return Err(DatasetError::MissingFile { path: folder.to_owned(), split });
    }
    let name = name_of(folder).unwrap_or_else(|| folder.display().to_string());
    Ok(RawSet { name, sha256: sha256_of_tables(&tables), splits: splits.into_iter().zip(tables).collect() })
}

/// Reads one table, compressed or not: columns `material_id` (or `idx`), and `cif`, or `species`, `frac_coords` and
/// either `lattice` or `a`, `b`, `c`, `alpha`, `beta`, `gamma`.
///
/// # Errors
/// [`DatasetError`], naming file and line: a missing column, a file that is not CSV, a truncated file. Rows that cannot
/// be read stand in [`Table::rejected`].
pub fn read_table(path: &Path) -> Result<Table, DatasetError> {
    table::read(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SALT: &str = "Na Cl,0 0 0 0.5 0.5 0.5";

    #[test]
    fn splits_that_are_there_are_read_in_either_form() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let write = |name: &str, text: String| std::fs::write(folder.path().join(name), text).expect("a file");
        assert!(matches!(read_raw(folder.path()), Err(DatasetError::MissingFile { .. })));
        assert!(matches!(read_raw(&folder.path().join("x")), Err(DatasetError::NoFolder { .. })));
        write(
            "test.csv",
            format!(
                "idx,a,b,c,alpha,beta,gamma,species,frac_coords\n7,4,4,4,60,60,60,{SALT}\n8,4,x,4,60,60,60,{SALT}\n"
            ),
        );
        write(
            "train.csv",
            format!("material_id,e_above_hull,lattice,species,frac_coords\nmp-1,0.25,0 2 2 2 0 2 2 2 0,{SALT}\n"),
        );
        let set = read_raw(folder.path()).expect("a data set");
        assert_eq!(set.splits.iter().map(|(split, _)| *split).collect::<Vec<_>>(), [Split::Train, Split::Test]);
        let (train, test) = (&set.splits[0].1, &set.splits[1].1);
        assert_eq!(train.rows[0].energy_above_hull, Some(0.25));
        assert_eq!((test.rows[0].id.as_str(), test.rows[0].energy_above_hull), ("7", None));
        // A primitive cell of edge 4 with angles of 60 degrees: a³/√2.
        assert!((test.rows[0].structure.lattice().volume() - 64.0 / 2.0_f64.sqrt()).abs() < 1e-9);
        assert_eq!(test.rejected.len(), 1);
        assert!(test.rejected[0].1.contains("test.csv:3: column 'b': 'x' is not a number"), "{}", test.rejected[0].1);
    }
}
