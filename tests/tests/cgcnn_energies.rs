//! The CGCNN weights of the repository on energies that they were not trained on.

use std::path::Path;

use burn::tensor::Device;
use cgcnn::{LabelledGraphs, Weights, mean_absolute_error};
use datasets::{LoadOptions, Source, Split, load};
use test_support::{needs, shared};

/// Structures of the test split.
const N_STRUCTURES: usize = 300;
/// eV/atom. Over the whole split it is 0.027 (`assets/weights/cgcnn-mp20.md`).
const LIMIT: f64 = 0.05;

/// A folder with a data set of which little is read: `N_STRUCTURES` of the test split, evenly spread over it, and one
/// of each other split.
fn sample(test: &Path) -> tempfile::TempDir {
    let text =
        String::from_utf8(zstd::decode_all(std::fs::File::open(test).expect("a file")).expect("zstd")).expect("text");
    let (header, rows) = text.split_once('\n').expect("a header");
    let rows: Vec<&str> = rows.lines().collect();
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, rows: &[&str]| {
        std::fs::write(folder.path().join(name), format!("{header}\n{}\n", rows.join("\n"))).expect("a file");
    };
    let step = rows.len() / N_STRUCTURES;
    // An id stands in one split only.
    let chosen: Vec<&str> = rows.iter().copied().step_by(step).take(N_STRUCTURES).collect();
    write("test.csv", &chosen);
    write("train.csv", &rows[1..2]);
    write("val.csv", &rows[2..3]);
    folder
}

#[needs(shared)]
#[test]
fn shipped_weights_predict_energies_of_the_test_split() {
    let test = shared("data/mp_20/test.csv.zst");
    let folder = sample(&test);
    let options = LoadOptions { cache_dir: None, ..LoadOptions::default() };
    let data = load(&Source::Folder(folder.path().to_owned()), &options).expect("a data set");
    let records = data.split(Split::Test);
    let structures: Vec<_> = records.iter().map(|record| record.structure.clone()).collect();
    let energies: Vec<f64> =
        records.iter().map(|record| record.formation_energy.expect("an energy of every row")).collect();
    assert_eq!(structures.len(), N_STRUCTURES);
    let (graphs, lost) = LabelledGraphs::new(&structures, &energies);
    assert!(lost.is_empty(), "{lost:?}");

    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../assets/weights/cgcnn-mp20.safetensors");
    let model = Weights::load(&shipped, &Device::flex()).expect("the shipped weights").model;
    let error = mean_absolute_error(&model, &graphs, "test").expect("a set");
    println!("{N_STRUCTURES} structures: mean absolute error {error:.4} eV/atom");
    assert!(error < LIMIT, "{error} eV/atom");
}
