//! Lattice translations within a radius, for one pair of a site and an image: nested intervals along the Gram–Schmidt
//! axes of the search basis, as `multigraph` searches.
#![allow(clippy::cast_possible_truncation, reason = "kernels convert by `as`; launchers bound the sizes")]

use cubecl::prelude::*;

use super::geometry::*;

/// The intervals are opened by far more than rounding; the length itself decides at their ends.
const SLACK: f32 = 1e-4;
/// Different sites closer than this have no direction between them and no edge, Å.
pub(super) const NO_DIRECTION: f32 = 1e-6;

/// Search basis of one structure in registers: nine numbers of the rows, then six of the triangle.
#[cube]
pub(super) fn search_basis(geometry: &[f32], structure: usize, basis: &mut Array<f32>) {
    let first = structure * GEOMETRY_WIDTH;
    #[unroll]
    for k in 0..9usize {
        basis[k] = geometry[first + SEARCH + k];
    }
    #[unroll]
    for k in 0..6usize {
        basis[9 + k] = geometry[first + LOWER + k];
    }
}

/// Counts the translations t with `hole ≤ |(f + t)·B| ≤ radius`, f `[3]` in the search basis; stops above `limit`. With
/// `store`, writes the vectors and translations from entry `first` on, at most `limit`.
#[cube]
pub(super) fn walk(
    f: &Array<f32>,
    basis: &Array<f32>,
    radius: f32,
    hole: f32,
    limit: i32,
    first: usize,
    vectors: &mut [f32],
    translations: &mut [i32],
    #[comptime] store: bool,
) -> i32 {
    let radius_squared = radius * radius;
    let hole_squared = hole * hole;
    let (l00, l10, l11) = (basis[9], basis[10], basis[11]);
    let (l20, l21, l22) = (basis[12], basis[13], basis[14]);
    let mut count = 0i32;
    let half_z = radius / l22;
    let mut z = (0.0 - f[2] - half_z - SLACK).ceil();
    let last_z = (half_z - f[2] + SLACK).floor();
    while z <= last_z && count <= limit {
        let c_z = f[2] + z;
        let left_z = f32::max(radius_squared - c_z * l22 * (c_z * l22), 0.0f32.runtime());
        let half_y = left_z.sqrt() / l11;
        let centre_y = 0.0 - f[1] - c_z * l21 / l11;
        let mut y = (centre_y - half_y - SLACK).ceil();
        let last_y = (centre_y + half_y + SLACK).floor();
        while y <= last_y && count <= limit {
            let c_y = f[1] + y;
            let along_y = c_z * l21 + c_y * l11;
            let height_squared = c_z * l22 * (c_z * l22) + along_y * along_y;
            let centre = 0.0 - f[0] - (c_z * l20 + c_y * l10) / l00;
            let half = f32::max(radius_squared - height_squared, 0.0f32.runtime()).sqrt() / l00;
            let mut x = (centre - half - SLACK).ceil();
            let last_x = (centre + half + SLACK).floor();
            // The part of the line inside the hole, narrowed by the slack, is never walked: in a collapsed cell it is
            // long.
            let in_hole = f32::max(hole_squared - height_squared, 0.0f32.runtime()).sqrt() / l00 - SLACK;
            let skip_from = f32::max((centre - in_hole).ceil(), x);
            let skip_to = f32::min((centre + in_hole).floor(), last_x);
            let skips = in_hole > 0.0 && skip_from <= skip_to;
            let mut on_line = last_x - x + 1.0;
            if skips {
                on_line -= skip_to - skip_from + 1.0;
            }
            // Both ends of both parts may fail the test below.
            if on_line - 4.0 > f32::cast_from(limit) {
                count = limit + 1;
            }
            while x <= last_x && count <= limit {
                if skips && x == skip_from {
                    x = skip_to;
                } else {
                    let c_x = f[0] + x;
                    let v_x = c_x * basis[0] + c_y * basis[3] + c_z * basis[6];
                    let v_y = c_x * basis[1] + c_y * basis[4] + c_z * basis[7];
                    let v_z = c_x * basis[2] + c_y * basis[5] + c_z * basis[8];
                    let square = v_x * v_x + v_y * v_y + v_z * v_z;
                    if square <= radius_squared && square >= hole_squared {
                        if comptime!(store) {
                            if count < limit {
                                let at = (first + count as usize) * 3;
                                vectors[at] = v_x;
                                vectors[at + 1] = v_y;
                                vectors[at + 2] = v_z;
                                translations[at] = x as i32;
                                translations[at + 1] = y as i32;
                                translations[at + 2] = z as i32;
                            }
                        }
                        count += 1;
                    }
                }
                x += 1.0;
            }
            y += 1.0;
        }
        z += 1.0;
    }
    count
}
