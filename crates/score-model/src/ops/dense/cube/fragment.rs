//! Tiles of 16 × 8 × 8 on tensor cores, one per plane of 32 units.
//!
//! A unit with `group` = lane / 4 and `member` = lane % 4 holds of the left factor the rows `group` and `group + 8` in the columns `member` and
//! `member + 4` (in the order: column by column), of the right factor the rows `member` and `member + 4` in the column `group`, and of the sums the
//! rows `group` and `group + 8` in the columns `2·member` and `2·member + 1` (in the order: row by row); PTX ISA, "Matrix fragments for
//! mma.m16n8k8". Which row of a matrix stands in which row of a tile is free, as long as both factors agree about the summed dimension: the kernels
//! choose it so that what a unit reads or writes lies side by side.

use cubecl::prelude::*;

/// Units of a plane.
pub(super) const PLANE: usize = 32;
/// Half of the last bit that TF32 keeps of a single-precision number, and the bits it keeps.
const HALF_BIT: u32 = 0x1000;
const KEPT_BITS: u32 = 0xffff_e000;

/// `sums + left·right`.
#[cube]
fn multiply(left: Vector<u32, Const<4>>, right: Vector<u32, Const<2>>, sums: Vector<f32, Const<4>>) -> Vector<f32, Const<4>> {
    let out: Vector<f32, Const<4>>;
    gpu_asm!(
        "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {out}, {left}, {right}, {sums};",
        out = out(_) out, left = in(_) left, right = in(_) right, sums = in(_) sums,
        options(nomem),
    );
    out
}

/// The bits of x rounded to TF32, ties away from zero.
#[cube]
pub(super) fn leading_part(x: f32) -> u32 {
    (u32::reinterpret(x) + HALF_BIT) & KEPT_BITS
}

/// The bits of what `leading` leaves of x. Tensor cores ignore the bits that TF32 has not, so half a bit more rounds.
#[cube]
pub(super) fn remaining_part(x: f32, leading: u32) -> u32 {
    u32::reinterpret(x - f32::reinterpret(leading)) + HALF_BIT
}

/// `sums[at..at + 4] += left·right` over `2·steps` quarters of rows: `left` holds for both rows of a unit (`stride` apart, from `row` on) and `right`,
/// from 0 on, `2·steps` values along the summed dimension, of which each step takes two.
///
/// With three passes, the products are summed from zero and added in single precision: the tensor cores' own additions cut off instead of
/// rounding, which would drift over many steps.
#[cube]
pub(super) fn accumulate(
    left: &Array<u32>,
    left_rest: &Array<u32>,
    right: &Array<u32>,
    right_rest: &Array<u32>,
    sums: &mut Array<f32>,
    #[comptime] row: usize,
    #[comptime] stride: usize,
    #[comptime] at: usize,
    #[comptime] steps: usize,
    #[comptime] passes: usize,
) {
    let mut total = Vector::<f32, Const<4>>::zeroed();
    if comptime!(passes == 1) {
        #[unroll]
        for r in 0..4usize {
            total.insert(r, sums[at + r]);
        }
    }
    // Small products first.
    if comptime!(passes == 3) {
        #[unroll]
        for step in 0..steps {
            total = multiply(four(left_rest, row, stride, step), two(right, step), total);
            total = multiply(four(left, row, stride, step), two(right_rest, step), total);
        }
    }
    #[unroll]
    for step in 0..steps {
        total = multiply(four(left, row, stride, step), two(right, step), total);
    }
    #[unroll]
    for r in 0..4usize {
        if comptime!(passes == 3) {
            sums[at + r] += total.extract(r);
        } else {
            sums[at + r] = total.extract(r);
        }
    }
}

#[cube]
fn four(values: &Array<u32>, #[comptime] row: usize, #[comptime] stride: usize, #[comptime] step: usize) -> Vector<u32, Const<4>> {
    let mut out = Vector::<u32, Const<4>>::zeroed();
    out.insert(0usize, values[row + 2 * step]);
    out.insert(1usize, values[row + stride + 2 * step]);
    out.insert(2usize, values[row + 2 * step + 1]);
    out.insert(3usize, values[row + stride + 2 * step + 1]);
    out
}

#[cube]
fn two(values: &Array<u32>, #[comptime] step: usize) -> Vector<u32, Const<2>> {
    let mut out = Vector::<u32, Const<2>>::zeroed();
    out.insert(0usize, values[2 * step]);
    out.insert(1usize, values[2 * step + 1]);
    out
}

/// `into[slot..slot + 4]` = four values of a row of `columns` from `column` on; those beyond the row's end are 0. `start` is where the row begins;
/// vectors of four are read only where `columns` is a multiple of four.
#[cube]
pub(super) fn load_four<W: Size>(
    from: &[Vector<f32, W>],
    start: usize,
    column: usize,
    into: &mut Array<f32>,
    #[comptime] slot: usize,
    #[comptime] columns: usize,
    #[comptime] width: usize,
    #[comptime] ragged: bool,
) {
    if comptime!(width == 4) {
        if comptime!(ragged) {
            #[unroll]
            for j in 0..4usize {
                into[slot + j] = 0.0f32;
            }
            if column < columns {
                let values = from[(start + column) / 4];
                #[unroll]
                for j in 0..4usize {
                    into[slot + j] = values.extract(j);
                }
            }
        } else {
            let values = from[(start + column) / 4];
            #[unroll]
            for j in 0..4usize {
                into[slot + j] = values.extract(j);
            }
        }
    } else {
        #[unroll]
        for j in 0..4usize {
            into[slot + j] = 0.0f32;
            if column + j < columns {
                into[slot + j] = from[start + column + j].extract(0usize);
            }
        }
    }
}
