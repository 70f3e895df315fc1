//! States on the processor, in double precision.

use burn::Tensor;
use burn::tensor::Device;
use crystal_core::whole;
use crystal_core::{CrystalState, LatticeCoordinates};
use multigraph::{BatchedMultiGraph, GraphConfig, MultiGraph, build};
use nalgebra::Vector3;
use rayon::prelude::*;

use random_keys::RandomKey;

use crate::checks::failure;
use crate::{BasisConfig, GraphBatch, LangevinStep, Padding, PreparedBatch, StateError};

/// The host's side of [`crate::StateBatch`].
#[derive(Debug)]
pub(crate) struct HostStates {
    states: Vec<CrystalState>,
    failures: Vec<Option<String>>,
    streams: Vec<u64>,
    /// First site of each structure.
    first_sites: Vec<usize>,
    key: RandomKey,
    device: Device,
}

impl HostStates {
    pub(crate) fn new(states: Vec<CrystalState>, streams: Vec<u64>, key: RandomKey, device: Device) -> Self {
        let mut first_sites = vec![0];
        for state in &states {
            first_sites.push(first_sites[first_sites.len() - 1] + state.sites.len());
        }
        let failures = states.iter().map(failure).collect();
        Self { states, failures, streams, first_sites, key, device }
    }

    pub(crate) fn n_structures(&self) -> usize {
        self.states.len()
    }

    pub(crate) fn n_sites(&self) -> usize {
        self.first_sites[self.states.len()]
    }

    pub(crate) fn graph_batch(
        &self,
        levels: &[usize],
        basis: &BasisConfig,
        config: &GraphConfig,
    ) -> Result<GraphBatch, StateError> {
        let graph_of = |(state, failure): (&CrystalState, &Option<String>)| match failure {
            None => build(state, config),
            Some(_) => Ok(MultiGraph { offsets: vec![0; state.sites.len() + 1], cutoff: 1.0, ..MultiGraph::default() }),
        };
        let graphs = self.states.par_iter().zip(&self.failures).map(graph_of).collect::<Result<Vec<_>, _>>()?;
        let graph = BatchedMultiGraph::join(&self.states, &graphs);
        Ok(PreparedBatch::new(&graph, levels, basis, Padding::for_device(&self.device))?.upload(&self.device))
    }

    pub(crate) fn step_positions(&mut self, estimate: Tensor<2>, step: LangevinStep) {
        let estimate: Vec<f32> = estimate.into_data().iter::<f32>().collect();
        let (rows, _) = estimate.as_chunks::<3>();
        let (key, streams, first_sites) = (self.key, &self.streams, &self.first_sites);
        self.states.par_iter_mut().zip(&mut self.failures).enumerate().for_each(|(structure, (state, failed))| {
            if failed.is_some() {
                return;
            }
            let lattice = match state.primitive_lattice() {
                Ok(lattice) => lattice,
                Err(error) => {
                    *failed = Some(error.to_string());
                    return;
                }
            };
            let estimates = &rows[first_sites[structure]..first_sites[structure + 1]];
            let displacement = |(site, estimate): (usize, &[f32; 3])| {
                let [x, y, z, _] = key.normal(streams[structure], step.draw, whole::compact(site));
                Vector3::from(estimate.map(f64::from)) * step.drift + Vector3::new(x, y, z) * step.noise
            };
            let displacements: Vec<Vector3<f64>> = estimates.iter().enumerate().map(displacement).collect();
            state.displace(&lattice, &displacements);
            *failed = failure(state);
        });
    }

    pub(crate) fn step_lattices(&mut self, estimate: Tensor<2>, step: LangevinStep) {
        let estimate: Vec<f32> = estimate.into_data().iter::<f32>().collect();
        let (rows, _) = estimate.as_chunks::<{ LatticeCoordinates::MAX }>();
        let walkers = self.states.iter_mut().zip(&mut self.failures).zip(&self.streams).zip(rows);
        for (((state, failed), &stream), estimates) in walkers {
            if failed.is_some() {
                continue;
            }
            let noise = lattice_normals(self.key, stream, step.draw, 0);
            for ((y, estimate), z) in state.lattice_coords.iter_mut().zip(estimates).zip(noise) {
                *y += step.drift * f64::from(*estimate) + step.noise * z;
            }
            *failed = failure(state);
        }
    }

    pub(crate) fn into_states(self) -> Vec<Result<CrystalState, String>> {
        let outcome = |(state, failed): (CrystalState, Option<String>)| failed.map_or(Ok(state), Err);
        self.states.into_iter().zip(self.failures).map(outcome).collect()
    }
}

/// Normal numbers for the lattice coordinates, from two items.
pub(crate) fn lattice_normals(key: RandomKey, stream: u64, draw: u32, item: u32) -> [f64; LatticeCoordinates::MAX] {
    let [a, b, c, d] = key.normal(stream, draw, item);
    let [e, f, _, _] = key.normal(stream, draw, item + 1);
    [a, b, c, d, e, f]
}
