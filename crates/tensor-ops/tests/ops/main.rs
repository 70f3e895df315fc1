//! The own operations against plain tensors, finite differences and, for the angular message, the explicit sum over
//! triplets.
#![expect(clippy::cast_possible_truncation, reason = "expected values in the precision of the tensors")]

mod moments;
mod optimising;

use burn::Tensor;
use burn::backend::Dispatch;
use burn::tensor::{Device, TensorData};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tensor_ops::basis::real_harmonics;
use tensor_ops::device::available_devices;
use tensor_ops::{self as ops, RowIndex};

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
    (0..40)
        .map(|row: u32| if row.is_multiple_of(3) { 5 } else { (row * 7) % 9 })
        .filter(|target| *target != 4)
        .collect()
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

/// Edges of sites, sorted by site, as a graph has them.
struct Edges {
    /// Edges of site i: `offsets[i]..offsets[i + 1]`.
    offsets: Vec<usize>,
    /// Another edge for each, here any permutation that is its own inverse.
    reverse: Vec<u32>,
    directions: Vec<[f32; 3]>,
}

impl Edges {
    fn random(degrees: &[usize], rng: &mut impl Rng) -> Self {
        let mut offsets = vec![0];
        offsets.extend(degrees.iter().scan(0, |sum, degree| {
            *sum += degree;
            Some(*sum)
        }));
        let n_edges = offsets[degrees.len()];
        let last = u32::try_from(n_edges - 1).expect("few edges");
        let direction = |()| -> [f32; 3] {
            let z: f32 = rng.random_range(-1.0..1.0);
            let (sin, cos) = rng.random_range(0.0..std::f32::consts::TAU).sin_cos();
            [(1.0 - z * z).sqrt() * cos, (1.0 - z * z).sqrt() * sin, z]
        };
        let directions = std::iter::repeat_n((), n_edges).map(direction).collect();
        Self { offsets, reverse: (0..=last).rev().collect(), directions }
    }

    fn n_edges(&self) -> usize {
        self.directions.len()
    }
}

