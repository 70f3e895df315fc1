//! All 230 space groups: group axioms, Wyckoff positions, orbits and stabilisers.

use crystal_core::{
    Centring, CrystalError, CrystalSystem, Finder, HallNumber, Lattice, LatticeCoordinates, Orbit, Site, SpaceGroup,
    SpaceGroupNumber, Structure, SymmetryOperation, find_symmetry, stabiliser,
};
use nalgebra::{Matrix3, Vector3};
use proptest::prelude::*;

fn all_groups() -> impl Iterator<Item = &'static SpaceGroup> {
    SpaceGroupNumber::all().map(SpaceGroup::get)
}

/// Free lattice coordinates that give a cell without any symmetry above that of its system.
const GENERIC: [f64; 6] = [-3.1, 0.4, 2.3, 1.9, -1.3, 2.7];

fn generic_lattice(system: CrystalSystem) -> Lattice {
    let coordinates = LatticeCoordinates::new(system);
    coordinates.decode(&GENERIC[..coordinates.n_free()]).expect("a legal cell")
}

fn is_integer(vector: &Vector3<f64>) -> bool {
    vector.iter().all(|x| (x - x.round()).abs() < 1e-9)
}

/// Whether the vector is a lattice translation of the conventional cell, centring included.
fn is_lattice_translation(centring: Centring, vector: &Vector3<f64>) -> bool {
    is_integer(&centring.to_conventional().tr_mul(vector))
}

fn same_modulo_lattice(centring: Centring, a: &SymmetryOperation, b: &SymmetryOperation) -> bool {
    a.rotation == b.rotation && is_lattice_translation(centring, &(a.translation - b.translation))
}

#[test]
fn operations_form_a_group_modulo_lattice_translations() {
    for group in all_groups() {
        let operations = group.operations();
        let number = group.number();
        assert_eq!(operations[0], SymmetryOperation::identity(), "{number}");
        for a in operations {
            let inverse = a.inverse();
            assert!(operations.iter().any(|b| same_modulo_lattice(group.centring(), b, &inverse)), "{number}: inverse");
            for b in operations {
                let product = a.compose(b);
                // Exactly one: the operations differ modulo the lattice, and the product is among them.
                let n_found = operations.iter().filter(|c| same_modulo_lattice(group.centring(), c, &product)).count();
                assert_eq!(n_found, 1, "{number}: closure");
            }
        }
    }
}

#[test]
fn orders_are_those_of_the_crystal_classes() {
    // Orders of the point groups that each system has.
    for group in all_groups() {
        let allowed: &[usize] = match group.system() {
            CrystalSystem::Triclinic => &[1, 2],
            CrystalSystem::Monoclinic => &[2, 4],
            CrystalSystem::Orthorhombic => &[4, 8],
            CrystalSystem::Tetragonal => &[4, 8, 16],
            CrystalSystem::Trigonal => &[3, 6, 12],
            CrystalSystem::Hexagonal => &[6, 12, 24],
            CrystalSystem::Cubic => &[12, 24, 48],
        };
        assert!(allowed.contains(&group.operations().len()), "{}", group.number());
        assert_eq!(group.operations().len(), group.primitive_operations().len());
    }
}

#[test]
fn lattices_of_the_system_are_invariant() {
    for group in all_groups() {
        let lattice = generic_lattice(group.system());
        let primitive = lattice.transformed(&group.centring().to_primitive()).expect("a cell");
        for (operation, primitive_operation) in group.operations().iter().zip(group.primitive_operations()) {
            let rotation = operation.cartesian_rotation(&lattice);
            assert!((rotation * rotation.transpose() - Matrix3::identity()).abs().max() < 1e-9, "{}", group.number());
            let same = primitive_operation.cartesian_rotation(&primitive);
            assert!((rotation - same).abs().max() < 1e-9, "{}: primitive basis", group.number());
        }
    }
}

#[test]
fn centring_vectors_map_onto_lattice_vectors() {
    for group in all_groups() {
        for point in group.centring().lattice_points() {
            for operation in group.operations() {
                let image = operation.rotation.map(f64::from) * point;
                assert!(is_lattice_translation(group.centring(), &image), "{}", group.number());
            }
        }
    }
}

#[test]
fn conventional_cells_hold_the_stated_number_of_primitive_cells() {
    for group in all_groups() {
        let lattice = generic_lattice(group.system());
        let primitive = lattice.transformed(&group.centring().to_primitive()).expect("a cell");
        let ratio = lattice.volume() / primitive.volume();
        assert!((ratio - group.centring().order() as f64).abs() < 1e-9, "{}", group.number());
    }
}

#[test]
fn wyckoff_rows_expand_to_their_multiplicity() {
    let mut n_rows = 0;
    for group in all_groups() {
        let order = group.operations().len() * group.centring().order();
        let positions = group.wyckoff_positions();
        assert_eq!(positions[0].multiplicity(), order, "{}: general position first", group.number());
        assert_eq!(positions[0].n_free(), 3);
        for position in positions {
            n_rows += 1;
            let name = format!("{} {}{}", group.number(), position.multiplicity(), position.letter());
            assert_eq!(position.images().len(), position.multiplicity(), "{name}");
            assert_eq!(position.multiplicity() * position.site_symmetry_order(), order, "{name}");
            assert_eq!(position.linear().rank(1e-9), position.n_free(), "{name}");
            let n_variables = position.linear().column_iter().filter(|column| column.norm() > 0.0).count();
            assert_eq!(n_variables, position.n_free(), "{name}: as many variables as degrees of freedom");
        }
    }
    // Rows of the tables for the 230 standard settings.
    assert_eq!(n_rows, 1731);
}

