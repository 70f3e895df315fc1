//! The short distances of a structure: which atoms stand at the same place.

use nalgebra::Vector3;

use crate::grid::SiteGrid;
use crate::{CrystalError, Lattice};

/// Two sites closer than this (Å) stand at the same place: neither [`crate::Structure::new`] nor a reader accepts them.
pub(crate) const OVERLAP: f64 = 0.01;

/// The atoms of a structure, sorted by place, for searches of short distances.
pub(crate) struct Distances {
    grid: SiteGrid,
    /// The shortest vector of the reduced lattice, Å.
    shortest: f64,
}

impl Distances {
    /// From the reduced cell ([`crate::Structure::in_reduced_cell`]).
    ///
    /// # Errors
    /// [`CrystalError::Lattice`] for a cell in which every atom stands on its own images.
    pub(crate) fn new((lattice, frac_coords): (Lattice, Vec<Vector3<f64>>)) -> Result<Self, CrystalError> {
        let shortest = lattice.matrix().row_iter().map(|row| row.norm()).fold(f64::INFINITY, f64::min);
        // A cell that cannot be reduced may be thin without a short vector.
        let thinnest = lattice.reciprocal_lengths().into_iter().fold(0.0, f64::max).recip();
        if shortest < OVERLAP || thinnest < 0.1 * OVERLAP {
            let thinnest = shortest.min(thinnest);
            let reason = format!("it is only {thinnest:.1e} Å thin; give lengths in Å");
            return Err(CrystalError::Lattice { reason });
        }
        Ok(Self { grid: SiteGrid::new(&lattice, frac_coords), shortest })
    }

    /// The shortest vector of the reduced lattice, Å.
    pub(crate) fn shortest_vector(&self) -> f64 {
        self.shortest
    }

    /// The first pair of sites that stand at the same place.
    pub(crate) fn overlap(&self) -> Option<(usize, usize, f64)> {
        self.grid.first_pair(OVERLAP, |_, _| true)
    }

    /// The first pair of those that `accept` takes which is closer than `radius`, Å.
    pub(crate) fn first_pair(&self, radius: f64, accept: impl Fn(usize, usize) -> bool) -> Option<(usize, usize, f64)> {
        self.grid.first_pair(radius, accept)
    }
}
