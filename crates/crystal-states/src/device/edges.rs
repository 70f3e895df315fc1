//! Kernels: the edges, their reverses, and the rows of the network's input. Every edge has its place from the counts;
//! none is moved.
#![allow(clippy::cast_possible_truncation, reason = "kernels convert by `as`; launchers bound the sizes")]

use cubecl::prelude::*;

use super::geometry::*;
use super::images::{apply, kept_operation};
use super::search::{NO_DIRECTION, search_basis, walk};
use super::tables::*;
use crate::edge_features::{BEYOND_CUTOFF, EDGE_WIDTH};

/// Units of a cube that fills the edges of one site.
pub(super) const FILL_UNITS: usize = 64;
/// Edges of a site that is padding.
pub(super) const EDGES_PER_VOID_SITE: usize = crate::batch::Padding::EDGES_PER_SITE;

/// Vectors and translations of all edges out of one site, image by image. One cube per site.
#[cube(launch)]
pub(super) fn fill_kernel(
    structures: &[i32],
    site_structure: &[i32],
    geometry: &[f32],
    images: &[f32],
    pair_counts: &[i32],
    offsets: &[i32],
    scalars: &[f32],
    pair_starts: &mut [i32],
    edge_site: &mut [i32],
    edge_image: &mut [i32],
    vectors: &mut [f32],
    translations: &mut [i32],
    n_sites: usize,
    n_pairs: usize,
    min_self_distance: f32,
) {
    let site = CUBE_POS;
    if site >= n_sites {
        terminate!();
    }
    let unit = UNIT_POS as usize;
    let structure = site_structure[site] as usize;
    let row = structure * STRUCTURE_WIDTH;
    let n_operations = structures[row + N_OPERATIONS] as usize;
    let n_images = structures[row + N_SITES] as usize * n_operations;
    let first_image = structures[row + FIRST_IMAGE] as usize;
    let own = site - structures[row + FIRST_SITE] as usize;
    let first_pair = structures[row + FIRST_PAIR] as usize + own * n_images;
    let cutoff = scalars[structure * 3];
    let mut basis = Array::<f32>::new(15usize);
    search_basis(geometry, structure, &mut basis);
    let mut f = Array::<f32>::new(3usize);
    let centre = (first_image + own * n_operations) * 3;
    let mut ends = Shared::<[i32]>::new_slice(FILL_UNITS);
    let mut base = offsets[site];
    for chunk in 0..n_images.div_ceil(FILL_UNITS) {
        let m = chunk * FILL_UNITS + unit;
        let mut count = 0i32;
        if m < n_images {
            count = pair_counts[first_pair + m];
        }
        ends[unit] = count;
        sync_cube();
        let mut width = 1usize;
        while width < FILL_UNITS {
            let mut before = 0i32;
            if unit >= width {
                before = ends[unit - width];
            }
            sync_cube();
            ends[unit] += before;
            sync_cube();
            width *= 2;
        }
        let start = base + ends[unit] - count;
        if m < n_images {
            pair_starts[first_pair + m] = start;
        }
        if count > 0 {
            #[unroll]
            for k in 0..3usize {
                f[k] = images[(first_image + m) * 3 + k] - images[centre + k];
            }
            let mut hole = NO_DIRECTION.runtime();
            if m / n_operations == own {
                hole = f32::max(min_self_distance, hole);
            }
            let found = walk(&f, &basis, cutoff, hole, count, start as usize, vectors, translations, true);
            for k in 0..count as usize {
                edge_site[start as usize + k] = site as i32;
                edge_image[start as usize + k] = m as i32;
                // Counted and not found again: a length on the very cut-off. It is padding.
                if k as i32 >= found {
                    edge_image[start as usize + k] = comptime!(-1i32).runtime();
                }
            }
        }
        base += ends[comptime!(FILL_UNITS - 1)];
        sync_cube();
    }
    if unit == 0 && site + 1 == n_sites {
        pair_starts[n_pairs] = base;
    }
}

/// `matrix · x` in whole numbers, the matrix row by row from `first` on.
#[cube]
fn product(matrix: &[i32], first: usize, x: &Array<i32>, out: &mut Array<i32>) {
    #[unroll]
    for i in 0..3usize {
        out[i] = matrix[first + i * 3] * x[0] + matrix[first + i * 3 + 1] * x[1] + matrix[first + i * 3 + 2] * x[2];
    }
}

