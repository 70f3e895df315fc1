//! Tries spread over proposals.

/// Tries given out one by one, each to the proposal with the largest share for each try that it would then have
/// (D'Hondt's method), none more often than it is worth. Shorter lists are beginnings of longer ones.
pub(crate) fn spread(proposals: &[(f64, usize)], n_tries: usize) -> Vec<usize> {
    let mut given = vec![0_usize; proposals.len()];
    let mut tries = vec![];
    while tries.len() < n_tries {
        let claim = |place: &usize| proposals[*place].0 / (given[*place] + 1) as f64;
        let open = (0..proposals.len()).filter(|place| given[*place] < proposals[*place].1);
        // Of equal claims the likelier proposal, which stands before, is taken.
        let Some(next) = open.rev().max_by(|a, b| claim(a).total_cmp(&claim(b))) else { break };
        given[next] += 1;
        tries.push(next);
    }
    tries
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tries_are_spread_by_their_shares() {
        let proposals = [(0.6, 8), (0.24, 8), (0.16, 1), (0.0, 8)];
        assert_eq!(spread(&proposals, 6), [0, 0, 1, 0, 2, 0]);
        assert_eq!(spread(&proposals, 3), spread(&proposals, 6)[..3]);
        // A proposal without freedom is tried once, and all are tried before the list ends.
        assert_eq!(spread(&[(0.9, 1), (0.1, 2)], 9), [0, 1, 1]);
        assert_eq!(spread(&[(0.5, 2), (0.5, 2)], 4), [0, 1, 0, 1]);
        assert!(spread(&[], 3).is_empty());
    }
}
