//! Crystals that the model can hold, and what it is taught of them.

use crystal_core::whole;
use crystal_core::{AsymmetricUnit, Lattice, LatticeParameters, Orbit, SpaceGroup, Species};
use nalgebra::Vector3;
use rand::seq::SliceRandom;
use rand::{Rng, RngExt};
use random_keys::{Purpose, RandomKey};
use serde::{Deserialize, Serialize};

use crate::groups::{Group, group_index};
use crate::{ElementSet, scaling};

/// Images of a site closer than this are one atom, Å.
const COINCIDENCE: f64 = 1e-3;

/// Why a crystal is not one that the model can hold.
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Unfit {
    /// Its space group is not one of the 20.
    #[error("space group {0} is not one of the 20")]
    SpaceGroup(u8),
    /// It has not three elements.
    #[error("{0} elements, not three")]
    Elements(usize),
    /// An element has several orbits.
    #[error("{0} stands on several orbits")]
    Orbits(Species),
    /// An element is not one of the set.
    #[error("{0} is not one of the elements")]
    Element(Species),
    /// A length of the conventional cell is outside the scale.
    #[error("a length of the conventional cell is outside 1 … 21.1 Å (a, b) or 1 … 45.2 Å (c)")]
    Length,
}

/// A crystal of three elements with one orbit each, in one of the 20 groups.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Crystal {
    /// Place of its group in the list of the 20.
    pub(crate) group: usize,
    /// Places of its elements in their set.
    pub(crate) elements: [usize; 3],
    /// All positions of each element in the conventional cell, fractional.
    pub(crate) orbits: [Vec<[f64; 3]>; 3],
    /// Lengths of the conventional cell, Å.
    pub(crate) lengths: [f64; 3],
}

/// Three positions in a conventional cell, as the generator gives them.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// Place of the space group in the list of the 20.
    pub group: usize,
    /// The elements.
    pub elements: [Species; 3],
    /// A position of each in conventional fractional coordinates.
    pub positions: [[f64; 3]; 3],
    /// Lengths of the conventional cell, Å.
    pub lengths: [f64; 3],
}

/// What a network sees of a crystal: three positions of each element and the lengths, scaled to [−1, 1].
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Shown {
    /// Places of the elements in their set, in the order that is shown.
    pub(crate) elements: [usize; 3],
    /// Set, element, axis.
    pub(crate) positions: [[[f32; 3]; 3]; 3],
    pub(crate) lengths: [f32; 3],
}

impl Crystal {
    /// A crystal by its non-equivalent sites.
    ///
    /// # Errors
    /// [`Unfit`], if the model cannot hold it.
    pub fn of(unit: &AsymmetricUnit, set: ElementSet) -> Result<Self, Unfit> {
        let number = unit.space_group().number();
        let group = group_index(number).ok_or(Unfit::SpaceGroup(number.get()))?;
        let sites = unit.sites();
        let mut species: Vec<Species> = sites.iter().map(|site| site.species()).collect();
        species.sort_unstable();
        if let Some(twice) = species.windows(2).find(|pair| pair[0] == pair[1]) {
            let several = twice[0];
            species.dedup();
            return Err(if species.len() == 3 { Unfit::Orbits(several) } else { Unfit::Elements(species.len()) });
        }
        let [a, b, c] = sites else { return Err(Unfit::Elements(species.len())) };
        let element = |species: Species| set.table().index(species).ok_or(Unfit::Element(species));
        let elements = [element(a.species())?, element(b.species())?, element(c.species())?];
        let LatticeParameters { a: length_a, b: length_b, c: length_c, .. } = unit.lattice().parameters();
        // Averaged as the system ties them: a lattice of a found group differs from that by rounding.
        let lengths = Group::get(group).tied([length_a, length_b, length_c]);
        if lengths.iter().enumerate().any(|(axis, length)| scaling::of_length(axis, *length).is_none()) {
            return Err(Unfit::Length);
        }
        let orbits = [a, b, c].map(|site| {
            let orbit = Orbit::new(unit.space_group(), &site.frac_coords(), unit.lattice(), COINCIDENCE);
            orbit.images().iter().map(|image| image.frac_coords.into()).collect()
        });
        Ok(Self { group, elements, orbits, lengths })
    }

    /// Its space group.
    pub fn space_group(&self) -> &'static SpaceGroup {
        Group::get(self.group).space_group
    }

    /// The conventional cell.
    pub(crate) fn lattice(&self) -> Lattice {
        conventional_lattice(self.group, self.lengths).expect("lengths inside the scale make a cell")
    }

    /// The candidates that a generator which knows the crystal would make of it; the positions are drawn by seed and
    /// number.
    pub fn candidates(&self, set: ElementSet, seed: u64, number: u64) -> [Candidate; 3] {
        let mut rng = RandomKey::new(seed, Purpose::Selection).generator(number, 0);
        self.shown(&mut rng).candidates(self.group, set)
    }

    /// Three positions of each element, drawn anew each time, without repetition where there are three; the elements in
    /// any order, because generation names them in any order.
    pub(crate) fn shown(&self, rng: &mut impl Rng) -> Shown {
        let mut order = [0, 1, 2];
        order.shuffle(rng);
        let picks = order.map(|element| pick_three(&self.orbits[element], rng));
        let positions = [0, 1, 2]
            .map(|set| [0, 1, 2].map(|element| picks[element][set].map(|x| whole::single(scaling::of_fraction(x)))));
        let length = |axis: usize| {
            whole::single(scaling::of_length(axis, self.lengths[axis]).expect("checked when the crystal was made"))
        };
        Shown { elements: order.map(|element| self.elements[element]), positions, lengths: [0, 1, 2].map(length) }
    }
}

