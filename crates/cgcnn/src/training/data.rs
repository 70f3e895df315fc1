//! Graphs with energies.

use burn::Tensor;
use burn::tensor::{Device, TensorData};
use crystal_core::Structure;
use crystal_core::whole;

use crate::features::batches;
use crate::graph::graphs_of;
use crate::{CgcnnError, CrystalGraph, GraphBatch, Normaliser};

/// Graphs with the formation energy of each, eV/atom.
#[derive(Debug, Clone, Default)]
pub struct LabelledGraphs {
    graphs: Vec<CrystalGraph>,
    energies: Vec<f64>,
}

impl LabelledGraphs {
    /// The graphs of structures, built on all cores, with their energies in eV/atom. Structures without a graph come
    /// back by their index, with the reason.
    pub fn new(structures: &[Structure], energies: &[f64]) -> (Self, Vec<(usize, CgcnnError)>) {
        assert_eq!(structures.len(), energies.len(), "one energy for each structure");
        let mut set = Self::default();
        let mut lost = Vec::new();
        for (index, (graph, energy)) in graphs_of(structures).into_iter().zip(energies).enumerate() {
            match graph {
                Ok(graph) => {
                    set.graphs.push(graph);
                    set.energies.push(*energy);
                }
                Err(error) => lost.push((index, error)),
            }
        }
        (set, lost)
    }

    /// Number of structures.
    pub fn len(&self) -> usize {
        self.graphs.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.graphs.is_empty()
    }

    /// SHA-256 over the energies: enough to tell a set from another.
    pub(super) fn hash(&self) -> String {
        let bytes: Vec<u8> = self.energies.iter().flat_map(|energy| energy.to_le_bytes()).collect();
        sealed_file::sha256_hex(&bytes)
    }

    /// Mean and standard deviation of the energies.
    pub(super) fn normaliser(&self) -> Normaliser {
        let n = self.energies.len() as f64;
        let mean = self.energies.iter().sum::<f64>() / n;
        let variance = self.energies.iter().map(|energy| (energy - mean).powi(2)).sum::<f64>() / n;
        // Equal energies leave nothing to learn, and nothing to divide by.
        Normaliser { mean, std: if variance > 0.0 { variance.sqrt() } else { 1.0 } }
    }

    /// These structures on a device.
    pub(super) fn batch(&self, indices: &[usize], device: &Device) -> GraphBatch {
        let graphs: Vec<&CrystalGraph> = indices.iter().map(|index| &self.graphs[*index]).collect();
        GraphBatch::new(&graphs, device)
    }

    /// Their energies in units of the normaliser, `[S, 1]`.
    pub(super) fn targets(&self, indices: &[usize], normaliser: Normaliser, device: &Device) -> Tensor<2> {
        let target = |index: &usize| whole::single((self.energies[*index] - normaliser.mean) / normaliser.std);
        let targets: Vec<f32> = indices.iter().map(target).collect();
        Tensor::from_data(TensorData::new(targets, [indices.len(), 1]), device)
    }

    /// All structures in batches on a device, with their energies in eV/atom.
    pub(super) fn upload(&self, device: &Device) -> Vec<(GraphBatch, &[f64])> {
        let graphs: Vec<&CrystalGraph> = self.graphs.iter().collect();
        let mut energies = self.energies.as_slice();
        let uploaded = batches(&graphs).map(|graphs| {
            let (of_batch, rest) = energies.split_at(graphs.len());
            energies = rest;
            (GraphBatch::new(graphs, device), of_batch)
        });
        uploaded.collect()
    }
}
