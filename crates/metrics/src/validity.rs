//! Whether a crystal can exist at all: distances, charges, and its density.

use std::collections::HashSet;

use crystal_core::{Composition, SphereSearch, Structure};

use crate::tables::{SmactElement, smact};

/// Smallest volume of a valid cell, Å³.
const SMALLEST_VOLUME: f64 = 0.1;
/// Smallest distance between different atoms of a valid structure, Å.
const SMALLEST_DISTANCE: f64 = 0.5;
/// One atomic mass unit in g.
const ATOMIC_MASS_UNIT: f64 = 1.66053906660e-24;
/// One Å³ in cm³.
const CUBIC_ANGSTROM: f64 = 1e-24;

/// Whether the cell has at least 0.1 Å³ and no two different atoms are closer than 0.5 Å, periodic images included. An
/// atom's distance to its own images is not looked at (CDVAE's definition).
pub fn structure_valid(structure: &Structure) -> bool {
    if structure.lattice().volume() < SMALLEST_VOLUME {
        return false;
    }
    let search = SphereSearch::new(structure.lattice());
    let sites = structure.sites();
    (0..sites.len()).all(|i| {
        (i + 1..sites.len()).all(|j| {
            let mut apart = true;
            let difference = sites[j].frac_coords - sites[i].frac_coords;
            // A lattice so thin that the search gives up has atoms on top of each other somewhere.
            let complete = search.visit(&difference, SMALLEST_DISTANCE * SMALLEST_DISTANCE, |_, _, _| {
                apart = false;
                false
            });
            complete && apart
        })
    })
}

/// Density in g/cm³; `None` if the mass of an element is not tabulated (beyond Lr).
pub fn density(structure: &Structure) -> Option<f64> {
    let mass = structure.sites().iter().map(|site| site.species.mass()).sum::<Option<f64>>()?;
    Some(mass * ATOMIC_MASS_UNIT / (structure.lattice().volume() * CUBIC_ANGSTROM))
}

/// SMACT's test in CDVAE's form: one element, only metals, or some choice of one oxidation state per element is neutral
/// and gives every cation a smaller Pauling electronegativity than every anion (Davies et al., JOSS 4, 1361 (2019)).
/// Elements outside SMACT's table make it invalid.
pub fn composition_valid(composition: &Composition) -> bool {
    let reduced = composition.reduced();
    let Some(elements) = reduced
        .iter()
        .map(|(species, count)| smact(species).map(|data| (data, i64::from(count))))
        .collect::<Option<Vec<_>>>()
    else {
        return false;
    };
    match elements.len() {
        0 => false,
        1 => true,
        _ => elements.iter().all(|(data, _)| data.metal) || ChargeSearch::new(elements).balances(),
    }
}

/// Depth-first search over oxidation states that remembers dead ends, so that it stays short however many elements
/// there are.
struct ChargeSearch {
    elements: Vec<(&'static SmactElement, i64)>,
    /// Smallest and largest charge that the elements from each index on can add.
    reach: Vec<(i64, i64)>,
    /// First element without electronegativity.
    first_unknown: Option<usize>,
    dead_ends: HashSet<State>,
}

/// What the choices so far leave for the rest to care about; electronegativities as bits, to be hashed.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct State {
    index: usize,
    charge: i64,
    first_is_cation: bool,
    largest_of_cations: u64,
    smallest_of_anions: u64,
}

