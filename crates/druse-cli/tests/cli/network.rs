//! Training and sampling with a tiny network on the prototypes that are compiled in.

use crate::support::{Folder, TINY, cesium_chlorides, keys};

#[test]
fn bad_configurations() {
    let folder = Folder::new();
    folder.druse(&["train", "tiny.ron"]).refused(&["tiny.ron", "check the path"]);
    let refused = |from: &str, to: &str, said: &[&str]| {
        assert!(TINY.contains(from), "{from}");
        folder.write("tiny.ron", &TINY.replace(from, to));
        folder.druse(&["train", "tiny.ron"]).refused(&[&["tiny.ron"], said].concat());
    };
    refused("batch_size: 4", "\n        batch_count: 4", &["tiny.ron:10:9", "batch_count"]);
    refused("batch_size: 4", "batch_size: 0", &["training.optimiser.batch_size = 0: expected at least 1"]);
    // The corrections of Adam divide by 1 − β.
    refused("read_every: 1", "betas: (0.9, 1.0)", &["training.optimiser.betas = (0.9, 1.0)", "below 1"]);
    refused(
        "max_mean_degree: 48",
        "max_mean_degree: 3",
        &["training.graph.max_mean_degree = 3", "at least mean_degree"],
    );
    refused("mean_degree: 12.0", "mean_degree: -1.0", &["training.graph.mean_degree = -1.0", "above 0"]);
    refused("(0.1, 36.0)", "(0.0, 36.0)", &["training.schedule.lattice_variance = (0.0, 36.0)"]);
    refused("emb: 8, out_emb", "emb: 0, out_emb", &["model.emb = 0: expected 1 to 4096"]);
    refused(
        "n_levels: 4, n_gaussians",
        "n_levels: 5, n_gaussians",
        &["n_levels = 4: expected 5", "levels of the model"],
    );
    refused("DimeNetPlusPlus", "DimeNet", &["DimeNet", "DimeNetPlusPlus", "Example"]);
    folder.write("tiny.ron", &TINY[..100]);
    folder.druse(&["train", "tiny.ron"]).refused(&["tiny.ron:"]);
    folder.write("tiny.ron", TINY);
    folder.druse(&["train", "tiny.ron", "--device", "abacus"]).refused(&["abacus", "cpu, wgpu or cuda"]);
    folder.druse(&["train", "tiny.ron", "--data", "nowhere"]).refused(&["nowhere", "--data"]);
    assert_eq!(folder.files(), ["tiny.ron"]);
}

#[cfg(not(feature = "cuda"))]
#[test]
fn a_device_that_was_not_built() {
    let folder = Folder::new();
    folder.write("tiny.ron", TINY);
    let cure = "--features cuda";
    folder.druse(&["train", "tiny.ron", "--device", "cuda"]).refused(&["cuda", cure]);
    let sample =
        ["sample", "--sites-per-element", "Na:1", "--space-group", "225", "--out", "grown", "--device", "cuda"];
    folder.druse(&sample).refused(&["cuda", cure]);
    assert_eq!(folder.files(), ["tiny.ron"]);
}

#[test]
fn unusable_checkpoints_and_folders() {
    let folder = Folder::new();
    let sample = |checkpoint: &str| {
        let order = ["sample", "--sites-per-element", "Na:1", "--space-group", "225", "--out", "grown", "--checkpoint"];
        folder.druse(&[&order[..], &[checkpoint]].concat())
    };
    sample("nowhere.safetensors").refused(&["nowhere.safetensors", "check the path"]);
    folder.write("garbage.safetensors", "this is not a checkpoint");
    sample("garbage.safetensors").refused(&["garbage.safetensors", "druse train"]);
    // A valid file of the format that Druse did not write: an empty list of arrays.
    folder.write("foreign.safetensors", "\u{2}\0\0\0\0\0\0\0{}");
    sample("foreign.safetensors").refused(&["foreign.safetensors", "druse train"]);
    assert!(!folder.path().join("grown").exists());
}

