//! A data set: three splits of structures with their reduced form.

use std::fmt;

use crystal_core::{AsymmetricUnit, Structure};

/// A part of a data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Split {
    /// For training.
    Train,
    /// For choosing settings.
    Validation,
    /// For the table.
    Test,
}

impl Split {
    /// All three, in the order in which they are stored.
    pub const ALL: [Self; 3] = [Self::Train, Self::Validation, Self::Test];

    /// Name of the split's file without ending: `train`, `val`, `test`.
    pub fn file_stem(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Validation => "val",
            Self::Test => "test",
        }
    }
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.file_stem())
    }
}

/// One structure of a data set.
#[derive(Debug, Clone)]
pub struct Record {
    /// Its id in the data set, such as `mp-10009`.
    pub id: String,
    /// The structure as the source gives it.
    pub structure: Structure,
    /// Its space group at 0.1 Å as the file states it, else as found at the tolerance of
    /// [`crate::LoadOptions::symprec`]. `None` if neither is known.
    pub space_group: Option<u8>,
    /// Formation energy in eV/atom, where the file states it.
    pub formation_energy: Option<f64>,
    /// The reduced form at the tolerance of [`crate::LoadOptions::symprec`], or why there is none.
    pub unit: Result<AsymmetricUnit, String>,
}

/// Structures in three splits.
#[derive(Debug, Clone)]
pub struct DataSet {
    /// Name, such as `mp_20`.
    pub name: String,
    /// SHA-256 of the content in a canonical form, hexadecimal: the same for the same rows, however the files are
    /// packed.
    pub sha256: String,
    /// Rows that could not be read: id and reason, which names file, line and column. Rows that the space-group filter
    /// drops are not here.
    pub rejected: Vec<(String, String)>,
    /// Number of rows that the space-group filter dropped, in the order of [`Split::ALL`].
    pub dropped: [usize; 3],
    pub(crate) splits: [Vec<Record>; 3],
}

impl DataSet {
    /// The records of a split, in the order of the file.
    pub fn split(&self, split: Split) -> &[Record] {
        &self.splits[split as usize]
    }

    /// All records, in the order of [`Split::ALL`].
    pub fn records(&self) -> impl Iterator<Item = &Record> {
        self.splits.iter().flatten()
    }
}
