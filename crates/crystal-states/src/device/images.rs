//! Kernels: sites on their fixed points, and the distinct images of every site. The counterpart of `multigraph`'s
//! images.
#![allow(clippy::cast_possible_truncation, reason = "kernels convert by `as`; launchers bound the sizes")]

use cubecl::prelude::*;

use super::geometry::*;
use super::tables::*;

/// Most times that a site is moved onto the point that its operations fix.
const MAX_ROUNDS: i32 = 3;
/// Residuals above this in one fractional coordinate are no coincidence: their length need not be computed.
const FAR: f32 = 0.011;
/// Bits of a word of the mask of a stabiliser.
const WORD: usize = 32;

/// Whether an operation is in the mask of a site.
#[cube]
fn in_mask(masks: &[u32], site: usize, operation: usize) -> bool {
    (masks[site * 2 + operation / WORD] >> (operation % WORD) as u32) & 1u32 == 1u32
}

/// `W·x + w` of one operation.
#[cube]
pub(super) fn apply(operations: &[i32], operation: usize, x: &Array<f32>, image: &mut Array<f32>) {
    let row = operation * OPERATION_WIDTH;
    #[unroll]
    for i in 0..3usize {
        let mut value = f32::cast_from(operations[row + TRANSLATION + i]) / DENOMINATOR;
        #[unroll]
        for j in 0..3usize {
            value += f32::cast_from(operations[row + i * 3 + j]) * x[j];
        }
        image[i] = value;
    }
}

/// Site coordinates on their fixed points, and which operations leave them there. One unit per site. A coordinate that
/// is not a number ends its structure.
#[cube(launch)]
pub(super) fn sites_kernel(
    frac_coords: &[f32],
    structures: &[i32],
    site_structure: &[i32],
    operations: &[i32],
    products: &[i32],
    geometry: &[f32],
    settled: &mut [f32],
    masks: &mut [u32],
    status: &mut [i32],
    n_sites: usize,
) {
    let site = ABSOLUTE_POS;
    if site < n_sites {
        let structure = site_structure[site] as usize;
        let row = structure * STRUCTURE_WIDTH;
        let first = structure * GEOMETRY_WIDTH;
        let n_operations = structures[row + N_OPERATIONS] as usize;
        let first_operation = structures[row + FIRST_OPERATION] as usize;
        let first_product = structures[row + FIRST_PRODUCT] as usize;
        let tolerance = geometry[first + COINCIDENT];
        let mut x = Array::<f32>::new(3usize);
        let mut sound = true;
        #[unroll]
        for k in 0..3usize {
            x[k] = frac_coords[site * 3 + k];
            // In or near the cell, free coordinates being wrapped; what is not a number is in no interval.
            sound = sound && x[k] >= -16.0f32 && x[k] <= 16.0f32;
        }
        if !sound && status[structure] == ALIVE {
            // All units that come here write the same.
            status[structure] = NO_NUMBER.runtime();
        }
        let mut image = Array::<f32>::new(3usize);
        let mut offset = Array::<f32>::new(3usize);
        let mut word_0 = 1u32;
        let mut word_1 = 0u32;
        let mut known = 1i32;
        let mut round = 0i32;
        while round < MAX_ROUNDS {
            let mut found_0 = 1u32;
            let mut found_1 = 0u32;
            let mut count = 1i32;
            for operation in 1..n_operations {
                apply(operations, first_operation + operation, &x, &mut image);
                let mut near = true;
                #[unroll]
                for k in 0..3usize {
                    let residual = image[k] - x[k];
                    offset[k] = residual - (residual + 0.5).floor();
                    near = near && offset[k].abs() < FAR;
                }
                if near {
                    let mut square = 0.0f32;
                    #[unroll]
                    for j in 0..3usize {
                        let component = offset[0] * geometry[first + PRIMITIVE + j]
                            + offset[1] * geometry[first + PRIMITIVE + 3 + j]
                            + offset[2] * geometry[first + PRIMITIVE + 6 + j];
                        square += component * component;
                    }
                    if square < tolerance * tolerance {
                        count += 1;
                        if operation < WORD {
                            found_0 |= 1u32 << operation as u32;
                        } else {
                            found_1 |= 1u32 << (operation - WORD) as u32;
                        }
                    }
                }
            }
            // Closed to a group: near the tolerance the bare list need not be one.
            let mut before = 1i32;
            while before < count {
                before = count;
                for a in 1..n_operations {
                    let mut has_a = (found_0 >> (a % WORD) as u32) & 1u32;
                    if a >= WORD {
                        has_a = (found_1 >> (a % WORD) as u32) & 1u32;
                    }
                    if has_a == 1u32 {
                        for b in 1..n_operations {
                            let mut has_b = (found_0 >> (b % WORD) as u32) & 1u32;
                            if b >= WORD {
                                has_b = (found_1 >> (b % WORD) as u32) & 1u32;
                            }
                            if has_b == 1u32 {
                                let product = products[first_product + a * n_operations + b] as usize;
                                if product < WORD {
                                    found_0 |= 1u32 << product as u32;
                                } else {
                                    found_1 |= 1u32 << (product - WORD) as u32;
                                }
                            }
                        }
                    }
                }
                count = i32::cast_from(found_0.count_ones() + found_1.count_ones());
            }
            if count <= known {
                round = MAX_ROUNDS.runtime();
            } else {
                known = count;
                word_0 = found_0;
                word_1 = found_1;
                let mut sums = Array::<f32>::new(3usize);
                #[unroll]
                for k in 0..3usize {
                    sums[k] = 0.0;
                }
                for operation in 1..n_operations {
                    let mut has = (found_0 >> (operation % WORD) as u32) & 1u32;
                    if operation >= WORD {
                        has = (found_1 >> (operation % WORD) as u32) & 1u32;
                    }
                    if has == 1u32 {
                        apply(operations, first_operation + operation, &x, &mut image);
                        #[unroll]
                        for k in 0..3usize {
                            let residual = image[k] - x[k];
                            sums[k] += residual - (residual + 0.5).floor();
                        }
                    }
                }
                #[unroll]
                for k in 0..3usize {
                    x[k] += sums[k] / f32::cast_from(count);
                }
                round += 1;
            }
        }
        masks[site * 2] = word_0;
        masks[site * 2 + 1] = word_1;
        // Around the origin: small numbers lose least in what follows.
        #[unroll]
        for k in 0..3usize {
            settled[site * 3 + k] = x[k] - (x[k] + 0.5).floor();
        }
    }
}

