//! What one evaluation computes and moves, counted from the plans of the layers.

use super::plan::{CHANNELS, LayerKind, N_DEGREES, widths};
use super::radial::N_COEFFICIENTS;
use super::weights::gate_channels;

/// Size of a batch of graphs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchSize {
    /// Sites whose energies are computed.
    pub sites: usize,
    /// Atoms that send.
    pub images: usize,
    /// Edges into the sites.
    pub edges: usize,
}

/// Operations and bytes of energy, forces and stress of a batch in single precision.
///
/// Operations: the products of the dense layers; for every edge the matrices of its harmonics, its radial values and
/// the products with its sender's features, forward and for both gradients. An addition and a multiplication count as
/// two. Norms and gates, whose share is below a hundredth, are left out. Bytes: every tensor that a kernel reads or
/// writes counts once for each kernel that does, features once for every edge that reads them; what stays in caches is
/// counted as if it did not, tables and matrices of the layers are left out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Work {
    /// Of the dense layers.
    pub dense_operations: f64,
    /// Of messages and their gradients.
    pub message_operations: f64,
    /// Read and written.
    pub bytes: f64,
}

const LAYERS: [LayerKind; 4] = [LayerKind::First, LayerKind::Middle, LayerKind::Middle, LayerKind::Last];

fn row(channels: &[usize; N_DEGREES]) -> f64 {
    widths(channels).iter().sum::<usize>() as f64
}

/// Operations of a matrix for each component of each degree.
fn products(from: &[usize; N_DEGREES], to: &[usize; N_DEGREES]) -> f64 {
    (0..N_DEGREES).map(|l| (2 * (2 * l + 1) * from[l] * to[l]) as f64).sum()
}

/// Operations of one edge, forward and backward.
fn edge_operations(kind: LayerKind) -> f64 {
    let plan = kind.plan();
    // One part forward; three, along the edge and two tangents, backward.
    let matrices = 2.0 * plan.coefficients.len() as f64 * (1.0 + 3.0);
    let paths = plan.paths.iter().map(|path| {
        let (a, c) = ((2 * path.a + 1) as f64, (2 * path.c + 1) as f64);
        let radial = 2.0 * (N_COEFFICIENTS - 1) as f64;
        let forward = radial + a * (1.0 + 2.0 * c);
        let backward = 2.0 * radial + a * (6.0 * c + 10.0);
        path.channels as f64 * (forward + backward)
    });
    matrices + paths.sum::<f64>()
}

impl Work {
    /// Of a batch.
    pub fn of(size: BatchSize) -> Self {
        let (sites, images, edges) = (size.sites as f64, size.images as f64, size.edges as f64);
        let (mut dense, mut messages, mut numbers) = (0.0, 0.0, 0.0);
        for kind in LAYERS {
            let plan = kind.plan();
            let (inputs, outputs, gated) = (plan.inputs, plan.outputs, gate_channels(kind));
            let first = kind == LayerKind::First;
            let pre = if first { 0.0 } else { products(&inputs, &inputs) };
            let skip = if first { 0.0 } else { products(&CHANNELS, &gated) };
            // The same maps once more, transposed, for the gradient.
            dense += 2.0 * sites * (pre + products(&outputs, &gated) + skip);
            messages += edges * edge_operations(kind);
            let (features, sums, after) = (row(&inputs), row(&outputs), row(&gated));
            // Messages: features by edge, sums by site. Their gradients: those of the sums, features by edge, and what
            // each edge gives its sender, written and read.
            let given = if first { 0.0 } else { 2.0 * features };
            numbers += edges * (2.0 * features + given + 9.0) + sites * 2.0 * sums + images * features;
            // Dense layers and gate, both ways, input and output of each.
            let dense_rows = if first { 0.0 } else { 2.0 * features + row(&CHANNELS) + after };
            numbers += 2.0 * sites * (dense_rows + sums + 3.0 * after + row(&CHANNELS));
        }
        dense += 2.0 * sites * 2.0 * CHANNELS[0] as f64;
        Self { dense_operations: dense, message_operations: messages, bytes: 4.0 * numbers }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_grows_with_each_size_and_is_none_for_nothing() {
        let none = Work::of(BatchSize { sites: 0, images: 0, edges: 0 });
        assert_eq!([none.dense_operations, none.message_operations, none.bytes], [0.0; 3]);
        let of_edges = Work::of(BatchSize { sites: 0, images: 0, edges: 1 });
        assert_eq!(of_edges.dense_operations, 0.0);
        // 704 features of 128, 64, 32 and 32 channels: read twice and given back in three layers, 89 in the first.
        let features = 128.0 + 3.0 * 64.0 + 5.0 * 32.0 + 7.0 * 32.0;
        assert_eq!(of_edges.bytes, 4.0 * (3.0 * 4.0 * features + 2.0 * 89.0 + 4.0 * 9.0));
        let of_sites = Work::of(BatchSize { sites: 1, images: 0, edges: 0 });
        assert_eq!(of_sites.message_operations, 0.0);
        assert!(of_sites.dense_operations > 0.0);
    }

    #[test]
    fn a_layer_of_scalars_counts_its_products() {
        // The first layer has paths (0, l, l): one component times 2l+1.
        let paths: f64 = (0..4).map(|l| 89.0 * (6.0 + 1.0 + 2.0 * (2 * l + 1) as f64)).sum();
        let back: f64 = (0..4).map(|l| 89.0 * (12.0 + 6.0 * (2 * l + 1) as f64 + 10.0)).sum();
        let plan = LayerKind::First.plan();
        assert_eq!(edge_operations(LayerKind::First), paths + back + 8.0 * plan.coefficients.len() as f64);
    }
}
