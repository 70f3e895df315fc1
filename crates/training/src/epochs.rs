//! The order in which a training goes through its data.

use rand::seq::SliceRandom;
use random_keys::{Purpose, RandomKey};

/// Epochs of a data set, each in an order that depends on the seed and on its number alone.
#[derive(Debug)]
pub struct EpochOrder {
    key: RandomKey,
    n_data: usize,
    epoch: Option<u64>,
    order: Vec<usize>,
}

impl EpochOrder {
    /// For `n_data` entries, at least one.
    pub fn new(seed: u64, n_data: usize) -> Self {
        assert!(n_data > 0, "an epoch needs data");
        Self { key: RandomKey::new(seed, Purpose::EpochOrder), n_data, epoch: None, order: Vec::new() }
    }

    /// All entries in the order of this epoch.
    pub fn epoch(&mut self, epoch: u64) -> &[usize] {
        if self.epoch != Some(epoch) {
            self.order = (0..self.n_data).collect();
            self.order.shuffle(&mut self.key.generator(epoch, 0));
            self.epoch = Some(epoch);
        }
        &self.order
    }

    /// Entries of the batch of step `step` (from 0), if the batches go through one epoch after the other.
    pub fn batch(&mut self, batch_size: usize, step: u64) -> Vec<usize> {
        let (size, n_data) = (batch_size as u64, self.n_data as u64);
        (step * size..(step + 1) * size)
            .map(|position| {
                let place = usize::try_from(position % n_data).expect("below the number of entries");
                self.epoch(position / n_data)[place]
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_sees_every_entry_once() {
        let mut order = EpochOrder::new(0, 10);
        let mut seen: Vec<usize> = (0..5).flat_map(|step| order.batch(4, step)).collect();
        let mut second = seen.split_off(10);
        assert_ne!(seen, second, "epochs have different orders");
        seen.sort_unstable();
        second.sort_unstable();
        assert_eq!(seen, (0..10).collect::<Vec<_>>());
        assert_eq!(second, (0..10).collect::<Vec<_>>());
    }

    #[test]
    fn more_than_one_epoch_in_a_batch() {
        let chosen = EpochOrder::new(0, 3).batch(7, 0);
        assert_eq!(chosen.len(), 7);
        assert!((0..3).all(|index| chosen.contains(&index)));
    }
}
