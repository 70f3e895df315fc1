//! Archives: what was saved comes back bit by bit, and damage is noticed.

use std::path::Path;

use training::{ArchiveData, ArchiveError, ArchiveTensor, TensorArchive, archive_config, archive_kind};

fn saved(path: &Path) -> TensorArchive {
    let mut archive = TensorArchive::default();
    archive.insert_f32("model.layer.weight", vec![2, 3], vec![0.5, -0.0, f32::MIN_POSITIVE, 3.0, f32::INFINITY, 5.0]);
    archive.insert_u64("step", vec![17, u64::MAX]);
    archive.insert_f64("losses", vec![0.1, -0.0, f64::MIN_POSITIVE]);
    archive.metadata.insert("kind".to_owned(), "perceptron".to_owned());
    archive.metadata.insert("config".to_owned(), "{\"width\": 3}".to_owned());
    archive.save(path).expect("the folder is writable");
    archive
}

#[test]
fn what_was_saved_is_loaded_bit_by_bit() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("model.safetensors");
    let archive = saved(&path);
    let loaded = TensorArchive::load(&path).expect("a good file");
    assert_eq!(loaded.hash(), archive.hash());
    assert_eq!(loaded.u64("step", &path).expect("present"), [17, u64::MAX]);
    let losses = loaded.f64("losses", &path).expect("present");
    assert_eq!(
        losses.iter().map(|x| x.to_bits()).collect::<Vec<_>>(),
        [0.1, -0.0, f64::MIN_POSITIVE].map(f64::to_bits)
    );
    let (shape, weights) = loaded.f32("model.layer.weight", &path).expect("present");
    assert_eq!((shape, weights[1].to_bits(), weights[4]), (&[2, 3][..], (-0.0_f32).to_bits(), f32::INFINITY));
    assert_eq!(archive_kind(&loaded, &path).expect("present"), "perceptron");
    assert_eq!(loaded.part("model").tensors.keys().collect::<Vec<_>>(), ["layer.weight"]);
    // Nothing but the file is left in the folder, and the same archive gives the same bytes.
    assert_eq!(std::fs::read_dir(folder.path()).expect("readable").count(), 1);
    assert_eq!(std::fs::read(&path).expect("readable"), archive.to_bytes().expect("a file"));
}

#[test]
fn what_is_asked_for_in_vain_is_named() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("model.safetensors");
    let archive = saved(&path);
    assert!(matches!(archive.f32("step", &path), Err(ArchiveError::NumberType { expected: "f32", .. })));
    assert!(matches!(archive.u64("steps", &path), Err(ArchiveError::MissingTensor { name, .. }) if name == "steps"));
    let kind = archive_config::<serde_json::Value>(&archive, "tree", &path).expect_err("another kind");
    assert!(matches!(&kind, ArchiveError::Kind { expected, found, .. } if expected == "tree" && found == "perceptron"));
    let config = archive_config::<Vec<u8>>(&archive, "perceptron", &path).expect_err("another configuration");
    assert!(matches!(&config, ArchiveError::Metadata { key, .. } if key == "config"), "{config}");
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
    assert!(matches!(&error, ArchiveError::Hash { expected, found, .. } if expected != found), "{error}");
    assert!(
        error.to_string().contains("corrupt or foreign checkpoint") && error.to_string().contains("model.safetensors")
    );

    for length in [0, 5, 100, good.len() / 2, good.len() - 1] {
        std::fs::write(&path, &good[..length]).expect("writable");
        assert!(matches!(TensorArchive::load(&path), Err(ArchiveError::Corrupt { .. })), "cut at {length}");
    }
    std::fs::write(&path, b"this is not a checkpoint at all, but long enough to look like one").expect("writable");
    assert!(matches!(TensorArchive::load(&path), Err(ArchiveError::Corrupt { .. })));

    let empty = safetensors::serialize(std::iter::empty::<(&str, safetensors::tensor::TensorView)>(), None);
    std::fs::write(&path, empty.expect("an empty file is legal")).expect("writable");
    let error = TensorArchive::load(&path).expect_err("a foreign file");
    assert!(matches!(&error, ArchiveError::Metadata { key, .. } if key == "druse"), "{error}");

    let missing = folder.path().join("missing.safetensors");
    assert!(matches!(TensorArchive::load(&missing), Err(ArchiveError::Read { .. })));
    let nowhere = folder.path().join("no/such/folder/model.safetensors");
    assert!(matches!(TensorArchive::default().save(&nowhere), Err(ArchiveError::Write { .. })));
}

#[test]
fn half_precision_rounds_and_returns_in_single_precision() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("half.safetensors");
    let mut archive = TensorArchive::default();
    let data = ArchiveData::half(&[1.0, -0.5, 1.0 + 1.0 / 4096.0, 65504.0]);
    archive.tensors.insert("model.weight".to_owned(), ArchiveTensor { shape: vec![2, 2], data });
    archive.save(&path).expect("writable");
    let loaded = TensorArchive::load(&path).expect("readable");
    assert_eq!(loaded.tensors, archive.tensors);
    assert!(matches!(loaded.f32("model.weight", &path), Err(ArchiveError::NumberType { .. })));
    let single = loaded.in_single_precision();
    assert_eq!(single.f32("model.weight", &path).expect("present"), (&[2, 2][..], &[1.0, -0.5, 1.0, 65504.0][..]));
}

#[test]
fn only_large_single_precision_arrays_are_stored_in_half_precision() {
    let mut archive = TensorArchive::default();
    let third = 1.0_f32 / 3.0;
    archive.insert_f32("large", vec![64, 64], vec![third; 4096]);
    archive.insert_f32("small", vec![4095], vec![third; 4095]);
    archive.insert_u64("counts", vec![7; 5000]);
    let stored = archive.clone().with_large_in_half_precision();
    assert!(matches!(stored.tensors["large"].data, ArchiveData::F16(_)));
    assert_eq!(stored.tensors["small"], archive.tensors["small"]);
    assert_eq!(stored.tensors["counts"], archive.tensors["counts"]);
    let single = stored.in_single_precision();
    let path = Path::new("memory");
    let (shape, values) = single.f32("large", path).expect("present");
    assert_eq!(shape, [64, 64]);
    // Half precision has eleven significant bits.
    assert!(values.iter().all(|value| *value != third && (value / third - 1.0).abs() < 0.5_f32.powi(11)));
}
