//! A training goes on with the model, data, mode and settings that it began with, and keeps the provenance of each leg.

use serde_json::Value;

use crate::support::{Folder, TINY};

/// Rock salts as a data set of three tables.
fn write_data(folder: &Folder, scale: f64) {
    let row = |cation: &str, anion: &str, half: f64| {
        let half = scale * half;
        format!("{cation}{anion},0 {half} {half} {half} 0 {half} {half} {half} 0,{cation} {anion},0 0 0 0.5 0.5 0.5\n")
    };
    let header = "material_id,lattice,species,frac_coords\n";
    let train = [("Na", "Cl", 2.8), ("K", "Cl", 3.1), ("Li", "F", 2.0), ("Mg", "O", 2.1)];
    let rows: String = train.map(|(cation, anion, half)| row(cation, anion, half)).concat();
    folder.write("data/train.csv", &format!("{header}{rows}"));
    folder.write("data/val.csv", &format!("{header}{}", row("Ca", "O", 2.4)));
    folder.write("data/test.csv", &format!("{header}{}", row("Sr", "S", 3.0)));
}

#[test]
fn another_run_is_not_gone_on_with() {
    let folder = Folder::new();
    write_data(&folder, 1.0);
    folder.write("tiny.ron", TINY);
    let train = |config: &str, further: &[&str]| {
        folder.druse(&[&["train", config, "--out", "run", "--data", "data", "--resume"], further].concat())
    };
    train("tiny.ron", &[]).status(0);
    let before = folder.contents("run");
    let longer = TINY.replace("steps: 4", "steps: 6");
    let other = |from: &str, to: &str| {
        assert!(longer.contains(from), "{from}");
        folder.write("other.ron", &longer.replace(from, to));
        train("other.ron", &[])
    };
    let said = |what: &'static str| {
        ["run/training.state", "the training state of another run", what, "start in another folder"]
    };
    other("emb: 8, out_emb", "emb: 9, out_emb").refused(&said("model is"));
    other("seed: 1", "seed: 2").refused(&said("model is"));
    other("(\n    model", "(\n    mode: Wyckoff,\n    model").refused(&said("mode is General, this run has Wyckoff"));
    other("(\n    model", "(\n    data: (min_space_group: 1),\n    model").refused(&said("selection of the data is"));
    other("(\n    model", "(\n    data: (symprec: 0.01),\n    model").refused(&said("selection of the data is"));
    other("mean_degree: 12.0", "mean_degree: 13.0").refused(&said("graph is"));
    other("(0.1, 36.0)", "(0.2, 36.0)").refused(&said("noise schedule is"));
    other("batch_size: 4", "batch_size: 2").refused(&said("optimiser is"));
    folder.write("other.ron", &longer);
    train("other.ron", &["--seed", "9"]).refused(&said("model is"));
    let example = "(model: Example((width: 8, n_radial: 3, n_levels: 10, seed: 1)), training: (optimiser: (steps: 6)))";
    folder.write("other.ron", example);
    train("other.ron", &[]).refused(&said("kind of model is dimenetpp, this run has example-model"));
    // The same name and number of structures, other cells.
    write_data(&folder, 1.01);
    folder.write("other.ron", &longer);
    train("other.ron", &[]).refused(&said("data is data with SHA-256"));
    assert_eq!(folder.contents("run"), before, "a refused run changes nothing");

    write_data(&folder, 1.0);
    train("other.ron", &[]).status(0);
    assert_ne!(folder.contents("run"), before);
}

#[test]
fn each_leg_keeps_its_provenance() {
    let folder = Folder::new();
    folder.write("tiny.ron", TINY);
    let train = || folder.druse(&["train", "tiny.ron", "--out", "run", "--resume"]).status(0);
    let legs = || folder.json("run/provenance.json").as_array().expect("a list").clone();
    train();
    let first = legs();
    assert_eq!(first.len(), 1);
    assert_eq!((&first[0]["seed"], &first[0]["device"]), (&0.into(), &"cpu".into()));

    // What an earlier program wrote stays, whatever this one would write.
    let mut earlier = first[0].clone();
    earlier["git"] = "0123456789ab".into();
    for text in [Value::Array(vec![earlier.clone()]).to_string(), earlier.to_string()] {
        folder.write("run/provenance.json", &text);
        train();
        // To go on with a finished run adds nothing.
        assert_eq!(legs(), std::slice::from_ref(&earlier));
    }
    folder.write("tiny.ron", &TINY.replace("steps: 4", "steps: 6"));
    train();
    assert_eq!(legs(), [earlier.clone(), first[0].clone()]);
    let checkpoint = folder.druse(&["checkpoint", "run/checkpoint.safetensors", "--json"]).status(0).document();
    assert_eq!(checkpoint["provenance"], Value::Array(vec![earlier, first[0].clone()]));
    assert_eq!(checkpoint["steps"], 6);

    // Without the file of the first leg it is not known who trained.
    folder.write("run/provenance.json", "[{");
    folder.write("tiny.ron", &TINY.replace("steps: 4", "steps: 8"));
    folder
        .druse(&["train", "tiny.ron", "--out", "run", "--resume"])
        .refused(&["provenance.json:1:", "of the first leg"]);
}
