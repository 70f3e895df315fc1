//! The most likely assignments, best first.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use crate::{AssignmentDistribution, WyckoffAssignment};

/// Assignments with ln of their probabilities, the most likely first.
///
/// A best-first search over beginnings of paths. What a beginning is worth is its best completion, which is known
/// exactly from one pass from the end, so no beginning is looked at that does not lead to one of the assignments given.
#[derive(Debug, Clone)]
pub struct MostLikely<'a> {
    distribution: &'a AssignmentDistribution<'a>,
    /// Of each node, ln of the largest product of a path to the end.
    best: Vec<f64>,
    open: BinaryHeap<Beginning>,
    /// Edges of all beginnings, each with the one before it.
    steps: Vec<Step>,
}

#[derive(Debug, Clone, Copy)]
struct Step {
    /// Index of the step before it; `usize::MAX` for the first one.
    previous: usize,
    edge: usize,
}

#[derive(Debug, Clone, Copy)]
struct Beginning {
    /// ln of the product of the best path that begins like this.
    bound: f64,
    /// ln of the product up to here.
    log_product: f64,
    node: usize,
    /// Index of its last step; `usize::MAX` for the start.
    step: usize,
}

impl Ord for Beginning {
    fn cmp(&self, other: &Self) -> Ordering {
        // Among equals the one nearest to its end, which keeps the heap small, then the one found first.
        self.bound.total_cmp(&other.bound).then(self.node.cmp(&other.node)).then(other.step.cmp(&self.step))
    }
}

impl PartialOrd for Beginning {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Beginning {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Beginning {}

impl<'a> MostLikely<'a> {
    pub(crate) fn new(distribution: &'a AssignmentDistribution<'a>) -> Self {
        let graph = &distribution.space().graph;
        let best = graph.backward(0.0, |node, best: &[f64]| {
            let completions =
                graph.edges_of(node).map(|edge| distribution.log_factor(edge) + best[graph.edge(edge).target as usize]);
            completions.fold(f64::NEG_INFINITY, f64::max)
        });
        let start = Beginning { bound: best[0], log_product: 0.0, node: 0, step: usize::MAX };
        Self { distribution, best, open: BinaryHeap::from([start]), steps: vec![] }
    }

    fn path(&self, mut step: usize) -> Vec<usize> {
        let mut path = Vec::new();
        while let Some(Step { previous, edge }) = self.steps.get(step) {
            path.push(*edge);
            step = *previous;
        }
        path.reverse();
        path
    }
}

impl Iterator for MostLikely<'_> {
    type Item = (WyckoffAssignment, f64);

    fn next(&mut self) -> Option<Self::Item> {
        let space = self.distribution.space();
        let graph = &space.graph;
        while let Some(beginning) = self.open.pop() {
            let Beginning { log_product, node, step, .. } = beginning;
            if node == graph.n_nodes() {
                let assignment = graph.assignment(space.space_group(), self.path(step));
                return Some((assignment, log_product - self.distribution.log_sum()));
            }
            for edge in graph.edges_of(node) {
                let log_product = log_product + self.distribution.log_factor(edge);
                let target = graph.edge(edge).target as usize;
                self.open.push(Beginning {
                    bound: log_product + self.best[target],
                    log_product,
                    node: target,
                    step: self.steps.len(),
                });
                self.steps.push(Step { previous: step, edge });
            }
        }
        None
    }
}

impl std::iter::FusedIterator for MostLikely<'_> {}
