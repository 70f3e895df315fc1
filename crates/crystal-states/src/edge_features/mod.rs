//! What the network reads of an edge, from its length, direction and lattice gradient.
//!
//! The features take some 150 numbers per edge, what they are computed from 11: on a GPU they are computed where they
//! are read.

mod backend;
#[cfg(feature = "cube")]
mod cube;
#[cfg(feature = "cpu")]
mod flex;

use std::sync::{LazyLock, Mutex};

use burn::backend::Dispatch;
use burn::backend::tensor::FloatTensor;
use burn::tensor::{Device, Tensor, TensorData};
use crystal_core::LatticeCoordinates;
use multigraph::BatchedMultiGraph;
use rayon::prelude::*;

use tensor_ops::RowIndex;
use tensor_ops::basis::RadialTable;

use crate::BasisConfig;

pub use backend::EdgeFeatureOps;

/// The unit of the lengths whose logarithms are features, Å: about the middle of the cut-offs that occur.
const LENGTH_UNIT: f64 = 5.0;
/// Coinciding atoms: the logarithm of a length is held at that of this one, Å.
const SHORTEST_LENGTH: f64 = 0.05;
/// The floor of `|g|²` in the lattice estimate (method §5).
const GRADIENT_FLOOR: f32 = 1e-3;
/// First and last centre of the Gaussians in the length, Å.
const GAUSSIAN_RANGE: (f64, f64) = (0.5, 6.5);
/// Length of the edges that are padding, Å: beyond every cut-off.
pub(crate) const BEYOND_CUTOFF: f32 = 1e9;

/// Numbers per edge in the input: length, equivalence, direction, lattice gradient.
pub(crate) const EDGE_WIDTH: usize = 5 + LatticeCoordinates::MAX;
/// Numbers per structure in the input: cut-off, factor of the spherical functions, number of edges.
const STRUCTURE_WIDTH: usize = 3;

/// Centres of the Gaussians and the distance between them, which is also their width.
fn gaussian_spacing(n_gaussians: usize) -> f64 {
    (GAUSSIAN_RANGE.1 - GAUSSIAN_RANGE.0) / (n_gaussians.max(2) - 1) as f64
}

/// The features of all edges of a batch; shapes and meaning as in [`crate::GraphBatch`].
#[derive(Debug)]
pub(crate) struct EdgeFeatures {
    pub(crate) envelope: Tensor<2>,
    pub(crate) radial: Tensor<2>,
    pub(crate) spherical: Tensor<3>,
    pub(crate) harmonics: Tensor<2>,
    pub(crate) directions: Tensor<2>,
    pub(crate) scalars: Tensor<2>,
    pub(crate) lattice_weights: Tensor<2>,
}

/// Envelope, radial and spherical functions, harmonics, directions, scalars and lattice weights as primitives of a
/// backend.
pub type FeatureTensors<B> =
    (FloatTensor<B>, FloatTensor<B>, FloatTensor<B>, FloatTensor<B>, FloatTensor<B>, FloatTensor<B>, FloatTensor<B>);

/// What the features are computed from, before it is uploaded.
#[derive(Debug, Clone)]
pub(crate) struct EdgeInputs {
    edges: Vec<f32>,
    structures: Vec<f32>,
}

impl EdgeInputs {
    /// `n_rows`: the graph's edges and those that are padding.
    pub(crate) fn new(graph: &BatchedMultiGraph, n_rows: usize) -> Self {
        Self { edges: edge_inputs(graph, n_rows), structures: structure_inputs(graph) }
    }

    /// Uploads and computes; `edge_structure` maps edges to structures.
    pub(crate) fn features(self, edge_structure: &RowIndex, config: &BasisConfig, device: &Device) -> EdgeFeatures {
        let upload = |values: Vec<f32>, width: usize| {
            let shape = [values.len() / width, width];
            Tensor::<2>::from_data(TensorData::new(values, shape), device)
        };
        let (edges, structures) = (upload(self.edges, EDGE_WIDTH), upload(self.structures, STRUCTURE_WIDTH));
        edge_features(edges, structures, edge_structure, config)
    }
}

