//! What a network reads: a batch of graphs and noise levels as tensors on a device.

use burn::Tensor;
use burn::tensor::{Device, TensorData};
use crystal_core::LatticeCoordinates;
use multigraph::BatchedMultiGraph;
use rayon::prelude::*;

use crate::ScoreModelError;
use crate::basis::{BasisConfig, RadialTable, envelope, real_harmonics};
use crate::ops::RowIndex;

/// Number of elements that a model knows: 1 (H) to 118 (Og).
pub const N_ELEMENTS: usize = 118;

/// The unit of the lengths whose logarithms are features, Å: about the middle of the cut-offs that occur.
const LENGTH_UNIT: f64 = 5.0;
/// The floor of `|g|²` in the lattice estimate (method §5).
const GRADIENT_FLOOR: f32 = 1e-3;
/// First and last centre of the Gaussians in the length, Å.
const GAUSSIAN_RANGE: (f64, f64) = (0.5, 6.5);

/// A batch of graphs with the noise level of each structure.
///
/// E edges, N sites, S structures, L degrees. A batch in which no structure has an edge gets one edge of length
/// zero weight, from the first site to itself: it adds exactly 0 to every estimate, and no tensor is empty (GPU kernels cannot be launched over nothing).
#[derive(Debug, Clone)]
pub struct ScoreBatch {
    n_structures: usize,
    n_sites: usize,
    n_edges: usize,
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
    /// Radial parts of the spherical functions `[L, E, n_radial]`, zero at and beyond the cut-off, divided by the root of the structure's
    /// mean degree: a sum over all neighbours then keeps its size whether a site has 10 or 400 of them.
    pub spherical: Tensor<3>,
    /// Real spherical harmonics `[E, L²]` of the edge's direction in the frame of its source.
    pub harmonics: Tensor<2>,
    /// Unit vectors `[E, 3]`, Cartesian, in the frame of the source.
    pub directions: Tensor<2>,
    /// Scalar features `[E, n_scalars]`: 1 where the ends are images of one site under an operation, `ln(r_c/5 Å)`, `ln(d/5 Å)`, then the
    /// Gaussians of d. The radial functions see d/r_c only; bond lengths are absolute.
    pub scalars: Tensor<2>,
    /// `g/(1e-3 + |g|²)/(edges of the structure)`, g = ∂d/∂y, `[E, 6]`: the lattice estimate is the structure's sum of an edge's output times this.
    pub lattice_weights: Tensor<2>,
    /// 1 for the free lattice coordinates of each structure, else 0, `[S, 6]`.
    pub free_mask: Tensor<2>,
}

impl ScoreBatch {
    /// Computes all features on the CPU, in parallel over edges, and uploads them.
    ///
    /// # Errors
    /// [`ScoreModelError`] if the levels do not match the structures or the basis, if a site is no element, or if there are no sites.
    pub fn new(
        graph: &BatchedMultiGraph,
        levels: &[usize],
        config: &BasisConfig,
        device: &Device,
    ) -> Result<Self, ScoreModelError> {
        config.validate()?;
        check(graph, levels, config)?;
        let (n_structures, n_sites) = (graph.n_structures(), graph.n_sites());
        let n_edges = graph.n_edges().max(1);

        let sources = graph
            .offsets
            .windows(2)
            .enumerate()
            .flat_map(|(site, range)| std::iter::repeat_n(site as u32, (range[1] - range[0]) as usize));
        let sources = padded(sources.collect(), n_edges);
        let edge_structures = padded(expand(&graph.edge_offsets), n_edges);
        let site_structures = expand(&graph.site_offsets);
        let site_levels: Vec<u32> = site_structures.iter().map(|&s| levels[s as usize] as u32).collect();
        let elements: Vec<u32> = graph.atomic_numbers.iter().map(|&z| u32::from(z) - 1).collect();

        let features = EdgeFeatures::new(graph, &edge_structures, config, n_edges);
        let float = |values: Vec<f32>, shape: [usize; 2]| Tensor::<2>::from_data(TensorData::new(values, shape), device);
        let mut free_mask = vec![0.0; n_structures * LatticeCoordinates::MAX];
        for (mask, &n_free) in free_mask.chunks_mut(LatticeCoordinates::MAX).zip(&graph.n_free) {
            mask[..usize::from(n_free)].fill(1.0);
        }
        let degrees = config.n_spherical;
        Ok(Self {
            n_structures,
            n_sites,
            n_edges,
            elements: RowIndex::new(&elements, N_ELEMENTS, device),
            levels: RowIndex::new(&site_levels, config.n_levels, device),
            source: RowIndex::new(&sources, n_sites, device),
            target: RowIndex::new(&padded(graph.targets.clone(), n_edges), n_sites, device),
            reverse: RowIndex::new(&padded(graph.reverse.clone(), n_edges), n_edges, device),
            edge_structure: RowIndex::new(&edge_structures, n_structures, device),
            site_structure: RowIndex::new(&site_structures, n_structures, device),
            envelope: float(features.envelope, [n_edges, 1]),
            radial: float(features.radial, [n_edges, config.n_radial]),
            spherical: Tensor::from_data(TensorData::new(features.spherical, [degrees, n_edges, config.n_radial]), device),
            harmonics: float(features.harmonics, [n_edges, degrees * degrees]),
            directions: float(features.directions, [n_edges, 3]),
            scalars: float(features.scalars, [n_edges, config.n_scalars()]),
            lattice_weights: float(features.lattice_weights, [n_edges, LatticeCoordinates::MAX]),
            free_mask: float(free_mask, [n_structures, LatticeCoordinates::MAX]),
        })
    }

