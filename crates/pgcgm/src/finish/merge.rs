//! Atoms of one element that are close become one.

use crystal_core::{Site, Species, Structure};
use nalgebra::Vector3;

use crate::ElementSet;

/// Atomic radii of some elements, Å.
#[derive(Debug)]
pub(super) struct Radii(Vec<(Species, f64)>);

impl Radii {
    pub(super) fn of(elements: &[Species]) -> Self {
        let table = ElementSet::Extended.table();
        let radius = |species: &Species| table.radii[table.index(*species).expect("an element of the model")];
        Self(elements.iter().map(|species| (*species, radius(species))).collect())
    }

    pub(super) fn sum(&self, a: Species, b: Species) -> f64 {
        let radius = |species: Species| {
            self.0.iter().find(|(known, _)| *known == species).expect("one of the candidate's elements").1
        };
        radius(a) + radius(b)
    }
}

/// The atoms of a structure, those of one element merged that are linked by distances of at most `share` of the sum of
/// their radii: single linkage, each group becomes its running mean, in the order of the atoms.
pub(super) fn merged(structure: &Structure, radii: &Radii, share: f64) -> Vec<Site> {
    let mut elements: Vec<Species> = structure.sites().iter().map(|site| site.species).collect();
    elements.sort_unstable();
    elements.dedup();
    let mut atoms = vec![];
    for species in elements {
        let sites = structure.sites().iter().filter(|site| site.species == species);
        let points: Vec<Vector3<f64>> = sites.map(|site| site.frac_coords).collect();
        let cut = share * radii.sum(species, species);
        for group in linked(structure, &points, cut) {
            let frac_coords = running_mean(group.iter().map(|index| points[*index]));
            atoms.push(Site { species, frac_coords });
        }
    }
    atoms
}

/// Points in groups: two are in one group if a chain of distances of at most `cut` (Å) joins them.
fn linked(structure: &Structure, points: &[Vector3<f64>], cut: f64) -> Vec<Vec<usize>> {
    let lattice = structure.lattice();
    let mut is_free = vec![true; points.len()];
    let mut groups = vec![];
    for first in 0..points.len() {
        if !std::mem::take(&mut is_free[first]) {
            continue;
        }
        let mut group = vec![first];
        let mut next = 0;
        while let Some(&known) = group.get(next) {
            for other in 0..points.len() {
                if is_free[other] && lattice.min_image_distance(&points[known], &points[other]) <= cut {
                    is_free[other] = false;
                    group.push(other);
                }
            }
            next += 1;
        }
        group.sort_unstable();
        groups.push(group);
    }
    groups
}

/// Of each further point the image that is nearest in fractional coordinates counts.
fn running_mean(points: impl Iterator<Item = Vector3<f64>>) -> Vector3<f64> {
    let mut mean = Vector3::zeros();
    for (k, point) in points.enumerate() {
        if k == 0 {
            mean = point;
            continue;
        }
        let offset = (point - mean).map(|x| x - x.round());
        mean += offset / (k + 1) as f64;
    }
    mean
}

#[cfg(test)]
mod tests {
    use super::*;
    use crystal_core::Lattice;
    use random_keys::{Purpose, RandomKey};

    fn structure(points: &[[f64; 3]]) -> Structure {
        let lattice = Lattice::from_rows([[4.0, 0.0, 0.0], [0.0, 5.0, 0.0], [0.0, 0.0, 6.0]]).expect("a cell");
        let species = "Fe".parse().expect("an element");
        let site = |point: &[f64; 3]| Site { species, frac_coords: (*point).into() };
        Structure::allowing_overlap(lattice, points.iter().map(site).collect()).expect("a structure")
    }

    #[test]
    fn groups_are_those_of_brute_force() {
        let key = RandomKey::new(3, Purpose::Selection);
        for round in 0..30 {
            let point = |k: u32| {
                let [x, y, z, _] = key.uniform(round, 0, k);
                [x, y, z]
            };
            let structure = structure(&(0..14).map(point).collect::<Vec<_>>());
            let points: Vec<_> = structure.sites().iter().map(|site| site.frac_coords).collect();
            let cut = 1.3;
            // Labels spread until none changes.
            let mut labels: Vec<usize> = (0..points.len()).collect();
            for _ in 0..points.len() {
                for i in 0..points.len() {
                    for j in 0..points.len() {
                        if structure.lattice().min_image_distance(&points[i], &points[j]) <= cut {
                            labels[i] = labels[i].min(labels[j]);
                        }
                    }
                }
            }
            let found = linked(&structure, &points, cut);
            assert_eq!(found.iter().map(Vec::len).sum::<usize>(), points.len());
            for group in found {
                assert!(group.iter().all(|index| labels[*index] == labels[group[0]]));
                assert_eq!(labels.iter().filter(|label| **label == labels[group[0]]).count(), group.len());
            }
        }
    }

    #[test]
    fn a_smeared_atom_becomes_its_mean_across_the_border() {
        let smeared = structure(&[[0.98, 0.01, 0.5], [0.02, 0.99, 0.52], [0.0, 0.0, 0.48], [0.5, 0.5, 0.0]]);
        let iron = "Fe".parse().expect("an element");
        let radii = Radii::of(&[iron]);
        let atoms = merged(&smeared, &radii, 0.6);
        let expected = [[0.0, 0.0, 0.5], [0.5, 0.5, 0.0]];
        assert_eq!(atoms.len(), 2);
        for (atom, expected) in atoms.iter().zip(expected) {
            let distance = smeared.lattice().min_image_distance(&atom.frac_coords, &expected.into());
            assert!(distance < 1e-9, "{atom:?}");
        }
        let again = Structure::new(*smeared.lattice(), atoms.clone()).expect("a structure");
        assert_eq!(merged(&again, &radii, 0.6), atoms, "what is merged stays");
        let mut turned = smeared.clone().into_sites();
        turned.reverse();
        let turned = Structure::allowing_overlap(*smeared.lattice(), turned).expect("a structure");
        let distance = |a: &Site, b: &Site| smeared.lattice().min_image_distance(&a.frac_coords, &b.frac_coords);
        let other = merged(&turned, &radii, 0.6);
        assert!(atoms.iter().all(|atom| other.iter().any(|same| distance(atom, same) < 1e-9)), "in any order");
    }
}
