//! Relaxation on a potential of pairs.

mod common;

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use common::crystals::{GROUPS, distorted_rock_salt, random_unit};
use common::pairs::{DEEP, NOT_FINITE, Pairs, REFUSED, Shape, element};
use crystal_core::{AsymmetricSite, AsymmetricUnit, Lattice, Site, Structure};
use nalgebra::{Matrix3, Vector3};
use potential::GPA_PER_EV_PER_CUBIC_ANGSTROM;
use relax::{CellFreedom, Crystal, Divergence, Method, Mode, Options, Rattle, RelaxError, Relaxation, relax};

type Results = BTreeMap<usize, Result<Relaxation, RelaxError>>;

fn run(pairs: &Pairs, options: &Options, crystals: impl IntoIterator<Item = Crystal>) -> Results {
    let inputs: Vec<(usize, Crystal)> = crystals.into_iter().enumerate().collect();
    let mut results = Results::new();
    relax(pairs, options, inputs, |index, result| {
        assert!(results.insert(index, result).is_none(), "one result each");
        ControlFlow::Continue(())
    })
    .expect("the device does not fail");
    results
}

fn relaxed(results: &Results, index: usize) -> &Relaxation {
    results[&index].as_ref().unwrap_or_else(|error| panic!("crystal {index}: {error}"))
}

fn free() -> Options {
    Options { mode: Mode::Free { rattle: None }, ..Options::default() }
}

fn cubic(species: &[(i64, [f64; 3])], edge: f64) -> Structure {
    let lattice = Lattice::new(Matrix3::identity() * edge).expect("a cell");
    let site = |(number, x): &(i64, [f64; 3])| Site { species: element(*number), frac_coords: Vector3::from(*x) };
    Structure::new(lattice, species.iter().map(site).collect()).expect("a structure")
}

#[test]
fn lennard_jones_argon_is_face_centred_cubic_with_the_known_constant() {
    let (epsilon, sigma) = (0.0104, 2.0);
    let pairs = Pairs::new(Shape::LennardJones { epsilon, sigma }, 8.0 * sigma);
    let centres = [[0.0, 0.0, 0.0], [0.0, 0.5, 0.5], [0.5, 0.0, 0.5], [0.5, 0.5, 0.0]];
    let start = cubic(&centres.map(|centre| (18, centre)), 3.3);
    let options = Options { fmax: 1e-6, smax_gpa: 1e-5, ..Options::default() };
    let results = run(&pairs, &options, [start.into()]);
    let found = relaxed(&results, 0);
    assert!(found.converged && found.space_group.expect("a group").get() == 225);
    // Lattice sums of the face-centred cubic lattice: A₆ = 14.45392, A₁₂ = 12.13188; nearest distance
    // (2A₁₂/A₆)^(1/6)·σ, energy −ε·A₆²/(2A₁₂).
    let edge = (2.0_f64 * 12.131_88 / 14.453_92).powf(1.0 / 6.0) * sigma * 2.0_f64.sqrt();
    let found_edge = (4.0 * found.volume_per_atom).cbrt();
    assert!((found_edge / edge - 1.0).abs() < 2e-4, "{found_edge} is not {edge}");
    let energy = -epsilon * 14.453_92_f64.powi(2) / (2.0 * 12.131_88);
    assert!((found.energy_per_atom / energy - 1.0).abs() < 4e-3, "{} is not {energy}", found.energy_per_atom);
}

/// Whether every operation of the unit's group maps the crystal onto itself.
fn assert_invariant(unit: &AsymmetricUnit, structure: &Structure) {
    let group = unit.space_group();
    let lattice = structure.lattice();
    let metric = lattice.matrix() * lattice.matrix().transpose();
    for operation in group.primitive_operations() {
        let rotation = operation.rotation.map(f64::from);
        assert!((rotation.transpose() * metric * rotation - metric).amax() < 1e-10, "group {}", group.number());
        for site in structure.sites() {
            let image = operation.apply(&site.frac_coords);
            let met = structure.sites().iter().any(|other| {
                other.species == site.species && lattice.min_image_distance(&image, &other.frac_coords) < 1e-9
            });
            assert!(met, "group {}: an image is missing", group.number());
        }
    }
}

