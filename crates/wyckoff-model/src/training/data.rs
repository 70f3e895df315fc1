//! What a network is trained on: sequences with their masks, made once on the host.

use std::collections::HashMap;

use burn::tensor::Device;
use crystal_core::Species;
use crystal_core::whole;
use rand::seq::SliceRandom;
use random_keys::{Purpose, RandomKey};
use rayon::prelude::*;
use wyckoff_assignment::WyckoffAssignment;

use super::TrainingConfig;
use crate::batch::{Targets, Taught, TokenBatch, Told, possible_groups, taught_batch};
use crate::sequence::{MOST_ATOMS, Sequence, is_describable};

/// Most orders of the elements that are kept of one crystal.
const MOST_ORDERS: usize = 6;

/// Crystals as sequences, each with its elements in several orders.
#[derive(Debug, Default)]
pub struct TrainingData {
    crystals: Vec<Crystal>,
    /// Crystals that were left out: larger than [`MOST_ATOMS`], or of elements without descriptors.
    left_out: usize,
    sha256: String,
}

#[derive(Debug)]
struct Crystal {
    orders: Vec<Sequence>,
    /// The groups that can hold its atoms, group 1 in the lowest bit.
    possible: [u64; 4],
}

impl TrainingData {
    /// Prepares the crystals of some assignments, each at its standard origin. Crystals of more than [`MOST_ATOMS`]
    /// atoms or with elements beyond fermium are left out.
    pub fn new(assignments: impl IntoIterator<Item = WyckoffAssignment>) -> Self {
        let all: Vec<WyckoffAssignment> = assignments.into_iter().collect();
        let n_all = all.len();
        let kept: Vec<WyckoffAssignment> =
            all.into_par_iter().filter(is_learnable).map(|one| one.standard_origin()).collect();
        // Which groups can hold a composition depends on its counts alone, and few of those are distinct.
        let pattern = |assignment: &WyckoffAssignment| {
            let mut counts: Vec<u32> = assignment.primitive_composition().iter().map(|(_, count)| count).collect();
            counts.sort_unstable();
            counts
        };
        let mut distinct: HashMap<Vec<u32>, Vec<(Species, u32)>> = HashMap::new();
        for assignment in &kept {
            distinct.entry(pattern(assignment)).or_insert_with(|| assignment.primitive_composition().iter().collect());
        }
        let possible: HashMap<Vec<u32>, [u64; 4]> = distinct
            .into_par_iter()
            .filter_map(|(pattern, counts)| Some((pattern, possible_groups(&counts).ok()?)))
            .collect();
        let key = RandomKey::new(0, Purpose::Selection);
        let crystals: Vec<Crystal> = kept
            .par_iter()
            .enumerate()
            .filter_map(|(index, assignment)| {
                let possible = *possible.get(&pattern(assignment))?;
                let elements: Vec<Species> =
                    assignment.primitive_composition().iter().map(|(species, _)| species).collect();
                let orders = orders(&elements, MOST_ORDERS, key, index as u64);
                let orders: Vec<Sequence> =
                    orders.iter().filter_map(|order| Sequence::new(assignment, order).ok()).collect();
                (!orders.is_empty()).then_some(Crystal { orders, possible })
            })
            .collect();
        let text: String = kept.iter().map(|one| format!("{} {one}\n", one.space_group().number())).collect();
        let sha256 = sealed_file::sha256_hex(text.as_bytes());
        Self { left_out: n_all - crystals.len(), crystals, sha256 }
    }

    /// Number of crystals.
    pub fn len(&self) -> usize {
        self.crystals.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.crystals.is_empty()
    }

    /// Number of crystals that were left out.
    pub fn n_left_out(&self) -> usize {
        self.left_out
    }

    /// SHA-256 of groups and assignments, hexadecimal.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// The elements, by atomic number.
    pub fn elements(&self) -> Vec<Species> {
        let all = self.crystals.iter().flat_map(|crystal| crystal.orders[0].counts.iter().map(|(species, _)| *species));
        all.collect::<std::collections::BTreeSet<_>>().into_iter().collect()
    }

