//! Coverage, Fréchet and Wasserstein distances of sets of structures against CDVAE's and scipy's.

mod common;

use std::collections::BTreeMap;

use common::largest_difference;
use crystal_core::{Lattice, Site, Species, Structure};
use metrics::{
    CoverageCutoffs, Evaluation, Fingerprints, MetricsError, crystalnn_fingerprint, evaluate, evaluate_with_cutoffs,
    fingerprints, frechet_distance, table1_samples,
};
use nalgebra::Vector3;
use serde::Deserialize;
use test_support::{Crystal, GoldenSet, golden_tests};

const TOLERANCE: f64 = 1e-6;

#[derive(Deserialize)]
struct Set {
    ids: Vec<String>,
    structures: Vec<Crystal>,
    struct_fp: Vec<Vec<f64>>,
    comp_fp: Vec<Vec<Option<f64>>>,
    /// Only where the published weights of CGCNN were at hand.
    cgcnn32: Option<Vec<Vec<f64>>>,
    density: Vec<f64>,
    n_elements: Vec<usize>,
    struct_valid: Vec<bool>,
    smact_valid: Vec<bool>,
}

#[derive(Deserialize)]
struct GoldenCoverage {
    cov_recall: f64,
    cov_precision: f64,
    amsd_recall: f64,
    amsd_precision: f64,
    amcd_recall: f64,
    amcd_precision: f64,
}

#[derive(Deserialize)]
struct GoldenResult {
    r#gen: String,
    r#ref: String,
    #[serde(rename = "cov_cutoffs_0.4_10")]
    mp_20: GoldenCoverage,
    #[serde(rename = "cov_cutoffs_0.2_4")]
    perov_5: GoldenCoverage,
    #[serde(rename = "cov_cutoffs_0.1_2")]
    narrow: GoldenCoverage,
    fd_crystalnn_eigh: f64,
    fd_cgcnn32_eigh: Option<f64>,
    wdist_density: f64,
    wdist_nelem: f64,
    validity: BTreeMap<String, f64>,
}

#[derive(Deserialize)]
struct GoldenSets {
    sets: BTreeMap<String, Set>,
    results: Vec<GoldenResult>,
}

impl Set {
    fn structures(&self) -> Vec<Structure> {
        self.structures.iter().map(Crystal::structure).collect()
    }

    /// Our fingerprints of everything but CrystalNN, whose golden vectors are put in: this tests the comparison of sets
    /// alone.
    fn with_golden_vectors(&self) -> Vec<Fingerprints> {
        let ours = fingerprints(&self.structures(), &|_| {});
        ours.into_iter()
            .zip(&self.struct_fp)
            .map(|(ours, golden)| Fingerprints { crystalnn: Some(golden.clone()), ..ours })
            .collect()
    }
}

fn assert_close(found: f64, expected: f64, what: &str) {
    assert!((found - expected).abs() <= TOLERANCE, "{what}: {found} instead of {expected}");
}

fn assert_coverage(found: &Evaluation, expected: &GoldenCoverage, what: &str) {
    for (found, expected) in [
        (found.cov_recall, expected.cov_recall),
        (found.cov_precision, expected.cov_precision),
        (found.amsd_recall, expected.amsd_recall),
        (found.amsd_precision, expected.amsd_precision),
        (found.amcd_recall, expected.amcd_recall),
        (found.amcd_precision, expected.amcd_precision),
    ] {
        assert_close(found, expected, what);
    }
}

golden_tests!(sets_compare_as_cdvae_and_scipy_compare_them, fingerprints_of_the_sets_match);