#[test]
fn symmetric_relaxation_keeps_the_group_exactly() {
    let pairs = Pairs::morse();
    let units: Vec<AsymmetricUnit> = GROUPS.iter().map(|number| random_unit(*number, 21)).collect();
    let results = run(&pairs, &Options::default(), units.iter().cloned().map(Crystal::from));
    for (index, unit) in units.iter().enumerate() {
        let found = relaxed(&results, index);
        let number = unit.space_group().number();
        assert!(found.converged, "group {number}: {} steps, {} eV/Å", found.steps, found.max_force);
        assert!(found.energy_per_atom <= found.energy_start_per_atom);
        assert!(found.max_force <= 0.02 && found.max_stress_gpa <= 0.1);
        assert_eq!((found.space_group_start, found.space_group), (Some(number), Some(number)));
        let relaxed = found.unit.as_ref().expect("symmetric");
        assert_invariant(relaxed, &found.structure);
        for (before, after) in unit.sites().iter().zip(relaxed.sites()) {
            assert_eq!((before.species(), before.wyckoff_letter()), (after.species(), after.wyckoff_letter()));
        }
        // What the result says holds for all atoms of the full cell.
        let full = pairs.evaluate_one(&found.structure).expect("an energy");
        assert!(
            (full.energy / found.energy_per_atom / f64::from(u32::try_from(full.forces.len()).expect("few")) - 1.0)
                .abs()
                < 1e-9
        );
        assert!((full.max_force() - found.max_force).abs() < 1e-9 && (full.stress - found.stress).amax() < 1e-9);
    }
}

#[test]
fn fire_and_lbfgs_find_the_same_minimum() {
    let pairs = Pairs::morse();
    let crystals = || {
        let units = GROUPS.iter().map(|number| Crystal::from(random_unit(*number, 22)));
        units.chain((0..4).map(|seed| distorted_rock_salt(seed).into())).collect::<Vec<_>>()
    };
    for mode in [Mode::Symmetric { symprec: 0.01 }, Mode::Free { rattle: None }] {
        let options = |method| Options { mode, method, fmax: 1e-3, smax_gpa: 0.01, ..Options::default() };
        let lbfgs = run(&pairs, &options(Method::Lbfgs), crystals());
        let fire = run(&pairs, &options(Method::Fire), crystals());
        let (mut n_lbfgs, mut n_fire, mut n_same) = (0, 0, 0);
        for index in 0..lbfgs.len() {
            let (a, b) = (relaxed(&lbfgs, index), relaxed(&fire, index));
            assert!(a.converged, "{mode:?} L-BFGS {index}: {} steps, {} eV/Å", a.steps, a.max_force);
            assert!(b.converged, "{mode:?} FIRE {index}: {} steps, {} eV/Å", b.steps, b.max_force);
            n_lbfgs += a.steps;
            n_fire += b.steps;
            let same = (a.energy_per_atom - b.energy_per_atom).abs() < 1e-4;
            n_same += usize::from(same);
            if !same {
                println!("{mode:?} {index}: {} {}", a.energy_per_atom, b.energy_per_atom);
            }
        }
        println!("{mode:?}: {n_lbfgs} steps of L-BFGS, {n_fire} of FIRE, {n_same} of {} alike", lbfgs.len());
        // Random crystals are far from any minimum, and some lie between two.
        assert!(n_same * 10 >= lbfgs.len() * 8);
        assert!(n_lbfgs < n_fire);
    }
}

#[test]
fn a_result_does_not_depend_on_its_batch() {
    let pairs = Pairs::morse();
    let crystals = || GROUPS.iter().map(|number| Crystal::from(random_unit(*number, 23))).collect::<Vec<_>>();
    let symmetric = Options { max_steps: 30, ..Options::default() };
    let rattled = Options { mode: Mode::Free { rattle: Some(Rattle::with_seed(7)) }, ..symmetric };
    for options in [symmetric, rattled] {
        let together = run(&pairs, &options, crystals());
        let small = run(&pairs, &Options { batch_sites: Some(7), batches: 3, ..options }, crystals());
        for index in 0..together.len() {
            let (a, b) = (relaxed(&together, index), relaxed(&small, index));
            assert_eq!((a.steps, a.energy_per_atom, &a.structure), (b.steps, b.energy_per_atom, &b.structure));
        }
        // As when an interrupted run is resumed: alone, with its index.
        let mut again = None;
        let alone = vec![(9, crystals().remove(9))];
        relax(&pairs, &options, alone, |index, result| {
            assert_eq!(index, 9);
            again = Some(result.expect("a result"));
            ControlFlow::Continue(())
        })
        .expect("the device does not fail");
        assert_eq!(again.expect("one result").structure, relaxed(&together, 9).structure);
    }
    let other = Options { mode: Mode::Free { rattle: Some(Rattle::with_seed(8)) }, ..symmetric };
    assert_ne!(
        relaxed(&run(&pairs, &other, crystals()), 0).structure,
        relaxed(&run(&pairs, &rattled, crystals()), 0).structure
    );
}

