//! Dense layers, forward and backward.

use burn::module::Param;
use burn::nn::Linear;
use burn::tensor::Device;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tensor_ops::{add_dense_swish, dense, dense_swish, linear};

use super::{Comparison, Mode, ParityOptions, deviation, download, upload};

/// Rows of the cases: one, almost a tile, several, several per cube and a ragged end.
const ROWS: [usize; 4] = [1, 63, 1000, 70_001];
/// Inputs and outputs: those of the network and of its gradients.
const WIDTHS: [(usize, usize); 10] =
    [(10, 64), (10, 10), (64, 64), (67, 64), (64, 128), (128, 64), (128, 128), (128, 2), (32, 67), (33, 32)];

/// What a layer is given, and by which sum of its outputs it is differentiated.
struct Layer {
    sizes: [usize; 3],
    x: Vec<f32>,
    weight: Vec<f32>,
    bias: Vec<f32>,
    residual: Vec<f32>,
    slope: Vec<f32>,
}

impl Layer {
    fn new(sizes @ [rows, inputs, outputs]: [usize; 3]) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64((rows * 1_000_003 + inputs * 1009 + outputs) as u64);
        let mut random = |count: usize, bound: f32| (0..count).map(|_| rng.random_range(-bound..bound)).collect();
        let x = random(rows * inputs, 1.0);
        let weight = random(inputs * outputs, (6.0 / (inputs + outputs) as f32).sqrt());
        let [bias, residual, slope] = [outputs, rows * outputs, rows * outputs].map(|count| random(count, 1.0));
        Self { sizes, x, weight, bias, residual, slope }
    }

    /// Rows of zeros at the end.
    fn padded(&self, n: usize) -> Self {
        let [rows, inputs, outputs] = self.sizes;
        let extend = |values: &[f32], columns: usize| [values, &vec![0.0; n * columns]].concat();
        Self {
            sizes: [rows + n, inputs, outputs],
            x: extend(&self.x, inputs),
            weight: self.weight.clone(),
            bias: self.bias.clone(),
            residual: extend(&self.residual, outputs),
            slope: extend(&self.slope, outputs),
        }
    }

    /// Values and gradients of `residual + swish(x·W + b)`, of `swish(x·W)` and of `x·W + b`.
    fn evaluate(&self, device: &Device) -> Vec<(&'static str, bool, Vec<f32>)> {
        let [rows, inputs, outputs] = self.sizes;
        let autodiff = device.clone().autodiff();
        let layer = |device: &Device, with_bias: bool| Linear {
            weight: Param::from_tensor(upload(&self.weight, [inputs, outputs], device)),
            bias: with_bias.then(|| Param::from_tensor(upload(&self.bias, [outputs], device))),
        };
        let plain = layer(device, true);
        let input = || upload(&self.x, [rows, inputs], device);
        let residual = upload(&self.residual, [rows, outputs], device);
        let mut found = vec![
            ("swish layer, added", false, download(add_dense_swish(residual, &plain, input()))),
            ("swish layer", false, download(dense_swish(&plain, input()))),
        ];
        let slope = upload(&self.slope, [rows, outputs], &autodiff);
        let residual = upload(&self.residual, [rows, outputs], &autodiff).require_grad();
        for case in 0..3 {
            let x = upload(&self.x, [rows, inputs], &autodiff).require_grad();
            let layer = layer(&autodiff, case != 1);
            let output = match case {
                0 => add_dense_swish(residual.clone(), &layer, x.clone()),
                1 => dense_swish(&layer, x.clone()),
                _ => linear(&layer, x.clone()),
            };
            let names = [
                ["swish layer, added, kept", "its gradient by x", "its gradient by W", "its gradient by b"],
                ["swish layer without b, kept", "its gradient by x", "its gradient by W", "its gradient by b"],
                ["layer", "its gradient by x", "its gradient by W", "its gradient by b"],
            ][case];
            found.push((names[0], false, download(output.clone())));
            let gradients = (output * slope.clone()).sum().backward();
            found.push((names[1], true, x.grad(&gradients).map_or_else(Vec::new, download)));
            found.push((names[2], true, layer.weight.val().grad(&gradients).map_or_else(Vec::new, download)));
            if let Some(bias) = &layer.bias {
                found.push((names[3], true, bias.val().grad(&gradients).map_or_else(Vec::new, download)));
            }
            if case == 0 {
                found.push((
                    "its gradient by the residual",
                    true,
                    residual.grad(&gradients).map_or_else(Vec::new, download),
                ));
            }
        }
        found
    }
}

