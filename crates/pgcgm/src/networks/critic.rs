//! The critic: how real a crystal looks, and the gradient of that by what it looks at.

use burn::Tensor;
use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::Device;
use tensor_ops::{ParameterSource, linear, matrix_product};

use super::convolution::{Convolution, Shifts};
use crate::groups::N_OPERATIONS;

/// Slope of the leaky ReLU below zero.
pub(crate) const LEAK: f64 = 0.2;
/// Channels of the convolutions on the image.
const IMAGE: [usize; 8] = [3, 16, 32, 64, 96, 128, 192, 256];
/// Channels of the convolutions on the symmetry.
const SYMMETRY: [usize; 4] = [N_OPERATIONS, 64, 128, 256];
const HIDDEN: usize = 256;

/// Convolutions on image and symmetry down to one pixel each, two dense layers; leaky ReLU everywhere, no norm.
#[derive(Module, Debug)]
pub(crate) struct Critic {
    image: Vec<Convolution>,
    symmetry: Vec<Convolution>,
    hidden: Linear,
    output: Linear,
}

/// Slopes of the leaky ReLUs at one point, layer by layer; constants.
#[derive(Debug, Clone)]
struct Slopes {
    image: Vec<Tensor<4>>,
    symmetry: Vec<Tensor<4>>,
    hidden: Tensor<2>,
}

impl Critic {
    pub(crate) fn new(seed: u64, device: &Device) -> Self {
        // Not the stream of the generator.
        let mut source = ParameterSource::new(seed ^ (1 << 63), device);
        let mut convolutions = |channels: &[usize]| -> Vec<Convolution> {
            channels.windows(2).map(|pair| Convolution::new(pair[0], pair[1], &mut source)).collect()
        };
        let (image, symmetry) = (convolutions(&IMAGE), convolutions(&SYMMETRY));
        Self { image, symmetry, hidden: source.dense(2 * HIDDEN, HIDDEN), output: source.dense(HIDDEN, 1) }
    }

    /// Image `[B, 8, 8, 3]`, symmetry `[B, 4, 4, 192]` → `[B, 1]`.
    pub(crate) fn forward(&self, image: Tensor<4>, symmetry: Tensor<4>, shifts: &Shifts) -> Tensor<2> {
        self.with_slopes(image, symmetry, shifts).0
    }

    fn with_slopes(&self, image: Tensor<4>, symmetry: Tensor<4>, shifts: &Shifts) -> (Tensor<2>, Slopes) {
        let n = image.dims()[0];
        let (image, image_slopes) = convolved(&self.image, image, shifts);
        let (symmetry, symmetry_slopes) = convolved(&self.symmetry, symmetry, shifts);
        let both = Tensor::cat(vec![image.reshape([n, HIDDEN]), symmetry.reshape([n, HIDDEN])], 1);
        let hidden = linear(&self.hidden, both);
        let slope = slopes(&hidden);
        let output = linear(&self.output, hidden * slope.clone());
        (output, Slopes { image: image_slopes, symmetry: symmetry_slopes, hidden: slope })
    }

    /// ∂D/∂image `[B, 8, 8, 3]` and ∂D/∂symmetry `[B, 4, 4, 192]`, as a forward computation whose derivatives by the
    /// weights are those of a penalty on it.
    ///
    /// D is piecewise linear: its gradient is the product of the transposed layers with the slopes at that point, which
    /// are constants almost everywhere. The biases do not occur.
    pub(crate) fn input_gradients(&self, image: Tensor<4>, symmetry: Tensor<4>, shifts: &Shifts) -> [Tensor<4>; 2] {
        let (_, slopes) = self.clone().no_grad().with_slopes(image, symmetry, shifts);
        self.gradients_with(slopes, shifts)
    }

