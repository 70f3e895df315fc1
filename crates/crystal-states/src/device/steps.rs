//! Kernels: Langevin steps and the noise of training, with random numbers by counter.
#![allow(clippy::cast_possible_truncation, reason = "kernels convert by `as`; launchers bound the sizes")]

use cubecl::prelude::*;

use super::geometry::*;
use super::tables::*;
use crate::noise::MAX_LATTICE_DRAWS;
use random_keys::{MULTIPLIERS, ROUNDS, WEYL};

/// Four random words of Philox, see [`random_keys::RandomKey::block`].
#[cube]
fn philox(key_0: u32, key_1: u32, stream_0: u32, stream_1: u32, draw: u32, item: u32, words: &mut Array<u32>) {
    let mut k_0 = key_0;
    let mut k_1 = key_1;
    words[0] = stream_0;
    words[1] = stream_1;
    words[2] = draw;
    words[3] = item;
    #[unroll]
    for _round in 0..ROUNDS {
        let (first, second) = comptime!((MULTIPLIERS[0], MULTIPLIERS[1]));
        let first_high = u32::mul_hi(words[0], first.runtime());
        let first_low = words[0] * first;
        let second_high = u32::mul_hi(words[2], second.runtime());
        let second_low = words[2] * second;
        words[0] = second_high ^ words[1] ^ k_0;
        words[1] = second_low;
        words[2] = first_high ^ words[3] ^ k_1;
        words[3] = first_low;
        k_0 += comptime!(WEYL[0]);
        k_1 += comptime!(WEYL[1]);
    }
}

/// Two normal numbers from two words.
#[cube]
fn normal_pair(radius: u32, angle: u32) -> (f32, f32) {
    let open = (f32::cast_from(radius >> 9u32) + 0.5) / 8_388_608.0f32;
    let turn = f32::cast_from(angle >> 8u32) / 16_777_216.0f32 * std::f32::consts::TAU;
    let size = (open.ln() * (-2.0f32)).sqrt();
    (size * turn.cos(), size * turn.sin())
}

/// Four normal numbers, see [`random_keys::RandomKey::normal`].
#[cube]
fn normals(key_0: u32, key_1: u32, stream_0: u32, stream_1: u32, draw: u32, item: u32, out: &mut Array<f32>) {
    let mut words = Array::<u32>::new(4usize);
    philox(key_0, key_1, stream_0, stream_1, draw, item, &mut words);
    let (w, x) = normal_pair(words[0], words[1]);
    let (y, z) = normal_pair(words[2], words[3]);
    out[0] = w;
    out[1] = x;
    out[2] = y;
    out[3] = z;
}

#[cube]
fn wrap(x: f32) -> f32 {
    let mut wrapped = x - x.floor();
    // A rounding error below a whole number.
    if wrapped >= 1.0 {
        wrapped = 0.0f32;
    }
    wrapped
}

/// What a fractional displacement adds to the free coordinates of a Wyckoff position, see
/// `crystal_core::FreeCoordinates`.
#[cube]
fn to_free(positions: &[f32], row: usize, displacement: &Array<f32>, free: &mut Array<f32>) {
    #[unroll]
    for i in 0..3usize {
        let mut value = 0.0f32;
        #[unroll]
        for j in 0..3usize {
            value += positions[row + DISPLACEMENT_TO_FREE + i * 3 + j] * displacement[j];
        }
        free[i] = value;
    }
}

/// A point of a Wyckoff position after a fractional displacement.
#[cube]
fn displaced(positions: &[f32], row: usize, x: &Array<f32>, displacement: &Array<f32>, moved: &mut Array<f32>) {
    let mut free = Array::<f32>::new(3usize);
    to_free(positions, row, displacement, &mut free);
    #[unroll]
    for i in 0..3usize {
        #[unroll]
        for j in 0..3usize {
            free[i] += positions[row + TO_FREE + i * 3 + j] * (x[j] - positions[row + ORIGIN + j]);
        }
        free[i] = wrap(free[i]);
    }
    #[unroll]
    for i in 0..3usize {
        let mut value = positions[row + ORIGIN + i];
        #[unroll]
        for j in 0..3usize {
            value += positions[row + DIRECTIONS + i * 3 + j] * free[j];
        }
        moved[i] = value;
    }
}

