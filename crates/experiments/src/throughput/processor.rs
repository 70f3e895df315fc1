//! On a processor: this library's loops against the tensor library's operations, in turn within one run, so that
//! whatever else the machine does meets both.

use std::time::Instant;

use burn::Tensor;
use burn::nn::Linear;
use burn::tensor::activation::silu;
use burn::tensor::{Device, Distribution};
use crystal_states::GraphBatch;
use dimenetpp::{DimeNetPlusPlus, DimeNetPlusPlusConfig};
use score_model::ScoreNetwork;
use tensor_ops::{ParameterSource, angular_message, dense_swish};

use super::Measurement;

/// Times that each of the two is run.
const ROUNDS: usize = 15;

/// How many times as long `slow` takes as `fast`: the shortest time of each, and the range over the rounds.
fn ratio(what: &str, batch: usize, mut slow: impl FnMut(), mut fast: impl FnMut()) -> Measurement {
    let timed = |work: &mut dyn FnMut()| {
        let start = Instant::now();
        work();
        start.elapsed().as_secs_f64()
    };
    timed(&mut slow);
    timed(&mut fast);
    let rounds: Vec<(f64, f64)> = (0..ROUNDS).map(|_| (timed(&mut slow), timed(&mut fast))).collect();
    let shortest = rounds.iter().fold((f64::MAX, f64::MAX), |best, round| (best.0.min(round.0), best.1.min(round.1)));
    let ratios = rounds.iter().map(|(slow, fast)| slow / fast);
    let range = ratios.fold((f64::INFINITY, 0.0_f64), |(low, high), ratio| (low.min(ratio), high.max(ratio)));
    let value = shortest.0 / shortest.1;
    Measurement { what: what.to_owned(), batch: Some(batch), value, range, unit: "×", of_ceiling: None }
}

/// The ratios for the layers of one interaction block and for the whole network.
pub(super) fn measure(model: &DimeNetPlusPlus, input: &GraphBatch, batch: usize, device: &Device) -> Vec<Measurement> {
    let config = DimeNetPlusPlusConfig::table1();
    let (n_edges, width, degrees) = (input.n_edges(), config.out_emb, config.n_spherical);
    let random =
        |rows: usize, columns: usize| Tensor::<2>::random([rows, columns], Distribution::Uniform(-1.0, 1.0), device);
    let layer: Linear = ParameterSource::new(0, device).dense(width, width);
    let x = random(n_edges, width);
    let bias = layer.bias.as_ref().map(|bias| bias.val().unsqueeze::<2>());
    let library = || {
        let product = x.clone().matmul(layer.weight.val());
        drop(silu(match &bias {
            Some(bias) => product + bias.clone(),
            None => product,
        }));
    };
    let own = || drop(dense_swish(&layer, x.clone()));
    let dense = ratio("dense layer with swish: tensor library / own loop", batch, library, own);
    let value = random(n_edges, config.int_emb);
    let filters = random(degrees * n_edges, config.int_emb).reshape([degrees, n_edges, config.int_emb]);
    let triplets = || {
        let harmonics = input.harmonics.clone();
        let message = |l: usize| {
            let y = harmonics.clone().narrow(1, l * l, 2 * l + 1).unsqueeze_dim::<3>(2);
            let filter = filters.clone().narrow(0, l, 1).squeeze_dim::<2>(0);
            let weighted = ((value.clone() * filter).unsqueeze_dim::<3>(1) * y.clone()).flatten::<2>(1, 2);
            let sums = tensor_ops::gather_rows(tensor_ops::segment_sum(weighted, &input.source), &input.source);
            (sums.reshape([n_edges, 2 * l + 1, config.int_emb]) * y).sum_dim(1).squeeze_dim::<2>(1)
        };
        drop((1..degrees).fold(message(0), |sum, l| sum + message(l)));
    };
    let own = || drop(angular_message(value.clone(), filters.clone(), input.harmonics.clone(), &input.source));
    let angular = ratio("angular message: tensor library / own loop", batch, triplets, own);
    let one_by_one = || drop(model.layer_by_layer(input));
    let at_once = || drop(model.forward(input));
    vec![dense, angular, ratio("evaluation: layer by layer / layers at once", batch, one_by_one, at_once)]
}
