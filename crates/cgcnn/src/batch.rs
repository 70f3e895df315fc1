//! Several graphs as one, on a device.

use burn::Tensor;
use burn::tensor::{Device, TensorData};
use score_model::ops::RowIndex;

use crate::CrystalGraph;
use crate::atoms::{ATOM_VECTOR, N_ELEMENTS, vectors};
use crate::graph::N_NEIGHBOURS;

/// Number of Gaussians that a distance is expanded in.
pub(crate) const N_GAUSSIANS: usize = 41;
/// Distance of their centres and their width, Å.
const GAUSSIAN_STEP: f32 = 0.2;

/// Several graphs as one: N atoms of S structures with E = 12 N edges.
#[derive(Debug, Clone)]
pub struct GraphBatch {
    /// Atom vectors of the elements, `[100, 92]`.
    pub(crate) atom_vectors: Tensor<2>,
    /// Row of each atom in the table of atom vectors, N rows.
    pub(crate) elements: RowIndex,
    /// The atom that each edge starts from, E rows.
    pub(crate) centres: RowIndex,
    /// The atom that each edge goes to, E rows.
    pub(crate) neighbours: RowIndex,
    /// The structure of each atom, N rows.
    pub(crate) structures: RowIndex,
    /// Two further steps of a sum over structures: into about √S groups, and into one.
    pub(crate) groups: [RowIndex; 2],
    /// Length of each edge in Å, `[E, 1]`.
    distances: Tensor<2>,
    /// One over the number of atoms of each structure, `[S, 1]`.
    pub(crate) inverse_atoms: Tensor<2>,
}

impl GraphBatch {
    /// The graphs, on a device.
    ///
    /// # Panics
    /// If there is no graph.
    pub fn new(graphs: &[&CrystalGraph], device: &Device) -> Self {
        assert!(!graphs.is_empty(), "a batch has at least one graph");
        let n_atoms: usize = graphs.iter().map(|graph| graph.n_atoms()).sum();
        let mut elements = Vec::with_capacity(n_atoms);
        let mut structures = Vec::with_capacity(n_atoms);
        let mut neighbours = Vec::with_capacity(n_atoms * N_NEIGHBOURS);
        let mut distances = Vec::with_capacity(n_atoms * N_NEIGHBOURS);
        for (structure, graph) in graphs.iter().enumerate() {
            let first = elements.len() as u32;
            elements.extend_from_slice(&graph.elements);
            structures.extend(std::iter::repeat_n(structure as u32, graph.n_atoms()));
            neighbours.extend(graph.neighbours.iter().map(|neighbour| first + neighbour));
            distances.extend_from_slice(&graph.distances);
        }
        let centres: Vec<u32> = (0..n_atoms as u32 * N_NEIGHBOURS as u32).map(|edge| edge / N_NEIGHBOURS as u32).collect();
        let n_structures = graphs.len();
        let group_size = (n_structures as f64).sqrt().ceil() as usize;
        let n_groups = n_structures.div_ceil(group_size);
        let groups: Vec<u32> = (0..n_structures).map(|structure| (structure / group_size) as u32).collect();
        let inverse_atoms: Vec<f32> = graphs.iter().map(|graph| 1.0 / graph.n_atoms() as f32).collect();
        let column = |values: Vec<f32>| {
            let shape = [values.len(), 1];
            Tensor::<2>::from_data(TensorData::new(values, shape), device)
        };
        Self {
            atom_vectors: Tensor::from_data(TensorData::new(vectors().to_vec(), [N_ELEMENTS, ATOM_VECTOR]), device),
            elements: RowIndex::new(&elements, N_ELEMENTS, device),
            centres: RowIndex::new(&centres, n_atoms, device),
            neighbours: RowIndex::new(&neighbours, n_atoms, device),
            structures: RowIndex::new(&structures, n_structures, device),
            groups: [RowIndex::new(&groups, n_groups, device), RowIndex::new(&vec![0; n_groups], 1, device)],
            distances: column(distances),
            inverse_atoms: column(inverse_atoms),
        }
    }

    /// Number of structures S.
    pub fn n_structures(&self) -> usize {
        self.structures.n_targets()
    }

    /// Gaussians of the lengths, `exp(−((d − μ)/0.2 Å)²)`, μ = 0, 0.2, …, 8 Å; `[E, 41]`.
    pub(crate) fn edge_features(&self) -> Tensor<2> {
        let centres: Vec<f32> = (0..N_GAUSSIANS).map(|k| k as f32 * GAUSSIAN_STEP).collect();
        let centres = Tensor::<2>::from_data(TensorData::new(centres, [1, N_GAUSSIANS]), &self.distances.device());
        let scaled = (self.distances.clone() - centres).div_scalar(GAUSSIAN_STEP);
        (scaled.clone() * scaled).neg().exp()
    }

    /// The steps of a sum over all edges, each the target of the one before: atoms, structures, groups, one row.
    pub(crate) fn edge_steps(&self) -> [&RowIndex; 4] {
        [&self.centres, &self.structures, &self.groups[0], &self.groups[1]]
    }

    /// The steps of a sum over all atoms.
    pub(crate) fn atom_steps(&self) -> [&RowIndex; 3] {
        [&self.structures, &self.groups[0], &self.groups[1]]
    }
}
