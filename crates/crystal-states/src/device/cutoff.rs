//! Kernels: the cut-off of each structure and the number of edges of every site; sums over all sites.
#![allow(clippy::cast_possible_truncation, reason = "kernels convert by `as`; launchers bound the sizes")]

use cubecl::prelude::*;

use super::geometry::*;
use super::search::{NO_DIRECTION, search_basis, walk};
use super::tables::*;

/// Units of a cube that looks after one structure.
pub(super) const CUTOFF_UNITS: usize = 128;
/// Units of the cube that sums over all sites.
pub(super) const SCAN_UNITS: usize = 256;
/// Factor between the cut-offs tried, as in `multigraph`.
const STEP: f32 = 1.2;
/// One in this many of the least neighbours must be images of other sites, as in `multigraph`.
const PER_OTHER: i32 = 4;
/// Lattice lines that a search may visit: this many, and [`LINES_PER_PAIR`] more for each pair of site and image, as in
/// `multigraph`.
const LINES: f32 = 1e6;
/// See [`LINES`].
const LINES_PER_PAIR: f32 = 64.0;
/// Farthest translation: whole numbers are exact below.
const MAX_REACH: f32 = 1e6;
/// Cut-offs tried before a structure is given up.
const MAX_ROUNDS: i32 = 120;

/// The first cut-off was too large or not yet tried.
const SHRINKING: i32 = 0;
/// A cut-off was found; larger ones are tried.
const GROWING: i32 = 1;
/// A larger one was too large: the one before is counted again.
const SETTLING: i32 = 2;

/// The sums of two numbers over a cube of [`CUTOFF_UNITS`] units, in every unit.
#[cube]
fn sum_both(a: i32, b: i32, shared_a: &mut Shared<[i32]>, shared_b: &mut Shared<[i32]>) -> (i32, i32) {
    let unit = UNIT_POS as usize;
    // Every unit that still reads the last sums must be done.
    sync_cube();
    shared_a[unit] = a;
    shared_b[unit] = b;
    sync_cube();
    let mut width = comptime!(CUTOFF_UNITS / 2).runtime();
    while width > 0 {
        if unit < width {
            shared_a[unit] += shared_a[unit + width];
            shared_b[unit] += shared_b[unit + width];
        }
        sync_cube();
        width /= 2;
    }
    (shared_a[0], shared_b[0])
}