/// All cases that the options leave.
pub(super) fn compare(mode: Mode, device: &Device, processor: &Device, options: &ParityOptions) -> Vec<Comparison> {
    let [of_values, of_gradients] = mode.tolerances();
    let mut comparisons = Vec::new();
    for rows in ROWS.into_iter().filter(|rows| *rows <= options.max_rows) {
        let wanted = |(inputs, _): &(usize, usize)| options.inputs.is_empty() || options.inputs.contains(inputs);
        for (inputs, outputs) in WIDTHS.into_iter().filter(wanted) {
            let layer = Layer::new([rows, inputs, outputs]);
            let case = format!("{rows} × {inputs} → {outputs}");
            let found = layer.evaluate(device);
            let results = found.iter().zip(layer.evaluate(processor));
            comparisons.extend(results.map(|((what, gradient, found), (_, _, expected))| Comparison {
                mode,
                what: (*what).to_owned(),
                case: case.clone(),
                error: deviation(found, &expected),
                tolerance: if *gradient { of_gradients } else { of_values },
            }));
            // Bit for bit: the same again, and with rows that are padding. Without tensor cores, long sums are
            // cut by the number of rows.
            let again = layer.evaluate(device);
            let mut same = vec![("the same twice", again)];
            if mode != Mode::Plain {
                same.push(("the same with padding", layer.padded(700).evaluate(device)));
            }
            for (what, again) in same {
                let pairs = found.iter().zip(&again);
                let equal = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits());
                let all_equal = pairs.into_iter().all(|((_, _, a), (_, _, b))| equal(a, b));
                let error = if all_equal { 0.0 } else { f64::INFINITY };
                comparisons.push(Comparison { mode, what: what.to_owned(), case: case.clone(), error, tolerance: 0.0 });
            }
        }
        comparisons.extend(batches(mode, [7, rows, 10, 64], device, processor));
    }
    comparisons
}

/// Products of several matrices at once.
fn batches(mode: Mode, sizes: [usize; 4], device: &Device, processor: &Device) -> [Comparison; 3] {
    let [batches, rows, inputs, outputs] = sizes;
    let mut rng = ChaCha8Rng::seed_from_u64(rows as u64);
    let mut random = |count: usize| -> Vec<f32> { (0..count).map(|_| rng.random_range(-1.0..1.0)).collect() };
    let [x, weight, slope] = [rows * inputs, inputs * outputs, rows * outputs].map(|count| random(batches * count));
    let evaluate = |device: &Device| {
        let device = device.clone().autodiff();
        let x = upload(&x, [batches, rows, inputs], &device).require_grad();
        let weight = upload(&weight, [batches, inputs, outputs], &device).require_grad();
        let output = dense(x.clone(), weight.clone());
        let gradients = (output.clone() * upload(&slope, [batches, rows, outputs], &device)).sum().backward();
        [
            download(output),
            x.grad(&gradients).map_or_else(Vec::new, download),
            weight.grad(&gradients).map_or_else(Vec::new, download),
        ]
    };
    let (found, expected) = (evaluate(device), evaluate(processor));
    let [of_values, of_gradients] = mode.tolerances();
    let parts = [
        ("batches", of_values),
        ("gradient of batches by x", of_gradients),
        ("gradient of batches by W", of_gradients),
    ];
    std::array::from_fn(|k| Comparison {
        mode,
        what: parts[k].0.to_owned(),
        case: format!("{batches} × {rows} × {inputs} → {outputs}"),
        error: deviation(&found[k], &expected[k]),
        tolerance: parts[k].1,
    })
}