/// The features of all edges.
///
/// # Shapes
/// - edges: `[E, 11]`, length, equivalence, direction, lattice gradient
/// - structures: `[S, 3]`, cut-off, factor of the spherical functions, number of edges
pub(crate) fn edge_features(
    edges: Tensor<2>,
    structures: Tensor<2>,
    edge_structure: &RowIndex,
    config: &BasisConfig,
) -> EdgeFeatures {
    let table = table(config, &edges.device());
    let (envelope, radial, spherical, harmonics, directions, scalars, lattice_weights) =
        <Dispatch as EdgeFeatureOps>::edge_features(
            edges.into_dispatch(),
            structures.into_dispatch(),
            edge_structure.index.clone().into_dispatch(),
            table.into_dispatch(),
            config.clone(),
        );
    EdgeFeatures {
        envelope: Tensor::from_dispatch(envelope),
        radial: Tensor::from_dispatch(radial),
        spherical: Tensor::from_dispatch(spherical),
        harmonics: Tensor::from_dispatch(harmonics),
        directions: Tensor::from_dispatch(directions),
        scalars: Tensor::from_dispatch(scalars),
        lattice_weights: Tensor::from_dispatch(lattice_weights),
    }
}

fn edge_inputs(graph: &BatchedMultiGraph, n_rows: usize) -> Vec<f32> {
    let mut inputs = vec![0.0; n_rows * EDGE_WIDTH];
    let (edges, added) = inputs.split_at_mut(graph.n_edges() * EDGE_WIDTH);
    for row in added.chunks_exact_mut(EDGE_WIDTH) {
        row[0] = BEYOND_CUTOFF;
    }
    edges.par_chunks_mut(EDGE_WIDTH).enumerate().with_min_len(1024).for_each(|(edge, row)| {
        row[0] = graph.distances[edge];
        row[1] = if graph.equivalent[edge] { 1.0 } else { 0.0 };
        row[2..5].copy_from_slice(&graph.directions[edge]);
        row[5..].copy_from_slice(&graph.lattice_gradients[edge]);
    });
    inputs
}

fn structure_inputs(graph: &BatchedMultiGraph) -> Vec<f32> {
    let count = |offsets: &[u32], s: usize| (offsets[s + 1] - offsets[s]) as f32;
    let structure = |s: usize| {
        let (edges, sites) = (count(&graph.edge_offsets, s).max(1.0), count(&graph.site_offsets, s).max(1.0));
        [graph.cutoffs[s], (edges / sites).max(1.0).sqrt().recip(), edges]
    };
    (0..graph.n_structures()).flat_map(structure).collect()
}

/// The samples of [`RadialTable`] on a device, uploaded once per basis and device.
fn table(config: &BasisConfig, device: &Device) -> Tensor<1> {
    type Tables = Vec<(BasisConfig, Device, Tensor<1>)>;
    static TABLES: LazyLock<Mutex<Tables>> = LazyLock::new(Mutex::default);
    let mut tables = TABLES.lock().expect("no panic happens while the lock is held");
    // Devices are equal whether they differentiate or not: the table is kept without, and given as the device wants it.
    let known =
        tables.iter().find(|(known, place, _)| known == config && place == device).map(|(_, _, table)| table.clone());
    let table = known.unwrap_or_else(|| {
        let samples = RadialTable::of(config.radial()).samples().as_flattened().to_vec();
        let shape = [samples.len()];
        let table = Tensor::<1>::from_data(TensorData::new(samples, shape), device).without_autodiff();
        tables.push((config.clone(), device.clone(), table.clone()));
        table
    });
    if device.is_autodiff() { table.autodiff() } else { table }
}
