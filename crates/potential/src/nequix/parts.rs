//! What the parts of an evaluation cost.

use std::time::Instant;

use crystal_core::{AsymmetricUnit, Structure};
use rayon::prelude::*;

use super::batch::Batch;
use super::graph::SiteGraph;
use super::potential::{Nequix, numbers};
use super::work::BatchSize;
use crate::PotentialError;

/// Seconds that the parts of an evaluation took.
#[derive(Debug, Clone, Copy, Default)]
pub struct PartSeconds {
    /// Neighbour search on the host.
    pub graphs: f64,
    /// From the host to the device.
    pub upload: f64,
    /// Energies on the device.
    pub forward: f64,
    /// Gradients on the device.
    pub backward: f64,
    /// Energies and gradients from the device to the host.
    pub download: f64,
}

/// What [`Nequix::seconds_of_parts`] evaluates.
#[derive(Debug, Clone, Copy)]
pub enum Inputs<'a> {
    /// All atoms of each cell.
    Structures(&'a [Structure]),
    /// Non-equivalent sites.
    Units(&'a [AsymmetricUnit]),
}

impl Nequix {
    /// Evaluates crystals as [`crate::Potential::evaluate`] or
    /// [`crate::Potential::evaluate_symmetric`] does, all in one batch, waits
    /// for the device after each part, and tells how long each took and how large the batch was. For measurements.
    ///
    /// # Errors
    /// The first error of a crystal; [`PotentialError::Device`].
    pub fn seconds_of_parts(&self, inputs: Inputs<'_>) -> Result<(PartSeconds, BatchSize), PotentialError> {
        let (device, dtype) = self.network.place();
        let wait = || device.sync().map_err(|error| PotentialError::Device { reason: format!("{error:?}") });
        let mut clock = Instant::now();
        let mut lap = || {
            let seconds = clock.elapsed().as_secs_f64();
            clock = Instant::now();
            seconds
        };
        let elements = self.elements_by_index();
        let graphs: Result<Vec<SiteGraph>, PotentialError> = match inputs {
            Inputs::Structures(all) => all.par_iter().map(|one| SiteGraph::of_structure(one, &elements)).collect(),
            Inputs::Units(all) => all.par_iter().map(|one| SiteGraph::of_unit(one, &elements)).collect(),
        };
        let graphs = graphs?;
        let mut seconds = PartSeconds { graphs: lap(), ..PartSeconds::default() };
        let batch = Batch::new(&graphs.iter().collect::<Vec<_>>(), device, dtype);
        wait()?;
        seconds.upload = lap();
        let (energies, records) = self.network.forward(&batch);
        wait()?;
        seconds.forward = lap();
        let by_vectors = self.network.backward(&batch, records);
        wait()?;
        seconds.backward = lap();
        drop((numbers(energies.into_data()), numbers(by_vectors.into_data())));
        seconds.download = lap();
        let sum = |of: fn(&SiteGraph) -> usize| graphs.iter().map(of).sum();
        let size = BatchSize {
            sites: sum(SiteGraph::n_sites),
            images: sum(|graph| graph.images.len()),
            edges: sum(SiteGraph::n_edges),
        };
        Ok((seconds, size))
    }
}
