//! Time of the single operations on every device that is compiled in and found, for the edges of some structures and
//! the widths of Table 1's network.

use burn::Tensor;
use burn::backend::Dispatch;
use burn::module::Param;
use burn::nn::Linear;
use burn::tensor::{Device, Distribution};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tensor_ops::device::available_devices;
use tensor_ops::{AngularOps, RowIndex, angular_message, dense_swish, gather_rows, segment_sum, swish};

/// Edges of a site.
const DEGREE: usize = 50;
/// Widths of the network of Table 1.
const WIDTH: usize = 64;
const DEGREES: usize = 7;

struct Inputs {
    x: Tensor<2>,
    filters: Tensor<3>,
    harmonics: Tensor<2>,
    source: RowIndex,
    reverse: RowIndex,
    layer: Linear,
}

impl Inputs {
    fn new(n_edges: usize, device: &Device) -> Self {
        let n_sites = n_edges / DEGREE;
        let compact = |n: usize| u32::try_from(n).expect("a small graph");
        let source: Vec<u32> = (0..n_edges).map(|edge| compact(edge / DEGREE)).collect();
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let reverse: Vec<u32> = (0..n_edges).map(|_| rng.random_range(0..compact(n_edges))).collect();
        let random = |shape: [usize; 2]| Tensor::<2>::random(shape, Distribution::Uniform(-1.0, 1.0), device);
        Self {
            x: random([n_edges, WIDTH]),
            filters: random([DEGREES * n_edges, WIDTH]).reshape([DEGREES, n_edges, WIDTH]),
            harmonics: random([n_edges, DEGREES * DEGREES]),
            source: RowIndex::new(&source, n_sites, device),
            reverse: RowIndex::new(&reverse, n_edges, device),
            layer: Linear {
                weight: Param::from_tensor(random([WIDTH, WIDTH])),
                bias: Some(Param::from_tensor(random([1, WIDTH]).reshape([WIDTH]))),
            },
        }
    }
}

fn benches(criterion: &mut Criterion) {
    for device in available_devices() {
        let on_processor = device == Device::flex();
        let n_edges = if on_processor { 5_000 } else { 200_000 };
        let inputs = Inputs::new(n_edges, &device);
        let mut group = criterion.benchmark_group(if on_processor { "cpu" } else { "gpu" });
        group.sample_size(10).throughput(Throughput::Elements(n_edges as u64));
        let mut operation = |name: &str, work: &dyn Fn(&Inputs)| {
            group.bench_with_input(BenchmarkId::new(name, n_edges), &inputs, |bencher, inputs| {
                bencher.iter(|| {
                    work(inputs);
                    device.sync().expect("a device that works");
                });
            });
        };
        operation("gather", &|i| drop(gather_rows(i.x.clone(), &i.reverse)));
        operation("segment sum", &|i| drop(segment_sum(i.x.clone(), &i.source)));
        operation("swish", &|i| drop(swish(i.x.clone())));
        operation("dense layer with swish", &|i| drop(dense_swish(&i.layer, i.x.clone())));
        operation("angular message", &|i| {
            drop(angular_message(i.x.clone(), i.filters.clone(), i.harmonics.clone(), &i.source));
        });
        operation("angular message, gradients", &|i| {
            drop(<Dispatch as AngularOps>::angular_message_backward(
                i.x.clone().into_dispatch(),
                i.x.clone().into_dispatch(),
                i.filters.clone().into_dispatch(),
                i.harmonics.clone().into_dispatch(),
                i.source.index.clone().into_dispatch(),
                i.source.offsets.clone().into_dispatch(),
            ));
        });
        group.finish();
    }
}

criterion_group!(kernels, benches);
criterion_main!(kernels);
