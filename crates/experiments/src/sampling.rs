//! Sampling with a bar.

use anyhow::Result;
use burn::tensor::Device;
use crystal_core::Structure;
use crystal_core::whole;
use druse::checkpoint::Checkpoint;
use langevin::{FewStep, Method, Outcome, Sampler, SamplerConfig, SamplingOrder};

use crate::progress::bar;

/// The paper's annealed sampler, or few steps of this many evaluations.
pub(crate) fn config(evaluations: Option<usize>, seed: u64) -> SamplerConfig {
    let few = |evaluations| Method::FewStep(FewStep { evaluations, ..FewStep::default() });
    SamplerConfig { method: evaluations.map_or(Method::Annealed, few), seed, ..SamplerConfig::default() }
}

/// Samples, and hands every structure to `take` with the place of its order. Orders whose every draw failed are left
/// out.
///
/// # Errors
/// If an order is impossible, or the sampler fails as a whole.
pub(crate) fn sample_each(
    name: &str,
    network: &Checkpoint,
    config: SamplerConfig,
    orders: &[SamplingOrder],
    device: &Device,
    mut take: impl FnMut(usize, Structure),
) -> Result<()> {
    outcomes(name, network, config, orders, device, |outcome| {
        if let Outcome::Sampled(sample) = outcome {
            take(sample.order, sample.structure);
        }
    })
}

/// Samples, and hands over what became of every structure.
///
/// # Errors
/// If an order is impossible, or the sampler fails as a whole.
pub(crate) fn outcomes(
    name: &str,
    network: &Checkpoint,
    config: SamplerConfig,
    orders: &[SamplingOrder],
    device: &Device,
    mut take: impl FnMut(Outcome),
) -> Result<()> {
    let sampler = Sampler::new(&network.trained, config, device)?;
    let bar = bar(name, orders.len() as u64);
    let mut done = 0.0;
    sampler.run::<anyhow::Error>(
        orders,
        |structures| {
            done += structures;
            bar.set_position(whole::count_64(done));
        },
        |outcome| {
            take(outcome);
            Ok(())
        },
    )?;
    bar.finish_and_clear();
    Ok(())
}
