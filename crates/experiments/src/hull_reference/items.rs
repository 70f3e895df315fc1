//! The structures of the reference set.

use std::collections::HashSet;
use std::path::Path;

use anyhow::Result;
use crystal_core::Structure;
use datasets::{RawSet, read_raw};
use stability::Source;

use super::record::Record;

/// A structure with its id.
#[derive(Debug, Clone)]
pub(super) struct Item {
    pub id: String,
    pub structure: Structure,
}

/// All structures, each id once, and where they come from.
#[derive(Debug)]
pub(super) struct Items {
    pub all: Vec<Item>,
    pub source: Source,
    /// Rows that could not be read: id and reason.
    pub rejected: Vec<(String, String)>,
}

impl Items {
    /// Reads the data sets; an id that both have is taken from the first.
    pub(super) fn read(mp_20: &Path, stable: Option<&Path>) -> Result<Self> {
        let inner = mp_20.join("mp_20");
        let mut sets = vec![read_raw(if inner.is_dir() { &inner } else { mp_20 })?];
        if let Some(stable) = stable {
            sets.push(read_raw(stable)?);
        }
        let name = |set: &RawSet| format!("{} {}", set.name, &set.sha256[..12]);
        let names: Vec<String> = sets.iter().map(name).collect();
        let hashes: Vec<&str> = sets.iter().map(|set| set.sha256.as_str()).collect();
        let sha256 = match hashes.as_slice() {
            [only] => (*only).to_owned(),
            several => sealed_file::sha256_hex(several.join("\n").as_bytes()),
        };
        let source = Source { name: names.join(" and "), sha256 };
        let (mut all, mut rejected, mut seen) = (Vec::new(), Vec::new(), HashSet::new());
        for (_, table) in sets.into_iter().flat_map(|set| set.splits) {
            rejected.extend(table.rejected);
            for row in table.rows {
                if seen.insert(row.id.clone()) {
                    all.push(Item { id: row.id, structure: row.structure });
                }
            }
        }
        Ok(Self { all, source, rejected })
    }

    /// Indices of what has no record yet, the smallest first.
    pub(super) fn waiting(&self, records: &[Record], max_atoms: Option<usize>, limit: Option<usize>) -> Vec<usize> {
        let done: HashSet<&str> = records.iter().map(|record| record.id.as_str()).collect();
        let n_atoms = |index: &usize| self.all[*index].structure.n_sites();
        let mut indices: Vec<usize> = (0..self.all.len()).collect();
        indices.retain(|index| max_atoms.is_none_or(|most| n_atoms(index) <= most));
        indices.sort_by_key(n_atoms);
        indices.truncate(limit.unwrap_or(usize::MAX));
        indices.retain(|index| !done.contains(self.all[*index].id.as_str()));
        indices
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "material_id,lattice,species,frac_coords";

    #[test]
    fn each_id_is_taken_once_and_the_smallest_come_first() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |set: &str, rows: &[&str]| {
            let folder = folder.path().join(set);
            std::fs::create_dir_all(&folder).expect("a folder");
            std::fs::write(folder.join("train.csv"), format!("{HEADER}\n{}\n", rows.join("\n"))).expect("a table");
            folder
        };
        let cube = |id: &str, edge: u8| format!("{id},{edge} 0 0 0 {edge} 0 0 0 {edge}");
        let mp_20 = write("mp_20", &[&format!("{},Na Cl,0 0 0 .5 .5 .5", cube("a", 4)), "b,nonsense,Po,0 0 0"]);
        let stable = write(
            "stable",
            &[&format!("{},Na Cl,0 0 0 .5 .5 .5", cube("a", 5)), &format!("{},Po,0 0 0", cube("c", 3))],
        );
        let items = Items::read(folder.path(), Some(&stable)).expect("data");
        assert_eq!(items.all.iter().map(|item| item.id.as_str()).collect::<Vec<_>>(), ["a", "c"]);
        assert!((items.all[0].structure.lattice().volume() - 64.0).abs() < 1e-9, "the first set's");
        assert_eq!(items.rejected.len(), 1);
        assert_eq!(items.waiting(&[], None, None), [1, 0]);
        assert_eq!(items.waiting(&[], Some(1), None), [1]);
        assert_eq!(items.waiting(&[], None, Some(1)), [1]);
        let done = Record { id: "c".to_owned(), outcome: Err("why".to_owned()) };
        assert_eq!(items.waiting(&[done], None, None), [0]);
        let alone = Items::read(&mp_20, None).expect("data");
        assert_ne!(alone.source.sha256, items.source.sha256);
    }
}
