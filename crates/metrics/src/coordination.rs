//! Weights of the neighbours and of the coordination numbers (CrystalNN: Pan et al., Inorg. Chem. 60, 1590 (2021)).

use std::f64::consts::{FRAC_PI_4, PI};

use crystal_core::{Species, Structure};

use crate::MetricsError;
use crate::neighbours::Image;
use crate::voronoi::Facet;

/// Weight of the difference in electronegativity.
const ELECTRONEGATIVITY_WEIGHT: f64 = 3.0;
/// Largest difference in Pauling electronegativity, the scale of the differences.
const ELECTRONEGATIVITY_SCALE: f64 = 3.3;
/// Beyond the sum of the radii, bonds fade out between these two lengths, Å.
const FADE: [f64; 2] = [0.5, 1.0];

/// A neighbour and how much it counts.
#[derive(Debug, Clone, PartialEq)]
pub struct Neighbour {
    /// The neighbouring atom.
    pub image: Image,
    /// Its distance, Å.
    pub distance: f64,
    /// Weight rounded to three decimals, never 0: what decides about neighbour sets.
    pub weight: f64,
    /// The weight before rounding, which decides about the order.
    pub unrounded_weight: f64,
}

/// Neighbours by falling weight, and what each coordination number weighs.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Coordination {
    /// Neighbours with a rounded weight above 0, by falling unrounded weight.
    pub neighbours: Vec<Neighbour>,
    /// Coordination numbers in ascending order (0 last, where it has a weight) with their weights; they add up to 1.
    pub cn_weights: Vec<(usize, f64)>,
}

impl Coordination {
    /// The coordination number with the largest weight.
    pub fn coordination_number(&self) -> usize {
        let mut best = (0, 0.0);
        for (number, weight) in &self.cn_weights {
            if *weight > best.1 {
                best = (*number, *weight);
            }
        }
        best.0
    }

    /// Neighbours and weights of a site from the facets of its Voronoi cell.
    ///
    /// # Errors
    /// [`MetricsError::UnknownRadius`].
    pub(crate) fn from_facets(structure: &Structure, site: usize, facets: &[Facet]) -> Result<Self, MetricsError> {
        let mut neighbours = weighted_neighbours(structure, site, facets)?;
        neighbours.sort_by(|a, b| b.unrounded_weight.total_cmp(&a.unrounded_weight));
        neighbours.retain(|neighbour| neighbour.weight > 0.0);
        let cn_weights = coordination_weights(&neighbours);
        Ok(Self { neighbours, cn_weights })
    }
}

fn radius_of(species: Species) -> Result<f64, MetricsError> {
    species.radius().ok_or(MetricsError::UnknownRadius { species })
}

fn weighted_neighbours(structure: &Structure, site: usize, facets: &[Facet]) -> Result<Vec<Neighbour>, MetricsError> {
    let centre = structure.sites()[site].species;
    let centre_radius = radius_of(centre)?;
    let largest_angle = facets.iter().map(|facet| facet.solid_angle).fold(0.0, f64::max);
    let mut weights = Vec::with_capacity(facets.len());
    for facet in facets {
        let porous = facet.solid_angle / facet.area;
        let other = structure.sites()[facet.neighbour.site].species;
        let bond = match (centre.electronegativity(), other.electronegativity()) {
            (Some(a), Some(b)) => 1.0 + ELECTRONEGATIVITY_WEIGHT * ((a - b).abs() / ELECTRONEGATIVITY_SCALE).sqrt(),
            _ => 1.0,
        };
        weights.push(facet.solid_angle / largest_angle * porous * bond);
    }
    let largest_weight = weights.iter().copied().fold(0.0, f64::max);
    let mut neighbours = Vec::with_capacity(facets.len());
    for (facet, weight) in facets.iter().zip(weights) {
        let length = centre_radius + radius_of(structure.sites()[facet.neighbour.site].species)?;
        let unrounded_weight = weight / largest_weight * fade(facet.distance, length);
        neighbours.push(Neighbour {
            image: facet.neighbour,
            distance: facet.distance,
            weight: (1000.0 * unrounded_weight).round_ties_even() / 1000.0,
            unrounded_weight,
        });
    }
    Ok(neighbours)
}

/// 1 for distances (Å) up to the sum of the radii plus 0.5 Å, 0 from 1 Å on, half a cosine between.
fn fade(distance: f64, radii: f64) -> f64 {
    let [low, high] = FADE.map(|extra| radii + extra);
    if distance <= low {
        1.0
    } else if distance >= high {
        0.0
    } else {
        0.5 * (1.0 + (PI * (distance - low) / (high - low)).cos())
    }
}

/// Area under the unit quarter circle from 0 to `x`; π/4 at 1.
fn quarter_circle(x: f64) -> f64 {
    if x >= 1.0 {
        return FRAC_PI_4;
    }
    let height = (1.0 - x * x).sqrt();
    0.5 * (x * height + (x / height).atan())
}

fn coordination_weights(neighbours: &[Neighbour]) -> Vec<(usize, f64)> {
    let mut weights = Vec::new();
    let mut total = 0.0;
    for (index, neighbour) in neighbours.iter().enumerate() {
        // The last neighbour of each distinct rounded weight closes a set; rounding is monotonic, so the order by
        // unrounded weight is an order by rounded weight too.
        let next = neighbours.get(index + 1).map_or(0.0, |next| next.weight);
        if next != neighbour.weight {
            let weight = (quarter_circle(neighbour.weight) - quarter_circle(next)) / FRAC_PI_4;
            total += weight;
            weights.push((index + 1, weight));
        }
    }
    if 1.0 - total > 0.0 {
        weights.push((0, 1.0 - total));
    }
    weights
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn neighbour(weight: f64) -> Neighbour {
        let image = Image { site: 0, translation: [0; 3], vector: nalgebra::Vector3::x(), squared_distance: 1.0 };
        Neighbour { image, distance: 1.0, weight, unrounded_weight: weight }
    }

    proptest! {
        #[test]
        fn weights_add_up_to_one(thousandths in proptest::collection::vec(1u32..=1000, 0..30)) {
            let mut thousandths = thousandths;
            thousandths.sort_by(|a, b| b.cmp(a));
            let neighbours: Vec<_> = thousandths.iter().map(|x| neighbour(f64::from(*x) / 1000.0)).collect();
            let weights = coordination_weights(&neighbours);
            prop_assert!((weights.iter().map(|(_, weight)| weight).sum::<f64>() - 1.0).abs() < 1e-12);
            prop_assert!(weights.iter().all(|(number, weight)| *number <= neighbours.len() && *weight > 0.0));
        }
    }

    #[test]
    fn equal_neighbours_are_one_set() {
        let neighbours: Vec<_> = (0..6).map(|_| neighbour(1.0)).collect();
        assert_eq!(coordination_weights(&neighbours), vec![(6, 1.0)]);
    }

    #[test]
    fn no_neighbours_is_number_zero() {
        assert_eq!(coordination_weights(&[]), vec![(0, 1.0)]);
        assert_eq!(Coordination { neighbours: vec![], cn_weights: vec![(0, 1.0)] }.coordination_number(), 0);
    }

    #[test]
    fn fades_between_the_cutoffs() {
        assert_eq!(fade(2.5, 2.0), 1.0);
        assert_eq!(fade(3.0, 2.0), 0.0);
        assert!((fade(2.75, 2.0) - 0.5).abs() < 1e-15);
    }
}
