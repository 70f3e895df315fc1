//! All admissible assignments for one space group and one demand.

use crystal_core::SpaceGroup;

use crate::graph::DecisionGraph;
use crate::help::Help;
use crate::{AssignmentError, Demand, WyckoffAssignment};

/// All assignments of one space group that meet a demand: those whose counts are exactly the ones asked for, with no
/// position without freedom used twice. They are counted without being listed, and listed without being kept.
#[derive(Debug, Clone)]
pub struct AssignmentSpace {
    space_group: &'static SpaceGroup,
    demand: Demand,
    pub(crate) graph: DecisionGraph,
    count: u128,
}

impl AssignmentSpace {
    /// Prepares counting and listing. Time and memory grow with the sum of the counts times the number of Wyckoff
    /// positions, and not with the number of assignments.
    ///
    /// # Errors
    /// [`AssignmentError::Impossible`] with what could be asked for instead (finding that out takes longer than finding
    /// out that nothing fits: ask [`Self::is_possible`] first where the answer is all that is needed),
    /// [`AssignmentError::NothingAsked`], [`AssignmentError::TooLarge`].
    pub fn new(space_group: &'static SpaceGroup, demand: Demand) -> Result<Self, AssignmentError> {
        match DecisionGraph::new(space_group, &demand)? {
            Some(graph) => Ok(Self::of_graph(space_group, demand, graph)),
            None => {
                let help = Box::new(Help::new(space_group, &demand));
                Err(AssignmentError::Impossible { space_group: space_group.number(), demand: Box::new(demand), help })
            }
        }
    }

    fn of_graph(space_group: &'static SpaceGroup, demand: Demand, graph: DecisionGraph) -> Self {
        let count = graph.backward(1_u128, |node, counts| {
            let targets = graph.edges_of(node).map(|edge| counts[graph.edge(edge).target as usize]);
            targets.fold(0, u128::saturating_add)
        })[0];
        Self { space_group, demand, graph, count }
    }

    /// Whether any assignment meets a demand. No, for a demand for nothing or one that is too large to be looked at.
    pub fn is_possible(space_group: &SpaceGroup, demand: &Demand) -> bool {
        DecisionGraph::is_possible(space_group, demand)
    }

    /// The space group.
    pub fn space_group(&self) -> &'static SpaceGroup {
        self.space_group
    }

    /// What the assignments have to meet.
    pub fn demand(&self) -> &Demand {
        &self.demand
    }

    /// How many assignments there are, at least 1. Exact below [`u128::MAX`], which represents that many or more.
    pub fn count(&self) -> u128 {
        self.count
    }

    /// Whether an assignment is one of them.
    pub fn contains(&self, assignment: &WyckoffAssignment) -> bool {
        assignment.space_group().number() == self.space_group.number() && self.graph.path(assignment).is_some()
    }

    /// All of them, one at a time, in lexicographic order of their sites: each assignment as the sequence of its sites
    /// in canonical order, where an earlier element or letter comes before a later one. The iterator keeps one path of
    /// choices and nothing else.
    pub fn iter(&self) -> Listing<'_> {
        Listing { space: self, path: Vec::with_capacity(self.graph.levels().len()), is_started: false }
    }

    /// All of them, in the order of [`Self::iter`].
    ///
    /// # Errors
    /// [`AssignmentError::TooMany`] if there are more than `limit`.
    pub fn list(&self, limit: usize) -> Result<Vec<WyckoffAssignment>, AssignmentError> {
        if self.count > limit as u128 {
            return Err(AssignmentError::TooMany { count: self.count, limit });
        }
        Ok(self.iter().collect())
    }
}

impl<'a> IntoIterator for &'a AssignmentSpace {
    type Item = WyckoffAssignment;
    type IntoIter = Listing<'a>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// The assignments of an [`AssignmentSpace`], one at a time.
#[derive(Debug, Clone)]
pub struct Listing<'a> {
    space: &'a AssignmentSpace,
    /// The edge taken on each level; empty before the first assignment and after the last.
    path: Vec<usize>,
    is_started: bool,
}

impl Listing<'_> {
    /// Takes the first choice from a node on, down to the end.
    fn descend(&mut self, mut node: usize) {
        let graph = &self.space.graph;
        while node < graph.n_nodes() {
            let edge = graph.edges_of(node).start;
            self.path.push(edge);
            node = graph.edge(edge).target as usize;
        }
    }

    /// Goes back to the last choice that could have been another one, and takes that.
    fn advance(&mut self) {
        let graph = &self.space.graph;
        while let Some(edge) = self.path.pop() {
            let node = self.path.last().map_or(0, |previous| graph.edge(*previous).target as usize);
            if edge + 1 < graph.edges_of(node).end {
                self.path.push(edge + 1);
                self.descend(graph.edge(edge + 1).target as usize);
                return;
            }
        }
    }
}

impl Iterator for Listing<'_> {
    type Item = WyckoffAssignment;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_started {
            self.advance();
        } else {
            self.is_started = true;
            self.descend(0);
        }
        if self.path.is_empty() {
            return None;
        }
        Some(self.space.graph.assignment(self.space.space_group, self.path.iter().copied()))
    }
}

impl std::iter::FusedIterator for Listing<'_> {}
