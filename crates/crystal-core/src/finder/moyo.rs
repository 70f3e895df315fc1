//! The finder moyo, whose basis vectors are columns: converted here and nowhere else.

use moyo::MoyoDataset;
use moyo::base::{AngleTolerance, Cell, Lattice as MoyoLattice};
use moyo::data::Setting;

use nalgebra::Vector3;

use super::{Standardised, SymmetryReport};
use crate::periodic::coincide;
use crate::{CrystalError, HallNumber, Lattice, Site, SpaceGroupNumber, Species, Structure};

/// How many times the tolerance the shortest translation must be, at least.
const TRANSLATION_PER_TOLERANCE: f64 = 10.0;

pub(super) fn find(structure: &Structure, symprec: f64) -> Result<(SymmetryReport, Standardised), CrystalError> {
    let not_found = |reason: String| CrystalError::SymmetryNotFound { symprec, reason };
    let cell = Cell::new(
        MoyoLattice::new(*structure.lattice.matrix()),
        structure.sites.iter().map(|site| site.frac_coords).collect(),
        structure.sites.iter().map(|site| i32::from(site.species.atomic_number())).collect(),
    );
    let tolerance = bounded_tolerance(structure, symprec)?;
    let dataset = MoyoDataset::new(&cell, tolerance, AngleTolerance::Default, Setting::Standard, true)
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
    let linear = dataset.std_linear.try_inverse().ok_or_else(|| not_found("its transformation is singular".to_owned()))?;
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

/// The tolerance moyo is given: `symprec`, or less for cells so small or so long that it is no small distance in them.
///
/// moyo multiplies the lattice's symmetry operations with one another until nothing new comes. It takes for such an operation what keeps
/// lengths and angles within the tolerance; where that is a good part of a lattice vector, the operations found generate an infinite group
/// and moyo 0.22 never returns. Below a tenth of the shortest translation `a` the operations are those of one nearby lattice, except for
/// shears of a much longer vector `c` by `a`, which pass moyo's test of lengths and angles if `a³/c < symprec²`.
fn bounded_tolerance(structure: &Structure, symprec: f64) -> Result<f64, CrystalError> {
    let (reduced, _) = structure.lattice.niggli()?;
    let lengths = reduced.matrix().row_iter().map(|row| row.norm());
    let longest = lengths.clone().fold(0.0, f64::max);
    let shortest = lengths.fold(shortest_translation(structure, 4.0 * symprec), f64::min);
    Ok(symprec.min(shortest / TRANSLATION_PER_TOLERANCE).min(0.5 * (shortest.powi(3) / longest).sqrt()))
}

/// Length (Å) of the shortest translation inside the cell that maps every atom to within `tolerance` (Å) of an atom of its element;
/// infinite if there is none.
fn shortest_translation(structure: &Structure, tolerance: f64) -> f64 {
    let count = |species: Species| structure.sites.iter().filter(|site| site.species == species).count();
    // Translations permute the atoms of the rarest element, so one of these translates its first atom to each of the others.
    let Some(first) = structure.sites.iter().min_by_key(|site| count(site.species)) else { return f64::INFINITY };
    let rarest = structure.sites.iter().filter(|site| site.species == first.species);
    let translations = rarest.map(|site| site.frac_coords - first.frac_coords).skip(1);
    let maps = |translation: &Vector3<f64>| {
        structure.sites.iter().all(|site| {
            let image = site.frac_coords + translation;
            structure
                .sites
                .iter()
                .any(|other| other.species == site.species && coincide(&structure.lattice, &image, &other.frac_coords, tolerance))
        })
    };
    translations
        .filter(maps)
        .map(|translation| structure.lattice.min_image_distance(&Vector3::zeros(), &translation))
        .fold(f64::INFINITY, f64::min)
}
