//! CrystalNN fingerprints against matminer 0.9.0.

mod common;

use std::collections::BTreeMap;

use common::largest_difference;
use metrics::{SiteFingerprint, crystalnn_fingerprint, density, structure_valid};
use nalgebra::{Matrix3, Rotation3, Vector3};
use serde::Deserialize;
use test_support::{Crystal, GoldenSet, golden_tests};

/// Mean fingerprints of this many of a hundred structures must agree to [`TOLERANCE`].
const WANTED: usize = 97;
const TOLERANCE: f64 = 1e-6;
/// An unrounded weight this close to a rounding boundary (…, 0.0005, 0.0015, …) may round either way.
const BOUNDARY: f64 = 1e-8;

#[derive(Deserialize)]
struct GoldenSite {
    fp: BTreeMap<usize, f64>,
    cn: usize,
    cn_weights: BTreeMap<usize, f64>,
    nn: Vec<[f64; 7]>,
    #[serde(default)]
    ambiguous: BTreeMap<usize, [f64; 2]>,
}

#[derive(Deserialize)]
struct GoldenStructure {
    id: String,
    #[serde(flatten)]
    crystal: Crystal,
    struct_valid: bool,
    density: f64,
    volume: f64,
    crystalnn_mean: Option<Vec<f64>>,
    crystalnn_sites: Option<Vec<GoldenSite>>,
    #[serde(default)]
    crystalnn_error: Option<String>,
    crystalnn_oracle_resetting_maxdiff: Option<f64>,
}

/// Distance of an unrounded weight to the nearest rounding boundary.
fn boundary_distance(weight: f64) -> f64 {
    ((1000.0 * weight).rem_euclid(1.0) - 0.5).abs() / 1000.0
}

/// Why a site may differ from the golden one, if it may.
fn excuse(found: &SiteFingerprint, golden: &GoldenSite) -> Option<String> {
    let weights =
        found.neighbours.iter().map(|neighbour| neighbour.unrounded_weight).chain(golden.nn.iter().map(|row| row[6]));
    let nearest = weights.map(boundary_distance).fold(f64::INFINITY, f64::min);
    if nearest < BOUNDARY {
        return Some(format!("a weight is {nearest:.1e} from a rounding boundary"));
    }
    (!golden.ambiguous.is_empty()).then(|| "matminer contradicts itself here".to_owned())
}

golden_tests!(
    means_and_sites_match,
    neighbours_and_weights_match,
    density_volume_and_validity_match,
    other_descriptions_of_the_crystal_change_nothing,
);

fn means_and_sites_match(golden: GoldenSet) {
    let structures: Vec<GoldenStructure> = golden.read("structures");
    let (mut agreeing, mut compared, mut worst) = (0, 0, 0.0_f64);
    let (mut n_sites, mut n_alike) = (0, 0);
    for golden in &structures {
        let structure = golden.crystal.structure();
        let found = crystalnn_fingerprint(&structure);
        let (Some(mean), Some(sites)) = (&golden.crystalnn_mean, &golden.crystalnn_sites) else {
            assert!(golden.crystalnn_error.is_some() && found.is_err(), "{}", golden.id);
            continue;
        };
        let found = found.unwrap_or_else(|error| panic!("{}: {error}", golden.id));
        compared += 1;
        let difference = largest_difference(&found.mean, mean);
        if difference <= TOLERANCE {
            agreeing += 1;
            worst = worst.max(difference);
        } else {
            println!("{}: mean differs by {difference:.2e}", golden.id);
        }
        for (index, (site, expected)) in found.sites.iter().zip(sites).enumerate() {
            n_sites += 1;
            let mut features = [0.0; metrics::N_FEATURES];
            expected.fp.iter().for_each(|(feature, value)| features[*feature] = *value);
            let difference = largest_difference(&site.features, &features);
            if difference <= TOLERANCE {
                assert_eq!(site.coordination_number, expected.cn, "{} site {index}", golden.id);
                assert_eq!(site.neighbours.len(), expected.nn.len(), "{} site {index}", golden.id);
                for (number, weight) in &site.cn_weights {
                    let golden_weight = expected.cn_weights.get(number).copied().unwrap_or(0.0);
                    assert!((weight - golden_weight).abs() < TOLERANCE, "{} site {index} CN {number}", golden.id);
                }
                n_alike += 1;
            } else {
                let excuse = excuse(site, expected);
                println!("{} site {index}: differs by {difference:.2e}: {excuse:?}", golden.id);
                assert!(excuse.is_some(), "{} site {index} differs by {difference} for no known reason", golden.id);
            }
        }
    }
    println!(
        "{agreeing} of {compared} structures within {TOLERANCE:e}, the largest difference among them {worst:.1e}; {n_alike} of {n_sites} sites alike"
    );
    assert!(agreeing * 100 >= WANTED * compared, "only {agreeing} of {compared} agree");
}

