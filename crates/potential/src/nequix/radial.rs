//! The radial network of a layer, and its table.
//!
//! `R = silu(silu(b·W₀)·W₁)·W₂` with `b_k = (2/6)·sin(kπd/6)/d·f(d/6)`, `f(x) = 1 − 28x⁶ + 48x⁷ − 21x⁸`, depends on the
//! length d of an edge alone. On a grid of d it becomes one cubic per interval and output: that with the network's
//! values and slopes at both ends.

use std::f64::consts::PI;

use rayon::prelude::*;

use super::plan::LayerKind;

/// Radial functions.
pub(crate) const N_RADIAL: usize = 8;
/// Units of both hidden layers.
pub(crate) const N_HIDDEN: usize = 64;
/// Distance beyond which atoms do not see each other, Å.
pub(crate) const CUTOFF: f64 = 6.0;
/// Intervals of a table between 0 and the cut-off.
pub(crate) const N_INTERVALS: usize = 2048;
/// Coefficients of a cubic.
pub(crate) const N_COEFFICIENTS: usize = 4;

/// The radial network of one layer, its constants folded into the last weights.
#[derive(Debug, Clone)]
pub(crate) struct RadialNetwork {
    /// `[8, 64]`.
    pub first: Vec<f64>,
    /// `[64, 64]`.
    pub second: Vec<f64>,
    /// `[64, P]`.
    pub third: Vec<f64>,
}

/// A value and its derivative by d.
type Dual = (f64, f64);

fn silu((value, slope): Dual) -> Dual {
    let sigmoid = 1.0 / (1.0 + (-value).exp());
    (value * sigmoid, slope * sigmoid * (1.0 + value * (1.0 - sigmoid)))
}

/// The radial functions of a distance and their derivatives.
pub(crate) fn radial_functions(distance: f64) -> [Dual; N_RADIAL] {
    let x = distance / CUTOFF;
    if x >= 1.0 {
        return [(0.0, 0.0); N_RADIAL];
    }
    let envelope = 1.0 - x.powi(6) * (28.0 - 48.0 * x + 21.0 * x * x);
    let slope = -168.0 * x.powi(5) * (1.0 - x) * (1.0 - x) / CUTOFF;
    std::array::from_fn(|k| {
        let frequency = (k + 1) as f64 * PI / CUTOFF;
        let phase = frequency * distance;
        // The limit at 0: frequency·(1 − phase²/6).
        let (sinc, sinc_slope) = if phase < 1e-4 {
            (frequency, -frequency * frequency * phase / 3.0)
        } else {
            let (sine, cosine) = phase.sin_cos();
            (sine / distance, (phase * cosine - sine) / (distance * distance))
        };
        let factor = 2.0 / CUTOFF;
        (factor * sinc * envelope, factor * (sinc_slope * envelope + sinc * slope))
    })
}

fn product(inputs: &[Dual], weights: &[f64], n_outputs: usize) -> Vec<Dual> {
    let (mut values, mut slopes) = (vec![0.0; n_outputs], vec![0.0; n_outputs]);
    for (&(value, slope), row) in inputs.iter().zip(weights.chunks_exact(n_outputs)) {
        for ((out, out_slope), weight) in values.iter_mut().zip(&mut slopes).zip(row) {
            *out += value * weight;
            *out_slope += slope * weight;
        }
    }
    values.into_iter().zip(slopes).collect()
}

impl RadialNetwork {
    /// Outputs and their derivatives at a distance.
    pub fn evaluate(&self, distance: f64) -> Vec<Dual> {
        let hidden: Vec<Dual> =
            product(&radial_functions(distance), &self.first, N_HIDDEN).into_iter().map(silu).collect();
        let hidden: Vec<Dual> = product(&hidden, &self.second, N_HIDDEN).into_iter().map(silu).collect();
        product(&hidden, &self.third, self.third.len() / N_HIDDEN)
    }

    /// Rows of the coefficients of t⁰ … t³, `[intervals, 4, P]` with `t = d/spacing − interval`.
    pub fn table(&self) -> Vec<f64> {
        let spacing = CUTOFF / N_INTERVALS as f64;
        let knots: Vec<Vec<Dual>> =
            (0..=N_INTERVALS).into_par_iter().map(|k| self.evaluate(k as f64 * spacing)).collect();
        knots
            .par_windows(2)
            .flat_map_iter(|ends| {
                let coefficients = |power: usize| {
                    ends[0].iter().zip(&ends[1]).map(move |(&(v0, s0), &(v1, s1))| {
                        let (s0, s1) = (s0 * spacing, s1 * spacing);
                        match power {
                            0 => v0,
                            1 => s0,
                            2 => 3.0 * (v1 - v0) - 2.0 * s0 - s1,
                            _ => 2.0 * (v0 - v1) + s0 + s1,
                        }
                    })
                };
                (0..N_COEFFICIENTS).flat_map(coefficients)
            })
            .collect()
    }

    /// One row per distance with the exact value and slope: what [`Self::table`] approximates, for a spacing of one
    /// edge per row.
    pub fn rows(&self, distances: &[f64]) -> Vec<f64> {
        distances
            .par_iter()
            .flat_map_iter(|&distance| {
                let outputs = self.evaluate(distance);
                let zeros = vec![0.0; 2 * outputs.len()];
                let values: Vec<f64> = outputs.iter().map(|(value, _)| *value).collect();
                let slopes: Vec<f64> = outputs.into_iter().map(|(_, slope)| slope).collect();
                [values, slopes, zeros].concat()
            })
            .collect()
    }
}

/// Outputs of the radial network of a layer.
pub(crate) fn n_outputs(kind: LayerKind) -> usize {
    kind.plan().n_radial
}
