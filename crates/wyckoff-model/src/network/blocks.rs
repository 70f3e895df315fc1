//! Embedding, layers, heads.

use burn::Tensor;
use burn::module::{Module, Param};
use burn::nn::{LayerNorm, Linear};
use burn::tensor::activation::softmax;
use burn::tensor::{Device, Distribution, Int, TensorData};
use crystal_core::whole;
use crystal_states::{N_DESCRIPTORS, N_PROPERTIES};
use tensor_ops::{ParameterSource, RowIndex, dense_swish, gather_rows, layer_norm, linear, matrix_product};

use crate::WyckoffModelConfig;
use crate::batch::TokenBatch;
use crate::features::{MOST_POSITIONS, N_ELEMENTS, N_GROUPS, PLACES, element_features};
use crate::sequence::{MOST_ATOMS, N_KINDS, N_NUMBERS};

/// The network: probabilities of the next element, count, group and position.
#[derive(Module, Debug)]
pub struct WyckoffModel {
    /// `[N_KINDS, width]`.
    kinds: Param<Tensor<2>>,
    /// `[2·N_NUMBERS, width]`.
    numbers: Param<Tensor<2>>,
    /// Learned part of the elements, `[N_ELEMENTS, width]`; what was never seen stays zero.
    elements: Param<Tensor<2>>,
    /// From descriptors to the other part.
    described: Linear,
    /// From an element to what it says, to what it says of the next site, and to a part of what is told.
    said: Linear,
    next: Linear,
    set: Linear,
    /// Learned part of the places, `[places, width]`.
    places: Param<Tensor<2>>,
    /// From their features to the other part.
    featured: Linear,
    layers: Vec<Layer>,
    norm: LayerNorm,
    to_element: Linear,
    to_count: Linear,
    counted: Linear,
    count: Linear,
    to_group: Linear,
    group_bias: Param<Tensor<1>>,
    to_position: Linear,
    /// `[N_ELEMENTS, N_DESCRIPTORS]`, no parameter.
    element_features: Tensor<2>,
    /// `[places, features]`, no parameter.
    place_features: Tensor<2>,
    /// 1 for rows that are a place, `[places, 1]`, no parameter.
    is_place: Tensor<2>,
    #[module(skip)]
    config: WyckoffModelConfig,
}

/// Rows of elements and places, as the present parameters make them.
#[derive(Debug, Clone)]
pub(crate) struct Tables {
    described: Tensor<2>,
    learned: Tensor<2>,
    pub(crate) places: Tensor<2>,
}

impl Tables {
    fn elements(&self) -> Tensor<2> {
        self.described.clone() + self.learned.clone()
    }
}

/// Keys and values of the tokens so far, of every layer: `[B, heads, T, width/heads]` each.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cache(Vec<[Tensor<4>; 2]>);

impl Cache {
    /// The same with other sequences: row `rows[b]` of this one as row b.
    pub(crate) fn select(&self, rows: &[usize], device: &Device) -> Self {
        let rows: Vec<i32> = rows.iter().map(|row| whole::compact_signed(*row)).collect();
        let length = rows.len();
        let index = Tensor::<1, Int>::from_data(TensorData::new(rows, [length]), device);
        Self(self.0.iter().map(|parts| parts.clone().map(|part| part.select(0, index.clone()))).collect())
    }

    /// Without the tokens from `length` on.
    pub(crate) fn truncated(&self, length: usize) -> Self {
        let cut = |part: Tensor<4>| part.narrow(2, 0, length);
        Self(self.0.iter().map(|parts| parts.clone().map(cut)).collect())
    }
}

/// Attention, then two dense layers, both added to what comes in.
#[derive(Module, Debug)]
struct Layer {
    attention_norm: LayerNorm,
    attention: Linear,
    attended: Linear,
    dense_norm: LayerNorm,
    first: Linear,
    second: Linear,
}

impl Layer {
    fn new(config: &WyckoffModelConfig, source: &mut ParameterSource) -> Self {
        let (width, inner) = (config.width, config.width * config.expansion);
        // Small, so that at the start the layers add little and the sum over them does not grow with their number.
        let scale = 1.0 / (2.0 * config.layers as f32).sqrt();
        Self {
            attention_norm: source.layer_norm(width),
            attention: source.dense(width, 3 * width),
            attended: source.scaled_dense_without_bias(width, width, scale),
            dense_norm: source.layer_norm(width),
            first: source.dense(width, inner),
            second: source.scaled_dense_without_bias(inner, width, scale),
        }
    }

