//! Distances to nearest neighbours.

use crystal_core::{SphereSearch, Structure};

/// Radius of the first search, Å; most atoms have a neighbour within it.
const FIRST_RADIUS: f64 = 4.0;
/// No crystal worth a picture has an atom that is farther from all others, Å.
const LAST_RADIUS: f64 = 64.0;

/// For every atom the distance in Å to the nearest other one, its own periodic images included; `None` if it is farther
/// than 64 Å or the lattice has collapsed.
pub fn nearest_distances(structure: &Structure) -> Vec<Option<f64>> {
    let search = SphereSearch::new(structure.lattice());
    (0..structure.n_sites()).map(|centre| nearest(structure, &search, centre)).collect()
}

fn nearest(structure: &Structure, search: &SphereSearch, centre: usize) -> Option<f64> {
    let origin = structure.sites()[centre].frac_coords;
    let mut radius = FIRST_RADIUS;
    while radius <= LAST_RADIUS {
        let mut shortest = radius * radius;
        for (index, site) in structure.sites().iter().enumerate() {
            let complete = search.visit(&(site.frac_coords - origin), shortest, |translation, _, squared| {
                if index != centre || translation != [0, 0, 0] {
                    shortest = shortest.min(squared);
                }
                true
            });
            if !complete {
                return None;
            }
        }
        if shortest < radius * radius {
            return Some(shortest.sqrt());
        }
        radius *= 2.0;
    }
    None
}

/// The shortest distance between two atoms of a structure in Å, periodic images included.
pub fn shortest_distance(structure: &Structure) -> Option<f64> {
    nearest_distances(structure).into_iter().flatten().min_by(f64::total_cmp)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crystal_core::{Lattice, Site};

    fn cell(edge: f64, sites: &[[f64; 3]]) -> Structure {
        let lattice = Lattice::from_rows([[edge, 0.0, 0.0], [0.0, edge, 0.0], [0.0, 0.0, edge]]).expect("a cell");
        let species = "Po".parse().expect("an element");
        let site = |x: &[f64; 3]| Site { species, frac_coords: (*x).into() };
        Structure::new(lattice, sites.iter().map(site).collect()).expect("a structure")
    }

    #[test]
    fn images_count_and_radii_grow() {
        assert_eq!(shortest_distance(&cell(3.35, &[[0.2; 3]])), Some(3.35));
        assert_eq!(shortest_distance(&cell(20.0, &[[0.0; 3]])), Some(20.0));
        assert_eq!(shortest_distance(&cell(100.0, &[[0.0; 3]])), None);
        let distances = nearest_distances(&cell(10.0, &[[0.0; 3], [0.0, 0.0, 0.9], [0.0, 0.5, 0.5]]));
        assert!(
            (distances[0].expect("a neighbour") - 1.0).abs() < 1e-12
                && (distances[1].expect("a neighbour") - 1.0).abs() < 1e-12
        );
        assert!((distances[2].expect("a neighbour") - (25.0_f64 + 16.0).sqrt()).abs() < 1e-12);
    }
}
