//! Random displacements and strain before a free relaxation.

use crystal_core::{CrystalError, Site, Structure};
use nalgebra::{Matrix3, Vector3};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use crate::strain::LogStrain;
use crate::{CellFreedom, Rattle};

/// The structure with its cell strained by `exp(S)`, S symmetric and as free as the cell, and its atoms displaced.
///
/// # Errors
/// Those of [`Structure::new`].
pub(crate) fn rattled(
    structure: &Structure,
    rattle: &Rattle,
    index: u64,
    cell: CellFreedom,
) -> Result<Structure, CrystalError> {
    let mut rng = ChaCha8Rng::seed_from_u64(rattle.seed);
    rng.set_stream(index);
    let mut normal = || -> f64 { StandardNormal.sample(&mut rng) };
    let mut strain = Matrix3::zeros();
    for (i, j) in [(0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1)] {
        let component = rattle.strain * normal();
        strain[(i, j)] = component;
        strain[(j, i)] = component;
    }
    match cell {
        CellFreedom::Free => {}
        CellFreedom::ConstantVolume => strain -= Matrix3::from_diagonal_element(strain.trace() / 3.0),
        CellFreedom::Fixed => strain.fill(0.0),
    }
    let lattice = crystal_core::Lattice::new(structure.lattice().matrix() * LogStrain::new(&strain).deformation())?;
    let mut displaced = |site: &Site| {
        let displacement = Vector3::from_fn(|_, _| rattle.displacement * normal());
        Site { species: site.species, frac_coords: site.frac_coords + lattice.to_fractional(&displacement) }
    };
    let sites = structure.sites().iter().map(&mut displaced).collect();
    Structure::allowing_overlap(lattice, sites)
}
