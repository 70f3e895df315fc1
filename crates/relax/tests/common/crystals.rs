//! Random crystals of given space groups.

use crystal_core::{AsymmetricUnit, CrystalState, Lattice, LatticeCoordinates, Site, SpaceGroup, StateSite, Structure};
use nalgebra::{Matrix3, Vector3};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::pairs::element;

/// Of each system at least two, with every centring, screw axes, glide planes and polar axes.
pub const GROUPS: [i64; 22] =
    [1, 2, 4, 5, 12, 14, 19, 36, 38, 62, 70, 88, 123, 139, 148, 160, 166, 176, 194, 198, 216, 225];

/// Two elements on positions of the group at 16 Å³/atom, no two atoms closer than 2 Å.
pub fn random_unit(number: i64, seed: u64) -> AsymmetricUnit {
    let group = SpaceGroup::from_number(number).expect("a group");
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let order = group.centring().order();
    let small: Vec<usize> = (0..group.wyckoff_positions().len())
        .filter(|k| group.wyckoff_positions()[*k].multiplicity() / order <= 12)
        .collect();
    for _ in 0..20_000 {
        let coordinates = LatticeCoordinates::new(group.system());
        let lattice_coords: Vec<f64> = (0..coordinates.n_free()).map(|_| rng.random_range(-2.5..2.5)).collect();
        let mut site = |number| {
            let position = small[rng.random_range(0..small.len())];
            let q = Vector3::from_fn(|_, _| rng.random_range(0.0..1.0));
            StateSite::on_position(group, element(number), position, &q)
        };
        let mut state = CrystalState { space_group: group, lattice_coords, sites: vec![site(11), site(17)] };
        let lattice = state.conventional_lattice().expect("a cell");
        let n_atoms = f64::from(u32::try_from(state.n_atoms() * order).expect("a small cell"));
        if n_atoms / f64::from(u32::try_from(order).expect("1 to 4")) > 16.0 {
            continue;
        }
        let factor = (16.0 * n_atoms / lattice.volume()).cbrt();
        let scaled = Lattice::new(lattice.matrix() * factor).expect("a cell");
        state.lattice_coords = coordinates.encode(&scaled);
        let unit = AsymmetricUnit::from_state(&state, 1e-4).expect("a cell");
        let Ok(structure) = unit.expand() else { continue };
        let apart = structure.closest_pair().is_none_or(|(_, _, distance)| distance > 2.0);
        let shortest_vector = structure.lattice().niggli().map_or(0.0, |(cell, _)| cell.matrix().row(0).norm());
        if apart && shortest_vector > 2.2 && structure.n_sites() == state.n_atoms() {
            return unit;
        }
    }
    panic!("no crystal of group {number}");
}

/// Rock salt, distorted.
pub fn distorted_rock_salt(seed: u64) -> Structure {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let strain = Matrix3::from_fn(|_, _| rng.random_range(-0.03..0.03));
    let lattice = Matrix3::new(0.0, 2.6, 2.6, 2.6, 0.0, 2.6, 2.6, 2.6, 0.0) * (Matrix3::identity() + strain);
    let mut site = |number, x: f64| {
        let shift = Vector3::from_fn(|_, _| rng.random_range(-0.03..0.03));
        Site { species: element(number), frac_coords: Vector3::repeat(x) + shift }
    };
    Structure::new(Lattice::new(lattice).expect("a cell"), vec![site(11, 0.0), site(17, 0.5)]).expect("a structure")
}
