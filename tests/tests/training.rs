//! Training resumes as if it had never stopped, and refuses what is not its own.

use std::path::Path;

use burn::tensor::Device;
use crystal_core::{CrystalState, SiteMode};
use dimenetpp::{DimeNetPlusPlusConfig, ElementInput};
use druse_tests::{embedded_states, example, tiny_network};
use score_model::{DenoisingObjective, ModelConfig, ScoreNetwork, TrainingConfig};
use training::{Exchange, Identity, LossPoint, OptimiserConfig, Trainer, TrainingError, module_to_archive};

fn config(steps: u64) -> TrainingConfig {
    let optimiser = OptimiserConfig {
        steps,
        batch_size: 4,
        learning_rate: 1e-3,
        read_every: 3,
        checkpoint_every: 100,
        ..OptimiserConfig::default()
    };
    TrainingConfig { optimiser, ..TrainingConfig::default() }
}

fn identity(kind: &str, config: &TrainingConfig) -> Identity {
    Identity::default().with("kind of model", kind).with("optimiser", format!("{:?}", config.optimiser.comparable()))
}

fn started<M: ScoreNetwork + burn::module::Module>(model: M, config: &TrainingConfig) -> Trainer<M> {
    let trainer = Trainer::new(model, config.optimiser.clone(), identity("test", config), &Device::flex());
    trainer.expect("a trainer")
}

fn resumed<M: ScoreNetwork + burn::module::Module>(
    model: M,
    config: &TrainingConfig,
    path: &Path,
) -> Result<Trainer<M>, TrainingError> {
    Trainer::resume(model, config.optimiser.clone(), identity("test", config), &Device::flex(), path)
}

fn run<M: ScoreNetwork + burn::module::Module>(
    trainer: &mut Trainer<M>,
    data: &[CrystalState],
    config: &TrainingConfig,
) {
    trainer.run(&DenoisingObjective::new(data, config), None, |_| true).expect("a run");
}

#[test]
fn a_killed_run_goes_on_bit_identically() {
    let device = Device::flex();
    // 10 structures and batches of 4: step 4 lies inside an epoch.
    let data = embedded_states(10, SiteMode::General);
    let (network, config) = (tiny_network(), config(8));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("training.state");

    let mut whole = started(network.init(&device), &config);
    run(&mut whole, &data, &config);

    let mut first = started(network.init(&device), &config);
    first.run(&DenoisingObjective::new(&data, &config), None, |curve| curve.len() < 3).expect("a run");
    assert_eq!(first.step(), 3);
    first.save(&path).expect("a training state");
    drop(first);

    let mut second = resumed(network.with_seed(99).init(&device), &config, &path).expect("a resumed trainer");
    run(&mut second, &data, &config);
    assert_eq!(second.curve(), whole.curve(), "every loss of the resumed run has the bits of the uninterrupted one");
    let weights = |trainer: &Trainer<_>| module_to_archive(trainer.average()).to_bytes().expect("an archive");
    assert_eq!(weights(&second), weights(&whole));
}

#[test]
fn several_devices_train_like_one() {
    let device = Device::flex();
    let data = embedded_states(10, SiteMode::General);
    // Descriptors are no parameters: each device has its own.
    let network = DimeNetPlusPlusConfig { elements: ElementInput::Descriptors, ..tiny_network() };
    let folder = tempfile::tempdir().expect("a temporary folder");
    // Losses are read after steps 3, 6, 9 and 10, and where a training state is written: after 5 and 10.
    let mut config = config(10);
    config.optimiser.checkpoint_every = 5;
    let objective = DenoisingObjective::new(&data, &config);
    let curve = |n_devices: usize| {
        let path = folder.path().join(format!("{n_devices}.state"));
        let helpers = vec![device.clone(); n_devices - 1];
        let mut first = started(network.init(&device), &config).with_helpers(&helpers, Exchange::Host);
        first.run(&objective, Some(path.clone()), |curve| curve.len() < 5).expect("a run");
        assert_eq!(first.step(), 5, "all devices stop together");
        first.save(&path).expect("a training state");
        let second = resumed(network.init(&device), &config, &path).expect("a resumed trainer");
        let mut second = second.with_helpers(&helpers, Exchange::Host);
        second.run(&objective, Some(path), |_| true).expect("a run");
        second.curve().to_vec()
    };
    let one = curve(1);
    for n_devices in [2, 3] {
        let several = curve(n_devices);
        let close = |(a, b): (&f32, &f32)| (a - b).abs() <= 1e-4 * b.abs();
        let same = |(a, b): (&LossPoint, &LossPoint)| a.parts.iter().zip(&b.parts).all(close);
        assert!(several.len() == 10 && several.iter().zip(&one).all(same), "{several:?}\n{one:?}");
        assert_eq!(several, curve(n_devices), "sums are made in one order");
    }
    let crowded = started(network.init(&device), &config);
    let error = crowded.with_helpers(&vec![device.clone(); 4], Exchange::Host).run(&objective, None, |_| true);
    assert!(matches!(error, Err(TrainingError::Config(problem)) if problem.to_string().contains("at least 5")));
}

