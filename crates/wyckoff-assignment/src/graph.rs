//! The choices that lead to an assignment, as a graph whose paths are the admissible assignments.
//!
//! One level per element and position, elements by atomic number, positions by letter. On each level the choice is how
//! many sites of the element stand on the position. All that later choices depend on is how much of the element's count
//! is left and which of the positions without freedom are taken, so paths that agree in both meet in one node: the
//! states of a dynamic programme. Their number grows with the SUM of the counts, not with their product, because
//! elements compete for fixed points only.

use std::collections::HashMap;
use std::ops::Range;

use crystal_core::whole::compact;
use crystal_core::{SpaceGroup, Species};

use crate::assignment::AssignedSite;
use crate::{AssignmentError, Demand, WyckoffAssignment};

/// The most edges a graph may have (8 bytes each).
const MAX_EDGES: usize = 1 << 24;
/// The largest count of all elements together; beyond it even tables of one element are too large.
const MAX_TOTAL: u32 = 10_000;

/// Where a choice is made: an element and a position.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Level {
    /// The element.
    pub species: Species,
    /// Index into [`SpaceGroup::wyckoff_positions`].
    pub position: usize,
}

/// A choice.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Edge {
    /// How many sites of the level's element stand on its position.
    pub n_sites: u32,
    /// The node that the choice leads to.
    pub target: u32,
}

/// Nodes in order of their levels: the first is the start, the last the end, and every node is on a path between them.
#[derive(Debug, Clone)]
pub(crate) struct DecisionGraph {
    levels: Vec<Level>,
    level_of_node: Vec<u32>,
    /// First edge of each node; one more number than nodes.
    first_edge: Vec<u32>,
    /// Of each node, most sites first.
    edges: Vec<Edge>,
}

/// A Wyckoff position as a place for sites of some element.
struct Place {
    position: usize,
    size: u32,
    /// The position's own bit in the set of taken positions; 0 where any number of sites has room.
    bit: u16,
}

/// What later choices depend on.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct State {
    left: u32,
    taken: u16,
}

/// A level while the graph is built: of each state the range of its edges, and the edges with targets inside the next
/// level.
#[derive(Default)]
struct Layer {
    states: Vec<Range<usize>>,
    edges: Vec<Edge>,
}

fn places(space_group: &SpaceGroup, demand: &Demand) -> Vec<Place> {
    let positions = space_group.wyckoff_positions();
    let mut next_bit: u16 = 1;
    (0..positions.len())
        .rev()
        .map(|position| {
            let bit = if positions[position].n_free() == 0 {
                let bit = next_bit;
                next_bit = next_bit.checked_mul(2).expect("no group has 16 positions without freedom");
                bit
            } else {
                0
            };
            Place { position, size: demand.size_of(space_group, position), bit }
        })
        .collect()
}

/// Which counts the places from each index on can make up, if none of them is taken.
fn reachable(places: &[Place], most: u32) -> Vec<Vec<bool>> {
    let mut tables = vec![vec![false; most as usize + 1]; places.len() + 1];
    tables[places.len()][0] = true;
    for (index, place) in places.iter().enumerate().rev() {
        let (head, tail) = tables.split_at_mut(index + 1);
        let (table, next) = (&mut head[index], &tail[0]);
        let size = place.size as usize;
        for count in 0..table.len() {
            // With freedom, one site more on the same place; without, at most one.
            let with_site = count >= size && if place.bit == 0 { table[count - size] } else { next[count - size] };
            table[count] = next[count] || with_site;
        }
    }
    tables
}

/// Which counts all places together can make up: the first row of [`reachable`].
fn reachable_with_all<'a>(places: impl IntoIterator<Item = &'a Place>, most: u32) -> Vec<bool> {
    let mut table = vec![false; most as usize + 1];
    table[0] = true;
    for place in places {
        let size = place.size as usize;
        if place.bit == 0 {
            for count in size..table.len() {
                table[count] |= table[count - size];
            }
        } else {
            for count in (size..table.len()).rev() {
                table[count] |= table[count - size];
            }
        }
    }
    table
}

