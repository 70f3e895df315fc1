//! Kernel: the cell of each structure from its lattice coordinates. One unit per structure.
#![allow(clippy::cast_possible_truncation, reason = "kernels convert by `as`; launchers bound the sizes")]

use cubecl::prelude::*;

use super::tables::*;

/// Numbers per structure of the geometry, in this order.
pub(super) const GEOMETRY_WIDTH: usize = 72;
/// Rows of the primitive lattice, Å.
pub(super) const PRIMITIVE: usize = 0;
/// Its inverse: fractional = Cartesian · inverse.
pub(super) const INVERSE_LATTICE: usize = 9;
/// Rows of the basis in which neighbours are searched, short vectors first.
pub(super) const SEARCH: usize = 18;
/// Gram–Schmidt of the search basis: l00, l10, l11, l20, l21, l22.
pub(super) const LOWER: usize = 27;
/// Volume of the primitive cell, Å³.
pub(super) const VOLUME: usize = 33;
/// Images closer than this are one, Å.
pub(super) const COINCIDENT: usize = 34;
/// Six symmetric forms of six numbers (xx, yy, zz, and twice xy, xz, yz) with `∂|r|/∂y_a = rᵀ·S_a·r/|r|`.
pub(super) const FORMS: usize = 36;

/// Integers per structure of the search basis: fractional coordinates there = this matrix · those in the primitive
/// basis.
pub(super) const FROM_PRIMITIVE: usize = 0;
/// The inverse of [`FROM_PRIMITIVE`].
pub(super) const TO_PRIMITIVE: usize = 9;
/// See [`FROM_PRIMITIVE`].
pub(super) const BASIS_WIDTH: usize = 18;

/// A structure that can go on.
pub(super) const ALIVE: i32 = 0;
/// A coordinate is not a number.
pub(super) const NO_NUMBER: i32 = 1;
/// The cell has collapsed or diverged.
pub(super) const NO_CELL: i32 = 2;
/// No cut-off bounds the neighbours.
pub(super) const NO_CUTOFF: i32 = 3;

/// Scale of softplus and cotangents, Å, as in `crystal_core::LatticeCoordinates`.
const SCALE: f32 = 10.0;
/// Above this ratio softplus is the identity in single precision.
const LINEAR: f32 = 18.0;
/// Below this exponential, `ln(1 + e)` is summed as a series: the sum under the logarithm would lose it.
const SMALL_EXPONENTIAL: f32 = 0.004;
/// cot 120°.
const HEXAGONAL_COTANGENT: f32 = -0.577_350_27;
/// Share of the shortest period that the distance between coincident images may take.
const COINCIDENT_SHARE: f32 = 0.01;
/// Most rounds of the reduction, and largest multiple of a vector subtracted: more skewed cells are searched as they
/// are.
const MAX_REDUCTIONS: i32 = 64;
/// See [`MAX_REDUCTIONS`].
const MAX_MULTIPLE: f32 = 100.0;
/// A step of the reduction must shorten the square of a vector by this factor, or rounding could go in circles.
const SHORTENING: f32 = 0.99999;

#[cube]
fn softplus(y: f32) -> f32 {
    let x = y / SCALE;
    let mut value = y;
    if x < LINEAR {
        let e = x.exp();
        let mut log = (e + 1.0).ln();
        if e < SMALL_EXPONENTIAL {
            log = e * (1.0 - e * (0.5 - e * 0.333_333_34));
        }
        value = log * SCALE;
    }
    value
}

/// The conventional cell at lattice coordinates y `[6]`, and what its derivatives need: rows of C `[9]`, then the
/// lengths of b and c and the norms of their directions before they were made unit vectors.
#[cube]
pub(super) fn conventional(y: &Array<f32>, structures: &[i32], structure: usize, cell: &mut Array<f32>) {
    let row = structure * STRUCTURE_WIDTH;
    let angles = structures[row + ANGLES];
    let a = softplus(y[0]);
    let b = softplus(y[structures[row + LENGTH_OF_B] as usize]);
    let c = softplus(y[structures[row + LENGTH_OF_C] as usize]);
    let mut b_slope = 0.0f32;
    let mut c_along_x = 0.0f32;
    let mut c_along_y = 0.0f32;
    if angles == HEXAGONAL {
        b_slope = HEXAGONAL_COTANGENT;
    }
    if angles == MONOCLINIC {
        c_along_x = y[3] / SCALE;
    }
    if angles == TRICLINIC {
        b_slope = y[3] / SCALE;
        c_along_x = y[4] / SCALE;
        c_along_y = y[5] / SCALE;
    }
    let b_norm = (b_slope * b_slope + 1.0).sqrt();
    let c_norm = (c_along_x * c_along_x + c_along_y * c_along_y + 1.0).sqrt();
    cell[0] = a;
    cell[1] = 0.0;
    cell[2] = 0.0;
    cell[3] = b * b_slope / b_norm;
    cell[4] = b / b_norm;
    cell[5] = 0.0;
    cell[6] = c * c_along_x / c_norm;
    cell[7] = c * c_along_y / c_norm;
    cell[8] = c / c_norm;
    cell[9] = b;
    cell[10] = c;
    cell[11] = b_norm;
    cell[12] = c_norm;
}

