//! The neighbours of one structure, or of the non-equivalent sites of an asymmetric unit, and what edge gradients say
//! of forces and stress.
//!
//! In an asymmetric unit a neighbour is an image of a site: its features are those of the site turned by the operation
//! that makes the image. The energy of the primitive cell, `E = Σ m_s·E_s` with multiplicities m, is then a function of
//! the unit's sites and lattice alone, exactly that of the full cell. With `v_e = ∂E/∂r_e` of its edges,
//! `F_s = P_s·(Σ_{e into s} v_e − Σ_{e from an image R of s} Rᵀ·v_e)/m_s`, P the mean over the site's stabiliser, and
//! `V·σ` is the mean over the point group of `½ Σ_e (r_e ⊗ v_e + v_e ⊗ r_e)`: both project derivatives onto what the
//! symmetry leaves.

use crystal_core::{AsymmetricUnit, Lattice, Orbit, Species, SphereSearch, Structure};
use nalgebra::{Matrix3, Vector3};

use super::radial::CUTOFF;
use crate::{Evaluation, Identity, PotentialError};

/// Shortest distance that is treated, Å.
pub(crate) const LEAST_DISTANCE: f64 = 0.1;
/// Images of a site closer than this are one atom, Å: the same as in `AsymmetricUnit::expand`.
const COINCIDENCE: f64 = 1e-3;

/// What symmetry says of a graph.
#[derive(Debug)]
struct Symmetry {
    /// For each site, the mean of its stabiliser's rotations.
    projectors: Vec<Matrix3<f64>>,
    /// The rotations of the point group.
    rotations: Vec<Matrix3<f64>>,
}

/// An atom that sends: an image of a site.
#[derive(Debug, Clone)]
pub(crate) struct Image {
    pub site: usize,
    /// Of the operation that makes it, Cartesian.
    pub rotation: Matrix3<f64>,
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
    volume: f64,
    symmetry: Option<Symmetry>,
}

/// Where the images lie.
struct Cell<'a> {
    lattice: &'a Lattice,
    sites: Vec<Vector3<f64>>,
    images: Vec<(usize, Vector3<f64>)>,
}

/// The edges of a cell: where those into each site begin, senders and vectors.
type CellEdges = (Vec<usize>, Vec<usize>, Vec<Vector3<f64>>);

impl Cell<'_> {
    fn edges(&self) -> Result<CellEdges, PotentialError> {
        let search = SphereSearch::new(self.lattice);
        let (mut offsets, mut sender, mut vectors) = (vec![0], Vec::new(), Vec::new());
        for (i, centre) in self.sites.iter().enumerate() {
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
                    sender.push(image);
                    vectors.push(vector);
                    true
                });
                if let Some(distance) = too_close {
                    return Err(PotentialError::TooClose { i, j: *j, distance, least: LEAST_DISTANCE });
                }
                if !complete {
                    return Err(PotentialError::Cell { reason: "its vectors nearly lie in one plane".to_owned() });
                }
            }
            offsets.push(sender.len());
        }
        Ok((offsets, sender, vectors))
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
        let cell = Cell { lattice, images: positions.iter().copied().enumerate().collect(), sites: positions };
        let (offsets, sender, vectors) = cell.edges()?;
        Ok(Self {
            multiplicity: vec![1.0; species.len()],
            images: (0..species.len()).map(|site| Image { site, rotation: Matrix3::identity() }).collect(),
            species,
            offsets,
            sender,
            vectors,
            volume: lattice.volume(),
            symmetry: None,
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
        let mut cell = Cell { lattice: &lattice, sites: Vec::new(), images: Vec::new() };
        let (mut images, mut multiplicity, mut projectors) = (Vec::new(), Vec::new(), Vec::new());
        for (site, stored) in sites.iter().enumerate() {
            let frac_coords = to_conventional.tr_mul(&stored.frac_coords());
            let orbit = Orbit::in_primitive_cell(group, &frac_coords, &lattice, COINCIDENCE);
            for image in orbit.images() {
                cell.images.push((site, image.frac_coords));
                images.push(Image { site, rotation: rotations[image.operation] });
            }
            cell.sites.push(orbit.images()[0].frac_coords);
            multiplicity.push(orbit.multiplicity() as f64);
            let stabiliser = orbit.stabiliser_indices();
            let sum: Matrix3<f64> = stabiliser.iter().map(|&operation| rotations[operation]).sum();
            projectors.push(sum / stabiliser.len() as f64);
        }
        let (offsets, sender, vectors) = cell.edges()?;
        let symmetry = Some(Symmetry { projectors, rotations });
        Ok(Self { species, multiplicity, images, offsets, sender, vectors, volume: lattice.volume(), symmetry })
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
        self.symmetry.is_some()
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

    /// Energy, forces and stress from the sites' energies and `∂E/∂r` of the edges.
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
                forces[image.site] -= image.rotation.tr_mul(gradient);
                let product = vector * gradient.transpose();
                strain_derivative += 0.5 * (product + product.transpose());
            }
        }
        if let Some(Symmetry { projectors, rotations }) = &self.symmetry {
            for ((force, projector), multiplicity) in forces.iter_mut().zip(projectors).zip(&self.multiplicity) {
                *force = projector * *force / *multiplicity;
            }
            let turned: Matrix3<f64> =
                rotations.iter().map(|rotation| rotation * strain_derivative * rotation.transpose()).sum();
            strain_derivative = turned / rotations.len() as f64;
        }
        let stress = strain_derivative / self.volume;
        if forces.iter().any(|force| !force.iter().all(|x| x.is_finite())) || !stress.iter().all(|x| x.is_finite()) {
            return Err(PotentialError::NotFinite { shortest: self.shortest() });
        }
        Ok(Evaluation { energy, forces, stress })
    }
}
