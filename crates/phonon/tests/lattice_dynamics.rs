//! Frequencies against closed formulas and against dynamical matrices from analytic second derivatives.

use crystal_core::{Lattice, Site, Structure};
use nalgebra::{Matrix3, Rotation3, Vector3};
use phonon::{Crystal, PhononError, Phonons, Settings, THZ_PER_ROOT, Warning, compute};
use potential::Potential;

mod common;
use common::{PairPotential, assert_close, bump, frequencies, unit, with_lattice};

fn one(potential: &dyn Potential, crystal: Crystal, settings: &Settings) -> Phonons {
    let mut all = compute(potential, vec![crystal], settings).expect("the settings are good");
    all.pop().expect("one crystal").expect("phonons")
}

const QPOINTS: [[f64; 3]; 5] =
    [[0.0, 0.0, 0.0], [0.5, 0.0, 0.5], [0.1, 0.2, 0.3], [0.37, -0.11, 0.05], [0.25, 0.5, -0.4]];

/// Springs between nearest neighbours at 2.5 Å, 3 eV/Å².
fn springs(_: &PairPotential, _: (crystal_core::Species, crystal_core::Species), r: f64) -> [f64; 3] {
    [1.5 * (r - 2.5).powi(2), 3.0 * (r - 2.5), 3.0]
}

/// Springs are transversely soft: the quartic energy of a displacement shows there as ω ~ u.
const TINY: Settings =
    Settings { supercell: None, least_height: 8.0, displacement: 5e-4, mesh: None, mesh_length: 40.0, symprec: 0.01 };

#[test]
fn monatomic_chains_of_a_simple_cubic_lattice() {
    // Central springs leave the three directions apart: ω² = (2k/m)(1 − cos 2πq).
    let crystal = Crystal::from_unit(&unit(221, &[2.5], &[("Cu", [0.0; 3])])).expect("a crystal");
    let mass = crystal.masses()[0];
    let phonons = one(&PairPotential::new(3.0, springs), crystal, &TINY);
    assert_eq!(phonons.supercell().multiples(), [4, 4, 4]);
    assert_eq!(phonons.displacements().len(), 1);
    for q in QPOINTS {
        let mut expected =
            q.map(|q| (6.0 / mass * (1.0 - (std::f64::consts::TAU * q).cos())).max(0.0).sqrt() * THZ_PER_ROOT);
        expected.sort_by(f64::total_cmp);
        assert_close(&phonons.frequencies(&Vector3::from(q)), &expected, 2e-3, &format!("{q:?}"));
    }
}

#[test]
fn diatomic_chains_of_rock_salt() {
    // Along each cubic axis: ω² = k(1/m + 1/M) ± k √((1/m + 1/M)² − 4 sin²(kd)/(mM)), d the distance of neighbours.
    let unit = unit(225, &[5.0], &[("Na", [0.0; 3]), ("Cl", [0.5; 3])]);
    let crystal = Crystal::from_unit(&unit).expect("a crystal");
    let (light, heavy) = (crystal.masses()[0], crystal.masses()[1]);
    let lattice = *crystal.lattice();
    let phonons = one(&PairPotential::new(3.0, springs), crystal, &TINY);
    assert_eq!(phonons.displacements().len(), 2);
    for q in QPOINTS {
        // 1/Å without 2π.
        let cartesian = lattice.inverse() * Vector3::from(q);
        let mut expected = Vec::new();
        for component in cartesian.iter() {
            let sum = 1.0 / light + 1.0 / heavy;
            let sine = (std::f64::consts::TAU * component * 2.5).sin();
            let root = (sum * sum - 4.0 * sine * sine / (light * heavy)).max(0.0).sqrt();
            expected.extend([-1.0, 1.0].map(|sign| (3.0 * (sum + sign * root)).max(0.0).sqrt() * THZ_PER_ROOT));
        }
        expected.sort_by(f64::total_cmp);
        assert_close(&phonons.frequencies(&Vector3::from(q)), &expected, 3e-3, &format!("{q:?}"));
    }
}

