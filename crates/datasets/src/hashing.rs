//! SHA-256 as hexadecimal text.

use std::io::{self, Read};
use std::path::Path;

use sealed_file::hexadecimal;
use sha2::{Digest, Sha256};

use crate::DatasetError;
use crate::table::Table;

/// SHA-256 of what tables hold, whatever file they came from: each split's rows in order, each with its id, group,
/// energy, lattice (rows, Å) and sites (atomic number, fractional coordinates), all numbers as the eight bytes of their
/// value, least first. A split without rows is left out: whether a set has none or an empty one says nothing of its
/// content.
pub(crate) fn sha256_of_tables(tables: &[Table]) -> String {
    let mut digest = Sha256::new();
    for table in tables.iter().filter(|table| !table.rows.is_empty()) {
        digest.update((table.rows.len() as u64).to_le_bytes());
        for row in &table.rows {
            digest.update((row.id.len() as u64).to_le_bytes());
            digest.update(row.id.as_bytes());
            digest.update([row.space_group.unwrap_or(0)]);
            digest.update(row.formation_energy.unwrap_or(f64::NAN).to_bits().to_le_bytes());
            let mut number = |value: f64| digest.update(value.to_le_bytes());
            row.structure.lattice().rows().as_flattened().iter().for_each(|value| number(*value));
            for site in row.structure.sites() {
                number(f64::from(site.species.atomic_number()));
                site.frac_coords.iter().for_each(|value| number(*value));
            }
        }
    }
    hexadecimal(&digest.finalize())
}

/// SHA-256 of files one after another.
pub(crate) fn sha256_of_files<P: AsRef<Path>>(paths: impl IntoIterator<Item = P>) -> Result<String, DatasetError> {
    let mut digest = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    for path in paths {
        let path = path.as_ref();
        let mut file = std::fs::File::open(path).map_err(DatasetError::io(path))?;
        loop {
            match file.read(&mut buffer) {
                Ok(0) => break,
                Ok(n) => digest.update(&buffer[..n]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(DatasetError::io(path)(error)),
            }
        }
    }
    Ok(hexadecimal(&digest.finalize()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_split_without_rows_does_not_change_the_hash() {
        let full = crate::embedded::tables().expect("the embedded tables");
        let [train, _, test] = full.clone();
        let with_empty = sha256_of_tables(&[train.clone(), Table::default(), test.clone()]);
        assert_eq!(with_empty, sha256_of_tables(&[train, test]));
        assert_ne!(with_empty, sha256_of_tables(&full));
    }

    #[test]
    fn digests_of_joined_files() {
        // FIPS 180-4, the example 'abc'.
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let folder = tempfile::tempdir().expect("a temporary folder");
        let paths = ["a", "b"].map(|name| folder.path().join(name));
        std::fs::write(&paths[0], "a").expect("a file");
        std::fs::write(&paths[1], "bc").expect("a file");
        assert_eq!(sha256_of_files(&paths).expect("a hash"), expected);
    }
}
