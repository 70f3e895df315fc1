//! The generator.

use burn::Tensor;
use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::Device;
use burn::tensor::activation::{leaky_relu, relu, tanh};
use tensor_ops::{BatchNorm, Moments, ParameterSource, linear};

use super::PgcgmConfig;
use super::batch_norm::normalised;
use super::convolution::{Convolution, Shifts, TransposedConvolution, to_rows};
use super::critic::LEAK;
use crate::conditions::Conditions;
use crate::elements::N_FEATURES;
use crate::groups::N_OPERATIONS;
use crate::image::Scaled;

/// Numbers of the noise.
pub(crate) const NOISE: usize = 128;
/// Width of the embeddings of noise, elements and symmetry.
const EMBEDDING: usize = 256;
const SYMMETRY: [usize; 4] = [N_OPERATIONS, 64, 128, EMBEDDING];
const ELEMENTS: [usize; 3] = [N_FEATURES, 64, 128];
/// Channels of the transposed convolutions, behind the embeddings.
const SPREAD: [usize; 2] = [1024, 512];
/// Side of the largest image: an operation as a matrix.
pub(crate) const LARGEST_SIDE: usize = 4;
const POSITIONS: [usize; 4] = [512, 256, 128, 64];
const LENGTHS: [usize; 4] = [128, 64, 32, 16];

/// Positions and lengths from noise, elements and symmetry. Each layer but the last ones has a batch norm and a ReLU
/// behind it, leaky for the symmetry.
#[derive(Module, Debug)]
pub(crate) struct Generator {
    symmetry: Vec<Convolution>,
    /// Along the three elements, two at a time, then one layer on what is left.
    elements: Vec<Linear>,
    noise: Linear,
    spread: Vec<TransposedConvolution>,
    positions: Vec<Linear>,
    position_output: Linear,
    lengths: Vec<Linear>,
    length_output: Linear,
    /// In the order of the forward pass.
    norms: Vec<BatchNorm>,
    #[module(skip)]
    joint: bool,
}

/// The norms that are still to come on the way through the network, and how they are applied.
struct Norms<'a, F> {
    rest: std::slice::Iter<'a, BatchNorm>,
    apply: F,
}

impl<F: FnMut(&BatchNorm, Tensor<2>) -> Tensor<2>> Norms<'_, F> {
    /// The next one.
    fn next(&mut self, x: Tensor<2>) -> Tensor<2> {
        (self.apply)(self.rest.next().expect("a norm for each layer"), x)
    }

    /// Layer, norm, ReLU on rows, `[M, C]` → `[M, N]`.
    fn behind(&mut self, layer: &Linear, x: Tensor<2>) -> Tensor<2> {
        relu(self.next(linear(layer, x)))
    }
}

impl Generator {
    /// Name of the architecture in checkpoints.
    pub(crate) const KIND: &'static str = "pgcgm";

    pub(crate) fn new(config: &PgcgmConfig, device: &Device) -> Self {
        let mut source = ParameterSource::new(config.seed, device);
        let source = &mut source;
        let n_embeddings = if config.joint { 3 } else { 2 };
        let symmetry = SYMMETRY.windows(2).map(|pair| Convolution::new(pair[0], pair[1], source)).collect();
        let mut elements: Vec<Linear> = ELEMENTS.windows(2).map(|pair| source.dense(2 * pair[0], pair[1])).collect();
        elements.push(source.dense(ELEMENTS[2], EMBEDDING));
        let noise = source.dense(NOISE, EMBEDDING);
        let spread = [(n_embeddings * EMBEDDING, SPREAD[0]), (SPREAD[0], SPREAD[1])]
            .map(|(n_input, n_output)| TransposedConvolution::new(n_input, n_output, source));
        let positions = POSITIONS.windows(2).map(|pair| source.dense(pair[0], pair[1])).collect();
        let position_output = source.dense(POSITIONS[3], 3);
        let mut lengths = vec![source.dense(n_embeddings * EMBEDDING, LENGTHS[0])];
        lengths.extend(LENGTHS.windows(2).map(|pair| source.dense(pair[0], pair[1])));
        let length_output = source.dense(LENGTHS[3], 3);
        let widths = [&SYMMETRY[1..], &ELEMENTS[1..], &[EMBEDDING, EMBEDDING], &SPREAD, &POSITIONS[1..], &LENGTHS];
        let norms = widths.concat().into_iter().map(|width| BatchNorm::new(width, device)).collect();
        Self {
            symmetry,
            elements,
            noise,
            spread: spread.into(),
            positions,
            position_output,
            lengths,
            length_output,
            norms,
            joint: config.joint,
        }
    }

