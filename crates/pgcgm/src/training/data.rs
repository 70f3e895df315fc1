//! What is learned from.

use sealed_file::sha256_hex;

use crate::conditions::Condition;
use crate::crystal::Shown;
use crate::groups::N_GROUPS;
use crate::{Crystal, ElementSet};

use random_keys::KeyedGenerator;

/// Crystals that the model can hold.
#[derive(Debug, Clone, Default)]
pub struct TrainingData {
    crystals: Vec<Crystal>,
    sha256: String,
}

impl TrainingData {
    /// Of some crystals, all with the same element set.
    pub fn new(crystals: impl IntoIterator<Item = Crystal>) -> Self {
        let crystals: Vec<Crystal> = crystals.into_iter().collect();
        let content = serde_json::to_vec(&crystals).expect("crystals are numbers");
        Self { crystals, sha256: sha256_hex(&content) }
    }

    /// The crystals.
    pub fn crystals(&self) -> &[Crystal] {
        &self.crystals
    }

    /// Number of crystals.
    pub fn len(&self) -> usize {
        self.crystals.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.crystals.is_empty()
    }

    /// SHA-256 of the crystals, hexadecimal.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// How many crystals each of the 20 groups has.
    pub fn group_counts(&self) -> [u64; N_GROUPS] {
        let mut counts = [0; N_GROUPS];
        self.crystals.iter().for_each(|crystal| counts[crystal.group] += 1);
        counts
    }

    /// Atomic numbers of the elements of each crystal.
    pub(crate) fn triples(&self, set: ElementSet) -> Vec<[u8; 3]> {
        let number = |element: usize| set.species()[element].atomic_number();
        self.crystals.iter().map(|crystal| crystal.elements.map(number)).collect()
    }

    /// These crystals as they are shown, with their conditions.
    pub(super) fn shown(&self, indices: &[usize], rng: &mut KeyedGenerator) -> (Vec<Shown>, Vec<Condition>) {
        let one = |index: &usize| {
            let crystal = &self.crystals[*index];
            let shown = crystal.shown(rng);
            let condition = Condition { group: crystal.group, elements: shown.elements };
            (shown, condition)
        };
        indices.iter().map(one).unzip()
    }
}
