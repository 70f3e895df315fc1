//! The neighbours of one structure, or of the non-equivalent sites of an asymmetric unit, and what edge gradients say
//! of forces and stress.
//!
//! In an asymmetric unit a neighbour is an image of a site: its features are those of the site turned by the operation
//! that makes the image. The energy of the primitive cell, `E = Σ m_s·E_s` with multiplicities m, is then a function of
//! the unit's sites and lattice alone, exactly that of the full cell. With `v_e = ∂E/∂r_e` of its edges,
//! `F_s = P_s·(Σ_{e into s} v_e − Σ_{e from an image R of s} Rᵀ·v_e)/m_s`, P the mean over the site's stabiliser, and
//! `V·σ` is the mean over the point group of `½ Σ_e (r_e ⊗ v_e + v_e ⊗ r_e)`: both project derivatives onto what the
//! symmetry leaves.
//!
//! Edges into a site that its stabiliser turns into each other send messages that are turned likewise. One of each such
//! orbit is enough: with n edges in the orbit of e, `Σ_e m_e = P·Σ n·m_e` over one edge of each orbit, P now the mean
//! of the stabiliser's matrices on the message's components. At a site of the full cubic group one edge can be
//! that of 48.

use std::cmp::Ordering;

use crystal_core::{AsymmetricUnit, Lattice, Orbit, Species, SphereSearch, Structure, SymmetryOperation};
use nalgebra::{Matrix3, Vector3};

use super::radial::CUTOFF;
use crate::{Evaluation, Identity, PotentialError};

/// Shortest distance that is treated, Å.
pub(crate) const LEAST_DISTANCE: f64 = 0.1;
/// Images of a site closer than this are one atom, Å: the same as in `AsymmetricUnit::expand`.
const COINCIDENCE: f64 = 1e-3;

/// An atom that sends: an image of a site.
#[derive(Debug, Clone)]
pub(crate) struct Image {
    pub site: usize,
    /// Which of the graph's rotations makes it.
    pub operation: usize,
}

/// Sites, images and the edges from images to sites.
#[derive(Debug)]
pub(crate) struct SiteGraph {
    /// Index of each site's element among those of the potential.
    pub species: Vec<usize>,
    /// Atoms of the cell that each site is.
    pub multiplicity: Vec<f64>,
    /// Images by site; without symmetry one per site.
    pub images: Vec<Image>,
    /// First edge into each site.
    pub offsets: Vec<usize>,
    /// Image that sends along each edge.
    pub sender: Vec<usize>,
    /// From receiver to sender, Å.
    pub vectors: Vec<Vector3<f64>>,
    /// How many edges each is one of: those that the receiver's stabiliser makes of it.
    pub weights: Vec<f64>,
    /// The point group, Cartesian; the identity alone without symmetry.
    pub rotations: Vec<Matrix3<f64>>,
    /// Which of the rotations leave each site where it is.
    pub stabilisers: Vec<Vec<usize>>,
    volume: f64,
    symmetric: bool,
}

/// Where the images lie.
struct Cell<'a> {
    lattice: &'a Lattice,
    sites: Vec<Vector3<f64>>,
    images: Vec<(usize, Vector3<f64>)>,
    /// For each site, the operations that leave it where it is, in the basis of the cell, if there is more than one.
    stabilisers: Vec<Option<Vec<SymmetryOperation>>>,
}

/// The edges of a cell: where those into each site begin, senders, vectors, and how many each is one of.
#[derive(Default)]
struct CellEdges {
    offsets: Vec<usize>,
    sender: Vec<usize>,
    vectors: Vec<Vector3<f64>>,
    weights: Vec<f64>,
}

/// An image and the lattice translation that is added to it.
type Place = (usize, [i32; 3]);

/// How the stabiliser of a site moves the atoms around it.
struct Turns {
    /// For each operation its integer matrix, and for each image the one that it is turned into.
    moves: Vec<(Matrix3<i32>, Vec<Place>)>,
}

impl Turns {
    /// `None` if the images are not turned into each other within [`COINCIDENCE`]: the site lies beside a special
    /// position, not on it.
    fn new(cell: &Cell<'_>, centre: &Vector3<f64>, stabiliser: &[SymmetryOperation]) -> Option<Self> {
        let turned = |operation: &SymmetryOperation, (site, position): &(usize, Vector3<f64>)| {
            let moved = centre + operation.rotation.map(f64::from) * (position - centre);
            cell.images.iter().enumerate().find_map(|(image, (other, place))| {
                let shift = (moved - place).map(f64::round);
                let apart = || cell.lattice.matrix().tr_mul(&(moved - place - shift)).norm();
                #[allow(clippy::cast_possible_truncation, reason = "cells apart, some units")]
                (other == site && apart() < COINCIDENCE).then(|| (image, shift.map(|x| x as i32).into()))
            })
        };
        let moves = stabiliser.iter().map(|operation| {
            let places: Option<Vec<Place>> = cell.images.iter().map(|image| turned(operation, image)).collect();
            Some((operation.rotation, places?))
        });
        Some(Self { moves: moves.collect::<Option<_>>()? })
    }

