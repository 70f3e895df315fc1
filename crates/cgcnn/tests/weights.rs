//! Files of weights: what is written comes back, and what is not a network is told so.

use std::path::{Path, PathBuf};

use burn::tensor::Device;
use cgcnn::{CgcnnConfig, CgcnnError, Normaliser, WeightFormat, Weights, features_of};
use crystal_core::{Lattice, Site, Structure};
use tempfile::TempDir;

fn structure() -> Structure {
    let lattice = Lattice::from_rows([[0.0, 2.8, 2.8], [2.8, 0.0, 2.8], [2.8, 2.8, 0.0]]).expect("a cell");
    let site = |symbol: &str, x: f64| Site { species: symbol.parse().expect("an element"), frac_coords: [x; 3].into() };
    Structure::new(lattice, vec![site("Na", 0.0), site("Cl", 0.5)]).expect("a structure")
}

fn small() -> CgcnnConfig {
    CgcnnConfig { atom_width: 8, n_convolutions: 2, feature_width: 5, seed: 4 }
}

fn written(name: &str, content: &[u8]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join(name);
    std::fs::write(&path, content).expect("a file");
    (folder, path)
}

fn load(path: &Path) -> Result<Weights, CgcnnError> {
    Weights::load(path, &Device::flex())
}

#[test]
fn our_checkpoints_come_back() {
    let scale = Normaliser { mean: -1.25, std: 0.5 };
    let model = small().init(&Device::flex()).with_normaliser(scale);
    let (_folder, path) = written("cgcnn.safetensors", b"");
    let mut archive = model.to_archive().expect("an archive");
    archive.metadata.insert("note".to_owned(), "kept".to_owned());
    archive.save(&path).expect("a file");
    let weights = load(&path).expect("what was written");
    assert_eq!((weights.format, weights.model.normaliser()), (WeightFormat::Own, scale));
    assert_eq!(CgcnnConfig { seed: 4, ..weights.model.config() }, small());
    assert!(weights.description().contains(&weights.sha256[..12]), "{}", weights.description());
    let features = |model| features_of(model, &[structure()], |_| ())[0].as_ref().expect("features").clone();
    assert_eq!(features(&weights.model), features(&model));
    assert_eq!(features(&model).features.len(), 5);
}

#[test]
fn foreign_and_damaged_files_are_errors_that_name_them() {
    let whole = {
        let (_folder, path) = written("whole.safetensors", b"");
        small().init(&Device::flex()).to_archive().expect("an archive").save(&path).expect("a file");
        std::fs::read(&path).expect("a file")
    };
    let mut changed = whole.clone();
    *changed.last_mut().expect("content") ^= 1;
    // A pickle that would run a command, were it executed: `os.system` on a string.
    let malicious = b"\x80\x02cos\nsystem\n(X\x04\x00\x00\x00echotR.".to_vec();
    // The header of a legacy file: magic number, protocol, nothing.
    let legacy = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.".to_vec();
    let files: [(&str, Vec<u8>); 8] = [
        ("empty.pth.tar", vec![]),
        ("text.pth.tar", b"these are no weights".to_vec()),
        ("archive.zip", b"PK\x03\x04 and nothing else".to_vec()),
        ("malicious.pth", malicious),
        ("legacy.pth.tar", legacy),
        ("cut.safetensors", whole[..whole.len() / 2].to_vec()),
        ("changed.safetensors", changed),
        ("long-header.safetensors", [&u64::MAX.to_le_bytes()[..], b"{"].concat()),
    ];
    for (name, content) in files {
        let (_folder, path) = written(name, &content);
        let error = load(&path).expect_err(name);
        assert!(matches!(error, CgcnnError::Foreign { .. } | CgcnnError::Checkpoint(_)), "{name}: {error}");
        assert!(error.to_string().contains(name), "{name}: {error}");
    }
    let missing = load(Path::new("nowhere/weights.pth.tar")).expect_err("no file");
    assert!(matches!(missing, CgcnnError::Read { .. }), "{missing}");
}

#[test]
fn a_checkpoint_of_another_network_is_refused() {
    let model = small().init(&Device::flex());
    let mut archive = model.to_archive().expect("an archive");
    archive.metadata.insert("kind".to_owned(), "dimenetpp".to_owned());
    let (_folder, path) = written("other.safetensors", b"");
    archive.save(&path).expect("a file");
    assert!(load(&path).expect_err("another network").to_string().contains("dimenetpp"));

    let mut archive = model.to_archive().expect("an archive");
    let config = serde_json::to_string(&CgcnnConfig { atom_width: usize::MAX, ..small() }).expect("JSON");
    archive.metadata.insert("config".to_owned(), config);
    archive.save(&path).expect("a file");
    assert!(matches!(load(&path), Err(CgcnnError::Config(error)) if error.field == "atom_width"));

    let mut archive = model.to_archive().expect("an archive");
    archive.tensors.remove("model.output.bias");
    archive.save(&path).expect("a file");
    assert!(load(&path).expect_err("an array is missing").to_string().contains("output.bias"));
}

/// A dictionary of one array, as a pickle without arrays' content: enough for the reader to find that the network is
/// not there.
#[test]
fn a_pickle_without_the_network_says_what_is_missing() {
    let (_folder, path) = written("other.pth", b"\x80\x02}X\x05\x00\x00\x00epochK\x01s.");
    let error = load(&path).expect_err("no network");
    assert!(
        matches!(&error, CgcnnError::PublishedArray { name, .. } if name == "state_dict.embedding.weight"),
        "{error}"
    );
}
