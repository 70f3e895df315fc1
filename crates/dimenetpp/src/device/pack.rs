//! Weights in the order in which the units of a plane read them.
//!
//! A matrix is cut into pieces of 16 inputs by 8 outputs. Of a piece, the unit with `group` = lane / 4 and `member` =
//! lane % 4 needs four neighbouring inputs, from `4·member` on, of one output: a vector. Two neighbouring pieces share
//! 16 outputs such that the sums which a unit finds in them are four neighbouring outputs, from `4·member` on again:
//! then a layer's sums are the next layer's input, unit by unit ([`tensor_ops::cube::tiles`] for who holds what).

use tensor_ops::cube::tiles::{PLANE, leading_bits, remaining_bits};

/// Inputs of a piece.
pub(super) const PIECE_INPUTS: usize = 16;
/// Outputs of a piece.
pub(super) const PIECE_OUTPUTS: usize = 8;
/// Numbers that a unit reads at once.
pub(super) const VECTOR: usize = 4;

/// A part of the parameters.
pub(super) enum Part<T> {
    /// `[n_input, n_output]`, row by row.
    Matrix {
        /// Its numbers.
        values: T,
        /// Rows.
        n_input: usize,
        /// Columns.
        n_output: usize,
    },
    /// A bias, or a row.
    Vector(T),
}

impl<T> Part<T> {
    pub(super) fn values(&self) -> &T {
        match self {
            Self::Matrix { values, .. } | Self::Vector(values) => values,
        }
    }

    /// The same part with its numbers elsewhere.
    pub(super) fn with<U>(&self, values: U) -> Part<U> {
        match *self {
            Self::Matrix { n_input, n_output, .. } => Part::Matrix { values, n_input, n_output },
            Self::Vector(_) => Part::Vector(values),
        }
    }
}

/// Vectors that a packed matrix takes: its leading parts, and with three passes what these leave.
pub(super) const fn vectors(n_input: usize, n_output: usize, passes: usize) -> usize {
    let numbers = n_input.next_multiple_of(PIECE_INPUTS) * n_output / VECTOR;
    if passes == 3 { 2 * numbers } else { numbers }
}

/// Parameters in the order of their use.
pub(super) struct Packed {
    pub(super) values: Vec<f32>,
    passes: usize,
}

impl Packed {
    pub(super) fn new(passes: usize) -> Self {
        Self { values: Vec::new(), passes }
    }

    /// Vectors so far.
    pub(super) fn vectors(&self) -> usize {
        self.values.len() / VECTOR
    }

    /// Adds a part. Widths are multiples of 16, but for the inputs of a matrix: it gets rows of zeros.
    pub(super) fn add(&mut self, part: &Part<Vec<f32>>) {
        match part {
            Part::Vector(values) => self.values.extend(values),
            Part::Matrix { values, n_input, n_output } => {
                let ordered: Vec<f32> = order(*n_input, *n_output)
                    .map(|place| place.map_or(0.0, |(input, output)| values[input * n_output + output]))
                    .collect();
                self.values.extend(ordered.iter().map(|&x| f32::from_bits(leading_bits(x))));
                if self.passes == 3 {
                    self.values.extend(ordered.iter().map(|&x| f32::from_bits(remaining_bits(x, leading_bits(x)))));
                }
            }
        }
    }
}