    /// With the stored moments; noise `[B, 128]`.
    pub(crate) fn forward(&self, noise: Tensor<2>, conditions: &Conditions) -> Scaled {
        let norms = Norms { rest: self.norms.iter(), apply: |norm: &BatchNorm, x| norm.forward(x) };
        let shifts = Shifts::new(noise.dims()[0], LARGEST_SIDE, &noise.device().without_autodiff());
        self.with_norms(noise, conditions, &shifts, norms)
    }

    /// With the moments of the batch, which are returned in the order that [`Self::with_moments`] takes.
    pub(crate) fn forward_training(
        &self,
        noise: Tensor<2>,
        conditions: &Conditions,
        shifts: &Shifts,
    ) -> (Scaled, Vec<Moments>) {
        let mut all = Vec::with_capacity(self.norms.len());
        let apply = |norm: &BatchNorm, x| {
            let (output, moments) = normalised(norm, x);
            all.push(moments);
            output
        };
        let scaled = self.with_norms(noise, conditions, shifts, Norms { rest: self.norms.iter(), apply });
        (scaled, all)
    }

    fn with_norms<F>(
        &self,
        noise: Tensor<2>,
        conditions: &Conditions,
        shifts: &Shifts,
        mut norms: Norms<'_, F>,
    ) -> Scaled
    where
        F: FnMut(&BatchNorm, Tensor<2>) -> Tensor<2>,
    {
        let n = noise.dims()[0];
        let symmetry = self.symmetry.iter().fold(conditions.symmetry.clone(), |x, layer| {
            let x = layer.forward(x, shifts);
            let shape = x.dims();
            leaky_relu(norms.next(to_rows(x)), LEAK).reshape(shape)
        });
        let symmetry = symmetry.reshape([n, EMBEDDING]);
        let (last, along) = self.elements.split_last().expect("three layers");
        let elements = along.iter().fold(conditions.features.clone(), |x, layer| {
            let [_, length, width] = x.dims();
            let pairs = Tensor::cat(vec![x.clone().narrow(1, 0, length - 1), x.narrow(1, 1, length - 1)], 2);
            let rows = norms.behind(layer, pairs.reshape([n * (length - 1), 2 * width]));
            rows.reshape([n as isize, length as isize - 1, -1])
        });
        let elements = norms.behind(last, elements.reshape([n, ELEMENTS[2]]));
        let noise = norms.behind(&self.noise, noise);
        let embeddings = |kind: &Tensor<2>, other: &Tensor<2>| {
            let mut parts = vec![noise.clone(), kind.clone()];
            parts.extend(self.joint.then(|| other.clone()));
            Tensor::cat(parts, 1)
        };
        let (for_positions, for_lengths) = (embeddings(&elements, &symmetry), embeddings(&symmetry, &elements));
        let width = for_positions.dims()[1];
        let spread = self.spread.iter().fold(for_positions.reshape([n, 1, 1, width]), |x, layer| {
            let x = layer.forward(x, shifts);
            let shape = x.dims();
            relu(norms.next(to_rows(x))).reshape(shape)
        });
        let rows = self.positions.iter().fold(to_rows(spread), |x, layer| norms.behind(layer, x));
        // Rows of the output are elements, columns axes, channels sets.
        let positions = tanh(linear(&self.position_output, rows)).reshape([n, 3, 3, 3]).permute([0, 3, 1, 2]);
        let lengths = self.lengths.iter().fold(for_lengths, |x, layer| norms.behind(layer, x));
        Scaled { positions, lengths: tanh(linear(&self.length_output, lengths)) }
    }

