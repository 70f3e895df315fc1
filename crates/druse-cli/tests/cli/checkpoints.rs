//! `druse checkpoint`, and checkpoints that do not fit: of another mode, kind or layout.

use std::path::Path;

use serde_json::{Value, json};
use training::TensorArchive;

use crate::support::{Folder, Run, TINY, keys};

/// Trains a network of two steps in `run`.
fn trained() -> Folder {
    let folder = Folder::new();
    folder.write("tiny.ron", &TINY.replace("steps: 4", "steps: 2"));
    folder.druse(&["train", "tiny.ron", "--out", "run"]).status(0);
    folder
}

const CHECKPOINT: &str = "run/checkpoint.safetensors";

/// Writes the checkpoint again with other entries.
fn rewritten(folder: &Folder, name: &str, change: impl FnOnce(&mut TensorArchive)) {
    let mut archive = TensorArchive::load(&folder.path().join(CHECKPOINT)).expect("a checkpoint");
    change(&mut archive);
    archive.save(&folder.path().join(name)).expect("a file");
}

/// The entries as releases before 0.1 wrote them.
fn first_layout(archive: &mut TensorArchive) {
    let trained: Value = serde_json::from_str(&archive.metadata["trained"]).expect("JSON");
    let model: Value = serde_json::from_str(&archive.metadata["config"]).expect("JSON");
    let mut training = trained["optimiser"].clone();
    training["schedule"] = trained["schedule"].clone();
    training["graph"] = trained["graph"].clone();
    training["graph"].as_object_mut().expect("an object").remove("coincidence");
    let config = json!({ "model": model, "training": training, "data": trained["data"]["selection"] });
    archive.metadata.remove("trained");
    archive.metadata.remove("format");
    archive.metadata.insert("config".to_owned(), config.to_string());
    archive.metadata.insert("step".to_owned(), trained["steps"].to_string());
    archive.metadata.insert("provenance".to_owned(), trained["provenance"][0].to_string());
}

fn sample(folder: &Folder, checkpoint: &str, out: &str) -> Run {
    let order = ["sample", "--sites-per-element", "Na:1,Cl:1", "--space-group", "225", "--sampler", "few-step"];
    folder.druse(&[&order[..], &["--evaluations", "4", "--checkpoint", checkpoint, "--out", out]].concat())
}

#[test]
fn a_checkpoint_tells_what_it_is() {
    let folder = trained();
    let run = folder.druse(&["checkpoint", CHECKPOINT, "--json"]).status(0);
    assert_eq!(run.stderr(), "");
    let document = run.document();
    let expected = [
        "converted",
        "data",
        "graph",
        "kind",
        "mode",
        "model",
        "optimiser",
        "path",
        "provenance",
        "schedule",
        "sha256",
        "steps",
    ];
    assert_eq!(keys(&document), expected);
    assert_eq!(
        (&document["kind"], &document["mode"], &document["steps"]),
        (&"dimenetpp".into(), &"General".into(), &2.into())
    );
    assert_eq!((&document["converted"], &document["path"]), (&false.into(), &CHECKPOINT.into()));
    assert_eq!(document["schedule"]["n_levels"], 4);
    assert_eq!(document["graph"]["mean_degree"], 12.0);
    assert_eq!(document["model"]["DimeNetPlusPlus"]["emb"], 8);
    assert_eq!(document["optimiser"]["batch_size"], 4);
    assert_eq!(document["data"]["selection"], json!({ "min_space_group": 16, "symprec": 0.1 }));
    assert_eq!(document["data"]["sha256"].as_str().map(str::len), Some(64));
    assert_eq!(document["provenance"], folder.json("run/provenance.json"));

    let text = folder.druse(&["checkpoint", CHECKPOINT]).status(0).stdout();
    let sha256 = document["sha256"].as_str().expect("a text");
    for said in
        ["dimenetpp", "sites go anywhere", sha256, "4 levels", "mean_degree 12", "min_space_group 16", "trained by"]
    {
        assert!(text.contains(said), "{said} is missing in:\n{text}");
    }
    folder.druse(&["checkpoint", "nowhere.safetensors"]).refused(&["nowhere.safetensors", "check the path"]);
    folder.druse(&["checkpoint", "tiny.ron"]).refused(&["tiny.ron", "corrupt or foreign"]);
}

