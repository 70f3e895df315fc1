//! Several graphs as one, on a device.

use burn::Tensor;
use burn::tensor::{Device, TensorData};
use crystal_core::whole;
use crystal_states::{N_DESCRIBED, N_DESCRIPTORS, Padding, element_descriptors};
use tensor_ops::{RowIndex, gather_rows, segment_sum};

use crate::CrystalGraph;
use crate::graph::N_NEIGHBOURS;

/// Number of Gaussians that a distance is expanded in.
pub(crate) const N_GAUSSIANS: usize = 41;
/// Distance of their centres and their width, Å.
const GAUSSIAN_STEP: f32 = 0.2;
/// Structures behind the S ones of a batch that share the atoms that are padding: several, so that no sum over
/// one of them is long.
const N_PADDING: usize = 16;

/// Several graphs as one: N atoms of P structures with E = 12 N edges.
///
/// On a GPU there are atoms that are padding (see [`Padding`]). They belong to structures behind the S real ones,
/// P = S + 16, have themselves as neighbours, and no real row ever sees them: sums over all rows keep them apart in a
/// their own row.
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
    /// Two further steps of a sum over structures: into about √S groups, and into two rows, one for the real ones and
    /// one for the padding.
    pub(crate) groups: [RowIndex; 2],
    /// Length of each edge in Å, `[E, 1]`.
    distances: Tensor<2>,
    /// One over the number of atoms of each structure, 0 for the padding, `[P, 1]`.
    pub(crate) inverse_atoms: Tensor<2>,
    /// S.
    n_structures: usize,
    /// Atoms that are real.
    n_real_atoms: usize,
}

impl GraphBatch {
    /// The graphs, on a device.
    ///
    /// # Panics
    /// If there is no graph.
    pub fn new(graphs: &[&CrystalGraph], device: &Device) -> Self {
        Self::padded(graphs, Padding::for_device(device), device)
    }

    pub(crate) fn padded(graphs: &[&CrystalGraph], padding: Padding, device: &Device) -> Self {
        assert!(!graphs.is_empty(), "a batch has at least one graph");
        let n_real_atoms: usize = graphs.iter().map(|graph| graph.n_atoms()).sum();
        let n_atoms = padding.rows(n_real_atoms);
        let mut elements = Vec::with_capacity(n_atoms);
        let mut structures = Vec::with_capacity(n_atoms);
        let mut neighbours = Vec::with_capacity(n_atoms * N_NEIGHBOURS);
        let mut distances = Vec::with_capacity(n_atoms * N_NEIGHBOURS);
        for (structure, graph) in graphs.iter().enumerate() {
            let first = whole::compact(elements.len());
            elements.extend_from_slice(&graph.elements);
            structures.extend(std::iter::repeat_n(whole::compact(structure), graph.n_atoms()));
            neighbours.extend(graph.neighbours.iter().map(|neighbour| first + neighbour));
            distances.extend_from_slice(&graph.distances);
        }
        let n_structures = graphs.len();
        for (k, atom) in (n_real_atoms..n_atoms).enumerate() {
            elements.push(0);
            structures.push(whole::compact(n_structures + k % N_PADDING));
            neighbours.extend([whole::compact(atom); N_NEIGHBOURS]);
            distances.extend([0.0; N_NEIGHBOURS]);
        }
        let centres: Vec<u32> = (0..whole::compact(n_atoms) * whole::compact(N_NEIGHBOURS))
            .map(|edge| edge / whole::compact(N_NEIGHBOURS))
            .collect();
        let group_size = whole::count((n_structures as f64).sqrt().ceil());
        let n_groups = n_structures.div_ceil(group_size);
        let mut groups: Vec<u32> = (0..n_structures).map(|structure| whole::compact(structure / group_size)).collect();
        groups.extend([whole::compact(n_groups); N_PADDING]);
        let mut rows = vec![0; n_groups];
        rows.push(1);
        let mut inverse_atoms: Vec<f32> = graphs.iter().map(|graph| 1.0 / graph.n_atoms() as f32).collect();
        inverse_atoms.extend([0.0; N_PADDING]);
        let column = |values: Vec<f32>| {
            let shape = [values.len(), 1];
            Tensor::<2>::from_data(TensorData::new(values, shape), device)
        };
        Self {
            atom_vectors: Tensor::from_data(
                TensorData::new(element_descriptors().to_vec(), [N_DESCRIBED, N_DESCRIPTORS]),
                device,
            ),
            elements: RowIndex::new(&elements, N_DESCRIBED, device),
            centres: RowIndex::new(&centres, n_atoms, device),
            neighbours: RowIndex::new(&neighbours, n_atoms, device),
            structures: RowIndex::new(&structures, n_structures + N_PADDING, device),
            groups: [RowIndex::new(&groups, n_groups + 1, device), RowIndex::new(&rows, 2, device)],
            distances: column(distances),
            inverse_atoms: column(inverse_atoms),
            n_structures,
            n_real_atoms,
        }
    }

    /// Number of structures S.
    pub fn n_structures(&self) -> usize {
        self.n_structures
    }

    /// Number of atoms N, those that are padding included.
    #[cfg(test)]
    pub(crate) fn n_atoms(&self) -> usize {
        self.structures.n_rows()
    }

    /// Gaussians of the lengths, `exp(−((d − μ)/0.2 Å)²)`, μ = 0, 0.2, …, 8 Å; `[E, 41]`.
    pub(crate) fn edge_features(&self) -> Tensor<2> {
        let centres: Vec<f32> = (0..N_GAUSSIANS).map(|k| k as f32 * GAUSSIAN_STEP).collect();
        let centres = Tensor::<2>::from_data(TensorData::new(centres, [1, N_GAUSSIANS]), &self.distances.device());
        let scaled = (self.distances.clone() - centres).div_scalar(GAUSSIAN_STEP);
        (scaled.clone() * scaled).neg().exp()
    }

    /// How a sum over all edges is made: by atoms, structures, groups.
    pub(crate) fn edge_rows(&self) -> RowSums<'_> {
        let steps = vec![&self.centres, &self.structures, &self.groups[0], &self.groups[1]];
        RowSums { steps, n_real: self.n_real_atoms * N_NEIGHBOURS }
    }

    /// How a sum over all atoms is made.
    pub(crate) fn atom_rows(&self) -> RowSums<'_> {
        RowSums { steps: vec![&self.structures, &self.groups[0], &self.groups[1]], n_real: self.n_real_atoms }
    }
}

/// Sums over all rows in steps, and their transpose. Row 0 of the result is that of the real rows, row 1 that of the
/// padding.
///
/// A plain reduction over this many rows keeps a GPU waiting for the few units that walk them, backward too, and its
/// order is not fixed.
#[derive(Debug)]
pub(crate) struct RowSums<'a> {
    steps: Vec<&'a RowIndex>,
    /// Number of rows that are real.
    n_real: usize,
}

impl RowSums<'_> {
    /// Mean over the real rows in row 0, `[M, C]` → `[2, C]`. Row 1 is not a mean of anything.
    pub(crate) fn mean(&self, x: Tensor<2>) -> Tensor<2> {
        self.steps.iter().fold(x, |x, step| segment_sum(x, step)).div_scalar(self.n_real as f64)
    }

    /// Row 0 in every real row, row 1 in the others, `[2, C]` → `[M, C]`.
    pub(crate) fn spread(&self, x: Tensor<2>) -> Tensor<2> {
        self.steps.iter().rev().fold(x, |x, step| gather_rows(x, step))
    }
}
