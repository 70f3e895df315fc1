//! Tiles of 16 × 8 × 8 on tensor cores, one per plane of 32 units.
//!
//! A unit with `group` = lane / 4 and `member` = lane % 4 holds of the left factor the rows `group` and `group + 8` in
//! the columns `member` and `member + 4` (in the order: column by column), of the right factor the rows `member` and
//! `member + 4` in the column `group`, and of the sums the rows `group` and `group + 8` in the columns `2·member` and
//! `2·member + 1` (in the order: row by row); PTX ISA, "Matrix fragments for mma.m16n8k8". Which row of a matrix stands
//! in which row of a tile is free, as long as both factors agree about the summed dimension: the kernels choose it so
//! that what a unit reads or writes lies side by side.

use cubecl::prelude::*;

/// Units of a plane.
pub(super) const PLANE: usize = 32;
/// Half of the last bit that TF32 keeps of a single-precision number, and the bits it keeps.
const HALF_BIT: u32 = 0x1000;
const KEPT_BITS: u32 = 0xffff_e000;

/// `sums + left·right`. Operands of the assembly are single values: a vector that was put together would be passed by
/// its address.
#[cube]
fn multiply(
    left: &Array<u32>,
    right: &Array<u32>,
    sums: Vector<f32, Const<4>>,
    #[comptime] row: usize,
    #[comptime] stride: usize,
    #[comptime] step: usize,
) -> Vector<f32, Const<4>> {
    let out: Vector<f32, Const<4>>;
    gpu_asm!(
        "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {out}, {{{l0}, {l1}, {l2}, {l3}}}, {{{r0}, {r1}}}, {{{s0}, {s1}, {s2}, {s3}}};",
        out = out(_) out,
        l0 = in(_) left[row + 2 * step],
        l1 = in(_) left[row + stride + 2 * step],
        l2 = in(_) left[row + 2 * step + 1],
        l3 = in(_) left[row + stride + 2 * step + 1],
        r0 = in(_) right[2 * step],
        r1 = in(_) right[2 * step + 1],
        s0 = in(_) sums.extract(0usize),
        s1 = in(_) sums.extract(1usize),
        s2 = in(_) sums.extract(2usize),
        s3 = in(_) sums.extract(3usize),
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

/// `sums[at..at + 4] += left·right` over `2·steps` quarters of rows: `left` holds for both rows of a unit (`stride`
/// apart, from `row` on) and `right`, from 0 on, `2·steps` values along the summed dimension, of which each step takes
/// two.
///
/// With three passes, the products are summed from zero and added in single precision: the tensor cores' own additions
/// cut off instead of rounding, which would drift over many steps.
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
            total = multiply(left_rest, right, total, row, stride, step);
            total = multiply(left, right_rest, total, row, stride, step);
        }
    }
    #[unroll]
    for step in 0..steps {
        total = multiply(left, right, total, row, stride, step);
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

/// `into[slot..slot + 4]` = four values of a row of `columns` from `column` on; those beyond the row's end are 0.
/// `start` is where the row begins; vectors of four are read only where `columns` is a multiple of four.
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
