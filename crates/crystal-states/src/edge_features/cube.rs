//! Kernels: the radial functions with one unit per value, the rest with one unit per edge.
#![allow(clippy::cast_possible_truncation, reason = "kernels convert by `as`; launchers bound the sizes")]

use burn::backend::TensorMetadata;
use burn_cubecl::CubeBackend;
use burn_cubecl::tensor::CubeTensor;
use crystal_core::LatticeCoordinates;
use crystal_core::whole;
use cubecl::prelude::*;

use super::{
    EDGE_WIDTH, FeatureTensors, GAUSSIAN_RANGE, GRADIENT_FLOOR, LENGTH_UNIT, SHORTEST_LENGTH, STRUCTURE_WIDTH,
    gaussian_spacing,
};
use tensor_ops::basis::N_INTERVALS;
use tensor_ops::cube::{one_unit_each, output};

use crate::BasisConfig;

/// Radial and spherical functions by Hermite interpolation in the table (see [`tensor_ops::basis::RadialTable`]).
#[cube(launch)]
fn radial_kernel(
    edges: &[f32],
    structures: &[f32],
    edge_structure: &[i32],
    table: &[f32],
    radial: &mut [f32],
    spherical: &mut [f32],
    n_edges: usize,
    #[comptime] n_radial: usize,
    #[comptime] degrees: usize,
) {
    let columns = comptime!(n_radial * (1 + degrees));
    let edge = ABSOLUTE_POS / columns;
    let column = ABSOLUTE_POS % columns;
    if edge < n_edges {
        let structure = edge_structure[edge] as usize * STRUCTURE_WIDTH;
        let x = edges[edge * EDGE_WIDTH] / structures[structure];
        let mut value = 0.0f32;
        if x < 1.0 {
            let position = x * comptime!(N_INTERVALS as f32);
            let interval = position as usize;
            let t = position - interval as f32;
            let left = (interval * columns + column) * 2;
            let right = left + 2 * columns;
            let rest = 1.0 - t;
            value = (1.0 + 2.0 * t) * rest * rest * table[left]
                + t * rest * rest * table[left + 1]
                + t * t * (3.0 - 2.0 * t) * table[right]
                - t * t * rest * table[right + 1];
        }
        if column < n_radial {
            radial[edge * n_radial + column] = value;
        } else {
            let l = column / n_radial - 1;
            spherical[(l * n_edges + edge) * n_radial + column % n_radial] = value * structures[structure + 1];
        }
    }
}

/// Real spherical harmonics (see [`tensor_ops::basis::real_harmonics`]); the recurrence's numbers are constants of the
/// kernel.
#[cube(launch)]
fn harmonics_kernel(edges: &[f32], harmonics: &mut [f32], n_edges: usize, #[comptime] degrees: usize) {
    let edge = ABSOLUTE_POS;
    if edge < n_edges {
        let x = edges[edge * EDGE_WIDTH + 2];
        let y = edges[edge * EDGE_WIDTH + 3];
        let z = edges[edge * EDGE_WIDTH + 4];
        let first = edge * comptime!(degrees * degrees);
        let mut cosine = 1.0f32;
        let mut sine = 0.0f32;
        let mut diagonal = comptime!((0.25 / std::f32::consts::PI).sqrt()).runtime();
        #[unroll]
        for m in 0..degrees {
            let m2 = (m * m) as f32;
            if m > 0 {
                let next = x * cosine - y * sine;
                sine = x * sine + y * cosine;
                cosine = next;
                diagonal *= ((2 * m + 1) as f32 / (2 * m) as f32).sqrt();
            }
            let mut before = 0.0f32;
            let mut current = diagonal;
            #[unroll]
            for l in m..degrees {
                if l > m {
                    let l2 = (l * l) as f32;
                    let previous = ((l - 1) * (l - 1)) as f32;
                    let a = ((4.0 * l2 - 1.0) / (l2 - m2)).sqrt();
                    let b = ((previous - m2) / (4.0 * previous - 1.0)).sqrt();
                    let next = a * (z * current - b * before);
                    before = current;
                    current = next;
                }
                if m == 0 {
                    harmonics[first + l * l + l] = current;
                } else {
                    harmonics[first + l * l + l + m] = current * cosine * std::f32::consts::SQRT_2;
                    harmonics[first + l * l + l - m] = current * sine * std::f32::consts::SQRT_2;
                }
            }
        }
    }
}

