//! The positions of one element as a chain: how its count is shared out among them.

/// A position that may hold sites of the element.
#[derive(Debug, Clone, Copy)]
pub(super) struct Link {
    /// What a site adds to the count.
    pub size: usize,
    /// The most sites that there is room for.
    pub room: usize,
}

/// Weights of the ways to share out a count: the product, over positions, of a factor that depends on the number of
/// sites there.
#[derive(Debug, Clone)]
pub(super) struct Chain {
    links: Vec<Link>,
    count: usize,
    /// Of each position, the factor of 0, 1, 2 … sites.
    factors: Vec<Vec<f64>>,
}

impl Chain {
    /// With the factors `rate^n`; the last position is the general one. `None` if the count cannot be shared out.
    pub(super) fn of_rates(links: Vec<Link>, rates: &[f64], count: usize) -> Option<Self> {
        // All products change by the same factor, which cancels: with the general position's rate at 1 large counts
        // neither overflow nor vanish.
        let (last, last_rate) = (links.last()?, rates.last()?);
        let tilt = last_rate.powf(-1.0 / last.size as f64);
        let factors = links
            .iter()
            .zip(rates)
            .map(|(link, rate)| {
                let rate = rate * tilt.powf(link.size as f64);
                (0..=link.room.min(count / link.size)).map(|n_sites| rate.powf(n_sites as f64)).collect()
            })
            .collect();
        let chain = Self { links, count, factors };
        (chain.backward()[0][count] > 0.0).then_some(chain)
    }

    /// `sums[p][c]`: the weight of all ways in which the positions from p on make up c. Each row is scaled so that its
    /// largest number is 1: only ratios within a row are used.
    fn backward(&self) -> Vec<Vec<f64>> {
        let mut sums = vec![vec![0.0; self.count + 1]; self.links.len() + 1];
        sums[self.links.len()][0] = 1.0;
        for position in (0..self.links.len()).rev() {
            let (head, tail) = sums.split_at_mut(position + 1);
            for (count, sum) in head[position].iter_mut().enumerate() {
                let terms = self.factors[position].iter().zip((0..=count).rev().step_by(self.links[position].size));
                *sum = terms.map(|(factor, left)| factor * tail[0][left]).sum();
            }
            rescale(&mut head[position]);
        }
        sums
    }

    /// For each position the probabilities of 0, 1, 2 … sites.
    pub(super) fn shares(&self) -> Vec<Vec<f64>> {
        let mut shares = Vec::with_capacity(self.links.len());
        self.clone().sweep(|_, share| {
            shares.push(share.to_vec());
            None
        });
        shares
    }

    /// Changes the factors until each position holds 0, 1, 2 … sites as often as `wanted` says: iterative proportional
    /// fitting, one position after the other. Of all distributions with these shares the result is the one of largest
    /// entropy, and of all products the one that makes data with these shares most likely. The shares must be possible,
    /// which those of data and of other chains are.
    pub(super) fn fit(&mut self, wanted: &[Vec<f64>], sweeps: u32) {
        for _ in 0..sweeps {
            self.sweep(|position, share| {
                let ratio =
                    |(wanted, found): (&f64, &f64)| if *wanted > 0.0 && *found > 0.0 { wanted / found } else { 1.0 };
                Some(wanted[position].iter().zip(share).map(ratio).collect())
            });
        }
    }

    /// Visits the positions in turn with their shares; what is returned multiplies the factors before the next one is
    /// visited.
    fn sweep(&mut self, mut visit: impl FnMut(usize, &[f64]) -> Option<Vec<f64>>) {
        let sums = self.backward();
        // The weight of all ways to have this much of the count left.
        let mut arriving = vec![0.0; self.count + 1];
        arriving[self.count] = 1.0;
        for position in 0..self.links.len() {
            let size = self.links[position].size;
            let weight = |(n_sites, factor): (usize, &f64)| {
                let used = n_sites * size;
                factor * (used..=self.count).map(|left| arriving[left] * sums[position + 1][left - used]).sum::<f64>()
            };
            let mut share: Vec<f64> = self.factors[position].iter().enumerate().map(weight).collect();
            let total: f64 = share.iter().sum();
            share.iter_mut().for_each(|weight| *weight /= total);
            if let Some(ratios) = visit(position, &share) {
                self.factors[position].iter_mut().zip(ratios).for_each(|(factor, ratio)| *factor *= ratio);
                rescale(&mut self.factors[position]);
            }
            let mut next = vec![0.0; self.count + 1];
            for (n_sites, factor) in self.factors[position].iter().enumerate() {
                for left in n_sites * size..=self.count {
                    next[left - n_sites * size] += factor * arriving[left];
                }
            }
            rescale(&mut next);
            arriving = next;
        }
    }

