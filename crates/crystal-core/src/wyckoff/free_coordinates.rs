//! Free coordinates of a Wyckoff position: where noise and Langevin steps act when sites stay on their positions.

use nalgebra::{Matrix3, Vector3};

use super::affine::{AffineSubspace, SMALL_VECTORS, primitive};
use crate::SymmetryOperation;
use crate::periodic::wrap;
use crate::whole::nearest;

/// The points `x = A·q + b` of a Wyckoff position's representative in the PRIMITIVE basis, with as many parameters q as
/// the position has degrees of freedom.
///
/// The columns of A are a basis of the lattice vectors along the position. So q and q + 1 are the same point modulo the
/// lattice, and q uniform in [0, 1) is uniform on the position. A displacement δ keeps only the part that the site
/// symmetry leaves: `M·δ`, M the mean of the rotations W of the stabiliser. In every lattice of the group their
/// Cartesian forms are orthogonal matrices, so M is the orthogonal projector of the CARTESIAN space: isotropic noise
/// stays isotropic along the position, hexagonal axes included.
#[derive(Debug, Clone)]
pub struct FreeCoordinates {
    n_free: usize,
    directions: Matrix3<f64>,
    origin: Vector3<f64>,
    to_free: Matrix3<f64>,
    displacement_to_free: Matrix3<f64>,
}

impl FreeCoordinates {
    /// From the representative in the primitive basis and the group's operations there.
    pub(super) fn new(linear: &Matrix3<f64>, origin: Vector3<f64>, operations: &[SymmetryOperation]) -> Self {
        let mut sum = Matrix3::zeros();
        let mut order = 0;
        for operation in operations {
            let rotation = operation.rotation.map(f64::from);
            let shift = operation.apply(&origin) - origin;
            if (rotation * linear - linear).amax() < 1e-9 && shift.iter().all(|x| (x - x.round()).abs() < 1e-6) {
                sum += rotation;
                order += 1;
            }
        }
        let projector = sum / f64::from(order);
        let directions = lattice_basis(&projector);
        let to_free = integer_left_inverse(&directions);
        let n_free = directions.column_iter().filter(|column| column.amax() > 0).count();
        let displacement_to_free = to_free * projector;
        Self { n_free, directions: directions.map(f64::from), origin, to_free, displacement_to_free }
    }

    /// Degrees of freedom, 0 … 3.
    pub fn n_free(&self) -> usize {
        self.n_free
    }

    /// A: the first [`Self::n_free`] columns are a basis of the lattice vectors along the position, the others are
    /// zero.
    pub fn directions(&self) -> &Matrix3<f64> {
        &self.directions
    }

    /// b, primitive fractional coordinates.
    pub fn origin(&self) -> &Vector3<f64> {
        &self.origin
    }

    /// L with `L·A = 1`: whole numbers; rows beyond [`Self::n_free`] are zero.
    pub fn to_free(&self) -> &Matrix3<f64> {
        &self.to_free
    }

    /// `L·M`: what a fractional displacement adds to q.
    pub fn displacement_to_free(&self) -> &Matrix3<f64> {
        &self.displacement_to_free
    }

    /// The point `A·q + b`, which q ∈ [0, 1)ⁿ make uniform on the position.
    pub fn point(&self, parameters: &Vector3<f64>) -> Vector3<f64> {
        self.directions * parameters + self.origin
    }

    /// The parameters of a point of the position, in [0, 1).
    pub fn parameters(&self, frac_coords: &Vector3<f64>) -> Vector3<f64> {
        (self.to_free * (frac_coords - self.origin)).map(wrap)
    }

    /// A point of the position after a displacement (both fractional): on the position to the last bit, however often
    /// it is moved.
    pub fn displaced(&self, frac_coords: &Vector3<f64>, displacement: &Vector3<f64>) -> Vector3<f64> {
        let parameters = self.to_free * (frac_coords - self.origin) + self.displacement_to_free * displacement;
        self.point(&parameters.map(wrap))
    }

    /// The part `M·δ` of a fractional displacement that stays on the position.
    pub fn along(&self, displacement: &Vector3<f64>) -> Vector3<f64> {
        if self.n_free == 3 { *displacement } else { self.directions * (self.displacement_to_free * displacement) }
    }
}

impl AffineSubspace {
    /// The same points in the primitive basis; `to_conventional` is `M⁻¹` of `C = M⁻¹·P`.
    pub(super) fn free_coordinates(
        &self,
        to_conventional: &Matrix3<f64>,
        primitive_operations: &[SymmetryOperation],
    ) -> FreeCoordinates {
        // Row vectors: x_prim·P = x_conv·C.
        let to_primitive = to_conventional.transpose();
        FreeCoordinates::new(&(to_primitive * self.linear), to_primitive * self.origin, primitive_operations)
    }
}