#[test]
fn checkpoints_of_the_first_layout_are_read_and_converted() {
    let folder = trained();
    rewritten(&folder, "old.safetensors", first_layout);
    let run = sample(&folder, "old.safetensors", "old").status(0);
    let notice = "warning: old.safetensors: written by a release before 0.1 and converted while it was read; \
                  `druse checkpoint old.safetensors --convert FILE` keeps the converted file";
    assert!(run.stderr().contains(notice), "{}", run.stderr());
    let told = folder.druse(&["checkpoint", "old.safetensors", "--json"]).status(0);
    assert!(told.stderr().contains("--convert FILE keeps the converted file"), "{}", told.stderr());
    assert_eq!(told.document()["converted"], true);

    let run = folder.druse(&["checkpoint", "old.safetensors", "--convert", "new.safetensors", "--json"]).status(0);
    assert_eq!(run.stderr(), "");
    let written = &run.document()["written"];
    assert_eq!(keys(written), ["path", "sha256"]);
    let quiet = sample(&folder, "new.safetensors", "new").status(0);
    assert!(!quiet.stderr().contains("before 0.1"), "{}", quiet.stderr());
    sample(&folder, CHECKPOINT, "first").status(0);
    let texts = |out: &str| folder.contents(out).into_iter().map(|(_, text)| text).collect::<Vec<_>>();
    assert!(!texts("old").is_empty());
    assert_eq!(texts("old"), texts("new"));
    assert_eq!(texts("old"), texts("first"));
    // The parameters are the same, bit by bit, and the new file says what the old one said.
    let archive = |name: &str| TensorArchive::load(&folder.path().join(name)).expect("a checkpoint");
    assert_eq!(archive("old.safetensors").hash(), archive("new.safetensors").hash());
    let description = |name: &str| {
        let mut document = folder.druse(&["checkpoint", name, "--json"]).status(0).document();
        document
            .as_object_mut()
            .expect("an object")
            .retain(|key, _| !["path", "sha256", "converted"].contains(&key.as_str()));
        document
    };
    assert_eq!(description("old.safetensors"), description("new.safetensors"));
    folder
        .druse(&["checkpoint", "old.safetensors", "--convert", "no/such/new.safetensors"])
        .refused(&["no/such/new.safetensors"]);
}

#[test]
fn shipped_checkpoints_have_the_present_layout() {
    let folder = Folder::new();
    for (name, mode) in [("mp20", "General"), ("mp20-wyckoff", "Wyckoff")] {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../assets/weights/{name}.safetensors"));
        let run = folder.druse(&["checkpoint", file.to_str().expect("a path"), "--json"]).status(0);
        let document = run.document();
        assert_eq!((&document["converted"], &document["mode"]), (&false.into(), &mode.into()), "{name}");
        // The model card names the file that lies beside it.
        let card = std::fs::read_to_string(file.with_extension("md")).expect("a model card");
        assert!(card.contains(document["sha256"].as_str().expect("a text")), "{name}");
    }
}

#[test]
fn a_kind_that_is_not_known_names_those_that_are() {
    let folder = trained();
    rewritten(&folder, "other.safetensors", |archive| {
        archive.metadata.insert("kind".to_owned(), "perceptron".to_owned());
    });
    let said = ["other.safetensors", "'perceptron'", "dimenetpp, example-model"];
    sample(&folder, "other.safetensors", "grown").refused(&said);
    folder.druse(&["checkpoint", "other.safetensors"]).refused(&said);
    folder.druse(&["checkpoint", "other.safetensors", "--convert", "new.safetensors"]).refused(&said);
    rewritten(&folder, "later.safetensors", |archive| {
        archive.metadata.insert("format".to_owned(), "3".to_owned());
    });
    sample(&folder, "later.safetensors", "grown").refused(&["later.safetensors", "use a later release"]);
    assert!(!folder.path().join("grown").exists() && !folder.path().join("new.safetensors").exists());
}

#[test]
fn a_checkpoint_of_the_other_mode_is_refused() {
    let folder = trained();
    let bound =
        ["sample", "--wyckoff", "Na@4a Cl@4b", "--space-group", "225", "--out", "grown", "--checkpoint", CHECKPOINT];
    folder.druse(&bound).refused(&[CHECKPOINT, "sites that go anywhere", "sites on Wyckoff positions", "of that mode"]);
    let formula = ["sample", "--formula", "NaCl", "--out", "grown", "--checkpoint", CHECKPOINT];
    folder.druse(&formula).refused(&[CHECKPOINT, "of that mode"]);
    assert!(!folder.path().join("grown").exists());
}
