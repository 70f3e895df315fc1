//! The cut-off of a structure.

use std::f64::consts::PI;

use crystal_core::{ConfigError, CrystalError};
use serde::{Deserialize, Serialize};

use crate::GraphError;
use crate::images::Images;
use crate::search::{Candidates, SearchBasis};

/// Factor between the cut-offs tried.
const STEP: f64 = 1.2;
/// One in this many of `min_degree` neighbours must be images of other sites. Near a special position a site's own
/// images alone can fill `min_degree`: on MP-20 noised by σ² = 0.1 Å² that cut 12 % of the sites off from all others.
const PER_OTHER: usize = 4;

/// How the graph is cut off. One cut-off per structure, set by its number density, so that every edge has its reverse.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GraphConfig {
    /// K: the wished mean number of neighbours; the first cut-off tried is `(3K/(4πρ))^{1/3}`, ρ the images per
    /// primitive volume.
    pub mean_degree: f64,
    /// The cut-off grows (factor 1.2) until every site has this many neighbours, a quarter of them images of other
    /// sites if there are other sites, or the next would break `max_mean_degree`.
    pub min_degree: usize,
    /// The cut-off never lets the mean number of neighbours exceed this: bounds the memory of collapsed cells and of
    /// clustered images.
    pub max_mean_degree: usize,
    /// Self-images closer than this are no edges, Å (paper: 0.15).
    pub min_self_distance: f64,
    /// Images of a site closer than this are one atom, Å, and make one edge. With 0 every operation makes its own, as
    /// in the published code: a site on a special position then has each neighbour several times.
    #[serde(default = "GraphConfig::default_coincidence")]
    pub coincidence: f64,
}

impl Default for GraphConfig {
    fn default() -> Self {
        Self {
            mean_degree: 40.0,
            min_degree: 12,
            max_mean_degree: 400,
            min_self_distance: 0.15,
            coincidence: Self::default_coincidence(),
        }
    }
}

impl GraphConfig {
    /// The largest [`GraphConfig::coincidence`], Å: a site is moved onto its special position over at most this
    /// distance, which must be far less than any noise.
    pub const MAX_COINCIDENCE: f64 = 1e-3;

    fn default_coincidence() -> f64 {
        1e-4
    }

    /// Whether the numbers make sense.
    ///
    /// # Errors
    /// [`ConfigError`] for the first field that does not.
    pub fn check(&self) -> Result<(), ConfigError> {
        ConfigError::unless_positive("mean_degree", self.mean_degree)?;
        ConfigError::unless_not_negative("min_self_distance", self.min_self_distance)?;
        let coincidence = 0.0..=Self::MAX_COINCIDENCE;
        ConfigError::unless(coincidence.contains(&self.coincidence), "coincidence", self.coincidence, "0 to 0.001 Å")?;
        let bounded = self.max_mean_degree as f64 >= self.mean_degree && self.max_mean_degree >= self.min_degree;
        ConfigError::unless(bounded, "max_mean_degree", self.max_mean_degree, "at least mean_degree and min_degree")
    }
}

/// The cut-off of a structure, and everything within it. Depends only on what does not change with the stored
/// representatives, the origin and the order of the sites: on the number density, and on numbers of neighbours within
/// the radii tried.
pub(crate) fn choose(
    basis: &SearchBasis,
    images: &Images,
    config: &GraphConfig,
) -> Result<(f64, Candidates), GraphError> {
    let n_sites = images.sites.len();
    let limit = config.max_mean_degree.saturating_mul(n_sites).min(u32::MAX as usize);
    let collect = |radius: f64| basis.collect(images, radius, config.min_self_distance, limit);
    // The cube root of the volume on its own: the product might overflow.
    let mut cutoff =
        libm::cbrt(3.0 * config.mean_degree / (4.0 * PI * images.images.len() as f64)) * libm::cbrt(basis.volume());
    let mut candidates = collect(cutoff);
    let mut grow = candidates.is_some();
    let mut found = loop {
        if let Some(found) = candidates {
            break found;
        }
        grow = false;
        cutoff /= STEP;
        if cutoff < f64::MIN_POSITIVE {
            let reason = "no cut-off is small enough to bound its neighbours".to_owned();
            return Err(CrystalError::Lattice { reason }.into());
        }
        candidates = collect(cutoff);
    };
    let min_others = if n_sites > 1 { config.min_degree / PER_OTHER } else { 0 };
    let lacks = |found: &Candidates, site: usize| {
        found.degree(site) < config.min_degree || found.degree(site) - found.own(site, images) < min_others
    };
    while grow && (0..n_sites).any(|site| lacks(&found, site)) {
        match collect(cutoff * STEP) {
            Some(more) => {
                found = more;
                cutoff *= STEP;
            }
            None => grow = false,
        }
    }
    Ok((cutoff, found))
}
