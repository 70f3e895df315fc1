//! The graph of one crystal: every atom with its nearest neighbours.

use crystal_core::whole;
use crystal_core::{SphereSearch, Structure};
use crystal_states::N_DESCRIBED;
use rayon::prelude::*;

use crate::CgcnnError;

/// Neighbours of an atom.
pub const N_NEIGHBOURS: usize = 12;
/// Neighbours further away than this (Å) are left out.
pub const CUTOFF: f64 = 8.0;
/// Distance (Å) of the entries that stand in for missing neighbours; they point to the first atom.
const PADDING_DISTANCE: f32 = whole::single(CUTOFF) + 1.0;
/// Distances that differ by less (Å) from that of the last neighbour count as equal to it.
///
/// Which of several equally distant atoms are the last neighbours is arbitrary in the published program (its search
/// order, then rounding). Here it is the order of sites and lattice translations, so that rounding noise of the
/// coordinates changes nothing.
const TIE: f64 = 1e-4;
/// Atoms expected within the first radius tried.
const FIRST_GUESS: f64 = 40.0;
/// Factor between one radius and the next.
const GROWTH: f64 = 1.3;
/// More atoms than this within a radius mean a collapsed lattice.
const MAX_IMAGES: usize = 100_000;

/// Atoms and, for each, its [`N_NEIGHBOURS`] nearest neighbours.
#[derive(Debug, Clone, PartialEq)]
pub struct CrystalGraph {
    /// Atomic number − 1 of each atom.
    pub(crate) elements: Vec<u32>,
    /// Neighbours' indices, those of one atom after those of another.
    pub(crate) neighbours: Vec<u32>,
    /// Distances in Å, in the same order.
    pub(crate) distances: Vec<f32>,
}

#[derive(Debug, Clone, Copy)]
struct Image {
    distance: f64,
    site: usize,
    translation: [i32; 3],
}

impl CrystalGraph {
    /// The graph of a structure.
    ///
    /// # Errors
    /// [`CgcnnError::UnknownElement`], [`CgcnnError::TooManyNeighbours`].
    pub fn of(structure: &Structure) -> Result<Self, CgcnnError> {
        let elements =
            structure.sites().iter().enumerate().map(|(site, atom)| match u32::from(atom.species.atomic_number()) {
                number if number as usize <= N_DESCRIBED => Ok(number - 1),
                _ => Err(CgcnnError::UnknownElement { site, species: atom.species }),
            });
        let elements = elements.collect::<Result<Vec<_>, _>>()?;
        let search = SphereSearch::new(structure.lattice());
        let volume_per_atom = structure.lattice().volume().abs() / structure.n_sites() as f64;
        let first_radius = (FIRST_GUESS * volume_per_atom * 0.75 / std::f64::consts::PI).cbrt().min(CUTOFF);
        let mut graph = Self { elements, neighbours: vec![], distances: vec![] };
        for centre in 0..structure.n_sites() {
            let nearest = nearest_images(structure, &search, centre, first_radius)?;
            let missing = N_NEIGHBOURS - nearest.len();
            graph
                .neighbours
                .extend(nearest.iter().map(|image| whole::compact(image.site)).chain(std::iter::repeat_n(0, missing)));
            graph.distances.extend(
                nearest
                    .iter()
                    .map(|image| whole::single(image.distance))
                    .chain(std::iter::repeat_n(PADDING_DISTANCE, missing)),
            );
        }
        Ok(graph)
    }

    /// Number of atoms.
    pub fn n_atoms(&self) -> usize {
        self.elements.len()
    }
}

/// The [`N_NEIGHBOURS`] nearest images, or as many as there are within [`CUTOFF`].
fn nearest_images(
    structure: &Structure,
    search: &SphereSearch,
    centre: usize,
    first_radius: f64,
) -> Result<Vec<Image>, CgcnnError> {
    let mut radius = first_radius;
    loop {
        let mut images = images_within(structure, search, centre, radius)?;
        if images.len() >= N_NEIGHBOURS {
            images.sort_by(|a, b| a.distance.total_cmp(&b.distance));
            let last = images[N_NEIGHBOURS - 1].distance;
            // Ties of the last neighbour must all be within the radius, or the choice among them would depend on it.
            if last + TIE < radius || radius >= CUTOFF {
                let first_tie = images.partition_point(|image| image.distance < last - TIE);
                let end = images.partition_point(|image| image.distance <= last + TIE);
                images[first_tie..end].sort_by_key(|image| (image.site, image.translation));
                images.truncate(N_NEIGHBOURS);
                return Ok(images);
            }
        } else if radius >= CUTOFF {
            images.sort_by(|a, b| a.distance.total_cmp(&b.distance));
            return Ok(images);
        }
        radius = (GROWTH * radius).min(CUTOFF);
    }
}

