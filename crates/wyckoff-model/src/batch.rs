//! Sequences on a device.

use burn::Tensor;
use burn::tensor::{DType, Device, Int, TensorData};
use crystal_core::whole;
use tensor_ops::RowIndex;
use wyckoff_assignment::AssignmentError;

use crate::features::{MOST_POSITIONS, N_ELEMENTS, N_GROUPS, PLACES};
use crate::sequence::{Sequence, Token, group_at};

/// Sequences are made as long as the longest, rounded up to a multiple of this: kernels of a device are compiled for
/// few lengths.
const LENGTH_STEP: usize = 4;
/// Added to the logit of what cannot be.
const NEVER: f32 = -1e9;

/// B sequences of T tokens, the shorter ones padded at their ends.
#[derive(Debug, Clone)]
pub(crate) struct TokenBatch {
    /// B.
    pub(crate) size: usize,
    /// T.
    pub(crate) length: usize,
    /// `[B·T, 1]` each: kind, element, element of the next site, two numbers.
    pub(crate) kind: Tensor<2, Int>,
    pub(crate) element: Tensor<2, Int>,
    pub(crate) next: Tensor<2, Int>,
    pub(crate) numbers: [Tensor<2, Int>; 2],
    /// B·T rows of the table of places.
    pub(crate) place: RowIndex,
    /// The elements that the first token tells, one over the root of their number each, `[B, N_ELEMENTS]`; `None` where
    /// the tokens do not begin with a start.
    pub(crate) sets: Option<Tensor<2>>,
    /// Whether the learned part of the elements counts, `[B·T, 1]`; `None` for always.
    pub(crate) learned: Option<Tensor<2>>,
}

/// What a sequence is told beside its tokens.
#[derive(Debug, Clone, Default)]
pub(crate) struct Told {
    /// Atomic numbers of the elements, if they are told.
    pub(crate) elements: Option<Vec<u8>>,
    /// Whether elements are known by their properties alone.
    pub(crate) by_properties: bool,
}

impl TokenBatch {
    /// The sequences on a device. `told` has an entry for each sequence, or none where the tokens do not begin with a
    /// start.
    pub(crate) fn new(sequences: &[Vec<Token>], told: &[Told], device: &Device) -> Self {
        let longest = sequences.iter().map(Vec::len).max().unwrap_or(1);
        // Steps of drawing and listing have one token each; there a longer sequence would be work for nothing.
        let length = if longest == 1 { 1 } else { longest.next_multiple_of(LENGTH_STEP) };
        let size = sequences.len();
        let padded = || {
            sequences
                .iter()
                .flat_map(|tokens| tokens.iter().copied().chain(std::iter::repeat(Token::default())).take(length))
        };
        let column = |value: fn(Token) -> u8| {
            let values: Vec<i32> = padded().map(|token| i32::from(value(token))).collect();
            Tensor::<2, Int>::from_data(TensorData::new(values, [size * length, 1]), (device, DType::I32))
        };
        let places: Vec<u32> =
            padded().enumerate().map(|(k, token)| token.place.unwrap_or_else(|| PLACES.nowhere(k))).collect();
        Self {
            size,
            length,
            kind: column(|token| token.kind as u8),
            element: column(|token| token.element),
            next: column(|token| token.next),
            numbers: [column(|token| token.numbers[0]), column(|token| token.numbers[1])],
            place: RowIndex::new(&places, PLACES.n_rows(), device),
            sets: (!told.is_empty()).then(|| sets(told, device)),
            learned: told.iter().any(|told| told.by_properties).then(|| {
                let counts = told
                    .iter()
                    .flat_map(|told| std::iter::repeat_n(if told.by_properties { 0.0_f32 } else { 1.0 }, length));
                let counts: Vec<f32> = counts.collect();
                Tensor::from_data(TensorData::new(counts, [size * length, 1]), device)
            }),
        }
    }
}

fn sets(told: &[Told], device: &Device) -> Tensor<2> {
    let mut rows = vec![0.0_f32; told.len() * N_ELEMENTS];
    for (row, told) in rows.chunks_exact_mut(N_ELEMENTS).zip(told) {
        let elements = told.elements.as_deref().unwrap_or_default();
        for &element in elements {
            row[usize::from(element)] = 1.0 / (elements.len() as f32).sqrt();
        }
    }
    Tensor::from_data(TensorData::new(rows, [told.len(), N_ELEMENTS]), device)
}

/// The rows of the positions of a group in the table of places, rows of nothing behind them: [`MOST_POSITIONS`].
pub(crate) fn position_rows(group: u8) -> impl Iterator<Item = u32> {
    let n_positions = group_at(group).wyckoff_positions().len();
    (0..MOST_POSITIONS).map(move |k| {
        if k < n_positions { PLACES.position(group, whole::byte(k)) } else { PLACES.nowhere(k + usize::from(group)) }
    })
}

/// Zero for each admissible position, [`NEVER`] for the others.
pub(crate) fn position_mask(admissible: u32) -> impl Iterator<Item = f32> {
    (0..MOST_POSITIONS).map(move |k| if admissible & (1 << k) == 0 { NEVER } else { 0.0 })
}

