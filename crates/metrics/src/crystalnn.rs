//! CrystalNN 'ops' fingerprints: matminer's `CrystalNNFingerprint.from_preset("ops")`, whose neighbours do take
//! chemistry and distance into account (metrics.md §2).

use crystal_core::{SphereSearch, Structure};

use crate::MetricsError;
use crate::coordination::{Coordination, Neighbour};
use crate::features::{N_FEATURES, of_coordination};
use crate::order_parameters::evaluate;
use crate::voronoi::{Clipper, facets_of_site};

/// Fingerprint of one site.
#[derive(Debug, Clone, PartialEq)]
pub struct SiteFingerprint {
    /// The features, in the order of [`feature_labels`](crate::feature_labels); each between 0 and 1, `bcc` slightly
    /// beyond.
    pub features: [f64; N_FEATURES],
    /// The most probable coordination number.
    pub coordination_number: usize,
    /// Coordination numbers with their weights, in ascending order with 0 last; they add up to 1.
    pub cn_weights: Vec<(usize, f64)>,
    /// Neighbours with a weight, by falling weight.
    pub neighbours: Vec<Neighbour>,
}

/// Fingerprint of a structure.
#[derive(Debug, Clone, PartialEq)]
pub struct CrystalNnFingerprint {
    /// Mean over the sites of the cell.
    pub mean: [f64; N_FEATURES],
    /// Fingerprints of the sites, in their order.
    pub sites: Vec<SiteFingerprint>,
}

/// The CrystalNN 'ops' fingerprint of every site and their mean.
///
/// # Errors
/// [`MetricsError::CoincidentAtoms`], [`MetricsError::OpenVoronoiCell`], [`MetricsError::TooManyNeighbours`] and
/// [`MetricsError::UnknownRadius`]; such a structure counts as invalid.
pub fn crystalnn_fingerprint(structure: &Structure) -> Result<CrystalNnFingerprint, MetricsError> {
    let search = SphereSearch::new(structure.lattice());
    let mut clipper = Clipper::default();
    let mut sites = Vec::with_capacity(structure.n_sites());
    let mut mean = [0.0; N_FEATURES];
    for site in 0..structure.n_sites() {
        let facets = facets_of_site(structure, &search, site, &mut clipper)?;
        let fingerprint = site_fingerprint(Coordination::from_facets(structure, site, &facets)?);
        for (sum, feature) in mean.iter_mut().zip(&fingerprint.features) {
            *sum += feature;
        }
        sites.push(fingerprint);
    }
    for feature in &mut mean {
        *feature /= structure.n_sites() as f64;
    }
    Ok(CrystalNnFingerprint { mean, sites })
}

fn site_fingerprint(coordination: Coordination) -> SiteFingerprint {
    let coordination_number = coordination.coordination_number();
    let Coordination { neighbours, cn_weights } = coordination;
    let vectors: Vec<_> = neighbours.iter().map(|neighbour| neighbour.image.vector).collect();
    let mut features = [0.0; N_FEATURES];
    let mut values = Vec::new();
    for (number, weight) in &cn_weights {
        let Some((first, parameters)) = of_coordination(*number) else { continue };
        features[first] = *weight;
        evaluate(parameters, &vectors[..*number], &mut values);
        for (feature, value) in features[first + 1..].iter_mut().zip(&values) {
            *feature = weight * value;
        }
    }
    SiteFingerprint { features, coordination_number, cn_weights, neighbours }
}
