//! What the tests of this crate share: making states, and the brute-force neighbours to compare with.

#![allow(dead_code, reason = "each test binary uses its own part of this module")]

use crystal_core::whole;
use crystal_core::{CrystalState, Lattice, LatticeCoordinates, LatticeParameters, SpaceGroup, Species, StateSite};
use nalgebra::{Matrix3, Vector3};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// A state from conventional lattice parameters and conventional fractional coordinates.
pub fn state(number: i64, lengths: [f64; 3], angles: [f64; 3], sites: &[(&str, [f64; 3])]) -> CrystalState {
    let space_group = SpaceGroup::from_number(number).expect("a number from 1 to 230");
    let [a, b, c] = lengths;
    let [alpha, beta, gamma] = angles;
    let lattice = Lattice::from_parameters(LatticeParameters { a, b, c, alpha, beta, gamma }).expect("a cell");
    let to_conventional = space_group.centring().to_conventional();
    let sites = sites
        .iter()
        .map(|(symbol, coords)| {
            // A row vector in C is the row vector times M⁻¹ in P = M·C.
            StateSite::general(
                symbol.parse().expect("an element"),
                to_conventional.transpose() * Vector3::from(*coords),
            )
        })
        .collect();
    CrystalState { space_group, lattice_coords: LatticeCoordinates::new(space_group.system()).encode(&lattice), sites }
}

/// A state of a space group with random lattice and random general sites.
pub fn random_state(number: i64, n_sites: usize, rng: &mut ChaCha8Rng) -> CrystalState {
    let space_group = SpaceGroup::from_number(number).expect("a number from 1 to 230");
    let n_free = LatticeCoordinates::new(space_group.system()).n_free();
    let lattice_coords = (0..n_free).map(|_| rng.random_range(-4.0..4.0)).collect();
    let sites = (0..n_sites)
        .map(|_| {
            StateSite::general(
                Species::from_atomic_number(rng.random_range(1..=94)).expect("an element"),
                Vector3::from_fn(|_, _| rng.random_range(0.0..1.0)),
            )
        })
        .collect();
    CrystalState { space_group, lattice_coords, sites }
}

/// The Cartesian rotation of a primitive operation.
pub fn cartesian_rotation(state: &CrystalState, operation: usize) -> Matrix3<f64> {
    let lattice = state.primitive_lattice().expect("a cell");
    state.space_group.primitive_operations()[operation].cartesian_rotation(&lattice)
}

/// An atom of the expanded primitive cell.
#[derive(Debug, Clone)]
pub struct Atom {
    /// The non-equivalent site that it is an image of.
    pub site: usize,
    /// Fractional coordinates, primitive basis.
    pub frac_coords: Vector3<f64>,
}

/// All atoms of the primitive cell, coincident images of one site once.
pub fn expand(state: &CrystalState) -> Vec<Atom> {
    let lattice = state.primitive_lattice().expect("a cell");
    let mut atoms = Vec::<Atom>::new();
    for (site, stored) in state.sites.iter().enumerate() {
        for operation in state.space_group.primitive_operations() {
            let image = operation.apply(&stored.frac_coords());
            let known = atoms
                .iter()
                .any(|atom| atom.site == site && lattice.min_image_distance(&atom.frac_coords, &image) < 1e-4);
            if !known {
                atoms.push(Atom { site, frac_coords: image });
            }
        }
    }
    atoms
}

/// Neighbours of a point in the P1 crystal within `cutoff`, by walking a box that is larger than needed.
pub fn brute_neighbours(
    state: &CrystalState,
    source: usize,
    cutoff: f64,
    min_self_distance: f64,
) -> Vec<(usize, Vector3<f64>)> {
    let lattice = state.primitive_lattice().expect("a cell");
    let origin = state.sites[source].frac_coords();
    let reach = lattice.reciprocal_lengths().map(|length| whole::saturated((cutoff * length).ceil()) + 1);
    let mut found = Vec::new();
    for atom in expand(state) {
        let difference = (atom.frac_coords - origin).map(|x| x - x.floor());
        for i in -reach[0]..=reach[0] {
            for j in -reach[1]..=reach[1] {
                for k in -reach[2]..=reach[2] {
                    let shift = Vector3::new(f64::from(i), f64::from(j), f64::from(k));
                    let vector = lattice.to_cartesian(&(difference + shift));
                    let shortest = if atom.site == source { min_self_distance.max(1e-6) } else { 1e-6 };
                    if vector.norm() <= cutoff && vector.norm() >= shortest {
                        found.push((atom.site, vector));
                    }
                }
            }
        }
    }
    found
}
