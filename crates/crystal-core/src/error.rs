//! The error of this crate.

use std::path::{Path, PathBuf};

/// What can go wrong with a crystal and its file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CrystalError {
    /// The space-group number is outside 1 … 230.
    #[error("space group {number} does not exist; give a number from 1 to 230")]
    SpaceGroupNumber {
        /// The number asked for.
        number: i64,
    },
    /// The Hall number is outside 1 … 530.
    #[error("Hall number {number} does not exist; give a number from 1 to 530")]
    HallNumber {
        /// The number asked for.
        number: i64,
    },
    /// No element has this symbol.
    #[error("'{symbol}' is not a chemical element; give a symbol such as Fe, Nd or Si")]
    UnknownElement {
        /// The symbol found.
        symbol: String,
    },
    /// No element has this atomic number.
    #[error("there is no element with atomic number {number}; give 1 to {max}", max = crate::Species::MAX)]
    AtomicNumber {
        /// The number found.
        number: i64,
    },
    /// Lattice vectors that span no volume, or parameters that no cell has.
    #[error("the lattice is not a cell: {reason}")]
    Lattice {
        /// What is wrong with it.
        reason: String,
    },
    /// A structure without sites.
    #[error("the structure has no sites")]
    NoSites,
    /// A coordinate that is not a finite number.
    #[error("site {site} has a coordinate that is not a finite number")]
    Coordinate {
        /// Index of the site, from 0.
        site: usize,
    },
    /// A site that is not on a Wyckoff position of its group.
    #[error("Wyckoff position {position} of space group {space_group}: {reason}")]
    WyckoffPosition {
        /// Number of the space group.
        space_group: u8,
        /// Letter of the position, or its index where the group has no such position.
        position: String,
        /// What is wrong.
        reason: String,
    },
    /// Two sites at (nearly) the same place.
    #[error("sites {i} and {j} are {distance:.4} Å apart; remove one of them")]
    SitesTooClose {
        /// Index of the first site, from 0.
        i: usize,
        /// Index of the second site, from 0.
        j: usize,
        /// Their distance in Å.
        distance: f64,
    },
    /// Two sites of a list, or an image of one and the other, at (nearly) the same place.
    #[error(
        "'{second}' stands where '{first}' or one of its images is ({distance:.4} Å); remove one of the two, or correct the symmetry"
    )]
    SameSite {
        /// Label of the first site.
        first: String,
        /// Label of the second site.
        second: String,
        /// Their distance in Å.
        distance: f64,
    },
    /// A site that is shared or partly empty.
    #[error(
        "site '{site}' has occupancy {occupancy}, only fully occupied sites can be used: order the structure first, with druse convert --order 1 FILE ORDERED.cif"
    )]
    PartialOccupancy {
        /// Label of the site in the file.
        site: String,
        /// Its occupancy.
        occupancy: f64,
    },
    /// A disordered structure that has no ordered supercell of the size asked for.
    #[error("the structure cannot be ordered: {reason}")]
    Ordering {
        /// What stands against it and what to do.
        reason: String,
    },
    /// A composition that cannot be read.
    #[error("'{text}' is not a composition: {reason}; write it as Fe:1,Nd:1,Si:1")]
    Composition {
        /// The text found.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Numbers of sites per element that cannot be read.
    #[error("'{text}' is not a list of sites per element: {reason}; write it as Fe:1,Nd:1,Si:1")]
    SitesPerElement {
        /// The text found.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A chemical formula that cannot be read.
    #[error("'{text}' is not a formula: {reason}")]
    Formula {
        /// The text found.
        text: String,
        /// What is wrong with it and what to write.
        reason: String,
    },
    /// The symmetry finder found nothing at this tolerance.
    #[error("no space group was found at a tolerance of {symprec} Å: {reason}")]
    SymmetryNotFound {
        /// The tolerance in Å.
        symprec: f64,
        /// What the finder said.
        reason: String,
    },
    /// The number of lattice coordinates does not fit the crystal system.
    #[error("a {system} lattice has {expected} free parameters, not {found}")]
    LatticeCoordinates {
        /// The crystal system.
        system: crate::CrystalSystem,
        /// How many free parameters it has.
        expected: usize,
        /// How many were given.
        found: usize,
    },
    /// A file that could not be read as a structure.
    #[error("{}: {reason}", place(path, *line))]
    Parse {
        /// The file.
        path: PathBuf,
        /// The line, from 1 (0 where the format has no lines).
        line: usize,
        /// What is wrong there and what to do.
        reason: String,
    },
    /// A file format that is not known.
    #[error("{}: unknown format; use .cif, POSCAR or .vasp, .xyz or .extxyz, .json, .jsonl or .jsonl.zst", path.display())]
    UnknownFormat {
        /// The file.
        path: PathBuf,
    },
    /// A structure inside a file is bad.
    #[error("{}: {source}", path.display())]
    InFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with the structure.
        source: Box<CrystalError>,
    },
    /// A bad structure whose line in the file is known; stands inside [`Self::InFile`].
    #[error("line {line}: {source}")]
    AtLine {
        /// The line, from 1.
        line: usize,
        /// What is wrong with the structure there.
        source: Box<CrystalError>,
    },
    /// A folder or file in which there is no structure at all.
    #[error("{}: {reason}", path.display())]
    NothingToRead {
        /// The folder or file.
        path: PathBuf,
        /// What was found instead and what to do.
        reason: String,
    },
    /// Structures that cannot be written in the way asked for.
    #[error("{}: {reason}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong and what to do.
        reason: String,
    },
    /// Reading or writing failed.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// File and line, where the format has lines.
fn place(path: &Path, line: usize) -> String {
    match line {
        0 => path.display().to_string(),
        line => format!("{}:{line}", path.display()),
    }
}

impl CrystalError {
    /// The error without the file and line around it: what is wrong with the structure itself.
    pub fn innermost(&self) -> &Self {
        match self {
            Self::InFile { source, .. } | Self::AtLine { source, .. } => source.innermost(),
            other => other,
        }
    }
}