/// A basis, as columns, of the whole vectors that a projector leaves as they are: the shortest ones.
fn lattice_basis(projector: &Matrix3<f64>) -> Matrix3<i32> {
    let rank = nearest(projector.trace());
    if rank == 3 {
        return Matrix3::identity();
    }
    let along: Vec<Vector3<i32>> = SMALL_VECTORS
        .iter()
        .copied()
        .filter(|vector| (projector * vector.map(f64::from) - vector.map(f64::from)).amax() < 1e-9)
        .collect();
    let mut basis = Matrix3::zeros();
    if rank > 0 {
        basis.set_column(0, along.first().expect("positions run along short lattice vectors"));
    }
    if rank == 2 {
        // Two vectors of a plane are a basis of its lattice exactly when their cross product has no common factor.
        let first = along[0];
        let second = along
            .iter()
            .find(|second| {
                let cross = first.cross(second);
                cross != Vector3::zeros() && primitive(cross) == cross
            })
            .expect("two shortest independent vectors of a plane lattice are a basis");
        basis.set_column(1, second);
    }
    basis
}

/// Whole rows that give 1 on their own column and 0 on the others.
fn integer_left_inverse(basis: &Matrix3<i32>) -> Matrix3<f64> {
    if *basis == Matrix3::identity() {
        return Matrix3::identity();
    }
    let mut inverse = Matrix3::zeros();
    for row in 0..3 {
        if basis.column(row).amax() == 0 {
            continue;
        }
        let found = SMALL_VECTORS
            .iter()
            .find(|candidate| (0..3).all(|column| candidate.dot(&basis.column(column)) == i32::from(row == column)))
            .expect("columns that are a basis of their lattice have a whole left inverse");
        inverse.set_row(row, &found.map(f64::from).transpose());
    }
    inverse
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CrystalState, LatticeCoordinates, Orbit, SpaceGroup, SpaceGroupNumber, Species, StateSite};
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    /// A state of every group with a site on each of its positions, in a cell with random free parameters.
    fn states(rng: &mut ChaCha8Rng) -> Vec<CrystalState> {
        let state = |number| {
            let space_group = SpaceGroup::get(number);
            let n_free = LatticeCoordinates::new(space_group.system()).n_free();
            let y = (0..n_free)
                .map(|k| if k < 3 { rng.random_range(0.0..3.0) } else { rng.random_range(-2.0..2.0) })
                .collect();
            let site = |position: usize| {
                let q = Vector3::from_fn(|_, _| rng.random_range(0.0..1.0));
                StateSite::on_position(space_group, Species::from_atomic_number(6).expect("carbon"), position, &q)
            };
            let sites = (0..space_group.wyckoff_positions().len()).map(site).collect();
            CrystalState { space_group, lattice_coords: y, sites }
        };
        SpaceGroupNumber::all().map(state).collect()
    }

    #[test]
    fn random_parameters_give_points_of_the_position_in_every_group() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        for state in states(&mut rng) {
            let group = state.space_group;
            let lattice = state.primitive_lattice().expect("a legal cell");
            assert_eq!(group.wyckoff_positions()[StateSite::GENERAL].n_free(), 3, "group {}", group.number());
            for (site, position) in state.sites.iter().zip(group.wyckoff_positions()) {
                let free = site.free_coordinates(state.space_group);
                assert_eq!(free.n_free(), position.n_free());
                let orbit = Orbit::in_primitive_cell(group, &site.frac_coords(), &lattice, 1e-6);
                let expected = position.multiplicity() / group.centring().order();
                assert_eq!(orbit.multiplicity(), expected, "group {} position {}", group.number(), position.letter());
                let q = free.parameters(&site.frac_coords());
                assert!((free.point(&q) - site.frac_coords()).amax() < 1e-12);
                let beyond = free.point(&(q + Vector3::new(1.0, -2.0, 3.0))) - site.frac_coords();
                assert!(
                    beyond.iter().all(|x| (x - x.round()).abs() < 1e-9),
                    "whole parameters are lattice translations"
                );
            }
        }
    }

    #[test]
    fn displacements_are_projected_at_right_angles_in_every_cell() {
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        for mut state in states(&mut rng) {
            let group = state.space_group;
            let lattice = state.primitive_lattice().expect("a legal cell");
            let mut displacement = || Vector3::from_fn(|_, _| rng.random_range(-3.0..3.0));
            for site in &state.sites {
                let free = site.free_coordinates(state.space_group);
                let cartesian = |displacement: Vector3<f64>| {
                    lattice.to_cartesian(&free.along(&lattice.to_fractional(&displacement)))
                };
                let (a, b) = (displacement(), displacement());
                // Symmetric and idempotent: an orthogonal projector.
                assert!((cartesian(a).dot(&b) - a.dot(&cartesian(b))).abs() < 1e-9, "group {}", group.number());
                assert!((cartesian(cartesian(a)) - cartesian(a)).amax() < 1e-9);
            }
            let displacements: Vec<Vector3<f64>> = state.sites.iter().map(|_| displacement()).collect();
            let before = state.clone();
            state.displace(&lattice, &displacements);
            for ((site, old), displacement) in state.sites.iter().zip(&before.sites).zip(&displacements) {
                let free = site.free_coordinates(state.space_group);
                let wished = old.frac_coords() + free.along(&lattice.to_fractional(displacement));
                let apart = wished - site.frac_coords();
                assert!(apart.iter().all(|x| (x - x.round()).abs() < 1e-9), "group {}", group.number());
                let orbit = Orbit::in_primitive_cell(group, &site.frac_coords(), &lattice, 1e-6);
                let position = &group.wyckoff_positions()[site.position()];
                assert_eq!(orbit.multiplicity(), position.multiplicity() / group.centring().order());
            }
        }
    }
}
