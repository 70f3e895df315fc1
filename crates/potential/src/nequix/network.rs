//! The network on a device: energies of the sites, and the reverse pass to the edges' vectors.

use burn::Tensor;
use burn::tensor::{DType, Device, Int};
use tensor_ops::{Precision, in_precision, matrix_product};

use super::batch::{Batch, upload, upload_indices};
use super::plan::{CHANNELS, LayerKind, N_DEGREES, N_SPECIES};
use super::radial::{CUTOFF, N_COEFFICIENTS, N_INTERVALS, RadialNetwork};
use super::weights::{LayerWeights, Weights, gate_channels};
use crate::ops::{
    Degrees, GateOptions, Images, LayerTables, MessageOptions, gate, gate_backward, images, images_backward, message,
    message_backward,
};

/// A matrix and its transpose.
#[derive(Debug, Clone)]
struct Map {
    matrix: Tensor<2>,
    transposed: Tensor<2>,
}

/// How a layer gets its radial values.
#[derive(Debug, Clone)]
#[allow(clippy::large_enum_variant, reason = "a network holds one for each layer")]
enum Radial {
    /// `[intervals, 4, P]`.
    Table(Tensor<3>),
    /// Evaluated for each edge, in double precision.
    Exact(RadialNetwork),
}

/// The coefficients of a plan.
#[derive(Debug, Clone)]
pub(crate) struct Coefficients {
    /// First of each entry of the matrices.
    starts: Tensor<1, Int>,
    harmonic: Tensor<1, Int>,
    value: Tensor<1>,
}

impl Coefficients {
    /// Uploads those of a layer.
    pub fn new(kind: LayerKind, device: &Device, dtype: DType) -> Self {
        let (all, n_matrix) = (&kind.plan().coefficients, kind.plan().n_matrix);
        let starts = (0..=n_matrix).map(|entry| all.partition_point(|coefficient| coefficient.matrix < entry));
        let values: Vec<f64> = all.iter().map(|coefficient| coefficient.value).collect();
        Self {
            starts: upload_indices(starts, device),
            harmonic: upload_indices(all.iter().map(|coefficient| coefficient.harmonic), device),
            value: upload(values, [all.len()], device, dtype),
        }
    }

    /// What messages need, with a table of the radial network.
    pub fn with(&self, table: Tensor<3>) -> LayerTables {
        let Self { starts, harmonic, value } = self.clone();
        LayerTables { table, starts, harmonic, value }
    }
}

#[derive(Debug, Clone)]
struct Layer {
    kind: LayerKind,
    coefficients: Coefficients,
    radial: Radial,
    pre: [Option<Map>; N_DEGREES],
    post: [Option<Map>; N_DEGREES],
    skip: [Option<Map>; N_DEGREES],
    norm: Tensor<1>,
    gate: GateOptions,
}

/// The network's tensors on a device.
#[derive(Debug, Clone)]
pub(crate) struct Network {
    layers: Vec<Layer>,
    /// `[128, 1]` and `[1, 128]`.
    readout: Map,
    device: Device,
    dtype: DType,
}

/// What the reverse pass needs of a layer.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    /// Features of the images after the first map.
    pub features: Degrees,
    /// Sums of the messages.
    #[cfg(test)]
    pub messages: Degrees,
    /// Before norm and gate.
    pub sums: Degrees,
    /// After them.
    #[cfg(test)]
    pub outputs: Degrees,
    tables: LayerTables,
}

