//! Interaction and output blocks.

use burn::Tensor;
use burn::module::{Module, Param};
use burn::nn::Linear;
use tensor_ops::{ParameterSource, angular_moments, degree_products, dense, gather_rows, matrix_product, segment_sum};

use super::Shared;
use super::layers::{EdgeInput, Residual, activated, joined, standardised, through, weights};
use super::scales::{Rows, Scaling};
use crate::config::DecoderConfig;

/// Size of the first outputs of a block beside its messages: the first scores are then below the noise.
const FIRST_OUTPUT: f32 = 0.1;

/// Messages for the sum over angles, and the bilinear layer.
#[derive(Module, Debug)]
struct Angular {
    dense: Linear,
    radial: Linear,
    down: Linear,
    /// `[filter_width·angular_width, angular_width]`.
    bilinear: Param<Tensor<2>>,
    #[module(skip)]
    filter_width: usize,
    up: Linear,
    up_reverse: Linear,
}

impl Angular {
    fn new(config: &DecoderConfig, source: &mut ParameterSource) -> Self {
        let DecoderConfig { width, angular_width, filter_width, .. } = *config;
        let n_products = filter_width * angular_width;
        Self {
            dense: weights(width, width, source),
            radial: weights(filter_width, width, source),
            down: weights(width, angular_width, source),
            bilinear: standardised(n_products, angular_width, (n_products as f32).recip(), source),
            filter_width,
            up: weights(angular_width, width, source),
            up_reverse: weights(angular_width, width, source),
        }
    }

    /// What messages `[E, width]` hear of their neighbours, `[E, width]`; constants from number `place` on.
    fn forward(&self, messages: Tensor<2>, shared: &Shared<'_>, place: usize, scaling: &mut Scaling<'_>) -> Tensor<2> {
        let batch = shared.batch;
        let values = activated(&self.dense, messages);
        let filtered = scaling.apply(place, self.radial.weight.val(), &values, Rows::Edges, |weight| {
            values.clone() * matrix_product(shared.filters[0].clone(), weight)
        });
        let down = activated(&self.down, filtered);
        // The sum is over the others; with the edge itself P_l(1) = 1 comes in.
        let all = angular_moments(down.clone(), batch.harmonics.clone(), &batch.source);
        let others = all - down.clone().unsqueeze::<3>();
        let products = degree_products(shared.angular_filters.clone(), others);
        // One product for each radial function, then their sum: matrices of the size that tensor cores take.
        let [n_inputs, n_output] = self.bilinear.dims();
        let sum = scaling.apply(place + 1, self.bilinear.val(), &down, Rows::Edges, |weight| {
            let weight = weight.reshape([self.filter_width, n_inputs / self.filter_width, n_output]);
            dense(products.clone(), weight).sum_dim(0).squeeze_dim(0)
        });
        let reverse = gather_rows(sum.clone(), &batch.reverse);
        joined(activated(&self.up, sum), activated(&self.up_reverse, reverse))
    }
}

/// One round of messages.
#[derive(Module, Debug)]
pub(super) struct Interaction {
    angular: Angular,
    dense: Linear,
    before_skip: Vec<Residual>,
    after_skip: Vec<Residual>,
    atom_radial: Linear,
    atom_dense: Linear,
    atom_residuals: Vec<Residual>,
    edge_input: EdgeInput,
    edge_residuals: Vec<Residual>,
}

impl Interaction {
    pub(super) fn new(config: &DecoderConfig, source: &mut ParameterSource) -> Self {
        let width = config.width;
        Self {
            angular: Angular::new(config, source),
            dense: weights(width, width, source),
            before_skip: Residual::several(1, width, source),
            after_skip: Residual::several(2, width, source),
            atom_radial: weights(config.filter_width, width, source),
            atom_dense: weights(width, width, source),
            atom_residuals: Residual::several(3, width, source),
            edge_input: EdgeInput::new(width, width, source),
            edge_residuals: Residual::several(1, width, source),
        }
    }

    /// Atoms `[N, width]` and messages `[E, width]`, both new; constants `place` to `place + 2`.
    pub(super) fn forward(
        &self,
        atoms: Tensor<2>,
        messages: Tensor<2>,
        shared: &Shared<'_>,
        place: usize,
        scaling: &mut Scaling<'_>,
    ) -> (Tensor<2>, Tensor<2>) {
        let heard = self.angular.forward(messages.clone(), shared, place, scaling);
        let update = through(&self.before_skip, joined(activated(&self.dense, messages.clone()), heard));
        let messages = through(&self.after_skip, joined(messages, update));
        let sums = scaling.apply(place + 2, self.atom_radial.weight.val(), &messages, Rows::Atoms, |weight| {
            let weighted = messages.clone() * matrix_product(shared.filters[1].clone(), weight);
            segment_sum(weighted, &shared.batch.source)
        });
        let atoms = joined(atoms, through(&self.atom_residuals, activated(&self.atom_dense, sums)));
        let update = self.edge_input.forward(&atoms, messages.clone(), shared.batch);
        (atoms, joined(messages, through(&self.edge_residuals, update)))
    }
}

/// One number per edge: how strongly it pulls at its site.
#[derive(Module, Debug)]
pub(super) struct Output {
    dense: Linear,
    residuals: Vec<Residual>,
    radial: Linear,
    last: Linear,
}

impl Output {
    pub(super) fn new(config: &DecoderConfig, source: &mut ParameterSource) -> Self {
        let width = config.width;
        let last = standardised(width, 1, FIRST_OUTPUT.powi(2) / width as f32, source);
        Self {
            dense: weights(width, width, source),
            residuals: Residual::several(3, width, source),
            radial: weights(config.filter_width, width, source),
            last: Linear { weight: last, bias: None },
        }
    }

    /// Messages `[E, width]` → `[E, 1]`; constant number `place`.
    pub(super) fn forward(
        &self,
        messages: Tensor<2>,
        shared: &Shared<'_>,
        place: usize,
        scaling: &mut Scaling<'_>,
    ) -> Tensor<2> {
        let dense = through(&self.residuals, activated(&self.dense, messages));
        let filtered = scaling.apply(place, self.radial.weight.val(), &dense, Rows::Edges, |weight| {
            dense.clone() * matrix_product(shared.filters[2].clone(), weight)
        });
        matrix_product(filtered, self.last.weight.val())
    }
}