    /// `[B·T, width]` → the same. Keys and values of earlier tokens are in `earlier`; those of all tokens are returned.
    fn forward(
        &self,
        x: Tensor<2>,
        shape: Shape,
        mask: &Option<Tensor<4>>,
        earlier: Option<&[Tensor<4>; 2]>,
    ) -> (Tensor<2>, [Tensor<4>; 2]) {
        let Shape { size, length, heads, dropout } = shape;
        let [_, width] = x.dims();
        let inner = linear(&self.attention, layer_norm(&self.attention_norm, x.clone()));
        let by_head = |part: usize| {
            let part = inner.clone().narrow(1, part * width, width);
            part.reshape([size, length, heads, width / heads]).swap_dims(1, 2)
        };
        let [query, mut key, mut value] = [by_head(0), by_head(1), by_head(2)];
        if let Some([keys, values]) = earlier {
            key = Tensor::cat(vec![keys.clone(), key], 2);
            value = Tensor::cat(vec![values.clone(), value], 2);
        }
        let scale = ((width / heads) as f64).sqrt();
        let mut scores = query.matmul(key.clone().swap_dims(2, 3)).div_scalar(scale);
        if let Some(mask) = mask {
            scores = scores + mask.clone();
        }
        let mixed = softmax(scores, 3).matmul(value.clone());
        let mixed = mixed.swap_dims(1, 2).reshape([size * length, width]);
        let x = x + dropped(linear(&self.attended, mixed), dropout);
        let inner = dense_swish(&self.first, layer_norm(&self.dense_norm, x.clone()));
        (x + dropped(linear(&self.second, inner), dropout), [key, value])
    }
}

#[derive(Clone, Copy)]
struct Shape {
    size: usize,
    length: usize,
    heads: usize,
    dropout: f64,
}

/// Zeroes a share of the values in training, that is on a device that differentiates, and scales the others up.
fn dropped<const D: usize>(x: Tensor<D>, share: f64) -> Tensor<D> {
    if share == 0.0 || !x.device().is_autodiff() {
        return x;
    }
    let kept = x.random_like(Distribution::Bernoulli(1.0 - share));
    x * kept.div_scalar(1.0 - share)
}

/// One-hot rows, `[M, 1]` → `[M, length]`.
fn one_hot(index: Tensor<2, Int>, length: usize) -> Tensor<2> {
    let [n_rows, _] = index.dims();
    let columns = Tensor::<1, Int>::arange(0..length as i64, &index.device()).unsqueeze::<2>();
    let columns = columns.cast(index.dtype()).expand([n_rows, length]);
    index.expand([n_rows, length]).equal(columns).float()
}

impl WyckoffModel {
    /// Name of the architecture in checkpoints.
    pub const KIND: &'static str = "wyckoff-model";

    /// With random parameters.
    pub(crate) fn new(config: &WyckoffModelConfig, device: &Device) -> Self {
        let mut source = ParameterSource::new(config.seed, device);
        let width = config.width;
        let (n_places, n_features) = (PLACES.n_rows(), PLACES.width);
        let constant = |values: Vec<f32>, shape: [usize; 2]| Tensor::from_data(TensorData::new(values, shape), device);
        let is_place = (0..n_places).map(|row| f32::from(u8::from(row < PLACES.n_real()))).collect();
        Self {
            kinds: source.uniform([N_KINDS, width], 1.0),
            numbers: source.uniform([2 * N_NUMBERS, width], 1.0),
            elements: source.zeros([N_ELEMENTS, width]),
            described: Linear {
                weight: source.uniform([N_DESCRIPTORS, width], (3.0 / N_PROPERTIES as f32).sqrt()),
                bias: None,
            },
            said: source.dense_without_bias(width, width),
            next: source.dense_without_bias(width, width),
            set: source.dense_without_bias(width, width),
            places: source.zeros([n_places, width]),
            // Of a position about ten features are not zero.
            featured: Linear { weight: source.uniform([n_features, width], 0.5), bias: None },
            layers: (0..config.layers).map(|_| Layer::new(config, &mut source)).collect(),
            norm: source.layer_norm(width),
            to_element: source.dense(width, width),
            to_count: source.dense_without_bias(width, width),
            counted: source.dense_without_bias(width, width),
            count: source.dense(width, MOST_ATOMS as usize),
            to_group: source.dense(width, width),
            group_bias: source.zeros([N_GROUPS]),
            to_position: source.dense(width, width),
            element_features: constant(element_features(), [N_ELEMENTS, N_DESCRIPTORS]),
            place_features: constant(PLACES.features.clone(), [n_places, n_features]),
            is_place: constant(is_place, [n_places, 1]),
            config: config.clone(),
        }
    }

    /// The sizes.
    pub fn config(&self) -> &WyckoffModelConfig {
        &self.config
    }

    /// Where the parameters are.
    pub fn device(&self) -> Device {
        self.kinds.device()
    }

    pub(crate) fn tables(&self) -> Tables {
        let places = linear(&self.featured, self.place_features.clone()) + self.places.val();
        Tables {
            described: linear(&self.described, self.element_features.clone()),
            learned: self.elements.val(),
            places: places * self.is_place.clone(),
        }
    }