fn sets_compare_as_cdvae_and_scipy_compare_them(golden: GoldenSet) {
    let GoldenSets { sets, results } = golden.read("cov_fd");
    let prepared: BTreeMap<_, _> = sets.iter().map(|(name, set)| (name.as_str(), set.with_golden_vectors())).collect();
    let mut n_cgcnn = 0;
    for result in &results {
        let (generated, reference) = (&prepared[result.r#gen.as_str()], &prepared[result.r#ref.as_str()]);
        let found = evaluate(generated, reference).expect("two good sets");
        assert_coverage(&found, &result.mp_20, &result.r#gen);
        for (cutoffs, expected) in [
            (CoverageCutoffs::PEROV_5, &result.perov_5),
            (CoverageCutoffs { structure: 0.1, composition: 2.0 }, &result.narrow),
        ] {
            let found = evaluate_with_cutoffs(generated, reference, cutoffs).expect("two good sets");
            assert_coverage(&found, expected, &result.r#gen);
        }
        assert_close(found.fd_crystalnn, result.fd_crystalnn_eigh, "FD CrystalNN");
        assert_close(found.wasserstein_density, result.wdist_density, "W density");
        assert_close(found.wasserstein_n_elements, result.wdist_nelem, "W elements");
        assert_close(found.structure_validity, result.validity["struct"], "structure validity");
        assert_close(found.composition_validity, result.validity["smact"], "composition validity");
        let cgcnn = |name: &str| Some(sets[name].cgcnn32.as_ref()?.iter().map(Vec::as_slice).collect::<Vec<_>>());
        if let Some(expected) = result.fd_cgcnn32_eigh {
            let [generated, reference] =
                [&result.r#gen, &result.r#ref].map(|name| cgcnn(name).expect("features of CGCNN"));
            let found = frechet_distance(&generated, &reference).expect("two good sets");
            assert_close(found, expected, "FD CGCNN");
            n_cgcnn += 1;
        }
        println!(
            "{} against {}: FD off by {:.1e}",
            result.r#gen,
            result.r#ref,
            found.fd_crystalnn - result.fd_crystalnn_eigh
        );
    }
    assert_eq!((results.len(), n_cgcnn), (golden.at_least(2, 3), golden.at_least(0, 3)));
}

fn fingerprints_of_the_sets_match(golden: GoldenSet) {
    let GoldenSets { sets, .. } = golden.read("cov_fd");
    let (mut agreeing, mut compared) = (0, 0);
    for set in sets.values() {
        let found = fingerprints(&set.structures(), &|_| {});
        for (index, found) in found.iter().enumerate() {
            let id = &set.ids[index];
            let vector = found.crystalnn.as_ref().unwrap_or_else(|| panic!("{id}: {:?}", found.error));
            let difference = largest_difference(vector, &set.struct_fp[index]);
            compared += 1;
            if difference <= TOLERANCE {
                agreeing += 1;
            } else {
                let excuse = excuse(&set.structures[index].structure(), vector, &set.struct_fp[index]);
                println!("{id}: differs by {difference:.2e}: {excuse:?}");
                assert!(excuse.is_some(), "{id} differs by {difference} for no known reason");
            }
            assert!((found.density.expect("known masses") / set.density[index] - 1.0).abs() < 1e-9, "{id}");
            assert_eq!(found.composition.n_elements(), set.n_elements[index], "{id}");
            assert_eq!(found.structure_valid, set.struct_valid[index], "{id}");
            assert_eq!(found.composition_valid, set.smact_valid[index], "{id}");
            let structure = set.structures[index].structure();
            let magpie = metrics::magpie_features(&crystal_core::Composition::of(&structure));
            for (found, expected) in magpie.iter().zip(&set.comp_fp[index]) {
                let expected = expected.unwrap_or(f64::NAN);
                let close = (found - expected).abs() <= 1e-9 * expected.abs().max(1.0);
                assert!(close || (found.is_nan() && expected.is_nan()), "{id}: {found} instead of {expected}");
            }
        }
    }
    println!("{agreeing} of {compared} mean vectors within {TOLERANCE:e}");
    assert!(agreeing * 100 >= compared * 97);
}

/// Index of the one order parameter that depends on the order of the neighbours.
const BCC: usize = 30;

/// Why a mean vector may differ from matminer's, if it may: a weight on a rounding boundary, or equally heavy
/// neighbours whose order matminer, too, leaves to rounding noise and only `bcc` feels.
fn excuse(structure: &Structure, found: &[f64], golden: &[f64]) -> Option<String> {
    let sites = crystalnn_fingerprint(structure).expect("just computed").sites;
    let weights = || sites.iter().flat_map(|site| &site.neighbours).map(|neighbour| neighbour.unrounded_weight);
    let nearest =
        weights().map(|weight| ((1000.0 * weight).rem_euclid(1.0) - 0.5).abs() / 1000.0).fold(f64::INFINITY, f64::min);
    if nearest < 1e-8 {
        return Some(format!("a weight is {nearest:.1e} from a rounding boundary"));
    }
    let others_agree = (0..found.len())
        .filter(|feature| *feature != BCC)
        .all(|feature| (found[feature] - golden[feature]).abs() < 1e-7);
    let tied = sites.iter().filter(|site| site.features[BCC - 1] > 0.0).any(|site| {
        site.neighbours[..8].windows(2).any(|pair| (pair[0].unrounded_weight - pair[1].unrounded_weight).abs() < 1e-9)
    });
    (others_agree && tied).then(|| "only bcc differs, and neighbours of equal weight have no order".to_owned())
}

fn rock_salt(edge: f64) -> Structure {
    let half = edge / 2.0;
    let lattice = Lattice::from_rows([[0.0, half, half], [half, 0.0, half], [half, half, 0.0]]).expect("a cell");
    let site = |symbol: &str, x: f64| Site {
        species: symbol.parse::<Species>().expect("an element"),
        frac_coords: Vector3::repeat(x),
    };
    Structure::new(lattice, vec![site("Na", 0.0), site("Cl", 0.5)]).expect("a structure")
}

#[test]
fn too_few_structures_are_errors() {
    let two = fingerprints(&[rock_salt(5.6), rock_salt(5.7)], &|_| {});
    assert!(matches!(evaluate(&two, &[]), Err(MetricsError::EmptySet { set: "reference", .. })));
    assert!(matches!(evaluate(&[], &two), Err(MetricsError::EmptySet { set: "generated", .. })));
    assert!(matches!(evaluate(&two[..1], &two), Err(MetricsError::TooFewSamples { set: "generated", found: 1, .. })));
    assert!(matches!(evaluate(&two, &two[..1]), Err(MetricsError::TooFewSamples { set: "reference", found: 1, .. })));
}

#[test]
fn structures_without_fingerprint_count_against_precision() {
    let mut sites = rock_salt(5.6).into_sites();
    sites[1].frac_coords = sites[0].frac_coords;
    let coincident = Structure::allowing_overlap(*rock_salt(5.6).lattice(), sites).expect("a structure");
    let generated = fingerprints(&[rock_salt(5.6), coincident, rock_salt(5.7)], &|_| {});
    assert!(generated[1].crystalnn.is_none() && generated[1].error.is_some() && !generated[1].is_valid());
    let reference = fingerprints(&[rock_salt(5.6), rock_salt(5.7)], &|_| {});
    let found = evaluate(&generated, &reference).expect("two good sets");
    assert_eq!((found.n_generated, found.n_valid), (3, 2));
    assert_close(found.cov_precision, 2.0 / 3.0, "COV-P");
    assert_close(found.cov_recall, 1.0, "COV-R");
    let samples = table1_samples(&generated, 1000);
    assert_close(evaluate(&samples, &reference).expect("two good sets").cov_precision, 1.0, "COV-P of the valid");
    assert_eq!(table1_samples(&generated, 1).len(), 1);
}

#[test]
fn cgcnn_features_are_compared_where_both_sets_have_them() {
    let with = |features: &[Option<[f64; 2]>]| {
        let mut set = fingerprints(&vec![rock_salt(5.6); features.len()], &|_| {});
        set.iter_mut().zip(features).for_each(|(one, features)| one.cgcnn = features.map(|features| features.to_vec()));
        set
    };
    let reference = with(&[Some([0.0, 0.0]), Some([1.0, 0.0]), None]);
    let fd = |generated: &[Fingerprints]| evaluate(generated, &reference).map(|found| found.fd_cgcnn);
    assert_eq!(fd(&with(&[None, None])).expect("two good sets"), None);
    let shifted = fd(&with(&[Some([0.0, 3.0]), Some([1.0, 3.0])])).expect("two good sets");
    assert_close(shifted.expect("features"), 9.0, "FD CGCNN");
    let mut broken = with(&[Some([0.0, 3.0]), Some([1.0, 3.0]), Some([100.0, 100.0])]);
    broken[2].crystalnn = None;
    assert_close(fd(&broken).expect("two good sets").expect("features"), 9.0, "FD CGCNN without the broken one");
    assert!(matches!(fd(&with(&[Some([0.0, 3.0]), None])), Err(MetricsError::TooFewSamples { set: "generated", .. })));
}

#[test]
fn fingerprints_survive_a_cache() {
    let found = fingerprints(&[rock_salt(5.6)], &|_| {});
    let text = serde_json::to_string(&found).expect("serialisable");
    let back: Vec<Fingerprints> = serde_json::from_str(&text).expect("what was written");
    let vector = |set: &[Fingerprints]| set[0].crystalnn.clone().expect("rock salt has one");
    assert!(largest_difference(&vector(&found), &vector(&back)) < 1e-12);
    assert_eq!((back[0].composition.n_elements(), back[0].structure_valid), (2, true));
}

#[test]
fn progress_reaches_the_end() {
    let largest = std::sync::atomic::AtomicUsize::new(0);
    let structures: Vec<_> = (0..20).map(|i| rock_salt(5.0 + 0.1 * f64::from(i))).collect();
    fingerprints(&structures, &|done| {
        largest.fetch_max(done, std::sync::atomic::Ordering::Relaxed);
    });
    assert_eq!(largest.into_inner(), 20);
}