/// Rows of the primitive lattice, `M · C`.
#[cube]
pub(super) fn primitive_rows(
    cell: &Array<f32>,
    centrings: &[f32],
    structures: &[i32],
    structure: usize,
    rows: &mut Array<f32>,
) {
    let centring = structures[structure * STRUCTURE_WIDTH + CENTRING] as usize * 9;
    #[unroll]
    for i in 0..3usize {
        #[unroll]
        for j in 0..3usize {
            let mut value = 0.0f32;
            #[unroll]
            for k in 0..3usize {
                value += centrings[centring + i * 3 + k] * cell[k * 3 + j];
            }
            rows[i * 3 + j] = value;
        }
    }
}

/// Inverse of a matrix of rows; returns the determinant.
#[cube]
pub(super) fn invert(rows: &Array<f32>, inverse: &mut Array<f32>) -> f32 {
    #[unroll]
    for i in 0..3usize {
        #[unroll]
        for j in 0..3usize {
            let (a, b) = comptime!(((j + 1) % 3, (j + 2) % 3));
            let (c, d) = comptime!(((i + 1) % 3, (i + 2) % 3));
            inverse[i * 3 + j] = rows[a * 3 + c] * rows[b * 3 + d] - rows[a * 3 + d] * rows[b * 3 + c];
        }
    }
    let determinant = rows[0] * inverse[0] + rows[1] * inverse[3] + rows[2] * inverse[6];
    #[unroll]
    for k in 0..9usize {
        inverse[k] = inverse[k] / determinant;
    }
    determinant
}

/// The derivative of C by one free lattice coordinate.
#[cube]
fn derivative(
    y: &Array<f32>,
    structures: &[i32],
    structure: usize,
    cell: &Array<f32>,
    rows: &mut Array<f32>,
    #[comptime] coordinate: usize,
) {
    let row = structure * STRUCTURE_WIDTH;
    let angles = structures[row + ANGLES];
    let slope = 1.0 / (f32::exp(y[coordinate] * (-1.0f32 / SCALE)) + 1.0);
    #[unroll]
    for k in 0..9usize {
        rows[k] = 0.0;
    }
    let own = coordinate as i32;
    if comptime!(coordinate == 0) {
        rows[0] = slope;
    }
    if structures[row + LENGTH_OF_B] == own {
        #[unroll]
        for k in 3..6usize {
            rows[k] = cell[k] / cell[9] * slope;
        }
    }
    if structures[row + LENGTH_OF_C] == own {
        #[unroll]
        for k in 6..9usize {
            rows[k] = cell[k] / cell[10] * slope;
        }
    }
    // Along the x axis, less the part along the vector itself: unit vectors turn.
    let b_turns = comptime!(coordinate == 3);
    let c_axis = comptime!(if coordinate == 5 { 1usize } else { 0usize });
    if b_turns {
        if angles == TRICLINIC {
            let scale = cell[9] / (cell[11] * SCALE);
            let (x, y) = (cell[3] / cell[9], cell[4] / cell[9]);
            rows[3] = (1.0 - x * x) * scale;
            rows[4] = (0.0 - x * y) * scale;
        }
    }
    let mut kind = TRICLINIC.runtime();
    if b_turns {
        kind = MONOCLINIC.runtime();
    }
    let c_turns = comptime!(coordinate >= 3).runtime() && angles == kind;
    if c_turns {
        let scale = cell[10] / (cell[12] * SCALE);
        let along = cell[6 + c_axis] / cell[10];
        #[unroll]
        for k in 0..3usize {
            let mut axis = 0.0f32;
            if comptime!(k == c_axis) {
                axis = 1.0f32;
            }
            rows[6 + k] = (axis - cell[6 + k] / cell[10] * along) * scale;
        }
    }
}

