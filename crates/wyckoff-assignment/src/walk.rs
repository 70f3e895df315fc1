//! Assignments site by site: which choices are left, exactly.

use crystal_core::whole::compact;
use crystal_core::{Composition, SpaceGroup, Species};

use crate::assignment::AssignedSite;
use crate::graph::DecisionGraph;
use crate::{AssignmentError, Demand, WyckoffAssignment};

/// All assignments of one space group to atoms of a PRIMITIVE cell, as sequences of sites: element by element in a
/// chosen order, and each element's sites by letter. After any beginning it tells which next sites lead to an
/// assignment, so that a sequence of its choices never ends in a dead end.
#[derive(Debug, Clone)]
pub struct SiteChoices {
    space_group: &'static SpaceGroup,
    graph: DecisionGraph,
    counts: Vec<(Species, u32)>,
    /// Atoms of the primitive cell that a site on each position makes.
    sizes: Vec<u32>,
}

/// A beginning of an assignment in a [`SiteChoices`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Walk {
    node: u32,
    /// Sites chosen so far on the position of the node's level.
    n_here: u32,
    /// Index of the element whose sites are being chosen.
    element: u32,
    /// Atoms of it that have no site yet.
    left: u32,
}

impl SiteChoices {
    /// The choices for these atoms of the PRIMITIVE cell, elements in the order of `counts`; `None` if the group cannot
    /// hold them.
    ///
    /// # Errors
    /// [`AssignmentError::NothingAsked`], [`AssignmentError::TooLarge`].
    pub fn new(space_group: &'static SpaceGroup, counts: &[(Species, u32)]) -> Result<Option<Self>, AssignmentError> {
        let demand = Demand::Atoms(counts.iter().copied().collect::<Composition>());
        let counts: Vec<(Species, u32)> = counts.iter().copied().filter(|(_, count)| *count > 0).collect();
        let sizes = (0..space_group.wyckoff_positions().len()).map(|position| demand.size_of(space_group, position));
        let sizes = sizes.collect();
        let graph = DecisionGraph::in_order(space_group, &demand, counts.clone())?;
        Ok(graph.map(|graph| Self { space_group, graph, counts, sizes }))
    }

    /// The space group.
    pub fn space_group(&self) -> &'static SpaceGroup {
        self.space_group
    }

    /// Elements in the order of their choices, with their atoms in the primitive cell.
    pub fn counts(&self) -> &[(Species, u32)] {
        &self.counts
    }

    /// Before the first site.
    pub fn start(&self) -> Walk {
        Walk { node: 0, n_here: 0, element: 0, left: self.counts[0].1 }
    }

    /// The element of the next site and how many of its atoms have no site yet; `None` at the end.
    pub fn next_element(&self, walk: &Walk) -> Option<(Species, u32)> {
        (!self.is_end(walk)).then(|| (self.counts[walk.element as usize].0, walk.left))
    }

    /// Whether all atoms have sites.
    pub fn is_end(&self, walk: &Walk) -> bool {
        walk.node as usize >= self.graph.n_nodes()
    }

    /// The positions that the next site may take: bit k is set for index k of [`SpaceGroup::wyckoff_positions`] (no
    /// group has more than 27). Zero at the end, and nowhere else.
    pub fn admissible(&self, walk: &Walk) -> u32 {
        if self.is_end(walk) {
            return 0;
        }
        let graph = &self.graph;
        let mut node = walk.node as usize;
        let mut least = walk.n_here;
        let species = graph.levels()[graph.level_of(node)].species;
        let mut bits = 0;
        loop {
            let level = graph.levels()[graph.level_of(node)];
            let mut edges = graph.edges_of(node).map(|edge| graph.edge(edge));
            if level.species != species {
                return bits;
            }
            if edges.clone().any(|edge| edge.n_sites > least) {
                bits |= 1 << level.position;
            }
            match edges.find(|edge| edge.n_sites == least) {
                Some(edge) if (edge.target as usize) < graph.n_nodes() => node = edge.target as usize,
                _ => return bits,
            }
            least = 0;
        }
    }

    /// The beginning with one site more; `None` if the position is not [admissible](Self::admissible).
    pub fn place(&self, walk: &Walk, position: usize) -> Option<Walk> {
        if position >= u32::BITS as usize || self.admissible(walk) & (1 << position) == 0 {
            return None;
        }
        let graph = &self.graph;
        let mut node = walk.node as usize;
        let mut n_here = walk.n_here;
        while graph.levels()[graph.level_of(node)].position != position {
            node = self.with_sites(node, n_here)?;
            n_here = 0;
        }
        n_here += 1;
        let left = walk.left - self.sizes[position];
        if left > 0 {
            return Some(Walk { node: compact(node), n_here, element: walk.element, left });
        }
        // The element is complete: nothing of it stands on its later positions.
        let species = self.counts[walk.element as usize].0;
        node = self.with_sites(node, n_here)?;
        while node < graph.n_nodes() && graph.levels()[graph.level_of(node)].species == species {
            node = self.with_sites(node, 0)?;
        }
        let element = walk.element + 1;
        let left = self.counts.get(element as usize).map_or(0, |(_, count)| *count);
        Some(Walk { node: compact(node), n_here: 0, element, left })
    }

    /// The node behind the choice of this many sites.
    fn with_sites(&self, node: usize, n_sites: u32) -> Option<usize> {
        let mut edges = self.graph.edges_of(node).map(|edge| self.graph.edge(edge));
        edges.find(|edge| edge.n_sites == n_sites).map(|edge| edge.target as usize)
    }

    /// The sites of an assignment in the order of these choices; `None` if its atoms or its group are others.
    pub fn sites_of(&self, assignment: &WyckoffAssignment) -> Option<Vec<AssignedSite>> {
        if assignment.space_group().number() != self.space_group.number() {
            return None;
        }
        let mut sites = Vec::with_capacity(assignment.sites().len());
        for (species, count) in &self.counts {
            let of_element = assignment.sites().iter().filter(|site| site.species == *species);
            let atoms: u32 = of_element.clone().map(|site| self.sizes[site.position]).sum();
            if atoms != *count {
                return None;
            }
            sites.extend(of_element.copied());
        }
        (sites.len() == assignment.sites().len()).then_some(sites)
    }

    /// The assignment of a sequence of positions, one for each site in the order of these choices.
    ///
    /// # Errors
    /// [`AssignmentError::NotChoices`] if a position was not admissible or sites are missing.
    pub fn assignment(&self, positions: &[usize]) -> Result<WyckoffAssignment, AssignmentError> {
        let mut walk = self.start();
        let mut sites = Vec::with_capacity(positions.len());
        let wrong = || AssignmentError::NotChoices { space_group: self.space_group.number() };
        for &position in positions {
            let (species, _) = self.next_element(&walk).ok_or_else(wrong)?;
            walk = self.place(&walk, position).ok_or_else(wrong)?;
            sites.push(AssignedSite { species, position });
        }
        if !self.is_end(&walk) {
            return Err(wrong());
        }
        WyckoffAssignment::new(self.space_group, sites)
    }
}
