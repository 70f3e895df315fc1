//! The readers of configurations, orders, archives, checkpoints, sealed files and priors under damaged files.

use std::path::{Path, PathBuf};

use druse::DeviceName;
use druse::config::{TrainConfig, parse_ron};
use druse::request::read_orders;
use sealed_file::{Format, sha256_hex};
use test_support::counted_memory;
use test_support::robustness::{damaged, fuzz};
use training::TensorArchive;
use wyckoff_assignment::Priors;

counted_memory!();

const CONFIGURATION: &str = "(
    mode: Wyckoff,
    model: DimeNetPlusPlus((
        emb: 8, out_emb: 8, int_emb: 4, basis_emb: 4, n_blocks: 1, n_spherical: 2, n_radial: 3, envelope_exponent: 5,
        n_before_skip: 1, n_after_skip: 1, n_dense_output: 1, n_levels: 4, n_gaussians: 4, seed: 1,
    )),
    training: (
        schedule: (n_levels: 4, position_variance: (0.001, 36.0), lattice_variance: (0.1, 36.0)),
        graph: (mean_degree: 12.0, min_degree: 4, max_mean_degree: 48, min_self_distance: 0.15),
        optimiser: (steps: 4, batch_size: 4, checkpoint_every: 2, read_every: 1),
    ),
    data: (min_space_group: 16, symprec: 0.1),
)
";

const ORDERS: &str = "{\"space_group\": 139, \"sites\": {\"Fe\": 1, \"Nd\": 2}, \"count\": 3, \"steps_per_level\": 80}\n\
                      {\"space_group\": 225, \"sites\": {\"Na\": 1}}\n";

const WORDS: &[&[u8]] = &[
    b"(",
    b"))",
    b"[[[[",
    b"{",
    b"\"",
    b":",
    b"Some(",
    b"None",
    b"-1",
    b"1e999",
    b"99999999999999999999",
    b"inf",
    b"NaN",
    b"/*",
    b"//",
    b"r#\"",
    b"null",
    b"steps: 18446744073709551615",
    b"\xe2\x88\x92",
    b"'x'",
    b"\x00",
];

/// One file that stands in memory.
fn one(name: &str, bytes: &[u8]) -> Vec<(PathBuf, Vec<u8>)> {
    vec![(PathBuf::from(name), bytes.to_vec())]
}

#[test]
fn fuzz_configurations() {
    let corpus = one("tiny.ron", CONFIGURATION.as_bytes());
    assert!(parse_ron::<TrainConfig>(CONFIGURATION, "tiny.ron").is_ok_and(|config| config.check().is_ok()));
    fuzz(&MEMORY, "RON configuration", &corpus, WORDS, |path, bytes| {
        let text = String::from_utf8_lossy(bytes);
        match parse_ron::<TrainConfig>(&text, "tiny.ron") {
            Ok(config) => drop(config.check()),
            Err(error) => assert!(error.to_string().contains("tiny.ron"), "{}: {error}", path.display()),
        }
    });
}

#[test]
fn fuzz_orders() {
    let folder = tempfile::tempdir().expect("a folder");
    fuzz(&MEMORY, "orders", &one("orders.jsonl", ORDERS.as_bytes()), WORDS, |_, bytes| {
        // One file for each thread: they are read through their names.
        let file = folder.path().join(format!("{:?}.jsonl", std::thread::current().id()).replace(['(', ')'], "-"));
        std::fs::write(&file, bytes).expect("a file");
        drop(read_orders(&file, false));
    });
}

/// Without their hash, archives are `safetensors` files, whose header says what lies where.
#[test]
fn fuzz_archives() {
    let whole = TensorArchive::from_bytes(SHIPPED, Path::new("shipped")).expect("a sound archive");
    let small = TensorArchive {
        tensors: whole
            .tensors
            .into_iter()
            .filter(|(_, tensor)| tensor.shape.iter().product::<usize>() < 200)
            .take(8)
            .collect(),
        metadata: whole.metadata,
    };
    let bytes = small.to_bytes().expect("an archive");
    assert!(bytes.len() < 100_000, "{}", bytes.len());
    fuzz(&MEMORY, "tensor archive", &one("a.safetensors", &bytes), WORDS, |path, bytes| {
        if let Err(error) = TensorArchive::from_bytes(bytes, path) {
            assert!(error.to_string().contains("a.safetensors"), "{error}");
        }
    });
}

