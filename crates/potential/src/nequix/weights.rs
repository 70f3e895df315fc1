//! Weights: read from a safetensors file, checked, and folded with the constants of the equations.

use std::path::Path;

use crystal_core::Species;
use safetensors::tensor::{Dtype, SafeTensors};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::plan::{CHANNELS, LayerKind, N_DEGREES, N_SPECIES};
use super::radial::{CUTOFF, N_HIDDEN, N_RADIAL, RadialNetwork, n_outputs};
use crate::{Identity, PotentialError};

/// The weights that are compiled in.
static BUNDLED: &[u8] = include_bytes!("../../assets/weights/nequix-oam-1-pft.safetensors");
/// The licence notice that goes with [`Weights::bundled`] and the other published sets; reports carry it.
pub const NOTICE: &str = "Nequix weights: Copyright (c) 2025 Teddy Koker, MIT licence; \
                          trained on OMat24, sAlex, MPtrj and the MDR phonon database (CC BY 4.0)";

/// Published sets: name, SHA-256 of the original file that the header names, SHA-256 of the safetensors file.
const PUBLISHED: [(&str, &str, &str); 3] = [
    (
        "nequix-oam-1-pft",
        "4ce693d68886512aab50c84ea2400efd68163e11155f7c7babe98e695177e809",
        "8dca04850a498ac36967cec912304078cca051caf15bf9400c4cd801b686e154",
    ),
    (
        "nequix-oam-1",
        "6a43475eaeb32a7a049f36c1306d78aa1e7a17e8af37aeda7901c8fec0ca845c",
        "f888d13c978e9d0befd63116e3b0ebddb80962f14ada756f4ac46abeae396d45",
    ),
    (
        "nequix-mp-1-pft",
        "a88aeaed71fd447572dc57af21d469207d7737b85a6dbb66f8c38156f175c5f1",
        "0cd66685f6a52248ce0826eef361d099a6d1c9ef607a90d911298d1d0f639e7b",
    ),
];

/// Kinds of the four layers.
pub(crate) const LAYERS: [LayerKind; 4] = [LayerKind::First, LayerKind::Middle, LayerKind::Middle, LayerKind::Last];

/// Channels before the gate: the scalars of the layers that gate hold their gates.
pub(crate) fn gate_channels(kind: LayerKind) -> [usize; N_DEGREES] {
    match kind {
        LayerKind::Last => [CHANNELS[0], 0, 0, 0],
        _ => [CHANNELS[0] + CHANNELS[1] + CHANNELS[2] + CHANNELS[3], CHANNELS[1], CHANNELS[2], CHANNELS[3]],
    }
}

/// The file's header entry `config`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Config {
    cutoff: f64,
    scale: f64,
    shift: f64,
    avg_neighbors: f64,
    n_species: usize,
    l_max: usize,
    channels: Vec<usize>,
    n_layers: usize,
    n_radial: usize,
    radial_hidden: usize,
    cutoff_p: usize,
    norm_eps: f64,
    silu_norm: f64,
}

/// One layer, constants folded in.
#[derive(Debug, Clone)]
pub(crate) struct LayerWeights {
    pub kind: LayerKind,
    /// With 1/√n̄.
    pub radial: RadialNetwork,
    /// With 1/√C, `[C, C]`; empty where there is no such degree.
    pub pre: [Vec<f64>; N_DEGREES],
    /// With 1/√rows, `[rows, C']`.
    pub post: [Vec<f64>; N_DEGREES],
    /// With 1/√C, `[C, C']`.
    pub skip: [Vec<f64>; N_DEGREES],
    /// `[C']` of all degrees, one after the other.
    pub norm: Vec<f64>,
}

/// A checked set of weights.
#[derive(Debug, Clone)]
pub struct Weights {
    pub(crate) identity: Identity,
    pub(crate) elements: Vec<Species>,
    pub(crate) layers: Vec<LayerWeights>,
    /// With σ/√128, `[128]`.
    pub(crate) readout: Vec<f64>,
    /// Energy of an atom of each element before the network, μ + e₀, eV.
    pub(crate) atom_energies: Vec<f64>,
    pub(crate) norm_eps: f64,
    pub(crate) silu_norm: f64,
    /// The mean number of neighbours n̄, which the radial networks hold.
    #[cfg(test)]
    pub(crate) avg_neighbors: f64,
}

/// The arrays of one file.
struct Arrays<'a> {
    path: &'a Path,
    file: SafeTensors<'a>,
}

