//! Fingerprints, coverage, Fréchet distance, validity and sameness of crystal structures.
//!
//! The definitions are those of the tools the literature used (pymatgen 2023.9, matminer 0.9, smact 2.5, CDVAE's
//! metrics), so that figures can be set beside published ones. [`fingerprints`] measures structures one by one,
//! [`evaluate`] compares two sets, [`StructureMatcher`] tells whether two structures are the same.
//!
//! # Architecture Invariant
//! This crate never sees a tensor library. It depends on `crystal-core` only.

mod coordination;
mod coverage;
mod crystalnn;
mod error;
mod evaluation;
mod features;
mod frechet;
mod magpie;
mod matcher;
mod neighbours;
mod order_parameters;
mod tables;
mod validity;
mod voronoi;
mod wasserstein;

pub use coordination::Neighbour;
pub use coverage::{Coverage, CoverageCutoffs, CoveragePoint, coverage};
pub use crystalnn::{CrystalNnFingerprint, SiteFingerprint, crystalnn_fingerprint};
pub use error::MetricsError;
pub use evaluation::{Evaluation, Fingerprints, evaluate, evaluate_with_cutoffs, fingerprints, table1_samples};
pub use features::{N_FEATURES, feature_labels};
pub use frechet::frechet_distance;
pub use magpie::{N_MAGPIE, magpie_features, magpie_labels, scaled_magpie};
pub use matcher::{Match, StructureMatcher};
pub use neighbours::Image;
pub use validity::{composition_valid, density, structure_valid};
pub use voronoi::{Facet, voronoi_facets};
pub use wasserstein::wasserstein_distance;