    /// Number of structures S.
    pub fn n_structures(&self) -> usize {
        self.n_structures
    }

    /// Number of sites N of all structures.
    pub fn n_sites(&self) -> usize {
        self.n_sites
    }

    /// Number of rows E of the edge tensors: the edges of all structures, at least 1.
    pub fn n_edges(&self) -> usize {
        self.n_edges
    }
}

fn check(graph: &BatchedMultiGraph, levels: &[usize], config: &BasisConfig) -> Result<(), ScoreModelError> {
    if graph.n_sites() == 0 {
        return Err(ScoreModelError::EmptyBatch);
    }
    if levels.len() != graph.n_structures() {
        return Err(ScoreModelError::LevelCount { levels: levels.len(), structures: graph.n_structures() });
    }
    if let Some((structure, &level)) = levels.iter().enumerate().find(|(_, level)| **level >= config.n_levels) {
        return Err(ScoreModelError::LevelOutOfRange { structure, level, n_levels: config.n_levels });
    }
    let known = |z: u8| (1..=N_ELEMENTS).contains(&usize::from(z));
    match graph.atomic_numbers.iter().position(|&z| !known(z)) {
        Some(site) => Err(ScoreModelError::UnknownElement { site, atomic_number: graph.atomic_numbers[site] }),
        None => Ok(()),
    }
}

/// Index of the segment of each entry.
fn expand(offsets: &[u32]) -> Vec<u32> {
    let segments = offsets.windows(2).enumerate();
    segments.flat_map(|(segment, range)| std::iter::repeat_n(segment as u32, (range[1] - range[0]) as usize)).collect()
}

/// The values, or the one entry 0 of the edge that stands in where there is none.
fn padded(mut values: Vec<u32>, n_edges: usize) -> Vec<u32> {
    values.resize(n_edges, 0);
    values
}

/// The per-edge features as flat arrays in the layout of [`ScoreBatch`]; zero for the stand-in edge.
struct EdgeFeatures {
    envelope: Vec<f32>,
    radial: Vec<f32>,
    spherical: Vec<f32>,
    harmonics: Vec<f32>,
    directions: Vec<f32>,
    scalars: Vec<f32>,
    lattice_weights: Vec<f32>,
}

