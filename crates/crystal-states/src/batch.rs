//! What a network reads: a batch of graphs and noise levels as tensors on a device.

use burn::Tensor;
use burn::tensor::{Device, TensorData};
use crystal_core::LatticeCoordinates;
use crystal_core::whole;
use multigraph::BatchedMultiGraph;
use rayon::prelude::*;

use tensor_ops::{HostRowIndex, RowIndex, has_kernels};

use crate::BasisConfig;
use crate::StateError;
use crate::checks::check_levels;
use crate::edge_features::EdgeInputs;

/// Number of elements that a model knows: 1 (H) to 118 (Og).
pub const N_ELEMENTS: usize = 118;

/// A batch of graphs with the noise level of each structure.
///
/// E edges, N sites, S structures, L degrees. Rows may be added that are padding (see [`Padding`]), and a batch
/// in which no structure has an edge gets one: they add exactly 0 to every estimate, and no tensor is empty (GPU
/// kernels cannot be launched over nothing).
#[derive(Debug, Clone)]
pub struct GraphBatch {
    pub(crate) n_structures: usize,
    /// Sites → elements (atomic number − 1), [`N_ELEMENTS`] targets.
    pub elements: RowIndex,
    /// Sites → noise levels.
    pub levels: RowIndex,
    /// Edges → source sites; edges are sorted by source.
    pub source: RowIndex,
    /// Edges → target sites.
    pub target: RowIndex,
    /// Edges → reverse edges.
    pub reverse: RowIndex,
    /// Edges → structures.
    pub edge_structure: RowIndex,
    /// Sites → structures.
    pub site_structure: RowIndex,
    /// The envelope at d/r_c, `[E, 1]`: an output times this fades out smoothly at the cut-off.
    pub envelope: Tensor<2>,
    /// Radial functions `[E, n_radial]`, zero at and beyond the cut-off.
    pub radial: Tensor<2>,
    /// Radial parts of the spherical functions `[L, E, n_radial]`, zero at and beyond the cut-off, divided by the root
    /// of the structure's mean degree: a sum over all neighbours then keeps its size whether a site has 10 or 400 of
    /// them.
    pub spherical: Tensor<3>,
    /// Real spherical harmonics `[E, L²]` of the edge's direction in the frame of its source.
    pub harmonics: Tensor<2>,
    /// Unit vectors `[E, 3]`, Cartesian, in the frame of the source.
    pub directions: Tensor<2>,
    /// Scalar features `[E, n_scalars]`: 1 where the ends are images of one site under an operation, `ln(r_c/5 Å)`,
    /// `ln(d/5 Å)`, then the Gaussians of d. The radial functions see d/r_c only; bond lengths are absolute.
    pub scalars: Tensor<2>,
    /// `g/(1e-3 + |g|²)/(edges of the structure)`, g = ∂d/∂y, `[E, 6]`: the lattice estimate is the structure's sum of
    /// an edge's output times this.
    pub lattice_weights: Tensor<2>,
    /// 1 for the free lattice coordinates of each structure, else 0, `[S, 6]`.
    pub free_mask: Tensor<2>,
}

/// Whether a batch gets rows that are padding, so that its tensors come in few sizes.
///
/// A GPU's memory pool keeps freed buffers by size: if every batch has another number of edges, it searches and splits
/// them, slower with every step. Rounding up adds at most a sixteenth to a large batch, and less than 128 rows to a
/// small one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Padding {
    /// No more rows than sites and edges.
    None,
    /// Sites and edges rounded up to a sixteenth of the power of two below, at least by 64.
    Rounded,
}

impl Padding {
    /// Fewest rows that are added together.
    const SMALLEST: usize = 64;
    /// Edges of a site that is padding: about as many as other sites have.
    pub(crate) const EDGES_PER_SITE: usize = 64;

    /// What suits a device.
    pub fn for_device(device: &Device) -> Self {
        if has_kernels(device) { Self::Rounded } else { Self::None }
    }

    /// Rows of a tensor of `count` rows with this padding.
    pub fn rows(self, count: usize) -> usize {
        match self {
            Self::None => count,
            Self::Rounded => Self::round_up(count),
        }
    }

    fn round_up(count: usize) -> usize {
        count.next_multiple_of((count.next_power_of_two() / 32).max(Self::SMALLEST))
    }

    /// Sites and edges of a batch of this many.
    pub(crate) fn sizes(self, n_sites: usize, n_edges: usize) -> (usize, usize) {
        match self {
            Self::None => (n_sites, n_edges.max(1)),
            Self::Rounded => {
                let edges = Self::round_up(n_edges.max(1));
                (Self::round_up(n_sites + (edges - n_edges).div_ceil(Self::EDGES_PER_SITE)), edges)
            }
        }
    }
}

/// A [`GraphBatch`] before it is uploaded: everything that the processor has to do for it.
#[derive(Debug, Clone)]
pub struct PreparedBatch {
    n_structures: usize,
    elements: HostRowIndex,
    levels: HostRowIndex,
    source: HostRowIndex,
    target: HostRowIndex,
    reverse: HostRowIndex,
    edge_structure: HostRowIndex,
    site_structure: HostRowIndex,
    edges: EdgeInputs,
    free_mask: Vec<f32>,
    config: BasisConfig,
}

