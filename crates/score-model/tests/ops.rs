//! The own operations against plain tensors, finite differences and, for the angular message, the explicit sum over triplets.

use burn::Tensor;
use burn::backend::Dispatch;
use burn::tensor::{Device, TensorData};
use multigraph::BatchedMultiGraph;
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use score_model::basis::real_harmonics;
use score_model::conformance::{available_devices, join, random_graph};
use score_model::ops::{self, RowIndex};

fn random(count: usize, rng: &mut impl Rng) -> Vec<f32> {
    (0..count).map(|_| rng.random_range(-1.0..1.0)).collect()
}

fn upload<const D: usize>(values: &[f32], shape: [usize; D], device: &Device) -> Tensor<D> {
    Tensor::from_data(TensorData::new(values.to_vec(), shape), device)
}

fn download<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}

fn assert_close(found: &[f32], expected: &[f64], tolerance: f64, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let scale = expected.iter().fold(0.0_f64, |largest, value| largest.max(value.abs()));
    for (k, (found, expected)) in found.iter().zip(expected).enumerate() {
        let deviation = (f64::from(*found) - expected).abs();
        assert!(deviation <= tolerance * scale, "{what}[{k}]: {found} against {expected}, largest {scale}");
    }
}

fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|value| f64::from(*value)).collect()
}

/// Targets of 40 rows with an empty target and a full one.
fn some_rows() -> Vec<u32> {
    (0..40).map(|row: u32| if row.is_multiple_of(3) { 5 } else { (row * 7) % 9 }).filter(|target| *target != 4).collect()
}

#[test]
fn rows_and_segments_agree_with_loops_and_are_transposes() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let index = some_rows();
    let (n_rows, n_targets, columns) = (index.len(), 9, 6);
    for device in available_devices() {
        let device = device.autodiff();
        let rows = RowIndex::new(&index, n_targets, &device);
        assert_eq!((rows.n_rows(), rows.n_targets()), (n_rows, n_targets));
        let (sites, edges) = (random(n_targets * columns, &mut rng), random(n_rows * columns, &mut rng));

        let x = upload(&sites, [n_targets, columns], &device).require_grad();
        let y = upload(&edges, [n_rows, columns], &device).require_grad();
        let gathered = ops::gather_rows(x.clone(), &rows);
        let summed = ops::segment_sum(y.clone(), &rows);

        let mut expected_gathered = Vec::new();
        let mut expected_summed = vec![0.0; n_targets * columns];
        for (row, &target) in index.iter().enumerate() {
            for c in 0..columns {
                expected_gathered.push(f64::from(sites[target as usize * columns + c]));
                expected_summed[target as usize * columns + c] += f64::from(edges[row * columns + c]);
            }
        }
        assert_close(&download(gathered.clone()), &expected_gathered, 1e-6, "gather");
        assert_close(&download(summed.clone()), &expected_summed, 1e-6, "segment sum");

        // d/dx Σ gather(x)·y = segment_sum(y), d/dy Σ segment_sum(y)·x = gather(x).
        let grads = (gathered * y.clone().detach()).sum().backward();
        assert_close(&download(x.grad(&grads).expect("tracked")), &expected_summed, 1e-6, "gradient of gather");
        let grads = (summed * x.clone().detach()).sum().backward();
        assert_close(&download(y.grad(&grads).expect("tracked")), &expected_gathered, 1e-6, "gradient of segment sum");
    }
}

#[test]
fn rows_agree_with_the_plain_reference() {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let index = some_rows();
    for device in available_devices() {
        let rows = RowIndex::new(&index, 9, &device);
        let x = upload(&random(9 * 5, &mut rng), [9, 5], &device);
        let y = upload(&random(index.len() * 5, &mut rng), [index.len(), 5], &device);
        let reference = Tensor::<2>::from_dispatch(ops::rows::reference::gather_rows::<Dispatch>(
            x.clone().into_dispatch(),
            rows.index.clone().into_dispatch(),
        ));
        assert_eq!(download(ops::gather_rows(x, &rows)), download(reference));
        let reference = Tensor::<2>::from_dispatch(ops::rows::reference::segment_sum::<Dispatch>(
            y.clone().into_dispatch(),
            rows.index.clone().into_dispatch(),
            rows.offsets.clone().into_dispatch(),
        ));
        assert_close(&download(ops::segment_sum(y, &rows)), &wide(&download(reference)), 1e-6, "segment sum");
    }
}

