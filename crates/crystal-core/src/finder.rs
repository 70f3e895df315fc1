//! Finding the space group of a structure.

mod identify;
mod moyo;
#[cfg(feature = "spglib")]
mod spglib;
mod tolerance;

use nalgebra::{Matrix3, Vector3};
use serde::Serialize;

pub(crate) use self::identify::{number_of_operations, primitive_basis};
use self::tolerance::bounded_tolerance;
use crate::{CrystalError, HallNumber, Lattice, Site, SpaceGroupNumber, Structure, SymmetryOperation};

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

/// What a finder says of a structure, and what documents show of it.
#[derive(Debug, Clone, Serialize)]
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
    /// The tolerance that was used, Å: less than what was asked for where finders would not come back, and where moyo
    /// found no group at more.
    pub symprec: f64,
}

/// A structure as a finder standardises it: the conventional cell in the standard setting, and how the input gets
/// there.
#[derive(Debug, Clone)]
pub(crate) struct Standardised {
    pub number: SpaceGroupNumber,
    /// The conventional lattice, in whatever orientation the finder likes.
    pub lattice: Lattice,
    /// All atoms of the conventional cell, made symmetric.
    pub sites: Vec<Site>,
    /// `x_standard = linear · x_input + shift` on fractional columns, before the finder made anything symmetric.
    pub linear: Matrix3<f64>,
    pub shift: Vector3<f64>,
    /// The tolerance the finder ended with, Å.
    pub symprec: f64,
}

/// Finds space group, Wyckoff letters and orbits at `symprec` (Å).
///
/// Finders are asked at a lower tolerance where `symprec` is not a small distance in the cell: they would hang or crash
/// otherwise.
///
/// # Errors
/// [`CrystalError::SymmetryNotFound`] if the finder fails or `symprec` is not a positive number;
/// [`CrystalError::SitesTooClose`] if two atoms are no farther apart than `symprec`, which no finder can tell apart;
/// [`CrystalError::NoSites`], [`CrystalError::Coordinate`].
pub fn find_symmetry(structure: &Structure, symprec: f64, finder: Finder) -> Result<SymmetryReport, CrystalError> {
    find(structure, symprec, finder).map(|(report, _)| report)
}

/// The operations that map a structure onto itself, modulo the translations of its cell and with those inside it, the
/// identity first.
///
/// # Errors
/// As [`find_symmetry`].
pub(crate) fn find_operations(structure: &Structure, symprec: f64) -> Result<Vec<SymmetryOperation>, CrystalError> {
    check(structure, symprec)?;
    let symprec =
        bounded_tolerance(structure, symprec).map_err(|reason| CrystalError::SymmetryNotFound { symprec, reason })?;
    moyo::operations(structure, symprec)
}

/// Report and standardised cell in one search.
pub(crate) fn find(
    structure: &Structure,
    symprec: f64,
    finder: Finder,
) -> Result<(SymmetryReport, Standardised), CrystalError> {
    check(structure, symprec)?;
    let symprec =
        bounded_tolerance(structure, symprec).map_err(|reason| CrystalError::SymmetryNotFound { symprec, reason })?;
    match finder {
        Finder::Moyo => moyo::find(structure, symprec),
        #[cfg(feature = "spglib")]
        Finder::Spglib => spglib::find(structure, symprec),
    }
}