fn images_within(
    structure: &Structure,
    search: &SphereSearch,
    centre: usize,
    radius: f64,
) -> Result<Vec<Image>, CgcnnError> {
    let collapsed = || CgcnnError::TooManyNeighbours { site: centre, radius };
    let origin = structure.sites()[centre].frac_coords;
    let mut images = Vec::with_capacity(64);
    for (site, atom) in structure.sites().iter().enumerate() {
        let difference = atom.frac_coords - origin;
        let complete = search.visit(&difference, radius * radius + 1e-8, |translation, _, squared| {
            if site != centre || translation != [0; 3] {
                images.push(Image { distance: squared.sqrt(), site, translation });
            }
            images.len() <= MAX_IMAGES
        });
        if !complete || images.len() > MAX_IMAGES {
            return Err(collapsed());
        }
    }
    Ok(images)
}

/// Graphs of many structures, in their order, on all cores.
pub fn graphs_of(structures: &[Structure]) -> Vec<Result<CrystalGraph, CgcnnError>> {
    structures.par_iter().map(CrystalGraph::of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crystal_core::{Lattice, Site};
    use nalgebra::Vector3;

    fn structure(rows: [[f64; 3]; 3], sites: &[(&str, [f64; 3])]) -> Structure {
        let site = |(symbol, frac): &(&str, [f64; 3])| Site {
            species: symbol.parse().expect("an element"),
            frac_coords: Vector3::from(*frac),
        };
        Structure::allowing_overlap(Lattice::from_rows(rows).expect("a cell"), sites.iter().map(site).collect())
            .expect("a structure")
    }

    fn cube(edge: f64) -> [[f64; 3]; 3] {
        [[edge, 0.0, 0.0], [0.0, edge, 0.0], [0.0, 0.0, edge]]
    }

    #[test]
    fn caesium_chloride_has_eight_and_six_neighbours() {
        let graph = CrystalGraph::of(&structure(cube(4.0), &[("Cs", [0.0; 3]), ("Cl", [0.5; 3])])).expect("a graph");
        assert_eq!((graph.n_atoms(), graph.neighbours.len()), (2, 2 * N_NEIGHBOURS));
        assert_eq!(graph.neighbours[..8], [1; 8]);
        assert_eq!(graph.neighbours[8..12], [0; 4]);
        assert!(graph.distances[..8].iter().all(|d| (d - 12.0_f32.sqrt()).abs() < 1e-6));
        assert!(graph.distances[8..12].iter().all(|d| (d - 4.0).abs() < 1e-6));
    }

    #[test]
    fn lonely_atoms_are_padded() {
        let graph = CrystalGraph::of(&structure(cube(7.9), &[("He", [0.3; 3])])).expect("a graph");
        assert!(graph.distances[..6].iter().all(|d| (d - 7.9).abs() < 1e-6));
        assert_eq!(graph.distances[6..], [9.0; 6]);
        assert_eq!(graph.neighbours, [0; 12]);
        let graph = CrystalGraph::of(&structure(cube(20.0), &[("He", [0.3; 3])])).expect("a graph");
        assert_eq!(graph.distances, [9.0; 12]);
    }

    #[test]
    fn ties_do_not_follow_rounding_noise() {
        // Of the six neighbours at one lattice constant only four have room.
        let ideal = structure(cube(4.0), &[("Na", [0.0; 3]), ("Cl", [0.5; 3]), ("O", [0.5, 0.5, 0.0])]);
        let expected = CrystalGraph::of(&ideal).expect("a graph");
        let mut sites = ideal.sites().to_vec();
        for (k, site) in sites.iter_mut().enumerate() {
            site.frac_coords += Vector3::new(3e-7, -2e-7, 1e-7) * (k as f64 + 1.0);
        }
        let noisy = Structure::new(*ideal.lattice(), sites).expect("a structure");
        assert_eq!(CrystalGraph::of(&noisy).expect("a graph").neighbours, expected.neighbours);
    }

    #[test]
    fn growing_radii_find_what_the_cutoff_finds() {
        let skewed = structure(
            [[2.9, 0.0, 0.0], [1.3, 3.7, 0.0], [0.4, -1.9, 11.0]],
            &[("Fe", [0.1, 0.2, 0.05]), ("O", [0.6, 0.7, 0.4]), ("H", [0.3, 0.3, 0.8])],
        );
        let search = SphereSearch::new(skewed.lattice());
        for centre in 0..skewed.n_sites() {
            let of = |radius| nearest_images(&skewed, &search, centre, radius).expect("neighbours");
            let key =
                |images: Vec<Image>| images.iter().map(|image| (image.site, image.translation)).collect::<Vec<_>>();
            assert_eq!(key(of(1.0)), key(of(CUTOFF)));
        }
    }

    #[test]
    fn collapsed_cells_and_unknown_elements_are_errors() {
        let flat = structure([[1e-7, 0.0, 0.0], [0.0, 1e-7, 0.0], [0.0, 0.0, 30.0]], &[("Na", [0.0; 3])]);
        assert!(matches!(CrystalGraph::of(&flat), Err(CgcnnError::TooManyNeighbours { site: 0, .. })));
        let heavy = structure(cube(4.0), &[("Na", [0.0; 3]), ("Og", [0.5; 3])]);
        assert!(matches!(CrystalGraph::of(&heavy), Err(CgcnnError::UnknownElement { site: 1, .. })));
    }
}