/// `x ← x + drift·ε̂ + noise·z`, Cartesian, along the site's Wyckoff position and wrapped there. One unit per site;
/// structures that are no longer alive stay.
#[cube(launch)]
pub(super) fn position_step_kernel(
    frac_coords: &[f32],
    estimate: &[f32],
    geometry: &[f32],
    status: &[i32],
    structures: &[i32],
    site_structure: &[i32],
    site_position: &[i32],
    positions: &[f32],
    streams: &[u32],
    moved: &mut [f32],
    n: usize,
    key_0: u32,
    key_1: u32,
    draw: u32,
    drift: f32,
    noise: f32,
) {
    let site = ABSOLUTE_POS;
    if site < n {
        let structure = site_structure[site] as usize;
        let own = site - structures[structure * STRUCTURE_WIDTH + FIRST_SITE] as usize;
        let mut z = Array::<f32>::new(4usize);
        let streams_at = structure * 2;
        normals(key_0, key_1, streams[streams_at], streams[streams_at + 1], draw, own as u32, &mut z);
        let mut x = Array::<f32>::new(3usize);
        let mut displacement = Array::<f32>::new(3usize);
        let mut after = Array::<f32>::new(3usize);
        #[unroll]
        for j in 0..3usize {
            x[j] = frac_coords[site * 3 + j];
            after[j] = x[j];
            let mut value = 0.0f32;
            #[unroll]
            for k in 0..3usize {
                let component = drift * estimate[site * 3 + k] + noise * z[k];
                value += component * geometry[structure * GEOMETRY_WIDTH + INVERSE_LATTICE + k * 3 + j];
            }
            displacement[j] = value;
        }
        if status[structure] == ALIVE {
            displaced(positions, site_position[site] as usize * POSITION_WIDTH, &x, &displacement, &mut after);
        }
        #[unroll]
        for j in 0..3usize {
            moved[site * 3 + j] = after[j];
        }
    }
}

/// `y ← y + drift·ε̂ + noise·z` for the free lattice coordinates. One unit per structure.
#[cube(launch)]
pub(super) fn lattice_step_kernel(
    lattice_coords: &[f32],
    estimate: &[f32],
    status: &[i32],
    structures: &[i32],
    streams: &[u32],
    moved: &mut [f32],
    n: usize,
    key_0: u32,
    key_1: u32,
    draw: u32,
    drift: f32,
    noise: f32,
) {
    let structure = ABSOLUTE_POS;
    if structure < n {
        let alive = status[structure] == ALIVE;
        let n_free = structures[structure * STRUCTURE_WIDTH + N_FREE] as usize;
        let mut z = Array::<f32>::new(4usize);
        #[unroll]
        for k in 0..6usize {
            if comptime!(k % 4 == 0) {
                let item = comptime!(k as u32 / 4).runtime();
                normals(key_0, key_1, streams[structure * 2], streams[structure * 2 + 1], draw, item, &mut z);
            }
            let mut y = lattice_coords[structure * 6 + k];
            if alive && k < n_free {
                y += drift * estimate[structure * 6 + k] + noise * z[comptime!(k % 4)];
            }
            moved[structure * 6 + k] = y;
        }
    }
}

/// Noise on the lattices of the batch: `y + σ·ε`, drawn again while the conventional cell has less than `least_volume`
/// per site. A σ of 0 leaves the lattice. One unit per structure.
#[cube(launch)]
pub(super) fn lattice_noise_kernel(
    data_lattice: &[f32],
    data_index: &[i32],
    structures: &[i32],
    sigmas: &[f32],
    streams: &[u32],
    lattice_coords: &mut [f32],
    epsilon: &mut [f32],
    n: usize,
    key_0: u32,
    key_1: u32,
    step_0: u32,
    step_1: u32,
    first_item: u32,
    least_volume: f32,
) {
    let structure = ABSOLUTE_POS;
    if structure < n {
        let from = data_index[structure] as usize * 6;
        let sigma = sigmas[structure * 2 + 1];
        let row = structure * STRUCTURE_WIDTH;
        let n_free = structures[row + N_FREE] as usize;
        let needed = least_volume * f32::cast_from(structures[row + N_SITES]);
        let mut z = Array::<f32>::new(4usize);
        let mut cell = Array::<f32>::new(13usize);
        let mut y = Array::<f32>::new(6usize);
        let mut attempt = 0u32;
        let mut accepted = false;
        while !accepted {
            #[unroll]
            for k in 0..6usize {
                if comptime!(k % 4 == 0) {
                    let item = first_item + attempt * 2u32 + comptime!(k as u32 / 4);
                    normals(key_0, key_1, step_0, step_1, streams[structure * 2], item, &mut z);
                }
                let mut noise = 0.0f32;
                if sigma > 0.0 && k < n_free {
                    noise = z[comptime!(k % 4)];
                }
                epsilon[structure * 6 + k] = noise;
                y[k] = data_lattice[from + k] + sigma * noise;
                lattice_coords[structure * 6 + k] = y[k];
            }
            conventional(&y, structures, structure, &mut cell);
            attempt += 1u32;
            accepted = sigma == 0.0 || cell[0] * cell[4] * cell[8] >= needed || attempt >= MAX_LATTICE_DRAWS;
        }
    }
}