/// What makes finders fail in ways that are hard to understand, or crash, is refused before they see it.
fn check(structure: &Structure, symprec: f64) -> Result<(), CrystalError> {
    let not_found = |reason: &str| CrystalError::SymmetryNotFound { symprec, reason: reason.to_owned() };
    if !(symprec.is_finite() && symprec > 0.0) {
        return Err(not_found("the tolerance must be a positive number"));
    }
    if structure.sites().is_empty() {
        return Err(CrystalError::NoSites);
    }
    if let Some(site) = structure.sites().iter().position(|site| site.frac_coords.iter().any(|x| !x.is_finite())) {
        return Err(CrystalError::Coordinate { site });
    }
    let (reduced, _) = structure.lattice().niggli().map_err(|error| not_found(&error.to_string()))?;
    if reduced.matrix().row_iter().any(|row| row.norm() <= symprec) {
        return Err(not_found("the cell has a lattice vector shorter than the tolerance"));
    }
    match structure.closest_pair() {
        Some((i, j, distance)) if distance <= symprec => Err(CrystalError::SitesTooClose { i, j, distance }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Species;

    fn cesium_chloride(distance: f64) -> Structure {
        let site = |number, x| Site {
            species: Species::from_atomic_number(number).expect("an element"),
            frac_coords: Vector3::repeat(x),
        };
        let lattice = Lattice::new(Matrix3::identity() * 4.1).expect("a cell");
        let sites = vec![site(55, 0.0), site(17, distance / (4.1 * 3.0_f64.sqrt()))];
        Structure::allowing_overlap(lattice, sites).expect("a structure")
    }

    #[test]
    fn finds_cesium_chloride() {
        let report = find_symmetry(&cesium_chloride(4.1 * 0.75_f64.sqrt()), 0.01, Finder::Moyo).expect("a group");
        assert_eq!(report.number.get(), 221);
        assert_eq!(report.international, "P m -3 m");
        assert_eq!(report.orbits, [0, 1]);
        assert_eq!(report.site_symmetries, ["m-3m", "m-3m"]);
        assert_eq!(report.symprec, 0.01);
    }

    #[test]
    fn a_lowered_tolerance_is_told() {
        // A needle: at 0.1 Å its long vector may as well lean by the short one.
        let site =
            Site { species: Species::from_atomic_number(11).expect("an element"), frac_coords: Vector3::zeros() };
        let lattice = Lattice::new(Matrix3::from_diagonal(&Vector3::new(0.4, 4.0, 40.0))).expect("a cell");
        let needle = Structure::new(lattice, vec![site]).expect("a structure");
        let report = find_symmetry(&needle, 0.1, Finder::Moyo).expect("a group");
        assert!(report.symprec < 0.1, "{}", report.symprec);
    }

    /// Rock salt in `n`³ conventional cells, each atom moved by up to `noise` (Å) so that no translation is exact.
    fn supercell(n: i32, noise: f64) -> Structure {
        let lattice = Lattice::new(Matrix3::identity() * 5.64 * f64::from(n)).expect("a cell");
        let mut sites = Vec::new();
        let step = |index: i32| noise / (5.64 * f64::from(n)) * (f64::from(index * 7919 % 101) / 50.0 - 1.0);
        for code in 0..8 * n * n * n {
            let (x, y, z) = (code % (2 * n), code / (2 * n) % (2 * n), code / (4 * n * n));
            let number = if (x + y + z) % 2 == 0 { 11 } else { 17 };
            let frac_coords = Vector3::new(x, y, z).map(f64::from) / f64::from(2 * n);
            let moved = frac_coords + Vector3::new(step(code), step(code + 1), step(code + 2));
            sites.push(Site { species: Species::from_atomic_number(number).expect("an element"), frac_coords: moved });
        }
        Structure::new(lattice, sites).expect("a structure")
    }

    #[test]
    fn a_supercell_of_thousands_of_atoms_costs_what_the_library_beneath_costs() {
        use ::moyo::base::{AngleTolerance, Cell};
        let structure = supercell(7, 1e-3);
        assert_eq!(structure.n_sites(), 2744);
        let time = |run: &dyn Fn()| {
            let seconds = (0..3).map(|_| {
                let start = std::time::Instant::now();
                run();
                start.elapsed().as_secs_f64()
            });
            seconds.fold(f64::INFINITY, f64::min)
        };
        let ours = time(&|| {
            let report = find_symmetry(&structure, 0.01, Finder::Moyo).expect("a group");
            assert_eq!(report.number.get(), 225);
        });
        let beneath = time(&|| {
            let cell = Cell::new(
                ::moyo::base::Lattice::new(*structure.lattice().matrix()),
                structure.sites().iter().map(|site| site.frac_coords).collect(),
                structure.sites().iter().map(|site| i32::from(site.species.atomic_number())).collect(),
            );
            let setting = ::moyo::data::Setting::Standard;
            ::moyo::MoyoDataset::new(&cell, 0.01, AngleTolerance::Default, setting, true).expect("a group");
        });
        println!("{ours:.3} s, moyo alone {beneath:.3} s");
        // 1.5 and what other work on the machine adds.
        assert!(ours < 2.5 * beneath, "{ours} s where moyo alone takes {beneath} s");
    }

    #[test]
    fn refuses_overlaps_and_bad_tolerances() {
        let error = find_symmetry(&cesium_chloride(0.005), 0.01, Finder::Moyo).expect_err("two atoms in one place");
        assert!(matches!(error, CrystalError::SitesTooClose { i: 0, j: 1, .. }), "{error}");
        for symprec in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let error = find_symmetry(&cesium_chloride(3.5), symprec, Finder::Moyo).expect_err("no tolerance");
            assert!(matches!(error, CrystalError::SymmetryNotFound { .. }), "{error}");
        }
    }
}