/// Lennard-Jones of argon, smoothly zero at the cut-off: `4ε((σ/r)¹² − (σ/r)⁶)·(1 − (r/r_c)²)³`.
fn lennard_jones(potential: &PairPotential, _: (crystal_core::Species, crystal_core::Species), r: f64) -> [f64; 3] {
    let (epsilon, sigma, cutoff) = (0.0104, 3.40, potential.cutoff);
    let (s6, s12) = ((sigma / r).powi(6), (sigma / r).powi(12));
    let value = 4.0 * epsilon * (s12 - s6);
    let first = 4.0 * epsilon * (-12.0 * s12 + 6.0 * s6) / r;
    let second = 4.0 * epsilon * (156.0 * s12 - 42.0 * s6) / (r * r);
    let rest = 1.0 - (r / cutoff).powi(2);
    let slope = -2.0 * r / (cutoff * cutoff);
    let (w, w1) = (rest.powi(3), 3.0 * rest.powi(2) * slope);
    let w2 = 6.0 * rest * slope * slope - 6.0 * rest.powi(2) / (cutoff * cutoff);
    [value * w, first * w + value * w1, second * w + 2.0 * first * w1 + value * w2]
}

#[test]
fn face_centred_argon_against_analytic_second_derivatives() {
    let potential = PairPotential::new(6.5, lennard_jones);
    let crystal = Crystal::from_unit(&unit(225, &[5.3], &[("Ar", [0.0; 3])])).expect("a crystal");
    // 15.3 Å high: no two images of one atom within twice the cut-off.
    let settings = Settings { supercell: Some([5, 5, 5]), displacement: 0.003, ..Settings::default() };
    let phonons = one(&potential, crystal.clone(), &settings);
    for q in QPOINTS.map(Vector3::from) {
        let expected = frequencies(&potential.dynamical_matrix(crystal.primitive(), crystal.masses(), &q));
        assert_close(&phonons.frequencies(&q), &expected, 2e-4, &format!("{q:?}"));
    }
    let modes = phonons.on_mesh().expect("a mesh");
    assert!(phonons.stability(&modes).dynamically_stable);
    assert!(phonons.warnings().is_empty(), "{:?}", phonons.warnings());
}

