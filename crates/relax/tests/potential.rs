//! The tests' own potential, checked before anything is relaxed on it.

mod common;

use common::crystals::{GROUPS, distorted_rock_salt, random_unit};
use common::pairs::Pairs;
use crystal_core::{Lattice, Structure};
use nalgebra::Matrix3;
use potential::Potential;

#[test]
fn forces_and_stress_are_derivatives_of_the_energy() {
    let pairs = Pairs::morse();
    let structure = distorted_rock_salt(1);
    let evaluation = pairs.evaluate_one(&structure).expect("an energy");
    let energy = |structure: &Structure| pairs.evaluate_one(structure).expect("an energy").energy;
    let step = 1e-5;
    for site in 0..structure.n_sites() {
        for axis in 0..3 {
            let at = |amount: f64| {
                let mut sites = structure.sites().to_vec();
                let mut displacement = nalgebra::Vector3::zeros();
                displacement[axis] = amount;
                sites[site].frac_coords += structure.lattice().to_fractional(&displacement);
                energy(&Structure::new(*structure.lattice(), sites).expect("a structure"))
            };
            let numeric = -(at(step) - at(-step)) / (2.0 * step);
            assert!((numeric - evaluation.forces[site][axis]).abs() < 1e-8);
        }
    }
    for (i, j) in [(0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1)] {
        let at = |amount: f64| {
            let mut strain = Matrix3::identity();
            strain[(i, j)] += 0.5 * amount;
            strain[(j, i)] += 0.5 * amount;
            let lattice = Lattice::new(structure.lattice().matrix() * strain).expect("a cell");
            energy(&Structure::new(lattice, structure.sites().to_vec()).expect("a structure"))
        };
        let numeric = (at(step) - at(-step)) / (2.0 * step * structure.lattice().volume());
        assert!((numeric - evaluation.stress[(i, j)]).abs() < 1e-9);
    }
}

#[test]
fn asymmetric_units_have_the_energy_and_forces_of_their_full_cell() {
    let pairs = Pairs::morse();
    for number in GROUPS {
        let unit = random_unit(number, 5);
        let structure = unit.expand().expect("a structure");
        let full = pairs.evaluate_one(&structure).expect("an energy");
        let reduced =
            pairs.evaluate_symmetric(std::slice::from_ref(&unit)).expect("a device").remove(0).expect("an energy");
        assert_eq!(full.energy, reduced.energy);
        // The first image of a site is the site itself.
        let to_conventional = unit.space_group().centring().to_conventional();
        let mut first = 0;
        for (site, force) in unit.sites().iter().zip(&reduced.forces) {
            let here = to_conventional.tr_mul(&site.frac_coords());
            assert!(structure.lattice().min_image_distance(&here, &structure.sites()[first].frac_coords) < 1e-9);
            assert!((force - full.forces[first]).norm() < 1e-9, "group {number}");
            first += site.multiplicity() / unit.space_group().centring().order();
        }
    }
}