/// What the network reads of each edge, and its reverse. One unit per row; rows beyond the edges are padding, as
/// in [`crate::Padding`]. An edge whose reverse rounding lost does too: its length lies on the cut-off, where
/// everything has faded.
#[cube(launch)]
pub(super) fn rows_kernel(
    structures: &[i32],
    site_structure: &[i32],
    operations: &[i32],
    products: &[i32],
    masks: &[u32],
    settled: &[f32],
    geometry: &[f32],
    basis: &[i32],
    pair_starts: &[i32],
    edge_site: &[i32],
    edge_image: &[i32],
    vectors: &[f32],
    translations: &[i32],
    edges: &mut [f32],
    source: &mut [i32],
    target: &mut [i32],
    reverse: &mut [i32],
    edge_structure: &mut [i32],
    order: &mut [i32],
    n_structures: usize,
    n_sites: usize,
    n_edges: usize,
    n_rows: usize,
) {
    let edge = ABSOLUTE_POS;
    if edge >= n_rows {
        terminate!();
    }
    let mut own = n_sites;
    let mut structure = n_structures - 1;
    let mut back = edge;
    let mut m = comptime!(-1i32).runtime();
    if edge < n_edges {
        own = edge_site[edge] as usize;
        structure = site_structure[own] as usize;
        m = edge_image[edge];
    } else {
        own += (edge - n_edges) / EDGES_PER_VOID_SITE;
    }
    let mut other = own;
    let mut found = false;
    let mut operation = 0usize;
    if m >= 0 {
        let row = structure * STRUCTURE_WIDTH;
        let n_operations = structures[row + N_OPERATIONS] as usize;
        let n_images = structures[row + N_SITES] as usize * n_operations;
        let first_site = structures[row + FIRST_SITE] as usize;
        let first_operation = structures[row + FIRST_OPERATION] as usize;
        let first_product = structures[row + FIRST_PRODUCT] as usize;
        operation = m as usize % n_operations;
        other = first_site + m as usize / n_operations;
        let operation_row = (first_operation + operation) * OPERATION_WIDTH;
        let inverse = operations[operation_row + INVERSE] as usize;
        let kept = kept_operation(masks, products, own, inverse, n_operations, first_product);

        let mut t = Array::<i32>::new(3usize);
        let mut primitive = Array::<i32>::new(3usize);
        #[unroll]
        for k in 0..3usize {
            t[k] = translations[edge * 3 + k];
        }
        product(basis, structure * BASIS_WIDTH + TO_PRIMITIVE, &t, &mut primitive);
        product(operations, (first_operation + inverse) * OPERATION_WIDTH, &primitive, &mut t);
        // {W|w+T}⁻¹·x_i = W⁻¹·x_i + w_inverse + s − W⁻¹·T, and W⁻¹·x_i + w_inverse is the kept image plus a lattice
        // translation.
        #[unroll]
        for k in 0..3usize {
            primitive[k] = operations[operation_row + INVERSE_SHIFT + k] - t[k];
        }
        if kept != inverse {
            let mut x = Array::<f32>::new(3usize);
            let mut first = Array::<f32>::new(3usize);
            let mut second = Array::<f32>::new(3usize);
            #[unroll]
            for k in 0..3usize {
                x[k] = settled[own * 3 + k];
            }
            apply(operations, first_operation + inverse, &x, &mut first);
            apply(operations, first_operation + kept, &x, &mut second);
            #[unroll]
            for k in 0..3usize {
                primitive[k] += (first[k] - second[k] + 0.5).floor() as i32;
            }
        }
        product(basis, structure * BASIS_WIDTH + FROM_PRIMITIVE, &primitive, &mut t);
        let block = structures[row + FIRST_PAIR] as usize
            + (other - first_site) * n_images
            + (own - first_site) * n_operations
            + kept;
        let mut k = pair_starts[block] as usize;
        let end = pair_starts[block + 1] as usize;
        while k < end {
            if edge_image[k] >= 0
                && translations[k * 3] == t[0]
                && translations[k * 3 + 1] == t[1]
                && translations[k * 3 + 2] == t[2]
            {
                back = k;
                found = true;
            }
            k += 1;
        }
    }
    let row = edge * EDGE_WIDTH;
    if found {
        let x = vectors[edge * 3];
        let y = vectors[edge * 3 + 1];
        let z = vectors[edge * 3 + 2];
        let distance = (x * x + y * y + z * z).sqrt();
        let mut equivalent = 0.0f32;
        if own == other && operation != 0 {
            equivalent = 1.0f32;
        }
        edges[row] = distance;
        edges[row + 1] = equivalent;
        edges[row + 2] = x / distance;
        edges[row + 3] = y / distance;
        edges[row + 4] = z / distance;
        #[unroll]
        for coordinate in 0..6usize {
            let form = structure * GEOMETRY_WIDTH + FORMS + coordinate * 6;
            let value = geometry[form] * x * x
                + geometry[form + 1] * y * y
                + geometry[form + 2] * z * z
                + geometry[form + 3] * x * y
                + geometry[form + 4] * x * z
                + geometry[form + 5] * y * z;
            edges[row + 5 + coordinate] = value / distance;
        }
    } else {
        #[unroll]
        for k in 0..EDGE_WIDTH {
            edges[row + k] = 0.0;
        }
        edges[row] = BEYOND_CUTOFF.runtime();
        other = own;
    }
    source[edge] = own as i32;
    target[edge] = other as i32;
    reverse[edge] = back as i32;
    edge_structure[edge] = structure as i32;
    order[edge] = edge as i32;
}

