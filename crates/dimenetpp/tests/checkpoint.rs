//! Trained networks in files: round trip, files of the first layout, and networks that do not fit.
#![cfg(feature = "cpu")]

use std::path::Path;

use burn::optim::GradientsParams;
use burn::tensor::Device;
use crystal_core::SiteMode;
use crystal_states::N_DESCRIPTORS;
use crystal_states::testing::random_graph;
use dimenetpp::{DimeNetPlusPlus, DimeNetPlusPlusConfig, ElementInput};
use multigraph::GraphConfig;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use score_model::{Description, GraphBatch, ModelConfig, NoiseSchedule, ScoreModelError, ScoreNetwork, Trained};
use training::{ArchiveError, TensorArchive, archive_into_module, module_to_archive};

const MEMORY: &str = "memory";

fn config(seed: u64) -> DimeNetPlusPlusConfig {
    DimeNetPlusPlusConfig { seed, ..DimeNetPlusPlusConfig::small() }
}

/// A network that was trained, so to say.
fn trained() -> Trained<DimeNetPlusPlus> {
    let mut description = Description::untrained(NoiseSchedule::default(), GraphConfig::default(), SiteMode::Wyckoff);
    description.steps = 17;
    description.data.name = "some crystals".to_owned();
    description.graph.mean_degree = 31.25;
    description.provenance.push(serde_json::json!({ "git": "abc", "seed": 3 }));
    Trained::new::<DimeNetPlusPlusConfig>(config(1).init(&Device::flex()), description)
}

type Loaded = Result<(Trained<DimeNetPlusPlus>, DimeNetPlusPlusConfig), ScoreModelError>;

fn load(archive: &TensorArchive) -> Loaded {
    Trained::load(archive, Path::new(MEMORY), &Device::flex())
}

#[test]
fn what_was_saved_is_loaded_whole() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("model.safetensors");
    let trained = trained();
    trained.save(&config(1), &path).expect("the folder is writable");
    let archive = TensorArchive::load(&path).expect("a good file");
    let (loaded, read) = load(&archive).expect("what was written");
    assert_eq!((read, loaded.kind, loaded.converted), (config(1), "dimenetpp", false));
    assert_eq!(loaded.description, trained.description);
    assert_eq!(module_to_archive(&loaded.model), module_to_archive(&trained.model));
    assert_eq!(std::fs::read_dir(folder.path()).expect("readable").count(), 1);
}

/// The entries as releases before 0.1 wrote them.
fn first_layout(mode: Option<&str>) -> TensorArchive {
    let mut archive = trained().archive(&config(1), Path::new(MEMORY)).expect("an archive");
    let mut whole = serde_json::json!({
        "model": config(1),
        "training": {
            "schedule": { "n_levels": 10, "position_variance": [0.002, 36.0], "lattice_variance": [0.1, 36.0] },
            "graph": { "mean_degree": 40.0, "min_degree": 12, "max_mean_degree": 400, "min_self_distance": 0.15 },
            "steps": 15000, "batch_size": 256, "learning_rate": 0.001, "betas": [0.9, 0.999], "gradient_norm": 1.0,
            "ema_decay": 0.999, "cooldown": 0.4, "checkpoint_every": 1000, "read_every": 25, "seed": 0
        },
        "data": { "min_space_group": 16, "symprec": 0.1 }
    });
    if let Some(mode) = mode {
        whole["mode"] = mode.into();
    }
    let provenance = serde_json::json!({
        "version": "0.1.0", "git": "f6155ed9f301", "seed": 0, "data": "mp_20", "data_sha256": "07c6", "device": "cuda"
    });
    archive.metadata.clear();
    let entries = [("kind", "dimenetpp".to_owned()), ("step", "15000".to_owned())];
    let entries = entries.into_iter().chain([("config", whole.to_string()), ("provenance", provenance.to_string())]);
    archive.metadata.extend(entries.map(|(key, value)| (key.to_owned(), value)));
    archive
}

#[test]
fn files_of_the_first_layout_are_converted() {
    for (mode, expected) in [(None, SiteMode::General), (Some("Wyckoff"), SiteMode::Wyckoff)] {
        let (loaded, read) = load(&first_layout(mode)).expect("an old file");
        assert!(loaded.converted);
        assert_eq!(read, config(1));
        assert_eq!(module_to_archive(&loaded.model), module_to_archive(&trained().model));
        let Description { schedule, graph, mode, data, steps, optimiser, provenance } = &loaded.description;
        assert_eq!((schedule.position_variance, graph.mean_degree, *mode), ((0.002, 36.0), 40.0, expected));
        // Coincident images were always left out; the setting is younger than the layout.
        assert_eq!(graph.coincidence, GraphConfig::default().coincidence);
        assert_eq!((data.name.as_str(), data.sha256.as_str(), *steps), ("mp_20", "07c6", 15_000));
        assert_eq!(data.selection, serde_json::json!({ "min_space_group": 16, "symprec": 0.1 }));
        assert_eq!(optimiser["batch_size"], 256);
        assert!(optimiser.get("schedule").is_none() && optimiser.get("graph").is_none());
        assert_eq!((provenance.len(), &provenance[0]["git"]), (1, &"f6155ed9f301".into()));

        // Written again it is in the present layout, and says the same.
        let archive = loaded.archive(&read, Path::new(MEMORY)).expect("an archive");
        let (again, _) = load(&archive).expect("a new file");
        assert!(!again.converted);
        assert_eq!(again.description, loaded.description);
        assert_eq!(archive.hash(), first_layout(None).hash());
    }
}

