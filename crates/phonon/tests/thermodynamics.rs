//! Density of states, thermal functions, stability and pictures.

use phonon::{
    BandStructure, Crystal, DensityOfStates, MeshFrequencies, Phonons, Settings, Stability, ThermalFunctions,
    ThermalPoint, compute, plot,
};

mod common;
use common::{PairPotential, bump, unit};

/// Springs between neighbours nearer than 3.7 Å, 2 eV/Å² at a rest length of 3 Å.
fn springs(_: &PairPotential, _: (crystal_core::Species, crystal_core::Species), r: f64) -> [f64; 3] {
    [(r - 3.0).powi(2), 2.0 * (r - 3.0), 2.0]
}

fn stable() -> Phonons {
    // Face-centred with neighbours at 3 Å.
    let crystal = Crystal::from_unit(&unit(225, &[3.0 * 2.0_f64.sqrt()], &[("Cu", [0.0; 3])])).expect("a crystal");
    let settings = Settings { mesh: Some([12; 3]), ..Settings::default() };
    compute(&PairPotential::new(3.7, springs), vec![crystal], &settings)
        .expect("good settings")
        .remove(0)
        .expect("phonons")
}

fn unstable() -> Phonons {
    let unit = unit(136, &[4.6, 2.9], &[("Ti", [0.0; 3]), ("O", [0.305, 0.305, 0.0])]);
    let crystal = Crystal::from_unit(&unit).expect("a crystal");
    compute(&PairPotential::new(3.9, bump), vec![crystal], &Settings::default())
        .expect("good settings")
        .remove(0)
        .expect("phonons")
}

fn integral(density: &DensityOfStates) -> f64 {
    let step = density.frequencies_thz[1] - density.frequencies_thz[0];
    density.density.iter().sum::<f64>() * step
}

#[test]
fn the_density_integrates_to_the_number_of_modes() {
    for phonons in [stable(), unstable()] {
        let modes = phonons.on_mesh().expect("a mesh");
        let density = DensityOfStates::new(&modes, 1000);
        let expected = phonons.dynamical_matrix().n_modes();
        assert!((integral(&density) - expected as f64).abs() < 1e-3 * expected as f64, "{}", integral(&density));
    }
}

fn at(modes: &MeshFrequencies, temperature: f64) -> ThermalPoint {
    ThermalFunctions::new(modes, &[temperature]).points[0]
}

#[test]
fn limits_of_the_thermal_functions() {
    let phonons = stable();
    let modes = phonons.on_mesh().expect("a mesh");
    let functions = ThermalFunctions::new(&modes, &[0.0]);
    // Only the three acoustic modes at Γ are left out.
    assert!((functions.left_out - 1.0 / 1728.0).abs() < 1e-9, "{}", functions.left_out);
    let included = 3.0 * (1.0 - functions.left_out);
    let zero = functions.points[0];
    assert!((zero.free_energy_ev - functions.zero_point_energy_ev).abs() < 1e-15 && zero.free_energy_ev > 0.0);
    assert_eq!((zero.entropy_j_k_mol, zero.heat_capacity_j_k_mol), (0.0, 0.0));
    // Zero-point energy: half of hν in the mean.
    let mean: f64 = modes
        .mesh()
        .points()
        .iter()
        .zip(modes.frequencies())
        .map(|(point, frequencies)| {
            point.weight as f64 * frequencies.iter().filter(|f| **f > 1e-3).sum::<f64>() / 1728.0
        })
        .sum();
    assert!((functions.zero_point_energy_ev - 0.5 * 4.135_667_696e-3 * mean).abs() < 1e-9);
    // Dulong and Petit: 3R per atom.
    let gas_constant = 8.314_462_618;
    let hot = at(&modes, 50_000.0);
    assert!((hot.heat_capacity_j_k_mol / (included * gas_constant) - 1.0).abs() < 1e-5, "{hot:?}");
    // The classical limit of F is kT Σ ln(hν/kT), and eV and kJ/mol are the same energy.
    assert!((hot.free_energy_kj_mol / hot.free_energy_ev - 96.485_332).abs() < 1e-5);
    // S = −∂F/∂T and C = T ∂S/∂T.
    for temperature in [20.0, 300.0, 900.0] {
        let step = 1e-3 * temperature;
        let (below, here, above) =
            (at(&modes, temperature - step), at(&modes, temperature), at(&modes, temperature + step));
        let slope = -(above.free_energy_kj_mol - below.free_energy_kj_mol) * 1000.0 / (2.0 * step);
        assert!((slope / here.entropy_j_k_mol - 1.0).abs() < 1e-4, "{temperature} K: {slope} {}", here.entropy_j_k_mol);
        let slope = temperature * (above.entropy_j_k_mol - below.entropy_j_k_mol) / (2.0 * step);
        assert!((slope / here.heat_capacity_j_k_mol - 1.0).abs() < 1e-4, "{temperature} K: {slope}");
        assert!(here.free_energy_ev < functions.zero_point_energy_ev);
    }
    // The T³ law needs long waves that a mesh does not have: at 2 K next to nothing is left.
    assert!(at(&modes, 2.0).heat_capacity_j_k_mol < 1e-2);
}

