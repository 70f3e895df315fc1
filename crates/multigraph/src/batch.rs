//! Graphs of several structures, one after the other.

use crystal_core::whole::{compact, single};
use crystal_core::{CrystalState, LatticeCoordinates};
use rayon::prelude::*;

use crate::{GraphConfig, GraphError, MultiGraph, build};

/// Several graphs as one, with sites and edges numbered through. Single precision, as the network reads it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BatchedMultiGraph {
    /// Sites of structure s are `site_offsets[s]..site_offsets[s + 1]`.
    pub site_offsets: Vec<u32>,
    /// Edges of structure s are `edge_offsets[s]..edge_offsets[s + 1]`.
    pub edge_offsets: Vec<u32>,
    /// Edges out of site i are `offsets[i]..offsets[i + 1]`. Length: all sites + 1.
    pub offsets: Vec<u32>,
    /// Atomic number of each site.
    pub atomic_numbers: Vec<u8>,
    /// Target site of each edge.
    pub targets: Vec<u32>,
    /// Reverse of each edge.
    pub reverse: Vec<u32>,
    /// Unit vector of each edge, Cartesian, in the frame of its source.
    pub directions: Vec<[f32; 3]>,
    /// Length of each edge in Å.
    pub distances: Vec<f32>,
    /// See [`MultiGraph::equivalent`].
    pub equivalent: Vec<bool>,
    /// See [`MultiGraph::lattice_gradients`].
    pub lattice_gradients: Vec<[f32; LatticeCoordinates::MAX]>,
    /// Cut-off of each structure in Å.
    pub cutoffs: Vec<f32>,
    /// Number of free lattice coordinates of each structure.
    pub n_free: Vec<u8>,
}

impl BatchedMultiGraph {
    /// Builds the graphs of all states in parallel and joins them.
    ///
    /// # Errors
    /// The first [`GraphError`] of any structure.
    pub fn from_states(states: &[CrystalState], config: &GraphConfig) -> Result<Self, GraphError> {
        let graphs = states.par_iter().map(|state| build(state, config)).collect::<Result<Vec<_>, _>>()?;
        Ok(Self::join(states, &graphs))
    }

    /// Joins the graphs of these states.
    pub fn join(states: &[CrystalState], graphs: &[MultiGraph]) -> Self {
        let mut batch = Self { site_offsets: vec![0], edge_offsets: vec![0], offsets: vec![0], ..Self::default() };
        for (state, graph) in states.iter().zip(graphs) {
            let first_site = compact(batch.atomic_numbers.len());
            let first_edge = compact(batch.targets.len());
            batch.atomic_numbers.extend(state.sites.iter().map(|site| site.species().atomic_number()));
            batch.offsets.extend(graph.offsets[1..].iter().map(|edge| edge + first_edge));
            batch.targets.extend(graph.targets.iter().map(|site| site + first_site));
            batch.reverse.extend(graph.reverse.iter().map(|edge| edge + first_edge));
            batch.directions.extend(
                graph
                    .vectors
                    .iter()
                    .zip(&graph.distances)
                    .map(|(vector, distance)| vector.map(|x| single(x / distance))),
            );
            batch.distances.extend(graph.distances.iter().map(|distance| single(*distance)));
            batch.equivalent.extend(&graph.equivalent);
            batch.lattice_gradients.extend(graph.lattice_gradients.iter().map(|gradient| gradient.map(single)));
            batch.cutoffs.push(single(graph.cutoff));
            batch.n_free.push(u8::try_from(state.lattice_coords.len()).expect("at most 6 coordinates"));
            batch.site_offsets.push(compact(batch.atomic_numbers.len()));
            batch.edge_offsets.push(compact(batch.targets.len()));
        }
        batch
    }

    /// Number of structures.
    pub fn n_structures(&self) -> usize {
        self.cutoffs.len()
    }

    /// Number of sites of all structures.
    pub fn n_sites(&self) -> usize {
        self.atomic_numbers.len()
    }

    /// Number of edges of all structures.
    pub fn n_edges(&self) -> usize {
        self.targets.len()
    }
}
