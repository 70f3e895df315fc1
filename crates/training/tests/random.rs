//! What one seed is used for shares no random numbers.
#![cfg(feature = "cpu")]

use burn::tensor::Device;
use rand::RngExt;
use rand::seq::SliceRandom;
use random_keys::{Purpose, RandomKey};
use tensor_ops::ParameterSource;
use training::EpochOrder;

const SEED: u64 = 7;
const N: usize = 200;

/// Uniform numbers as parameters are made of them.
fn drawn(purpose: Purpose) -> Vec<f32> {
    let mut rng = RandomKey::new(SEED, purpose).generator(0, 0);
    (0..N).map(|_| 2.0 * rng.random::<f32>() - 1.0).collect()
}

/// An order as an epoch has it.
fn shuffled(purpose: Purpose) -> Vec<usize> {
    let mut order: Vec<usize> = (0..N).collect();
    order.shuffle(&mut RandomKey::new(SEED, purpose).generator(0, 0));
    order
}

#[test]
fn initial_weights_and_the_first_epoch_have_their_own_numbers() {
    let weights = ParameterSource::new(SEED, &Device::flex()).uniform([N], 1.0);
    let weights: Vec<f32> = weights.val().into_data().iter::<f32>().collect();
    let order = EpochOrder::new(SEED, N).epoch(0).to_vec();
    assert_eq!(weights, drawn(Purpose::InitialWeights));
    assert_eq!(order, shuffled(Purpose::EpochOrder));
    for purpose in [Purpose::EpochOrder, Purpose::Training, Purpose::Sampling, Purpose::Demand, Purpose::Selection] {
        let shared = weights.iter().zip(drawn(purpose)).filter(|(weight, number)| **weight == *number).count();
        assert!(shared < 3, "{shared} of {N} numbers of the weights are those of {purpose:?}");
    }
    for purpose in [Purpose::InitialWeights, Purpose::Training, Purpose::Sampling, Purpose::Demand, Purpose::Selection]
    {
        assert_ne!(order, shuffled(purpose), "{purpose:?}");
    }
}
