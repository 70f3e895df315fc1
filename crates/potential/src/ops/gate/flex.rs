//! Processor loops, parallel over sites.

use rayon::prelude::*;

use super::super::backend::GateOptions;
use super::super::message::flex::split;
use super::super::real::Real;
use super::{input_channels, norm_factors, output_channels, starts};
use crate::nequix::{N_DEGREES, widths};

/// Fewest sites of a task.
const MIN_SITES: usize = 8;

/// What both directions need of one site.
struct Site<'a, T> {
    inputs: [&'a [T]; N_DEGREES],
    weights: &'a [T],
    channels: [usize; N_DEGREES],
    factors: [f64; N_DEGREES],
    /// 1/√q.
    inverse: T,
}

impl<'a, T: Real> Site<'a, T> {
    fn new(inputs: &[&'a [T]; N_DEGREES], weights: &'a [T], options: GateOptions, site: usize) -> Self {
        let channels = input_channels(options.kind);
        let widths = widths(&channels);
        let inputs: [&[T]; N_DEGREES] = std::array::from_fn(|l| &inputs[l][site * widths[l]..(site + 1) * widths[l]]);
        let factors = norm_factors(options.kind);
        let squares = |values: &[T]| values.iter().map(|value| value.wide() * value.wide()).sum::<f64>();
        let q =
            inputs.iter().zip(factors).map(|(values, factor)| factor * squares(values)).sum::<f64>() + options.epsilon;
        Self { inputs, weights, channels, factors, inverse: T::of(1.0 / q.sqrt()) }
    }
}

/// The outputs of all sites.
pub(crate) fn forward<T: Real>(inputs: [&[T]; N_DEGREES], weights: &[T], options: GateOptions) -> [Vec<T>; N_DEGREES] {
    let out_channels = output_channels(options.kind);
    let out_widths = widths(&out_channels);
    let n_sites = inputs[0].len() / input_channels(options.kind)[0];
    let mut outputs = out_widths.map(|width| vec![T::default(); n_sites * width]);
    let (weight_starts, gate_starts) = starts(options.kind);
    let kappa = T::of(1.0 / options.silu_norm);
    let pieces = split(&mut outputs, &out_widths, std::iter::repeat_n(1, n_sites));
    pieces.into_par_iter().with_min_len(MIN_SITES).enumerate().for_each(|(index, outputs)| {
        let site = Site::new(&inputs, weights, options, index);
        let scalars = site.inputs[0].iter().zip(site.weights).map(|(value, weight)| *value * *weight * site.inverse);
        let gates: Vec<T> = scalars.map(|value| value * value.sigmoid() * kappa).collect();
        for (l, output) in outputs.into_iter().enumerate().filter(|(l, _)| out_channels[*l] > 0) {
            if l == 0 {
                output.copy_from_slice(&gates[..out_channels[0]]);
                continue;
            }
            let n = out_channels[l];
            let (weights, gates) = (&weights[weight_starts[l]..][..n], &gates[gate_starts[l]..][..n]);
            for (output, input) in output.chunks_exact_mut(n).zip(site.inputs[l].chunks_exact(n)) {
                for (((output, input), weight), gate) in output.iter_mut().zip(input).zip(weights).zip(gates) {
                    *output = *input * *weight * site.inverse * *gate;
                }
            }
        }
    });
    outputs
}

/// Gradients by the inputs.
pub(crate) fn backward<T: Real>(
    grad: [&[T]; N_DEGREES],
    inputs: [&[T]; N_DEGREES],
    weights: &[T],
    options: GateOptions,
) -> [Vec<T>; N_DEGREES] {
    let in_widths = widths(&input_channels(options.kind));
    let out_channels = output_channels(options.kind);
    let out_widths = widths(&out_channels);
    let n_sites = inputs[0].len() / in_widths[0];
    let mut gradients = in_widths.map(|width| vec![T::default(); n_sites * width]);
    let (weight_starts, gate_starts) = starts(options.kind);
    let kappa = T::of(1.0 / options.silu_norm);
    let one = T::of(1.0);
    let pieces = split(&mut gradients, &in_widths, std::iter::repeat_n(1, n_sites));
    pieces.into_par_iter().with_min_len(MIN_SITES).enumerate().for_each(|(index, gradients)| {
        let site = Site::new(&inputs, weights, options, index);
        let grad: [&[T]; N_DEGREES] = std::array::from_fn(|l| {
            if out_channels[l] > 0 { &grad[l][index * out_widths[l]..][..out_widths[l]] } else { &[] }
        });
        let scalars: Vec<T> =
            site.inputs[0].iter().zip(site.weights).map(|(value, weight)| *value * *weight * site.inverse).collect();
        // The gradient by z, then by the normalised values n.
        let mut by_gate = vec![T::of(0.0); scalars.len()];
        by_gate[..out_channels[0]].copy_from_slice(grad[0]);
        for l in (1..N_DEGREES).filter(|&l| out_channels[l] > 0) {
            let n = out_channels[l];
            for ((by_normed, input), grad) in
                gradients[l].chunks_exact_mut(n).zip(site.inputs[l].chunks_exact(n)).zip(grad[l].chunks_exact(n))
            {
                for w in 0..n {
                    let scalar = scalars[gate_starts[l] + w];
                    by_normed[w] = grad[w] * scalar * scalar.sigmoid() * kappa;
                    let normed = input[w] * weights[weight_starts[l] + w] * site.inverse;
                    by_gate[gate_starts[l] + w] += grad[w] * normed;
                }
            }
        }
        for ((by_normed, scalar), by_gate) in gradients[0].iter_mut().zip(&scalars).zip(&by_gate) {
            let sigmoid = scalar.sigmoid();
            *by_normed = *by_gate * kappa * sigmoid * (one + *scalar * (one - sigmoid));
        }
        // Through the norm: n = s·w/√q.
        let mut overlap = 0.0;
        for l in (0..N_DEGREES).filter(|&l| site.channels[l] > 0) {
            let n = site.channels[l];
            let weights = &weights[weight_starts[l]..][..n];
            for (by_normed, input) in gradients[l].chunks_exact_mut(n).zip(site.inputs[l].chunks_exact(n)) {
                for ((by_normed, input), weight) in by_normed.iter_mut().zip(input).zip(weights) {
                    *by_normed = *by_normed * *weight;
                    overlap += (*by_normed * *input).wide();
                }
            }
        }
        let cubed = site.inverse.wide().powi(3);
        for ((gradients, inputs), factor) in gradients.into_iter().zip(site.inputs).zip(site.factors) {
            let factor = T::of(factor * overlap * cubed);
            for (gradient, input) in gradients.iter_mut().zip(inputs) {
                *gradient = *gradient * site.inverse - *input * factor;
            }
        }
    });
    gradients
}
