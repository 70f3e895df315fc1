//! Tiles of 16 × 8 × 8 on tensor cores, one per plane of 32 units.
//!
//! A unit with `group` = lane / 4 and `member` = lane % 4 holds of the left factor the rows `group` and `group + 8` in
//! the columns `member` and `member + 4` (in the order: column by column), of the right factor the rows `member` and
//! `member + 4` in the column `group`, and of the sums the rows `group` and `group + 8` in the columns `2·member` and
//! `2·member + 1` (in the order: row by row); PTX ISA, "Matrix fragments for mma.m16n8k8". Which row of a matrix stands
//! in which row of a tile is free, as long as both factors agree about the summed dimension: the kernels choose it so
//! that what a unit reads or writes lies side by side.

use burn_cubecl::tensor::CubeTensor;
use cubecl::ir::features::MmaConfig;
use cubecl::ir::{ElemType, FloatKind};
use cubecl::prelude::*;

use crate::precision::{Precision, precision, tensor_cores};

/// Products of TF32 numbers that make a product at the chosen precision on the tensor's device: three or one; `None`
/// where there are no tensor cores.
pub fn passes(tensor: &CubeTensor) -> Option<usize> {
    let tile = MmaConfig {
        a_type: ElemType::Float(FloatKind::TF32),
        b_type: ElemType::Float(FloatKind::TF32),
        cd_type: ElemType::Float(FloatKind::F32),
        m: 16,
        n: 8,
        k: 8,
    };
    let properties = tensor.client.properties();
    let hardware = &properties.hardware;
    let plane = u32::try_from(PLANE).expect("32 units");
    let planes = (hardware.plane_size_min, hardware.plane_size_max) == (plane, plane);
    let usable = tensor_cores() && planes && properties.features.matmul.mma.contains(&tile);
    usable.then(|| match precision() {
        Precision::Single => 3,
        Precision::Tf32 => 1,
    })
}

/// Units of a plane.
pub const PLANE: usize = 32;
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
        "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 \
         {out}, {{{l0}, {l1}, {l2}, {l3}}}, {{{r0}, {r1}}}, {{{s0}, {s1}, {s2}, {s3}}};",
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
pub fn leading_part(x: f32) -> u32 {
    (u32::reinterpret(x) + HALF_BIT) & KEPT_BITS
}

/// The bits of what `leading` leaves of x. Tensor cores ignore the bits that TF32 has not, so half a bit more rounds.
#[cube]
pub fn remaining_part(x: f32, leading: u32) -> u32 {
    u32::reinterpret(x - f32::reinterpret(leading)) + HALF_BIT
}

/// [`leading_part()`] on the processor.
pub fn leading_bits(x: f32) -> u32 {
    x.to_bits().wrapping_add(HALF_BIT) & KEPT_BITS
}

/// [`remaining_part()`] on the processor.
pub fn remaining_bits(x: f32, leading: u32) -> u32 {
    (x - f32::from_bits(leading)).to_bits().wrapping_add(HALF_BIT)
}

