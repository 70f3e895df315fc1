//! The finder moyo, whose basis vectors are columns: converted here and nowhere else.

use moyo::MoyoDataset;
use moyo::base::{AngleTolerance, Cell, Lattice as MoyoLattice};
use moyo::data::Setting;

use super::{Standardised, SymmetryReport};
use crate::{CrystalError, HallNumber, Lattice, Site, SpaceGroupNumber, Species, Structure};

pub(super) fn find(structure: &Structure, symprec: f64) -> Result<(SymmetryReport, Standardised), CrystalError> {
    let not_found = |reason: String| CrystalError::SymmetryNotFound { symprec, reason };
    let cell = Cell::new(
        MoyoLattice::new(*structure.lattice.matrix()),
        structure.sites.iter().map(|site| site.frac_coords).collect(),
        structure.sites.iter().map(|site| i32::from(site.species.atomic_number())).collect(),
    );
    let dataset = MoyoDataset::new(&cell, symprec, AngleTolerance::Default, Setting::Standard, true)
        .map_err(|error| not_found(error.to_string()))?;
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
    };
    Ok((report, standardised))
}