/// Crystals of all crystal systems and centrings, with sites on special positions, screw axes and glide planes. Not at
/// equilibrium.
fn crystals() -> Vec<(i64, Crystal)> {
    let general = [("O", [0.0917, 0.1773, 0.2879])];
    type Sites = Vec<(&'static str, [f64; 3])>;
    let cells: [(i64, &[f64], Sites); 20] = [
        (1, &[4.5, 5.1, 5.6, 83.0, 97.0, 104.0], vec![("O", [0.1, 0.2, 0.3]), ("Si", [0.6, 0.5, 0.8])]),
        (2, &[4.5, 5.1, 5.6, 83.0, 97.0, 104.0], vec![("O", [0.1, 0.2, 0.3]), ("Si", [0.0, 0.0, 0.5])]),
        (5, &[6.5, 4.1, 5.6, 103.0], general.to_vec()),
        (9, &[6.5, 4.6, 5.6, 103.0], general.to_vec()),
        (14, &[5.5, 5.1, 5.6, 103.0], vec![("O", [0.0917, 0.1773, 0.2879]), ("Si", [0.0, 0.0, 0.0])]),
        (33, &[5.5, 5.1, 4.6], general.to_vec()),
        (38, &[4.5, 6.1, 7.6], vec![("O", [0.0, 0.1773, 0.2879]), ("Si", [0.5, 0.0, 0.1])]),
        (43, &[6.5, 7.1, 8.6], vec![("O", [0.0, 0.0, 0.1])]),
        (64, &[6.5, 7.1, 4.6], vec![("O", [0.25, 0.1, 0.25])]),
        (74, &[6.5, 5.1, 4.6], vec![("O", [0.0, 0.25, 0.1]), ("Si", [0.0, 0.0, 0.0])]),
        (88, &[5.5, 7.1], vec![("O", [0.0, 0.25, 0.125])]),
        (92, &[5.5, 6.1], vec![("O", [0.2, 0.2, 0.0])]),
        (136, &[4.6, 2.9], vec![("Ti", [0.0; 3]), ("O", [0.305, 0.305, 0.0])]),
        (152, &[4.4, 5.9], vec![("Te", [0.26, 0.0, 1.0 / 3.0])]),
        (148, &[5.5, 9.1], vec![("Ti", [0.0, 0.0, 0.2]), ("O", [0.3, 0.02, 0.25])]),
        (160, &[4.5, 8.1], vec![("Ti", [0.0, 0.0, 0.2]), ("O", [0.2, 0.8, 0.25])]),
        (176, &[5.9, 4.1], vec![("O", [0.3, 0.05, 0.25])]),
        (194, &[3.2, 5.2], vec![("Mg", [1.0 / 3.0, 2.0 / 3.0, 0.25])]),
        (205, &[5.4], vec![("O", [0.11, 0.11, 0.11])]),
        (227, &[5.4], vec![("Si", [0.125; 3])]),
    ];
    cells
        .into_iter()
        .map(|(number, free, sites)| (number, Crystal::from_unit(&unit(number, free, &sites)).expect("a crystal")))
        .collect()
}

#[test]
fn every_kind_of_symmetry_against_analytic_second_derivatives() {
    let potential = PairPotential::new(3.9, bump);
    let (numbers, all): (Vec<i64>, Vec<Crystal>) = crystals().into_iter().unzip();
    // All crystals in one batch.
    let settings = Settings { displacement: 0.003, ..Settings::default() };
    for (number, phonons) in numbers.into_iter().zip(compute(&potential, all, &settings).expect("good settings")) {
        let phonons = phonons.unwrap_or_else(|error| panic!("{number}: {error}"));
        let crystal = phonons.crystal();
        assert!(phonons.supercell().has_full_symmetry(), "{number}");
        for q in QPOINTS.map(Vector3::from) {
            let expected = potential.dynamical_matrix(crystal.primitive(), crystal.masses(), &q);
            let found = phonons.dynamical_matrix().at(&q);
            let scale = expected.iter().map(|x| x.norm()).fold(0.0, f64::max);
            let largest = (&found - &expected).iter().map(|x| x.norm()).fold(0.0, f64::max);
            assert!(largest < 1e-4 * scale, "group {number} at {q:?}: {largest} of {scale}");
            // The eigen-solver on what it was given.
            let trace: f64 = frequencies(&expected).iter().map(|x| (x / THZ_PER_ROOT) * (x / THZ_PER_ROOT).abs()).sum();
            assert!((trace - expected.trace().re).abs() < 1e-9 * scale * 100.0, "group {number}");
        }
    }
}

#[test]
fn force_constants_obey_the_sum_rules() {
    let potential = PairPotential::new(3.9, bump);
    for (number, crystal) in crystals() {
        let phonons = one(&potential, crystal, &Settings::default());
        let constants = phonons.force_constants();
        let n_atoms = phonons.supercell().structure().n_sites();
        for site in 0..phonons.crystal().n_sites() {
            let sum: Matrix3<f64> = (0..n_atoms).map(|atom| constants.block(site, atom)).sum();
            assert!(sum.amax() < 1e-12, "{number}: {sum}");
        }
        let at_gamma = phonons.frequencies(&Vector3::zeros());
        assert_eq!(at_gamma.iter().filter(|frequency| frequency.abs() < 1e-5).count(), 3, "{number}: {at_gamma:?}");
        // A potential of pairs has these symmetries by itself: what is left are higher orders of the displacement.
        let asymmetry = constants.asymmetry();
        assert!(asymmetry.translation < 1e-3 && asymmetry.permutation < 1e-3, "{number}: {asymmetry:?}");
    }
}

#[test]
fn noise_in_the_forces_does_not_break_the_symmetries() {
    /// Adds a reproducible error of up to 1e-4 eV/Å to each component.
    #[derive(Debug)]
    struct Noisy(PairPotential);
    impl Potential for Noisy {
        fn identity(&self) -> &potential::Identity {
            self.0.identity()
        }
        fn elements(&self) -> &[crystal_core::Species] {
            self.0.elements()
        }
        fn energies(
            &self,
            structures: &[Structure],
        ) -> Result<Vec<Result<f64, potential::PotentialError>>, potential::PotentialError> {
            self.0.energies(structures)
        }
        fn evaluate(
            &self,
            structures: &[Structure],
        ) -> Result<Vec<Result<potential::Evaluation, potential::PotentialError>>, potential::PotentialError> {
            let mut state = 1.0_f64;
            let mut evaluations = self.0.evaluate(structures)?;
            for force in evaluations.iter_mut().flatten().flat_map(|evaluation| &mut evaluation.forces) {
                for component in force.iter_mut() {
                    state = (state * 997.13).fract() + 0.1;
                    *component += 2e-4 * (state - 0.6);
                }
            }
            Ok(evaluations)
        }
        fn evaluate_symmetric(
            &self,
            units: &[crystal_core::AsymmetricUnit],
        ) -> Result<Vec<Result<potential::Evaluation, potential::PotentialError>>, potential::PotentialError> {
            self.0.evaluate_symmetric(units)
        }
    }
    let unit = unit(136, &[4.6, 2.9], &[("Ti", [0.0; 3]), ("O", [0.305, 0.305, 0.0])]);
    let crystal = Crystal::from_unit(&unit).expect("a crystal");
    let phonons = one(&Noisy(PairPotential::new(3.9, bump)), crystal.clone(), &Settings::default());
    let asymmetry = phonons.force_constants().asymmetry();
    assert!(asymmetry.translation > 1e-4 && asymmetry.permutation > 1e-4, "{asymmetry:?}");
    let at_gamma = phonons.frequencies(&Vector3::zeros());
    assert_eq!(at_gamma.iter().filter(|frequency| frequency.abs() < 1e-5).count(), 3, "{at_gamma:?}");
    // Equivalent wave vectors have equal frequencies, and D(q) is Hermitian with D(−q) = D(q)*.
    let q = Vector3::new(0.13, 0.29, 0.41);
    let expected = phonons.frequencies(&q);
    for operation in crystal.operations() {
        let image = operation.rotation.map(f64::from).transpose() * q;
        assert_close(&phonons.frequencies(&image), &expected, 1e-9, &format!("{operation:?}"));
    }
    let conjugate = phonons.dynamical_matrix().at(&-q).map(|x| x.conj());
    let largest = (phonons.dynamical_matrix().at(&q) - conjugate).iter().map(|x| x.norm()).fold(0.0, f64::max);
    assert!(largest < 1e-14, "{largest}");
}

#[test]
fn frequencies_do_not_depend_on_the_cell_that_is_given() {
    let potential = PairPotential::new(3.9, bump);
    let unit = unit(136, &[4.6, 2.9], &[("Ti", [0.0; 3]), ("O", [0.305, 0.305, 0.0])]);
    let original = unit.expand().expect("a structure");
    let rotation = Rotation3::from_euler_angles(0.3, -1.1, 2.0).matrix().transpose();
    // A skewed, turned and shifted cell of twice the volume.
    let change = Matrix3::new(1.0, 1.0, 0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 2.0);
    let lattice = Lattice::new(change * original.lattice().matrix() * rotation).expect("a cell");
    let to_new = change.transpose().try_inverse().expect("invertible");
    let shift = Vector3::new(0.21, 0.05, -0.3);
    let sites = original.sites().iter().flat_map(|site| {
        [0.0, 1.0]
            .map(|z| Site { frac_coords: to_new * (site.frac_coords + Vector3::new(0.0, 0.0, z)) + shift, ..*site })
    });
    let changed = Structure::new(lattice, sites.collect()).expect("a structure");
    let settings = Settings::default();
    let crystal = Crystal::from_structure(&changed, settings.symprec).expect("a crystal");
    assert_eq!((crystal.n_sites(), crystal.space_group().number().get()), (6, 136));
    let from_changed = one(&potential, crystal, &settings);
    let from_original = one(&potential, Crystal::from_unit(&unit).expect("a crystal"), &settings);
    for q in QPOINTS.map(Vector3::from) {
        // The wave vector in the new cell's reduced coordinates: k' = C·k, as the phases at its vectors say.
        let in_changed = from_changed.crystal().qpoint_of_input(&(change * q));
        assert_close(&from_changed.frequencies(&in_changed), &from_original.frequencies(&q), 1e-6, &format!("{q:?}"));
    }
    let expected = from_original.stability(&from_original.on_mesh().expect("a mesh"));
    let found = from_changed.stability(&from_changed.on_mesh().expect("a mesh"));
    assert!((found.min_frequency_thz - expected.min_frequency_thz).abs() < 1e-6, "{found:?} {expected:?}");
}

#[test]
fn a_supercell_of_less_symmetry_gives_the_same_frequencies() {
    let potential = PairPotential::new(3.9, bump);
    let crystal = Crystal::from_unit(&unit(225, &[4.4], &[("Na", [0.0; 3]), ("Cl", [0.5; 3])])).expect("a crystal");
    let exact = one(&potential, crystal.clone(), &Settings { displacement: 0.003, ..Settings::default() });
    let settings = Settings { supercell: Some([4, 4, 5]), displacement: 0.003, ..Settings::default() };
    let phonons = one(&potential, crystal, &settings);
    assert!(!phonons.supercell().has_full_symmetry());
    assert!(phonons.displacements().len() > exact.displacements().len());
    assert!(
        phonons.warnings().iter().any(|warning| matches!(warning, Warning::SupercellSymmetry { operations: 48, .. }))
    );
    for q in QPOINTS.map(Vector3::from) {
        assert_close(&phonons.frequencies(&q), &exact.frequencies(&q), 1e-3, &format!("{q:?}"));
    }
}

#[test]
fn what_is_wrong_is_said() {
    let potential = PairPotential::new(3.9, bump);
    let distorted = unit(1, &[4.5, 5.1, 5.6, 83.0, 97.0, 104.0], &[("O", [0.1, 0.2, 0.3]), ("Si", [0.5, 0.5, 0.6])]);
    let crystal = Crystal::from_unit(&distorted).expect("a crystal");
    let settings = Settings { supercell: Some([1, 1, 1]), ..Settings::default() };
    let phonons = one(&potential, crystal.clone(), &settings);
    assert!(phonons.residual_force() > 0.01);
    let texts: Vec<String> = phonons.warnings().iter().map(ToString::to_string).collect();
    assert!(texts.iter().any(|text| text.contains("druse relax")), "{texts:?}");
    assert!(texts.iter().any(|text| text.contains("larger multiples")), "{texts:?}");

    let huge = Settings { supercell: Some([100, 100, 100]), ..Settings::default() };
    let results = compute(&potential, vec![crystal.clone()], &huge).expect("good settings");
    assert!(matches!(results[0], Err(PhononError::Supercell { multiples: [100, 100, 100], .. })), "{:?}", results[0]);

    // A lattice without the symmetry of its group.
    let stretched = Lattice::new(Matrix3::from_diagonal(&Vector3::new(5.0, 5.0, 5.2))).expect("a cell");
    let group = crystal_core::SpaceGroup::from_number(225).expect("a space group");
    let unit = with_lattice(group, stretched, &[("Na", [0.0; 3])]);
    assert!(matches!(Crystal::from_unit(&unit), Err(PhononError::LatticeSymmetry { space_group: 225 })));

    // A mesh that is too fine.
    let phonons = one(&potential, crystal, &Settings { mesh: Some([1000; 3]), ..Settings::default() });
    assert!(matches!(phonons.on_mesh(), Err(PhononError::Setting { name: "mesh", .. })));
}