impl Layer {
    fn new(weights: &LayerWeights, all: &Weights, device: &Device, dtype: DType) -> Self {
        let plan = weights.kind.plan();
        let outputs = gate_channels(weights.kind);
        let maps = |values: &[Vec<f64>; N_DEGREES], columns: [usize; N_DEGREES]| {
            std::array::from_fn(|l| (!values[l].is_empty()).then(|| Map::new(&values[l], columns[l], device, dtype)))
        };
        let radial = match dtype {
            DType::F64 => Radial::Exact(weights.radial.clone()),
            _ => {
                let shape = [N_INTERVALS, N_COEFFICIENTS, plan.n_radial];
                Radial::Table(upload(weights.radial.table(), shape, device, dtype))
            }
        };
        Self {
            kind: weights.kind,
            coefficients: Coefficients::new(weights.kind, device, dtype),
            radial,
            pre: maps(&weights.pre, plan.inputs),
            post: maps(&weights.post, outputs),
            skip: maps(&weights.skip, outputs),
            norm: upload(weights.norm.clone(), [weights.norm.len()], device, dtype),
            gate: GateOptions { kind: weights.kind, epsilon: all.norm_eps, silu_norm: all.silu_norm },
        }
    }

    fn tables(&self, batch: &Batch, device: &Device, dtype: DType) -> LayerTables {
        let table = match &self.radial {
            Radial::Table(table) => table.clone(),
            Radial::Exact(network) => {
                let rows =
                    if batch.distances.is_empty() { network.rows(&[1.0]) } else { network.rows(&batch.distances) };
                let n_radial = self.kind.plan().n_radial;
                let n_rows = rows.len() / (N_COEFFICIENTS * n_radial);
                upload(rows, [n_rows, N_COEFFICIENTS, n_radial], device, dtype)
            }
        };
        self.coefficients.with(table)
    }

    /// What sites received, or the gradient by it, multiplied by the sites' projections; they commute with the maps,
    /// which mix channels. Scalars are the same in every orientation.
    fn projected(&self, batch: &Batch, received: Degrees, project: fn(Degrees, &Images) -> Degrees) -> Degrees {
        match &batch.projections {
            Some(projections) if self.kind != LayerKind::Last => project(received, projections),
            _ => received,
        }
    }

    fn message_options(&self) -> MessageOptions {
        let spacing = match self.radial {
            Radial::Table(_) => CUTOFF / N_INTERVALS as f64,
            Radial::Exact(_) => 0.0,
        };
        MessageOptions { kind: self.kind, spacing, feature_gradient: self.kind != LayerKind::First }
    }
}

impl Map {
    fn new(values: &[f64], n_columns: usize, device: &Device, dtype: DType) -> Self {
        let n_rows = values.len() / n_columns;
        let transposed = (0..values.len()).map(|entry| values[entry % n_rows * n_columns + entry / n_rows]).collect();
        Self {
            matrix: upload(values.to_vec(), [n_rows, n_columns], device, dtype),
            transposed: upload(transposed, [n_columns, n_rows], device, dtype),
        }
    }

    fn apply(&self, x: Tensor<2>) -> Tensor<2> {
        in_precision(Precision::Single, || matrix_product(x, self.matrix.clone()))
    }

    fn apply_transposed(&self, x: Tensor<2>) -> Tensor<2> {
        in_precision(Precision::Single, || matrix_product(x, self.transposed.clone()))
    }
}

/// `f(l)` where there is a map of degree l, else the placeholder.
fn each(maps: &[Option<Map>; N_DEGREES], placeholder: &Tensor<2>, f: impl Fn(usize, &Map) -> Tensor<2>) -> Degrees {
    std::array::from_fn(|l| maps[l].as_ref().map_or_else(|| placeholder.clone(), |map| f(l, map)))
}

impl Network {
    /// Uploads the weights, in single precision with tabulated radial networks or in double precision with exact ones.
    pub fn new(weights: &Weights, device: &Device, dtype: DType) -> Self {
        let device = device.clone().without_autodiff();
        let layers = weights.layers.iter().map(|layer| Layer::new(layer, weights, &device, dtype)).collect();
        Self { layers, readout: Map::new(&weights.readout, 1, &device, dtype), device, dtype }
    }

    /// The device and the floats that batches need.
    pub fn place(&self) -> (&Device, DType) {
        (&self.device, self.dtype)
    }

    fn placeholder(&self) -> Tensor<2> {
        upload(vec![0.0], [1, 1], &self.device, self.dtype)
    }

