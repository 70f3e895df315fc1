//! Sampling orders: space group and non-equivalent sites per element of random test structures.

use anyhow::{Result, bail};
use datasets::Record;
use langevin::SamplingOrder;

use crate::statistics::choose;

/// Stream of the seed for the choice of test structures.
const STREAM: u64 = 1 << 32;

/// One order of one structure for each of `n` random test structures that the symmetry finder could reduce; where the split has fewer,
/// it is gone through again.
///
/// Only composition and space group of the test structures are given to the model, as in the paper.
///
/// # Errors
/// If no test structure has a reduced form.
pub fn orders_from(test: &[Record], n: usize, seed: u64) -> Result<Vec<SamplingOrder>> {
    let units: Vec<_> = test.iter().filter_map(|record| record.unit.as_ref().ok()).collect();
    if units.is_empty() {
        bail!("no structure of the test split has a reduced form; orders cannot be taken from it");
    }
    let mut orders = Vec::with_capacity(n);
    for round in 0.. {
        for index in choose(units.len(), n - orders.len(), seed, STREAM + round) {
            let unit = units[index];
            orders.push(SamplingOrder { space_group: unit.space_group.number(), sites: unit.sites_per_element(), count: 1 });
        }
        if orders.len() == n {
            break;
        }
    }
    Ok(orders)
}
