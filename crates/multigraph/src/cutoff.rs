//! The cut-off of a structure.

use serde::{Deserialize, Serialize};

/// How the graph is cut off. One cut-off per structure, set by its number density, so that every edge has its reverse.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GraphConfig {
    /// K: the wished mean number of neighbours; the first cut-off tried is `(3K/(4πρ))^{1/3}`, ρ the images per primitive volume.
    pub mean_degree: f64,
    /// The cut-off grows (factor 1.2) until every site has this many neighbours, or the next would break `max_mean_degree`.
    pub min_degree: usize,
    /// The cut-off never lets the mean number of neighbours exceed this: bounds the memory of collapsed cells and of clustered images.
    pub max_mean_degree: usize,
    /// Self-images closer than this are no edges, Å (paper: 0.15).
    pub min_self_distance: f64,
}

impl Default for GraphConfig {
    fn default() -> Self {
        Self { mean_degree: 40.0, min_degree: 12, max_mean_degree: 400, min_self_distance: 0.15 }
    }
}
