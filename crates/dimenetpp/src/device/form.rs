//! What a stage's kernel is compiled for.

use tensor_ops::cube::tiles::PLANE;

use super::pack::{PIECE_INPUTS, vectors};
use crate::DimeNetPlusPlus;

/// Most planes of a cube: as many as have registers for a layer's sums. They share nothing, but read the same weights
/// at about the same time.
const MAX_PLANES: usize = 12;
/// Columns whose sums a unit holds at once.
const MAX_COLUMNS: usize = 128;

/// What a kernel is compiled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Form {
    pub(super) emb: usize,
    pub(super) int_emb: usize,
    pub(super) out_emb: usize,
    pub(super) n_radial: usize,
    pub(super) n_scalars: usize,
    pub(super) n_before_skip: usize,
    pub(super) n_after_skip: usize,
    pub(super) n_dense_output: usize,
    /// Whether an interaction ends here: all stages but the first, in which the messages are made.
    pub(super) ends: bool,
    /// Whether one begins: all but the last.
    pub(super) begins: bool,
    pub(super) passes: usize,
    pub(super) planes: usize,
}

impl Form {
    /// Stage k of a network on a device with this many bytes of shared memory for a cube.
    pub(super) fn of(network: &DimeNetPlusPlus, k: usize, passes: usize, shared_memory: usize) -> Self {
        let first = network.interactions.first();
        let form = Self {
            emb: network.embedding.levels.dims()[1],
            int_emb: first.map_or(PIECE_INPUTS, |block| block.down.weight.dims()[1]),
            out_emb: network.outputs[0].up.weight.dims()[1],
            n_radial: network.basis.n_radial,
            n_scalars: network.basis.n_scalars(),
            n_before_skip: first.map_or(0, |block| block.before_skip.len()),
            n_after_skip: first.map_or(0, |block| block.after_skip.len()),
            n_dense_output: network.outputs[0].dense.len(),
            ends: k > 0,
            begins: k < network.interactions.len(),
            passes,
            planes: 1,
        };
        Self { planes: (shared_memory / form.shared_bytes()).min(MAX_PLANES), ..form }
    }

    /// Shared memory for the units of its planes.
    fn shared_bytes(self) -> usize {
        (self.emb + self.widest()) / 2 * self.units() * size_of::<f32>()
    }

    pub(super) fn units(self) -> usize {
        self.planes * PLANE
    }

    /// Whether the kernel takes these sizes.
    pub(super) fn fits(&self) -> bool {
        let whole = |width: usize| width > 0 && width.is_multiple_of(PIECE_INPUTS);
        whole(self.emb)
            && whole(self.int_emb)
            && whole(self.out_emb)
            && self.emb.max(self.int_emb) <= MAX_COLUMNS
            && (self.out_emb <= MAX_COLUMNS || self.out_emb == 2 * MAX_COLUMNS)
            && (1..=PIECE_INPUTS).contains(&self.n_radial)
            && self.planes > 0
    }

    /// Halves of the output block's columns that are computed one after the other.
    pub(super) fn output_parts(self) -> usize {
        self.out_emb.div_ceil(MAX_COLUMNS)
    }

    pub(super) fn part_columns(self) -> usize {
        self.out_emb / self.output_parts()
    }

    /// A layer's matrix.
    pub(super) fn matrix(self, n_input: usize, n_output: usize) -> Columns {
        Columns { n_input, n_output, first: 0, count: n_output, passes: self.passes, units: self.units() }
    }

    /// Vectors of a layer's matrix.
    pub(super) fn vectors(self, n_input: usize, n_output: usize) -> usize {
        vectors(n_input, n_output, self.passes)
    }

    /// Columns of a part.
    pub(super) fn part_of_output(self, n_input: usize, part: usize) -> Columns {
        let count = self.part_columns();
        Columns {
            n_input,
            n_output: self.out_emb,
            first: part * count,
            count,
            passes: self.passes,
            units: self.units(),
        }
    }

    /// The widest input of a layer, that of messages aside.
    pub(super) fn widest(self) -> usize {
        self.emb.max(self.int_emb).max(self.out_emb).max(self.n_scalars.next_multiple_of(PIECE_INPUTS))
    }
}

/// A stretch of a matrix' columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Columns {
    pub(super) n_input: usize,
    pub(super) n_output: usize,
    pub(super) first: usize,
    pub(super) count: usize,
    pub(super) passes: usize,
    pub(super) units: usize,
}
