//! The edge features as an extension of burn's backends.

use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Autodiff, AutodiffBackend, Backend, backend_extension};
#[cfg(feature = "cube")]
use burn_cubecl::{CubeBackend, kernel::into_contiguous};

use super::FeatureTensors;
use crate::BasisConfig;

/// The edge features, as every backend offers them.
#[backend_extension(Cube: cfg(feature = "cube"), Flex: cfg(feature = "cpu"), Autodiff)]
#[allow(clippy::type_complexity, reason = "the extension macro reads the tuples of the signatures")]
pub trait EdgeFeatureOps: Backend {
    /// The features of E edges of S structures: envelope, radial and spherical functions, harmonics, directions,
    /// scalars, lattice weights. edges `[E, 11]`: length, equivalence, direction, ∂d/∂y; structures `[S, 3]`: cut-off,
    /// factor of the spherical functions, number of edges; edge_structure `[E]`; table: samples of the radial
    /// functions.
    fn edge_features(
        edges: FloatTensor<Self>,
        structures: FloatTensor<Self>,
        edge_structure: IntTensor<Self>,
        table: FloatTensor<Self>,
        config: BasisConfig,
    ) -> (
        FloatTensor<Self>,
        FloatTensor<Self>,
        FloatTensor<Self>,
        FloatTensor<Self>,
        FloatTensor<Self>,
        FloatTensor<Self>,
        FloatTensor<Self>,
    );
}

/// The features carry no gradient: the score is an output of the network, not a derivative of one.
impl<B: EdgeFeatureOps, C: CheckpointStrategy> EdgeFeatureOps for Autodiff<B, C> {
    fn edge_features(
        edges: FloatTensor<Self>,
        structures: FloatTensor<Self>,
        edge_structure: IntTensor<Self>,
        table: FloatTensor<Self>,
        config: BasisConfig,
    ) -> FeatureTensors<Self> {
        let inner = Self::inner;
        let (a, b, c, d, e, f, g) =
            B::edge_features(inner(edges), inner(structures), edge_structure, inner(table), config);
        let outer = Self::from_inner;
        (outer(a), outer(b), outer(c), outer(d), outer(e), outer(f), outer(g))
    }
}

#[cfg(feature = "cube")]
impl EdgeFeatureOps for CubeBackend {
    fn edge_features(
        edges: FloatTensor<Self>,
        structures: FloatTensor<Self>,
        edge_structure: IntTensor<Self>,
        table: FloatTensor<Self>,
        config: BasisConfig,
    ) -> FeatureTensors<Self> {
        let [edges, structures, table] = [edges, structures, table].map(into_contiguous);
        super::cube::features(edges, structures, into_contiguous(edge_structure), table, &config)
    }
}

#[cfg(feature = "cpu")]
impl EdgeFeatureOps for burn::backend::Flex {
    fn edge_features(
        edges: FloatTensor<Self>,
        structures: FloatTensor<Self>,
        edge_structure: IntTensor<Self>,
        _table: FloatTensor<Self>,
        config: BasisConfig,
    ) -> FeatureTensors<Self> {
        super::flex::features(&edges, &structures, &edge_structure, &config)
    }
}
