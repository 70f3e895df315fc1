//! Crystals, a small network, and what it says of them.

use std::ops::Range;

use burn::Tensor;
use burn::tensor::{Device, TensorData};
use cdvae::{Cdvae, CdvaeConfig, CdvaeTraining, Crystals, DecoderConfig, N_TYPES};
use crystal_core::whole;
use crystal_core::{CrystalState, Lattice, Site, Structure};
use crystal_states::{GraphBatch, StateBatch};
use dimenetpp::DimeNetPlusPlusConfig;
use random_keys::{Purpose, RandomKey};
use training::{OptimiserConfig, archive_into_module, module_to_archive};

fn structure(rows: [[f64; 3]; 3], sites: &[(&str, [f64; 3])]) -> Structure {
    let site = |(symbol, x): &(&str, [f64; 3])| Site {
        species: symbol.parse().expect("an element"),
        frac_coords: (*x).into(),
    };
    let lattice = Lattice::from_rows(rows).expect("a cell");
    Structure::new(lattice, sites.iter().map(site).collect()).expect("a structure")
}

/// One atom in a cell, two, five in a distorted cell, and three in an oblique one.
pub fn structures() -> Vec<Structure> {
    let cube = |edge: f64| [[edge, 0.0, 0.0], [0.0, edge, 0.0], [0.0, 0.0, edge]];
    vec![
        structure([[0.0, 2.1, 2.1], [2.1, 0.0, 2.1], [2.1, 2.1, 0.0]], &[("Cu", [0.1, 0.2, 0.3])]),
        structure(cube(4.1), &[("Cs", [0.02, 0.01, 0.0]), ("Cl", [0.5, 0.47, 0.5])]),
        structure(
            [[3.9, 0.0, 0.0], [0.1, 4.0, 0.0], [0.0, 0.2, 4.2]],
            &[
                ("Ba", [0.0, 0.0, 0.0]),
                ("Ti", [0.5, 0.5, 0.52]),
                ("O", [0.5, 0.5, 0.02]),
                ("O", [0.5, 0.0, 0.49]),
                ("O", [0.0, 0.5, 0.49]),
            ],
        ),
        structure(
            [[4.0, 0.0, 0.0], [1.1, 4.6, 0.0], [0.7, 1.2, 5.5]],
            &[("Na", [0.1, 0.3, 0.2]), ("S", [0.6, 0.7, 0.3]), ("Na", [0.4, 0.1, 0.8])],
        ),
    ]
}

/// They as the network sees them.
pub fn crystals() -> Crystals {
    Crystals::new(&structures())
}

/// As small as a network can be that has all parts.
pub fn small() -> CdvaeConfig {
    let encoder = DimeNetPlusPlusConfig {
        emb: 12,
        out_emb: 16,
        int_emb: 6,
        basis_emb: 4,
        n_blocks: 1,
        n_spherical: 4,
        n_gaussians: 4,
        n_levels: 1,
        ..DimeNetPlusPlusConfig::small()
    };
    let decoder =
        DecoderConfig { width: 12, angular_width: 6, filter_width: 4, n_gaussians: 16, n_spherical: 4, n_blocks: 2 };
    CdvaeConfig { encoder, latent: 8, head_width: 16, decoder, ..CdvaeConfig::default() }
}

/// A quick training.
pub fn training() -> CdvaeTraining {
    let optimiser = OptimiserConfig {
        steps: 60,
        batch_size: 4,
        learning_rate: 1e-2,
        warm_up: 5,
        cooldown: 0.3,
        ema_decay: 0.8,
        ..OptimiserConfig::default()
    };
    CdvaeTraining { optimiser, scale_batches: 2, ..CdvaeTraining::default() }
}

/// A network none of whose parameters is 0.
pub fn shaken(config: &CdvaeConfig, device: &Device) -> Cdvae {
    let model = config.init(device);
    let mut archive = module_to_archive(&model);
    let key = RandomKey::new(9, Purpose::InitialWeights);
    for ((name, tensor), stream) in archive.tensors.iter_mut().zip(0..) {
        if let training::ArchiveData::F32(values) = &mut tensor.data
            && name != "decoder.scales"
        {
            for (value, item) in values.iter_mut().zip(0..) {
                *value += 0.1 * whole::single(key.normal(stream, 0, item)[0]);
            }
        }
    }
    archive_into_module(model, &archive, std::path::Path::new("shaken")).expect("the same shapes")
}

