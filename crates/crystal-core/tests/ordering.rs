//! Ordered supercells against numbers that can be counted by hand or stand in print.

use crystal_core::{
    Composition, CrystalError, DisorderedStructure, Lattice, OrderingOptions, Shortfall, SpaceGroup, Species,
    SymmetryOperation,
};
use nalgebra::{Matrix3, Vector3};

fn species(symbol: &str) -> Species {
    symbol.parse().expect("an element")
}

/// Operations of the conventional cell, centring translations included.
fn operations(number: i64) -> Vec<SymmetryOperation> {
    let group = SpaceGroup::from_number(number).expect("a group");
    let points = group.centring().lattice_points();
    let shifted = |point: &Vector3<f64>| {
        let with = |operation: &SymmetryOperation| SymmetryOperation {
            translation: operation.translation + point,
            ..*operation
        };
        group.operations().iter().map(with).collect::<Vec<_>>()
    };
    points.iter().flat_map(shifted).collect()
}

/// A cubic alloy with one atom on each lattice point.
fn alloy(number: i64, occupants: &[(&str, f64)]) -> DisorderedStructure {
    let occupants: Vec<(Species, f64)> = occupants.iter().map(|(symbol, x)| (species(symbol), *x)).collect();
    let points = SpaceGroup::from_number(number).expect("a group").centring().lattice_points();
    let lattice = Lattice::new(Matrix3::identity() * 4.0).expect("a cell");
    DisorderedStructure::new(lattice, points.into_iter().map(|point| (point, occupants.clone())), operations(number))
        .expect("an alloy")
}

fn sizes(structure: &DisorderedStructure, max_atoms: usize) -> Vec<usize> {
    let options = OrderingOptions::default().with_count(1000).with_max_atoms(max_atoms);
    structure.orderings(&options).expect("orderings").supercells.iter().map(|ordered| ordered.n_cells).collect()
}

#[test]
fn binary_alloys_as_in_print() {
    // Hart and Forcade (2008), table IV: 2, 6 and 19 binary superstructures of 2, 3 and 4 atoms on the fcc lattice, all
    // concentrations.
    let of_size = |occupancy: f64, n: usize| {
        sizes(&alloy(225, &[("Cu", 1.0 - occupancy), ("Au", occupancy)]), n)
            .into_iter()
            .filter(|size| *size == n)
            .count()
    };
    assert_eq!(of_size(0.5, 2), 2);
    assert_eq!(of_size(1.0 / 3.0, 3) + of_size(2.0 / 3.0, 3), 6);
    assert_eq!(of_size(0.25, 4) + of_size(0.5, 4) + of_size(0.75, 4), 19);
    // Layers across [100], [110] and [111] of the simple cubic lattice.
    assert_eq!(sizes(&alloy(221, &[("Cu", 0.5), ("Au", 0.5)]), 2), [2, 2, 2]);
    // Three elements on three cells of the fcc lattice: layers ABC in two senses, which the inversion exchanges, on
    // three lattices.
    assert_eq!(sizes(&alloy(225, &[("Cu", 0.3333), ("Au", 0.3333), ("Ag", 0.3333)]), 3), [3, 3, 3]);
}

#[test]
fn the_smallest_and_most_symmetric_first() {
    let orderings = alloy(225, &[("Cu", 0.75), ("Au", 0.25)])
        .orderings(&OrderingOptions::default().with_count(100).with_max_atoms(4))
        .expect("orderings")
        .supercells;
    // Cu3Au, L1₂, keeps all 48 operations; D0₂₂ and the rest keep fewer.
    assert_eq!(orderings[0].n_operations, 48);
    assert!(orderings[1].n_operations < 48);
    assert!(orderings.windows(2).all(|pair| (pair[0].n_cells, std::cmp::Reverse(pair[0].n_operations))
        <= (pair[1].n_cells, std::cmp::Reverse(pair[1].n_operations))));
    for ordered in &orderings {
        assert_eq!(Composition::of(&ordered.structure).formula(), "Cu3Au");
        assert!((ordered.structure.lattice().volume() - 64.0).abs() < 1e-9);
        let closest = ordered.structure.closest_pair().expect("four atoms").2;
        assert!((closest - 4.0 / 2.0_f64.sqrt()).abs() < 1e-9, "{closest}");
    }
    let first =
        crystal_core::find_symmetry(&orderings[0].structure, 1e-3, crystal_core::Finder::Moyo).expect("a group");
    assert_eq!(first.number.get(), 221);
    let one = alloy(225, &[("Cu", 0.75), ("Au", 0.25)]).orderings(&OrderingOptions::default()).expect("one");
    assert_eq!((one.supercells, one.shortfall), (orderings[..1].to_vec(), None));
}