impl Shown {
    /// What a generator that shows this would have made.
    fn candidates(&self, group: usize, set: ElementSet) -> [Candidate; 3] {
        let elements = self.elements.map(|element| set.species()[element]);
        let lengths = std::array::from_fn(|axis| scaling::length(axis, f64::from(self.lengths[axis])));
        let lengths = Group::get(group).tied(lengths);
        self.positions.map(|set| {
            let positions = set.map(|position| position.map(|t| scaling::fraction(f64::from(t))));
            Candidate { group, elements, positions, lengths }
        })
    }
}

/// Three of the positions in random order; fewer than three are repeated.
fn pick_three(orbit: &[[f64; 3]], rng: &mut impl Rng) -> [[f64; 3]; 3] {
    let n = orbit.len();
    if n < 3 {
        return [0; 3].map(|_: usize| orbit[rng.random_range(0..n)]);
    }
    let first = rng.random_range(0..n);
    let second = (first + rng.random_range(1..n)) % n;
    // One of the n − 2 that are left, counted past the two that are not.
    let (low, high) = (first.min(second), first.max(second));
    let mut third = rng.random_range(0..n - 2);
    third += usize::from(third >= low);
    third += usize::from(third >= high);
    [orbit[first], orbit[second], orbit[third]]
}

/// The conventional cell of a group with these lengths, Å: angles of 90°, or of 120° between a and b.
pub(crate) fn conventional_lattice(group: usize, [a, b, c]: [f64; 3]) -> Option<Lattice> {
    let gamma = if Group::get(group).is_hexagonal { 120.0 } else { 90.0 };
    Lattice::from_parameters(LatticeParameters { a, b, c, alpha: 90.0, beta: 90.0, gamma }).ok()
}

/// Shortest distance of two positions, Å.
pub(crate) fn distance(lattice: &Lattice, a: [f64; 3], b: [f64; 3]) -> f64 {
    lattice.min_image_distance(&Vector3::from(a), &Vector3::from(b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{half_heusler, perovskite, unit};

    #[test]
    fn what_the_model_holds_and_what_not() {
        let crystal = half_heusler();
        assert_eq!((crystal.space_group().number().get(), crystal.orbits.each_ref().map(Vec::len)), (216, [4; 3]));
        let of = |number: i64, sites: &[(&str, char)]| Crystal::of(&unit(number, 4.0, sites), ElementSet::Published);
        assert_eq!(of(229, &[("Fe", 'a')]), Err(Unfit::SpaceGroup(229)));
        assert_eq!(of(221, &[("Fe", 'a'), ("Al", 'b')]), Err(Unfit::Elements(2)));
        let oxygen: Species = "O".parse().expect("an element");
        assert_eq!(of(221, &[("Ba", 'a'), ("Ti", 'b'), ("O", 'c'), ("O", 'd')]), Err(Unfit::Orbits(oxygen)));
        let uranium: Species = "U".parse().expect("an element");
        assert_eq!(of(221, &[("Ba", 'a'), ("U", 'b'), ("O", 'c')]), Err(Unfit::Element(uranium)));
        let perovskite = unit(221, 4.0, &[("Ba", 'a'), ("U", 'b'), ("O", 'c')]);
        assert!(Crystal::of(&perovskite, ElementSet::Extended).is_ok());
        let large = unit(221, 22.0, &[("Ba", 'a'), ("Ti", 'b'), ("O", 'c')]);
        assert_eq!(Crystal::of(&large, ElementSet::Published), Err(Unfit::Length));
    }

    #[test]
    fn what_is_shown_is_enough_to_make_the_crystal() {
        for (crystal, n_atoms) in [(half_heusler(), 3), (perovskite(), 5)] {
            for candidate in crystal.candidates(ElementSet::Published, 0, 7) {
                let unit = crate::finish::finish(&candidate, crate::finish::Rounding::Hundredths).expect("a crystal");
                assert_eq!(unit.space_group().number(), crystal.space_group().number());
                assert_eq!(unit.expand().expect("atoms").n_sites(), n_atoms);
                let (volume, expected) = (unit.lattice().volume(), crystal.lattice().volume());
                assert!((volume - expected).abs() < 1e-4 * expected);
            }
        }
    }

    #[test]
    fn picks_lie_on_their_orbit_and_each_position_is_equally_likely() {
        let crystal = half_heusler();
        let key = RandomKey::new(5, Purpose::Training);
        let mut counts = [[0_usize; 4]; 3];
        for draw in 0..4000 {
            let shown = crystal.shown(&mut key.generator(draw, 0));
            for element in 0..3 {
                let place = crystal.elements.iter().position(|known| *known == shown.elements[element]);
                let place = place.expect("one of the crystal's elements");
                let mut seen = vec![];
                for set in 0..3 {
                    let position = shown.positions[set][element].map(|t| scaling::fraction(f64::from(t)));
                    let same = |known: &[f64; 3]| distance(&crystal.lattice(), *known, position) < 1e-3;
                    let image = crystal.orbits[place].iter().position(same).expect("a position of the orbit");
                    counts[place][image] += usize::from(set == 2);
                    seen.push(image);
                }
                seen.sort_unstable();
                seen.dedup();
                assert_eq!(seen.len(), 3, "without repetition");
            }
        }
        // 1000 expected, standard deviation 27.
        assert!(counts.iter().flatten().all(|count| (880..1120).contains(count)), "{counts:?}");
        let few = pick_three(&[[0.0; 3], [0.5; 3]], &mut key.generator(0, 1));
        assert!(few.iter().all(|position| [[0.0; 3], [0.5; 3]].contains(position)));
    }
}