    /// The same with given slopes.
    fn gradients_with(&self, slopes: Slopes, shifts: &Shifts) -> [Tensor<4>; 2] {
        let n = slopes.hidden.dims()[0];
        let outgoing = self.output.weight.val().transpose() * slopes.hidden;
        let joint = matrix_product(outgoing, self.hidden.weight.val().transpose());
        let part = |k: usize| joint.clone().narrow(1, k * HIDDEN, HIDDEN).reshape([n, 1, 1, HIDDEN]);
        [
            pulled_back(&self.image, slopes.image, part(0), shifts),
            pulled_back(&self.symmetry, slopes.symmetry, part(1), shifts),
        ]
    }
}

/// The convolutions with their leaky ReLUs, and the slopes of these.
fn convolved(layers: &[Convolution], x: Tensor<4>, shifts: &Shifts) -> (Tensor<4>, Vec<Tensor<4>>) {
    let mut all = Vec::with_capacity(layers.len());
    let output = layers.iter().fold(x, |x, layer| {
        let x = layer.forward(x, shifts);
        let slope = slopes(&x);
        all.push(slope.clone());
        x * slope
    });
    (output, all)
}

fn pulled_back(layers: &[Convolution], slopes: Vec<Tensor<4>>, gradient: Tensor<4>, shifts: &Shifts) -> Tensor<4> {
    let pairs = layers.iter().zip(slopes).rev();
    pairs.fold(gradient, |gradient, (layer, slope)| layer.adjoint(gradient * slope, shifts))
}