#[test]
fn the_verdict_names_its_grounds() {
    let phonons = stable();
    let verdict = phonons.stability(&phonons.on_mesh().expect("a mesh"));
    assert!(verdict.dynamically_stable && verdict.strictly_stable, "{verdict:?}");
    assert!(verdict.min_frequency_thz > 0.1, "the acoustic modes at Γ do not count: {verdict:?}");
    assert_eq!((verdict.supercell, verdict.mesh), ([4, 4, 4], [12, 12, 12]));
    assert_eq!((verdict.threshold_thz, verdict.strict_threshold_thz), (-0.1, -0.001));

    let phonons = unstable();
    let modes = phonons.on_mesh().expect("a mesh");
    let verdict: Stability = phonons.stability(&modes);
    assert!(!verdict.dynamically_stable && !verdict.strictly_stable, "{verdict:?}");
    let least = phonons.frequencies(&nalgebra::Vector3::from(verdict.min_qpoint))[0];
    assert!((least - verdict.min_frequency_thz).abs() < 1e-9);
    let every = modes.frequencies().iter().flatten().copied().fold(f64::INFINITY, f64::min);
    assert!((least - every).abs() < 1e-12);
    // A multiple of the supercell: every commensurate wave vector is on the mesh.
    let (mesh, supercell) = (verdict.mesh, verdict.supercell);
    assert!((0..3).all(|axis| mesh[axis] % supercell[axis] == 0), "{verdict:?}");
}

#[test]
fn reduced_and_whole_meshes_give_the_same_mean() {
    let phonons = unstable();
    let settings = Settings { mesh: Some([3, 3, 4]), ..Settings::default() };
    let mesh = phonon::Mesh::new(phonons.crystal(), phonons.supercell(), &settings).expect("a mesh");
    assert_eq!(mesh.points().iter().map(|point| point.weight).sum::<usize>(), 36);
    assert!(mesh.points().len() < 18);
    let square = |frequencies: Vec<f64>| frequencies.iter().map(|f| f * f.abs()).sum::<f64>();
    let at = |q: [f64; 3]| square(phonons.frequencies(&nalgebra::Vector3::from(q)));
    let reduced: f64 = mesh.points().iter().map(|point| point.weight as f64 * at(point.qpoint)).sum();
    let mut whole = 0.0;
    for (i, j, k) in (0..3).flat_map(|i| (0..3).flat_map(move |j| (0..4).map(move |k| (i, j, k)))) {
        whole += at([f64::from(i) / 3.0, f64::from(j) / 3.0, f64::from(k) / 4.0]);
    }
    assert!((reduced / whole - 1.0).abs() < 1e-9, "{reduced} {whole}");
}

#[test]
fn bands_and_density_as_a_picture() {
    for (phonons, imaginary) in [(stable(), false), (unstable(), true)] {
        let bands: BandStructure = phonons.band_structure(0.02).expect("bands");
        assert!(bands.segments.iter().all(|segment| {
            segment.frequencies_thz.iter().all(|frequencies| frequencies.len() == phonons.dynamical_matrix().n_modes())
                && segment.distances.windows(2).all(|pair| pair[1] - pair[0] < 0.02 + 1e-9)
        }));
        let density = DensityOfStates::new(&phonons.on_mesh().expect("a mesh"), 400);
        let svg = plot::bands_and_density("title & text", &bands, &density).expect("a picture");
        assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"));
        assert!(svg.contains('Γ') && svg.contains("frequency (THz)") && svg.contains("title &amp; text"));
        assert_eq!(svg.contains("#C82828"), imaginary);
        if let Some(folder) = std::env::var_os("DRUSE_KEEP_PICTURES") {
            let path = std::path::Path::new(&folder).join(format!("{}.svg", bands.bravais));
            std::fs::write(path, svg).expect("a folder to write to");
        }
    }
    assert!(stable().band_structure(0.0).is_err());
}
