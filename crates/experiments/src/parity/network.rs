//! The network of Table 1, its gradients, and steps of training.

use anyhow::Result;
use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Device, Gradients, Tensor};
use crystal_core::SiteMode;
use crystal_states::testing::{join, random_graph};
use crystal_states::{Padding, PreparedBatch};
use datasets::{LoadOptions, Source, Split, load};
use dimenetpp::DimeNetPlusPlusConfig;
use druse::training::states_of;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use score_model::{DenoisingObjective, ModelConfig, ScoreNetwork, TrainingConfig};
use training::{Identity, OptimiserConfig, Trainer};

use super::{Comparison, Mode, deviation, download};

/// Training steps that are compared: the second one's loss depends on the first one's gradients.
const STEPS: u64 = 3;

/// Estimates, and the gradient of their sum of squares by every parameter.
fn evaluate(device: &Device) -> Result<(Vec<f32>, Vec<Vec<f32>>)> {
    let device = device.clone().autodiff();
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let graph = join(&[random_graph(4, 900, &mut rng), random_graph(1, 50, &mut rng), random_graph(9, 1500, &mut rng)]);
    let model = DimeNetPlusPlusConfig::table1().init(&device).train();
    let batch = PreparedBatch::new(&graph, &[2, 7, 5], &model.basis(), Padding::None)?.upload(&device);
    let estimate = model.forward(&batch);
    let values = [download(estimate.position.clone()), download(estimate.lattice.clone())].concat();
    let loss = estimate.position.powi_scalar(2).sum() + estimate.lattice.powi_scalar(2).sum();
    let gradients = loss.backward();
    let mut visitor = Visitor { gradients: &gradients, found: Vec::new() };
    model.visit(&mut visitor);
    Ok((values, visitor.found))
}

struct Visitor<'a> {
    gradients: &'a Gradients,
    found: Vec<Vec<f32>>,
}

impl ModuleVisitor for Visitor<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.found.push(param.val().grad(self.gradients).map_or_else(Vec::new, download));
    }
}

/// Losses of the first training steps on the embedded prototypes.
fn losses(device: &Device) -> Result<Vec<f32>> {
    let data = load(&Source::Embedded, &LoadOptions { min_space_group: 16, ..LoadOptions::default() })?;
    let optimiser = OptimiserConfig { batch_size: 8, steps: STEPS, read_every: STEPS, ..OptimiserConfig::default() };
    let config = TrainingConfig { optimiser: optimiser.clone(), ..TrainingConfig::default() };
    let states = states_of(&data, Split::Train, SiteMode::General);
    let network = DimeNetPlusPlusConfig::table1().init(device);
    let mut trainer = Trainer::new(network, optimiser, Identity::default(), device)?;
    trainer.run(&DenoisingObjective::new(&states, &config), None, |_| true)?;
    Ok(trainer.curve().iter().flat_map(|point| point.parts.clone()).collect())
}

pub(super) fn compare(mode: Mode, device: &Device, processor: &Device) -> Result<Vec<Comparison>> {
    let (values, gradients) = evaluate(device)?;
    let (expected_values, expected_gradients) = evaluate(processor)?;
    let pairs = gradients.iter().zip(&expected_gradients);
    let of_gradients = pairs.map(|(found, expected)| deviation(found, expected)).fold(0.0, f64::max);
    // Losses that are no numbers end a run with an error: the comparison fails, and the others still come to their end.
    let found_losses = losses(device).unwrap_or_else(|error| {
        tracing::warn!("training: {error:#}");
        Vec::new()
    });
    // Many layers one after the other: deviations add up.
    let [value, gradient] = mode.tolerances().map(|tolerance| 10.0 * tolerance);
    let row = |what: &str, case: &str, error, tolerance| Comparison {
        mode,
        what: what.to_owned(),
        case: case.to_owned(),
        error,
        tolerance,
    };
    Ok(vec![
        row("network, estimates", "3 structures", deviation(&values, &expected_values), value),
        row("network, gradients, each parameter", "3 structures", of_gradients, gradient),
        row(
            "network, losses of 3 training steps",
            "batches of 8",
            deviation(&found_losses, &losses(processor)?),
            gradient,
        ),
    ])
}