/// 1 above zero, 0.2 below.
fn slopes<const D: usize>(x: &Tensor<D>) -> Tensor<D> {
    x.clone().detach().greater_elem(0.0).float().mul_scalar(1.0 - LEAK).add_scalar(LEAK)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::SIDE;
    use crate::losses::{gradient_penalty, penalty};
    use burn::optim::GradientsParams;
    use crystal_core::whole;
    use std::path::Path;
    use tensor_ops::device::available_devices;
    use training::{TensorArchive, archive_into_module, module_to_archive};

    fn inputs(device: &Device) -> (Tensor<4>, Tensor<4>) {
        let mut source = ParameterSource::new(11, device);
        (source.uniform([3, 8, 8, 3], 1.0).val(), source.uniform([3, 4, 4, 192], 1.0).val())
    }

    fn shifts(device: &Device) -> Shifts {
        Shifts::new(3, SIDE, device)
    }

    fn values<const D: usize>(x: Tensor<D>) -> Vec<f32> {
        x.into_data().iter::<f32>().collect()
    }

    #[test]
    fn the_gradient_by_the_inputs_is_that_of_autodiff() {
        for plain in available_devices() {
            let device = plain.clone().autodiff();
            let critic = Critic::new(5, &device);
            let shifts = shifts(&device);
            let (image, symmetry) = inputs(&device);
            let (image, symmetry) = (image.detach().require_grad(), symmetry.detach().require_grad());
            let gradients = critic.forward(image.clone(), symmetry.clone(), &shifts).sum().backward();
            let expected = [image.grad(&gradients), symmetry.grad(&gradients)].map(|grad| grad.expect("a gradient"));
            let found = critic.input_gradients(image, symmetry, &shifts);
            for (found, expected) in found.into_iter().zip(expected) {
                let (found, expected) = (values(found.inner()), values(expected));
                let largest = expected.iter().fold(0.0_f32, |most, x| most.max(x.abs()));
                assert!(largest > 1e-4, "{largest}");
                assert!(found.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-4 * largest));
            }
        }
    }

    /// The penalty's gradient by the weights against central differences, array by array. The slopes are held: a step
    /// across a kink jumps, and single precision has no step too small for any of the thousands.
    #[test]
    fn the_gradient_of_the_penalty_is_that_of_differences() {
        let plain = Device::flex();
        let device = plain.clone().autodiff();
        let critic = Critic::new(5, &plain);
        let archive = module_to_archive(&critic);
        let path = Path::new("critic");
        let (image, symmetry) = inputs(&plain);
        let (_, slopes) = critic.with_slopes(image, symmetry, &shifts(&plain));
        let penalty_of = |archive: &TensorArchive| {
            let critic = archive_into_module(critic.clone(), archive, path).expect("weights");
            f64::from(penalty(critic.gradients_with(slopes.clone(), &shifts(&plain))).into_scalar::<f32>())
        };
        let trained = critic.clone().to_device(&device).train();
        let (on_device, on_device_symmetry) = inputs(&device);
        let total = gradient_penalty(&trained, on_device, on_device_symmetry, &shifts(&device));
        let mut gradients = GradientsParams::from_grads(total.backward(), &trained);
        let mut checked = 0;
        let mut visited = 0;
        for (name, tensor) in &archive.tensors {
            let Some(gradient) = gradient_of(&trained, &mut gradients, name) else {
                assert!(name.ends_with("bias"), "{name}: no gradient");
                continue;
            };
            visited += 1;
            // Along the gradient itself, where the change is largest beside rounding.
            let norm = gradient.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
            if name.ends_with("bias") {
                assert!(norm < 1e-12, "{name}: biases do not occur in the slope");
                continue;
            }
            let shifted = |step: f64| {
                let mut archive = archive.clone();
                let (_, weights) = archive.f32(name, path).expect("weights");
                let moved: Vec<f32> = weights
                    .iter()
                    .zip(&gradient)
                    .map(|(weight, slope)| weight + whole::single(step * f64::from(*slope) / norm))
                    .collect();
                archive.insert_f32(name.clone(), tensor.shape.clone(), moved);
                penalty_of(&archive)
            };
            let step = 1e-2;
            let slope = (shifted(step) - shifted(-step)) / (2.0 * step);
            assert!((slope - norm).abs() < 0.02 * norm + 1e-3, "{name}: {slope} by differences, {norm} by autodiff");
            checked += 1;
        }
        assert_eq!((checked, visited >= checked), (12, true), "seven and three convolutions, two dense layers");
    }

    #[test]
    fn a_flat_critic_is_penalised_fully_and_a_steep_one_more() {
        let device = Device::flex();
        let (image, symmetry) = inputs(&device);
        let critic = Critic::new(5, &device);
        let of = |factor: f32| {
            let mut archive = module_to_archive(&critic);
            let (shape, weights) = archive.f32("output.weight", Path::new("critic")).expect("weights");
            let (shape, weights) = (shape.to_vec(), weights.iter().map(|x| factor * x).collect());
            archive.insert_f32("output.weight", shape, weights);
            let critic = archive_into_module(critic.clone(), &archive, Path::new("critic")).expect("weights");
            gradient_penalty(&critic, image.clone(), symmetry.clone(), &shifts(&device)).into_scalar::<f32>()
        };
        assert!((of(0.0) - 2.0).abs() < 1e-4, "(0 − 1)² twice");
        assert!(of(1000.0) > 100.0);
    }

    /// The gradient of the parameter of this name.
    fn gradient_of(critic: &Critic, gradients: &mut GradientsParams, name: &str) -> Option<Vec<f32>> {
        struct Finder<'a> {
            path: Vec<String>,
            name: &'a str,
            gradients: &'a mut GradientsParams,
            found: Option<Vec<f32>>,
        }
        impl burn::module::ModuleVisitor for Finder<'_> {
            fn enter_module(&mut self, name: &str, _container_type: &str) {
                self.path.push(name.to_owned());
            }

            fn exit_module(&mut self, _name: &str, _container_type: &str) {
                self.path.pop();
            }

            fn visit_float<const D: usize>(&mut self, param: &burn::module::Param<Tensor<D>>) {
                if self.path.join(".") == self.name {
                    self.found = self.gradients.remove::<D>(param.id).map(values);
                }
            }
        }
        let mut finder = Finder { path: vec![], name, gradients, found: None };
        critic.visit(&mut finder);
        finder.found
    }
}
