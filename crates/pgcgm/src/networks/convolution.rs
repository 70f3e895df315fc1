//! Convolutions with a kernel of 2 × 2 as products of rows: channels stand last, and the four shifted images side by
//! side are multiplied with one matrix. The adjoint is the product with its transpose, and the sum of what falls on one
//! pixel. Either is a few operations, whatever the size: small networks are bound by the number of operations.

use burn::Tensor;
use burn::module::{Module, Param};
use burn::nn::Linear;
use burn::tensor::Device;
use crystal_core::whole;
use tensor_ops::{ParameterSource, RowIndex, gather_rows, linear, matrix_product, segment_sum};

/// Which pixels stand in the four shifted images, for batches of B square images.
#[derive(Debug)]
pub(crate) struct Shifts {
    n_images: usize,
    /// For sides from 2 on: the pixel of each of the `B·(side − 1)²·4` places.
    sides: Vec<RowIndex>,
}

impl Shifts {
    /// For images of up to this side.
    pub(crate) fn new(n_images: usize, largest: usize, device: &Device) -> Self {
        let of_side = |side: usize| {
            let small = side - 1;
            let pixel = |place: usize| {
                let (position, shift) = (place / 4, place % 4);
                let (image, row, column) = (position / (small * small), position / small % small, position % small);
                whole::compact((image * side + row + shift / 2) * side + column + shift % 2)
            };
            let pixels: Vec<u32> = (0..n_images * small * small * 4).map(pixel).collect();
            RowIndex::new(&pixels, n_images * side * side, device)
        };
        Self { n_images, sides: (2..=largest).map(of_side).collect() }
    }

    /// The four shifted images side by side, `[B, H, H, C]` → `[B·(H − 1)², 4·C]`.
    fn gathered(&self, x: Tensor<4>) -> Tensor<2> {
        let [n, side, _, channels] = x.dims();
        assert_eq!(n, self.n_images, "images of the batch");
        gather_rows(to_rows(x), &self.sides[side - 2]).reshape([n * (side - 1) * (side - 1), 4 * channels])
    }

    /// The adjoint of [`Self::gathered`] for images of this side.
    fn spread(&self, x: Tensor<2>, side: usize) -> Tensor<4> {
        let [rows, wide] = x.dims();
        let sums = segment_sum(x.reshape([rows * 4, wide / 4]), &self.sides[side - 2]);
        sums.reshape([self.n_images, side, side, wide / 4])
    }
}

/// `[B, H, W, C]` → `[B·H·W, C]`.
pub(crate) fn to_rows(x: Tensor<4>) -> Tensor<2> {
    let [n, height, width, channels] = x.dims();
    x.reshape([n * height * width, channels])
}

/// A convolution of 2 × 2 with bias; weights `[4·C, N]`, the shift is the slower index.
#[derive(Module, Debug)]
pub(crate) struct Convolution {
    pub(crate) layer: Linear,
}

impl Convolution {
    pub(crate) fn new(n_input: usize, n_output: usize, source: &mut ParameterSource) -> Self {
        Self { layer: source.dense(4 * n_input, n_output) }
    }

    /// `[B, H, H, C]` → `[B, H − 1, H − 1, N]`.
    pub(crate) fn forward(&self, x: Tensor<4>, shifts: &Shifts) -> Tensor<4> {
        let [n, side, ..] = x.dims();
        linear(&self.layer, shifts.gathered(x)).reshape([n, side - 1, side - 1, self.n_output()])
    }

    /// The adjoint of [`Self::forward`] without its bias: `[B, H − 1, H − 1, N]` → `[B, H, H, C]`.
    pub(crate) fn adjoint(&self, x: Tensor<4>, shifts: &Shifts) -> Tensor<4> {
        let side = x.dims()[1] + 1;
        shifts.spread(matrix_product(to_rows(x), self.layer.weight.val().transpose()), side)
    }

    pub(crate) fn n_output(&self) -> usize {
        self.layer.weight.dims()[1]
    }
}