#[test]
fn swish_agrees_with_its_formula_and_its_slope() {
    let values: Vec<f32> = (-400..=400).map(|k| k as f32 * 0.05).chain([-1e4, 1e4]).collect();
    let exact = |x: f64| x / (1.0 + (-x).exp());
    let slope = |x: f64| {
        let sigma = 1.0 / (1.0 + (-x).exp());
        sigma * (1.0 + x * (1.0 - sigma))
    };
    for device in available_devices() {
        let device = device.autodiff();
        let x = upload(&values, [values.len()], &device).require_grad();
        let y = ops::swish(x.clone());
        let expected: Vec<f64> = wide(&values).into_iter().map(exact).collect();
        let found = download(y.clone());
        for (found, expected) in found.iter().zip(&expected) {
            assert!((f64::from(*found) - expected).abs() <= 1e-6 * (1.0 + expected.abs()), "{found} {expected}");
        }
        let grads = y.sum().backward();
        let expected: Vec<f64> = wide(&values).into_iter().map(|x| if x < -700.0 { 0.0 } else { slope(x) }).collect();
        assert_close(&download(x.grad(&grads).expect("tracked")), &expected, 1e-6, "slope of swish");
    }
}

/// A case of the angular message: several sites, one without edges.
struct Angular {
    graph: BatchedMultiGraph,
    columns: usize,
    degrees: usize,
    x: Vec<f32>,
    filters: Vec<f32>,
    harmonics: Vec<f32>,
    weights: Vec<f32>,
}

impl Angular {
    fn new(degrees: usize, columns: usize, seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut graph = join(&[random_graph(4, 40, &mut rng), random_graph(1, 9, &mut rng)]);
        let last = *graph.offsets.last().expect("offsets are not empty");
        graph.offsets.push(last);
        let n_edges = graph.n_edges();
        let mut harmonics = Vec::new();
        for direction in &graph.directions {
            let mut values = vec![0.0; degrees * degrees];
            real_harmonics(direction.map(f64::from), degrees, &mut values);
            harmonics.extend(values.iter().map(|value| *value as f32));
        }
        Self {
            columns,
            degrees,
            x: random(n_edges * columns, &mut rng),
            filters: random(degrees * n_edges * columns, &mut rng),
            harmonics,
            weights: random(n_edges * columns, &mut rng),
            graph,
        }
    }

    fn source(&self, device: &Device) -> RowIndex {
        let n_sites = self.graph.offsets.len() - 1;
        let index: Vec<u32> = (0..n_sites)
            .flat_map(|site| vec![site as u32; (self.graph.offsets[site + 1] - self.graph.offsets[site]) as usize])
            .collect();
        RowIndex::new(&index, n_sites, device)
    }

    /// The sum over triplets with Legendre polynomials of the explicit cosine, in double precision: message, and the gradients of
    /// `Σ weights·message` by x and by the filters.
    fn by_triplets(&self) -> [Vec<f64>; 3] {
        let n_edges = self.graph.n_edges();
        let columns = self.columns;
        let mut message = vec![0.0; n_edges * columns];
        let mut grad_x = vec![0.0; n_edges * columns];
        let mut grad_filters = vec![0.0; self.degrees * n_edges * columns];
        for range in self.graph.offsets.windows(2) {
            for e in range[0] as usize..range[1] as usize {
                for k in range[0] as usize..range[1] as usize {
                    let (u, v) = (self.graph.directions[e].map(f64::from), self.graph.directions[k].map(f64::from));
                    let norm = |w: [f64; 3]| w.iter().map(|x| x * x).sum::<f64>().sqrt();
                    let cosine = (u[0] * v[0] + u[1] * v[1] + u[2] * v[2]) / (norm(u) * norm(v));
                    let legendre = legendre_polynomials(cosine, self.degrees);
                    for c in 0..columns {
                        let weight = f64::from(self.weights[e * columns + c]);
                        let x = f64::from(self.x[k * columns + c]);
                        for (l, p) in legendre.iter().enumerate() {
                            let entry = (l * n_edges + k) * columns + c;
                            let filter = f64::from(self.filters[entry]);
                            message[e * columns + c] += x * filter * p;
                            grad_x[k * columns + c] += weight * filter * p;
                            grad_filters[entry] += weight * x * p;
                        }
                    }
                }
            }
        }
        [message, grad_x, grad_filters]
    }

