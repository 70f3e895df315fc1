//! A set of generated structures against a set of reference structures.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use crystal_core::{Composition, Structure};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::coverage::{Coverage, CoverageCutoffs, CoveragePoint, coverage};
use crate::{
    MetricsError, composition_valid, crystalnn_fingerprint, density, frechet_distance, scaled_magpie, structure_valid,
    wasserstein_distance,
};

/// All that the metrics need to know about one structure; worth caching, as the reference set does not change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fingerprints {
    /// Mean CrystalNN vector (61 numbers); none if it could not be computed, in which case the structure counts as
    /// invalid.
    pub crystalnn: Option<Vec<f64>>,
    /// Why there is no CrystalNN vector.
    pub error: Option<String>,
    /// CGCNN's features of the structure, where a network was at hand: this crate computes none.
    #[serde(default)]
    pub cgcnn: Option<Vec<f64>>,
    /// Scaled Magpie vector (132 numbers, unknown ones 0).
    pub magpie_scaled: Vec<f64>,
    /// Density in g/cm³; none if the mass of an element is not tabulated.
    pub density: Option<f64>,
    /// The atoms of the cell.
    pub composition: Composition,
    /// Volume and distances ([`structure_valid`]).
    pub structure_valid: bool,
    /// SMACT's charge and electronegativity test ([`composition_valid`]).
    pub composition_valid: bool,
}

impl Fingerprints {
    /// Fingerprints of one structure.
    pub fn of(structure: &Structure) -> Self {
        let composition = Composition::of(structure);
        let (crystalnn, error) = match crystalnn_fingerprint(structure) {
            Ok(fingerprint) => (Some(fingerprint.mean.to_vec()), None),
            Err(error) => (None, Some(error.to_string())),
        };
        Self {
            crystalnn,
            error,
            cgcnn: None,
            magpie_scaled: scaled_magpie(&composition).to_vec(),
            density: density(structure).filter(|density| density.is_finite()),
            structure_valid: structure_valid(structure),
            composition_valid: composition_valid(&composition),
            composition,
        }
    }

    /// Whether the structure is valid and has a CrystalNN vector: what the paper's Table 1 lets in. Charges are not
    /// asked for.
    pub fn is_valid(&self) -> bool {
        self.structure_valid && self.crystalnn.is_some()
    }

    fn point(&self) -> Option<CoveragePoint<'_>> {
        let structure = self.crystalnn.as_deref()?;
        Some(CoveragePoint { structure, composition: &self.magpie_scaled })
    }
}

/// Fingerprints of many structures in parallel, in their order. `progress` is called from the worker threads with the
/// number done.
pub fn fingerprints(structures: &[Structure], progress: &(dyn Fn(usize) + Sync)) -> Vec<Fingerprints> {
    let done = AtomicUsize::new(0);
    structures
        .par_iter()
        .map(|structure| {
            let result = Fingerprints::of(structure);
            progress(done.fetch_add(1, Ordering::Relaxed) + 1);
            result
        })
        .collect()
}

/// The structures of the paper's Table 1: those that are valid and have a fingerprint, at most `limit` of them, in
/// their order. Their number is G_total there; structures that were generated and are not among them do not count
/// against COV-P.
pub fn table1_samples(generated: &[Fingerprints], limit: usize) -> Vec<Fingerprints> {
    generated.iter().filter(|fingerprints| fingerprints.is_valid()).take(limit).cloned().collect()
}

/// What `druse evaluate --json` prints.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// Number of generated structures, G_total of COV-P: all that were given, with or without fingerprint.
    pub n_generated: usize,
    /// Number of reference structures given.
    pub n_reference: usize,
    /// Generated structures that are valid and have a fingerprint ([`Fingerprints::is_valid`]).
    pub n_valid: usize,
    /// COV-P.
    pub cov_precision: f64,
    /// COV-R.
    pub cov_recall: f64,
    /// Mean smallest structure distance, generated to reference.
    pub amsd_precision: f64,
    /// Mean smallest structure distance, reference to generated.
    pub amsd_recall: f64,
    /// Mean smallest composition distance, generated to reference.
    pub amcd_precision: f64,
    /// Mean smallest composition distance, reference to generated.
    pub amcd_recall: f64,
    /// Fréchet distance of the mean CrystalNN vectors.
    pub fd_crystalnn: f64,
    /// Fréchet distance of CGCNN features; none if no structure of a set has any.
    pub fd_cgcnn: Option<f64>,
    /// Share of the generated that pass [`structure_valid`].
    pub structure_validity: f64,
    /// Share of the generated that pass [`composition_valid`].
    pub composition_validity: f64,
    /// Wasserstein distance of the densities, g/cm³.
    pub wasserstein_density: f64,
    /// Wasserstein distance of the numbers of elements.
    pub wasserstein_n_elements: f64,
    /// Seconds per stage; the caller adds its own.
    pub seconds: BTreeMap<String, f64>,
}