/// What B sequences are to foretell.
#[derive(Debug)]
pub(crate) struct Targets {
    /// The tokens that foretell an element or the end of the composition: rows of `[B·T]`.
    pub(crate) count_rows: RowIndex,
    /// Atomic number, or 0 for the end, one-hot, `[M, N_ELEMENTS]`.
    pub(crate) elements: Tensor<2>,
    /// Count less one, one-hot; zero for the end, `[M, MOST_ATOMS]`.
    pub(crate) counts: Tensor<2>,
    /// The tokens that foretell groups, B rows of `[B·T]`.
    pub(crate) end_rows: RowIndex,
    /// The groups, one-hot, zero where they were told, `[B, N_GROUPS]`.
    pub(crate) groups: Tensor<2>,
    /// Added to the logits of the groups, `[B, N_GROUPS]`.
    pub(crate) group_mask: Tensor<2>,
    /// B·[`MOST_POSITIONS`] rows of the table of places.
    pub(crate) position_rows: RowIndex,
    /// The positions, one-hot, `[B, T, MOST_POSITIONS]`.
    pub(crate) positions: Tensor<3>,
    /// Added to their logits, `[B, T, MOST_POSITIONS]`.
    pub(crate) position_mask: Tensor<3>,
}

/// A sequence in a batch, with what it is told.
pub(crate) struct Taught<'a> {
    pub(crate) sequence: &'a Sequence,
    /// Whether each group can hold the composition, group 1 in the lowest bit.
    pub(crate) groups: &'a [u64; 4],
    pub(crate) group_told: bool,
    pub(crate) told: Told,
}

/// Tokens and targets of some sequences.
pub(crate) fn taught_batch(taught: &[Taught<'_>], device: &Device) -> (TokenBatch, Targets) {
    let tokens: Vec<Vec<Token>> = taught.iter().map(|taught| taught.sequence.tokens(taught.group_told)).collect();
    let told: Vec<Told> = taught.iter().map(|taught| taught.told.clone()).collect();
    let batch = TokenBatch::new(&tokens, &told, device);
    let targets = Targets::new(taught, batch.length, device);
    (batch, targets)
}

impl Targets {
    fn new(taught: &[Taught<'_>], length: usize, device: &Device) -> Self {
        let size = taught.len();
        let n_rows = size * length;
        let most = crate::MOST_ATOMS as usize;
        let (mut count_rows, mut elements, mut counts) = (vec![], vec![], vec![]);
        let (mut end_rows, mut groups, mut group_mask) = (vec![], vec![], vec![]);
        let mut rows = Vec::with_capacity(size * MOST_POSITIONS);
        let mut positions = vec![0.0_f32; n_rows * MOST_POSITIONS];
        let mut position_masks = positions.clone();
        for (index, Taught { sequence, groups: possible, group_told, .. }) in taught.iter().enumerate() {
            let first = index * length;
            let parts = sequence.counts.iter().map(|(species, count)| (usize::from(species.atomic_number()), *count));
            for (k, (element, count)) in parts.chain([(0, 0)]).enumerate() {
                count_rows.push(whole::compact(first + k));
                let mut row = [0.0_f32; N_ELEMENTS];
                row[element] = 1.0;
                elements.extend(row);
                counts.extend((1..=most).map(|number| f32::from(u8::from(number == count as usize))));
            }
            end_rows.push(whole::compact(first + sequence.end_index()));
            let group = usize::from(sequence.group);
            groups.extend((0..N_GROUPS).map(|k| f32::from(u8::from(k == group && !group_told))));
            group_mask.extend(group_bits(possible).map(|can| if can { 0.0 } else { NEVER }));
            rows.extend(position_rows(sequence.group));
            for (k, choice) in sequence.choices.iter().enumerate() {
                let row = (first + sequence.end_index() + 1 + k) * MOST_POSITIONS;
                positions[row + usize::from(choice.position)] = 1.0;
                let mask = position_masks[row..row + MOST_POSITIONS].iter_mut();
                mask.zip(position_mask(choice.admissible)).for_each(|(place, mask)| *place = mask);
            }
        }
        let n_counts = count_rows.len();
        let matrix =
            |values: Vec<f32>, shape: [usize; 2]| Tensor::<2>::from_data(TensorData::new(values, shape), device);
        let cube =
            |values: Vec<f32>| Tensor::<3>::from_data(TensorData::new(values, [size, length, MOST_POSITIONS]), device);
        Self {
            count_rows: RowIndex::new(&count_rows, n_rows, device),
            elements: matrix(elements, [n_counts, N_ELEMENTS]),
            counts: matrix(counts, [n_counts, most]),
            end_rows: RowIndex::new(&end_rows, n_rows, device),
            groups: matrix(groups, [size, N_GROUPS]),
            group_mask: matrix(group_mask, [size, N_GROUPS]),
            position_rows: RowIndex::new(&rows, PLACES.n_rows(), device),
            positions: cube(positions),
            position_mask: cube(position_masks),
        }
    }
}

/// Whether each group can hold a composition, group 1 first.
pub(crate) fn group_bits(groups: &[u64; 4]) -> impl Iterator<Item = bool> + '_ {
    (0..N_GROUPS).map(|k| groups[k / 64] & (1 << (k % 64)) != 0)
}

/// Which groups can hold a composition of the PRIMITIVE cell.
pub(crate) fn possible_groups(counts: &[(crystal_core::Species, u32)]) -> Result<[u64; 4], AssignmentError> {
    use wyckoff_assignment::{AssignmentSpace, Demand};
    let composition: crystal_core::Composition = counts.iter().copied().collect();
    if composition.total() == 0 {
        return Err(AssignmentError::NothingAsked);
    }
    let demand = Demand::Atoms(composition);
    let mut bits = [0; 4];
    for k in 0..N_GROUPS {
        if AssignmentSpace::is_possible(group_at(whole::byte(k)), &demand) {
            bits[k / 64] |= 1 << (k % 64);
        }
    }
    Ok(bits)
}