    /// `σ·ε` of each site, `[N, 1]`, and what [`Self::backward`] needs.
    pub fn forward(&self, batch: &Batch) -> (Tensor<2>, Vec<Record>) {
        let mut records: Vec<Record> = Vec::with_capacity(self.layers.len());
        let none = self.placeholder();
        let mut h: Degrees = std::array::from_fn(|_| none.clone());
        for layer in &self.layers {
            let first = layer.kind == LayerKind::First;
            let features = if first {
                // One-hot inputs: a row of the map for each image.
                each(&layer.pre, &none, |_, map| map.matrix.clone().select(0, batch.image_species.clone()))
            } else {
                let features = each(&layer.pre, &none, |l, map| map.apply(h[l].clone()));
                match &batch.images {
                    Some(made) => images(features, made),
                    None => features,
                }
            };
            let tables = layer.tables(batch, &self.device, self.dtype);
            let messages = message(features.clone(), tables.clone(), &batch.edges, layer.message_options());
            let received = each(&layer.post, &none, |l, map| map.apply(messages[l].clone()));
            let received = layer.projected(batch, received, images);
            let sums = each(&layer.post, &none, |l, _| {
                let sum = received[l].clone();
                match &layer.skip[l] {
                    Some(skip) if first => sum + skip.matrix.clone().select(0, batch.site_species.clone()),
                    Some(skip) => sum + skip.apply(h[l].clone()),
                    None => sum,
                }
            });
            h = gate(sums.clone(), layer.norm.clone(), layer.gate);
            records.push(Record {
                features,
                #[cfg(test)]
                messages,
                sums,
                #[cfg(test)]
                outputs: h.clone(),
                tables,
            });
        }
        let [scalars, ..] = h;
        (self.readout.apply(scalars), records)
    }

    /// `∂E/∂r` of each edge for `E = Σ m_s·E_s`, `[E, 3]`.
    pub fn backward(&self, batch: &Batch, records: Vec<Record>) -> Tensor<2> {
        let none = self.placeholder();
        let mut by_outputs: Degrees = std::array::from_fn(|_| none.clone());
        by_outputs[0] = self.readout.apply_transposed(batch.multiplicity.clone());
        let mut by_vectors: Option<Tensor<2>> = None;
        for (layer, record) in self.layers.iter().zip(records).rev() {
            let by_sums = gate_backward(by_outputs.clone(), record.sums, layer.norm.clone(), layer.gate);
            let by_received = layer.projected(batch, by_sums.clone(), images_backward);
            let by_messages = each(&layer.post, &none, |l, map| map.apply_transposed(by_received[l].clone()));
            let options = layer.message_options();
            let (by_features, part) =
                message_backward(by_messages, record.features, record.tables, &batch.edges, options);
            by_vectors = Some(match by_vectors {
                Some(sum) => sum + part,
                None => part,
            });
            if layer.kind == LayerKind::First {
                break;
            }
            let by_features = match &batch.images {
                Some(made) => images_backward(by_features, made),
                None => by_features,
            };
            by_outputs = each(&layer.pre, &none, |l, map| {
                let sum = map.apply_transposed(by_features[l].clone());
                match &layer.skip[l] {
                    Some(skip) => sum + skip.apply_transposed(by_sums[l].clone()),
                    None => sum,
                }
            });
        }
        by_vectors.expect("there are layers")
    }
}

/// Numbers that one site and one edge take on a device while a batch is evaluated: features and sums of all layers,
/// messages and their gradients; the gradients of an edge by its sender's features.
pub(crate) fn numbers_per_site_and_edge() -> (usize, usize) {
    let row = |channels: &[usize; N_DEGREES]| super::plan::widths(channels).iter().sum::<usize>();
    let plan = LayerKind::Middle.plan();
    let kept = 4 * (2 * row(&CHANNELS) + row(&gate_channels(LayerKind::Middle)));
    (kept + 2 * row(&plan.outputs) + N_SPECIES, 2 * row(&CHANNELS) + 16)
}