/// Elements, levels and structures of the sites, where the edges of each begin, and where those of each structure do.
/// One unit per row of the longer output; sites beyond the batch's are padding.
#[cube(launch)]
pub(super) fn site_rows_kernel(
    structures: &[i32],
    site_structure: &[i32],
    elements: &[i32],
    structure_levels: &[i32],
    offsets: &[i32],
    row_elements: &mut [i32],
    row_levels: &mut [i32],
    row_structures: &mut [i32],
    row_offsets: &mut [i32],
    edge_offsets: &mut [i32],
    n_structures: usize,
    n_sites: usize,
    n_site_rows: usize,
    n_edges: usize,
    n_edge_rows: usize,
) {
    let site = ABSOLUTE_POS;
    if site < n_site_rows {
        let mut element = 0i32;
        let mut structure = n_structures - 1;
        if site < n_sites {
            element = elements[site];
            structure = site_structure[site] as usize;
        }
        row_elements[site] = element;
        row_levels[site] = structure_levels[structure];
        row_structures[site] = structure as i32;
    }
    if site <= n_site_rows {
        let mut first = n_edge_rows;
        if site < n_sites {
            first = offsets[site] as usize;
        } else {
            let void = n_edges + (site - n_sites) * EDGES_PER_VOID_SITE;
            if void < n_edge_rows && site < n_site_rows {
                first = void;
            }
        }
        row_offsets[site] = first as i32;
    }
    if site < n_structures {
        edge_offsets[site] = offsets[structures[site * STRUCTURE_WIDTH + FIRST_SITE] as usize];
    } else if site == n_structures {
        edge_offsets[site] = n_edges as i32;
    }
}

/// First and last edge of the structure of a site.
#[cube]
fn edges_around(structures: &[i32], site_structure: &[i32], offsets: &[i32], site: usize) -> (usize, usize) {
    let row = site_structure[site] as usize * STRUCTURE_WIDTH;
    let first_site = structures[row + FIRST_SITE] as usize;
    (offsets[first_site] as usize, offsets[first_site + structures[row + N_SITES] as usize] as usize)
}

/// Number of edges that point to each site; 0 for sites that are padding. One unit per site.
#[cube(launch)]
pub(super) fn incoming_counts_kernel(
    structures: &[i32],
    site_structure: &[i32],
    offsets: &[i32],
    target: &[i32],
    counts: &mut [i32],
    n_sites: usize,
    n_site_rows: usize,
) {
    let site = ABSOLUTE_POS;
    if site < n_site_rows {
        let mut count = 0i32;
        if site < n_sites {
            let (first, end) = edges_around(structures, site_structure, offsets, site);
            for edge in first..end {
                if target[edge] == site as i32 {
                    count += 1;
                }
            }
        }
        counts[site] = count;
    }
}

/// The edges that point to each site, in ascending order. One unit per site.
#[cube(launch)]
pub(super) fn incoming_kernel(
    structures: &[i32],
    site_structure: &[i32],
    offsets: &[i32],
    target: &[i32],
    incoming_offsets: &[i32],
    incoming: &mut [i32],
    n_sites: usize,
) {
    let site = ABSOLUTE_POS;
    if site < n_sites {
        let (first, end) = edges_around(structures, site_structure, offsets, site);
        let mut at = incoming_offsets[site] as usize;
        for edge in first..end {
            if target[edge] == site as i32 {
                incoming[at] = edge as i32;
                at += 1;
            }
        }
    }
}

/// The transpose of the reverse: the edges whose reverse is each edge, in ascending order. Those of edge e are among
/// the edges that point to its source. One unit per row, and one for the end.
#[cube(launch)]
pub(super) fn reversed_kernel(
    source: &[i32],
    reverse: &[i32],
    incoming_offsets: &[i32],
    incoming: &[i32],
    reversed_offsets: &mut [i32],
    reversed: &mut [i32],
    n_edges: usize,
    n_rows: usize,
) {
    let edge = ABSOLUTE_POS;
    if edge < n_edges {
        let site = source[edge] as usize;
        let first = incoming_offsets[site] as usize;
        let end = incoming_offsets[site + 1] as usize;
        let mut before = 0usize;
        for k in first..end {
            if reverse[incoming[k] as usize] < edge as i32 {
                before += 1;
            }
        }
        let mut at = first + before;
        reversed_offsets[edge] = at as i32;
        for k in first..end {
            if reverse[incoming[k] as usize] == edge as i32 {
                reversed[at] = incoming[k];
                at += 1;
            }
        }
    } else if edge <= n_rows {
        reversed_offsets[edge] = n_edges as i32;
    }
}