#[test]
fn train_resume_sample_evaluate() {
    let folder = Folder::new();
    folder.write("tiny.ron", TINY);
    let run = folder.druse(&["train", "tiny.ron", "--out", "run", "--json"]).status(0);
    let document = run.document();
    assert_eq!(keys(&document), ["checkpoint", "data", "device", "loss", "seconds", "seed", "steps"]);
    assert_eq!((&document["steps"], &document["device"]), (&4.into(), &"cpu".into()));

    // A finished run is neither overwritten nor started anew by accident; to go on with it changes nothing.
    folder.druse(&["train", "tiny.ron", "--out", "run"]).refused(&["run", "--resume"]);
    let again = folder.druse(&["train", "tiny.ron", "--out", "run", "--resume", "--json"]).status(0).document();
    assert_eq!((&again["steps"], &again["loss"]), (&document["steps"], &document["loss"]));
    let hash = document["checkpoint"]["sha256"].clone();
    assert_eq!(again["checkpoint"]["sha256"], hash);

    let sample = |out: &str, batch: &str| {
        let checkpoint = "run/checkpoint.safetensors";
        let order = [
            "sample",
            "--sites-per-element",
            "Na:1,Cl:1",
            "--space-group",
            "225",
            "--count",
            "3",
            "--steps-per-level",
            "2",
        ];
        folder.druse(
            &[&order[..], &["--checkpoint", checkpoint, "--batch-size", batch, "--seed", "7", "--out", out, "--json"]]
                .concat(),
        )
    };
    let run = sample("grown", "3").status(0);
    let document = run.document();
    assert_eq!(
        keys(&document),
        ["checkpoint", "device", "evaluations_per_structure", "structures", "structures_per_second"]
    );
    assert_eq!(keys(&document["checkpoint"]), ["path", "sha256"]);
    assert_eq!(document["checkpoint"]["sha256"], hash);
    let structures = document["structures"].as_array().expect("a list");
    assert_eq!(structures.len(), 3);
    for structure in structures {
        let expected = ["file", "formula", "id", "redraws", "seed", "space_group_found", "space_group_requested"];
        assert_eq!(keys(structure), expected);
        assert_eq!(keys(&structure["space_group_found"]), ["0.01", "0.1"]);
        assert_eq!((&structure["space_group_requested"], &structure["seed"]), (&225.into(), &7.into()));
        assert!(folder.path().join(structure["file"].as_str().expect("a path")).is_file());
    }
    let texts = |out: &str| {
        let names = folder.files().into_iter().filter(|file| file.starts_with(out));
        names.map(|file| std::fs::read_to_string(folder.path().join(file)).expect("a CIF")).collect::<Vec<_>>()
    };
    sample("alone", "1").status(0);
    assert_eq!(texts("grown/").len(), 3);
    assert_eq!(texts("grown/"), texts("alone/"), "a structure does not depend on the batch it was sampled in");

    let few_step = [
        "--sampler",
        "few-step",
        "--evaluations",
        "4",
        "--checkpoint",
        "run/checkpoint.safetensors",
        "--out",
        "few",
        "--json",
    ];
    let order = ["sample", "--sites-per-element", "Na:1,Cl:1", "--space-group", "225"];
    let document = folder.druse(&[&order[..], &few_step].concat()).status(0).document();
    assert_eq!(document["evaluations_per_structure"], 4);

    folder.write("file", "in the way");
    sample("file", "1").refused(&["file", "choose another"]);
    let good = std::fs::read(folder.path().join("run/checkpoint.safetensors")).expect("a checkpoint");
    let mut bytes = good.clone();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(folder.path().join("run/checkpoint.safetensors"), bytes).expect("a file");
    sample("damaged", "1").refused(&["run/checkpoint.safetensors", "expected SHA-256"]);
    std::fs::write(folder.path().join("run/checkpoint.safetensors"), &good[..good.len() / 2]).expect("a file");
    sample("damaged", "1").refused(&["run/checkpoint.safetensors"]);
    assert!(!folder.path().join("damaged").exists());
}