#[test]
fn generic_points_of_wyckoff_positions() {
    let tolerance = 1e-4;
    for group in all_groups() {
        let lattice = generic_lattice(group.system());
        for (index, position) in group.wyckoff_positions().iter().enumerate() {
            let name = format!("{} {}{}", group.number(), position.multiplicity(), position.letter());
            let parameters = Vector3::new(0.1373, 0.0817, 0.2911);
            let point = position.point(&parameters);
            let orbit = Orbit::new(group, &point, &lattice, tolerance);
            assert_eq!(orbit.multiplicity(), position.multiplicity(), "{name}");
            assert_eq!(orbit.stabiliser().len(), position.site_symmetry_order(), "{name}");
            for operation in orbit.stabiliser().iter().chain(&stabiliser(group, &point, &lattice, tolerance)) {
                assert!((operation.apply(&point) - point).norm() < 1e-9, "{name}: stabiliser");
            }
            for image in orbit.images() {
                let made = group.operations()[image.operation].apply(&point) + image.translation;
                assert!((made - image.frac_coords).norm() < 1e-9, "{name}: image");
                assert!(is_lattice_translation(group.centring(), &image.translation), "{name}");
                let site = group.locate(&image.frac_coords, &lattice, tolerance);
                assert_eq!(site.position, index, "{name}: letter of an image");
                assert!((site.frac_coords - image.frac_coords).norm() < 1e-9, "{name}");
            }
            // The representative gives its parameters back, also from a translate.
            let found = position.parameters(&(point + Vector3::new(2.0, -1.0, 3.0)));
            let difference = position.point(&found) - point;
            assert!(is_integer(&difference), "{name}: parameters of a translate {found}");
            let primitive = lattice.transformed(&group.centring().to_primitive()).expect("a cell");
            let start = group.centring().to_conventional().tr_mul(&point);
            let orbit = Orbit::in_primitive_cell(group, &start, &primitive, tolerance);
            assert_eq!(
                orbit.multiplicity() * group.centring().order(),
                position.multiplicity(),
                "{name}: primitive cell"
            );
        }
    }
}

proptest! {
    #[test]
    fn orbit_times_stabiliser_is_the_order(
        number in 1_i64..=230,
        letter in 0_usize..27,
        q in proptest::array::uniform3(-1.0..1.0),
    ) {
        let group = SpaceGroup::from_number(number).expect("a group");
        let lattice = generic_lattice(group.system());
        let position = &group.wyckoff_positions()[letter % group.wyckoff_positions().len()];
        let point = position.point(&Vector3::from(q));
        let orbit = Orbit::new(group, &point, &lattice, 1e-6);
        let order = group.operations().len() * group.centring().order();
        prop_assert_eq!(orbit.multiplicity() * orbit.stabiliser().len(), order);
    }

    #[test]
    fn points_near_a_position_are_put_onto_it(
        number in 1_i64..=230,
        letter in 0_usize..27,
        shift in proptest::array::uniform3(-0.005..0.005),
    ) {
        let group = SpaceGroup::from_number(number).expect("a group");
        let lattice = generic_lattice(group.system());
        let index = letter % group.wyckoff_positions().len();
        let position = &group.wyckoff_positions()[index];
        let point = position.point(&Vector3::new(0.1373, 0.0817, 0.2911));
        let moved = point + lattice.to_fractional(&Vector3::from(shift));
        let site = group.locate(&moved, &lattice, 0.01);
        prop_assert_eq!(site.position, index);
        // The nearest point of the position: no farther than the one it came from, and exactly on it.
        prop_assert!(site.distance <= Vector3::from(shift).norm() + 1e-9);
        prop_assert_eq!(Orbit::new(group, &site.frac_coords, &lattice, 1e-6).multiplicity(), position.multiplicity());
    }
}

#[test]
fn hall_numbers_are_checked_and_found() {
    for number in [1_i64, 273, 530] {
        let hall_number = HallNumber::new(number).expect("a Hall symbol of the tables");
        assert_eq!((i64::from(hall_number.get()), i64::from(hall_number)), (number, number));
        let written = serde_json::to_string(&hall_number).expect("a number");
        assert_eq!(written, number.to_string());
        assert_eq!(serde_json::from_str::<HallNumber>(&written).expect("a Hall number"), hall_number);
    }
    // 65 537 and 2^32 + 1 are 1 in fewer bits.
    for number in [0, 531, -1, 65_537, (1 << 32) + 1, i64::MAX, i64::MIN] {
        assert!(matches!(HallNumber::new(number), Err(CrystalError::HallNumber { number: told }) if told == number));
        assert!(serde_json::from_str::<HallNumber>(&number.to_string()).is_err(), "{number}");
    }
    // The numbers of the tables: P m -3 m, I m -3 m.
    let cubic = |sites: &[(&str, f64)]| {
        let site = |(symbol, x): &(&str, f64)| Site {
            species: symbol.parse().expect("an element"),
            frac_coords: Vector3::repeat(*x),
        };
        let lattice = Lattice::new(Matrix3::identity() * 4.1).expect("a cell");
        Structure::new(lattice, sites.iter().map(site).collect()).expect("a structure")
    };
    let found =
        |structure: &Structure| find_symmetry(structure, 0.01, Finder::Moyo).expect("a group").hall_number.get();
    assert_eq!(found(&cubic(&[("Cs", 0.0), ("Cl", 0.5)])), 517);
    assert_eq!(found(&cubic(&[("Po", 0.0)])), 517);
    assert_eq!(found(&cubic(&[("Fe", 0.0), ("Fe", 0.5)])), 529);
}
