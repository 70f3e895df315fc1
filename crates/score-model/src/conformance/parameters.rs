//! Gradients by the parameters, and the way through a file.

use std::path::Path;

use burn::Tensor;
use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::Device;
use crystal_core::SiteMode;
use crystal_core::whole;
use crystal_states::GraphBatch;
use crystal_states::testing::random_graph;
use multigraph::{BatchedMultiGraph, GraphConfig};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use training::{Adam, AdamSettings, TensorArchive};

use super::{ConformanceError, Estimate, Violation, compare, estimate};
use crate::{Description, ModelConfig, NoiseSchedule, ScoreEstimate, ScoreNetwork, Trained};

/// How far the gradient may be from the difference quotient, relative to it: single precision and a finite step.
const GRADIENT_TOLERANCE: f32 = 0.03;

/// The gradient of a loss by all parameters against the difference quotient along it: a step down the gradient must
/// lower the loss by what the gradient says.
///
/// # Errors
/// [`ConformanceError::Violation`].
pub fn check_gradients<C: ModelConfig>(config: &C, device: &Device) -> Result<(), ConformanceError> {
    let differentiating = device.clone().autodiff();
    let model = config.init(device);
    let (graph, levels) = sample_graph(&model);
    let plain_loss = |model: &C::Model| -> Result<f32, ConformanceError> {
        let batch = GraphBatch::new(&graph, &levels, &model.basis(), device)?;
        Ok(loss(&model.forward(&batch)).into_scalar::<f32>())
    };

    let trained = model.clone().to_device(&differentiating).train();
    let batch = GraphBatch::new(&graph, &levels, &trained.basis(), &differentiating)?;
    let violation = |property, deviation, scale| ConformanceError::from(Violation { property, deviation, scale });
    let no_gradient = |squared_norm| violation("a gradient by the parameters that is not zero", squared_norm, 0.0);
    let trained_loss = loss(&trained.forward(&batch));
    if !trained_loss.is_tracked() {
        return Err(no_gradient(0.0));
    }
    let gradients = GradientsParams::from_grads(trained_loss.backward(), &trained);
    let plain = model.clone().no_grad();
    let mut optimiser = Adam::new(&plain, device);
    let gradient = optimiser.flat_gradient(&trained, gradients);
    let squared_norm = gradient.clone().powi_scalar(2).sum().into_scalar::<f32>();
    if !(squared_norm.is_finite() && squared_norm > 0.0) {
        return Err(no_gradient(squared_norm));
    }
    // Adam's first step moves every parameter by the learning rate against the sign of its gradient.
    let rate = 1e-4;
    let settings =
        AdamSettings { learning_rate: rate, betas: (0.0, 0.0), gradient_norm: f64::INFINITY, ema_decay: 0.0 };
    let (forward, _) = optimiser.step(plain.clone(), plain.clone(), gradient.clone(), &settings, 0);
    let (backward, _) = Adam::new(&plain, device).step(plain.clone(), plain, gradient.clone().neg(), &settings, 0);
    let expected = whole::single(rate) * gradient.abs().sum().into_scalar::<f32>();
    let found = 0.5 * (plain_loss(&backward)? - plain_loss(&forward)?);
    let close = (found - expected).abs() <= GRADIENT_TOLERANCE * expected;
    if !close {
        return Err(violation(
            "gradients by the parameters agree with differences",
            (found - expected).abs(),
            expected,
        ));
    }
    Ok(())
}

/// Half the mean square of an estimate.
fn loss(estimate: &ScoreEstimate) -> Tensor<1> {
    let square = |tensor: &Tensor<2>| tensor.clone().powi_scalar(2).mean();
    (square(&estimate.position) + square(&estimate.lattice)) * 0.5
}

fn sample_graph(model: &impl ScoreNetwork) -> (BatchedMultiGraph, Vec<usize>) {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let graph = random_graph(4, 40, &mut rng);
    (graph, vec![rng.random_range(0..model.basis().n_levels)])
}

/// Writes a fresh network into a file and reads it again, with its description: estimates must be the same, bit by bit.
///
/// # Errors
/// [`ConformanceError::Model`] if the file cannot be written or read, [`ConformanceError::Violation`] if the network is
/// another one.
pub fn check_round_trip<C: ModelConfig>(config: &C, device: &Device) -> Result<(), ConformanceError> {
    let schedule = NoiseSchedule { n_levels: config.n_levels(), ..NoiseSchedule::default() };
    let description = Description::untrained(schedule, GraphConfig::default(), SiteMode::Wyckoff);
    let trained = Trained::new::<C>(config.init(device), description);
    let archive: TensorArchive = trained.archive(config, Path::new("(round trip)"))?;
    let bytes = archive.to_bytes().map_err(crate::ScoreModelError::from)?;
    let path = Path::new("(round trip)");
    let read = TensorArchive::from_bytes(&bytes, path).map_err(crate::ScoreModelError::from)?;
    let (again, read_config) = Trained::load::<C>(&read, path, device)?;
    let violation = |property| Violation { property, deviation: f32::NAN, scale: 0.0 };
    if read_config != *config || again.description != trained.description {
        return Err(violation("configuration and description come back from a file").into());
    }
    let (graph, levels) = sample_graph(&trained.model);
    let estimated =
        |model: &C::Model| -> Result<Estimate, ConformanceError> { Ok(estimate(model, &graph, &levels, device)?) };
    let (before, after) = (estimated(&trained.model)?, estimated(&again.model)?);
    if before.position != after.position || before.lattice != after.lattice {
        compare("the network comes back from a file", &before, &after)?;
        return Err(violation("the network comes back from a file bit by bit").into());
    }
    Ok(())
}
