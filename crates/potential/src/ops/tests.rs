//! Each operation against its plain reference on every device, and the references against finite differences.

use burn::Tensor;
use burn::tensor::{DType, Device};
use nalgebra::{Rotation3, Vector3};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tensor_ops::device::available_devices;

use super::message::flex::Edges as Slices;
use super::{
    Degrees, Edges, GateOptions, Images, LayerTables, MessageOptions, gate, gate_backward, images, images_backward,
    message, message_backward,
};
use super::{gate as gate_parts, images as images_parts, message as message_parts};
use crate::nequix::testing::{tables, upload, upload_indices};
use crate::nequix::{CHANNELS, LayerKind, N_DEGREES, gate_channels, harmonics, widths};

const KINDS: [LayerKind; 3] = [LayerKind::First, LayerKind::Middle, LayerKind::Last];

/// Values by degree.
type Rows = [Vec<f64>; N_DEGREES];

fn random(n: usize, rng: &mut impl Rng) -> Vec<f64> {
    (0..n).map(|_| rng.random_range(-1.0..1.0)).collect()
}

fn random_rows(n_rows: usize, channels: &[usize; N_DEGREES], rng: &mut impl Rng) -> Rows {
    widths(channels).map(|width| random(n_rows * width, rng))
}

fn to_device(rows: &Rows, channels: &[usize; N_DEGREES], device: &Device, dtype: DType) -> Degrees {
    std::array::from_fn(|l| match channels[l] {
        0 => upload(vec![0.0], [1, 1], device, dtype),
        channels => upload(rows[l].clone(), [rows[l].len() / channels, channels], device, dtype),
    })
}

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.into_data().iter::<f64>().collect()
}

/// Fails where a value is off by more than `tolerance` times the largest.
fn assert_close(found: &[f64], expected: &[f64], tolerance: f64, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let scale = expected.iter().fold(0.0_f64, |largest, value| largest.max(value.abs()));
    for (k, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!(
            (found - expected).abs() <= tolerance * scale,
            "{what}[{k}]: {found} against {expected}, largest {scale}"
        );
    }
}

fn assert_rows(found: Degrees, expected: &Rows, tolerance: f64, what: &str) {
    for (l, (found, expected)) in found.into_iter().zip(expected).enumerate().filter(|(_, (_, rows))| !rows.is_empty())
    {
        assert_close(&values(found), expected, tolerance, &format!("{what}, degree {l}"));
    }
}

/// Devices with the floats that they compute in, and the deviation allowed.
fn places() -> Vec<(Device, DType, f64)> {
    let mut places: Vec<_> = available_devices().into_iter().map(|device| (device, DType::F32, 2e-5)).collect();
    places.push((Device::flex(), DType::F64, 1e-12));
    places
}

/// Three sites, one of them without edges, and five images.
struct Graph {
    vectors: Vec<f64>,
    sender: Vec<i32>,
    offsets: Vec<i32>,
    order: Vec<i32>,
    sender_offsets: Vec<i32>,
}

impl Graph {
    const SITES: usize = 3;
    const IMAGES: usize = 5;

    fn new(rng: &mut impl Rng) -> Self {
        let sender = vec![0, 4, 2, 2, 1, 0, 4, 4, 1, 0, 2];
        let vectors = sender
            .iter()
            .flat_map(|_| {
                let direction = Vector3::from_fn(|_, _| rng.random_range(-1.0..1.0)).normalize();
                let vector: Vector3<f64> = direction * rng.random_range(1.0..5.5);
                [vector.x, vector.y, vector.z, rng.random_range(0.5..4.0)]
            })
            .collect();
        let mut order: Vec<i32> = (0..11).collect();
        order.sort_by_key(|edge| sender[usize::try_from(*edge).expect("positive")]);
        let sender_offsets = (0..=5)
            .map(|image| order.partition_point(|edge| sender[usize::try_from(*edge).expect("positive")] < image));
        let sender_offsets = sender_offsets.map(|offset| i32::try_from(offset).expect("small")).collect();
        Self { vectors, sender_offsets, order, sender, offsets: vec![0, 7, 7, 11] }
    }

    fn slices<'a>(&'a self, vectors: &'a [f64]) -> Slices<'a, f64> {
        Slices {
            vectors,
            sender: &self.sender,
            offsets: &self.offsets,
            order: &self.order,
            sender_offsets: &self.sender_offsets,
        }
    }

    fn upload(&self, device: &Device, dtype: DType) -> Edges {
        let indices = |values: &[i32]| {
            upload_indices(values.iter().map(|value| usize::try_from(*value).expect("positive")), device)
        };
        Edges {
            vectors: upload(self.vectors.clone(), [self.sender.len(), 4], device, dtype),
            sender: indices(&self.sender),
            offsets: indices(&self.offsets),
            order: indices(&self.order),
            sender_offsets: indices(&self.sender_offsets),
        }
    }
}