/// Noise on the positions of the batch: σ·ε in the frame of the clean lattice, ε the part of a normal vector along the
/// site's Wyckoff position. One unit per site.
#[cube(launch)]
pub(super) fn position_noise_kernel(
    data_lattice: &[f32],
    data_frac: &[f32],
    data_index: &[i32],
    data_first_site: &[i32],
    structures: &[i32],
    site_structure: &[i32],
    site_position: &[i32],
    positions: &[f32],
    centrings: &[f32],
    sigmas: &[f32],
    streams: &[u32],
    frac_coords: &mut [f32],
    epsilon: &mut [f32],
    n: usize,
    key_0: u32,
    key_1: u32,
    step_0: u32,
    step_1: u32,
) {
    let site = ABSOLUTE_POS;
    if site < n {
        let structure = site_structure[site] as usize;
        let row = structure * STRUCTURE_WIDTH;
        let own = site - structures[row + FIRST_SITE] as usize;
        let from = (data_first_site[structure] as usize + own) * 3;
        let sigma = sigmas[structure * 2];
        let mut cell = Array::<f32>::new(13usize);
        let mut rows = Array::<f32>::new(9usize);
        let mut inverse = Array::<f32>::new(9usize);
        let mut y = Array::<f32>::new(6usize);
        #[unroll]
        for k in 0..6usize {
            y[k] = data_lattice[data_index[structure] as usize * 6 + k];
        }
        conventional(&y, structures, structure, &mut cell);
        primitive_rows(&cell, centrings, structures, structure, &mut rows);
        invert(&rows, &mut inverse);
        let mut z = Array::<f32>::new(4usize);
        normals(key_0, key_1, step_0, step_1, streams[structure * 2], own as u32, &mut z);
        let position = site_position[site] as usize * POSITION_WIDTH;
        let mut x = Array::<f32>::new(3usize);
        let mut displacement = Array::<f32>::new(3usize);
        let mut free = Array::<f32>::new(3usize);
        let mut after = Array::<f32>::new(3usize);
        if positions[position + FREEDOM] < 3.0 {
            // Only what the site symmetry leaves.
            #[unroll]
            for j in 0..3usize {
                displacement[j] = z[0] * inverse[j] + z[1] * inverse[3 + j] + z[2] * inverse[6 + j];
            }
            to_free(positions, position, &displacement, &mut free);
            #[unroll]
            for j in 0..3usize {
                let row = position + DIRECTIONS + j * 3;
                displacement[j] =
                    positions[row] * free[0] + positions[row + 1] * free[1] + positions[row + 2] * free[2];
            }
            #[unroll]
            for k in 0..3usize {
                z[k] = displacement[0] * rows[k] + displacement[1] * rows[3 + k] + displacement[2] * rows[6 + k];
            }
        }
        #[unroll]
        for j in 0..3usize {
            epsilon[site * 3 + j] = z[j];
            x[j] = data_frac[from + j];
            let mut value = 0.0f32;
            #[unroll]
            for k in 0..3usize {
                value += sigma * z[k] * inverse[k * 3 + j];
            }
            displacement[j] = value;
        }
        displaced(positions, position, &x, &displacement, &mut after);
        #[unroll]
        for j in 0..3usize {
            frac_coords[site * 3 + j] = after[j];
        }
    }
}