/// Input and output of every number of a packed matrix; `None` for padding.
fn order(n_input: usize, n_output: usize) -> impl Iterator<Item = Option<(usize, usize)>> {
    let pieces = n_input.div_ceil(PIECE_INPUTS) * (n_output / PIECE_OUTPUTS);
    (0..pieces * PLANE * VECTOR).map(move |at| {
        let (piece, lane, j) = (at / (PLANE * VECTOR), at / VECTOR % PLANE, at % VECTOR);
        let (chunk, tile) = (piece / (n_output / PIECE_OUTPUTS), piece % (n_output / PIECE_OUTPUTS));
        let (group, member) = (lane / 4, lane % 4);
        let input = chunk * PIECE_INPUTS + 4 * member + j;
        let output = tile / 2 * 16 + group / 2 * 4 + tile % 2 * 2 + group % 2;
        (input < n_input).then_some((input, output))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a plane computes from a packed matrix, by who holds what in a tile of 16 × 8 × 8 (PTX ISA, "Matrix
    /// fragments for mma.m16n8k8"), one product of single-precision numbers at a time.
    fn multiply(x: &[Vec<f32>], packed: &[f32], n_input: usize, n_output: usize) -> Vec<Vec<f32>> {
        let (chunks, tiles) = (n_input.div_ceil(PIECE_INPUTS), n_output / PIECE_OUTPUTS);
        let mut out = vec![vec![0.0; n_output]; 16];
        for tile in 0..tiles {
            for lane in 0..PLANE {
                let (group, member) = (lane / 4, lane % 4);
                for r in 0..4 {
                    // Sums r of the unit: row, and column within the tile.
                    let (row, column) = (group + r / 2 * 8, 2 * member + r % 2);
                    let mut sum = 0.0;
                    for chunk in 0..chunks {
                        for step in 0..2 {
                            for k in 0..8 {
                                // Who holds entry k of the summed dimension: of the left factor a unit of this row's
                                // group, of the right one a unit of the column's group; both in member k mod 4.
                                let (holder, j) = (k % 4, 2 * step + k / 4);
                                let left = x[row].get(chunk * PIECE_INPUTS + 4 * holder + j).copied().unwrap_or(0.0);
                                let right = packed[((chunk * tiles + tile) * PLANE + 4 * column + holder) * VECTOR + j];
                                sum += left * right;
                            }
                        }
                    }
                    // Where the kernels put it: four neighbouring outputs of a unit from two neighbouring tiles.
                    out[row][tile / 2 * 16 + 4 * member + 2 * (tile % 2) + r % 2] = sum;
                }
            }
        }
        out
    }

    #[test]
    fn a_plane_finds_the_product() {
        for (n_input, n_output) in [(16, 16), (10, 32), (48, 16)] {
            let weight: Vec<f32> = (0..n_input * n_output).map(|k| ((k * 37) % 64) as f32 / 8.0 - 4.0).collect();
            let x: Vec<Vec<f32>> =
                (0..16).map(|row| (0..n_input).map(|k| ((row * 5 + k * 3) % 16) as f32 - 8.0).collect()).collect();
            let mut packed = Packed::new(1);
            packed.add(&Part::Matrix { values: weight.clone(), n_input, n_output });
            assert_eq!(packed.vectors(), vectors(n_input, n_output, 1));
            let found = multiply(&x, &packed.values, n_input, n_output);
            for (row, found) in x.iter().zip(found) {
                let expected: Vec<f32> = (0..n_output)
                    .map(|output| (0..n_input).map(|input| row[input] * weight[input * n_output + output]).sum())
                    .collect();
                assert_eq!(found, expected, "{n_input} to {n_output}");
            }
        }
    }

    #[test]
    fn both_parts_make_a_number() {
        let mut packed = Packed::new(3);
        let values: Vec<f32> = (0..256).map(|k| (k as f32 * 0.731).sin()).collect();
        packed.add(&Part::Matrix { values: values.clone(), n_input: 16, n_output: 16 });
        assert_eq!(packed.vectors(), vectors(16, 16, 3));
        let (leading, rest) = packed.values.split_at(256);
        for (place, (leading, rest)) in order(16, 16).zip(leading.iter().zip(rest)) {
            let (input, output) = place.expect("no padding");
            let value = values[input * 16 + output];
            // As tensor cores read it: they ignore the bits that TF32 has not.
            let rest = f32::from_bits(rest.to_bits() & 0xffff_e000);
            assert!((leading + rest - value).abs() <= 1e-6 * value.abs(), "{leading} and {rest} for {value}");
        }
    }
}
