//! A generator for the traits of `rand`, for shuffles and distributions.

use std::convert::Infallible;

use rand::TryRng;

use crate::RandomKey;

/// The words of one key, stream and draw, item by item. It implements `rand`'s traits; after 2³⁴ words it starts again.
#[derive(Debug, Clone)]
pub struct KeyedGenerator {
    key: RandomKey,
    stream: u64,
    draw: u32,
    next_item: u32,
    block: [u32; 4],
    used: usize,
}

impl KeyedGenerator {
    pub(crate) fn new(key: RandomKey, stream: u64, draw: u32) -> Self {
        Self { key, stream, draw, next_item: 0, block: [0; 4], used: 4 }
    }

    fn word(&mut self) -> u32 {
        if self.used == self.block.len() {
            self.block = self.key.block(self.stream, self.draw, self.next_item);
            self.next_item = self.next_item.wrapping_add(1);
            self.used = 0;
        }
        self.used += 1;
        self.block[self.used - 1]
    }
}

impl TryRng for KeyedGenerator {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(self.word())
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let low = self.word();
        Ok(u64::from(self.word()) << 32 | u64::from(low))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for chunk in bytes.chunks_mut(4) {
            chunk.copy_from_slice(&self.word().to_le_bytes()[..chunk.len()]);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use rand::RngExt;
    use rand::seq::SliceRandom;
    use rand_distr::{Distribution, StandardNormal};

    use crate::{Purpose, RandomKey};

    #[test]
    fn words_are_those_of_the_key() {
        let key = RandomKey::new(5, Purpose::EpochOrder);
        let mut generator = key.generator(3, 9);
        let words: Vec<u32> = (0..8).map(|_| generator.random()).collect();
        assert_eq!(words, [key.block(3, 9, 0), key.block(3, 9, 1)].concat());
    }

    #[test]
    fn streams_shuffle_differently_and_normals_are_normal() {
        let order = |stream| {
            let mut order: Vec<usize> = (0..20).collect();
            order.shuffle(&mut RandomKey::new(1, Purpose::EpochOrder).generator(stream, 0));
            order
        };
        assert_eq!(order(0), order(0));
        assert_ne!(order(0), order(1));
        let mut generator = RandomKey::new(1, Purpose::Rattle).generator(0, 0);
        let numbers: Vec<f64> = (0..20_000).map(|_| StandardNormal.sample(&mut generator)).collect();
        let mean = |power: i32| numbers.iter().map(|x| x.powi(power)).sum::<f64>() / numbers.len() as f64;
        assert!(mean(1).abs() < 0.03 && (mean(2) - 1.0).abs() < 0.05);
    }
}
