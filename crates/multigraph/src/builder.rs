//! Builds the graph of one structure on the CPU.

use crystal_core::whole::compact;
use crystal_core::{CrystalState, LatticeCoordinates};
use nalgebra::Matrix3;

use crate::cutoff::choose;
use crate::group::GroupTable;
use crate::images::Images;
use crate::search::{Candidates, SearchBasis};
use crate::{GraphConfig, GraphError, MultiGraph};

/// The multigraph of one structure.
///
/// Sites within [`GraphConfig::coincidence`] of a special position are taken to be on it: each physical neighbour is
/// then ONE edge, whose operation is the smallest index of its coset `o·H_j` (`H_j` the stabiliser of the target).
///
/// The reverse of edge (i → o·j + T) is the edge out of j to the same pair of atoms seen through o⁻¹, with the
/// operation kept for the coset `o⁻¹·H_i`; its vector is exactly `−R_o⁻¹·r`, o being the operation stored on the edge.
/// Where j has a stabiliser, another member o·h of the coset would give the edge turned by `R_h⁻¹`: an equivalent edge
/// of the same star, as the edges out of j are mapped onto themselves by `H_j`. So reverses always exist, lengths and
/// angles seen through them do not depend on the choice, and without stabilisers taking the reverse is an involution;
/// with them the reverse of the reverse may be an edge equivalent to the first one under `H_i`.
///
/// # Errors
/// [`GraphError::Crystal`] if the lattice is not a cell, there are no sites or a coordinate is not finite,
/// [`GraphError::TooFar`] if a site lies millions of cells away, [`GraphError::Config`] if the configuration makes no
/// sense.
pub fn build(state: &CrystalState, config: &GraphConfig) -> Result<MultiGraph, GraphError> {
    config.check()?;
    let lattice = state.primitive_lattice()?;
    let table = GroupTable::get(state.space_group);
    let basis = SearchBasis::new(&lattice)?;
    let images = Images::new(state, &lattice, table, config.coincidence)?;
    let (cutoff, mut candidates) = choose(&basis, &images, config)?;
    let reverse = loop {
        let reverse = reverses(&candidates, &images, &basis, table);
        if reverse.iter().all(Option::is_some) {
            break reverse.into_iter().flatten().collect::<Vec<_>>();
        }
        // A length on the very cut-off can round to either side of it; both directions must agree.
        candidates = retain(&candidates, &reverse);
    };
    let forms = gradient_forms(state, lattice.inverse())?;
    Ok(assemble(&candidates, &reverse, &images, &basis, &forms, cutoff))
}

/// Index of the reverse of each candidate, `None` where rounding lost it.
fn reverses(candidates: &Candidates, images: &Images, basis: &SearchBasis, table: &GroupTable) -> Vec<Option<u32>> {
    let n_operations = table.len();
    let plain = basis.to_primitive == Matrix3::identity();
    let from_primitive = basis.from_primitive.map(i64::from);
    let mut reverse = vec![None; candidates.list.len()];
    for source in 0..images.sites.len() {
        for (index, image) in images.images.iter().enumerate() {
            let block = source * candidates.n_images + index;
            let (start, end) = (candidates.blocks[block] as usize, candidates.blocks[block + 1] as usize);
            if start == end {
                continue;
            }
            // {W|w+T}⁻¹·x_i = W⁻¹·x_i + w_inverse + s − W⁻¹·T, and W⁻¹·x_i + w_inverse is the kept image plus the
            // member's shift.
            let inverse = table.inverse[image.operation];
            let member = &images.members[source * n_operations + inverse];
            let constant = table.inverse_shift[image.operation] + member.shift;
            let rotation = &table.rotations[inverse];
            for edge in start..end {
                if reverse[edge].is_some() {
                    continue;
                }
                let translation = &candidates.list[edge].translation;
                let reversed = if plain {
                    constant - rotation * translation
                } else {
                    let reversed = constant - rotation * (basis.to_primitive * translation);
                    // Intermediate sums of a skewed basis may exceed an i32; a result that does is not a translation of
                    // the list, and neither is the largest number.
                    (from_primitive * reversed.map(i64::from)).map(|x| i32::try_from(x).unwrap_or(i32::MAX))
                };
                let found = candidates.find(image.site, member.image, &reversed);
                reverse[edge] = found.map(compact);
                if let (true, Some(found)) = (images.all_general, found) {
                    reverse[found] = Some(compact(edge));
                }
            }
        }
    }
    reverse
}

