//! How many structures go into a batch.

use burn::tensor::Device;
use crystal_core::whole;
use crystal_states::device_memory;
use multigraph::GraphConfig;

use crate::SamplerConfig;

/// How much is moved at once.
pub(crate) struct BatchLimits {
    pub(crate) structures: usize,
    /// Edges expected of all structures of a batch.
    edges: usize,
    edges_per_site: usize,
}

/// Structures per batch on a processor, and at most on a GPU, where the configuration leaves it open. More fill a GPU
/// no better.
const HOST_BATCH: usize = 64;
/// See [`HOST_BATCH`].
const DEVICE_BATCH: usize = 2048;
/// Memory that an edge takes in an evaluation, bytes: about twice what the network of Table 1 was seen to take.
const BYTES_PER_EDGE: usize = 16 << 10;
/// Share of a device's memory that a batch may take: other programs may use it too.
const MEMORY_SHARE: f64 = 0.6;

impl BatchLimits {
    pub(crate) fn new(config: &SamplerConfig, graph: &GraphConfig, device: &Device) -> Self {
        let memory = device_memory(device);
        let edges = memory.map_or(usize::MAX, |bytes| whole::count(bytes as f64 * MEMORY_SHARE) / BYTES_PER_EDGE);
        let structures = match (config.batch_size, memory) {
            (0, None) => HOST_BATCH,
            (0, Some(_)) => DEVICE_BATCH,
            (structures, _) => structures,
        };
        // Growing cut-offs let the mean degree come out at up to twice the one wished for.
        Self { structures, edges, edges_per_site: whole::count((2.0 * graph.mean_degree).ceil()) }
    }

    /// How many of the next structures fit, at least one; given their numbers of sites.
    pub(crate) fn fitting(&self, sites: impl Iterator<Item = usize>) -> usize {
        let mut edges = 0;
        let fits = |sites: &usize| {
            edges += sites * self.edges_per_site;
            edges <= self.edges
        };
        sites.take(self.structures).take_while(fits).count().max(1)
    }

    pub(crate) fn halve(&mut self, structures: usize) {
        self.structures = (structures / 2).max(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_keep_their_limits() {
        let mut limits = BatchLimits { structures: 4, edges: 1000, edges_per_site: 50 };
        assert_eq!(limits.fitting([1; 9].into_iter()), 4);
        assert_eq!(limits.fitting([8, 8, 8, 1].into_iter()), 2);
        assert_eq!(limits.fitting([100, 1].into_iter()), 1);
        limits.halve(4);
        assert_eq!(limits.fitting([1; 9].into_iter()), 2);
        limits.halve(1);
        assert_eq!(limits.fitting([1; 9].into_iter()), 1);
    }
}