impl ChargeSearch {
    fn new(elements: Vec<(&'static SmactElement, i64)>) -> Self {
        let mut reach = vec![(0, 0); elements.len() + 1];
        for index in (0..elements.len()).rev() {
            let (data, count) = elements[index];
            let lowest = data.oxidation_states.iter().min().copied().unwrap_or(0) * count;
            let highest = data.oxidation_states.iter().max().copied().unwrap_or(0) * count;
            reach[index] = (reach[index + 1].0 + lowest, reach[index + 1].1 + highest);
        }
        let first_unknown = elements.iter().position(|(data, _)| data.electronegativity.is_none());
        Self { elements, reach, first_unknown, dead_ends: HashSet::new() }
    }

    fn balances(mut self) -> bool {
        self.search(State {
            index: 0,
            charge: 0,
            first_is_cation: false,
            largest_of_cations: 0.0_f64.to_bits(),
            smallest_of_anions: f64::INFINITY.to_bits(),
        })
    }

    fn search(&mut self, state: State) -> bool {
        let (lowest, highest) = self.reach[state.index];
        if state.charge + lowest > 0 || state.charge + highest < 0 {
            return false;
        }
        if state.index == self.elements.len() {
            return true;
        }
        if self.dead_ends.contains(&state) {
            return false;
        }
        let (data, count) = self.elements[state.index];
        for oxidation_state in &data.oxidation_states {
            let next = State { index: state.index + 1, charge: state.charge + oxidation_state * count, ..state };
            let allowed = self.choose(next, state.index, *oxidation_state > 0);
            if allowed.is_some_and(|next| self.search(next)) {
                return true;
            }
        }
        self.dead_ends.insert(state);
        false
    }

    /// The Pauling test for element `index` against those before it; `None` if it fails.
    ///
    /// An unknown electronegativity ends the original test at once: SMACT scans the pairs (0,1), (0,2), … and its
    /// comparison raises TypeError for opposite signs, which CDVAE takes as passed, while equal signs fail. So only the
    /// pairs of the first element up to the first unknown one matter then.
    fn choose(&self, next: State, index: usize, is_cation: bool) -> Option<State> {
        let next = if index == 0 { State { first_is_cation: is_cation, ..next } } else { next };
        let opposite_to_first = is_cation != next.first_is_cation;
        match self.first_unknown {
            Some(unknown) if index > unknown.max(1) => Some(next),
            Some(unknown) if index > 0 && index == unknown.max(1) => opposite_to_first.then_some(next),
            Some(_) if index > 0 => {
                let allowed = !opposite_to_first || self.is_ordered(0, index, next.first_is_cation);
                allowed.then_some(next)
            }
            Some(_) => Some(next),
            None => {
                let own = self.elements[index].0.electronegativity?;
                let (mut cations, mut anions) =
                    (f64::from_bits(next.largest_of_cations), f64::from_bits(next.smallest_of_anions));
                if is_cation {
                    cations = cations.max(own);
                } else {
                    anions = anions.min(own);
                }
                let state =
                    State { largest_of_cations: cations.to_bits(), smallest_of_anions: anions.to_bits(), ..next };
                (cations < anions).then_some(state)
            }
        }
    }

    fn is_ordered(&self, first: usize, second: usize, first_is_cation: bool) -> bool {
        let electronegativity = |index: usize| self.elements[index].0.electronegativity;
        let (cation, anion) = if first_is_cation { (first, second) } else { (second, first) };
        matches!((electronegativity(cation), electronegativity(anion)), (Some(x), Some(y)) if x < y)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crystal_core::{Lattice, Site};
    use nalgebra::Vector3;
    use proptest::prelude::*;

    fn composition(text: &str) -> Composition {
        text.parse().expect("a composition")
    }

    fn two_atoms(distance: f64) -> Structure {
        let lattice = Lattice::from_rows([[10.0, 0.0, 0.0], [0.0, 10.0, 0.0], [0.0, 0.0, 10.0]]).expect("a cell");
        let site =
            |x: f64| Site { species: "C".parse().expect("an element"), frac_coords: Vector3::new(x / 10.0, 0.0, 0.0) };
        Structure::new(lattice, vec![site(0.0), site(10.0 - distance)]).expect("a structure")
    }

    /// Every tuple, every pair, in SMACT's order: the definition itself.
    fn by_enumeration(elements: &[(&SmactElement, i64)], chosen: &mut Vec<i64>) -> bool {
        if chosen.len() < elements.len() {
            return elements[chosen.len()].0.oxidation_states.iter().any(|state| {
                chosen.push(*state);
                let found = by_enumeration(elements, chosen);
                chosen.pop();
                found
            });
        }
        if elements.iter().zip(chosen.iter()).map(|((_, count), state)| count * state).sum::<i64>() != 0 {
            return false;
        }
        for a in 0..elements.len() {
            for b in a + 1..elements.len() {
                let pair = (elements[a].0.electronegativity, elements[b].0.electronegativity);
                let opposite = (chosen[a] > 0) != (chosen[b] > 0);
                match pair {
                    (Some(x), Some(y)) if opposite && (if chosen[a] > 0 { x >= y } else { x <= y }) => return false,
                    (Some(_), Some(_)) => {}
                    _ => return opposite,
                }
            }
        }
        true
    }

    proptest! {
        #[test]
        fn search_is_enumeration(numbers in proptest::collection::btree_map(prop_oneof![1i64..=103, Just(61), Just(86), Just(103)], 1u32..5, 2..5)) {
            let composition: Composition = numbers
                .iter()
                .map(|(number, count)| (crystal_core::Species::from_atomic_number(*number).expect("in range"), *count))
                .collect();
            let elements: Vec<_> = composition
                .reduced()
                .iter()
                .map(|(species, count)| (smact(species).expect("in the table"), i64::from(count)))
                .collect();
            let expected = by_enumeration(&elements, &mut Vec::new());
            prop_assert_eq!(ChargeSearch::new(elements).balances(), expected);
        }
    }

    #[test]
    fn textbook_compositions() {
        for valid in ["Na:1,Cl:1", "Al:2,O:3", "Fe:3", "Cu:1,Zn:1", "He:1", "Na:2,Cl:2"] {
            assert!(composition_valid(&composition(valid)), "{valid}");
        }
        for invalid in ["Na:1,Cl:3", "Na:5,F:1", "Na:1,He:1", "Rf:1,O:2"] {
            assert!(!composition_valid(&composition(invalid)), "{invalid}");
        }
    }

    #[test]
    fn many_elements_are_searched_without_trying_every_combination() {
        let oxygen: crystal_core::Species = "O".parse().expect("an element");
        let electronegativity = |species| smact(species).and_then(|data| data.electronegativity);
        // All that are cations only, four atoms each: their charges are multiples of 4.
        let cations: Vec<_> = (1..=103)
            .filter_map(|number| crystal_core::Species::from_atomic_number(number).ok())
            .filter(|species| electronegativity(*species).is_some_and(|x| Some(x) < electronegativity(oxygen)))
            .filter(|species| {
                let states = smact(*species).map_or(&[][..], |data| &data.oxidation_states);
                !states.is_empty() && states.iter().all(|state| *state > 0)
            })
            .collect();
        let states = |species: &crystal_core::Species| &smact(*species).expect("in the table").oxidation_states;
        let combinations: f64 = cations.iter().map(|species| states(species).len() as f64).product();
        assert!(combinations > 1e12, "{combinations:e} combinations of {} elements could be tried", cations.len());
        let with_oxygen = |count: i64| -> Composition {
            let count = u32::try_from(count).expect("a count");
            cations.iter().map(|species| (*species, 4)).chain([(oxygen, count)]).collect()
        };
        // Every element in its lowest state against O(−2).
        let lowest: i64 = cations.iter().map(|species| 4 * states(species).iter().min().expect("some state")).sum();
        assert!(composition_valid(&with_oxygen(lowest / 2)));
        // One oxygen atom more: the charges reach as far, but an odd number of them is never a multiple of 4.
        assert!(!composition_valid(&with_oxygen(lowest / 2 + 1)));
    }

    #[test]
    fn half_an_angstrom_is_valid() {
        assert!(structure_valid(&two_atoms(0.5000001)));
        assert!(!structure_valid(&two_atoms(0.4999999)));
    }

    #[test]
    fn own_images_are_not_looked_at() {
        let lattice = Lattice::from_rows([[0.3, 0.0, 0.0], [0.0, 3.0, 0.0], [0.0, 0.0, 3.0]]).expect("a cell");
        let site = Site { species: "C".parse().expect("an element"), frac_coords: Vector3::zeros() };
        assert!(structure_valid(&Structure::new(lattice, vec![site]).expect("a structure")));
    }
}