/// `sums[at..at + 4] += left·right` over `2·steps` quarters of rows: `left` holds for both rows of a unit (`stride`
/// apart, from `row` on) and `right`, from 0 on, `2·steps` values along the summed dimension, of which each step takes
/// two.
///
/// With three passes, the products are summed from zero and added in single precision: the tensor cores' own additions
/// cut off instead of rounding, which would drift over many steps.
#[cube]
pub fn accumulate(
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

/// What two tiles along the summed dimension add to the sums of a tile: `left` holds four values for each of a unit's
/// two rows, `right` four along the summed dimension. In one statement, as a kernel of many layers has thousands of
/// these. With three passes as in [`accumulate()`]: summed from zero, small products first, and added in single
/// precision.
#[cube]
pub fn add_products<W: Size>(
    left: &Array<u32>,
    left_rest: &Array<u32>,
    right: Vector<u32, W>,
    right_rest: Vector<u32, W>,
    sums: Vector<f32, Const<4>>,
    #[comptime] passes: usize,
) -> Vector<f32, Const<4>> {
    let out: Vector<f32, Const<4>>;
    let mut total = sums;
    if comptime!(passes == 3) {
        gpu_asm!(
            "{{ .reg .f32 z, t0, t1, t2, t3; mov.f32 z, 0f00000000; \
             mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 \
             {{t0, t1, t2, t3}}, {{{s0}, {s4}, {s1}, {s5}}}, {{{r0}, {r1}}}, {{z, z, z, z}}; \
             mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 \
             {{t0, t1, t2, t3}}, {{{l0}, {l4}, {l1}, {l5}}}, {{{q0}, {q1}}}, {{t0, t1, t2, t3}}; \
             mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 \
             {{t0, t1, t2, t3}}, {{{s2}, {s6}, {s3}, {s7}}}, {{{r2}, {r3}}}, {{t0, t1, t2, t3}}; \
             mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 \
             {{t0, t1, t2, t3}}, {{{l2}, {l6}, {l3}, {l7}}}, {{{q2}, {q3}}}, {{t0, t1, t2, t3}}; \
             mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 \
             {{t0, t1, t2, t3}}, {{{l0}, {l4}, {l1}, {l5}}}, {{{r0}, {r1}}}, {{t0, t1, t2, t3}}; \
             mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 \
             {out}, {{{l2}, {l6}, {l3}, {l7}}}, {{{r2}, {r3}}}, {{t0, t1, t2, t3}}; }}",
            out = out(_) out,
            l0 = in(_) left[0usize],
            l1 = in(_) left[1usize],
            l2 = in(_) left[2usize],
            l3 = in(_) left[3usize],
            l4 = in(_) left[4usize],
            l5 = in(_) left[5usize],
            l6 = in(_) left[6usize],
            l7 = in(_) left[7usize],
            s0 = in(_) left_rest[0usize],
            s1 = in(_) left_rest[1usize],
            s2 = in(_) left_rest[2usize],
            s3 = in(_) left_rest[3usize],
            s4 = in(_) left_rest[4usize],
            s5 = in(_) left_rest[5usize],
            s6 = in(_) left_rest[6usize],
            s7 = in(_) left_rest[7usize],
            r0 = in(_) right.extract(0usize),
            r1 = in(_) right.extract(1usize),
            r2 = in(_) right.extract(2usize),
            r3 = in(_) right.extract(3usize),
            q0 = in(_) right_rest.extract(0usize),
            q1 = in(_) right_rest.extract(1usize),
            q2 = in(_) right_rest.extract(2usize),
            q3 = in(_) right_rest.extract(3usize),
            options(nomem),
        );
        total += out;
    } else {
        gpu_asm!(
            "{{ .reg .f32 t0, t1, t2, t3; \
             mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 \
             {{t0, t1, t2, t3}}, {{{l0}, {l4}, {l1}, {l5}}}, {{{r0}, {r1}}}, {{{c0}, {c1}, {c2}, {c3}}}; \
             mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 \
             {out}, {{{l2}, {l6}, {l3}, {l7}}}, {{{r2}, {r3}}}, {{t0, t1, t2, t3}}; }}",
            out = out(_) out,
            l0 = in(_) left[0usize],
            l1 = in(_) left[1usize],
            l2 = in(_) left[2usize],
            l3 = in(_) left[3usize],
            l4 = in(_) left[4usize],
            l5 = in(_) left[5usize],
            l6 = in(_) left[6usize],
            l7 = in(_) left[7usize],
            r0 = in(_) right.extract(0usize),
            r1 = in(_) right.extract(1usize),
            r2 = in(_) right.extract(2usize),
            r3 = in(_) right.extract(3usize),
            c0 = in(_) sums.extract(0usize),
            c1 = in(_) sums.extract(1usize),
            c2 = in(_) sums.extract(2usize),
            c3 = in(_) sums.extract(3usize),
            options(nomem),
        );
        total = out;
    }
    total
}

/// `into[slot..slot + 4]` = four values of a row of `columns` from `column` on; those beyond the row's end are 0.
/// `start` is where the row begins; vectors of four are read only where `columns` is a multiple of four.
#[cube]
pub fn load_four<W: Size>(
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

/// `σ(x)`, with the device's exponential and reciprocal, as in [`activate()`].
#[cube]
pub fn sigmoid(x: f32) -> f32 {
    let out: f32;
    gpu_asm!(
        "{{ .reg .f32 e; mul.f32 e, {x}, 0fBFB8AA3B; ex2.approx.ftz.f32 e, e; add.f32 e, e, 0f3F800000; \
         rcp.approx.ftz.f32 {out}, e; }}",
        out = out(_) out,
        x = in(_) x,
        options(nomem),
    );
    out
}

/// `x·σ(x)`, with the device's exponential and reciprocal: each is good to two units in the last place. e^(-x) is 2 to
/// the power of x times −log2 e (0fBFB8AA3B).
#[cube]
pub fn activate(x: f32) -> f32 {
    let out: f32;
    gpu_asm!(
        "{{ .reg .f32 e; mul.f32 e, {x}, 0fBFB8AA3B; ex2.approx.ftz.f32 e, e; add.f32 e, e, 0f3F800000; \
         rcp.approx.ftz.f32 e, e; mul.f32 {out}, {x}, e; }}",
        out = out(_) out,
        x = in(_) x,
        options(nomem),
    );
    out
}
