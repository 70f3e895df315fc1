//! How each site moves.

use crystal_core::{AsymmetricSite, AsymmetricUnit, FreeCoordinates, Lattice, SpaceGroup, Structure};
use nalgebra::{DVector, Matrix3, Vector3};

use crate::strain::count;

/// A projected direction shorter than this, Å, depends on those before it; lattice vectors are far longer.
const DEPENDENT: f64 = 1e-6;

/// What stays as it is while a crystal moves: elements, and group and letters in the symmetric mode.
#[derive(Debug, Clone)]
pub(crate) enum Frame {
    Free(Structure),
    Symmetric(AsymmetricUnit),
}

impl Frame {
    /// The cell whose energy is evaluated: the given one, or the primitive one of the conventional lattice.
    pub fn evaluated_lattice(&self, lattice: &Lattice) -> Lattice {
        match self {
            Self::Free(_) => *lattice,
            Self::Symmetric(unit) => lattice
                .transformed(&unit.space_group().centring().to_primitive())
                .expect("a centring keeps a lattice three-dimensional"),
        }
    }
}

/// The free directions of one site.
#[derive(Debug, Clone)]
pub(crate) struct SiteFreedom {
    pub n_free: usize,
    /// The first of its coordinates in w.
    pub offset: usize,
    /// Images in the evaluated cell.
    pub images: f64,
    /// Orthonormal Cartesian columns in the frame of the reference cell; columns beyond `n_free` are zero.
    pub directions: Matrix3<f64>,
    /// From a Cartesian displacement along `directions` to a change of `parameters`.
    to_parameters: Matrix3<f64>,
    /// Parameters at the reference: fractional coordinates of a general site, parameters of its Wyckoff position
    /// otherwise.
    parameters: Vector3<f64>,
    position: Option<&'static FreeCoordinates>,
}

impl SiteFreedom {
    /// A site that may go anywhere in the cell.
    pub fn general(lattice: &Lattice, frac_coords: Vector3<f64>, offset: &mut usize) -> Self {
        let site = Self {
            n_free: 3,
            offset: *offset,
            images: 1.0,
            directions: Matrix3::identity(),
            to_parameters: lattice.inverse().transpose(),
            parameters: frac_coords,
            position: None,
        };
        *offset += 3;
        site
    }

    /// A site on its Wyckoff position, with `images` images in the primitive cell.
    pub fn of_position(
        group: &'static SpaceGroup,
        site: &AsymmetricSite,
        primitive: &Lattice,
        images: usize,
        offset: &mut usize,
    ) -> Self {
        let position =
            group.wyckoff_position(site.wyckoff_letter()).expect("the letter of a checked site is one of the group's");
        let free = position.free_coordinates();
        let frac_coords = group.centring().to_conventional().tr_mul(&site.frac_coords());
        let mut directions = Matrix3::zeros();
        for column in 0..free.n_free() {
            let mut direction = primitive.to_cartesian(&free.directions().column(column).into_owned());
            for earlier in 0..column {
                let earlier = directions.column(earlier).into_owned();
                direction -= earlier * earlier.dot(&direction);
            }
            assert!(direction.norm() > DEPENDENT, "directions of a Wyckoff position are independent");
            directions.set_column(column, &direction.normalize());
        }
        let freedom = Self {
            n_free: free.n_free(),
            offset: *offset,
            images: count(images),
            directions,
            to_parameters: free.to_free() * primitive.inverse().transpose(),
            parameters: free.to_free() * (frac_coords - free.origin()),
            position: Some(free),
        };
        *offset += free.n_free();
        freedom
    }

    /// The Cartesian displacement `T·w_i/√m_i` in the frame of the reference cell, Å.
    pub fn displacement(&self, w: &DVector<f64>) -> Vector3<f64> {
        let mut displacement = Vector3::zeros();
        for k in 0..self.n_free {
            displacement += self.directions.column(k) * w[self.offset + k];
        }
        displacement / self.images.sqrt()
    }

    /// Fractional coordinates in the evaluated cell, on the position to the last bit.
    pub fn point(&self, w: &DVector<f64>) -> Vector3<f64> {
        self.at(self.parameters + self.to_parameters * self.displacement(w))
    }

    /// Fractional coordinates in the evaluated cell at w = 0.
    pub fn reference_point(&self) -> Vector3<f64> {
        self.at(self.parameters)
    }

    fn at(&self, parameters: Vector3<f64>) -> Vector3<f64> {
        self.position.map_or(parameters, |position| position.point(&parameters))
    }

    /// Adds `−√m_i·Tᵀf` for a force in the frame of the reference cell.
    pub fn add_gradient(&self, gradient: &mut DVector<f64>, force: &Vector3<f64>) {
        for k in 0..self.n_free {
            gradient[self.offset + k] -= self.images.sqrt() * self.directions.column(k).dot(force);
        }
    }
}
