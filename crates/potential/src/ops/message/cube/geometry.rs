//! Harmonics and matrices of a few edges in shared memory.

use cubecl::prelude::*;

/// Numbers that describe an edge beside its harmonics: interval, place in it, length, direction, two tangents, factor.
pub(super) const DESCRIPTION: usize = 13;
const LENGTH: usize = 2;
const DIRECTION: usize = 3;
const TANGENTS: usize = 6;
/// The factor of the edge's message.
pub(super) const FACTOR: usize = 12;
/// Harmonics of an edge.
pub(super) const HARMONICS: usize = 16;

/// Roots in the harmonics: 3, 5, 15, 35/8, 105, 21/8 and 7/4.
const R3: f32 = 1.732_050_8;
const R5: f32 = 2.236_068;
const R15: f32 = 3.872_983_3;
const R35: f32 = 2.091_65;
const R105: f32 = 10.246_951;
const R21: f32 = 1.620_185_2;
const R7: f32 = 1.322_875_7;

/// Values of the harmonics at a unit vector, into every `stride`-th place from `at` on.
#[cube]
pub(super) fn harmonics(x: f32, y: f32, z: f32, out: &mut Shared<[f32]>, at: usize, #[comptime] stride: usize) {
    let xx = x * x;
    let yy = y * y;
    let zz = z * z;
    out[at] = 1.0f32.runtime();
    out[at + stride] = R3 * x;
    out[at + 2 * stride] = R3 * y;
    out[at + 3 * stride] = R3 * z;
    out[at + 4 * stride] = R15 * x * z;
    out[at + 5 * stride] = R15 * x * y;
    out[at + 6 * stride] = R5 * (yy - 0.5 * (xx + zz));
    out[at + 7 * stride] = R15 * y * z;
    out[at + 8 * stride] = 0.5 * R15 * (zz - xx);
    out[at + 9 * stride] = R35 * x * (3.0 * zz - xx);
    out[at + 10 * stride] = R105 * x * y * z;
    out[at + 11 * stride] = R21 * x * (4.0 * yy - xx - zz);
    out[at + 12 * stride] = R7 * y * (2.0 * yy - 3.0 * (xx + zz));
    out[at + 13 * stride] = R21 * z * (4.0 * yy - xx - zz);
    out[at + 14 * stride] = 0.5 * R105 * y * (zz - xx);
    out[at + 15 * stride] = R35 * z * (zz - 3.0 * xx);
}

/// Derivatives of the harmonics at the unit vector (x, y, z) along (a, b, c), into every `stride`-th place from `at`
/// on.
#[cube]
pub(super) fn derivatives(
    x: f32,
    y: f32,
    z: f32,
    a: f32,
    b: f32,
    c: f32,
    out: &mut Shared<[f32]>,
    at: usize,
    #[comptime] stride: usize,
) {
    let xx = x * x;
    let yy = y * y;
    let zz = z * z;
    let xy = x * y;
    let xz = x * z;
    let yz = y * z;
    out[at] = 0.0f32.runtime();
    out[at + stride] = R3 * a;
    out[at + 2 * stride] = R3 * b;
    out[at + 3 * stride] = R3 * c;
    out[at + 4 * stride] = R15 * (z * a + x * c);
    out[at + 5 * stride] = R15 * (y * a + x * b);
    out[at + 6 * stride] = R5 * (2.0 * y * b - x * a - z * c);
    out[at + 7 * stride] = R15 * (z * b + y * c);
    out[at + 8 * stride] = R15 * (z * c - x * a);
    out[at + 9 * stride] = R35 * (3.0 * (zz - xx) * a + 6.0 * xz * c);
    out[at + 10 * stride] = R105 * (yz * a + xz * b + xy * c);
    out[at + 11 * stride] = R21 * ((4.0 * yy - 3.0 * xx - zz) * a + 8.0 * xy * b - 2.0 * xz * c);
    out[at + 12 * stride] = R7 * (3.0 * (2.0 * yy - xx - zz) * b - 6.0 * xy * a - 6.0 * yz * c);
    out[at + 13 * stride] = R21 * (8.0 * yz * b - 2.0 * xz * a + (4.0 * yy - xx - 3.0 * zz) * c);
    out[at + 14 * stride] = R105 * (yz * c - xy * a + 0.5 * (zz - xx) * b);
    out[at + 15 * stride] = R35 * (3.0 * (zz - xx) * c - 6.0 * xz * a);
}

/// Describes an edge and evaluates its harmonics; with `parts` 3 also their derivatives along both tangents. One unit
/// per edge.
#[cube]
pub(super) fn describe(
    vectors: &[f32],
    edge: usize,
    slot: usize,
    n_intervals: usize,
    inverse_spacing: f32,
    description: &mut Shared<[f32]>,
    values: &mut Shared<[f32]>,
    #[comptime] parts: usize,
) {
    let rx = vectors[edge * 4];
    let ry = vectors[edge * 4 + 1];
    let rz = vectors[edge * 4 + 2];
    let length = (rx * rx + ry * ry + rz * rz).sqrt();
    let x = rx / length;
    let y = ry / length;
    let z = rz / length;
    let scaled = length * inverse_spacing;
    let interval = f32::min(scaled.floor(), f32::cast_from(n_intervals - 1));
    let at = slot * DESCRIPTION;
    description[at] = interval;
    description[at + 1] = scaled - interval;
    description[at + FACTOR] = vectors[edge * 4 + 3];
    let first = slot * comptime!(HARMONICS * parts);
    harmonics(x, y, z, values, first, parts);
    if comptime!(parts == 3) {
        description[at + LENGTH] = length;
        description[at + DIRECTION] = x;
        description[at + DIRECTION + 1] = y;
        description[at + DIRECTION + 2] = z;
        let mut sign = 1.0f32.runtime();
        if z < 0.0 {
            sign = -1.0f32;
        }
        let a = -1.0f32 / (sign + z);
        let b = x * y * a;
        let first_x = 1.0 + sign * x * x * a;
        let first_y = sign * b;
        let first_z = -(sign * x);
        let second_y = sign + y * y * a;
        let second_z = -y;
        description[at + TANGENTS] = first_x;
        description[at + TANGENTS + 1] = first_y;
        description[at + TANGENTS + 2] = first_z;
        description[at + TANGENTS + 3] = b;
        description[at + TANGENTS + 4] = second_y;
        description[at + TANGENTS + 5] = second_z;
        derivatives(x, y, z, first_x, first_y, first_z, values, first + 1, parts);
        derivatives(x, y, z, b, second_y, second_z, values, first + 2, parts);
    }
}

/// `∂E/∂r` along component k from the sums along direction and tangents.
#[cube]
pub(super) fn vector_gradient(description: &[f32], slot: usize, k: usize, along: f32, first: f32, second: f32) -> f32 {
    let at = slot * DESCRIPTION;
    let across = first * description[at + TANGENTS + k] + second * description[at + TANGENTS + 3 + k];
    along * description[at + DIRECTION + k] + across / description[at + LENGTH]
}