    /// The batch of a step: crystals by index, each in a random order of its elements, with what the configuration
    /// leaves to chance.
    pub(super) fn batch(
        &self,
        indices: &[usize],
        config: &TrainingConfig,
        step: u64,
        device: &Device,
    ) -> (TokenBatch, Targets) {
        let key = RandomKey::new(config.seed, Purpose::Training);
        let taught: Vec<Taught<'_>> = indices
            .iter()
            .zip(0_u32..)
            .map(|(index, item)| {
                let crystal = &self.crystals[*index];
                let [order, elements, group, properties] = key.uniform(step, 0, item);
                let sequence = &crystal.orders[whole::count(order * crystal.orders.len() as f64)];
                let told = elements >= config.elements_dropped;
                crystal.taught(sequence, told, group >= config.group_dropped, properties < config.properties_only)
            })
            .collect();
        taught_batch(&taught, device)
    }

    /// All crystals in batches, the first of their orders, nothing told beforehand.
    pub(super) fn all(&self, batch_size: usize, device: &Device) -> Vec<(TokenBatch, Targets)> {
        let batch = |crystals: &[Crystal]| {
            let taught = crystals.iter().map(|crystal| crystal.taught(&crystal.orders[0], false, false, false));
            taught_batch(&taught.collect::<Vec<_>>(), device)
        };
        self.crystals.chunks(batch_size).map(batch).collect()
    }
}

impl Crystal {
    fn taught<'a>(
        &'a self,
        sequence: &'a Sequence,
        elements_told: bool,
        group_told: bool,
        by_properties: bool,
    ) -> Taught<'a> {
        let elements =
            elements_told.then(|| sequence.counts.iter().map(|(species, _)| species.atomic_number()).collect());
        let told = Told { elements, by_properties };
        Taught { sequence, groups: &self.possible, group_told, told }
    }
}

fn is_learnable(assignment: &WyckoffAssignment) -> bool {
    let atoms = assignment.primitive_composition();
    atoms.total() <= MOST_ATOMS && atoms.iter().all(|(species, _)| is_describable(species))
}

/// Orders of some elements: all there are, or this many at random, none twice.
pub(crate) fn orders(elements: &[Species], most: usize, key: RandomKey, stream: u64) -> Vec<Vec<Species>> {
    let n_orders = (1..=elements.len()).product::<usize>();
    let mut found: Vec<Vec<Species>> = vec![];
    let mut draw = 0;
    while found.len() < most.min(n_orders) {
        let mut order = elements.to_vec();
        order.shuffle(&mut key.generator(stream, draw));
        draw += 1;
        if !found.contains(&order) {
            found.push(order);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crystal_core::SpaceGroup;

    #[test]
    fn orders_are_distinct() {
        let elements: Vec<Species> = ["O", "Ti", "Sr", "Li"].map(|symbol| symbol.parse().expect("an element")).to_vec();
        let key = RandomKey::new(0, Purpose::Selection);
        assert_eq!(orders(&elements[..1], 6, key, 0).len(), 1);
        assert_eq!(orders(&elements[..3], 6, key, 0).len(), 6);
        let some = orders(&elements, 6, key, 1);
        assert_eq!(some.iter().collect::<std::collections::HashSet<_>>().len(), 6);
        assert_eq!(some, orders(&elements, 6, key, 1));
    }

    #[test]
    fn what_is_too_large_is_left_out() {
        let group = |number| SpaceGroup::from_number(number).expect("a group");
        let read = |number, text| WyckoffAssignment::parse(group(number), text).expect("an assignment");
        let data = TrainingData::new([read(225, "Na@a Cl@b"), read(1, "C@a*21"), read(225, "Md@a Cl@b")]);
        assert_eq!((data.len(), data.n_left_out()), (1, 2));
        assert_eq!(data.elements().len(), 2);
    }
}
