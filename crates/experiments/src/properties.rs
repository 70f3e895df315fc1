//! What distributions compare of one structure.

use crystal_core::whole;
use crystal_core::{AsymmetricUnit, Composition, Finder, LatticeParameters, Species, Structure};
use datasets::Record;
use metrics::density;
use rayon::prelude::*;
use report_page::shortest_distance;
use serde::{Deserialize, Serialize};

/// What is compared of one structure, in single precision: it is kept with the compiled-in reference.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Properties {
    /// g/cm³.
    pub(crate) density: Option<f32>,
    pub(crate) elements: Vec<Species>,
    /// Atoms of the primitive cell.
    pub(crate) n_atoms: usize,
    /// Non-equivalent sites.
    pub(crate) n_sites: Option<usize>,
    /// Å³.
    pub(crate) volume_per_atom: f32,
    pub(crate) space_group: Option<u8>,
    /// Lengths (Å) and angles (°) of the Niggli-reduced primitive cell.
    pub(crate) cell: Option<[f32; 6]>,
    /// Å.
    pub(crate) shortest_distance: Option<f32>,
}

impl Properties {
    /// Of a structure whose cell is primitive, with its reduced form where there is one.
    fn of(structure: &Structure, unit: Option<&AsymmetricUnit>) -> Self {
        // A structure that came out with more translations than were asked for has a smaller primitive cell than it is
        // stored in.
        let primitive = unit.and_then(|unit| unit.expand().ok());
        let structure = primitive.as_ref().unwrap_or(structure);
        let single = |x: f64| whole::single(x);
        let six = |cell: LatticeParameters| [cell.a, cell.b, cell.c, cell.alpha, cell.beta, cell.gamma].map(single);
        Self {
            density: density(structure).filter(|density| density.is_finite()).map(single),
            elements: Composition::of(structure).iter().map(|(species, _)| species).collect(),
            n_atoms: structure.n_sites(),
            n_sites: unit.map(|unit| unit.sites().len()),
            volume_per_atom: single(structure.lattice().volume() / structure.n_sites() as f64),
            space_group: unit.map(|unit| unit.space_group().number().get()),
            cell: structure.lattice().niggli().ok().map(|(reduced, _)| six(reduced.parameters())),
            shortest_distance: shortest_distance(structure).map(single),
        }
    }
}

/// Properties of generated structures; their symmetry is looked for at `symprec` (Å).
pub fn of_structures(structures: &[(&str, &Structure)], symprec: f64) -> Vec<Properties> {
    let reduced = |structure| AsymmetricUnit::from_structure(structure, symprec, Finder::default()).ok();
    structures.par_iter().map(|(_, structure)| Properties::of(structure, reduced(structure).as_ref())).collect()
}

/// Properties of a data set's structures, whose symmetry is known already.
pub fn of_records(records: &[Record]) -> Vec<Properties> {
    records.par_iter().map(|record| Properties::of(&record.structure, record.unit.as_ref().ok())).collect()
}
