//! The distinct images of the sites in one primitive cell: one per coset of each site's stabiliser.

use crystal_core::whole::nearest;
use crystal_core::{CrystalState, Lattice};
use nalgebra::Vector3;

use crate::GraphError;
use crate::group::GroupTable;

/// Sites farther out than this many cells are refused: their translations would not fit the integers of an edge.
const FARTHEST: f64 = 1e6;

/// An image `W_o·x_j + w_o` of a site.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Image {
    /// The site j.
    pub site: usize,
    /// The operation o, the smallest index of its coset.
    pub operation: usize,
    /// Fractional coordinates, primitive basis, not wrapped.
    pub frac_coords: Vector3<f64>,
}

/// The image that an operation other than the kept one makes: `p·x = image + shift`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CosetMember {
    /// Index of the kept image.
    pub image: usize,
    /// Lattice translation from the kept image to this one.
    pub shift: Vector3<i32>,
}

/// All distinct images, and for every operation on every site the image it makes.
#[derive(Debug)]
pub(crate) struct Images {
    /// Sites, moved exactly onto the fixed points of their stabilisers. Primitive basis.
    pub sites: Vec<Vector3<f64>>,
    /// Images by site, then by operation.
    pub images: Vec<Image>,
    /// Images of site j are `first[j]..first[j + 1]`.
    pub first: Vec<usize>,
    /// `members[j·n_op + p]`.
    pub members: Vec<CosetMember>,
    /// Whether no site has a stabiliser.
    pub all_general: bool,
}

impl Images {
    /// Finds stabilisers and images. Images closer than `coincidence` (Å) are one.
    ///
    /// # Errors
    /// [`crystal_core::CrystalError::NoSites`], [`crystal_core::CrystalError::Coordinate`] or [`GraphError::TooFar`].
    pub fn new(
        state: &CrystalState,
        lattice: &Lattice,
        table: &GroupTable,
        coincidence: f64,
    ) -> Result<Self, GraphError> {
        if state.sites.is_empty() {
            return Err(crystal_core::CrystalError::NoSites.into());
        }
        let longest = lattice.reciprocal_lengths().into_iter().fold(0.0, f64::max);
        // Products of up to 48 near-stabilisers must stay far below a lattice vector: then they generate no
        // translation, and the nearest lattice point of each is found by rounding.
        let tolerance = coincidence.min(0.01 / longest);
        let n_operations = table.len();
        let mut sites = Vec::with_capacity(state.sites.len());
        let mut images = Vec::with_capacity(state.sites.len() * n_operations);
        let mut members = Vec::with_capacity(state.sites.len() * n_operations);
        let mut first_images = Vec::with_capacity(state.sites.len() + 1);
        let mut all_general = true;
        for (index, site) in state.sites.iter().enumerate() {
            if site.frac_coords().iter().any(|x| !x.is_finite()) {
                return Err(crystal_core::CrystalError::Coordinate { site: index }.into());
            }
            if site.frac_coords().amax() > FARTHEST {
                return Err(GraphError::TooFar { site: index });
            }
            let (frac_coords, stabiliser) = settle(site.frac_coords(), lattice, table, tolerance);
            sites.push(frac_coords);
            first_images.push(images.len());
            let image_of =
                |operation| Image { site: index, operation, frac_coords: table.apply(operation, &frac_coords) };
            if stabiliser.len() == 1 {
                for operation in 0..n_operations {
                    members.push(CosetMember { image: images.len(), shift: Vector3::zeros() });
                    images.push(image_of(operation));
                }
                continue;
            }
            all_general = false;
            let first = members.len();
            members.resize(first + n_operations, CosetMember { image: usize::MAX, shift: Vector3::zeros() });
            for operation in 0..n_operations {
                if members[first + operation].image != usize::MAX {
                    continue;
                }
                let kept = image_of(operation);
                for &element in &stabiliser {
                    let member = table.product(operation, element);
                    // An exact integer up to rounding, since the site lies on the fixed point.
                    let shift = (table.apply(member, &frac_coords) - kept.frac_coords).map(nearest);
                    members[first + member] = CosetMember { image: images.len(), shift };
                }
                images.push(kept);
            }
        }
        first_images.push(images.len());
        Ok(Self { sites, images, first: first_images, members, all_general })
    }
}

/// The stabiliser of a site (indices, the identity first), and the site moved onto the point that it fixes: the mean of
/// the site's coincident images. Without this the vectors of an edge and of its reverse would differ by up to the
/// tolerance.
fn settle(
    mut frac_coords: Vector3<f64>,
    lattice: &Lattice,
    table: &GroupTable,
    tolerance: f64,
) -> (Vector3<f64>, Vec<usize>) {
    let mut stabiliser = vec![0];
    loop {
        let found = stabiliser_of(&frac_coords, lattice, table, tolerance);
        // On the fixed point a further operation may come within the tolerance: the stabiliser only grows, so this
        // ends.
        if found.len() <= stabiliser.len() {
            return (frac_coords, stabiliser);
        }
        stabiliser = found;
        let mut offset = Vector3::zeros();
        for &operation in &stabiliser {
            offset += (table.apply(operation, &frac_coords) - frac_coords).map(|x| x - x.round());
        }
        frac_coords += offset / stabiliser.len() as f64;
    }
}

/// Operations that map the point onto itself modulo the lattice, closed to a group (near the tolerance the bare list
/// need not be one).
fn stabiliser_of(frac_coords: &Vector3<f64>, lattice: &Lattice, table: &GroupTable, tolerance: f64) -> Vec<usize> {
    let mut elements = vec![0];
    for operation in 1..table.len() {
        let residual = (table.apply(operation, frac_coords) - frac_coords).map(|x| x - x.round());
        if residual.amax() < 0.011 && lattice.to_cartesian(&residual).norm() < tolerance {
            elements.push(operation);
        }
    }
    if elements.len() == 1 {
        return elements;
    }
    let mut member = vec![false; table.len()];
    elements.iter().for_each(|&operation| member[operation] = true);
    let mut next = 0;
    while next < elements.len() {
        for other in 0..elements.len() {
            for product in
                [table.product(elements[next], elements[other]), table.product(elements[other], elements[next])]
            {
                if !std::mem::replace(&mut member[product], true) {
                    elements.push(product);
                }
            }
        }
        next += 1;
    }
    elements
}
