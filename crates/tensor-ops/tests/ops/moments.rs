//! Moments of each degree, and products of radial and angular functions.

use burn::Tensor;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use tensor_ops::device::available_devices;
use tensor_ops::{self as ops};

use super::{Angular, assert_close, download, random, upload};

#[test]
fn angular_moments_are_the_sum_over_triplets() {
    for (degrees, columns) in [(1, 1), (3, 5), (7, 20)] {
        let case = Angular::new(degrees, columns, 20 + degrees as u64);
        let n_edges = case.graph.n_edges();
        let [message, _, grad_filters] = case.by_triplets();
        for device in available_devices() {
            let device = device.autodiff();
            let values = upload(&case.weights, [n_edges, columns], &device).require_grad();
            let harmonics = upload(&case.harmonics, [n_edges, degrees * degrees], &device);
            let moments = ops::angular_moments(values.clone(), harmonics, &case.source(&device));
            assert_eq!(moments.dims(), [degrees, n_edges, columns]);
            // What the explicit sum has for the filters is the moment of the weights times x.
            let x = upload(&case.x, [n_edges, columns], &device).unsqueeze::<3>();
            assert_close(&download(moments.clone() * x.clone()), &grad_filters, 1e-5, "moments");
            let filters = upload(&case.filters, [degrees, n_edges, columns], &device);
            let grads = (moments * filters * x).sum().backward();
            assert_close(&download(values.grad(&grads).expect("tracked")), &message, 1e-5, "gradient of moments");
        }
    }
}

#[test]
fn degree_products_agree_with_loops() {
    let mut rng = ChaCha8Rng::seed_from_u64(31);
    for [n_edges, degrees, width, columns] in [[1, 1, 1, 1], [37, 3, 4, 5], [300, 7, 16, 64]] {
        let radial = random(n_edges * degrees * width, &mut rng);
        let angular = random(degrees * n_edges * columns, &mut rng);
        let weights = random(n_edges * width * columns, &mut rng);
        let mut expected = [vec![0.0; weights.len()], vec![0.0; radial.len()], vec![0.0; angular.len()]];
        for edge in 0..n_edges {
            for l in 0..degrees {
                for i in 0..width {
                    for c in 0..columns {
                        let a = (edge * degrees + l) * width + i;
                        let b = (l * n_edges + edge) * columns + c;
                        let out = (i * n_edges + edge) * columns + c;
                        let [x, y, w] = [radial[a], angular[b], weights[out]].map(f64::from);
                        expected[0][out] += x * y;
                        expected[1][a] += w * y;
                        expected[2][b] += w * x;
                    }
                }
            }
        }
        for device in available_devices() {
            let device = device.autodiff();
            let radial = upload(&radial, [n_edges, degrees * width], &device).require_grad();
            let angular = upload(&angular, [degrees, n_edges, columns], &device).require_grad();
            let products: Tensor<3> = ops::degree_products(radial.clone(), angular.clone());
            let grads = (products.clone() * upload(&weights, [width, n_edges, columns], &device)).sum().backward();
            assert_close(&download(products), &expected[0], 1e-5, "products");
            assert_close(&download(radial.grad(&grads).expect("tracked")), &expected[1], 1e-5, "radial gradient");
            assert_close(&download(angular.grad(&grads).expect("tracked")), &expected[2], 1e-5, "angular gradient");
        }
    }
}