#[test]
fn a_rattle_frees_a_symmetric_saddle() {
    // Atoms in a simple cubic lattice attract each other: a saddle, from which symmetry allows no way but size.
    let pairs = Pairs::morse();
    let start = cubic(&[(11, [0.0; 3])], 2.6);
    let still = run(&pairs, &free(), [start.clone().into()]);
    let options = Options { mode: Mode::Free { rattle: Some(Rattle::with_seed(1)) }, ..Options::default() };
    let shaken = run(&pairs, &options, [start.into()]);
    let (still, shaken) = (relaxed(&still, 0), relaxed(&shaken, 0));
    assert!(still.converged && shaken.converged);
    assert_eq!(still.space_group.map(|group| group.get()), Some(221));
    assert_eq!(shaken.space_group_start.map(|group| group.get()), Some(221));
    assert!(
        shaken.energy_per_atom < still.energy_per_atom - 0.1,
        "{} {}",
        shaken.energy_per_atom,
        still.energy_per_atom
    );
}

#[test]
fn the_pressure_at_the_end_is_the_target() {
    let pairs = Pairs::morse();
    for (mode, target) in [(Mode::Symmetric { symprec: 0.01 }, 20.0), (Mode::Free { rattle: None }, -1.0)] {
        let options = Options { mode, pressure_gpa: target, smax_gpa: 0.001, ..Options::default() };
        let crystals = [distorted_rock_salt(3).into(), random_unit(62, 4).into(), random_unit(12, 4).into()];
        let results = run(&pairs, &options, crystals);
        for index in 0..3 {
            let found = relaxed(&results, index);
            assert!(found.converged);
            assert!((found.pressure_gpa() - target).abs() < 0.001, "{}", found.pressure_gpa());
            let pressure = target / GPA_PER_EV_PER_CUBIC_ANGSTROM;
            assert!((found.stress + Matrix3::identity() * pressure).amax() * GPA_PER_EV_PER_CUBIC_ANGSTROM < 0.001);
        }
    }
}

#[test]
fn constant_volume_and_fixed_cells() {
    let pairs = Pairs::morse();
    let crystals = || [Crystal::from(distorted_rock_salt(5)), random_unit(62, 6).into(), random_unit(160, 6).into()];
    for mode in [Mode::Symmetric { symprec: 0.01 }, Mode::Free { rattle: Some(Rattle::with_seed(2)) }] {
        let options = Options { mode, cell: CellFreedom::ConstantVolume, ..Options::default() };
        let results = run(&pairs, &options, crystals());
        for index in 0..3 {
            let found = relaxed(&results, index);
            assert!(found.converged && found.steps > 0);
            assert!((found.volume_per_atom / found.volume_start_per_atom - 1.0).abs() < 1e-10);
            let deviator = found.stress - Matrix3::identity() * (found.stress.trace() / 3.0);
            assert!((deviator.amax() * GPA_PER_EV_PER_CUBIC_ANGSTROM - found.max_stress_gpa).abs() < 1e-9);
            assert!(found.pressure_gpa().abs() > 0.2, "the volume is not that of zero pressure");
        }
        let options = Options { mode, cell: CellFreedom::Fixed, ..Options::default() };
        let results = run(&pairs, &options, crystals());
        for index in 0..3 {
            let found = relaxed(&results, index);
            assert!(found.converged && found.displacement.strain < 1e-9 && found.max_stress_gpa == 0.0);
        }
    }
}

#[test]
fn displacements_are_those_of_the_atoms() {
    let pairs = Pairs::morse();
    let start = distorted_rock_salt(8);
    let results = run(&pairs, &free(), [start.clone().into()]);
    let found = relaxed(&results, 0);
    let moved: Vec<Vector3<f64>> = start
        .sites()
        .iter()
        .zip(found.structure.sites())
        .map(|(before, after)| found.structure.lattice().to_cartesian(&(after.frac_coords - before.frac_coords)))
        .collect();
    // Two atoms move against each other: both as far from their mean.
    let expected = (moved[0] - moved[1]).norm() / 2.0;
    assert!(expected > 0.01);
    assert!((found.displacement.max - expected).abs() < 1e-9 && (found.displacement.rms - expected).abs() < 1e-9);
    let deformation = start.lattice().inverse() * found.structure.lattice().matrix();
    assert!(found.displacement.strain > 0.3 * (deformation - Matrix3::identity()).amax());
}