impl Arrays<'_> {
    fn bytes(&self, name: &str, shape: &[usize], dtype: Dtype) -> Result<&[u8], PotentialError> {
        let view = self.file.tensor(name).map_err(|_| PotentialError::MissingTensor {
            path: self.path.to_owned(),
            name: name.to_owned(),
            expected: shape.to_vec(),
        })?;
        if view.shape() != shape || view.dtype() != dtype {
            return Err(PotentialError::Shape {
                path: self.path.to_owned(),
                name: name.to_owned(),
                expected: format!("{dtype:?} {shape:?}"),
                found: format!("{:?} {:?}", view.dtype(), view.shape()),
            });
        }
        Ok(view.data())
    }

    /// The array times `factor`.
    fn floats(&self, name: &str, shape: &[usize], factor: f64) -> Result<Vec<f64>, PotentialError> {
        let bytes = self.bytes(name, shape, Dtype::F32)?;
        let word = |chunk: &[u8]| f32::from_le_bytes(chunk.try_into().expect("chunks of four"));
        let values: Vec<f64> = bytes.chunks_exact(4).map(|chunk| f64::from(word(chunk))).collect();
        if values.iter().any(|value| !value.is_finite()) {
            let problem = format!("tensor '{name}' holds a value that is not a number");
            return Err(PotentialError::WeightsFile { path: self.path.to_owned(), problem });
        }
        Ok(values.into_iter().map(|value| value * factor).collect())
    }

    fn layer(&self, t: usize, kind: LayerKind, avg_neighbors: f64) -> Result<LayerWeights, PotentialError> {
        let plan = kind.plan();
        let outputs = gate_channels(kind);
        let root = |n: usize| 1.0 / (n as f64).sqrt();
        let radial = RadialNetwork {
            first: self.floats(&format!("layer{t}.radial.0"), &[N_RADIAL, N_HIDDEN], 1.0)?,
            second: self.floats(&format!("layer{t}.radial.1"), &[N_HIDDEN, N_HIDDEN], 1.0)?,
            third: self.floats(
                &format!("layer{t}.radial.2"),
                &[N_HIDDEN, n_outputs(kind)],
                1.0 / avg_neighbors.sqrt(),
            )?,
        };
        let mut layer = LayerWeights {
            kind,
            radial,
            pre: Default::default(),
            post: Default::default(),
            skip: Default::default(),
            norm: Vec::new(),
        };
        for (l, output) in outputs.into_iter().enumerate() {
            let (input, message) = (plan.inputs[l], plan.outputs[l]);
            if input > 0 {
                layer.pre[l] = self.floats(&format!("layer{t}.pre.{l}"), &[input, input], root(input))?;
            }
            if message > 0 {
                layer.post[l] = self.floats(&format!("layer{t}.post.{l}"), &[message, output], root(message))?;
                layer.norm.extend(self.floats(&format!("layer{t}.norm.{l}"), &[output], 1.0)?);
            }
            if input > 0 && message > 0 {
                layer.skip[l] = self.floats(&format!("layer{t}.skip.{l}"), &[input, output], root(input))?;
            }
        }
        Ok(layer)
    }

    fn elements(&self) -> Result<Vec<Species>, PotentialError> {
        let bytes = self.bytes("atomic_numbers", &[N_SPECIES], Dtype::I32)?;
        let elements: Result<Vec<Species>, _> = bytes
            .chunks_exact(4)
            .map(|chunk| i64::from(i32::from_le_bytes(chunk.try_into().expect("chunks of four"))))
            .map(Species::from_atomic_number)
            .collect();
        let problem = |problem: String| PotentialError::WeightsFile { path: self.path.to_owned(), problem };
        let elements = elements.map_err(|error| problem(format!("'atomic_numbers': {error}")))?;
        if !elements.is_sorted_by(|a, b| a < b) {
            return Err(problem("'atomic_numbers' is not ascending".to_owned()));
        }
        Ok(elements)
    }
}