/// A transposed convolution of 2 × 2 with bias; weights `[C, 4·N]`.
#[derive(Module, Debug)]
pub(crate) struct TransposedConvolution {
    weight: Param<Tensor<2>>,
    bias: Param<Tensor<1>>,
}

impl TransposedConvolution {
    pub(crate) fn new(n_input: usize, n_output: usize, source: &mut ParameterSource) -> Self {
        let Linear { weight, .. } = source.dense_without_bias(n_input, 4 * n_output);
        Self { weight, bias: source.zeros([n_output]) }
    }

    /// `[B, H, H, C]` → `[B, H + 1, H + 1, N]`.
    pub(crate) fn forward(&self, x: Tensor<4>, shifts: &Shifts) -> Tensor<4> {
        let side = x.dims()[1] + 1;
        let [_, wide] = self.weight.dims();
        let products = matrix_product(to_rows(x), self.weight.val());
        shifts.spread(products, side) + self.bias.val().reshape([1, 1, 1, wide / 4])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::module::conv2d;
    use burn::tensor::ops::ConvOptions;
    use tensor_ops::device::available_devices;

    fn random(shape: [usize; 4], seed: u64, source_device: &burn::tensor::Device) -> Tensor<4> {
        ParameterSource::new(seed, source_device).uniform(shape, 1.0).val()
    }

    #[test]
    fn shifted_images_make_the_convolution_and_its_adjoint() {
        for device in available_devices() {
            let mut source = ParameterSource::new(1, &device);
            let convolution = Convolution::new(3, 5, &mut source);
            let shifts = Shifts::new(2, 5, &device);
            let x = random([2, 5, 5, 3], 2, &device);
            let found = convolution.forward(x.clone(), &shifts);
            assert_eq!(found.dims(), [2, 4, 4, 5]);
            // burn's layout: [B, C, H, W], weights [N, C, 2, 2].
            let weight = convolution.layer.weight.val().reshape([2, 2, 3, 5]).permute([3, 2, 0, 1]);
            let options = ConvOptions::new([1, 1], [0, 0], [1, 1], 1);
            let expected = conv2d(x.clone().permute([0, 3, 1, 2]), weight, None, options).permute([0, 2, 3, 1]);
            let difference = (found.clone() - expected).abs().max().into_scalar::<f32>();
            assert!(difference < 1e-5, "{difference}");
            let y = random([2, 4, 4, 5], 3, &device);
            let sum = |a: Tensor<4>, b: Tensor<4>| (a * b).sum().into_scalar::<f32>();
            let (there, back) = (sum(found, y.clone()), sum(x, convolution.adjoint(y, &shifts)));
            assert!((there - back).abs() < 1e-4 * (1.0 + there.abs()), "{there} {back}");
        }
    }

    #[test]
    fn the_transposed_one_grows_by_one() {
        for device in available_devices() {
            let layer = TransposedConvolution::new(2, 3, &mut ParameterSource::new(1, &device));
            // The same sums in a plain loop.
            for side in [1, 2] {
                let x = random([1, side, side, 2], 4, &device);
                let values: Vec<f32> = x.clone().into_data().iter::<f32>().collect();
                let weights: Vec<f32> = layer.weight.val().into_data().iter::<f32>().collect();
                let wide = side + 1;
                let mut expected = vec![0.0_f32; wide * wide * 3];
                for (row, column, shift) in (0..side * side * 4).map(|k| (k / (4 * side), k / 4 % side, k % 4)) {
                    for (input, output) in (0..6).map(|k| (k / 3, k % 3)) {
                        let place = (row + shift / 2) * wide + column + shift % 2;
                        expected[place * 3 + output] +=
                            values[(row * side + column) * 2 + input] * weights[input * 12 + shift * 3 + output];
                    }
                }
                let found: Vec<f32> = layer.forward(x, &Shifts::new(1, 3, &device)).into_data().iter::<f32>().collect();
                assert!(found.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-5), "{found:?} {expected:?}");
            }
        }
    }
}