/// Envelope, direction, scalars and lattice weights.
#[cube(launch)]
fn scalars_kernel(
    edges: &[f32],
    structures: &[f32],
    edge_structure: &[i32],
    envelope: &mut [f32],
    directions: &mut [f32],
    scalars: &mut [f32],
    lattice_weights: &mut [f32],
    spacing: f32,
    #[comptime] envelope_exponent: usize,
    #[comptime] n_gaussians: usize,
) {
    let edge = ABSOLUTE_POS;
    if edge < envelope.len() {
        let structure = edge_structure[edge] as usize * STRUCTURE_WIDTH;
        let cutoff = structures[structure];
        let distance = edges[edge * EDGE_WIDTH];

        let x = distance / cutoff;
        let mut value = 0.0f32;
        if x < 1.0 {
            let constant = comptime!(-0.5 * ((envelope_exponent + 2) * (envelope_exponent + 3)) as f32);
            let linear = comptime!(((envelope_exponent + 1) * (envelope_exponent + 3)) as f32);
            let quadratic = comptime!(-0.5 * ((envelope_exponent + 1) * (envelope_exponent + 2)) as f32);
            let mut power = x;
            #[unroll]
            for _k in 0..envelope_exponent {
                power *= x;
            }
            value = power * (x * (x * quadratic + linear) + constant) + 1.0;
        }
        envelope[edge] = value;

        #[unroll]
        for k in 0..3usize {
            directions[edge * 3 + k] = edges[edge * EDGE_WIDTH + 2 + k];
        }

        let length_unit = comptime!(LENGTH_UNIT as f32).runtime();
        let first_centre = comptime!(GAUSSIAN_RANGE.0 as f32).runtime();
        let shortest = comptime!(SHORTEST_LENGTH as f32).runtime();
        let first = edge * comptime!(3 + n_gaussians);
        scalars[first] = edges[edge * EDGE_WIDTH + 1];
        scalars[first + 1] = (cutoff / length_unit).ln();
        let mut held = distance;
        if held < shortest {
            held = shortest;
        }
        scalars[first + 2] = (held / length_unit).ln();
        #[unroll]
        for k in 0..n_gaussians {
            let offset = (distance - first_centre - k as f32 * spacing) / spacing;
            scalars[first + 3 + k] = f32::exp(offset * offset * (-0.5f32));
        }

        let mut square = 0.0f32;
        #[unroll]
        for k in 0..LatticeCoordinates::MAX {
            let g = edges[edge * EDGE_WIDTH + 5 + k];
            square += g * g;
        }
        let scale = 1.0 / ((square + GRADIENT_FLOOR) * structures[structure + 2]);
        #[unroll]
        for k in 0..LatticeCoordinates::MAX {
            lattice_weights[edge * LatticeCoordinates::MAX + k] = edges[edge * EDGE_WIDTH + 5 + k] * scale;
        }
    }
}

/// The features, in the order of [`super::FeatureTensors`].
pub(crate) fn features(
    edges: CubeTensor,
    structures: CubeTensor,
    edge_structure: CubeTensor,
    table: CubeTensor,
    config: &BasisConfig,
) -> FeatureTensors<CubeBackend> {
    let n_edges = edges.shape()[0];
    let (n_radial, degrees) = (config.n_radial, config.n_spherical);
    let radial = output(&edges, [n_edges, n_radial]);
    let spherical = output(&edges, [degrees, n_edges, n_radial]);
    let harmonics = output(&edges, [n_edges, degrees * degrees]);
    let envelope = output(&edges, [n_edges, 1]);
    let directions = output(&edges, [n_edges, 3]);
    let scalars = output(&edges, [n_edges, config.n_scalars()]);
    let lattice_weights = output(&edges, [n_edges, LatticeCoordinates::MAX]);
    let client = edges.client.clone();

    let (count, dim) = one_unit_each(&edges, n_edges * n_radial * (1 + degrees));
    radial_kernel::launch(
        &client,
        count,
        dim,
        edges.clone().into_buffer_arg(),
        structures.clone().into_buffer_arg(),
        edge_structure.clone().into_buffer_arg(),
        table.into_buffer_arg(),
        radial.clone().into_buffer_arg(),
        spherical.clone().into_buffer_arg(),
        n_edges,
        n_radial,
        degrees,
    );
    let (count, dim) = one_unit_each(&edges, n_edges);
    harmonics_kernel::launch(
        &client,
        count,
        dim,
        edges.clone().into_buffer_arg(),
        harmonics.clone().into_buffer_arg(),
        n_edges,
        degrees,
    );
    let (count, dim) = one_unit_each(&edges, n_edges);
    scalars_kernel::launch(
        &client,
        count,
        dim,
        edges.into_buffer_arg(),
        structures.into_buffer_arg(),
        edge_structure.into_buffer_arg(),
        envelope.clone().into_buffer_arg(),
        directions.clone().into_buffer_arg(),
        scalars.clone().into_buffer_arg(),
        lattice_weights.clone().into_buffer_arg(),
        whole::single(gaussian_spacing(config.n_gaussians)),
        config.envelope_exponent,
        config.n_gaussians,
    );
    (envelope, radial, spherical, harmonics, directions, scalars, lattice_weights)
}