impl PreparedBatch {
    /// Sorts the graph's indices, in parallel over them. Rows that are padding come last: sites of the last
    /// structure with edges from themselves to themselves, longer than the cut-off.
    ///
    /// # Errors
    /// [`StateError`] if the levels do not match the structures or the basis, if a site is not an element, or if there
    /// are no sites.
    pub fn new(
        graph: &BatchedMultiGraph,
        levels: &[usize],
        config: &BasisConfig,
        padding: Padding,
    ) -> Result<Self, StateError> {
        config.check()?;
        check(graph, levels, config)?;
        let n_structures = graph.n_structures();
        let (n_sites, n_edges) = padding.sizes(graph.n_sites(), graph.n_edges());
        let last_structure = whole::compact(n_structures) - 1;
        let site_structures = filled(expand(&graph.site_offsets), n_sites, |_| last_structure);
        let site_levels: Vec<u32> = site_structures.iter().map(|&s| whole::compact(levels[s as usize])).collect();
        let elements = filled(graph.atomic_numbers.iter().map(|&z| u32::from(z) - 1).collect(), n_sites, |_| 0);
        // Without rounding, the one edge that may be added belongs to the last site.
        let first_added = graph.n_edges();
        let site_of = |edge: usize| {
            whole::compact((graph.n_sites() + (edge - first_added) / Padding::EDGES_PER_SITE).min(n_sites - 1))
        };
        let sources = filled(expand(&graph.offsets), n_edges, site_of);
        let targets = filled(graph.targets.clone(), n_edges, site_of);
        let reverses = filled(graph.reverse.clone(), n_edges, |edge| whole::compact(edge));
        let edge_structures = filled(expand(&graph.edge_offsets), n_edges, |_| last_structure);
        let maps: [(&[u32], usize); 7] = [
            (&elements, N_ELEMENTS),
            (&site_levels, config.n_levels),
            (&sources, n_sites),
            (&targets, n_sites),
            (&reverses, n_edges),
            (&edge_structures, n_structures),
            (&site_structures, n_structures),
        ];
        let mut sorted: [HostRowIndex; 7] = Default::default();
        let (edges, ()) = rayon::join(
            || EdgeInputs::new(graph, n_edges),
            || {
                sorted
                    .par_iter_mut()
                    .zip(maps)
                    .for_each(|(out, (index, n_targets))| *out = HostRowIndex::new(index, n_targets))
            },
        );
        let [elements, levels, source, target, reverse, edge_structure, site_structure] = sorted;
        let mut free_mask = vec![0.0; n_structures * LatticeCoordinates::MAX];
        for (mask, &n_free) in free_mask.chunks_mut(LatticeCoordinates::MAX).zip(&graph.n_free) {
            mask[..usize::from(n_free)].fill(1.0);
        }
        Ok(Self {
            n_structures,
            elements,
            levels,
            source,
            target,
            reverse,
            edge_structure,
            site_structure,
            edges,
            free_mask,
            config: config.clone(),
        })
    }

    /// Uploads the indices and computes the features on the device.
    pub fn upload(self, device: &Device) -> GraphBatch {
        let edge_structure = self.edge_structure.upload(device);
        let features = self.edges.features(&edge_structure, &self.config, device);
        let free_mask = TensorData::new(self.free_mask, [self.n_structures, LatticeCoordinates::MAX]);
        GraphBatch {
            n_structures: self.n_structures,
            elements: self.elements.upload(device),
            levels: self.levels.upload(device),
            source: self.source.upload(device),
            target: self.target.upload(device),
            reverse: self.reverse.upload(device),
            edge_structure,
            site_structure: self.site_structure.upload(device),
            envelope: features.envelope,
            radial: features.radial,
            spherical: features.spherical,
            harmonics: features.harmonics,
            directions: features.directions,
            scalars: features.scalars,
            lattice_weights: features.lattice_weights,
            free_mask: Tensor::from_data(free_mask, device),
        }
    }
}

impl GraphBatch {
    /// [`PreparedBatch::new`] and [`PreparedBatch::upload`].
    ///
    /// # Errors
    /// As [`PreparedBatch::new`].
    pub fn new(
        graph: &BatchedMultiGraph,
        levels: &[usize],
        config: &BasisConfig,
        device: &Device,
    ) -> Result<Self, StateError> {
        Ok(PreparedBatch::new(graph, levels, config, Padding::for_device(device))?.upload(device))
    }

    /// Number of structures S.
    pub fn n_structures(&self) -> usize {
        self.n_structures
    }

    /// Number of rows N of the site tensors: the sites of all structures, and those that are padding.
    pub fn n_sites(&self) -> usize {
        self.elements.n_rows()
    }

    /// Number of rows E of the edge tensors: the edges of all structures, and those that are padding; at least 1.
    pub fn n_edges(&self) -> usize {
        self.source.n_rows()
    }
}

fn check(graph: &BatchedMultiGraph, levels: &[usize], config: &BasisConfig) -> Result<(), StateError> {
    if graph.n_sites() == 0 {
        return Err(StateError::EmptyBatch);
    }
    check_levels(levels, graph.n_structures(), config)?;
    let known = |z: u8| (1..=N_ELEMENTS).contains(&usize::from(z));
    match graph.atomic_numbers.iter().position(|&z| !known(z)) {
        Some(site) => Err(StateError::UnknownElement { site, atomic_number: graph.atomic_numbers[site] }),
        None => Ok(()),
    }
}

/// Index of the segment of each entry.
fn expand(offsets: &[u32]) -> Vec<u32> {
    let segments = offsets.windows(2).enumerate();
    segments
        .flat_map(|(segment, range)| std::iter::repeat_n(whole::compact(segment), (range[1] - range[0]) as usize))
        .collect()
}

/// The values, and what `added` gives for the rows beyond them.
fn filled(mut values: Vec<u32>, length: usize, added: impl Fn(usize) -> u32) -> Vec<u32> {
    values.extend((values.len()..length).map(added));
    values
}
