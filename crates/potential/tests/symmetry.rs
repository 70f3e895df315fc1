//! Asymmetric units against their full cells.

mod common;

use burn::tensor::Device;
use crystal_core::{
    AsymmetricSite, AsymmetricUnit, CrystalSystem, Finder, Lattice, LatticeParameters, Orbit, SpaceGroup, Species,
    Structure,
};
use nalgebra::{Matrix3, Vector3};
use potential::{Evaluation, Nequix, Potential, Weights};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tensor_ops::device::available_devices;
use test_support::needs;

/// Volume that an atom of the made-up crystals has, Å³.
const ATOM_VOLUME: f64 = 20.0;
/// Their shortest distance, Å.
const CLOSEST: f64 = 1.5;

/// A random lattice of a crystal system with the given volume.
fn random_lattice(system: CrystalSystem, volume: f64, rng: &mut impl Rng) -> Lattice {
    let mut draw = |low: f64, high: f64| rng.random_range(low..high);
    let (b, c) = (draw(0.8, 1.3), draw(0.8, 1.3));
    let [alpha, beta, gamma] = [(); 3].map(|()| draw(75.0, 105.0));
    let (b, c, alpha, beta, gamma) = match system {
        CrystalSystem::Triclinic => (b, c, alpha, beta, gamma),
        CrystalSystem::Monoclinic => (b, c, 90.0, beta, 90.0),
        CrystalSystem::Orthorhombic => (b, c, 90.0, 90.0, 90.0),
        CrystalSystem::Tetragonal => (1.0, c, 90.0, 90.0, 90.0),
        CrystalSystem::Trigonal | CrystalSystem::Hexagonal => (1.0, c, 90.0, 90.0, 120.0),
        CrystalSystem::Cubic => (1.0, 1.0, 90.0, 90.0, 90.0),
    };
    let shape = Lattice::from_parameters(LatticeParameters { a: 1.0, b, c, alpha, beta, gamma }).expect("a cell");
    let scale = (volume / shape.volume()).cbrt();
    Lattice::new(shape.matrix() * scale).expect("a cell")
}

/// Crystals of a group with up to three sites: one on the most special position that has room, one on a random other
/// position, one general if the cell stays small.
fn random_unit(group: &'static SpaceGroup, rng: &mut ChaCha8Rng) -> AsymmetricUnit {
    let positions = group.wyckoff_positions();
    let species = [8, 22, 38].map(|number| Species::from_atomic_number(number).expect("an element"));
    loop {
        let mut chosen = vec![positions.len() - 1];
        if positions.len() > 1 {
            chosen.push(rng.random_range(0..positions.len()));
        }
        if positions[0].multiplicity() <= 24 {
            chosen.push(0);
        }
        // A position without parameters holds one site.
        chosen.dedup();
        let n_atoms: usize = chosen.iter().map(|&position| positions[position].multiplicity()).sum();
        if n_atoms > 100 && chosen.len() > 1 {
            continue;
        }
        for _ in 0..300 {
            let spread = rng.random_range(1.0..3.0);
            let lattice = random_lattice(group.system(), n_atoms as f64 * ATOM_VOLUME * spread, rng);
            let sites: Vec<AsymmetricSite> = chosen
                .iter()
                .enumerate()
                .map(|(k, &position)| {
                    let parameters = Vector3::from_fn(|_, _| rng.random_range(0.0..1.0));
                    AsymmetricSite::new(group, &lattice, species[k], &positions[position].point(&parameters), 1e-4)
                })
                .collect();
            // Sites may meet; such units are not taken.
            let unit = AsymmetricUnit::unchecked(group, lattice, sites);
            let full = unit.expand().expect("a structure");
            let expected: usize =
                unit.sites().iter().map(|site| site.multiplicity()).sum::<usize>() / group.centring().order();
            if full.n_sites() == expected && full.closest_pair().is_none_or(|(_, _, distance)| distance > CLOSEST) {
                return unit;
            }
        }
    }
}

/// Index of the first atom of each site in the full cell.
fn first_atoms(unit: &AsymmetricUnit) -> Vec<usize> {
    let lattice = unit.primitive_lattice().expect("a lattice");
    let to_conventional = unit.space_group().centring().to_conventional();
    let mut first = 0;
    unit.sites()
        .iter()
        .map(|site| {
            let frac_coords = to_conventional.tr_mul(&site.frac_coords());
            let atom = first;
            first += Orbit::in_primitive_cell(unit.space_group(), &frac_coords, &lattice, 1e-3).multiplicity();
            atom
        })
        .collect()
}

/// Largest deviations of the unit's evaluation from its full cell's: eV/atom, eV/Å, eV/Å³.
fn deviations(unit: &AsymmetricUnit, found: &Evaluation, full: &Structure, expected: &Evaluation) -> [f64; 3] {
    let forces =
        first_atoms(unit).into_iter().zip(&found.forces).map(|(atom, force)| (force - expected.forces[atom]).amax());
    [
        (found.energy - expected.energy).abs() / full.n_sites() as f64,
        forces.fold(0.0, f64::max),
        (found.stress - expected.stress).amax(),
    ]
}

