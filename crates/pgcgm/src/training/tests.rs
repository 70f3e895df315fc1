//! Small trainings.

use std::path::Path;

use burn::tensor::Device;
use training::TrainingError;

use super::run::Run;
use super::*;
use crate::testing::{half_heusler, perovskite};
use crate::{ElementSet, PgcgmConfig, PgcgmError, Sampler, Weights};

fn data() -> TrainingData {
    TrainingData::new([half_heusler(), perovskite()])
}

fn model() -> PgcgmConfig {
    PgcgmConfig { elements: ElementSet::Published, ..PgcgmConfig::default() }
}

fn config() -> TrainingConfig {
    TrainingConfig {
        steps: 4,
        batch_size: 3,
        critic_steps: 2,
        measure_every: 2,
        moment_batches: 2,
        orbit_weight: 0.1,
        ..TrainingConfig::default()
    }
}

/// Later steps have a worse score, so that the best one is kept through the rest.
fn measured_by_turns(n: &mut usize) -> Measurement {
    *n += 1;
    Measurement { score: Some(*n as f64), ..Measurement::default() }
}

fn values(weights: &Weights) -> Vec<f32> {
    let archive = training::module_to_archive(&weights.generator);
    let names = archive.tensors.keys();
    names.flat_map(|name| archive.f32(name, Path::new("weights")).expect("numbers").1.to_vec()).collect()
}

#[test]
fn an_interrupted_run_goes_on_where_it_stopped() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("training.state");
    let (data, config) = (data(), config());
    let run = |state: Option<&Path>, last: u64, n: usize| {
        let mut n = n;
        let measure = |_: &Sampler| Ok(measured_by_turns(&mut n));
        train(&model(), &config, &data, &Device::flex(), state, measure, |point| point.step < last).expect("a run")
    };
    let whole = run(None, 4, 0);
    assert!(whole.is_finished);
    let first = run(Some(&path), 2, 0);
    assert!(!first.is_finished && first.curve.len() == 1);
    let resumed = run(Some(&path), 4, 1);
    let without_time = |trained: &Trained| -> Vec<CurvePoint> {
        trained.curve.iter().map(|point| CurvePoint { seconds: 0.0, ..*point }).collect()
    };
    assert_eq!(without_time(&resumed), without_time(&whole));
    assert_eq!((resumed.step, whole.step), (2, 2), "the first measurement was the best");
    assert_eq!(values(&resumed.weights), values(&whole.weights));
    // Nothing is left to do.
    let done = run(Some(&path), 4, 2);
    assert_eq!(values(&done.weights), values(&whole.weights));
    let other = TrainingConfig { seed: 5, ..config.clone() };
    let measure = |_: &Sampler| Ok(Measurement::default());
    let refused = train(&model(), &other, &data, &Device::flex(), Some(&path), measure, |_| true);
    let error = refused.expect_err("another run");
    assert!(
        matches!(&error, PgcgmError::State(TrainingError::Foreign { what, .. }) if what == "training configuration")
    );
    let content = std::fs::read(&path).expect("a state");
    std::fs::write(&path, &content[..content.len() / 2]).expect("a file");
    let refused = train(&model(), &config, &data, &Device::flex(), Some(&path), measure, |_| true);
    assert!(matches!(refused, Err(PgcgmError::State(TrainingError::State(_)))));

    // The checkpoint: half precision, the same draws but for that.
    let file = folder.path().join("pgcgm.safetensors");
    whole.weights.to_archive().expect("an archive").save(&file).expect("a file");
    assert!(std::fs::metadata(&file).expect("a file").len() < 10_000_000);
    let loaded = Weights::load(&file, &Device::flex()).expect("a checkpoint");
    assert_eq!((&loaded.config, loaded.group_counts), (&model(), data.group_counts()));
    assert_eq!((loaded.triples.len(), loaded.contacts), (2, whole.weights.contacts));
    let largest = values(&loaded).iter().zip(values(&whole.weights)).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(largest > 0.0 && largest < 1e-3, "{largest}");
    let again = loaded.to_archive().expect("an archive");
    assert_eq!(values(&loaded).len(), values(&whole.weights).len());
    assert_eq!(again.hash(), whole.weights.to_archive().expect("an archive").hash(), "rounded once");
    let mut content = std::fs::read(&file).expect("a file");
    *content.last_mut().expect("not empty") ^= 1;
    assert!(matches!(Weights::from_bytes(&content, &file, &Device::flex()), Err(PgcgmError::Checkpoint(_))));
}

/// The same batch again and again: first the critic learns to tell it apart, then the generator to please the critic
/// and the physics.
#[test]
fn one_batch_is_overfitted() {
    let (data, model) = (TrainingData::new([perovskite()]), model());
    let config = TrainingConfig {
        batch_size: 6,
        learning_rate: 1e-3,
        critic_learning_rate: 1e-3,
        contact_weight: 1.0,
        orbit_weight: 0.0,
        ..config()
    };
    let mut run = Run::new(&model, &config, &data, &Device::flex());
    let values = |parts: Vec<burn::Tensor<1>>| -> Vec<f64> {
        parts.into_iter().map(|part| f64::from(part.into_scalar::<f32>())).collect()
    };
    let critic = |run: &mut Run<'_>| {
        let turn = run.turns().remove(0);
        let [distance, penalty] = values(run.critic_step(turn))[..] else { panic!("two losses") };
        10.0 * penalty - distance
    };
    let before = critic(&mut run);
    (0..10).for_each(|_| _ = critic(&mut run));
    let after = critic(&mut run);
    assert!(after < before - 1.0, "{before} → {after}");
    let generator = |run: &mut Run<'_>| {
        let [score, inter, intra, orbit] = values(run.generator_step())[..] else { panic!("four losses") };
        assert_eq!(orbit, 0.0, "left out");
        inter + intra - score
    };
    let before = generator(&mut run);
    (0..10).for_each(|_| _ = generator(&mut run));
    let after = generator(&mut run);
    assert!(after < before - 1.0, "{before} → {after}");
}

#[test]
fn nothing_to_learn_from_is_an_error() {
    let (model, config, empty) = (model(), config(), TrainingData::default());
    let measure = |_: &Sampler| Ok(Measurement::default());
    let refused = train(&model, &config, &empty, &Device::flex(), None, measure, |_| true);
    assert!(matches!(refused, Err(PgcgmError::Empty)));
    let failing = |_: &Sampler| Err("no reference".into());
    let config = TrainingConfig { steps: 1, ..config };
    let refused = train(&model, &config, &data(), &Device::flex(), None, failing, |_| true);
    assert!(refused.expect_err("a failed measurement").to_string().contains("no reference"));
}
