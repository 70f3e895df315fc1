//! A structure as the matcher looks at it: the primitive Niggli cell, scaled to a volume of 1 per atom.

use crystal_core::{Lattice, Site, Species, SphereSearch, Structure};
use nalgebra::{Matrix3, Vector3};

use super::primitive;
use crate::MetricsError;

/// The primitive Niggli cell. Lengths are in units of (V/N)^(1/3): structures are compared at equal volume, and the
/// results are in these units as well.
#[derive(Debug)]
pub(super) struct ReducedCell {
    /// The scaled cell.
    pub lattice: Lattice,
    /// Lattice points around the origin.
    pub search: SphereSearch,
    /// Elements and numbers of atoms, by symbol: atoms of one element stand together, in this order.
    pub composition: Vec<(Species, usize)>,
    /// Fractional coordinates.
    pub frac_coords: Vec<Vector3<f64>>,
    /// Place in `composition` of the element with the fewest atoms; of several, the one that comes first in the cell.
    pub rarest: usize,
}

impl ReducedCell {
    /// Reduces a structure.
    ///
    /// # Errors
    /// [`MetricsError::Irreducible`].
    pub fn of(structure: &Structure) -> Result<Self, MetricsError> {
        let irreducible = |source| MetricsError::Irreducible { source };
        let (mut lattice, mut sites) = niggli(structure.lattice(), structure.sites())?;
        let mut changed = false;
        while let Some((smaller, fewer)) = primitive::smaller_cell(&lattice, &sites) {
            (lattice, sites) = (Lattice::new(smaller).map_err(irreducible)?, fewer);
            changed = true;
        }
        if changed {
            (lattice, sites) = niggli(&lattice, &sites)?;
        }
        let scale = (sites.len() as f64 / lattice.volume()).cbrt();
        let lattice = Lattice::new(lattice.matrix() * scale).map_err(irreducible)?;
        let elements_in_order: Vec<Species> = sites.iter().map(|site| site.species).collect();
        sites.sort_by(|a, b| a.species.symbol().cmp(b.species.symbol()));
        let composition: Vec<(Species, usize)> =
            sites.chunk_by(|a, b| a.species == b.species).map(|group| (group[0].species, group.len())).collect();
        let fewest = composition.iter().map(|(_, count)| *count).min().unwrap_or(0);
        let rarest = elements_in_order
            .iter()
            .filter_map(|species| composition.iter().position(|(element, _)| element == species))
            .find(|group| composition[*group].1 == fewest)
            .unwrap_or(0);
        Ok(Self {
            search: SphereSearch::new(&lattice),
            frac_coords: sites.iter().map(|site| site.frac_coords).collect(),
            lattice,
            composition,
            rarest,
        })
    }
}

/// The Niggli cell with the same atoms.
fn niggli(lattice: &Lattice, sites: &[Site]) -> Result<(Lattice, Vec<Site>), MetricsError> {
    let (reduced, transformation) = lattice.niggli().map_err(|source| MetricsError::Irreducible { source })?;
    // Rows: reduced = T · lattice, so x_reduced = T⁻ᵀ · x on columns.
    let to_reduced = inverse_of_unimodular(&transformation.map(f64::from)).transpose();
    let moved = |site: &Site| Site { species: site.species, frac_coords: (to_reduced * site.frac_coords).map(wrap) };
    Ok((reduced, sites.iter().map(moved).collect()))
}

/// The inverse of an integer matrix with determinant ±1, exact.
pub(super) fn inverse_of_unimodular(matrix: &Matrix3<f64>) -> Matrix3<f64> {
    let (a, b, c) = (matrix.row(0).transpose(), matrix.row(1).transpose(), matrix.row(2).transpose());
    let determinant = a.cross(&b).dot(&c);
    Matrix3::from_columns(&[b.cross(&c), c.cross(&a), a.cross(&b)]) * determinant
}

/// Into [0, 1].
pub(super) fn wrap(x: f64) -> f64 {
    x - x.floor()
}

/// The difference of two fractional coordinates, to the nearest image.
pub(super) fn nearest(x: f64) -> f64 {
    x - x.round()
}