#[test]
fn the_loss_falls() {
    let device = Device::flex();
    let (data, config) = (embedded_states(4, SiteMode::General), config(60));
    for elements in [ElementInput::AtomicNumber, ElementInput::Descriptors] {
        let network =
            DimeNetPlusPlusConfig { emb: 16, out_emb: 16, int_emb: 8, elements, ..DimeNetPlusPlusConfig::small() };
        let mut trainer = started(network.init(&device), &config);
        run(&mut trainer, &data, &config);
        let curve = trainer.curve();
        let sum = |point: &LossPoint| point.parts.iter().copied().map(f64::from).sum::<f64>();
        let mean = |points: &[LossPoint]| points.iter().map(sum).sum::<f64>() / points.len() as f64;
        let (start, end) = (mean(&curve[..15]), mean(&curve[45..]));
        assert!(end < 0.95 * start, "{elements:?}: {start} → {end}");
    }
}

#[test]
fn foreign_and_damaged_states_are_named() {
    let device = Device::flex();
    let (data, three) = (embedded_states(4, SiteMode::General), config(3));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("training.state");
    let mut trainer = started(example(1, &device), &three);
    trainer.run(&DenoisingObjective::new(&data, &three), Some(path.clone()), |_| true).expect("a run");

    let resume = |config: &TrainingConfig| resumed(example(1, &device), config, &path).map(|_| ());
    assert!(resume(&three).is_ok());
    assert!(resume(&config(300)).is_ok(), "a run may be made longer");
    let mut faster = three.clone();
    faster.optimiser.learning_rate = 0.5;
    let other = resume(&faster);
    assert!(matches!(&other, Err(TrainingError::Foreign { what, .. }) if what == "optimiser"), "{other:?}");

    let optimiser = three.optimiser.clone();
    let other = Trainer::resume(tiny_network().init(&device), optimiser, identity("dimenetpp", &three), &device, &path);
    let other = other.map(|_| ());
    assert!(matches!(&other, Err(TrainingError::Foreign { what, .. }) if what == "kind of model"), "{other:?}");
    // The same identity, another network: the file does not hold what its header says.
    let other = resumed(tiny_network().init(&device), &three, &path).map(|_| ());
    assert!(matches!(&other, Err(TrainingError::Damaged { .. })), "{other:?}");

    let intact = std::fs::read(&path).expect("the file");
    for damaged in
        [intact[..intact.len() / 2].to_vec(), [&intact[..intact.len() - 1], b"x"].concat(), b"nonsense".to_vec()]
    {
        std::fs::write(&path, damaged).expect("a damaged file");
        let found = resume(&three);
        assert!(matches!(found, Err(TrainingError::State(_))), "{found:?}");
        assert!(found.is_err_and(|error| error.to_string().contains("training.state")));
    }
    let none = resumed(example(1, &device), &three, &folder.path().join("none")).map(|_| ()).expect_err("no file");
    assert!(matches!(&none, TrainingError::State(_)) && none.to_string().contains("none"), "{none}");
}

#[test]
fn nonsense_configurations_are_refused() {
    let device = Device::flex();
    let three = || config(3).optimiser;
    for (field, bad) in [
        ("batch_size", OptimiserConfig { batch_size: 0, ..three() }),
        ("learning_rate", OptimiserConfig { learning_rate: f64::NAN, ..three() }),
        ("ema_decay", OptimiserConfig { ema_decay: 1.0, ..three() }),
        ("betas", OptimiserConfig { betas: (0.9, 1.0), ..three() }),
        ("steps", OptimiserConfig { steps: 0, ..three() }),
    ] {
        let error = Trainer::new(example(1, &device), bad, Identity::default(), &device).map(|_| ()).expect_err(field);
        assert!(matches!(&error, TrainingError::Config(problem) if problem.field == field), "{field}: {error}");
    }
    let config = config(3);
    let outcome = started(example(1, &device), &config).run(&DenoisingObjective::new(&[], &config), None, |_| true);
    assert!(matches!(outcome, Err(TrainingError::EmptyData)));
}
