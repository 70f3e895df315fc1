//! Probabilities over the assignments of a space: exact, because every weight is a product over elements and positions.

use crystal_core::Species;
use rand::{Rng, RngExt};

use crate::most_likely::MostLikely;
use crate::{AssignmentSpace, WyckoffAssignment};

/// A probability for each assignment of a space: proportional to the product, over elements and positions, of a factor
/// that depends on the element, the position and the number of the element's sites there. The sum over all assignments,
/// which makes probabilities of the products, is one pass over the table of choices, and so is a draw.
#[derive(Debug, Clone)]
pub struct AssignmentDistribution<'a> {
    space: &'a AssignmentSpace,
    /// ln of the factor of each edge.
    log_factors: Vec<f64>,
    /// Of each node, ln of the sum over all paths to the end.
    log_sums: Vec<f64>,
}

impl<'a> AssignmentDistribution<'a> {
    /// All assignments alike.
    pub fn uniform(space: &'a AssignmentSpace) -> Self {
        Self::new(space, |_, _, _| 0.0)
    }

    /// From finite logarithms of the factors of (element, index of the position, number of sites).
    pub(crate) fn new(space: &'a AssignmentSpace, mut log_factor: impl FnMut(Species, usize, u32) -> f64) -> Self {
        let graph = &space.graph;
        let mut log_factors = Vec::new();
        for node in 0..graph.n_nodes() {
            let level = graph.levels()[graph.level_of(node)];
            let edges = graph.edges_of(node);
            log_factors.extend(edges.map(|edge| log_factor(level.species, level.position, graph.edge(edge).n_sites)));
        }
        debug_assert!(log_factors.iter().all(|factor| factor.is_finite()), "every factor is positive");
        let log_sums = graph.backward(0.0, |node, log_sums: &[f64]| {
            let terms =
                || graph.edges_of(node).map(|edge| log_factors[edge] + log_sums[graph.edge(edge).target as usize]);
            let largest = terms().fold(f64::NEG_INFINITY, f64::max);
            largest + terms().map(|term| (term - largest).exp()).sum::<f64>().ln()
        });
        Self { space, log_factors, log_sums }
    }

    /// The assignments that it is about.
    pub fn space(&self) -> &'a AssignmentSpace {
        self.space
    }

    /// Natural logarithm of an assignment's probability; `None` if the space does not contain it.
    pub fn log_probability(&self, assignment: &WyckoffAssignment) -> Option<f64> {
        if assignment.space_group().number() != self.space.space_group().number() {
            return None;
        }
        let path = self.space.graph.path(assignment)?;
        Some(path.into_iter().map(|edge| self.log_factors[edge]).sum::<f64>() - self.log_sums[0])
    }

    /// Draws an assignment: an exact draw, none is rejected.
    pub fn sample<R: Rng + ?Sized>(&self, rng: &mut R) -> WyckoffAssignment {
        let graph = &self.space.graph;
        let mut node = 0;
        let mut path = Vec::with_capacity(graph.levels().len());
        while node < graph.n_nodes() {
            let edges = graph.edges_of(node);
            let mut threshold: f64 = rng.random();
            let mut chosen = edges.start;
            for edge in edges {
                chosen = edge;
                threshold -= self.log_share(node, edge).exp();
                // Rounding may leave a little of the threshold after the last edge: that one is then taken.
                if threshold < 0.0 {
                    break;
                }
            }
            path.push(chosen);
            node = graph.edge(chosen).target as usize;
        }
        graph.assignment(self.space.space_group(), path)
    }

    /// ln of the probability of an edge at its node.
    fn log_share(&self, node: usize, edge: usize) -> f64 {
        self.log_factors[edge] + self.log_sums[self.space.graph.edge(edge).target as usize] - self.log_sums[node]
    }

    /// The assignments with the natural logarithms of their probabilities, the most likely first; the order among
    /// equals is always the same. Each costs a few steps per level of the table of choices, and memory that grows with
    /// those already given.
    pub fn most_likely(&self) -> MostLikely<'_> {
        MostLikely::new(self)
    }

    pub(crate) fn log_factor(&self, edge: usize) -> f64 {
        self.log_factors[edge]
    }

    pub(crate) fn log_sum(&self) -> f64 {
        self.log_sums[0]
    }
}
