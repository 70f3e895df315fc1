//! The readers of configurations, orders, archives, checkpoints, sealed files and priors under damaged files.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crystal_core::SiteMode;
use dimenetpp::DimeNetPlusPlusConfig;
use druse::config::{TrainConfig, parse_ron};
use druse::request::parse_orders;
use druse::{Architecture, DeviceName};
use score_model::{Description, ModelConfig, Trained};
use sealed_file::{Format, sha256_hex};
use test_support::robustness::fuzz;
use test_support::{TINY, counted_memory};
use training::TensorArchive;
use wyckoff_assignment::Priors;

counted_memory!();

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
    // With the parts that have defaults, so that they are damaged too.
    let text = TINY.replacen('(', "(\n    mode: Wyckoff,\n    data: (min_space_group: 16, symprec: 0.1),", 1);
    let corpus = one("tiny.ron", text.as_bytes());
    assert!(parse_ron::<TrainConfig>(&text, "tiny.ron").is_ok_and(|config| config.check().is_ok()));
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
    assert!(parse_orders(ORDERS.as_bytes(), "orders.jsonl", false).is_ok());
    fuzz(&MEMORY, "orders", &one("orders.jsonl", ORDERS.as_bytes()), WORDS, |_, bytes| {
        if let Err(error) = parse_orders(bytes, "orders.jsonl", false) {
            assert!(error.to_string().contains("orders.jsonl"), "{error}");
        }
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

/// A checkpoint of the smallest network, and what it says of itself.
fn small_checkpoint() -> TensorArchive {
    let config: TrainConfig = parse_ron(TINY, "tiny.ron").expect("a configuration");
    let Architecture::DimeNetPlusPlus(network) = config.model else { panic!("another network") };
    let network = DimeNetPlusPlusConfig { n_blocks: 0, ..network };
    let device = DeviceName::default().open().expect("a processor");
    let training = config.training;
    let description = Description::untrained(training.schedule, training.graph, SiteMode::General);
    Trained::new::<DimeNetPlusPlusConfig>(network.init(&device), description)
        .archive(&network, Path::new("small"))
        .expect("an archive")
}

/// Checkpoints whose hash is right and whose description is not: what a file of another program looks like.
#[test]
fn fuzz_checkpoints() {
    let whole = small_checkpoint();
    let corpus: Vec<(PathBuf, Vec<u8>)> =
        whole.metadata.iter().map(|(key, text)| (PathBuf::from(key), text.clone().into_bytes())).collect();
    let device = DeviceName::default().open().expect("a processor");
    let path = Path::new("a.safetensors");
    let read = |bytes: &[u8]| druse::checkpoint::from_bytes(bytes, path, &device);
    assert!(read(&whole.to_bytes().expect("an archive")).is_ok());
    let refused = AtomicU64::new(0);
    fuzz(&MEMORY, "checkpoint", &corpus, WORDS, |key, text| {
        let mut archive = whole.clone();
        archive.metadata.insert(key.display().to_string(), String::from_utf8_lossy(text).into_owned());
        // Now and then a tensor of another shape, or none.
        let which = text.iter().map(|&byte| usize::from(byte)).sum::<usize>();
        let name = archive.tensors.keys().nth(which % archive.tensors.len()).expect("a tensor").clone();
        match which % 7 {
            0 => drop(archive.tensors.remove(&name)),
            1 => archive.tensors.get_mut(&name).expect("a tensor").shape.insert(0, 1),
            _ => {}
        }
        if let Err(error) = read(&archive.to_bytes().expect("an archive")) {
            refused.fetch_add(1, Ordering::Relaxed);
            assert!(error.to_string().contains("a.safetensors"), "{error}");
        }
    });
    assert!(refused.load(Ordering::Relaxed) > 0);
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
