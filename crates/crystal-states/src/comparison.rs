//! Whether two devices make the same multigraph of the same states.

use burn::Tensor;
use burn::tensor::Int;

use crate::GraphBatch;

/// The unit of the lengths whose logarithms are features, Å, see [`GraphBatch::scalars`].
const LENGTH_UNIT: f64 = 5.0;
/// Vectors closer than this are looked at as one edge, Å.
const SAME_EDGE: f64 = 1e-3;
/// An edge this close to the cut-off, as a share of it, may be on either side.
const ON_CUTOFF: f64 = 1e-5;
/// Cut-offs that differ by more than this share are different choices.
const SAME_CUTOFF: f64 = 1e-4;
/// Edges longer than this are padding, Å.
const VOID: f64 = 1e8;

/// What [`compare_graphs`] found; counts over all structures.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct GraphComparison {
    /// Structures compared.
    pub structures: usize,
    /// Structures for which the devices chose cut-offs of different size: a neighbour on the edge of a radius tried was
    /// counted by one of them only.
    pub other_cutoffs: usize,
    /// Edges that both have.
    pub edges: usize,
    /// Edges that one of them lacks, well inside the cut-off: there must be none.
    pub different: usize,
    /// Edges that one of them lacks, on the very cut-off, where everything has faded.
    pub on_cutoff: usize,
    /// Largest distance between the vectors of one edge, Å.
    pub vector_error: f64,
    /// Largest distance between the vectors of one edge's reverse, Å.
    pub reverse_error: f64,
    /// Largest difference of the lattice weights, relative to the structure's largest.
    pub lattice_error: f64,
}

impl GraphComparison {
    /// Adds the counts of another comparison.
    pub fn add(&mut self, other: &Self) {
        self.structures += other.structures;
        self.other_cutoffs += other.other_cutoffs;
        self.edges += other.edges;
        self.different += other.different;
        self.on_cutoff += other.on_cutoff;
        self.vector_error = self.vector_error.max(other.vector_error);
        self.reverse_error = self.reverse_error.max(other.reverse_error);
        self.lattice_error = self.lattice_error.max(other.lattice_error);
    }
}

/// One batch on the host.
struct HostBatch {
    source_offsets: Vec<usize>,
    target: Vec<usize>,
    reverse: Vec<usize>,
    vectors: Vec<[f64; 3]>,
    distances: Vec<f64>,
    cutoffs: Vec<f64>,
    lattice_weights: Vec<[f64; 6]>,
    site_structure: Vec<usize>,
}

impl HostBatch {
    fn new(batch: &GraphBatch, n_sites: usize) -> Self {
        let place = |x: i64| usize::try_from(x).expect("an index names a row");
        let whole = |tensor: &Tensor<1, Int>| tensor.clone().into_data().iter::<i64>().map(place).collect::<Vec<_>>();
        let floats = |tensor: &Tensor<2>| tensor.clone().into_data().iter::<f32>().map(f64::from).collect::<Vec<_>>();
        let n_scalars = batch.scalars.dims()[1];
        let scalars = floats(&batch.scalars);
        let length = |edge: usize, column: usize| LENGTH_UNIT * scalars[edge * n_scalars + column].exp();
        let n_edges = batch.n_edges();
        let distances: Vec<f64> = (0..n_edges).map(|edge| length(edge, 2)).collect();
        let directions = floats(&batch.directions);
        let lattice_weights = floats(&batch.lattice_weights);
        Self {
            source_offsets: whole(&batch.source.offsets)[..=n_sites].to_vec(),
            target: whole(&batch.target.index),
            reverse: whole(&batch.reverse.index),
            vectors: (0..n_edges)
                .map(|edge| std::array::from_fn(|k| directions[edge * 3 + k] * distances[edge]))
                .collect(),
            cutoffs: (0..n_edges).map(|edge| length(edge, 1)).collect(),
            distances,
            lattice_weights: lattice_weights.as_chunks::<6>().0.to_vec(),
            site_structure: whole(&batch.site_structure.index),
        }
    }

    fn edges(&self, site: usize) -> std::ops::Range<usize> {
        self.source_offsets[site]..self.source_offsets[site + 1]
    }
}

fn distance(a: &[f64; 3], b: &[f64; 3]) -> f64 {
    (0..3).map(|k| (a[k] - b[k]).powi(2)).sum::<f64>().sqrt()
}

/// Compares the graphs of two batches of the same `n_structures` structures with `n_sites` sites.
pub fn compare_graphs(
    expected: &GraphBatch,
    found: &GraphBatch,
    n_structures: usize,
    n_sites: usize,
) -> GraphComparison {
    let (expected, found) = (HostBatch::new(expected, n_sites), HostBatch::new(found, n_sites));
    let mut comparison = GraphComparison { structures: n_structures, ..GraphComparison::default() };
    let mut other = vec![false; n_structures];
    for site in 0..n_sites {
        let (a, b) = (expected.edges(site), found.edges(site));
        let differ = match (a.is_empty(), b.is_empty()) {
            (false, false) => (found.cutoffs[b.start] / expected.cutoffs[a.start] - 1.0).abs() > SAME_CUTOFF,
            (one, two) => one != two,
        };
        other[expected.site_structure[site]] |= differ;
    }
    comparison.other_cutoffs = other.iter().filter(|other| **other).count();
    // Matched first for all sites, so that reverses can be looked up.
    let mut partner = vec![None; expected.target.len()];
    let mut taken = vec![false; found.target.len()];
    for site in (0..n_sites).filter(|&site| !other[expected.site_structure[site]]) {
        for edge in expected.edges(site) {
            let fits = |&candidate: &usize| !taken[candidate] && found.target[candidate] == expected.target[edge];
            let off = |candidate: usize| distance(&found.vectors[candidate], &expected.vectors[edge]);
            let best = found.edges(site).filter(fits).min_by(|&a, &b| off(a).total_cmp(&off(b)));
            if let Some(best) = best.filter(|&best| off(best) < SAME_EDGE) {
                taken[best] = true;
                partner[edge] = Some(best);
            }
        }
    }
    let inside = |batch: &HostBatch, edge: usize| batch.distances[edge] < (1.0 - ON_CUTOFF) * batch.cutoffs[edge];
    for site in (0..n_sites).filter(|&site| !other[expected.site_structure[site]]) {
        let edges = expected.edges(site);
        let largest =
            edges.clone().flat_map(|edge| expected.lattice_weights[edge]).fold(1e-12, |m: f64, w| m.max(w.abs()));
        for edge in edges {
            let Some(twin) = partner[edge] else {
                if inside(&expected, edge) {
                    comparison.different += 1;
                } else {
                    comparison.on_cutoff += 1;
                }
                continue;
            };
            comparison.edges += 1;
            let off = distance(&expected.vectors[edge], &found.vectors[twin]);
            comparison.vector_error = comparison.vector_error.max(off);
            let off = distance(&expected.vectors[expected.reverse[edge]], &found.vectors[found.reverse[twin]]);
            comparison.reverse_error = comparison.reverse_error.max(off);
            let pairs = expected.lattice_weights[edge].iter().zip(&found.lattice_weights[twin]);
            let off = pairs.map(|(a, b)| (a - b).abs() / largest).fold(0.0, f64::max);
            comparison.lattice_error = comparison.lattice_error.max(off);
        }
        for edge in found.edges(site).filter(|&edge| !taken[edge]) {
            if found.distances[edge] < VOID && inside(&found, edge) {
                comparison.different += 1;
            } else {
                comparison.on_cutoff += 1;
            }
        }
    }
    comparison
}
