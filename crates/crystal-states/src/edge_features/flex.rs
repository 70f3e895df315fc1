//! CPU loops, in double precision where a difference of large numbers is taken.

use burn::backend::Flex;
use burn::backend::flex::FlexTensor;
use crystal_core::LatticeCoordinates;
use crystal_core::whole;
use rayon::prelude::*;

use super::{
    EDGE_WIDTH, FeatureTensors, GAUSSIAN_RANGE, GRADIENT_FLOOR, LENGTH_UNIT, SHORTEST_LENGTH, STRUCTURE_WIDTH,
    gaussian_spacing,
};
use tensor_ops::basis::{MAX_DEGREES, RadialTable, envelope, real_harmonics};
use tensor_ops::flex::{exponential_in_place, floats, indices, tensor};

use crate::BasisConfig;

/// Edges per task.
const PIECE: usize = 32;

/// One edge of the input.
struct Edge<'a> {
    distance: f64,
    equivalent: f32,
    direction: [f32; 3],
    gradient: &'a [f32],
    cutoff: f64,
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
    let structure = |e: usize| &structures[edge_structure[e] as usize * STRUCTURE_WIDTH..];
    let edge = |e: usize| {
        let (edge, structure) = (&edges[e * EDGE_WIDTH..(e + 1) * EDGE_WIDTH], structure(e));
        Edge {
            distance: f64::from(edge[0]),
            equivalent: edge[1],
            direction: [edge[2], edge[3], edge[4]],
            gradient: &edge[5..],
            cutoff: f64::from(structure[0]),
            n_edges: structure[2],
        }
    };
    let (n_radial, degrees, n_scalars) = (config.n_radial, config.n_spherical, config.n_scalars());
    let orders = degrees * degrees;
    let table = RadialTable::of(config.radial());
    let columns = table.n_columns();
    let rows = |width: usize| vec![0.0; n_edges * width];
    // One row per edge first; the spherical part is moved to its degree-major layout afterwards.
    let (mut by_edge, mut radial, mut envelopes) = (rows(columns), rows(n_radial), rows(1));
    let (mut harmonics, mut directions) = (rows(orders), rows(3));
    let (mut scalars, mut lattice_weights) = (rows(n_scalars), rows(LatticeCoordinates::MAX));
    let functions = by_edge.par_chunks_mut(PIECE * columns).zip(radial.par_chunks_mut(PIECE * n_radial));
    let of_directions = harmonics.par_chunks_mut(PIECE * orders).zip(directions.par_chunks_mut(PIECE * 3));
    let of_lengths = envelopes.par_chunks_mut(PIECE).zip(scalars.par_chunks_mut(PIECE * n_scalars));
    let weights = lattice_weights.par_chunks_mut(PIECE * LatticeCoordinates::MAX);
    let pieces = functions.zip(of_directions).zip(of_lengths).zip(weights).enumerate();
    pieces.for_each(|(piece, ((((by_edge, radial), (harmonics, directions)), (envelopes, scalars)), weights))| {
        for (k, out) in envelopes.iter_mut().enumerate() {
            let edge = edge(piece * PIECE + k);
            let row = |width: usize| k * width..(k + 1) * width;
            let x = edge.distance / edge.cutoff;
            *out = whole::single(envelope(x, config.envelope_exponent));
            table.evaluate(x, &mut by_edge[row(columns)]);
            radial[row(n_radial)].copy_from_slice(&by_edge[k * columns..k * columns + n_radial]);
            let mut values = [0.0; MAX_DEGREES * MAX_DEGREES];
            real_harmonics(edge.direction.map(f64::from), degrees, &mut values[..orders]);
            for (out, value) in harmonics[row(orders)].iter_mut().zip(values) {
                *out = whole::single(value);
            }
            directions[row(3)].copy_from_slice(&edge.direction);
            scalar_features(&edge, &mut scalars[row(n_scalars)]);
            let square: f32 = edge.gradient.iter().map(|g| g * g).sum();
            let scale = 1.0 / ((GRADIENT_FLOOR + square) * edge.n_edges);
            for (out, g) in weights[row(LatticeCoordinates::MAX)].iter_mut().zip(edge.gradient) {
                *out = g * scale;
            }
        }
    });
    let mut spherical = vec![0.0; degrees * n_edges * n_radial];
    spherical.par_chunks_mut(n_edges * n_radial).enumerate().for_each(|(l, degree)| {
        for (e, (out, row)) in degree.chunks_exact_mut(n_radial).zip(by_edge.chunks_exact(columns)).enumerate() {
            let scale = structure(e)[1];
            for (out, value) in out.iter_mut().zip(&row[(l + 1) * n_radial..]) {
                *out = scale * value;
            }
        }
    });
    (
        tensor(envelopes, [n_edges, 1]),
        tensor(radial, [n_edges, n_radial]),
        tensor(spherical, [degrees, n_edges, n_radial]),
        tensor(harmonics, [n_edges, orders]),
        tensor(directions, [n_edges, 3]),
        tensor(scalars, [n_edges, n_scalars]),
        tensor(lattice_weights, [n_edges, LatticeCoordinates::MAX]),
    )
}

/// See [`crate::GraphBatch::scalars`].
fn scalar_features(edge: &Edge, out: &mut [f32]) {
    out[0] = edge.equivalent;
    out[1] = whole::single(libm::log(edge.cutoff / LENGTH_UNIT));
    out[2] = whole::single(libm::log(edge.distance.max(SHORTEST_LENGTH) / LENGTH_UNIT));
    let spacing = gaussian_spacing(out.len() - 3);
    for (k, out) in out[3..].iter_mut().enumerate() {
        let x = (edge.distance - GAUSSIAN_RANGE.0 - k as f64 * spacing) / spacing;
        *out = whole::single(-0.5 * x * x);
    }
    exponential_in_place(&mut out[3..]);
}