/// Chooses the cut-off as `multigraph` does, and counts. One cube per structure.
#[cube(launch)]
pub(super) fn cutoff_kernel(
    structures: &[i32],
    geometry: &[f32],
    images: &[f32],
    kept: &[i32],
    status: &mut [i32],
    scalars: &mut [f32],
    degrees: &mut [i32],
    pair_counts: &mut [i32],
    no_vectors: &mut [f32],
    no_translations: &mut [i32],
    n_structures: usize,
    mean_degree: f32,
    min_degree: i32,
    max_mean_degree: i32,
    min_self_distance: f32,
) {
    let structure = CUBE_POS;
    if structure >= n_structures {
        terminate!();
    }
    let unit = UNIT_POS as usize;
    let row = structure * STRUCTURE_WIDTH;
    let n_sites = structures[row + N_SITES] as usize;
    let n_operations = structures[row + N_OPERATIONS] as usize;
    let first_site = structures[row + FIRST_SITE] as usize;
    let first_image = structures[row + FIRST_IMAGE] as usize;
    let first_pair = structures[row + FIRST_PAIR] as usize;
    let n_images = n_sites * n_operations;
    let mut shared_a = Shared::<[i32]>::new_slice(CUTOFF_UNITS);
    let mut shared_b = Shared::<[i32]>::new_slice(CUTOFF_UNITS);

    let mut own_kept = 0i32;
    let mut m = unit;
    while m < n_images {
        own_kept += kept[first_image + m];
        m += CUTOFF_UNITS;
    }
    let (n_kept, _) = sum_both(own_kept, 0i32, &mut shared_a, &mut shared_b);
    let n_pairs = f32::cast_from(n_kept) * f32::cast_from(n_sites as u32);

    let mut basis = Array::<f32>::new(15usize);
    search_basis(geometry, structure, &mut basis);
    let volume = geometry[structure * GEOMETRY_WIDTH + VOLUME];
    let per_image = volume / f32::cast_from(n_kept) * mean_degree * comptime!((0.75 / std::f64::consts::PI) as f32);
    let mut cutoff = f32::exp(per_image.ln() / 3.0f32);
    // One Newton step takes the root to single precision.
    cutoff -= (cutoff - per_image / (cutoff * cutoff)) / 3.0f32;

    let limit = max_mean_degree * n_sites as i32;
    let mut min_others = 0i32;
    if n_sites > 1 {
        min_others = min_degree / PER_OTHER;
    }
    let mut phase = SHRINKING.runtime();
    let mut shrunk = false;
    let mut previous = cutoff;
    let mut total = 0i32;
    let mut round = 0i32;
    let mut searching = status[structure] == ALIVE;
    let alive = searching;
    // Every unit must know the status before unit 0 may change it.
    sync_cube();
    let mut bounded = alive;
    while searching {
        let reach_y = cutoff / basis[11] * 2.0 + 1.0;
        let reach_z = cutoff / basis[14] * 2.0 + 1.0;
        let lines = n_pairs * reach_y * reach_z;
        let mut fits = lines <= n_pairs * LINES_PER_PAIR + LINES && cutoff / basis[9] <= MAX_REACH;
        let mut lacks = false;
        total = 0;
        let mut site = 0usize;
        while site < n_sites && fits {
            let mut degree = 0i32;
            let mut own = 0i32;
            let mut f = Array::<f32>::new(3usize);
            let centre = (first_image + site * n_operations) * 3;
            let mut m = unit;
            while m < n_images {
                let mut count = 0i32;
                if kept[first_image + m] == 1 && degree <= limit {
                    #[unroll]
                    for k in 0..3usize {
                        f[k] = images[(first_image + m) * 3 + k] - images[centre + k];
                    }
                    let mut hole = NO_DIRECTION.runtime();
                    if m / n_operations == site {
                        hole = f32::max(min_self_distance, hole);
                    }
                    count = walk(&f, &basis, cutoff, hole, limit, 0usize, no_vectors, no_translations, false);
                    if m / n_operations == site {
                        own += count;
                    }
                    degree += count;
                }
                pair_counts[first_pair + site * n_images + m] = count;
                m += CUTOFF_UNITS;
            }
            // Unit by unit at most a little more than the limit: no sum overflows.
            let (all, all_own) = sum_both(degree, own, &mut shared_a, &mut shared_b);
            if unit == 0 {
                degrees[first_site + site] = all;
            }
            lacks = lacks || all < min_degree || all - all_own < min_others;
            total += all;
            fits = total <= limit;
            site += 1;
        }
        round += 1;
        if phase == SETTLING {
            searching = false;
        } else if phase == GROWING {
            if fits && lacks && round < MAX_ROUNDS {
                previous = cutoff;
                cutoff *= STEP;
            } else if fits {
                searching = false;
            } else {
                cutoff = previous;
                phase = SETTLING.runtime();
            }
        } else if fits {
            if lacks && !shrunk {
                phase = GROWING.runtime();
                previous = cutoff;
                cutoff *= STEP;
            } else {
                searching = false;
            }
        } else {
            shrunk = true;
            cutoff /= STEP;
            if round >= MAX_ROUNDS {
                searching = false;
                bounded = false;
            }
        }
    }
    if !bounded {
        let mut m = unit;
        while m < n_sites * n_images {
            pair_counts[first_pair + m] = 0;
            m += CUTOFF_UNITS;
        }
        m = unit;
        while m < n_sites {
            degrees[first_site + m] = 0;
            m += CUTOFF_UNITS;
        }
        total = 0;
        cutoff = 1.0f32;
    }
    if unit == 0 {
        if alive && !bounded {
            status[structure] = NO_CUTOFF.runtime();
        }
        let n_edges = f32::max(f32::cast_from(total), 1.0f32.runtime());
        let degree = f32::max(n_edges / f32::cast_from(n_sites as u32), 1.0f32.runtime());
        scalars[structure * 3] = cutoff;
        scalars[structure * 3 + 1] = 1.0 / degree.sqrt();
        scalars[structure * 3 + 2] = n_edges;
    }
}

/// `offsets[k] = Σ_{i<k} counts[i]` for k = 0, …, n, and the whole sum on its own. One cube; unit by unit a run of
/// neighbours.
#[cube(launch)]
pub(super) fn scan_kernel(counts: &[i32], offsets: &mut [i32], total: &mut [i32], n: usize) {
    let unit = UNIT_POS as usize;
    let run = n.div_ceil(SCAN_UNITS);
    let first = unit * run;
    let mut end = first + run;
    if end > n {
        end = n;
    }
    let mut sum = 0i32;
    let mut k = first;
    while k < end {
        sum += counts[k];
        k += 1;
    }
    let mut sums = Shared::<[i32]>::new_slice(SCAN_UNITS);
    sums[unit] = sum;
    sync_cube();
    let mut before = 0i32;
    for other in 0..SCAN_UNITS {
        if other < unit {
            before += sums[other];
        }
    }
    k = first;
    while k < end {
        offsets[k] = before;
        before += counts[k];
        k += 1;
    }
    if unit == comptime!(SCAN_UNITS - 1) {
        offsets[n] = before;
        total[0] = before;
    }
}