/// Elements and counts, and those that are zero left out.
fn wanted(demand: &Demand) -> Vec<(Species, u32)> {
    demand.counts().into_iter().filter(|(_, count)| *count > 0).collect()
}

impl DecisionGraph {
    /// Whether the graph of a demand would have a path. Mostly answered without building it.
    pub(crate) fn is_possible(space_group: &SpaceGroup, demand: &Demand) -> bool {
        let counts = wanted(demand);
        let Some(most) = counts.iter().map(|(_, count)| *count).max().filter(|_| demand.total() <= MAX_TOTAL) else {
            return false;
        };
        let places = places(space_group, demand);
        let can_all = |table: Vec<bool>| counts.iter().all(|(_, count)| table[*count as usize]);
        // Positions with freedom have room for everybody.
        if can_all(reachable_with_all(places.iter().filter(|place| place.bit == 0), most)) {
            return true;
        }
        can_all(reachable_with_all(&places, most)) && Self::new(space_group, demand).is_ok_and(|graph| graph.is_some())
    }

    /// `None` if no assignment meets the demand.
    pub(crate) fn new(space_group: &SpaceGroup, demand: &Demand) -> Result<Option<Self>, AssignmentError> {
        Self::in_order(space_group, demand, wanted(demand))
    }

    /// [`Self::new`] with the elements in another order: `counts` are those of the demand, without zeros. Paths that
    /// are read as assignments need the canonical order.
    pub(crate) fn in_order(
        space_group: &SpaceGroup,
        demand: &Demand,
        counts: Vec<(Species, u32)>,
    ) -> Result<Option<Self>, AssignmentError> {
        if counts.is_empty() {
            return Err(AssignmentError::NothingAsked);
        }
        let too_large = || AssignmentError::TooLarge {
            space_group: space_group.number(),
            demand: Box::new(demand.clone()),
            limit: MAX_EDGES,
        };
        if demand.total() > MAX_TOTAL {
            return Err(too_large());
        }
        let places = places(space_group, demand);
        let most = counts.iter().map(|(_, count)| *count).max().expect("there is an element");
        let reachable = reachable(&places, most);
        if counts.iter().any(|(_, count)| !reachable[0][*count as usize]) {
            return Ok(None);
        }
        let mut levels = Vec::with_capacity(counts.len() * places.len());
        let mut layers = Vec::with_capacity(levels.capacity());
        let mut states = vec![State { left: counts[0].1, taken: 0 }];
        let mut n_edges = 0;
        for (element, (species, _)) in counts.iter().enumerate() {
            let later = &counts[element + 1..];
            for (index, place) in places.iter().enumerate() {
                let is_last = index + 1 == places.len();
                // Whether a place is taken matters only as long as somebody could still want it.
                let is_wanted = later.iter().any(|(_, count)| *count >= place.size);
                let mut layer = Layer::default();
                let mut next_states = Vec::new();
                let mut indices = HashMap::new();
                for state in &states {
                    let first = layer.edges.len();
                    let room = if place.bit == 0 { u32::MAX } else { u32::from(state.taken & place.bit == 0) };
                    for n_sites in (0..=room.min(state.left / place.size)).rev() {
                        let left = state.left - n_sites * place.size;
                        if !reachable[index + 1][left as usize] {
                            continue;
                        }
                        let mut taken = if n_sites > 0 { state.taken | place.bit } else { state.taken };
                        if !is_wanted {
                            taken &= !place.bit;
                        }
                        let left = if is_last { later.first().map_or(0, |(_, count)| *count) } else { left };
                        let target = *indices.entry(State { left, taken }).or_insert_with(|| {
                            next_states.push(State { left, taken });
                            compact(next_states.len() - 1)
                        });
                        layer.edges.push(Edge { n_sites, target });
                    }
                    layer.states.push(first..layer.edges.len());
                }
                n_edges += layer.edges.len();
                if n_edges > MAX_EDGES {
                    return Err(too_large());
                }
                levels.push(Level { species: *species, position: place.position });
                layers.push(layer);
                states = next_states;
            }
        }
        Ok(Self::without_dead_ends(levels, &layers, states.len()))
    }