impl EdgeFeatures {
    fn new(graph: &BatchedMultiGraph, structures: &[u32], config: &BasisConfig, n_edges: usize) -> Self {
        let table = RadialTable::of(config);
        let (n_radial, degrees) = (config.n_radial, config.n_spherical);
        let orders = degrees * degrees;
        let n_scalars = config.n_scalars();
        let mut features = Self {
            envelope: vec![0.0; n_edges],
            radial: vec![0.0; n_edges * n_radial],
            spherical: vec![0.0; n_edges * n_radial * degrees],
            harmonics: vec![0.0; n_edges * orders],
            directions: vec![0.0; n_edges * 3],
            scalars: vec![0.0; n_edges * n_scalars],
            lattice_weights: vec![0.0; n_edges * LatticeCoordinates::MAX],
        };
        let count = |offsets: &[u32], s: usize| (offsets[s + 1] - offsets[s]) as f32;
        let sizes: Vec<(f32, f32)> = (0..graph.n_structures())
            .map(|s| (count(&graph.edge_offsets, s).max(1.0), count(&graph.site_offsets, s).max(1.0)))
            .collect();

        for (e, (out, &distance)) in features.envelope.iter_mut().zip(&graph.distances).enumerate() {
            let cutoff = f64::from(graph.cutoffs[structures[e] as usize]);
            *out = envelope(f64::from(distance) / cutoff, config.envelope_exponent) as f32;
        }
        // One row per edge first; the spherical part is moved to its degree-major layout afterwards.
        let mut by_edge = vec![0.0; graph.n_edges() * table.n_columns()];
        by_edge.par_chunks_mut(table.n_columns()).enumerate().with_min_len(64).for_each(|(e, row)| {
            let cutoff = f64::from(graph.cutoffs[structures[e] as usize]);
            table.evaluate(f64::from(graph.distances[e]) / cutoff, row);
        });
        features.radial.par_chunks_mut(n_radial).zip(by_edge.par_chunks(table.n_columns())).for_each(|(radial, row)| {
            radial.copy_from_slice(&row[..n_radial]);
        });
        features.spherical.par_chunks_mut(n_edges * n_radial).enumerate().for_each(|(l, degree)| {
            let rows = by_edge.chunks_exact(table.n_columns()).zip(structures);
            for (spherical, (row, &s)) in degree.chunks_exact_mut(n_radial).zip(rows) {
                let (edges, sites) = sizes[s as usize];
                let scale = (edges / sites).max(1.0).sqrt().recip();
                for (out, value) in spherical.iter_mut().zip(&row[(l + 1) * n_radial..]) {
                    *out = scale * value;
                }
            }
        });
        features.harmonics.par_chunks_mut(orders).zip(&graph.directions).with_min_len(64).for_each(|(out, direction)| {
            let mut values = [0.0; 49];
            real_harmonics(direction.map(f64::from), degrees, &mut values[..orders]);
            for (out, value) in out.iter_mut().zip(values) {
                *out = value as f32;
            }
        });
        for (out, direction) in features.directions.chunks_exact_mut(3).zip(&graph.directions) {
            out.copy_from_slice(direction);
        }
        features.scalars.par_chunks_mut(n_scalars).zip(&graph.distances).enumerate().with_min_len(64).for_each(
            |(e, (out, &distance))| {
                let cutoff = f64::from(graph.cutoffs[structures[e] as usize]);
                scalar_features(graph.equivalent[e], cutoff, f64::from(distance), out);
            },
        );
        let gradients = graph.lattice_gradients.iter().zip(structures);
        for (out, (gradient, &s)) in features.lattice_weights.chunks_exact_mut(LatticeCoordinates::MAX).zip(gradients) {
            let square: f32 = gradient.iter().map(|g| g * g).sum();
            let scale = 1.0 / ((GRADIENT_FLOOR + square) * sizes[s as usize].0);
            for (out, g) in out.iter_mut().zip(gradient) {
                *out = g * scale;
            }
        }
        features
    }
}

/// See [`ScoreBatch::scalars`].
fn scalar_features(equivalent: bool, cutoff: f64, distance: f64, out: &mut [f32]) {
    // Coinciding atoms: the logarithm is held at that of 0.05 Å.
    out[0] = if equivalent { 1.0 } else { 0.0 };
    out[1] = (cutoff / LENGTH_UNIT).ln() as f32;
    out[2] = (distance.max(0.05) / LENGTH_UNIT).ln() as f32;
    let gaussians = &mut out[3..];
    let spacing = (GAUSSIAN_RANGE.1 - GAUSSIAN_RANGE.0) / (gaussians.len().max(2) - 1) as f64;
    for (k, out) in gaussians.iter_mut().enumerate() {
        let x = (distance - GAUSSIAN_RANGE.0 - k as f64 * spacing) / spacing;
        *out = (-0.5 * x * x).exp() as f32;
    }
}