#[test]
fn damaged_descriptions_are_named() {
    let problem = |change: &dyn Fn(&mut TensorArchive)| {
        let mut archive = first_layout(None);
        change(&mut archive);
        load(&archive).map(|_| ()).expect_err("a damaged file").to_string()
    };
    let set = |key: &'static str, value: &'static str| {
        move |archive: &mut TensorArchive| {
            archive.metadata.insert(key.to_owned(), value.to_owned());
        }
    };
    assert!(problem(&|archive| drop(archive.metadata.remove("provenance"))).contains("'provenance' is missing"));
    assert!(problem(&set("config", "{}")).contains("'config' lacks 'training'"));
    assert!(problem(&set("step", "many")).contains("'step' is unreadable"));
    assert!(problem(&set("format", "3")).contains("a later layout than 2"));
    // Numbers that make no sense are refused when they are read, not when they are used.
    let mut wrong = trained();
    wrong.description.graph.mean_degree = -1.0;
    let archive = wrong.archive(&config(1), Path::new(MEMORY)).expect("an archive");
    let error = load(&archive).map(|_| ()).expect_err("an impossible graph").to_string();
    assert!(error.contains(MEMORY) && error.contains("graph.mean_degree = -1.0"), "{error}");
}

#[test]
fn descriptors_are_not_part_of_a_checkpoint() {
    let described = |seed| DimeNetPlusPlusConfig { elements: ElementInput::Descriptors, ..config(seed) };
    let archive = module_to_archive(&described(1).init(&Device::flex()));
    let (shape, _) = archive.f32("embedding.elements", Path::new(MEMORY)).expect("present");
    assert_eq!(shape, [N_DESCRIPTORS, described(1).emb]);
    assert!(!archive.tensors.contains_key("embedding.descriptors"));
    let loaded = archive_into_module(described(2).init(&Device::flex()), &archive, Path::new(MEMORY)).expect("it fits");
    let graph = random_graph(2, 20, &mut ChaCha8Rng::seed_from_u64(1));
    let batch = GraphBatch::new(&graph, &[0], &loaded.basis(), &Device::flex()).expect("a valid batch");
    let estimate = |model: &DimeNetPlusPlus| model.forward(&batch).position.into_data();
    assert_eq!(estimate(&loaded), estimate(&described(1).init(&Device::flex())));
    // A network of bare atomic numbers has other arrays, and configurations written before there was a choice are its.
    assert!(archive_into_module(config(1).init(&Device::flex()), &archive, Path::new(MEMORY)).is_err());
    let mut old = serde_json::to_value(config(1)).expect("plain data");
    old.as_object_mut().expect("an object").remove("elements");
    assert_eq!(serde_json::from_value::<DimeNetPlusPlusConfig>(old).expect("a configuration"), config(1));
}

#[test]
fn loading_keeps_the_model_trainable() {
    let archive = module_to_archive(&config(1).init(&Device::flex()));
    let device = Device::flex().autodiff();
    let model = archive_into_module(config(2).init(&device), &archive, Path::new(MEMORY)).expect("it fits");
    let graph = random_graph(2, 20, &mut ChaCha8Rng::seed_from_u64(1));
    let batch = GraphBatch::new(&graph, &[0], &model.basis(), &device).expect("a valid batch");
    let grads = model.forward(&batch).position.powi_scalar(2).sum().backward();
    assert!(!GradientsParams::from_grads(grads, &model).is_empty());
}

#[test]
fn networks_that_do_not_fit_are_refused() {
    let path = Path::new(MEMORY);
    let archive = module_to_archive(&config(1).init(&Device::flex()));
    let wide = DimeNetPlusPlusConfig { out_emb: 65, ..config(1) }.init(&Device::flex());
    match archive_into_module(wide, &archive, path).expect_err("another width") {
        ArchiveError::Shape { name, expected, found, .. } => {
            assert!(name.contains("outputs.0"), "{name}");
            assert_ne!(expected, found);
        }
        other => panic!("{other}"),
    }
    let deep = DimeNetPlusPlusConfig { n_blocks: 3, ..config(1) }.init(&Device::flex());
    match archive_into_module(deep, &archive, path).expect_err("another depth") {
        ArchiveError::MissingTensor { name, expected, .. } => {
            assert!(name.contains("interactions.2") && !expected.is_empty(), "{name}");
        }
        other => panic!("{other}"),
    }
    let mut other = trained().archive(&config(1), path).expect("an archive");
    other.metadata.insert("kind".to_owned(), "tiny".to_owned());
    let error = load(&other).map(|_| ()).expect_err("another kind");
    assert!(matches!(&error, ScoreModelError::Archive(ArchiveError::Kind { found, .. }) if found == "tiny"), "{error}");
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