#[test]
fn orders_from_a_file() {
    let folder = Folder::new();
    folder.write("tiny.ron", TINY);
    folder.druse(&["train", "tiny.ron", "--out", "run"]).status(0);
    let text = "{\"space_group\": 221, \"sites\": {\"Cs\": 1, \"Cl\": 1}, \"count\": 2, \"steps_per_level\": 1}\n\
                {\"space_group\": 62, \"sites\": {\"Ca\": 1, \"Ti\": 1}}\n";
    folder.write("orders.jsonl", text);
    let run = folder.druse(&[
        "sample",
        "--orders",
        "orders.jsonl",
        "--checkpoint",
        "run/checkpoint.safetensors",
        "--out",
        "grown",
    ]);
    let table = run.status(0).stdout();
    assert_eq!(folder.files().iter().filter(|file| file.starts_with("grown/")).count(), 3, "{table}");
    assert!(table.contains("221") && table.contains("62"), "{table}");

    // The few-step sampler has no steps per level: lines that name them, even different ones, are sampled all the same,
    // and it is said.
    folder.write("orders.jsonl", &text.replace("\"Ti\": 1}}", "\"Ti\": 1}, \"steps_per_level\": 2}"));
    let few_step = |out: &str, further: &[&str]| {
        let arguments =
            ["sample", "--orders", "orders.jsonl", "--checkpoint", "run/checkpoint.safetensors", "--out", out];
        folder.druse(&[&arguments[..], further].concat())
    };
    few_step("refused", &[]).refused(&["orders.jsonl:2", "steps_per_level is 2, but 1"]);
    let run = few_step("few", &["--sampler", "few-step", "--evaluations", "4", "--json"]).status(0);
    let said = run.stderr();
    assert!(
        said.contains("warning: orders.jsonl: steps_per_level") && said.contains("--evaluations, 4 here"),
        "{said}"
    );
    assert_eq!(run.document()["evaluations_per_structure"], 4);
    folder.write("orders.jsonl", "{\"space_group\": 62, \"sites\": {\"Ca\": 1, \"Ti\": 1}}\n");
    let run = few_step("quiet", &["--sampler", "few-step", "--evaluations", "4"]).status(0);
    assert!(!run.stderr().contains("steps_per_level"), "{}", run.stderr());
}

#[test]
fn evaluate_with_cgcnn_weights() {
    let folder = Folder::new();
    let weights = folder.path().join("cgcnn.safetensors");
    let network = cgcnn::CgcnnConfig { atom_width: 6, n_convolutions: 1, feature_width: 4, seed: 1 };
    network.init(&burn::tensor::Device::flex()).to_archive().expect("an archive").save(&weights).expect("a file");
    folder.write("a.jsonl", &cesium_chlorides(&[("Cs", "Cl", 4.12), ("Cs", "Br", 4.29), ("Cs", "I", 4.57)]));
    folder.write("b.jsonl", &cesium_chlorides(&[("Tl", "Cl", 3.83), ("Tl", "Br", 3.97)]));
    let distance = |reference: &str| {
        let arguments =
            ["--generated", "a.jsonl", "--reference", reference, "--cgcnn-weights", "cgcnn.safetensors", "--json"];
        let document = folder.druse(&[&["evaluate"], &arguments[..]].concat()).status(0).document();
        document["fd_cgcnn"].as_f64().expect("a number")
    };
    assert!(distance("a.jsonl").abs() < 1e-6);
    assert!(distance("b.jsonl") > 1e-4);
    let arguments = ["evaluate", "--generated", "a.jsonl", "--reference", "b.jsonl", "--cgcnn-weights"];
    let table = folder.druse(&[&arguments[..], &["cgcnn.safetensors"]].concat()).status(0).stdout();
    assert!(table.contains("Fréchet distance, CGCNN") && table.contains("cgcnn.safetensors (SHA-256"), "{table}");
    folder.druse(&[&arguments[..], &["a.jsonl"]].concat()).refused(&["a.jsonl", "no CGCNN weights", ".pth.tar"]);
}