    /// ln of the factors.
    pub(super) fn log_factors(&self) -> Vec<Vec<f64>> {
        // Numbers of sites that no way of sharing out has may have any factor; a finite one spares special cases.
        let log = |factor: &f64| factor.max(f64::MIN_POSITIVE).ln();
        self.factors.iter().map(|factors| factors.iter().map(log).collect()).collect()
    }
}

fn rescale(row: &mut [f64]) {
    let largest = row.iter().copied().fold(0.0, f64::max);
    if largest > 0.0 {
        row.iter_mut().for_each(|value| *value /= largest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links() -> Vec<Link> {
        let fixed = Link { size: 1, room: 1 };
        vec![fixed, fixed, Link { size: 2, room: 9 }, Link { size: 4, room: 9 }]
    }

    /// All ways to share out `count`, with their weights.
    fn ways(chain: &Chain, count: usize) -> Vec<(Vec<usize>, f64)> {
        let mut ways = vec![(vec![], 1.0, count)];
        for (link, factors) in chain.links.iter().zip(&chain.factors) {
            let extend = |(way, weight, left): (Vec<usize>, f64, usize)| {
                let choices = (0..factors.len()).filter(move |n_sites| n_sites * link.size <= left);
                choices.map(move |n_sites| {
                    ([way.as_slice(), &[n_sites]].concat(), weight * factors[n_sites], left - n_sites * link.size)
                })
            };
            ways = ways.into_iter().flat_map(extend).collect();
        }
        ways.into_iter().filter(|(_, _, left)| *left == 0).map(|(way, weight, _)| (way, weight)).collect()
    }

    #[test]
    fn shares_are_those_of_all_ways() {
        let chain = Chain::of_rates(links(), &[0.3, 0.1, 0.2, 0.05], 6).expect("possible");
        let ways = ways(&chain, 6);
        let total: f64 = ways.iter().map(|(_, weight)| weight).sum();
        for (position, share) in chain.shares().iter().enumerate() {
            for (n_sites, share) in share.iter().enumerate() {
                let expected: f64 =
                    ways.iter().filter(|(way, _)| way[position] == n_sites).map(|(_, weight)| weight).sum();
                assert!((share - expected / total).abs() < 1e-12, "{position} {n_sites}");
            }
        }
    }

    #[test]
    fn fitting_reaches_the_shares_of_another_chain() {
        let wanted = Chain::of_rates(links(), &[0.9, 0.4, 0.02, 0.3], 6).expect("possible").shares();
        let mut chain = Chain::of_rates(links(), &[0.3, 0.1, 0.2, 0.05], 6).expect("possible");
        chain.fit(&wanted, 200);
        for (found, wanted) in chain.shares().iter().zip(&wanted) {
            assert!(
                found.iter().zip(wanted).all(|(found, wanted)| (found - wanted).abs() < 1e-9),
                "{found:?} {wanted:?}"
            );
        }
    }

    #[test]
    fn large_counts_stay_finite() {
        let links = links()
            .into_iter()
            .map(|link| Link { room: if link.room == 1 { 1 } else { usize::MAX }, ..link })
            .collect();
        let chain = Chain::of_rates(links, &[0.3, 0.1, 1e-3, 1e-4], 1000).expect("possible");
        assert!(chain.shares().iter().flatten().all(|share| share.is_finite()));
        let only_pairs = vec![Link { size: 2, room: 9 }];
        assert!(Chain::of_rates(only_pairs, &[0.5], 3).is_none());
    }
}