/// A case of the angular message: several sites, one without edges, one with more than a kernel takes at once.
struct Angular {
    graph: Edges,
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
        let graph = Edges::random(&[22, 17, 1, 135, 16, 0], &mut rng);
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
        let ranges = self.graph.offsets.windows(2).zip(0_u32..);
        let index: Vec<u32> = ranges.flat_map(|(range, site)| vec![site; range[1] - range[0]]).collect();
        RowIndex::new(&index, n_sites, device)
    }

    /// The sum over triplets with Legendre polynomials of the explicit cosine, in double precision: message, and the
    /// gradients of `Σ weights·message` by x and by the filters.
    fn by_triplets(&self) -> [Vec<f64>; 3] {
        let n_edges = self.graph.n_edges();
        let columns = self.columns;
        let mut message = vec![0.0; n_edges * columns];
        let mut grad_x = vec![0.0; n_edges * columns];
        let mut grad_filters = vec![0.0; self.degrees * n_edges * columns];
        for range in self.graph.offsets.windows(2) {
            for e in range[0]..range[1] {
                for k in range[0]..range[1] {
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
        [
            download(message),
            download(x.grad(&grads).expect("tracked")),
            download(filters.grad(&grads).expect("tracked")),
        ]
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

/// With the filters made where they are read, on every device that has the kernel, against the layers one by one.
#[cfg(feature = "cube")]
#[test]
fn filtered_angular_message_is_the_angular_message_of_filtered_values() {
    use tensor_ops::angular_message::{filtered, fits};
    use tensor_ops::cube::{plain, plain_indices, tensor};

    for (degrees, columns, n_radial) in [(1, 1, 3), (3, 20, 4), (7, 64, 10)] {
        let case = Angular::new(degrees, columns, 90 + degrees as u64);
        let n_edges = case.graph.n_edges();
        let mut rng = ChaCha8Rng::seed_from_u64(91);
        let functions = random(degrees * n_edges * n_radial, &mut rng);
        let weights = random(degrees * n_radial * columns, &mut rng);
        // Every edge takes the value of another one.
        let others: Vec<u32> = (0..n_edges).map(|edge| ((edge * 7 + 3) % n_edges) as u32).collect();
        for device in ops::device::gpu_devices() {
            let x = upload(&case.x, [n_edges, columns], &device);
            let shared_memory =
                plain(&x).expect("single precision").client.properties().hardware.max_shared_memory_size;
            // The last case wants 37 KiB, which not every device has.
            if !fits(columns, degrees, n_radial, shared_memory) {
                assert!(columns == 64 && shared_memory < 40 * 1024, "the smaller ones fit everywhere");
                continue;
            }
            let harmonics = upload(&case.harmonics, [n_edges, degrees * degrees], &device);
            let functions = upload(&functions, [degrees, n_edges, n_radial], &device);
            let weights = upload(&weights, [degrees, n_radial, columns], &device);
            let (source, others) = (case.source(&device), RowIndex::new(&others, n_edges, &device));
            let expected = ops::angular_message(
                ops::gather_rows(x.clone(), &others),
                ops::dense(functions.clone(), weights.clone()),
                harmonics.clone(),
                &source,
            );
            let found = filtered(
                plain(&x).expect("single precision"),
                plain_indices(&others.index).expect("32 bits"),
                plain(&functions).expect("single precision"),
                plain(&weights).expect("single precision"),
                plain(&harmonics).expect("single precision"),
                plain_indices(&source.offsets).expect("32 bits"),
            );
            let what = format!("{degrees} degrees, {columns} columns");
            assert_close(&download(tensor::<2>(found)), &wide(&download(expected)), 1e-5, &what);
        }
    }
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
    // Through all operations at once: swish of a gather, an angular message, a segment sum. Steps of 1e-2 in single
    // precision: 1e-3 relative is what such a difference can show.
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

/// `Σ_k a[m, k]·b[k, n]` in double precision.
fn product(a: &[f32], b: &[f32], [m, k, n]: [usize; 3]) -> Vec<f64> {
    let entry = |at: usize| (0..k).map(|j| f64::from(a[at / n * k + j]) * f64::from(b[j * n + at % n])).sum();
    (0..m * n).map(entry).collect()
}

fn transposed(values: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    (0..rows * columns).map(|at| values[at % rows * columns + at / rows]).collect()
}

#[test]
fn dense_layers_agree_with_loops_forward_and_backward() {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    // Rows, inputs, outputs: inside one tile, at its borders and beyond, and more rows than one piece of the summed
    // gradient.
    for sizes @ [rows, inputs, outputs] in
        [[1, 1, 1], [5, 3, 2], [64, 16, 16], [65, 17, 33], [700, 64, 64], [301, 129, 70]]
    {
        let (x, w) = (random(rows * inputs, &mut rng), random(inputs * outputs, &mut rng));
        let (b, g) = (random(outputs, &mut rng), random(rows * outputs, &mut rng));
        let mut expected = product(&x, &w, sizes);
        let grad_x = product(&g, &transposed(&w, inputs, outputs), [rows, outputs, inputs]);
        let grad_w = product(&transposed(&x, rows, inputs), &g, [inputs, rows, outputs]);
        let grad_b: Vec<f64> = (0..outputs).map(|n| (0..rows).map(|m| f64::from(g[m * outputs + n])).sum()).collect();
        for (at, value) in expected.iter_mut().enumerate() {
            *value += f64::from(b[at % outputs]);
        }
        for device in available_devices() {
            let device = device.autodiff();
            let input = upload(&x, [rows, inputs], &device).require_grad();
            let layer = burn::nn::Linear {
                weight: burn::module::Param::from_tensor(upload(&w, [inputs, outputs], &device)),
                bias: Some(burn::module::Param::from_tensor(upload(&b, [outputs], &device))),
            };
            let output = ops::linear(&layer, input.clone());
            assert_close(&download(output.clone()), &expected, 1e-5, "layer");
            let grads = (output * upload(&g, [rows, outputs], &device)).sum().backward();
            let weight = layer.weight.val().grad(&grads).expect("tracked");
            let bias = layer.bias.as_ref().and_then(|bias| bias.val().grad(&grads)).expect("tracked");
            assert_close(&download(input.grad(&grads).expect("tracked")), &grad_x, 1e-5, "gradient by the input");
            assert_close(&download(weight), &grad_w, 1e-5, "gradient by the weight");
            assert_close(&download(bias), &grad_b, 1e-5, "gradient by the bias");
        }
    }
}

#[test]
fn dense_layers_with_swish_agree_with_loops_forward_and_backward() {
    let mut rng = ChaCha8Rng::seed_from_u64(13);
    let sigma = |z: f64| 1.0 / (1.0 + (-z).exp());
    // Rows, inputs, outputs: as above, and the network's odd widths.
    let sizes = [
        [1, 1, 1],
        [5, 3, 2],
        [63, 10, 64],
        [65, 67, 33],
        [700, 64, 64],
        [530, 128, 64],
        [129, 128, 70],
        [40, 129, 20],
    ];
    for (case, sizes @ [rows, inputs, outputs]) in sizes.into_iter().enumerate() {
        let (with_bias, with_residual) = (case % 2 == 0, case % 3 != 1);
        let (x, w) = (random(rows * inputs, &mut rng), random(inputs * outputs, &mut rng));
        let b = if with_bias { random(outputs, &mut rng) } else { vec![0.0; outputs] };
        let [g, r] = [(); 2].map(|()| random(rows * outputs, &mut rng));
        let inner = product(&x, &w, sizes);
        let inner: Vec<f64> = inner.iter().enumerate().map(|(at, z)| z + f64::from(b[at % outputs])).collect();
        let residual = |at: usize| if with_residual { f64::from(r[at]) } else { 0.0 };
        let expected: Vec<f64> = inner.iter().enumerate().map(|(at, z)| z * sigma(*z) + residual(at)).collect();
        let slope = |z: f64| sigma(z) * (1.0 + z * (1.0 - sigma(z)));
        let inner_grad: Vec<f32> = inner.iter().zip(&g).map(|(z, g)| (slope(*z) * f64::from(*g)) as f32).collect();
        let grad_x = product(&inner_grad, &transposed(&w, inputs, outputs), [rows, outputs, inputs]);
        let grad_w = product(&transposed(&x, rows, inputs), &inner_grad, [inputs, rows, outputs]);
        let grad_b: Vec<f64> =
            (0..outputs).map(|n| (0..rows).map(|m| f64::from(inner_grad[m * outputs + n])).sum()).collect();
        for plain in available_devices() {
            let run = |device: &Device| {
                let input = upload(&x, [rows, inputs], device);
                let added = upload(&r, [rows, outputs], device);
                let input = if device.is_autodiff() { input.require_grad() } else { input };
                let added = if device.is_autodiff() { added.require_grad() } else { added };
                let layer = burn::nn::Linear {
                    weight: burn::module::Param::from_tensor(upload(&w, [inputs, outputs], device)),
                    bias: with_bias.then(|| burn::module::Param::from_tensor(upload(&b, [outputs], device))),
                };
                let output = if with_residual {
                    ops::add_dense_swish(added.clone(), &layer, input.clone())
                } else {
                    ops::dense_swish(&layer, input.clone())
                };
                (input, added, layer, output)
            };
            assert_close(&download(run(&plain).3), &expected, 1e-5, "layer without autodiff");
            let device = plain.autodiff();
            let (input, added, layer, output) = run(&device);
            assert_close(&download(output.clone()), &expected, 1e-5, "layer");
            let grads = (output * upload(&g, [rows, outputs], &device)).sum().backward();
            assert_close(&download(input.grad(&grads).expect("tracked")), &grad_x, 1e-4, "gradient by the input");
            assert_close(
                &download(layer.weight.val().grad(&grads).expect("tracked")),
                &grad_w,
                1e-4,
                "gradient by the weight",
            );
            if let Some(bias) = &layer.bias {
                assert_close(
                    &download(bias.val().grad(&grads).expect("tracked")),
                    &grad_b,
                    1e-4,
                    "gradient by the bias",
                );
            }
            match added.grad(&grads) {
                Some(grad) => assert_close(&download(grad), &wide(&g), 1e-6, "gradient by the residual"),
                None => assert!(!with_residual, "the residual's gradient is registered"),
            }
        }
    }
}

#[test]
fn joined_vectors_come_apart_again() {
    let mut rng = ChaCha8Rng::seed_from_u64(14);
    let lengths = [1, 128, 130, 64, 640, 2, 127, 129, 5, 300, 64, 1, 4096, 10, 7, 64, 256, 33];
    let vectors: Vec<Vec<f32>> = lengths.iter().map(|&length| random(length, &mut rng)).collect();
    let squares: f64 = vectors.iter().flatten().map(|x| f64::from(*x).powi(2)).sum();
    for device in available_devices() {
        for n in [1, 7, 8, 9, lengths.len()] {
            let tensors = vectors[..n].iter().map(|values| upload(values, [values.len()], &device)).collect();
            let parts = ops::adam::parts(&ops::adam::join(tensors), &lengths[..n]);
            assert_eq!(parts.into_iter().map(download).collect::<Vec<_>>(), vectors[..n]);
        }
        // Zeros between the vectors: the norm of all is that of the joined vector.
        let joined = ops::adam::join(vectors.iter().map(|values| upload(values, [values.len()], &device)).collect());
        let norm = ops::adam::add_squared_norm(upload(&[0.0], [1], &device), joined);
        assert_close(&download(norm), &[squares], 1e-5, "squared norm");
    }
}

#[test]
fn dense_batches_agree_with_single_products() {
    let mut rng = ChaCha8Rng::seed_from_u64(8);
    let (batches, rows, inputs, outputs) = (3, 130, 10, 20);
    let (x, w) = (random(batches * rows * inputs, &mut rng), random(batches * inputs * outputs, &mut rng));
    let g = random(batches * rows * outputs, &mut rng);
    let mut expected = Vec::new();
    let mut grad_w = Vec::new();
    for batch in 0..batches {
        let x = &x[batch * rows * inputs..(batch + 1) * rows * inputs];
        let g = &g[batch * rows * outputs..(batch + 1) * rows * outputs];
        expected.extend(product(
            x,
            &w[batch * inputs * outputs..(batch + 1) * inputs * outputs],
            [rows, inputs, outputs],
        ));
        grad_w.extend(product(&transposed(x, rows, inputs), g, [inputs, rows, outputs]));
    }
    for device in available_devices() {
        let device = device.autodiff();
        let weight = upload(&w, [batches, inputs, outputs], &device).require_grad();
        let output = ops::dense(upload(&x, [batches, rows, inputs], &device), weight.clone());
        assert_close(&download(output.clone()), &expected, 1e-5, "batches");
        let grads = (output * upload(&g, [batches, rows, outputs], &device)).sum().backward();
        assert_close(&download(weight.grad(&grads).expect("tracked")), &grad_w, 1e-5, "gradient by the weights");
    }
}