#[test]
fn vacancies_full_sites_and_several_orbits() {
    // A rock salt with every second anion missing, in four primitive cells or fewer: two cells, layers across [001] or
    // [111].
    let points = SpaceGroup::from_number(225).expect("a group").centring().lattice_points();
    let half = Vector3::repeat(0.5);
    let sites = points
        .iter()
        .flat_map(|point| [(*point, vec![(species("Ti"), 1.0)]), (point + half, vec![(species("O"), 0.5)])]);
    let lattice = Lattice::new(Matrix3::identity() * 4.2).expect("a cell");
    let structure = DisorderedStructure::new(lattice, sites, operations(225)).expect("a structure");
    let orderings =
        structure.orderings(&OrderingOptions::default().with_count(10).with_max_atoms(3)).expect("orderings");
    assert_eq!(orderings.shortfall, Some(Shortfall::Size { max_atoms: 3 }));
    let formulas: Vec<String> =
        orderings.supercells.iter().map(|ordered| Composition::of(&ordered.structure).formula()).collect();
    assert_eq!(formulas, ["Ti2O", "Ti2O"]);
    // Two independent sites in P 1, each half one element: in two cells of one lattice, seven lattices, the elements of
    // the second site lie beside those of the first or across.
    let mixed = |other: &str| vec![(species("Fe"), 0.5), (species(other), 0.5)];
    let sites = [(Vector3::zeros(), mixed("Co")), (Vector3::new(0.4, 0.3, 0.45), mixed("Ni"))];
    let lattice = Lattice::from_rows([[4.0, 0.1, 0.0], [0.3, 5.0, 0.0], [0.2, 0.4, 6.0]]).expect("a cell");
    let structure = DisorderedStructure::new(lattice, sites, vec![SymmetryOperation::identity()]).expect("a structure");
    assert_eq!(sizes(&structure, 4), [2; 14]);
    // An ordered structure is its own ordering.
    let full = alloy(225, &[("Cu", 1.0)]);
    assert_eq!(sizes(&full, 3), [1]);
}

#[test]
fn what_cannot_be_ordered_says_so() {
    let error = alloy(221, &[("Cu", 0.95), ("Au", 0.05)])
        .orderings(&OrderingOptions::default().with_max_atoms(18))
        .expect_err("needs nineteen cells: 1/19 is 0.05 to 0.005");
    assert!(error.to_string().contains("--max-atoms 19"), "{error}");
    // The cure works.
    let nineteen = OrderingOptions::default().with_max_atoms(19);
    let ordered = alloy(221, &[("Cu", 0.95), ("Au", 0.05)]).orderings(&nineteen).expect("nineteen cells").supercells;
    assert_eq!(Composition::of(&ordered[0].structure).formula(), "Cu18Au");
    let many = OrderingOptions::default().with_max_atoms(64);
    let error = alloy(221, &[("Cu", 0.515), ("Au", 0.485)]).orderings(&many).expect_err("too many");
    assert!(matches!(error, CrystalError::Ordering { .. }), "{error}");
    let lattice = Lattice::new(Matrix3::identity() * 4.0).expect("a cell");
    let bad = |occupancy: f64| {
        DisorderedStructure::new(
            lattice,
            [(Vector3::zeros(), vec![(species("Cu"), occupancy)])],
            vec![SymmetryOperation::identity()],
        )
    };
    for occupancy in [0.0, -0.5, 1.2, f64::NAN] {
        assert!(bad(occupancy).is_err(), "{occupancy}");
    }
}

/// The group is that of the positions with their occupants: a file that lists all atoms in P 1 gives what one with the
/// operations gives.
#[test]
fn symmetry_that_the_file_does_not_state_is_found() {
    let full = alloy(225, &[("Cu", 0.5), ("Au", 0.5)]);
    let sites = full.sites().iter().map(|site| (*site.frac_coords(), site.occupants().to_vec()));
    let bare = DisorderedStructure::new(*full.lattice(), sites, vec![SymmetryOperation::identity()]).expect("an alloy");
    let options = OrderingOptions::default().with_count(8).with_max_atoms(4);
    let found = |structure: &DisorderedStructure| {
        let orderings = structure.orderings(&options).expect("orderings").supercells;
        orderings.iter().map(|ordered| (ordered.n_cells, ordered.n_operations)).collect::<Vec<_>>()
    };
    assert_eq!(found(&bare), found(&full));
    assert_eq!(found(&bare)[..2], [(2, 16), (2, 12)]);
}