impl Config {
    /// Refuses the header of another network.
    fn check(&self, path: &Path) -> Result<(), PotentialError> {
        let fixed = [
            ("cutoff", self.cutoff, CUTOFF),
            ("n_species", self.n_species as f64, N_SPECIES as f64),
            ("l_max", self.l_max as f64, (N_DEGREES - 1) as f64),
            ("n_layers", self.n_layers as f64, LAYERS.len() as f64),
            ("n_radial", self.n_radial as f64, N_RADIAL as f64),
            ("radial_hidden", self.radial_hidden as f64, N_HIDDEN as f64),
            ("cutoff_p", self.cutoff_p as f64, 6.0),
        ];
        let problem = |problem: String| PotentialError::WeightsFile { path: path.to_owned(), problem };
        for (name, found, expected) in fixed {
            if found != expected {
                return Err(problem(format!(
                    "it is of another network: {name} is {found}, this program has {expected}"
                )));
            }
        }
        if self.channels != CHANNELS {
            let text =
                format!("it is of another network: channels are {:?}, this program has {CHANNELS:?}", self.channels);
            return Err(problem(text));
        }
        if !(self.avg_neighbors > 0.0
            && self.scale > 0.0
            && self.silu_norm > 0.0
            && self.norm_eps >= 0.0
            && self.shift.is_finite())
        {
            return Err(problem("a constant of its header makes no sense".to_owned()));
        }
        Ok(())
    }
}

impl Weights {
    /// `nequix-oam-1-pft`, which is compiled in.
    ///
    /// # Errors
    /// None: the file is checked by a test.
    pub fn bundled() -> Result<Self, PotentialError> {
        Self::from_bytes(BUNDLED, Path::new("nequix-oam-1-pft.safetensors"))
    }

    /// Reads a file.
    ///
    /// # Errors
    /// As [`Self::from_bytes`], and [`PotentialError::WeightsFile`] if it cannot be read.
    pub fn load(path: &Path) -> Result<Self, PotentialError> {
        let problem = |error: std::io::Error| PotentialError::WeightsFile {
            path: path.to_owned(),
            problem: format!("it cannot be read: {error}"),
        };
        Self::from_bytes(&std::fs::read(path).map_err(problem)?, path)
    }

    /// The weights in a file's content; `path` is for errors and names a set that is not published.
    ///
    /// # Errors
    /// [`PotentialError::WeightsFile`], [`PotentialError::Hash`] for a published set that was changed,
    /// [`PotentialError::MissingTensor`] or [`PotentialError::Shape`] for another network.
    pub fn from_bytes(content: &[u8], path: &Path) -> Result<Self, PotentialError> {
        let problem = |problem: String| PotentialError::WeightsFile { path: path.to_owned(), problem };
        let damaged =
            |error: safetensors::SafeTensorError| problem(format!("it is damaged, or not a safetensors file: {error}"));
        let (_, header) = SafeTensors::read_metadata(content).map_err(damaged)?;
        let entry = |key: &str| header.metadata().as_ref().and_then(|entries| entries.get(key));
        let sha256: String = Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect();
        let published =
            entry("origin_sha256").and_then(|origin| PUBLISHED.iter().find(|(_, known, _)| known == origin));
        if let Some((name, _, expected)) = published
            && sha256 != *expected
        {
            return Err(PotentialError::Hash {
                path: path.to_owned(),
                name: (*name).to_owned(),
                expected: (*expected).to_owned(),
                found: sha256,
            });
        }
        let config = entry("config").ok_or_else(|| {
            problem(
                "it holds no Nequix potential: its header has no entry 'config'; name a Nequix potential in safetensors, \
                 or leave --potential out for the one that is compiled in"
                    .to_owned(),
            )
        })?;
        let config: Config =
            serde_json::from_str(config).map_err(|error| problem(format!("its header entry 'config': {error}")))?;
        config.check(path)?;
        let arrays = Arrays { path, file: SafeTensors::deserialize(content).map_err(damaged)? };
        let layers = LAYERS.iter().enumerate().map(|(t, &kind)| arrays.layer(t, kind, config.avg_neighbors));
        let layers = layers.collect::<Result<Vec<LayerWeights>, PotentialError>>()?;
        let own_name =
            || path.file_stem().map_or_else(|| "nequix".to_owned(), |stem| stem.to_string_lossy().into_owned());
        let atom_energies = arrays.floats("e0", &[N_SPECIES], 1.0)?;
        Ok(Self {
            identity: Identity { name: published.map_or_else(own_name, |(name, ..)| (*name).to_owned()), sha256 },
            elements: arrays.elements()?,
            layers,
            readout: arrays.floats("readout", &[CHANNELS[0], 1], config.scale / (CHANNELS[0] as f64).sqrt())?,
            atom_energies: atom_energies.into_iter().map(|energy| energy + config.shift).collect(),
            norm_eps: config.norm_eps,
            silu_norm: config.silu_norm,
            #[cfg(test)]
            avg_neighbors: config.avg_neighbors,
        })
    }
}