/// Images in the search basis, and whether each is the one kept of its coset: that of the smallest operation. One unit
/// per image.
#[cube(launch)]
pub(super) fn images_kernel(
    settled: &[f32],
    structures: &[i32],
    site_structure: &[i32],
    image_site: &[i32],
    operations: &[i32],
    products: &[i32],
    masks: &[u32],
    basis: &[i32],
    images: &mut [f32],
    kept: &mut [i32],
    n_images: usize,
) {
    let at = ABSOLUTE_POS;
    if at < n_images {
        let site = image_site[at] as usize;
        let structure = site_structure[site] as usize;
        let row = structure * STRUCTURE_WIDTH;
        let n_operations = structures[row + N_OPERATIONS] as usize;
        let operation = (at - structures[row + FIRST_IMAGE] as usize) % n_operations;
        let mut x = Array::<f32>::new(3usize);
        #[unroll]
        for k in 0..3usize {
            x[k] = settled[site * 3 + k];
        }
        let mut image = Array::<f32>::new(3usize);
        apply(operations, structures[row + FIRST_OPERATION] as usize + operation, &x, &mut image);
        let from = structure * BASIS_WIDTH + FROM_PRIMITIVE;
        #[unroll]
        for i in 0..3usize {
            let mut value = 0.0f32;
            #[unroll]
            for j in 0..3usize {
                value += f32::cast_from(basis[from + i * 3 + j]) * image[j];
            }
            images[at * 3 + i] = value;
        }
        let mut smallest = 1i32;
        if masks[site * 2] != 1u32 || masks[site * 2 + 1] != 0u32 {
            let first_product = structures[row + FIRST_PRODUCT] as usize;
            for element in 1..n_operations {
                if in_mask(masks, site, element) {
                    let product = products[first_product + operation * n_operations + element] as usize;
                    if product < operation {
                        smallest = 0i32;
                    }
                }
            }
        }
        kept[at] = smallest;
    }
}

/// The operation kept of the coset of `operation` and the stabiliser of `site`.
#[cube]
pub(super) fn kept_operation(
    masks: &[u32],
    products: &[i32],
    site: usize,
    operation: usize,
    n_operations: usize,
    first_product: usize,
) -> usize {
    let mut smallest = operation;
    if masks[site * 2] != 1u32 || masks[site * 2 + 1] != 0u32 {
        for element in 1..n_operations {
            if in_mask(masks, site, element) {
                let product = products[first_product + operation * n_operations + element] as usize;
                if product < smallest {
                    smallest = product;
                }
            }
        }
    }
    smallest
}
