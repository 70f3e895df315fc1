//! The network: encoder, heads, decoder.

use burn::Tensor;
use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::{Device, TensorData};
use crystal_states::GraphBatch;
use tensor_ops::{ParameterSource, linear};

use crate::CdvaeConfig;
use crate::config::{N_COUNTS, N_TYPES};
use crate::decoder::{Decoder, Denoised};
use crate::encoder::Encoder;
use crate::heads::Head;

/// Added to the logit of a cell without atoms.
const IMPOSSIBLE: f32 = -1e9;

/// CDVAE. Made by [`CdvaeConfig::init`].
#[derive(Module, Debug)]
pub struct Cdvae {
    encoder: Encoder,
    mean: Linear,
    log_variance: Linear,
    number: Head,
    lattice: Head,
    composition: Head,
    pub(crate) decoder: Decoder,
    #[module(skip)]
    config: CdvaeConfig,
}

/// Mean and logarithm of the variance of an encoding, `[S, latent]` each.
#[derive(Debug, Clone)]
pub struct Encoding {
    /// μ.
    pub mean: Tensor<2>,
    /// ln s².
    pub log_variance: Tensor<2>,
}

/// What the heads say of latent vectors.
#[derive(Debug, Clone)]
pub struct Predicted {
    /// Logits of the number of atoms, `[S, 21]`; 0 atoms are impossible.
    pub number: Tensor<2>,
    /// Scaled numbers of the cell, `[S, 6]` ([`crate::LatticeScaler`]).
    pub lattice: Tensor<2>,
    /// Logits of the elements, one distribution for all atoms of the crystal, `[S, 100]`.
    pub composition: Tensor<2>,
}

impl Cdvae {
    /// Name of the architecture in checkpoints.
    pub const KIND: &'static str = "cdvae";

    pub(crate) fn new(config: &CdvaeConfig, device: &Device) -> Self {
        let mut source = ParameterSource::new(config.seed, device);
        let (hidden, latent, width) = (config.encoder.out_emb, config.latent, config.head_width);
        Self {
            encoder: Encoder::new(&config.encoder, &mut source),
            mean: source.dense(hidden, latent),
            log_variance: source.dense(hidden, latent),
            number: Head::new([latent, width, N_COUNTS], &mut source),
            lattice: Head::new([latent, width, 6], &mut source),
            composition: Head::new([latent, width, N_TYPES], &mut source),
            decoder: Decoder::new(&config.decoder, latent, &mut source),
            config: config.clone(),
        }
    }

    /// Sizes, graphs and noise.
    pub fn config(&self) -> &CdvaeConfig {
        &self.config
    }

    /// Encodes crystals. `shares` `[rows, 1]` holds 1/(atoms of the crystal) for each row of the batch's sites, 0 for
    /// padding.
    pub fn encode(&self, batch: &GraphBatch, shares: Tensor<2>) -> Encoding {
        let hidden = self.encoder.forward(batch, shares);
        Encoding { mean: linear(&self.mean, hidden.clone()), log_variance: linear(&self.log_variance, hidden) }
    }

    /// With other scale constants of the decoder.
    pub(crate) fn with_scales(self, scales: &[f32]) -> Self {
        Self { decoder: self.decoder.with_scales(scales), ..self }
    }

    /// The decoder's scale constants γ, in the order in which they are met.
    pub fn scales(&self) -> Vec<f32> {
        self.decoder.scales()
    }

    /// What latent vectors `[S, latent]` say of the crystals as a whole.
    pub fn predict(&self, z: Tensor<2>) -> Predicted {
        let mut mask = vec![0.0_f32; N_COUNTS];
        mask[0] = IMPOSSIBLE;
        let mask = Tensor::<2>::from_data(TensorData::new(mask, [1, N_COUNTS]), &z.device().without_autodiff());
        Predicted {
            number: self.number.forward(z.clone()) + mask,
            lattice: self.lattice.forward(z.clone()),
            composition: self.composition.forward(z),
        }
    }

    /// Where noised atoms should go, and what they are: `elements` `[rows, 100]` (one-hot; rows of the batch's sites),
    /// latent vectors `[S, latent]`.
    pub fn denoise(&self, elements: Tensor<2>, z: Tensor<2>, batch: &GraphBatch) -> Denoised {
        self.decoder.forward(elements, z, batch)
    }
}
