//! Training resumes as if it had never stopped, and refuses what is not its own.

use burn::tensor::Device;
use crystal_core::SiteMode;
use druse_tests::{TinyModel, embedded_states};
use score_model::{DimeNetPlusPlusConfig, ElementInput, Exchange, LossPoint, Trainer, TrainingConfig, TrainingError};

fn config(steps: u64) -> TrainingConfig {
    TrainingConfig {
        steps,
        batch_size: 4,
        learning_rate: 1e-3,
        read_every: 3,
        checkpoint_every: 100,
        ..TrainingConfig::default()
    }
}

#[test]
fn a_killed_run_goes_on_bit_identically() {
    let device = Device::flex();
    // 10 structures and batches of 4: step 4 lies inside an epoch.
    let data = embedded_states(10, SiteMode::General);
    let network = DimeNetPlusPlusConfig { emb: 8, out_emb: 8, int_emb: 4, basis_emb: 4, ..DimeNetPlusPlusConfig::small() };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("training.state");

    let mut whole = Trainer::new(network.init(&device), config(8), &device).expect("a trainer");
    whole.run(&data, None, |_| true).expect("a run");

    let mut first = Trainer::new(network.init(&device), config(8), &device).expect("a trainer");
    first.run(&data, None, |curve| curve.len() < 3).expect("a run");
    assert_eq!(first.step(), 3);
    first.save(&path).expect("a training state");
    drop(first);

    let other_seed = DimeNetPlusPlusConfig { seed: 99, ..network };
    let mut second = Trainer::resume(other_seed.init(&device), config(8), &device, &path).expect("a resumed trainer");
    second.run(&data, None, |_| true).expect("a run");
    assert_eq!(second.curve(), whole.curve(), "every loss of the resumed run has the bits of the uninterrupted one");
    let weights = |trainer: &Trainer<_>, name: &str| {
        let path = folder.path().join(name);
        score_model::module_to_archive(trainer.average()).save(&path).expect("an archive");
        std::fs::read(path).expect("the archive")
    };
    assert_eq!(weights(&second, "second"), weights(&whole, "whole"));
}

#[test]
fn several_devices_train_like_one() {
    let device = Device::flex();
    let data = embedded_states(10, SiteMode::General);
    // Descriptors are no parameters: each device has its own.
    let elements = ElementInput::Descriptors;
    let network =
        DimeNetPlusPlusConfig { emb: 8, out_emb: 8, int_emb: 4, basis_emb: 4, elements, ..DimeNetPlusPlusConfig::small() };
    let folder = tempfile::tempdir().expect("a temporary folder");
    // Losses are read after steps 3, 6, 9 and 10, and where a training state is written: after 5 and 10.
    let config = |steps| TrainingConfig { checkpoint_every: 5, ..config(steps) };
    let curve = |n_devices: usize| {
        let path = folder.path().join(format!("{n_devices}.state"));
        let helpers = vec![device.clone(); n_devices - 1];
        let trainer = |model| Trainer::new(model, config(10), &device).expect("a trainer");
        let mut first = trainer(network.init(&device)).with_helpers(&helpers, Exchange::Host);
        first.run(&data, Some(path.clone()), |curve| curve.len() < 5).expect("a run");
        assert_eq!(first.step(), 5, "all devices stop together");
        first.save(&path).expect("a training state");
        let resumed = Trainer::resume(network.init(&device), config(10), &device, &path).expect("a resumed trainer");
        let mut resumed = resumed.with_helpers(&helpers, Exchange::Host);
        resumed.run(&data, Some(path), |_| true).expect("a run");
        resumed.curve().to_vec()
    };
    let one = curve(1);
    for n_devices in [2, 3] {
        let several = curve(n_devices);
        let close = |a: f32, b: f32| (a - b).abs() <= 1e-4 * b.abs();
        let same = |(a, b): (&LossPoint, &LossPoint)| close(a.position, b.position) && close(a.lattice, b.lattice);
        assert!(several.len() == 10 && several.iter().zip(&one).all(same), "{several:?}\n{one:?}");
        assert_eq!(several, curve(n_devices), "sums are made in one order");
    }
    let crowded = Trainer::new(network.init(&device), config(10), &device).expect("a trainer");
    let error = crowded.with_helpers(&vec![device.clone(); 4], Exchange::Host).run(&data, None, |_| true);
    assert!(matches!(error, Err(TrainingError::Config(problem)) if problem.contains("at least 5")));
}

