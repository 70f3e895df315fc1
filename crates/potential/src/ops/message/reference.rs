//! The equations of the module, written out in double precision.

use crystal_core::whole;
use nalgebra::Vector3;

use super::flex::{Edges, at};
use crate::nequix::harmonics::{gradients, harmonics};
use crate::nequix::{LayerKind, N_COEFFICIENTS, N_DEGREES, coupling, widths};

/// The radial network's outputs and slopes of an edge from the table, `spacing` Å per interval.
fn radial(table: &[f64], n_radial: usize, distance: f64, spacing: f64) -> Vec<(f64, f64)> {
    let interval = (distance / spacing).floor();
    let t = distance / spacing - interval;
    let row = whole::count(interval) * N_COEFFICIENTS * n_radial;
    (0..n_radial)
        .map(|p| {
            let c: [f64; 4] = std::array::from_fn(|k| table[row + k * n_radial + p]);
            (c[0] + c[1] * t + c[2] * t * t + c[3] * t * t * t, (c[1] + 2.0 * c[2] * t + 3.0 * c[3] * t * t) / spacing)
        })
        .collect()
}

/// Sums of messages; gradients by features and vectors for a gradient by the sums.
pub(crate) fn forward_backward(
    features: &[Vec<f64>; N_DEGREES],
    grad: &[Vec<f64>; N_DEGREES],
    table: &[f64],
    edges: &Edges<'_, f64>,
    kind: LayerKind,
    spacing: f64,
) -> ([Vec<f64>; N_DEGREES], [Vec<f64>; N_DEGREES], Vec<f64>) {
    let plan = kind.plan();
    let (rows_in, rows_out) = (widths(&plan.inputs), widths(&plan.outputs));
    let n_sites = edges.offsets.len() - 1;
    let mut messages = rows_out.map(|width| vec![0.0; n_sites * width]);
    let mut by_features = features.each_ref().map(|values| vec![0.0; values.len()]);
    let mut by_vectors = vec![0.0; 3 * edges.sender.len()];
    for site in 0..n_sites {
        for edge in at(edges.offsets[site])..at(edges.offsets[site + 1]) {
            let r = Vector3::from_column_slice(&edges.vectors[4 * edge..4 * edge + 3]);
            let (d, u) = (r.norm(), r.normalize());
            let (y, slopes) = (harmonics::<f64>(u.into()), gradients::<f64>(u.into()));
            let outputs = radial(table, plan.n_radial, d, spacing);
            let sender = at(edges.sender[edge]);
            let (mut by_length, mut by_direction) = (0.0, Vector3::zeros());
            for path in &plan.paths {
                for (i, j, k, coefficient) in coupling(path.a, path.b, path.c) {
                    let factor = edges.vectors[4 * edge + 3] * coefficient;
                    let harmonic = path.b * path.b + j;
                    for w in 0..path.channels {
                        let (value, slope) = outputs[path.radial + w];
                        let from = sender * rows_in[path.a] + i * path.channels + w;
                        let to = site * rows_out[path.c] + k * plan.outputs[path.c] + path.slot + w;
                        let (feature, grad) = (features[path.a][from], grad[path.c][to]);
                        messages[path.c][to] += value * factor * feature * y[harmonic];
                        by_features[path.a][from] += value * factor * grad * y[harmonic];
                        by_length += slope * factor * feature * grad * y[harmonic];
                        by_direction += value * factor * feature * grad * Vector3::from(slopes[harmonic]);
                    }
                }
            }
            // Only the part across u moves the direction.
            let total = by_length * u + (by_direction - u * u.dot(&by_direction)) / d;
            by_vectors[3 * edge..3 * edge + 3].copy_from_slice(total.as_slice());
        }
    }
    (messages, by_features, by_vectors)
}
