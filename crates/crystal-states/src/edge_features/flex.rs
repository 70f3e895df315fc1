//! CPU loops, in double precision where a difference of large numbers is taken.

use burn::backend::Flex;
use burn::backend::flex::FlexTensor;
use crystal_core::LatticeCoordinates;
use rayon::prelude::*;

use super::{
    EDGE_WIDTH, FeatureTensors, GAUSSIAN_RANGE, GRADIENT_FLOOR, LENGTH_UNIT, SHORTEST_LENGTH, STRUCTURE_WIDTH,
    gaussian_spacing,
};
use tensor_ops::basis::{MAX_DEGREES, RadialTable, envelope, real_harmonics};
use tensor_ops::flex::{MIN_ROWS, floats, indices, tensor};

use crate::BasisConfig;

/// One edge of the input.
struct Edge<'a> {
    distance: f64,
    equivalent: f32,
    direction: [f32; 3],
    gradient: &'a [f32],
    cutoff: f64,
    spherical_scale: f32,
    n_edges: f32,
}

/// The features, in the order of [`super::FeatureTensors`].
pub(crate) fn features(
    edges: &FlexTensor,
    structures: &FlexTensor,
    edge_structure: &FlexTensor,
    config: &BasisConfig,
) -> FeatureTensors<Flex> {
    let (edges, structures, edge_structure) = (floats(edges), floats(structures), indices(edge_structure));
    let n_edges = edge_structure.len();
    let edge = |e: usize| {
        let edge = &edges[e * EDGE_WIDTH..(e + 1) * EDGE_WIDTH];
        let structure = &structures[edge_structure[e] as usize * STRUCTURE_WIDTH..];
        Edge {
            distance: f64::from(edge[0]),
            equivalent: edge[1],
            direction: [edge[2], edge[3], edge[4]],
            gradient: &edge[5..],
            cutoff: f64::from(structure[0]),
            spherical_scale: structure[1],
            n_edges: structure[2],
        }
    };
    // One output row per edge, in parallel.
    let rows = |width: usize, fill: &(dyn Fn(Edge, &mut [f32]) + Sync)| {
        let mut values = vec![0.0; n_edges * width];
        values.par_chunks_mut(width).enumerate().with_min_len(MIN_ROWS).for_each(|(e, row)| fill(edge(e), row));
        values
    };

    let (n_radial, degrees, n_scalars) = (config.n_radial, config.n_spherical, config.n_scalars());
    let table = RadialTable::of(config.radial());
    let columns = table.n_columns();
    // One row per edge first; the spherical part is moved to its degree-major layout afterwards.
    let by_edge = rows(columns, &|edge, row| table.evaluate(edge.distance / edge.cutoff, row));
    let mut radial = vec![0.0; n_edges * n_radial];
    for (radial, row) in radial.chunks_exact_mut(n_radial).zip(by_edge.chunks_exact(columns)) {
        radial.copy_from_slice(&row[..n_radial]);
    }
    let mut spherical = vec![0.0; degrees * n_edges * n_radial];
    spherical.par_chunks_mut(n_edges * n_radial).enumerate().for_each(|(l, degree)| {
        for (e, (out, row)) in degree.chunks_exact_mut(n_radial).zip(by_edge.chunks_exact(columns)).enumerate() {
            let scale = edge(e).spherical_scale;
            for (out, value) in out.iter_mut().zip(&row[(l + 1) * n_radial..]) {
                *out = scale * value;
            }
        }
    });
    let envelopes =
        rows(1, &|edge, row| row[0] = envelope(edge.distance / edge.cutoff, config.envelope_exponent) as f32);
    let harmonics = rows(degrees * degrees, &|edge, row| {
        let mut values = [0.0; MAX_DEGREES * MAX_DEGREES];
        real_harmonics(edge.direction.map(f64::from), degrees, &mut values[..row.len()]);
        for (out, value) in row.iter_mut().zip(values) {
            *out = value as f32;
        }
    });
    let directions = rows(3, &|edge, row| row.copy_from_slice(&edge.direction));
    let scalars = rows(n_scalars, &|edge, row| scalar_features(&edge, row));
    let lattice_weights = rows(LatticeCoordinates::MAX, &|edge, row| {
        let square: f32 = edge.gradient.iter().map(|g| g * g).sum();
        let scale = 1.0 / ((GRADIENT_FLOOR + square) * edge.n_edges);
        for (out, g) in row.iter_mut().zip(edge.gradient) {
            *out = g * scale;
        }
    });
    (
        tensor(envelopes, [n_edges, 1]),
        tensor(radial, [n_edges, n_radial]),
        tensor(spherical, [degrees, n_edges, n_radial]),
        tensor(harmonics, [n_edges, degrees * degrees]),
        tensor(directions, [n_edges, 3]),
        tensor(scalars, [n_edges, n_scalars]),
        tensor(lattice_weights, [n_edges, LatticeCoordinates::MAX]),
    )
}

/// See [`crate::GraphBatch::scalars`].
fn scalar_features(edge: &Edge, out: &mut [f32]) {
    out[0] = edge.equivalent;
    out[1] = libm::log(edge.cutoff / LENGTH_UNIT) as f32;
    out[2] = libm::log(edge.distance.max(SHORTEST_LENGTH) / LENGTH_UNIT) as f32;
    let spacing = gaussian_spacing(out.len() - 3);
    for (k, out) in out[3..].iter_mut().enumerate() {
        let x = (edge.distance - GAUSSIAN_RANGE.0 - k as f64 * spacing) / spacing;
        *out = libm::exp(-0.5 * x * x) as f32;
    }
}
