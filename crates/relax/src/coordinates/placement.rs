//! A crystal at one point of its generalised coordinates.

use crystal_core::{AsymmetricUnit, Lattice, LatticeCoordinates, Site, Structure};
use nalgebra::{Matrix3, Vector3};

use super::freedom::Frame;
use crate::RelaxError;
use crate::strain::LogStrain;

/// What the potential evaluates.
#[derive(Debug, Clone)]
pub(crate) enum Cell {
    Free(Structure),
    Symmetric(AsymmetricUnit),
}

/// A crystal at one point.
#[derive(Debug, Clone)]
pub(crate) struct Placement {
    pub cell: Cell,
    /// The evaluated cell: the primitive one in the symmetric mode.
    pub lattice: Lattice,
    /// Its volume, Å³.
    pub volume: f64,
    /// Fractional coordinates of the sites in the evaluated cell, not wrapped.
    pub points: Vec<Vector3<f64>>,
    pub strain: LogStrain,
    /// From the frame of the evaluated cell back to that of the reference: vectors are `R·v`.
    pub rotation: Matrix3<f64>,
}

impl Frame {
    /// The crystal with its reference lattice strained and its sites at `points`.
    ///
    /// # Errors
    /// [`RelaxError::Crystal`] if the cell has no volume or a coordinate is not finite.
    pub fn place(
        &self,
        reference: &Lattice,
        strain: LogStrain,
        points: Vec<Vector3<f64>>,
    ) -> Result<Placement, RelaxError> {
        let strained = Lattice::new(reference.matrix() * strain.deformation())?;
        let (cell, rotation, lattice) = match self {
            Self::Free(structure) => {
                let sites = structure.sites().iter().zip(&points);
                let sites = sites
                    .map(|(site, frac_coords)| Site { species: site.species, frac_coords: *frac_coords })
                    .collect();
                (Cell::Free(Structure::allowing_overlap(strained, sites)?), Matrix3::identity(), strained)
            }
            Self::Symmetric(unit) => {
                // Through the lattice's own coordinates: symmetric to the last bit and in the standard orientation,
                // which a shear leaves.
                let coordinates = LatticeCoordinates::new(unit.space_group().system());
                let standard = coordinates.decode(&coordinates.encode(&strained))?;
                let rotation = strained.inverse() * standard.matrix();
                let lattice = self.evaluated_lattice(&standard);
                (Cell::Symmetric(unit_at(unit, standard, &points)), rotation, lattice)
            }
        };
        Ok(Placement { cell, lattice, volume: lattice.volume(), points, strain, rotation })
    }
}

/// The unit with another lattice and its sites at `points` (fractional in the primitive cell).
fn unit_at(unit: &AsymmetricUnit, lattice: Lattice, points: &[Vector3<f64>]) -> AsymmetricUnit {
    let to_primitive = unit.space_group().centring().to_primitive();
    unit.moved(lattice, points.iter().map(|point| to_primitive.tr_mul(point)))
}