/// Compares two sets with CDVAE's cut-offs for MP-20.
///
/// Generated structures without a CrystalNN vector count in `n_generated`, the denominator of COV-P and of the
/// validities, and nowhere else (densities and numbers of elements apart); invalid ones WITH a vector take part, as in
/// CDVAE. For the paper's protocol pass [`table1_samples`]. Reference structures without a vector are left out. FD
/// CGCNN is over the structures that have both vectors.
///
/// # Errors
/// [`MetricsError::EmptySet`] if a set has no fingerprints, [`MetricsError::TooFewSamples`] if it has only one, and
/// [`MetricsError::Dimension`] or [`MetricsError::NotFinite`] if a cached vector is damaged.
pub fn evaluate(generated: &[Fingerprints], reference: &[Fingerprints]) -> Result<Evaluation, MetricsError> {
    evaluate_with_cutoffs(generated, reference, CoverageCutoffs::MP_20)
}

/// [`evaluate`] with other cut-offs for the coverage.
///
/// # Errors
/// As [`evaluate`].
pub fn evaluate_with_cutoffs(
    generated: &[Fingerprints],
    reference: &[Fingerprints],
    cutoffs: CoverageCutoffs,
) -> Result<Evaluation, MetricsError> {
    let mut seconds = BTreeMap::new();
    let mut clock = Instant::now();
    let mut lap = |stage: &str| {
        seconds.insert(stage.to_owned(), clock.elapsed().as_secs_f64());
        clock = Instant::now();
    };
    let (generated_points, reference_points) = (points(generated), points(reference));
    let Coverage { precision, recall, amsd_precision, amsd_recall, amcd_precision, amcd_recall } =
        coverage(&generated_points, &reference_points, generated.len(), cutoffs)?;
    lap("coverage");
    let fd_crystalnn = frechet_distance(&structure_vectors(&generated_points), &structure_vectors(&reference_points))?;
    let fd_cgcnn = match (cgcnn_vectors(generated), cgcnn_vectors(reference)) {
        (generated, reference) if generated.is_empty() || reference.is_empty() => None,
        (generated, reference) => Some(frechet_distance(&generated, &reference)?),
    };
    lap("frechet");
    let densities =
        |set: &[Fingerprints]| set.iter().filter_map(|fingerprints| fingerprints.density).collect::<Vec<_>>();
    let n_elements = |set: &[Fingerprints]| {
        set.iter().map(|fingerprints| fingerprints.composition.n_elements() as f64).collect::<Vec<_>>()
    };
    let wasserstein_density = wasserstein_distance(&densities(generated), &densities(reference))?;
    let wasserstein_n_elements = wasserstein_distance(&n_elements(generated), &n_elements(reference))?;
    lap("wasserstein");
    let share = |passes: fn(&Fingerprints) -> bool| {
        generated.iter().filter(|fingerprints| passes(fingerprints)).count() as f64 / generated.len() as f64
    };
    Ok(Evaluation {
        n_generated: generated.len(),
        n_reference: reference.len(),
        n_valid: generated.iter().filter(|fingerprints| fingerprints.is_valid()).count(),
        cov_precision: precision,
        cov_recall: recall,
        amsd_precision,
        amsd_recall,
        amcd_precision,
        amcd_recall,
        fd_crystalnn,
        fd_cgcnn,
        structure_validity: share(|fingerprints| fingerprints.structure_valid),
        composition_validity: share(|fingerprints| fingerprints.composition_valid),
        wasserstein_density,
        wasserstein_n_elements,
        seconds,
    })
}

fn points(set: &[Fingerprints]) -> Vec<CoveragePoint<'_>> {
    set.iter().filter_map(Fingerprints::point).collect()
}

/// Of structures without a CrystalNN vector, too, nothing is known but that they are broken: the other distance leaves
/// them out as well.
fn cgcnn_vectors(set: &[Fingerprints]) -> Vec<&[f64]> {
    set.iter()
        .filter(|fingerprints| fingerprints.crystalnn.is_some())
        .filter_map(|fingerprints| fingerprints.cgcnn.as_deref())
        .collect()
}

fn structure_vectors<'a>(points: &[CoveragePoint<'a>]) -> Vec<&'a [f64]> {
    points.iter().map(|point| point.structure).collect()
}
