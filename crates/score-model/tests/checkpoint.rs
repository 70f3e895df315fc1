//! Checkpoints: round trip, and files that are not what they should be.
#![cfg(feature = "cpu")]

use std::path::Path;

use burn::optim::GradientsParams;
use burn::tensor::Device;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use score_model::checkpoint::{archive_config, archive_into_model, model_to_archive};
use score_model::conformance::random_graph;
use score_model::{
    CheckpointError, DimeNetPlusPlus, DimeNetPlusPlusConfig, ElementInput, N_DESCRIPTORS, ScoreBatch, ScoreModel, TensorArchive,
    archive_into_module, module_to_archive,
};

fn config(seed: u64) -> DimeNetPlusPlusConfig {
    DimeNetPlusPlusConfig { seed, ..DimeNetPlusPlusConfig::small() }
}

fn saved(path: &Path) -> DimeNetPlusPlus {
    let model = config(1).init(&Device::flex());
    let mut archive = model_to_archive(&model, &config(1)).expect("the configuration is plain data");
    archive.insert_u64("step", vec![17, u64::MAX]);
    archive.insert_f64("losses", vec![0.1, -0.0, f64::MIN_POSITIVE]);
    archive.metadata.insert("ema".to_owned(), "true".to_owned());
    archive.save(path).expect("the folder is writable");
    model
}

#[test]
fn what_was_saved_is_loaded_bit_by_bit() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("model.safetensors");
    let model = saved(&path);
    let archive = TensorArchive::load(&path).expect("a good file");
    assert_eq!(archive.u64("step", &path).expect("present"), [17, u64::MAX]);
    let losses = archive.f64("losses", &path).expect("present");
    assert_eq!(losses.iter().map(|x| x.to_bits()).collect::<Vec<_>>(), [0.1, -0.0, f64::MIN_POSITIVE].map(f64::to_bits));
    assert_eq!(archive.metadata("ema", &path).expect("present"), "true");

    let read: DimeNetPlusPlusConfig = archive_config(&archive, DimeNetPlusPlus::KIND, &path).expect("a good file");
    assert_eq!(read, config(1));
    let other = DimeNetPlusPlusConfig { seed: 2, ..read }.init(&Device::flex());
    assert_ne!(module_to_archive(&other), module_to_archive(&model));
    let loaded = archive_into_model(other, &archive, &path).expect("a fitting model");
    assert_eq!(module_to_archive(&loaded), module_to_archive(&model));
    // Nothing but the checkpoint is left in the folder.
    assert_eq!(std::fs::read_dir(folder.path()).expect("readable").count(), 1);
}

#[test]
fn descriptors_are_no_part_of_a_checkpoint() {
    let described = |seed| DimeNetPlusPlusConfig { elements: ElementInput::Descriptors, ..config(seed) };
    let archive = module_to_archive(&described(1).init(&Device::flex()));
    let (shape, _) = archive.f32("embedding.elements", Path::new("memory")).expect("present");
    assert_eq!(shape, [N_DESCRIPTORS, described(1).emb]);
    assert!(!archive.tensors.contains_key("embedding.descriptors"));
    let loaded = archive_into_module(described(2).init(&Device::flex()), &archive, Path::new("memory")).expect("it fits");
    let graph = random_graph(2, 20, &mut ChaCha8Rng::seed_from_u64(1));
    let batch = ScoreBatch::new(&graph, &[0], &loaded.basis(), &Device::flex()).expect("a valid batch");
    let estimate = |model: &DimeNetPlusPlus| model.forward(&batch).position.into_data();
    assert_eq!(estimate(&loaded), estimate(&described(1).init(&Device::flex())));
    // A network of bare atomic numbers has other arrays, and configurations written before there was a choice are its.
    assert!(archive_into_module(config(1).init(&Device::flex()), &archive, Path::new("memory")).is_err());
    let mut old = serde_json::to_value(config(1)).expect("plain data");
    old.as_object_mut().expect("an object").remove("elements");
    assert_eq!(serde_json::from_value::<DimeNetPlusPlusConfig>(old).expect("a configuration"), config(1));
}