    /// The same by the operation under test or by its reference.
    fn by_operation(&self, device: &Device, plain: bool) -> [Vec<f32>; 3] {
        let n_edges = self.graph.n_edges();
        let x = upload(&self.x, [n_edges, self.columns], device).require_grad();
        let filters = upload(&self.filters, [self.degrees, n_edges, self.columns], device).require_grad();
        let harmonics = upload(&self.harmonics, [n_edges, self.degrees * self.degrees], device);
        let source = self.source(device);
        let message = if plain {
            Tensor::<2>::from_dispatch(ops::angular_message::reference::forward::<Dispatch>(
                x.clone().into_dispatch(),
                filters.clone().into_dispatch(),
                harmonics.into_dispatch(),
                source.index.into_dispatch(),
                source.offsets.into_dispatch(),
            ))
        } else {
            ops::angular_message(x.clone(), filters.clone(), harmonics, &source)
        };
        let grads = (message.clone() * upload(&self.weights, [n_edges, self.columns], device)).sum().backward();
        [download(message), download(x.grad(&grads).expect("tracked")), download(filters.grad(&grads).expect("tracked"))]
    }
}

fn legendre_polynomials(x: f64, degrees: usize) -> Vec<f64> {
    let mut values = vec![1.0, x];
    for l in 1..degrees {
        values.push(((2 * l + 1) as f64 * x * values[l] - l as f64 * values[l - 1]) / (l + 1) as f64);
    }
    values.truncate(degrees);
    values
}

#[test]
fn angular_message_is_the_sum_over_triplets() {
    for (degrees, columns) in [(1, 1), (2, 3), (5, 16), (7, 20)] {
        let case = Angular::new(degrees, columns, degrees as u64);
        let expected = case.by_triplets();
        for device in available_devices() {
            let found = case.by_operation(&device.autodiff(), false);
            for (what, (found, expected)) in
                ["message", "gradient by x", "gradient by filters"].iter().zip(found.iter().zip(&expected))
            {
                assert_close(found, expected, 1e-5, &format!("{what}, {degrees} degrees"));
            }
        }
    }
}

#[test]
fn angular_message_agrees_with_the_plain_reference() {
    let case = Angular::new(6, 12, 11);
    for device in available_devices() {
        let device = device.autodiff();
        for (found, expected) in case.by_operation(&device, false).iter().zip(case.by_operation(&device, true)) {
            assert_close(found, &wide(&expected), 1e-5, "angular message");
        }
    }
}

#[test]
fn gradients_agree_with_finite_differences() {
    // Through all operations at once: swish of a gather, an angular message, a segment sum. Steps of 1e-2 in single precision: 1e-3 relative is
    // what such a difference can show.
    let case = Angular::new(4, 3, 5);
    let n_edges = case.graph.n_edges();
    for device in available_devices() {
        let device = device.autodiff();
        let source = case.source(&device);
        let filters = upload(&case.filters, [case.degrees, n_edges, case.columns], &device);
        let harmonics = upload(&case.harmonics, [n_edges, case.degrees * case.degrees], &device);
        let reverse = RowIndex::new(&case.graph.reverse, n_edges, &device);
        let value = |x: Tensor<2>| {
            let x = ops::gather_rows(ops::swish(x), &reverse);
            let message = ops::angular_message(x, filters.clone(), harmonics.clone(), &source);
            ops::segment_sum(message, &source).powi_scalar(2).sum()
        };
        let x = upload(&case.x, [n_edges, case.columns], &device).require_grad();
        let grads = value(x.clone()).backward();
        let grad = wide(&download(x.grad(&grads).expect("tracked")));
        let scale = grad.iter().fold(0.0_f64, |largest, g| largest.max(g.abs()));
        for k in (0..case.x.len()).step_by(17) {
            let at = |shift: f32| {
                let mut moved = case.x.clone();
                moved[k] += shift;
                f64::from(download(value(upload(&moved, [n_edges, case.columns], &device)))[0])
            };
            let difference = (at(1e-2) - at(-1e-2)) / 2e-2;
            assert!((difference - grad[k]).abs() < 5e-3 * scale, "entry {k}: {difference} {}", grad[k]);
        }
    }
}

#[cfg(feature = "cpu")]
#[test]
fn bits_do_not_depend_on_the_number_of_threads() {
    let case = Angular::new(7, 33, 3);
    let device = Device::flex().autodiff();
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads can be started");
        pool.install(|| case.by_operation(&device, false))
    };
    let one = run(1);
    for threads in [2, 3, 8] {
        for (a, b) in one.iter().zip(run(threads)) {
            assert!(a.iter().zip(&b).all(|(a, b)| a.to_bits() == b.to_bits()), "{threads} threads");
        }
    }
}
