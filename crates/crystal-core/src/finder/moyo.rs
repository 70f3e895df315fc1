//! The finder moyo, whose basis vectors are columns: converted here and nowhere else.

use moyo::MoyoDataset;
use moyo::base::{AngleTolerance, Cell, Lattice as MoyoLattice};
use moyo::data::Setting;

use super::{Standardised, SymmetryReport};
use crate::{CrystalError, HallNumber, Lattice, Site, SpaceGroupNumber, Species, Structure, SymmetryOperation};

fn dataset(structure: &Structure, symprec: f64) -> Result<MoyoDataset, CrystalError> {
    let cell = Cell::new(
        MoyoLattice::new(*structure.lattice().matrix()),
        structure.sites().iter().map(|site| site.frac_coords).collect(),
        structure.sites().iter().map(|site| i32::from(site.species.atomic_number())).collect(),
    );
    MoyoDataset::new(&cell, symprec, AngleTolerance::Default, Setting::Standard, true)
        .map_err(|error| CrystalError::SymmetryNotFound { symprec, reason: error.to_string() })
}

/// All operations of the cell, the identity first.
pub(super) fn operations(structure: &Structure, symprec: f64) -> Result<Vec<SymmetryOperation>, CrystalError> {
    let found = dataset(structure, symprec)?.operations;
    let mut operations: Vec<SymmetryOperation> = found
        .into_iter()
        .map(|operation| SymmetryOperation { rotation: operation.rotation, translation: operation.translation })
        .collect();
    let is_identity = |operation: &SymmetryOperation| {
        operation.is_translation() && operation.translation.iter().all(|x| (x - x.round()).abs() < 1e-8)
    };
    operations.sort_by_key(|operation| !is_identity(operation));
    Ok(operations)
}

pub(super) fn find(structure: &Structure, symprec: f64) -> Result<(SymmetryReport, Standardised), CrystalError> {
    let not_found = |reason: String| CrystalError::SymmetryNotFound { symprec, reason };
    let dataset = dataset(structure, symprec)?;
    let number = SpaceGroupNumber::new(i64::from(dataset.number))?;
    let sites = dataset
        .std_cell
        .positions
        .iter()
        .zip(&dataset.std_cell.numbers)
        .map(|(position, atomic_number)| {
            Ok(Site { species: Species::from_atomic_number(i64::from(*atomic_number))?, frac_coords: *position })
        })
        .collect::<Result<Vec<_>, CrystalError>>()?;
    let linear =
        dataset.std_linear.try_inverse().ok_or_else(|| not_found("its transformation is singular".to_owned()))?;
    let standardised = Standardised {
        number,
        lattice: Lattice::new(dataset.std_cell.lattice.basis.transpose())?,
        sites,
        linear,
        shift: -(linear * dataset.std_origin_shift),
        symprec: dataset.symprec,
    };
    let report = SymmetryReport {
        number,
        international: dataset.hm_symbol,
        hall_number: HallNumber::new(i64::from(dataset.hall_number))?,
        wyckoff_letters: dataset.wyckoffs,
        site_symmetries: dataset.site_symmetry_symbols,
        orbits: dataset.orbits,
        symprec: dataset.symprec,
    };
    Ok((report, standardised))
}