    /// `[B·T, width]`.
    fn embedded(&self, batch: &TokenBatch, tables: &Tables) -> Tensor<2> {
        let of_elements = |index: &Tensor<2, Int>, layer: &Linear| {
            let rows = one_hot(index.clone(), N_ELEMENTS);
            let described = matrix_product(rows.clone(), linear(layer, tables.described.clone()));
            let learned = match &batch.learned {
                Some(counts) => rows * counts.clone(),
                None => rows,
            };
            described + matrix_product(learned, linear(layer, tables.learned.clone()))
        };
        let [first, second] = batch.numbers.clone().map(|number| one_hot(number, N_NUMBERS));
        let x = matrix_product(one_hot(batch.kind.clone(), N_KINDS), self.kinds.val())
            + matrix_product(Tensor::cat(vec![first, second], 1), self.numbers.val())
            + of_elements(&batch.element, &self.said)
            + of_elements(&batch.next, &self.next)
            + gather_rows(tables.places.clone(), &batch.place);
        let Some(sets) = &batch.sets else { return x };
        let (size, length) = (batch.size, batch.length);
        let told = matrix_product(sets.clone(), linear(&self.set, tables.elements()));
        let told = told.reshape([size, 1, self.config.width]);
        let is_first = one_hot(Tensor::<2, Int>::zeros([1, 1], &x.device()), length).reshape([1, length, 1]);
        let told = told.expand([size, length, self.config.width]) * is_first;
        x + told.reshape([size * length, self.config.width])
    }

    /// What the tokens foretell, `[B·T, width]`, and the cache with them.
    pub(crate) fn hidden(&self, batch: &TokenBatch, tables: &Tables, earlier: Option<&Cache>) -> (Tensor<2>, Cache) {
        let WyckoffModelConfig { heads, dropout, .. } = self.config;
        let shape = Shape { size: batch.size, length: batch.length, heads, dropout };
        let mut x = dropped(self.embedded(batch, tables), dropout);
        let n_earlier = earlier.and_then(|cache| cache.0.first()).map_or(0, |[keys, _]| keys.dims()[2]);
        let mask = (batch.length > 1).then(|| causal_mask(batch.length, n_earlier, &x.device()));
        let mut cache = Cache::default();
        for (k, layer) in self.layers.iter().enumerate() {
            let (y, parts) = layer.forward(x, shape, &mask, earlier.map(|cache| &cache.0[k]));
            cache.0.push(parts);
            x = y;
        }
        (layer_norm(&self.norm, x), cache)
    }

    /// Logits of the next element, 0 for the end of the composition, `[M, width]` → `[M, N_ELEMENTS]`.
    pub(crate) fn element_logits(&self, hidden: Tensor<2>, tables: &Tables) -> Tensor<2> {
        matrix_product(linear(&self.to_element, hidden), tables.elements().transpose()).div_scalar(self.root_width())
    }

    /// Logits of the count, less one, of an element given as one-hot row, `[M, width]` → `[M, MOST_ATOMS]`.
    pub(crate) fn count_logits(&self, hidden: Tensor<2>, elements: Tensor<2>, tables: &Tables) -> Tensor<2> {
        let of_elements = matrix_product(elements, linear(&self.counted, tables.elements()));
        linear(&self.count, tensor_ops::swish(linear(&self.to_count, hidden) + of_elements))
    }

    /// Logits of the groups, `[M, width]` → `[M, N_GROUPS]`.
    pub(crate) fn group_logits(&self, hidden: Tensor<2>, tables: &Tables) -> Tensor<2> {
        let rows = tables.places.clone().narrow(0, PLACES.group(0) as usize, N_GROUPS);
        let logits = matrix_product(linear(&self.to_group, hidden), rows.transpose()).div_scalar(self.root_width());
        logits + self.group_bias.val().unsqueeze()
    }

    /// Logits of the positions, `[B·T, width]` and B·[`MOST_POSITIONS`] rows → `[B, T, MOST_POSITIONS]`.
    pub(crate) fn position_logits(
        &self,
        hidden: Tensor<2>,
        shape: [usize; 2],
        rows: &RowIndex,
        tables: &Tables,
    ) -> Tensor<3> {
        let [size, length] = shape;
        let width = self.config.width;
        let rows = gather_rows(tables.places.clone(), rows).reshape([size, MOST_POSITIONS, width]);
        let hidden = linear(&self.to_position, hidden).reshape([size, length, width]);
        hidden.matmul(rows.swap_dims(1, 2)).div_scalar(self.root_width())
    }

    fn root_width(&self) -> f64 {
        (self.config.width as f64).sqrt()
    }
}

/// Zero where a token may look, `[1, 1, T, earlier + T]`.
fn causal_mask(length: usize, n_earlier: usize, device: &Device) -> Tensor<4> {
    let row = |token: usize| (0..n_earlier + length).map(move |k| if k <= n_earlier + token { 0.0_f32 } else { -1e9 });
    let values: Vec<f32> = (0..length).flat_map(row).collect();
    Tensor::from_data(TensorData::new(values, [1, 1, length, n_earlier + length]), device)
}
