//! Finding the space group of a structure.

use crate::{CrystalError, HallNumber, SpaceGroupNumber, Structure};

/// Which symmetry finder is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Finder {
    /// moyo.
    #[default]
    Moyo,
    /// spglib, for numbers compared with pymatgen-based work (feature `spglib`).
    #[cfg(feature = "spglib")]
    Spglib,
}

/// What a finder says of a structure.
#[derive(Debug, Clone)]
pub struct SymmetryReport {
    /// Space-group number.
    pub number: SpaceGroupNumber,
    /// Short Hermann–Mauguin symbol.
    pub international: String,
    /// Hall number of the setting in which letters are given.
    pub hall_number: HallNumber,
    /// Wyckoff letter of each site.
    pub wyckoff_letters: Vec<char>,
    /// Site symmetry of each site.
    pub site_symmetries: Vec<String>,
    /// For each site, the index of the first site of its orbit.
    pub orbits: Vec<usize>,
}

/// Finds space group, Wyckoff letters and orbits at `symprec` (Å).
///
/// # Errors
/// [`CrystalError::SymmetryNotFound`] if the finder fails.
pub fn find_symmetry(structure: &Structure, symprec: f64, finder: Finder) -> Result<SymmetryReport, CrystalError> {
    let _ = (structure, finder);
    Err(CrystalError::SymmetryNotFound { symprec, reason: "not written yet".to_owned() })
}