    /// Keeps what lies on a path from the start to the end.
    fn without_dead_ends(levels: Vec<Level>, layers: &[Layer], n_ends: usize) -> Option<Self> {
        debug_assert!(n_ends <= 1, "at the end nothing is left, and nobody wants a place");
        let mut is_alive = vec![vec![true; n_ends]];
        for layer in layers.iter().rev() {
            let next = is_alive.last().expect("there is a level");
            let alive = layer
                .states
                .iter()
                .map(|range| layer.edges[range.clone()].iter().any(|edge| next[edge.target as usize]))
                .collect();
            is_alive.push(alive);
        }
        is_alive.reverse();
        if !is_alive[0].first().copied().unwrap_or(false) {
            return None;
        }
        let mut n_nodes = 0;
        let number: Vec<Vec<u32>> = is_alive
            .iter()
            .map(|layer| {
                layer
                    .iter()
                    .map(|alive| {
                        n_nodes += u32::from(*alive);
                        n_nodes - u32::from(*alive)
                    })
                    .collect()
            })
            .collect();
        let mut graph = Self { levels, level_of_node: vec![], first_edge: vec![0], edges: vec![] };
        for (level, layer) in layers.iter().enumerate() {
            for (index, range) in layer.states.iter().enumerate() {
                if !is_alive[level][index] {
                    continue;
                }
                let alive = layer.edges[range.clone()].iter().filter(|edge| is_alive[level + 1][edge.target as usize]);
                graph.edges.extend(
                    alive.map(|edge| Edge { n_sites: edge.n_sites, target: number[level + 1][edge.target as usize] }),
                );
                graph.level_of_node.push(compact(level));
                graph.first_edge.push(compact(graph.edges.len()));
            }
        }
        Some(graph)
    }

    /// Levels in the order of the choices.
    pub(crate) fn levels(&self) -> &[Level] {
        &self.levels
    }

    /// Number of nodes without the end; the end's index is this number.
    pub(crate) fn n_nodes(&self) -> usize {
        self.level_of_node.len()
    }

    /// The level of a node that is not the end.
    pub(crate) fn level_of(&self, node: usize) -> usize {
        self.level_of_node[node] as usize
    }

    /// Indices of a node's edges.
    pub(crate) fn edges_of(&self, node: usize) -> Range<usize> {
        self.first_edge[node] as usize..self.first_edge[node + 1] as usize
    }

    /// An edge by its index.
    pub(crate) fn edge(&self, index: usize) -> Edge {
        self.edges[index]
    }

    /// A value for each node, the end included, from those of the nodes that it leads to.
    pub(crate) fn backward<T: Clone>(&self, end: T, mut value: impl FnMut(usize, &[T]) -> T) -> Vec<T> {
        let mut values = vec![end; self.n_nodes() + 1];
        for node in (0..self.n_nodes()).rev() {
            values[node] = value(node, &values);
        }
        values
    }

    /// The assignment of a path: one edge per level.
    pub(crate) fn assignment(
        &self,
        space_group: &'static SpaceGroup,
        path: impl IntoIterator<Item = usize>,
    ) -> WyckoffAssignment {
        let mut sites = Vec::new();
        for (level, edge) in self.levels.iter().zip(path) {
            let site = AssignedSite { species: level.species, position: level.position };
            sites.extend(std::iter::repeat_n(site, self.edges[edge].n_sites as usize));
        }
        WyckoffAssignment::from_canonical(space_group, sites)
    }

    /// The path of an assignment, one edge per level; `None` if it does not meet the demand.
    pub(crate) fn path(&self, assignment: &WyckoffAssignment) -> Option<Vec<usize>> {
        let mut counts: HashMap<AssignedSite, u32> = assignment.counts().into_iter().collect();
        let mut node = 0;
        let mut path = Vec::with_capacity(self.levels.len());
        for level in &self.levels {
            let wanted = counts.remove(&AssignedSite { species: level.species, position: level.position }).unwrap_or(0);
            let edge = self.edges_of(node).find(|edge| self.edges[*edge].n_sites == wanted)?;
            node = self.edges[edge].target as usize;
            path.push(edge);
        }
        counts.is_empty().then_some(path)
    }
}