    /// The same network with other stored moments.
    pub(crate) fn with_moments(self, moments: Vec<Moments>) -> Self {
        let pairs = self.norms.into_iter().zip(moments);
        Self { norms: pairs.map(|(norm, moments)| norm.with_moments(moments)).collect(), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ElementSet;
    use crate::conditions::{Condition, Tables};
    use crate::networks::Critic;
    use burn::tensor::Device;
    use tensor_ops::device::available_devices;

    /// Numbers that training fits: not the stored moments.
    fn n_fitted<M: Module>(module: &M) -> usize {
        let archive = training::module_to_archive(module);
        let fitted = |name: &String| !(name.ends_with(".mean") || name.ends_with(".variance"));
        let sizes = archive.tensors.iter().filter(|(name, _)| fitted(name));
        sizes.map(|(_, tensor)| tensor.shape.iter().product::<usize>()).sum()
    }

    #[test]
    fn parameters_are_as_many_as_published() {
        let device = Device::flex();
        assert_eq!(n_fitted(&Generator::new(&PgcgmConfig::default(), &device)), 4_750_854);
        assert_eq!(n_fitted(&Critic::new(0, &device)), 724_881);
    }

    #[test]
    fn a_crystal_does_not_depend_on_its_batch() {
        for device in available_devices() {
            for joint in [false, true] {
                let config = PgcgmConfig { joint, ..PgcgmConfig::default() };
                let generator = Generator::new(&config, &device);
                let tables = Tables::new(ElementSet::Extended, &device);
                let condition = |k: usize| Condition { group: 3 * k, elements: [k, k + 20, 50 - k] };
                let conditions = [condition(0), condition(1), condition(5)];
                let noise = ParameterSource::new(4, &device).uniform([3, NOISE], 1.0).val();
                let values = |scaled: Scaled| -> Vec<f32> {
                    let parts = [scaled.positions.reshape([-1]), scaled.lengths.reshape([-1])];
                    parts.into_iter().flat_map(|x: Tensor<1>| x.into_data().iter::<f32>().collect::<Vec<_>>()).collect()
                };
                let all = generator.forward(noise.clone(), &tables.conditions(&conditions));
                assert_eq!((all.positions.dims(), all.lengths.dims()), ([3, 3, 3, 3], [3, 3]));
                let all = values(all);
                assert!(all.iter().all(|x| (-1.0..=1.0).contains(x)));
                let last = generator.forward(noise.narrow(0, 2, 1), &tables.conditions(&conditions[2..]));
                let last = values(last);
                let expected = all[54..81].iter().chain(&all[87..]);
                assert!(last.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-5));
            }
        }
    }

    #[test]
    fn what_sees_what() {
        let device = Device::flex();
        let tables = Tables::new(ElementSet::Extended, &device);
        let base = Condition { group: 3, elements: [1, 20, 50] };
        let changed = [base, Condition { group: 8, ..base }, Condition { elements: [7, 20, 50], ..base }];
        for joint in [false, true] {
            let generator = Generator::new(&PgcgmConfig { joint, ..PgcgmConfig::default() }, &device);
            let noise = ParameterSource::new(4, &device).uniform([1, NOISE], 1.0).val().repeat_dim(0, 3);
            let scaled = generator.forward(noise, &tables.conditions(&changed));
            let values = |x: Tensor<1>| x.into_data().iter::<f32>().collect::<Vec<_>>();
            let (positions, lengths) = (values(scaled.positions.reshape([-1])), values(scaled.lengths.reshape([-1])));
            let differs = |values: &[f32], k: usize| {
                let n = values.len() / 3;
                values[..n].iter().zip(&values[k * n..]).any(|(a, b)| (a - b).abs() > 1e-6)
            };
            // The published positions do not know the group, the published lengths do not know the elements.
            assert_eq!((differs(&positions, 1), differs(&positions, 2)), (joint, true));
            assert_eq!((differs(&lengths, 1), differs(&lengths, 2)), (true, joint));
        }
    }
}
