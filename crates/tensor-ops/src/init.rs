//! Random initial parameters, the same on every backend: burn's own generator depends on the backend and on what else
//! drew from it.

use burn::Tensor;
use burn::module::Param;
use burn::nn::{LayerNorm, LayerNormConfig, Linear};
use burn::tensor::{Device, TensorData};
use rand::RngExt;
use random_keys::{KeyedGenerator, Purpose, RandomKey};

/// Draws parameters in the order of the calls.
#[derive(Debug)]
pub struct ParameterSource {
    rng: KeyedGenerator,
    device: Device,
}

impl ParameterSource {
    /// A source for one model on one device.
    pub fn new(seed: u64, device: &Device) -> Self {
        Self { rng: RandomKey::new(seed, Purpose::InitialWeights).generator(0, 0), device: device.clone() }
    }

    /// Where the parameters are put.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Uniform in ±bound.
    pub fn uniform<const D: usize>(&mut self, shape: [usize; D], bound: f32) -> Param<Tensor<D>> {
        let count = shape.iter().product();
        let values: Vec<f32> = (0..count).map(|_| bound * (2.0 * self.rng.random::<f32>() - 1.0)).collect();
        Param::from_data(TensorData::new(values, shape), &self.device)
    }

    /// Zeros.
    pub fn zeros<const D: usize>(&mut self, shape: [usize; D]) -> Param<Tensor<D>> {
        Param::from_data(TensorData::new(vec![0.0_f32; shape.iter().product()], shape), &self.device)
    }

    /// Bound of the uniform distribution of Glorot and Bengio (2010), eq. 16.
    fn glorot_bound(n_input: usize, n_output: usize) -> f32 {
        (6.0 / (n_input + n_output) as f32).sqrt()
    }

    /// Dense layer, weights `[n_input, n_output]` after Glorot, no bias.
    pub fn dense_without_bias(&mut self, n_input: usize, n_output: usize) -> Linear {
        Linear { weight: self.uniform([n_input, n_output], Self::glorot_bound(n_input, n_output)), bias: None }
    }

    /// Dense layer, weights after Glorot, bias 0.
    pub fn dense(&mut self, n_input: usize, n_output: usize) -> Linear {
        Linear { bias: Some(self.zeros([n_output])), ..self.dense_without_bias(n_input, n_output) }
    }

    /// Dense layer without bias whose weights are `scale` times Glorot's.
    pub fn scaled_dense_without_bias(&mut self, n_input: usize, n_output: usize, scale: f32) -> Linear {
        Linear { weight: self.uniform([n_input, n_output], scale * Self::glorot_bound(n_input, n_output)), bias: None }
    }

    /// Layer norm, scale 1 and shift 0.
    pub fn layer_norm(&mut self, n_features: usize) -> LayerNorm {
        LayerNormConfig::new(n_features).init(&self.device)
    }
}