fn neighbours_and_weights_match(golden: GoldenSet) {
    let structures: Vec<GoldenStructure> = golden.read("structures");
    let (mut worst, mut n_weights) = (0.0_f64, 0);
    for entry in &structures {
        let Some(sites) = &entry.crystalnn_sites else { continue };
        let found = crystalnn_fingerprint(&entry.crystal.structure()).expect("matminer has one");
        for (site, expected) in found.sites.iter().zip(sites) {
            if !expected.ambiguous.is_empty() || site.neighbours.len() != expected.nn.len() {
                continue;
            }
            for (neighbour, row) in site.neighbours.iter().zip(&expected.nn) {
                assert!((neighbour.distance - row[4]).abs() < 1e-6, "{}: {} {}", entry.id, neighbour.distance, row[4]);
                worst = worst.max((neighbour.unrounded_weight - row[6]).abs());
                n_weights += 1;
            }
        }
    }
    println!("{n_weights} unrounded weights, largest difference {worst:.1e}");
    assert!(n_weights > golden.at_least(2500, 5000) && worst < 1e-7);
}

fn density_volume_and_validity_match(golden: GoldenSet) {
    let structures: Vec<GoldenStructure> = golden.read("structures");
    for golden in &structures {
        let structure = golden.crystal.structure();
        let relative = |found: f64, expected: f64| (found - expected).abs() / expected;
        assert!(relative(density(&structure).expect("known masses"), golden.density) < 1e-9, "{}", golden.id);
        assert!(relative(structure.lattice().volume(), golden.volume) < 1e-9, "{}", golden.id);
        assert_eq!(structure_valid(&structure), golden.struct_valid, "{}", golden.id);
    }
}

/// The mean does not depend on the frame, the origin, the cell or the order of the sites; matminer's own scatter stands
/// in the golden file, ours has to stay below [`TOLERANCE`] where no rounding is at stake.
fn other_descriptions_of_the_crystal_change_nothing(golden: GoldenSet) {
    let structures: Vec<GoldenStructure> = golden.read("structures");
    let rotation = Rotation3::from_euler_angles(0.3, -1.1, 2.0);
    let skew = Matrix3::new(1.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0, -1.0, 1.0);
    for golden in structures
        .iter()
        .filter(|golden| golden.crystalnn_oracle_resetting_maxdiff.is_some_and(|scatter| scatter < 1e-12))
    {
        let structure = golden.crystal.structure();
        let reference = crystalnn_fingerprint(&structure).expect("matminer has one");
        let matrix = skew * structure.lattice().matrix() * rotation.matrix();
        let back = skew.try_inverse().expect("unimodular").transpose();
        let mut sites = structure.sites().to_vec();
        sites.iter_mut().for_each(|site| site.frac_coords = back * site.frac_coords + Vector3::new(0.31, 0.77, -2.4));
        sites.reverse();
        let lattice = crystal_core::Lattice::new(matrix).expect("a cell");
        let changed = crystal_core::Structure::allowing_overlap(lattice, sites).expect("a structure");
        let found = crystalnn_fingerprint(&changed).expect("the same crystal");
        let at_stake = reference.sites.iter().flat_map(|site| &site.neighbours);
        if at_stake.map(|neighbour| boundary_distance(neighbour.unrounded_weight)).any(|distance| distance < 1e-10) {
            continue;
        }
        let difference = largest_difference(&found.mean, &reference.mean);
        assert!(difference < TOLERANCE, "{}: {difference}", golden.id);
    }
}
