//! The model of the tutorial from its configuration to structures, with the commands alone.

use crate::support::Folder;

/// The configuration that comes with the model.
const CONFIG: &str = include_str!("../../../example-model/example.ron");

#[test]
fn it_is_trained_and_sampled() {
    let folder = Folder::new();
    let shorter = |text: &str| {
        let (before, after) = text.split_once("steps: ").expect("a number of steps");
        let rest = after.trim_start_matches(|c: char| c.is_ascii_digit() || c == '_');
        format!("{before}steps: 3{rest}")
    };
    folder.write("example.ron", &shorter(CONFIG));
    let trained = folder.druse(&["train", "example.ron", "--out", "run", "--json"]).status(0).document();
    assert_eq!(trained["steps"], 3);
    let checkpoint = "run/checkpoint.safetensors";
    let told = folder.druse(&["checkpoint", checkpoint, "--json"]).status(0).document();
    assert_eq!((&told["kind"], &told["mode"]), (&"example-model".into(), &"Wyckoff".into()));
    assert_eq!(told["sha256"], trained["checkpoint"]["sha256"]);
    let sample = ["sample", "--formula", "NaCl", "--space-group", "225", "--count", "2", "--out", "grown"];
    let few = ["--checkpoint", checkpoint, "--sampler", "few-step", "--evaluations", "4", "--json"];
    let document = folder.druse(&[&sample[..], &few].concat()).status(0).document();
    assert_eq!(document["structures"].as_array().map(Vec::len), Some(2));
    assert_eq!(document["checkpoint"]["sha256"], told["sha256"]);
    assert_eq!(folder.contents("grown").len(), 2);
}