/// The candidates that have a reverse.
fn retain(candidates: &Candidates, reverse: &[Option<u32>]) -> Candidates {
    let mut kept = Candidates { n_images: candidates.n_images, blocks: vec![0], list: Vec::new() };
    for block in candidates.blocks.windows(2) {
        let range = block[0] as usize..block[1] as usize;
        kept.list.extend(range.filter(|&edge| reverse[edge].is_some()).map(|edge| candidates.list[edge]));
        kept.blocks.push(compact(kept.list.len()));
    }
    kept
}

/// Symmetric matrices S_a with `∂|r|/∂y_a = rᵀ·S_a·r/|r|`: at fixed fractional coordinates f, r = f·P and f = r·P⁻¹, so
/// `∂r/∂y_a = r·P⁻¹·∂P/∂y_a`.
fn gradient_forms(state: &CrystalState, inverse: &Matrix3<f64>) -> Result<Vec<Matrix3<f64>>, GraphError> {
    let jacobian = state.primitive_jacobian()?;
    Ok(jacobian
        .iter()
        .map(|derivative| {
            let form = inverse * derivative;
            (form + form.transpose()) / 2.0
        })
        .collect())
}

/// Sorts the edges of each source and writes them out.
fn assemble(
    candidates: &Candidates,
    reverse: &[u32],
    images: &Images,
    basis: &SearchBasis,
    forms: &[Matrix3<f64>],
    cutoff: f64,
) -> MultiGraph {
    let n_edges = candidates.list.len();
    let n_images = candidates.n_images;
    let mut image_of = Vec::with_capacity(n_edges);
    for (block, range) in candidates.blocks.windows(2).enumerate() {
        image_of.extend((range[0]..range[1]).map(|_| compact(block % n_images)));
    }
    let mut graph = MultiGraph {
        offsets: (0..=images.sites.len()).map(|site| candidates.blocks[site * n_images]).collect(),
        targets: Vec::with_capacity(n_edges),
        operations: Vec::with_capacity(n_edges),
        translations: Vec::with_capacity(n_edges),
        vectors: Vec::with_capacity(n_edges),
        distances: Vec::with_capacity(n_edges),
        reverse: Vec::with_capacity(n_edges),
        equivalent: Vec::with_capacity(n_edges),
        lattice_gradients: Vec::with_capacity(n_edges),
        cutoff,
    };
    let mut order = (0..compact(n_edges)).collect::<Vec<_>>();
    let mut place = vec![0; n_edges];
    for source in 0..images.sites.len() {
        let (start, end) = (graph.offsets[source] as usize, graph.offsets[source + 1] as usize);
        // Candidates come by target, operation and translation: their index breaks ties in that order.
        order[start..end].sort_unstable_by(|&a, &b| {
            candidates.list[a as usize].distance.total_cmp(&candidates.list[b as usize].distance).then(a.cmp(&b))
        });
        for (position, &edge) in order[start..end].iter().enumerate() {
            place[edge as usize] = compact(start + position);
        }
        for &edge in &order[start..end] {
            let candidate = &candidates.list[edge as usize];
            let image = &images.images[image_of[edge as usize] as usize];
            graph.targets.push(compact(image.site));
            graph.operations.push(u16::try_from(image.operation).expect("at most 192 operations"));
            graph.translations.push((basis.to_primitive * candidate.translation).into());
            graph.vectors.push(candidate.vector.into());
            graph.distances.push(candidate.distance);
            graph.equivalent.push(image.site == source && image.operation != 0);
            let mut gradient = [0.0; LatticeCoordinates::MAX];
            for (gradient, form) in gradient.iter_mut().zip(forms) {
                *gradient = candidate.vector.dot(&(form * candidate.vector)) / candidate.distance;
            }
            graph.lattice_gradients.push(gradient);
        }
    }
    graph.reverse.extend(order.iter().map(|&edge| place[reverse[edge as usize] as usize]));
    graph
}