fn compare(units: &[AsymmetricUnit], potential: &Nequix, tolerances: [f64; 3]) {
    let full: Vec<Structure> = units.iter().map(|unit| unit.expand().expect("a structure")).collect();
    let timed = |work: &dyn Fn() -> Vec<Evaluation>| {
        let start = std::time::Instant::now();
        (work(), start.elapsed().as_secs_f64())
    };
    let unwrap =
        |found: Vec<Result<Evaluation, _>>| found.into_iter().map(|found| found.expect("an evaluation")).collect();
    let (found, seconds) = timed(&|| unwrap(potential.evaluate_symmetric(units).expect("the device works")));
    let (expected, full_seconds) = timed(&|| unwrap(potential.evaluate(&full).expect("the device works")));
    let mut worst = [0.0_f64; 3];
    for (((unit, found), full), expected) in units.iter().zip(&found).zip(&full).zip(&expected) {
        let deviations = deviations(unit, found, full, expected);
        for ((worst, deviation), tolerance) in worst.iter_mut().zip(deviations).zip(tolerances) {
            let group = unit.space_group().number();
            assert!(deviation < tolerance, "group {group}: {deviations:?}\n{found:?}\n{expected:?}");
            *worst = worst.max(deviation);
        }
    }
    let (sites, atoms): (usize, usize) =
        (units.iter().map(|unit| unit.sites().len()).sum(), full.iter().map(Structure::n_sites).sum());
    eprintln!(
        "{} crystals, {sites} sites for {atoms} atoms, {seconds:.2} s for {full_seconds:.2} s, largest deviations {worst:?}",
        units.len()
    );
}

#[test]
fn all_space_groups_in_single_precision() {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let units: Vec<AsymmetricUnit> =
        (1..=230).map(|number| random_unit(SpaceGroup::from_number(number).expect("a group"), &mut rng)).collect();
    for device in available_devices() {
        compare(&units, &Nequix::bundled(&device).expect("the weights"), [1e-5, 1e-4, 1e-5]);
    }
}

#[test]
#[cfg(feature = "cpu")]
fn some_space_groups_in_double_precision() {
    let mut rng = ChaCha8Rng::seed_from_u64(8);
    let potential = Nequix::double_precision(&Weights::bundled().expect("the weights"), &Device::flex());
    let units: Vec<AsymmetricUnit> =
        [2, 14, 33, 62, 88, 122, 136, 148, 154, 161, 166, 174, 186, 194, 198, 205, 216, 221, 227]
            .into_iter()
            .map(|number| random_unit(SpaceGroup::from_number(number).expect("a group"), &mut rng))
            .collect();
    compare(&units, &potential, [1e-9, 1e-9, 1e-9]);
}

#[needs(shared)]
#[test]
#[cfg(feature = "cpu")]
fn golden_crystals_by_their_symmetry() {
    let goldens = common::goldens("efs_nequix-oam-1-pft.jsonl");
    let units: Vec<AsymmetricUnit> = goldens
        .iter()
        .filter(|golden| golden.geometry == "asis")
        .filter_map(|golden| AsymmetricUnit::from_structure(&golden.structure(), 0.01, Finder::Moyo).ok())
        .collect();
    assert!(units.len() > 30, "{} of the golden crystals could be reduced", units.len());
    compare(&units, &Nequix::bundled(&Device::flex()).expect("the weights"), [1e-5, 1e-4, 1e-5]);
}

/// A distorted perovskite of low symmetry.
fn distorted() -> Structure {
    let cell = [[3.9, 0.1, 0.0], [0.0, 4.0, -0.2], [0.15, 0.0, 3.8]];
    let frac = [[0.02, 0.01, -0.03], [0.52, 0.47, 0.5], [0.5, 0.5, 0.04], [0.48, 0.01, 0.5], [-0.03, 0.5, 0.52]];
    let lattice = Lattice::from_rows(cell).expect("a cell");
    let positions = frac.map(|x| lattice.to_cartesian(&Vector3::from(x)).into());
    common::structure(&[38, 22, 8, 8, 8], cell, &positions)
}

#[test]
#[cfg(feature = "cpu")]
fn forces_and_stress_are_derivatives_of_the_energy() {
    let step = 1e-4;
    let start = distorted();
    let mut structures = Vec::new();
    for site in 0..start.n_sites() {
        for axis in 0..3 {
            for sign in [1.0, -1.0] {
                let mut sites = start.sites().to_vec();
                let mut shift = Vector3::zeros();
                shift[axis] = sign * step;
                sites[site].frac_coords += start.lattice().to_fractional(&shift);
                structures.push(Structure::new(*start.lattice(), sites).expect("a structure"));
            }
        }
    }
    for (i, j) in [(0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2)] {
        for sign in [1.0, -1.0] {
            let mut strain = Matrix3::identity();
            strain[(i, j)] += 0.5 * sign * step;
            strain[(j, i)] += 0.5 * sign * step;
            let lattice = Lattice::new(start.lattice().matrix() * strain).expect("a cell");
            structures.push(Structure::new(lattice, start.sites().to_vec()).expect("a structure"));
        }
    }
    let weights = Weights::bundled().expect("the weights");
    let compare = |potential: &Nequix, structures: &[Structure], step: f64, tolerance: f64| {
        let energies: Vec<f64> =
            potential.energies(structures).expect("works").into_iter().map(|e| e.expect("an energy")).collect();
        let slopes: Vec<f64> = energies.chunks_exact(2).map(|pair| (pair[0] - pair[1]) / (2.0 * step)).collect();
        let found = potential.evaluate(std::slice::from_ref(&start)).expect("works").remove(0).expect("an evaluation");
        let (forces, stress) = slopes.split_at(3 * start.n_sites());
        for (k, slope) in forces.iter().enumerate() {
            assert!(
                (found.forces[k / 3][k % 3] + slope).abs() < tolerance,
                "force {k}: {} {slope}",
                found.forces[k / 3][k % 3]
            );
        }
        for (slope, (i, j)) in stress.iter().zip([(0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2)]) {
            let expected = slope / start.lattice().volume();
            assert!(
                (found.stress[(i, j)] - expected).abs() < tolerance,
                "stress {i}{j}: {} {expected}",
                found.stress[(i, j)]
            );
        }
    };
    compare(&Nequix::double_precision(&weights, &Device::flex()), &structures, step, 1e-6);
}