#[test]
fn messages_and_their_gradients() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let graph = Graph::new(&mut rng);
    for kind in KINDS {
        let plan = kind.plan();
        let features = random_rows(Graph::IMAGES, &plan.inputs, &mut rng);
        let grad = random_rows(Graph::SITES, &plan.outputs, &mut rng);
        // A few intervals of any cubics.
        let n_intervals = 12;
        let table = random(n_intervals * 4 * plan.n_radial, &mut rng);
        let spacing = 0.5;
        let reference = |vectors: &[f64]| {
            let edges = graph.slices(vectors);
            message_parts::reference::forward_backward(&features, &grad, &table, &edges, kind, spacing)
        };
        let (messages, by_features, by_vectors) = reference(&graph.vectors);

        // The reference's gradient by the vectors against differences of its sums.
        let energy = |vectors: &[f64]| {
            let (messages, ..) = reference(vectors);
            messages.iter().flatten().zip(grad.iter().flatten()).map(|(message, grad)| message * grad).sum::<f64>()
        };
        for (edge, k) in [(0, 0), (2, 1), (5, 2), (10, 2)] {
            let mut moved = graph.vectors.clone();
            moved[4 * edge + k] += 1e-6;
            let up = energy(&moved);
            moved[4 * edge + k] -= 2e-6;
            let slope = (up - energy(&moved)) / 2e-6;
            let found = by_vectors[3 * edge + k];
            assert!((slope - found).abs() < 1e-5 * (1.0 + slope.abs()), "{kind:?} {edge} {k}: {slope} {found}");
        }

        for (device, dtype, tolerance) in places() {
            let layer: LayerTables =
                tables(kind, upload(table.clone(), [n_intervals, 4, plan.n_radial], &device, dtype), &device, dtype);
            let (edges, what) = (graph.upload(&device, dtype), format!("{device:?} {dtype:?} {kind:?}"));
            let options = MessageOptions { kind, spacing, feature_gradient: kind != LayerKind::First };
            let inputs = to_device(&features, &plan.inputs, &device, dtype);
            assert_rows(message(inputs.clone(), layer.clone(), &edges, options), &messages, tolerance, &what);
            let grad = to_device(&grad, &plan.outputs, &device, dtype);
            let (found, found_vectors) = message_backward(grad, inputs, layer, &edges, options);
            assert_close(&values(found_vectors), &by_vectors, tolerance, &format!("{what} by vectors"));
            if options.feature_gradient {
                assert_rows(found, &by_features, tolerance, &format!("{what} by features"));
            }
        }
    }
}

#[test]
fn gates_and_their_gradients() {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    for kind in KINDS {
        let (channels, out) = (gate_channels(kind), gate_parts::output_channels(kind));
        let inputs = random_rows(1, &channels, &mut rng);
        let grad = random_rows(1, &out, &mut rng);
        let n_weights = channels.iter().sum();
        let weights: Vec<f64> = random(n_weights, &mut rng).into_iter().map(|weight| 4.0 + weight).collect();
        let options = GateOptions { kind, epsilon: 1e-12, silu_norm: 0.596 };
        let expected = gate_parts::reference::forward(&inputs, &weights, options);
        let energy = |inputs: &Rows| {
            let outputs = gate_parts::reference::forward(inputs, &weights, options);
            outputs.iter().flatten().zip(grad.iter().flatten()).map(|(output, grad)| output * grad).sum::<f64>()
        };
        let slope = |l: usize, entry: usize| {
            let mut moved = inputs.clone();
            moved[l][entry] += 1e-6;
            let up = energy(&moved);
            moved[l][entry] -= 2e-6;
            (up - energy(&moved)) / 2e-6
        };
        let slopes: Rows = std::array::from_fn(|l| (0..inputs[l].len()).map(|entry| slope(l, entry)).collect());
        for (device, dtype, tolerance) in places() {
            let what = format!("{device:?} {dtype:?} {kind:?}");
            let on_device = to_device(&inputs, &channels, &device, dtype);
            let weights = upload(weights.clone(), [n_weights], &device, dtype);
            assert_rows(gate(on_device.clone(), weights.clone(), options), &expected, tolerance, &what);
            let found = gate_backward(to_device(&grad, &out, &device, dtype), on_device, weights, options);
            assert_rows(found, &slopes, tolerance.max(1e-7), &format!("{what} backward"));
        }
    }
}

#[test]
fn images_and_their_gradients() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let (n_sites, site) = (2, [0, 0, 1, 1, 1]);
    let features = random_rows(n_sites, &CHANNELS, &mut rng);
    let grad = random_rows(site.len(), &CHANNELS, &mut rng);
    let row = widths(&CHANNELS);
    let rotations: Vec<f64> = site
        .iter()
        .flat_map(|_| {
            let axis = Vector3::from_fn(|_, _| rng.random_range(-1.0..1.0));
            harmonics::rotation_matrices(&(-Rotation3::new(axis).into_inner()))
        })
        .collect();
    let of =
        |rows: &Rows, n: usize| -> Rows { std::array::from_fn(|l| rows[l][n * row[l]..(n + 1) * row[l]].to_vec()) };
    let mut expected: Rows = Default::default();
    for (image, &site) in site.iter().enumerate() {
        let matrices = &rotations[image * 83..(image + 1) * 83];
        let turned = images_parts::reference::forward(&of(&features, site), matrices, &CHANNELS);
        expected.iter_mut().zip(turned).for_each(|(all, row)| all.extend(row));
    }
    // The gradient is the transpose: ⟨grad, D·x⟩ = ⟨Dᵀ·grad, x⟩.
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    for (device, dtype, tolerance) in places() {
        let made = Images {
            rotations: upload(rotations.clone(), [site.len(), 83], &device, dtype),
            site: upload_indices(site.into_iter(), &device),
            offsets: upload_indices([0, 2, 5].into_iter(), &device),
        };
        let found = images(to_device(&features, &CHANNELS, &device, dtype), &made);
        assert_rows(found, &expected, tolerance, &format!("{device:?} {dtype:?}"));
        let found = images_backward(to_device(&grad, &CHANNELS, &device, dtype), &made);
        for (l, found) in found.into_iter().enumerate() {
            let (found, whole) = (product(&values(found), &features[l]), product(&grad[l], &expected[l]));
            assert!((found - whole).abs() < tolerance * 100.0, "{device:?} {dtype:?}, degree {l}: {found} {whole}");
        }
    }
}
