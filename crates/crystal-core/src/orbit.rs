//! Orbits and stabilisers of points.

use nalgebra::Vector3;

use crate::periodic::{coincide, wrap};
use crate::{Lattice, SpaceGroup, SymmetryOperation};

/// One image of a point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OrbitImage {
    /// Index into the group's operations ([`SpaceGroup::operations`] and [`SpaceGroup::primitive_operations`] have the
    /// same order).
    pub operation: usize,
    /// The lattice translation, centring included, that is added to the operation's result to land in the cell.
    pub translation: Vector3<f64>,
    /// The image, in [0, 1).
    pub frac_coords: Vector3<f64>,
}

/// All images of a point in one cell: one per coset of its stabiliser, with an operation that makes it.
#[derive(Debug, Clone)]
pub struct Orbit {
    images: Vec<OrbitImage>,
    stabiliser: Vec<SymmetryOperation>,
    stabiliser_indices: Vec<usize>,
}

impl Orbit {
    /// Images of a point in the CONVENTIONAL cell. Points, operations and translations in conventional fractional
    /// coordinates; images closer than `tolerance` (Å) in the conventional `lattice` are one.
    pub fn new(space_group: &SpaceGroup, frac_coords: &Vector3<f64>, lattice: &Lattice, tolerance: f64) -> Self {
        Self::build(space_group.operations(), &space_group.centring().lattice_points(), frac_coords, lattice, tolerance)
    }

    /// Images of a point in the PRIMITIVE cell `P = M·C`. Points, operations and translations in primitive fractional
    /// coordinates; images closer than `tolerance` (Å) in the primitive `lattice` are one.
    pub fn in_primitive_cell(
        space_group: &SpaceGroup,
        frac_coords: &Vector3<f64>,
        lattice: &Lattice,
        tolerance: f64,
    ) -> Self {
        Self::build(space_group.primitive_operations(), &[Vector3::zeros()], frac_coords, lattice, tolerance)
    }

    fn build(
        operations: &[SymmetryOperation],
        lattice_points: &[Vector3<f64>],
        frac_coords: &Vector3<f64>,
        lattice: &Lattice,
        tolerance: f64,
    ) -> Self {
        let raw: Vec<(usize, Vector3<f64>)> = lattice_points
            .iter()
            .flat_map(|point| {
                operations
                    .iter()
                    .enumerate()
                    .map(move |(index, operation)| (index, operation.apply(frac_coords) + point))
            })
            .collect();
        let mut stabiliser = Vec::new();
        let mut stabiliser_indices = Vec::new();
        for (index, point) in &raw {
            if coincide(lattice, point, frac_coords, tolerance) {
                let rotation = operations[*index].rotation;
                // The translation that brings the image back onto the point itself, not onto a translate of it.
                let back = (frac_coords - point).map(f64::round) + point - rotation.map(f64::from) * frac_coords;
                stabiliser.push(SymmetryOperation { rotation, translation: back });
                stabiliser_indices.push(*index);
            }
        }
        let mut images: Vec<OrbitImage> = Vec::with_capacity(raw.len() / stabiliser.len().max(1));
        for (operation, point) in raw {
            // With a trivial stabiliser all images differ: nothing to compare.
            if stabiliser.len() > 1
                && images.iter().any(|image| coincide(lattice, &image.frac_coords, &point, tolerance))
            {
                continue;
            }
            let wrapped = point.map(wrap);
            let translation = wrapped - operations[operation].apply(frac_coords);
            images.push(OrbitImage { operation, translation, frac_coords: wrapped });
        }
        Self { images, stabiliser, stabiliser_indices }
    }

    /// The images, the point itself (wrapped) first.
    pub fn images(&self) -> &[OrbitImage] {
        &self.images
    }

    /// Number of images in the cell.
    pub fn multiplicity(&self) -> usize {
        self.images.len()
    }

    /// The operations that leave the point where it is, lattice translations included; the identity first.
    pub fn stabiliser(&self) -> &[SymmetryOperation] {
        &self.stabiliser
    }

    /// For each of [`Self::stabiliser`], its index among the group's operations.
    pub fn stabiliser_indices(&self) -> &[usize] {
        &self.stabiliser_indices
    }
}

/// The operations of a group that leave a point where it is within `tolerance` (Å), lattice translations included; the
/// identity first. Point and result in conventional fractional coordinates, `lattice` the conventional one. For a point
/// that is only NEAR a special position the result need not be a group: move it there first ([`SpaceGroup::locate`]).
pub fn stabiliser(
    space_group: &SpaceGroup,
    frac_coords: &Vector3<f64>,
    lattice: &Lattice,
    tolerance: f64,
) -> Vec<SymmetryOperation> {
    let centring = space_group.centring().lattice_points();
    let mut found = Vec::new();
    for point in &centring {
        for operation in space_group.operations() {
            let image = operation.apply(frac_coords) + point;
            if coincide(lattice, &image, frac_coords, tolerance) {
                let translation = operation.translation + point + (frac_coords - image).map(f64::round);
                found.push(SymmetryOperation { rotation: operation.rotation, translation });
            }
        }
    }
    found
}
