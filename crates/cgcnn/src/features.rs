//! Features and energies of many structures.

use burn::Tensor;
use crystal_core::Structure;

use crate::graph::graphs_of;
use crate::{Cgcnn, CgcnnError, CrystalGraph, GraphBatch};

/// Most atoms of a batch (a larger structure has its own batch): small enough for the cache of a processor, large
/// enough for a GPU.
const BATCH_ATOMS: usize = 2048;

/// What the network says of one structure.
#[derive(Debug, Clone, PartialEq)]
pub struct CrystalFeatures {
    /// The layer before the energy: 32 numbers, what FD CGCNN compares.
    pub features: Vec<f32>,
    /// Formation energy in eV/atom.
    pub energy: f64,
}

/// Features of structures, in their order, or why there are none. `progress` is told how many more are done.
pub fn features_of(
    model: &Cgcnn,
    structures: &[Structure],
    mut progress: impl FnMut(usize),
) -> Vec<Result<CrystalFeatures, CgcnnError>> {
    let graphs = graphs_of(structures);
    let good: Vec<&CrystalGraph> = graphs.iter().filter_map(|graph| graph.as_ref().ok()).collect();
    let mut computed = Vec::with_capacity(good.len());
    for batch in batches(&good) {
        computed.extend(features_of_graphs(model, batch));
        progress(batch.len());
    }
    progress(graphs.len() - good.len());
    let mut computed = computed.into_iter();
    graphs.into_iter().map(|graph| graph.map(|_| computed.next().expect("one result for each graph"))).collect()
}

/// Features of some graphs in one batch.
pub(crate) fn features_of_graphs(model: &Cgcnn, graphs: &[&CrystalGraph]) -> Vec<CrystalFeatures> {
    let output = model.forward(&GraphBatch::new(graphs, &model.device()));
    let [_, width] = output.features.dims();
    // One transfer instead of two.
    let joined: Vec<f32> = Tensor::cat(vec![output.features, output.energy], 1).into_data().iter::<f32>().collect();
    let scale = model.normaliser();
    let rows = joined.chunks_exact(width + 1);
    rows.map(|row| CrystalFeatures {
        features: row[..width].to_vec(),
        energy: f64::from(row[width]) * scale.std + scale.mean,
    })
    .collect()
}

/// Consecutive graphs of at most [`BATCH_ATOMS`] atoms together.
pub(crate) fn batches<'a, 'b>(graphs: &'b [&'a CrystalGraph]) -> impl Iterator<Item = &'b [&'a CrystalGraph]> {
    let mut rest = graphs;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let mut atoms = 0;
        let fitting = rest.iter().take_while(|graph| {
            atoms += graph.n_atoms();
            atoms <= BATCH_ATOMS
        });
        let (batch, others) = rest.split_at(fitting.count().max(1));
        rest = others;
        Some(batch)
    })
}