#[test]
fn the_loss_falls() {
    let device = Device::flex();
    let data = embedded_states(4, SiteMode::General);
    for elements in [ElementInput::AtomicNumber, ElementInput::Descriptors] {
        let network = DimeNetPlusPlusConfig { emb: 16, out_emb: 16, int_emb: 8, elements, ..DimeNetPlusPlusConfig::small() };
        let mut trainer = Trainer::new(network.init(&device), config(60), &device).expect("a trainer");
        trainer.run(&data, None, |_| true).expect("a run");
        let curve = trainer.curve();
        let mean = |points: &[score_model::LossPoint]| {
            points.iter().map(|point| f64::from(point.position + point.lattice)).sum::<f64>() / points.len() as f64
        };
        let (start, end) = (mean(&curve[..15]), mean(&curve[45..]));
        assert!(end < 0.95 * start, "{elements:?}: {start} → {end}");
    }
}

#[test]
fn foreign_and_damaged_states_are_named() {
    let device = Device::flex();
    let data = embedded_states(4, SiteMode::General);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("training.state");
    let mut trainer = Trainer::new(TinyModel::new(1, &device), config(3), &device).expect("a trainer");
    trainer.run(&data, Some(path.clone()), |_| true).expect("a run");

    let resume = |config: TrainingConfig| Trainer::resume(TinyModel::new(1, &device), config, &device, &path).map(|_| ());
    assert!(resume(config(3)).is_ok());
    assert!(resume(config(300)).is_ok(), "a run may be made longer");
    let other = resume(TrainingConfig { learning_rate: 0.5, ..config(3) });
    assert!(matches!(other, Err(TrainingError::Foreign { .. })), "{other:?}");

    let network = DimeNetPlusPlusConfig { emb: 8, out_emb: 8, ..DimeNetPlusPlusConfig::small() };
    let other = Trainer::resume(network.init(&device), config(3), &device, &path).map(|_| ());
    assert!(matches!(other, Err(TrainingError::Foreign { .. })), "{other:?}");

    let intact = std::fs::read(&path).expect("the file");
    for damaged in [intact[..intact.len() / 2].to_vec(), [&intact[..intact.len() - 1], b"x"].concat(), b"nonsense".to_vec()] {
        std::fs::write(&path, damaged).expect("a damaged file");
        let found = resume(config(3));
        assert!(matches!(found, Err(TrainingError::Damaged { .. })), "{found:?}");
        assert!(found.is_err_and(|error| error.to_string().contains("training.state")));
    }
    assert!(matches!(
        Trainer::resume(TinyModel::new(1, &device), config(3), &device, &folder.path().join("none")),
        Err(TrainingError::Io { .. })
    ));
}

#[test]
fn nonsense_configurations_are_refused() {
    let device = Device::flex();
    for bad in [
        TrainingConfig { batch_size: 0, ..config(3) },
        TrainingConfig { learning_rate: f64::NAN, ..config(3) },
        TrainingConfig { ema_decay: 1.0, ..config(3) },
        TrainingConfig { steps: 0, ..config(3) },
    ] {
        assert!(matches!(Trainer::new(TinyModel::new(1, &device), bad, &device), Err(TrainingError::Config(_))));
    }
    let mut trainer = Trainer::new(TinyModel::new(1, &device), config(3), &device).expect("a trainer");
    assert!(matches!(trainer.run(&[], None, |_| true), Err(TrainingError::EmptyData)));
}