#[cube]
fn squared_length(rows: &mut Array<f32>, i: usize) -> f32 {
    rows[i * 3] * rows[i * 3] + rows[i * 3 + 1] * rows[i * 3 + 1] + rows[i * 3 + 2] * rows[i * 3 + 2]
}

#[cube]
fn dot(rows: &mut Array<f32>, i: usize, j: usize) -> f32 {
    rows[i * 3] * rows[j * 3] + rows[i * 3 + 1] * rows[j * 3 + 1] + rows[i * 3 + 2] * rows[j * 3 + 2]
}

/// Shortens the rows by subtracting multiples of one another; `transformation` · old = new.
#[cube]
fn reduce(rows: &mut Array<f32>, transformation: &mut Array<i32>) {
    let mut round = 0i32;
    let mut changed = true;
    while changed && round < MAX_REDUCTIONS {
        changed = false;
        #[unroll]
        for pair in 0..6usize {
            let (i, j) = comptime!((pair / 2, (pair / 2 + 1 + pair % 2) % 3));
            let other = squared_length(rows, j);
            let before = squared_length(rows, i);
            let multiple = (dot(rows, i, j) / other + 0.5).floor();
            if multiple != 0.0 && multiple.abs() <= MAX_MULTIPLE {
                let mut after = 0.0f32;
                #[unroll]
                for k in 0..3usize {
                    let component = rows[i * 3 + k] - multiple * rows[j * 3 + k];
                    after += component * component;
                }
                if after < before * SHORTENING {
                    #[unroll]
                    for k in 0..3usize {
                        rows[i * 3 + k] -= multiple * rows[j * 3 + k];
                        transformation[i * 3 + k] -= multiple as i32 * transformation[j * 3 + k];
                    }
                    changed = true;
                }
            }
        }
        round += 1;
    }
}

/// Swaps two rows if the first is longer.
#[cube]
fn order_rows(rows: &mut Array<f32>, transformation: &mut Array<i32>, #[comptime] i: usize, #[comptime] j: usize) {
    if squared_length(rows, i) > squared_length(rows, j) {
        #[unroll]
        for k in 0..3usize {
            let kept = rows[i * 3 + k];
            rows[i * 3 + k] = rows[j * 3 + k];
            rows[j * 3 + k] = kept;
            let kept = transformation[i * 3 + k];
            transformation[i * 3 + k] = transformation[j * 3 + k];
            transformation[j * 3 + k] = kept;
        }
    }
}