    /// How many atoms the stabiliser makes of the one at `place`; `None` if another one of them comes first.
    fn orbit(&self, place: Place) -> Option<usize> {
        let (image, translation) = place;
        let mut fixed = 0;
        for (rotation, places) in &self.moves {
            let (turned, shift) = places[image];
            let moved: [i32; 3] =
                std::array::from_fn(|i| shift[i] + (0..3).map(|j| rotation[(i, j)] * translation[j]).sum::<i32>());
            match (turned, moved).cmp(&place) {
                Ordering::Less => return None,
                Ordering::Equal => fixed += 1,
                Ordering::Greater => {}
            }
        }
        Some(self.moves.len() / fixed)
    }
}

impl Cell<'_> {
    fn edges(&self) -> Result<CellEdges, PotentialError> {
        let search = SphereSearch::new(self.lattice);
        let mut edges = CellEdges { offsets: vec![0], ..CellEdges::default() };
        for (i, centre) in self.sites.iter().enumerate() {
            let turns = self.stabilisers[i].as_ref().and_then(|stabiliser| Turns::new(self, centre, stabiliser));
            // The image that is the centre itself is the first of its site.
            let own = self.images.iter().position(|(site, _)| *site == i).expect("every site has an image");
            for (image, (j, position)) in self.images.iter().enumerate() {
                let difference = if image == own { Vector3::zeros() } else { position - centre };
                let mut too_close = None;
                let complete = search.visit(&difference, CUTOFF * CUTOFF, |translation, vector, squared| {
                    if image == own && translation == [0; 3] {
                        return true;
                    }
                    if squared < LEAST_DISTANCE * LEAST_DISTANCE {
                        too_close = Some(squared.sqrt());
                        return false;
                    }
                    let orbit = turns.as_ref().map_or(Some(1), |turns| turns.orbit((image, translation)));
                    if let Some(orbit) = orbit {
                        edges.sender.push(image);
                        edges.vectors.push(vector);
                        edges.weights.push(orbit as f64);
                    }
                    true
                });
                if let Some(distance) = too_close {
                    return Err(PotentialError::TooClose { i, j: *j, distance, least: LEAST_DISTANCE });
                }
                if !complete {
                    return Err(PotentialError::Cell { reason: "its vectors nearly lie in one plane".to_owned() });
                }
            }
            edges.offsets.push(edges.sender.len());
        }
        Ok(edges)
    }
}

/// What a potential knows of elements.
#[derive(Debug)]
pub(crate) struct Elements<'a> {
    pub identity: &'a Identity,
    pub known: &'a [Species],
}

impl Elements<'_> {
    fn indices(&self, species: impl Iterator<Item = Species>) -> Result<Vec<usize>, PotentialError> {
        let index = |(site, species): (usize, Species)| {
            self.known.binary_search(&species).map_err(|_| PotentialError::Element {
                site,
                species,
                potential: self.identity.name.clone(),
                known: self.known.iter().map(|element| element.symbol()).collect::<Vec<_>>().join(" "),
            })
        };
        species.enumerate().map(index).collect()
    }
}

fn check_coordinates(mut sites: impl Iterator<Item = Vector3<f64>>) -> Result<(), PotentialError> {
    match sites.position(|site| site.iter().any(|x| !x.is_finite())) {
        Some(site) => Err(PotentialError::Coordinate { site }),
        None => Ok(()),
    }
}

impl SiteGraph {
    /// All atoms of a cell.
    pub fn of_structure(structure: &Structure, elements: &Elements<'_>) -> Result<Self, PotentialError> {
        let sites = structure.sites();
        let species = elements.indices(sites.iter().map(|site| site.species))?;
        check_coordinates(sites.iter().map(|site| site.frac_coords))?;
        let positions: Vec<Vector3<f64>> = sites.iter().map(|site| site.frac_coords.map(|x| x - x.floor())).collect();
        let lattice = structure.lattice();
        let n = species.len();
        let cell = Cell {
            lattice,
            images: positions.iter().copied().enumerate().collect(),
            sites: positions,
            stabilisers: vec![None; n],
        };
        let CellEdges { offsets, sender, vectors, weights } = cell.edges()?;
        Ok(Self {
            multiplicity: vec![1.0; n],
            images: (0..n).map(|site| Image { site, operation: 0 }).collect(),
            species,
            offsets,
            sender,
            vectors,
            weights,
            rotations: vec![Matrix3::identity()],
            stabilisers: vec![vec![0]; n],
            volume: lattice.volume(),
            symmetric: false,
        })
    }