const SHIPPED: &[u8] = include_bytes!("../../../assets/weights/mp20.safetensors");

/// Checkpoints whose hash is right and whose description is not: what a file of another program looks like.
#[test]
fn fuzz_checkpoints() {
    let whole = TensorArchive::from_bytes(SHIPPED, Path::new("shipped")).expect("a sound archive");
    let names: Vec<PathBuf> = whole.metadata.keys().map(PathBuf::from).collect();
    let corpus: Vec<(PathBuf, Vec<u8>)> = names
        .into_iter()
        .map(|name| (name.clone(), whole.metadata[&name.display().to_string()].clone().into()))
        .collect();
    let device = DeviceName::default().open().expect("a processor");
    // Most of the time goes into the network: a few runs, whatever is asked of the other readers.
    let folder = tempfile::tempdir().expect("a folder");
    let (mut n_runs, mut n_refused) = (0, 0);
    let end = std::time::Instant::now() + std::time::Duration::from_secs(5);
    while std::time::Instant::now() < end && n_runs < 200 {
        let (name, text) = damaged(&corpus, WORDS, n_runs);
        let mut archive = whole.clone();
        archive.metadata.insert(name.display().to_string(), String::from_utf8_lossy(&text).into_owned());
        if n_runs % 3 == 0 {
            // And a tensor of another shape, or none.
            let index = usize::try_from(n_runs).expect("small") % archive.tensors.len();
            let key = archive.tensors.keys().nth(index).expect("a tensor").clone();
            match n_runs % 2 {
                0 => drop(archive.tensors.remove(&key)),
                _ => archive.tensors.get_mut(&key).expect("a tensor").shape.insert(0, 1),
            }
        }
        let file = folder.path().join("damaged.safetensors");
        archive.save(&file).expect("a file");
        if let Err(error) = druse::checkpoint::load(&file, &device) {
            n_refused += 1;
            assert!(!error.to_string().is_empty());
        }
        n_runs += 1;
    }
    assert!(n_refused > 0);
    test_support::robustness::tell("fuzz checkpoint", &format!("{n_runs} executions, {n_refused} refused"));
}

#[test]
fn fuzz_sealed_files() {
    const FORMAT: Format = Format { name: "notes", version: 1 };
    let sealed = FORMAT.seal(b"quartz, cristobalite, tridymite");
    fuzz(&MEMORY, "sealed file", &one("a.sealed", &sealed), &[b"sealed\r\n", b"notes\0"], |path, bytes| {
        match FORMAT.open(bytes, path) {
            Ok(content) => assert_eq!(content, b"quartz, cristobalite, tridymite"),
            Err(error) => assert!(error.to_string().contains("a.sealed"), "{error}"),
        }
    });
}

/// Priors as they are, and with a hash that fits the damaged content, so that the decoders behind it are reached.
#[test]
fn fuzz_priors() {
    let bytes = Priors::shipped().to_bytes().expect("priors");
    assert!(bytes.len() < 100_000 && Priors::from_bytes(&bytes).is_ok());
    let head = 8 + 32;
    let frame = bytes[head..].to_vec();
    let magic = bytes[..8].to_vec();
    fuzz(&MEMORY, "priors", &one("priors", &frame), &[], |_, frame| {
        let digest = sha256_hex(frame);
        let digest = (0..32).map(|at| u8::from_str_radix(&digest[2 * at..2 * at + 2], 16).expect("hexadecimal"));
        let sealed: Vec<u8> = magic.iter().copied().chain(digest).chain(frame.iter().copied()).collect();
        drop(Priors::from_bytes(&sealed));
        drop(Priors::from_bytes(frame));
    });
}