/// Lattice, search basis, gradient forms and status of each structure. A status other than [`ALIVE`] is kept.
#[cube(launch)]
pub(super) fn geometry_kernel(
    lattice_coords: &[f32],
    structures: &[i32],
    centrings: &[f32],
    old_status: &[i32],
    geometry: &mut [f32],
    basis: &mut [i32],
    status: &mut [i32],
    n_structures: usize,
    least_volume: f32,
    greatest_volume: f32,
    coincidence: f32,
) {
    let structure = ABSOLUTE_POS;
    if structure < n_structures {
        let first = structure * GEOMETRY_WIDTH;
        let mut cell = Array::<f32>::new(13usize);
        let mut y = Array::<f32>::new(6usize);
        #[unroll]
        for k in 0..6usize {
            y[k] = lattice_coords[structure * 6 + k];
        }
        conventional(&y, structures, structure, &mut cell);
        let mut rows = Array::<f32>::new(9usize);
        primitive_rows(&cell, centrings, structures, structure, &mut rows);
        let mut inverse = Array::<f32>::new(9usize);
        let volume = invert(&rows, &mut inverse).abs();
        let mut longest = 0.0f32;
        #[unroll]
        for k in 0..9usize {
            geometry[first + PRIMITIVE + k] = rows[k];
            geometry[first + INVERSE_LATTICE + k] = inverse[k];
        }
        #[unroll]
        for k in 0..3usize {
            let square = inverse[k] * inverse[k] + inverse[3 + k] * inverse[3 + k] + inverse[6 + k] * inverse[6 + k];
            longest = f32::max(longest, square.sqrt());
        }
        geometry[first + VOLUME] = volume;
        geometry[first + COINCIDENT] = f32::min(COINCIDENT_SHARE / longest, coincidence);

        let row = structure * STRUCTURE_WIDTH;
        let images = (structures[row + N_SITES] * structures[row + N_OPERATIONS]) as f32;
        let mut state = old_status[structure];
        // Written so that what is not a number fails.
        let sound = volume >= images * least_volume && volume <= images * greatest_volume;
        if state == ALIVE && !sound {
            state = NO_CELL.runtime();
        }
        status[structure] = state;

        // The forms: C⁻¹·∂C/∂y, made symmetric. The centring cancels.
        let mut upright = Array::<f32>::new(9usize);
        invert(&cell, &mut upright);
        let mut slopes = Array::<f32>::new(9usize);
        let mut product = Array::<f32>::new(9usize);
        #[unroll]
        for coordinate in 0..6usize {
            derivative(&y, structures, structure, &cell, &mut slopes, coordinate);
            #[unroll]
            for i in 0..3usize {
                #[unroll]
                for j in 0..3usize {
                    let mut value = 0.0f32;
                    #[unroll]
                    for k in 0..3usize {
                        value += upright[i * 3 + k] * slopes[k * 3 + j];
                    }
                    product[i * 3 + j] = value;
                }
            }
            let form = first + FORMS + coordinate * 6;
            if (coordinate as i32) < structures[row + N_FREE] {
                geometry[form] = product[0];
                geometry[form + 1] = product[4];
                geometry[form + 2] = product[8];
                geometry[form + 3] = product[1] + product[3];
                geometry[form + 4] = product[2] + product[6];
                geometry[form + 5] = product[5] + product[7];
            } else {
                #[unroll]
                for k in 0..6usize {
                    geometry[form + k] = 0.0;
                }
            }
        }

        let mut transformation = Array::<i32>::new(9usize);
        #[unroll]
        for k in 0..9usize {
            transformation[k] = 0;
        }
        transformation[0] = 1;
        transformation[4] = 1;
        transformation[8] = 1;
        if state == ALIVE {
            reduce(&mut rows, &mut transformation);
            order_rows(&mut rows, &mut transformation, 0usize, 1usize);
            order_rows(&mut rows, &mut transformation, 1usize, 2usize);
            order_rows(&mut rows, &mut transformation, 0usize, 1usize);
        }
        let mut lower = Array::<f32>::new(6usize);
        let mut axes = Array::<f32>::new(9usize);
        #[unroll]
        for k in 0..9usize {
            axes[k] = rows[k];
            geometry[first + SEARCH + k] = rows[k];
        }
        #[unroll]
        for i in 0..3usize {
            #[unroll]
            for j in 0..i {
                let mut along = 0.0f32;
                #[unroll]
                for k in 0..3usize {
                    along += axes[i * 3 + k] * axes[j * 3 + k];
                }
                #[unroll]
                for k in 0..3usize {
                    axes[i * 3 + k] -= along * axes[j * 3 + k];
                }
                lower[i * (i + 1) / 2 + j] = along;
            }
            let length = squared_length(&mut axes, i).sqrt();
            lower[i * (i + 1) / 2 + i] = length;
            #[unroll]
            for k in 0..3usize {
                axes[i * 3 + k] = axes[i * 3 + k] / length;
            }
        }
        #[unroll]
        for k in 0..6usize {
            geometry[first + LOWER + k] = lower[k];
        }

        // Columns transform with the inverse transpose; the determinant is ±1.
        let mut cofactors = Array::<i32>::new(9usize);
        #[unroll]
        for i in 0..3usize {
            #[unroll]
            for j in 0..3usize {
                let (a, b) = comptime!(((i + 1) % 3, (i + 2) % 3));
                let (c, d) = comptime!(((j + 1) % 3, (j + 2) % 3));
                cofactors[i * 3 + j] = transformation[a * 3 + c] * transformation[b * 3 + d]
                    - transformation[a * 3 + d] * transformation[b * 3 + c];
            }
        }
        let determinant =
            transformation[0] * cofactors[0] + transformation[1] * cofactors[1] + transformation[2] * cofactors[2];
        #[unroll]
        for i in 0..3usize {
            #[unroll]
            for j in 0..3usize {
                basis[structure * BASIS_WIDTH + FROM_PRIMITIVE + i * 3 + j] = cofactors[i * 3 + j] * determinant;
                basis[structure * BASIS_WIDTH + TO_PRIMITIVE + i * 3 + j] = transformation[j * 3 + i];
            }
        }
    }
}
