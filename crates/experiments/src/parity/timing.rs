//! How long a dense layer with its activation takes, and its gradients.

use std::time::Instant;

use anyhow::{Context, Result};
use burn::backend::Dispatch;
use burn::module::Param;
use burn::nn::Linear;
use burn::tensor::{Device, Distribution, Tensor};
use tensor_ops::{DenseOps, DenseSwishOps, SwishOps, SwishParts, add_dense_swish, dense_swish};

use super::{Mode, Timing};

const REPETITIONS: usize = 10;
/// Inputs, which are as many as outputs.
const WIDTHS: [usize; 2] = [64, 128];

/// Seconds of one repetition; the first ones are not counted.
fn seconds(device: &Device, mut work: impl FnMut()) -> Result<f64> {
    for _ in 0..3 {
        work();
    }
    device.sync().context("waiting for the device")?;
    let start = Instant::now();
    for _ in 0..REPETITIONS {
        work();
    }
    device.sync().context("waiting for the device")?;
    Ok(start.elapsed().as_secs_f64() / REPETITIONS as f64)
}

/// Timings of all parts with `n_rows` rows.
pub(super) fn measure(mode: Mode, device: &Device, n_rows: usize) -> Result<Vec<Timing>> {
    let mut timings = Vec::new();
    for width in WIDTHS {
        let random = |rows: usize| Tensor::<2>::random([rows, width], Distribution::Uniform(-1.0, 1.0), device);
        let [x, grad, inner] = [(); 3].map(|()| random(n_rows));
        let weight = random(width);
        let bias = Tensor::<1>::random([width], Distribution::Default, device);
        let layer = Linear { weight: Param::from_tensor(weight.clone()), bias: Some(Param::from_tensor(bias)) };
        let batch = |tensor: &Tensor<2>| tensor.clone().unsqueeze::<3>().into_dispatch();
        let mut row = |what: &str, tensors: usize, seconds: f64| {
            let operations = 2.0 * (n_rows * width * width) as f64;
            let bytes = (tensors * 4 * n_rows * width) as f64;
            timings.push(Timing {
                mode,
                what: format!("{what}, {n_rows} × {width} → {width}"),
                microseconds: 1e6 * seconds,
                tera_operations_per_second: operations / seconds / 1e12,
                gigabytes_per_second: bytes / seconds / 1e9,
            });
        };
        row("swish layer", 2, seconds(device, || drop(dense_swish(&layer, x.clone())))?);
        row("swish layer, added", 3, seconds(device, || drop(add_dense_swish(grad.clone(), &layer, x.clone())))?);
        let gradient = || <Dispatch as DenseOps>::dense_input_gradient(batch(&grad), batch(&weight));
        row("input gradient", 2, seconds(device, || drop(gradient()))?);
        let gradients = || <Dispatch as DenseOps>::dense_parameter_gradients(batch(&grad), batch(&x));
        row("weight and bias gradient", 2, seconds(device, || drop(gradients()))?);
        let slope = || <Dispatch as SwishOps>::swish_backward(batch(&grad), batch(&x));
        let all = || {
            <Dispatch as DenseSwishOps>::dense_swish_gradients(
                batch(&grad),
                batch(&inner),
                batch(&x),
                batch(&weight),
                SwishParts { bias: true, residual: false },
            )
        };
        row("all gradients of a swish layer", 4, seconds(device, || drop(all()))?);
        row("gradient of swish", 3, seconds(device, || drop(slope()))?);
    }
    Ok(timings)
}