    /// The non-equivalent sites of a crystal and their images in the primitive cell.
    pub fn of_unit(unit: &AsymmetricUnit, elements: &Elements<'_>) -> Result<Self, PotentialError> {
        let sites = unit.sites();
        let species = elements.indices(sites.iter().map(|site| site.species()))?;
        check_coordinates(sites.iter().map(|site| site.frac_coords()))?;
        let lattice = unit.primitive_lattice().map_err(|error| PotentialError::Cell { reason: error.to_string() })?;
        let group = unit.space_group();
        let rotations: Vec<Matrix3<f64>> =
            group.primitive_operations().iter().map(|operation| operation.cartesian_rotation(&lattice)).collect();
        let to_conventional = group.centring().to_conventional();
        let mut cell = Cell { lattice: &lattice, sites: Vec::new(), images: Vec::new(), stabilisers: Vec::new() };
        let (mut images, mut multiplicity, mut stabilisers) = (Vec::new(), Vec::new(), Vec::new());
        for (site, stored) in sites.iter().enumerate() {
            let frac_coords = to_conventional.tr_mul(&stored.frac_coords());
            let orbit = Orbit::in_primitive_cell(group, &frac_coords, &lattice, COINCIDENCE);
            for image in orbit.images() {
                cell.images.push((site, image.frac_coords));
                images.push(Image { site, operation: image.operation });
            }
            cell.sites.push(orbit.images()[0].frac_coords);
            cell.stabilisers.push((orbit.stabiliser().len() > 1).then(|| orbit.stabiliser().to_vec()));
            multiplicity.push(orbit.multiplicity() as f64);
            stabilisers.push(orbit.stabiliser_indices().to_vec());
        }
        let CellEdges { offsets, sender, vectors, weights } = cell.edges()?;
        let volume = lattice.volume();
        Ok(Self {
            species,
            multiplicity,
            images,
            offsets,
            sender,
            vectors,
            weights,
            rotations,
            stabilisers,
            volume,
            symmetric: true,
        })
    }

    /// Number of sites.
    pub fn n_sites(&self) -> usize {
        self.species.len()
    }

    /// Number of edges.
    pub fn n_edges(&self) -> usize {
        self.sender.len()
    }

    /// Whether images are other than the sites.
    pub fn is_symmetric(&self) -> bool {
        self.symmetric
    }

    /// The shortest distance, Å; infinite without edges.
    fn shortest(&self) -> f64 {
        self.vectors.iter().map(|vector| vector.norm()).fold(f64::INFINITY, f64::min)
    }

    /// Energy of the cell from those of the sites, eV.
    pub fn energy(&self, site_energies: &[f64]) -> Result<f64, PotentialError> {
        let energy: f64 = site_energies.iter().zip(&self.multiplicity).map(|(energy, m)| energy * m).sum();
        if energy.is_finite() { Ok(energy) } else { Err(PotentialError::NotFinite { shortest: self.shortest() }) }
    }

    /// Energy, forces and stress from the sites' energies and `∂E/∂r` of the edges, each times its weight.
    pub fn evaluation(&self, site_energies: &[f64], by_vectors: &[Vector3<f64>]) -> Result<Evaluation, PotentialError> {
        let energy = self.energy(site_energies)?;
        let mut forces = vec![Vector3::zeros(); self.n_sites()];
        let mut strain_derivative = Matrix3::zeros();
        for (site, ends) in self.offsets.windows(2).enumerate() {
            let range = ends[0]..ends[1];
            let edges = self.sender[range.clone()].iter().zip(&self.vectors[range.clone()]).zip(&by_vectors[range]);
            for ((sender, vector), gradient) in edges {
                let image = &self.images[*sender];
                forces[site] += gradient;
                forces[image.site] -= self.rotations[image.operation].tr_mul(gradient);
                let product = vector * gradient.transpose();
                strain_derivative += 0.5 * (product + product.transpose());
            }
        }
        if self.symmetric {
            for ((force, stabiliser), multiplicity) in forces.iter_mut().zip(&self.stabilisers).zip(&self.multiplicity)
            {
                let sum: Vector3<f64> = stabiliser.iter().map(|&operation| self.rotations[operation] * *force).sum();
                *force = sum / (stabiliser.len() as f64 * multiplicity);
            }
            let turned: Matrix3<f64> =
                self.rotations.iter().map(|rotation| rotation * strain_derivative * rotation.transpose()).sum();
            strain_derivative = turned / self.rotations.len() as f64;
        }
        let stress = strain_derivative / self.volume;
        if forces.iter().any(|force| !force.iter().all(|x| x.is_finite())) || !stress.iter().all(|x| x.is_finite()) {
            return Err(PotentialError::NotFinite { shortest: self.shortest() });
        }
        Ok(Evaluation { energy, forces, stress })
    }
}
