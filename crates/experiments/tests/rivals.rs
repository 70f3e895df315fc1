//! The commands of PGCGM and CDVAE on the embedded structures, and the row of CDVAE in Table 1.

mod common;

use std::path::Path;

use common::{contents, experiments, successful};
use serde_json::Value;

const PGCGM: &str = "(
    model: (elements: Extended, joint: true),
    training: (steps: 2, batch_size: 2, critic_steps: 1, measure_every: 1, moment_batches: 1),
    measure: (count: 1, most_draws: 2, reference: 4),
    symprec: 0.1,
)";

#[test]
fn a_training_goes_on_and_its_checkpoint_is_drawn_from() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("tiny.ron");
    std::fs::write(&config, PGCGM).expect("a file");
    let run = folder.path().join("run");
    let train = |more: &[&str]| {
        let mut command = experiments(folder.path());
        command.args(["pgcgm", "train", "--limit", "200", "--config"]).arg(&config).arg("--out").arg(&run).args(more);
        command
    };
    let json = |path: &std::path::Path| -> Value {
        serde_json::from_str(&std::fs::read_to_string(path).expect("a file")).expect("JSON")
    };
    successful(&mut train(&["--steps", "1"]));
    assert_eq!(json(&run.join("result.json"))["is_finished"], true, "one of one step");
    let before = contents(&run);
    let output = train(&[]).output().expect("the program starts");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(2) && said.contains("--resume"), "{said}");
    assert_eq!(contents(&run), before, "what was refused changed nothing");
    successful(&mut train(&["--resume"]));
    assert_eq!(json(&run.join("result.json"))["last"]["step"], 2);
    let curve = std::fs::read_to_string(run.join("curve.csv")).expect("a curve");
    assert_eq!(curve.lines().count(), 3, "a header and two points");
    let other = train(&["--resume", "--seed", "7"]).output().expect("the program starts");
    assert!(String::from_utf8_lossy(&other.stderr).contains("the training state of another run"));

    let samples = folder.path().join("samples");
    let mut sample = experiments(folder.path());
    sample.args(["pgcgm", "sample", "--count", "1", "--draws", "3", "--seed", "4", "--checkpoint"]);
    sample.arg(run.join("pgcgm.safetensors")).arg("--out").arg(&samples);
    // Two steps of training: no draw is a crystal, which is an error that leaves the yield.
    let output = sample.output().expect("the program starts");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(2) && said.contains("none of 3 draws was kept"), "{said}");
    assert!(said.contains("--draws") && said.contains("yield.json"), "{said}");
    let told = json(&samples.join("yield.json"));
    let stages = told["yield"].as_object().expect("stages");
    let candidates = stages["candidates"].as_u64().expect("a number");
    let ended: u64 = stages.values().filter_map(Value::as_u64).sum::<u64>() - candidates;
    assert_eq!((candidates, ended), (3 * told["draws"].as_u64().expect("a number"), candidates));
    assert!(!samples.join("structures.jsonl").exists());
}

const CDVAE: &str = "(
    data: (min_space_group: 16, symprec: 0.1),
    model: (
        encoder: (
            emb: 8, out_emb: 8, int_emb: 4, basis_emb: 4,
            n_blocks: 1, n_spherical: 3, n_radial: 3, envelope_exponent: 5,
            n_before_skip: 1, n_after_skip: 1, n_dense_output: 1, n_levels: 1, n_gaussians: 4, seed: 0,
        ),
        latent: 8,
        head_width: 8,
        decoder: (width: 8, angular_width: 4, filter_width: 4, n_gaussians: 8, n_spherical: 3, n_blocks: 1),
        levels: (count: 1, position: (0.01, 0.01), element: (0.01, 0.01)),
    ),
    training: (optimiser: (steps: 1, batch_size: 4, learning_rate: 1e-3), scale_batches: 1),
    validate_every: 1,
    validation_crystals: 4,
)";

/// The row CDVAE of Table 1, from a network of one step: its figures, and the crystals that its own command samples.
#[test]
fn table_1_measures_the_row_of_a_cdvae_checkpoint() {
    const N_SAMPLES: usize = 12;
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("cdvae.ron"), CDVAE).expect("a file");
    let tiny = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/report/tiny.ron");
    let tiny = std::fs::read_to_string(tiny).expect("a file");
    let table = tiny.replace("n_samples: 24", &format!("n_samples: {N_SAMPLES}"));
    assert_ne!(tiny, table);
    std::fs::write(at("table1.ron"), table).expect("a file");
    let run = |arguments: &[&str], out: &str| {
        let mut command = experiments(folder.path());
        command.current_dir(folder.path()).args(arguments).args(["--out", out]);
        command
    };
    successful(&mut run(&["cdvae", "train", "--config", "cdvae.ron", "--limit", "30"], "run"));
    let checkpoint = "run/cdvae.safetensors";
    let count = N_SAMPLES.to_string();
    successful(&mut run(&["cdvae", "sample", "--count", &count, "--checkpoint", checkpoint], "samples"));
    let table = ["table1", "--name", "t", "--config", "table1.ron", "--cdvae-checkpoint"];
    // Another file is refused before anything is written.
    let other = at("run/other.safetensors");
    std::fs::write(&other, b"no archive").expect("a file");
    let output = run(&[&table[..], &["run/other.safetensors"]].concat(), "table").output().expect("the program starts");
    assert_eq!(output.status.code(), Some(2));
    assert!(!at("table").exists());

    successful(&mut run(&[&table[..], &[checkpoint]].concat(), "table"));
    let lines = |path: &str| std::fs::read_to_string(at(path)).expect("crystals");
    assert_eq!(lines("table/t/cdvae/generated.jsonl"), lines("samples/generated.jsonl"));
    let table: Value = serde_json::from_str(&lines("table/t/table1.json")).expect("JSON");
    let rows = table["rows"].as_array().expect("rows");
    let row = rows.iter().find(|row| row["name"] == "CDVAE").expect("the row");
    let note = row["note"].as_str().expect("a note");
    assert!(note.contains("1 steps on 30 crystals") && note.contains("retrained by us"), "{note}");
    let valid = row["n_samples"].as_u64().expect("a number");
    assert!(note.contains(&format!("{valid} of {N_SAMPLES} structures valid")), "{note}");
    for figure in ["cov_p", "cov_r", "fd_crystalnn", "fd_cgcnn"] {
        assert!(row["measured"][figure]["value"].is_number() && row["published"][figure].is_number(), "{row}");
    }
}