#[test]
fn loading_keeps_the_model_trainable() {
    let archive = module_to_archive(&config(1).init(&Device::flex()));
    let device = Device::flex().autodiff();
    let model = archive_into_module(config(2).init(&device), &archive, Path::new("memory")).expect("it fits");
    let graph = random_graph(2, 20, &mut ChaCha8Rng::seed_from_u64(1));
    let batch = ScoreBatch::new(&graph, &[0], &model.basis(), &device).expect("a valid batch");
    let grads = model.forward(&batch).position.powi_scalar(2).sum().backward();
    assert!(!GradientsParams::from_grads(grads, &model).is_empty());
}

#[test]
fn damage_is_noticed() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("model.safetensors");
    saved(&path);
    let good = std::fs::read(&path).expect("readable");

    let mut flipped = good.clone();
    *flipped.last_mut().expect("not empty") ^= 1;
    std::fs::write(&path, &flipped).expect("writable");
    let error = TensorArchive::load(&path).expect_err("a flipped bit");
    assert!(matches!(&error, CheckpointError::Hash { expected, found, .. } if expected != found), "{error}");
    assert!(error.to_string().contains("corrupt or foreign checkpoint") && error.to_string().contains("model.safetensors"));

    for length in [0, 5, 100, good.len() / 2, good.len() - 1] {
        std::fs::write(&path, &good[..length]).expect("writable");
        assert!(matches!(TensorArchive::load(&path), Err(CheckpointError::Corrupt { .. })), "cut at {length}");
    }
    std::fs::write(&path, b"this is no checkpoint at all, but long enough to look like one").expect("writable");
    assert!(matches!(TensorArchive::load(&path), Err(CheckpointError::Corrupt { .. })));

    let empty = safetensors::serialize(std::iter::empty::<(&str, safetensors::tensor::TensorView)>(), None);
    std::fs::write(&path, empty.expect("an empty file is legal")).expect("writable");
    let error = TensorArchive::load(&path).expect_err("a foreign file");
    assert!(matches!(&error, CheckpointError::Metadata { key, .. } if key == "druse"), "{error}");

    let missing = folder.path().join("missing.safetensors");
    assert!(matches!(TensorArchive::load(&missing), Err(CheckpointError::Read { .. })));
    let nowhere = folder.path().join("no/such/folder/model.safetensors");
    assert!(matches!(TensorArchive::default().save(&nowhere), Err(CheckpointError::Write { .. })));
}

#[test]
fn models_that_do_not_fit_are_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("model.safetensors");
    saved(&path);
    let archive = TensorArchive::load(&path).expect("a good file");

    let wide = DimeNetPlusPlusConfig { out_emb: 65, ..config(1) }.init(&Device::flex());
    match archive_into_model(wide, &archive, &path).expect_err("another width") {
        CheckpointError::Shape { name, expected, found, .. } => {
            assert!(name.contains("outputs.0"), "{name}");
            assert_ne!(expected, found);
        }
        other => panic!("{other}"),
    }
    let deep = DimeNetPlusPlusConfig { n_blocks: 3, ..config(1) }.init(&Device::flex());
    match archive_into_model(deep, &archive, &path).expect_err("another depth") {
        CheckpointError::MissingTensor { name, expected, .. } => {
            assert!(name.contains("interactions.2") && !expected.is_empty(), "{name}");
        }
        other => panic!("{other}"),
    }
    let kind = archive_config::<DimeNetPlusPlusConfig>(&archive, "tiny", &path).expect_err("another kind");
    assert!(matches!(&kind, CheckpointError::Kind { expected, found, .. } if expected == "tiny" && found == "dimenetpp"));
    assert!(matches!(archive.f32("step", &path), Err(CheckpointError::NumberType { .. })));
}

#[test]
fn parameter_names_are_stable() {
    let archive = module_to_archive(&config(1).init(&Device::flex()));
    for name in [
        "embedding.elements",
        "embedding.source.weight",
        "interactions.0.angular.first",
        "interactions.1.before_skip.0.first.bias",
        "outputs.2.norm.gamma",
        "outputs.0.last.weight",
    ] {
        assert!(archive.tensors.contains_key(name), "{name} is not among {:?}", archive.tensors.keys());
    }
}