#[test]
fn each_divergence_ends_one_crystal_with_its_reason() {
    let pairs = Pairs::morse();
    let pair = |number, distance: f64| cubic(&[(number, [0.0; 3]), (11, [distance / 4.0, 0.0, 0.0])], 4.0);
    let salt = |number| cubic(&[(number, [0.0; 3]), (17, [0.5; 3])], 3.2);
    let gas = |number| cubic(&[(number, [0.0; 3]), (17, [0.5; 3])], 3.4);
    type Expected = fn(&RelaxError) -> bool;
    let crystals: [(Structure, Expected); 5] = [
        (
            pair(11, 0.3),
            |error| matches!(error, RelaxError::Diverged { steps: 0, reason: Divergence::Distance { distance, .. } } if (distance - 0.3).abs() < 1e-9),
        ),
        (
            pair(11, 0.7),
            |error| matches!(error, RelaxError::Diverged { steps: 0, reason: Divergence::Energy { energy_per_atom, .. } } if *energy_per_atom > 10.0),
        ),
        (salt(NOT_FINITE), |error| matches!(error, RelaxError::Diverged { steps: 0, reason: Divergence::NotFinite })),
        (
            salt(DEEP),
            |error| matches!(error, RelaxError::Diverged { steps: 0, reason: Divergence::Energy { lowest: -20.0, .. } } if true),
        ),
        (salt(90), |error| matches!(error, RelaxError::Start(_))),
    ];
    for options in [free(), Options::default()] {
        let good = std::iter::once(Crystal::from(distorted_rock_salt(1)));
        let results = run(&pairs, &options, crystals.iter().map(|(structure, _)| structure.clone().into()).chain(good));
        for (index, (_, is_expected)) in crystals.iter().enumerate() {
            let error = results[&index].as_ref().expect_err("a divergence");
            assert!(is_expected(error), "{index}: {error:?}");
        }
        assert!(relaxed(&results, crystals.len()).converged);
        // Under tension nothing holds the crystal together.
        let tension = Options { pressure_gpa: -60.0, ..options };
        let results = run(&pairs, &tension, [salt(11).into(), gas(REFUSED).into()]);
        let error = results[&0].as_ref().expect_err("a divergence");
        let by_volume =
            |reason: &Divergence| matches!(reason, Divergence::Volume { ratio, limit: 5.0 } if *ratio > 5.0);
        assert!(matches!(error, RelaxError::Diverged { steps: 1.., reason } if by_volume(reason)), "{error:?}");
        let error = results[&1].as_ref().expect_err("a divergence");
        assert!(matches!(error, RelaxError::Diverged { steps: 1.., reason: Divergence::Evaluation(_) }), "{error:?}");
        assert!(error.to_string().starts_with("diverged after"), "{error}");
    }
}

#[test]
fn steps_run_out_and_runs_can_be_stopped() {
    let pairs = Pairs::morse();
    let options = Options { max_steps: 3, fmax: 1e-9, ..free() };
    let results = run(&pairs, &options, [distorted_rock_salt(2).into()]);
    let found = relaxed(&results, 0);
    assert!(!found.converged && found.steps == 3 && found.energy_per_atom < found.energy_start_per_atom);
    let endless = (0_usize..).map(|index| (index, Crystal::from(distorted_rock_salt(index as u64))));
    let mut n = 0;
    let options = Options { batch_sites: Some(8), ..free() };
    relax(&pairs, &options, endless, |_, _| {
        n += 1;
        if n == 20 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })
    .expect("a stopped run is not an error");
    assert_eq!(n, 20);
    let nothing = Options { fmax: 0.0, ..free() };
    let error = relax(&pairs, &nothing, Vec::new(), |_, _| ControlFlow::Continue(())).expect_err("no limit of zero");
    assert!(matches!(error, RelaxError::Option { name: "fmax", .. }));
}

#[test]
fn sites_off_their_position_are_refused() {
    let pairs = Pairs::morse();
    let unit = AsymmetricUnit::from_structure(&cubic(&[(11, [0.0; 3]), (17, [0.5; 3])], 3.2), 0.01, Default::default())
        .expect("a unit");
    let (group, lattice) = (unit.space_group(), *unit.lattice());
    let mut sites = unit.sites().to_vec();
    let general = &group.wyckoff_positions()[0];
    sites[0] = AsymmetricSite::on_position(general, sites[0].species(), sites[0].frac_coords());
    let unit = AsymmetricUnit::new(group, lattice, sites).expect("every point is in general position");
    let results = run(&pairs, &Options::default(), [unit.into()]);
    assert!(
        matches!(results[&0], Err(RelaxError::Site { site: 0, images: 1, multiplicity: 48, .. })),
        "{:?}",
        results[&0]
    );
}