/// What a network says of crystals: encodings of all, scores and elements of their atoms.
#[derive(Debug, Clone)]
pub struct Said {
    pub mean: Vec<Vec<f32>>,
    pub score: Vec<[f32; 3]>,
    pub elements: Vec<Vec<f32>>,
}

/// Encodes the crystals, and denoises them as they are with vectors that depend on the crystal alone.
pub fn said(model: &Cdvae, states: &[CrystalState], device: &Device) -> Said {
    let config = model.config();
    let streams = vec![0; states.len()];
    let mut batch = StateBatch::new(states, &streams, RandomKey::new(0, Purpose::Sampling), device).expect("a batch");
    let none = vec![0; states.len()];
    let clean = batch.graph_batch(&none, &config.encoder.basis(), &config.encoder_graph).expect("a graph");
    let shares = states.iter().flat_map(|state| vec![1.0 / state.sites.len() as f32; state.sites.len()]).collect();
    let mean = model.encode(&clean, padded(shares, 1, clean.n_sites(), device)).mean;
    let graph: GraphBatch = batch.graph_batch(&none, &config.decoder.basis(), &config.decoder_graph).expect("a graph");
    let sites = states.iter().flat_map(|state| &state.sites);
    let one_hot = |number: u8| (0..N_TYPES).map(move |k| if k + 1 == usize::from(number) { 1.0 } else { 0.0 });
    let elements = sites.flat_map(|site| one_hot(site.species().atomic_number())).collect();
    // By the number of atoms: no two crystals have the same.
    let latent = |state: &CrystalState| {
        let n = state.sites.len() as f32;
        (0..config.latent).map(move |k| (n * (1.0 + k as f32)).sin())
    };
    let z = states.iter().flat_map(latent).collect();
    let z = padded(z, config.latent, states.len(), device);
    let denoised = model.denoise(padded(elements, N_TYPES, graph.n_sites(), device), z, &graph);
    let n_sites: usize = states.iter().map(|state| state.sites.len()).sum();
    let rows = |tensor: Tensor<2>, n: usize| -> Vec<Vec<f32>> {
        let width = tensor.dims()[1];
        let values: Vec<f32> = tensor.into_data().iter::<f32>().collect();
        values.chunks(width).take(n).map(<[f32]>::to_vec).collect()
    };
    let score = rows(denoised.score, n_sites);
    Said {
        mean: rows(mean, states.len()),
        score: score.iter().map(|row| [row[0], row[1], row[2]]).collect(),
        elements: rows(denoised.elements, n_sites),
    }
}

fn padded(mut values: Vec<f32>, width: usize, rows: usize, device: &Device) -> Tensor<2> {
    values.resize(rows * width, 0.0);
    Tensor::from_data(TensorData::new(values, [rows, width]), device)
}

fn close(a: &[f32], b: &[f32], what: &str) {
    assert_eq!(a.len(), b.len(), "{what}");
    let scale = a.iter().fold(1.0_f32, |largest, x| largest.max(x.abs()));
    for (x, y) in a.iter().zip(b) {
        assert!((x - y).abs() < 1e-3 * scale, "{what}: {x} against {y}, largest {scale}");
    }
}

impl Said {
    /// The same atoms in the reverse order, of one crystal.
    pub fn reversed(&self) -> Self {
        let mut reversed = self.clone();
        reversed.score.reverse();
        reversed.elements.reverse();
        reversed
    }

    /// One crystal of several.
    pub fn part(&self, crystal: usize, atoms: Range<usize>) -> Self {
        Self {
            mean: vec![self.mean[crystal].clone()],
            score: self.score[atoms.clone()].to_vec(),
            elements: self.elements[atoms].to_vec(),
        }
    }

    /// Encodings and elements, which do not turn.
    pub fn compare_scalars(&self, other: &Self, what: &str) {
        let largest = self.mean.concat().iter().fold(0.0_f32, |largest, x| largest.max(x.abs()));
        assert!(largest > 1e-3, "{what}: encodings of 0 tell nothing");
        close(&self.mean.concat(), &other.mean.concat(), what);
        close(&self.elements.concat(), &other.elements.concat(), what);
    }

    /// All of it.
    pub fn compare(&self, other: &Self, what: &str) {
        self.compare_scalars(other, what);
        close(self.score.as_flattened(), other.score.as_flattened(), what);
    }
}
