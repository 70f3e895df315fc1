//! The graph of one structure.

use crystal_core::LatticeCoordinates;

/// The multigraph of one structure. Edges are sorted by source; all per-edge vectors have the same length.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MultiGraph {
    /// Edges out of site i are `offsets[i]..offsets[i + 1]`. Length: sites + 1.
    pub offsets: Vec<u32>,
    /// Target site of each edge.
    pub targets: Vec<u32>,
    /// Index into `SpaceGroup::primitive_operations` of the operation that makes the neighbour from the target site.
    pub operations: Vec<u16>,
    /// Lattice translation T added to that image, in the primitive basis.
    pub translations: Vec<[i32; 3]>,
    /// Edge vector in Å, Cartesian, in the frame of the source.
    pub vectors: Vec<[f64; 3]>,
    /// Its length in Å.
    pub distances: Vec<f64>,
    /// Index of the reverse edge. An involution where no site has a stabiliser.
    pub reverse: Vec<u32>,
    /// Whether the two ends are images of one site under an operation other than the identity.
    pub equivalent: Vec<bool>,
    /// `∂|r|/∂y_a` by the free lattice coordinates at fixed fractional coordinates; zero beyond the free ones.
    pub lattice_gradients: Vec<[f64; LatticeCoordinates::MAX]>,
    /// The structure's cut-off in Å.
    pub cutoff: f64,
}

impl MultiGraph {
    /// Number of sites.
    pub fn n_sites(&self) -> usize {
        self.offsets.len().saturating_sub(1)
    }

    /// Number of edges.
    pub fn n_edges(&self) -> usize {
        self.targets.len()
    }
}
