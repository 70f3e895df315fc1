//! What training needs: the optimiser, norms of layers, losses.

use super::*;

#[test]
fn adam_agrees_with_its_formula() {
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    let n = 700;
    let step = ops::adam::AdamStep {
        learning_rate: 0.01,
        betas: (0.9, 0.999),
        epsilon: 1e-8,
        corrections: (1.0 / (1.0 - 0.9_f32.powi(3)), 1.0 / (1.0 - 0.999_f32.powi(3))),
        norm_limit: 1.0,
        average_decay: 0.75,
    };
    let [value, first, average, gradient] = [(); 4].map(|()| random(n, &mut rng));
    let second: Vec<f32> = random(n, &mut rng).iter().map(|x| x * x).collect();
    let norm: f64 = 0.25 + gradient.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>();
    let factor = (1.0 / (norm.sqrt() + 1e-6)).min(1.0);
    assert!(factor < 1.0, "the case clips");
    let mut expected: [Vec<f64>; 4] = Default::default();
    for k in 0..n {
        let gradient = f64::from(gradient[k]) * factor;
        let first = 0.9 * f64::from(first[k]) + 0.1 * gradient;
        let second = 0.999 * f64::from(second[k]) + 0.001 * gradient * gradient;
        let (first_hat, second_hat) = (first / (1.0 - 0.9_f64.powi(3)), second / (1.0 - 0.999_f64.powi(3)));
        let value = f64::from(value[k]) - 0.01 * first_hat / (second_hat.sqrt() + 1e-8);
        let average = 0.75 * f64::from(average[k]) + 0.25 * value;
        for (values, new) in expected.iter_mut().zip([value, first, second, average]) {
            values.push(new);
        }
    }
    for device in available_devices() {
        let flat = |values: &[f32]| upload(values, [n], &device);
        let parameter = ops::adam::AdamParameter {
            value: flat(&value),
            first_moment: flat(&first),
            second_moment: flat(&second),
            average: flat(&average),
        };
        let norm_tensor = ops::adam::add_squared_norm(upload(&[0.25], [1], &device), flat(&gradient));
        assert_close(&download(norm_tensor.clone()), &[norm], 1e-5, "squared norm");
        let parameter = ops::adam::adam_step(parameter, flat(&gradient), norm_tensor, step);
        let found = [parameter.value, parameter.first_moment, parameter.second_moment, parameter.average];
        for (found, expected) in found.into_iter().zip(&expected) {
            // The correction of β₂ = 0.999 loses three digits in single precision.
            assert_close(&download(found), expected, 1e-4, "step");
        }
    }
}

#[test]
fn layer_norm_agrees_with_its_formula_forward_and_backward() {
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    // One column more than the units of a row, and more rows than one piece of the summed gradient.
    for (rows, columns) in [(1, 5), (70, 33), (1100, 18)] {
        let [x, g] = [(); 2].map(|()| random(rows * columns, &mut rng));
        let [gamma, beta] = [(); 2].map(|()| random(columns, &mut rng));
        let (mut expected, mut grad_x) = (Vec::new(), Vec::new());
        let (mut grad_gamma, mut grad_beta) = (vec![0.0; columns], vec![0.0; columns]);
        for (x, g) in wide(&x).chunks_exact(columns).zip(wide(&g).chunks_exact(columns)) {
            let n = columns as f64;
            let mean = x.iter().sum::<f64>() / n;
            let scale = 1.0 / (x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n + 1e-5).sqrt();
            let normal: Vec<f64> = x.iter().map(|x| (x - mean) * scale).collect();
            let inner: Vec<f64> = g.iter().zip(&gamma).map(|(g, gamma)| g * f64::from(*gamma)).collect();
            let total = inner.iter().sum::<f64>() / n;
            let along = inner.iter().zip(&normal).map(|(inner, normal)| inner * normal).sum::<f64>() / n;
            for c in 0..columns {
                expected.push(f64::from(gamma[c]) * normal[c] + f64::from(beta[c]));
                grad_x.push(scale * (inner[c] - total - normal[c] * along));
                grad_gamma[c] += g[c] * normal[c];
                grad_beta[c] += g[c];
            }
        }
        for device in available_devices() {
            let device = device.autodiff();
            let input = upload(&x, [rows, columns], &device).require_grad();
            let mut layer = burn::nn::LayerNormConfig::new(columns).init(&device);
            layer.gamma = burn::module::Param::from_tensor(upload(&gamma, [columns], &device));
            layer.beta = Some(burn::module::Param::from_tensor(upload(&beta, [columns], &device)));
            let output = ops::layer_norm(&layer, input.clone());
            assert_close(&download(output.clone()), &expected, 1e-5, "layer norm");
            let grads = (output * upload(&g, [rows, columns], &device)).sum().backward();
            assert_close(&download(input.grad(&grads).expect("tracked")), &grad_x, 1e-4, "gradient by x");
            assert_close(
                &download(layer.gamma.val().grad(&grads).expect("tracked")),
                &grad_gamma,
                1e-4,
                "gradient by γ",
            );
            let beta = layer.beta.as_ref().and_then(|beta| beta.val().grad(&grads)).expect("tracked");
            assert_close(&download(beta), &grad_beta, 1e-4, "gradient by β");
        }
    }
}

#[test]
fn the_loss_agrees_with_its_formula_forward_and_backward() {
    let mut rng = ChaCha8Rng::seed_from_u64(12);
    let shape = [301, 3];
    let [estimate, target, weights] = [(); 3].map(|()| random(shape[0] * shape[1], &mut rng));
    let error = |k: usize| f64::from(estimate[k]) - f64::from(target[k]);
    let count = estimate.len();
    let loss: f64 = (0..count).map(|k| f64::from(weights[k]) * error(k).powi(2)).sum();
    let slope: Vec<f64> = (0..count).map(|k| 2.0 * 0.5 * f64::from(weights[k]) * error(k)).collect();
    // The sum has both signs: its rounding is measured by the sum of the absolute values.
    let size: f64 = (0..count).map(|k| f64::from(weights[k]).abs() * error(k).powi(2)).sum();
    for device in available_devices() {
        let device = device.autodiff();
        let input = upload(&estimate, shape, &device).require_grad();
        let found =
            ops::squared_error(input.clone(), upload(&target, shape, &device), upload(&weights, shape, &device));
        assert!((f64::from(download(found.clone())[0]) - loss).abs() <= 1e-6 * size);
        let grads = (found * 0.5).backward();
        assert_close(&download(input.grad(&grads).expect("tracked")), &slope, 1e-5, "gradient of the loss");
    }
}
