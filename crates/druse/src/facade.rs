//! The bundled networks, ready to be asked.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use burn::tensor::Device;
use crystal_core::{Composition, SiteMode, Structure};
use langevin::{Outcome, Sample, Sampler};

use crate::request::Resolved;
use crate::{Checkpoint, DeviceName, DruseError, Progress, Request, checkpoint, sampling};

/// The networks that come with the library, on a device: one for sites on Wyckoff positions, one for sites that go
/// anywhere.
#[derive(Debug)]
pub struct Druse {
    device: Device,
    wyckoff: Checkpoint,
    general: Checkpoint,
}

/// A structure that was grown.
#[derive(Debug, Clone)]
pub struct Grown {
    /// Formula and space group asked for, place of the order and place in the order, such as `NaCl_225_0000_000`.
    pub id: String,
    /// The structure and how it came about.
    pub sample: Sample,
    /// Elements on Wyckoff positions, such as `Cu@8d Si@4c`, where the request named or drew them.
    pub positions: Option<String>,
    /// How likely the proposer finds group, cell and positions, where it proposed them.
    pub probability: Option<f64>,
}

impl Grown {
    /// All atoms of the primitive cell.
    pub fn structure(&self) -> &Structure {
        &self.sample.structure
    }

    /// Reduced formula, as [`Composition::formula`].
    pub fn formula(&self) -> String {
        Composition::of(&self.sample.structure).reduced().formula()
    }

    /// The structure as a CIF with the operations of its space group: what `druse sample` writes.
    pub fn to_cif(&self) -> String {
        sampling::cif_of(&self.sample, &self.id)
    }

    /// Number of the space group that was asked for, which the structure has exactly.
    pub fn space_group(&self) -> u8 {
        self.sample.state.space_group.number().get()
    }
}

impl Druse {
    /// The bundled networks on a device.
    ///
    /// # Errors
    /// [`DruseError::Device`] if this build or this machine does not have it.
    pub fn bundled(device: DeviceName) -> Result<Self, DruseError> {
        let device = device.open()?;
        Ok(Self {
            wyckoff: checkpoint::shipped(SiteMode::Wyckoff, &device)?,
            general: checkpoint::shipped(SiteMode::General, &device)?,
            device,
        })
    }

    /// The bundled networks, but for the one of the mode of a checkpoint: this is read from its file.
    ///
    /// # Errors
    /// As [`Self::bundled`] and [`checkpoint::load`].
    pub fn with_file(path: &Path, device: DeviceName) -> Result<Self, DruseError> {
        let mut druse = Self::bundled(device)?;
        let read = checkpoint::load(path, &druse.device)?;
        match read.trained.description.mode {
            SiteMode::Wyckoff => druse.wyckoff = read,
            SiteMode::General => druse.general = read,
        }
        Ok(druse)
    }

    /// The network of a mode.
    pub fn checkpoint(&self, mode: SiteMode) -> &Checkpoint {
        match mode {
            SiteMode::Wyckoff => &self.wyckoff,
            SiteMode::General => &self.general,
        }
    }

    /// Grows what is asked for. Structures whose every draw failed are left out.
    ///
    /// # Errors
    /// What [`Request::resolve`] and the sampler can fail with.
    pub fn sample(&self, request: &Request) -> Result<Vec<Grown>, DruseError> {
        self.sample_with(request, &mut |_: &Progress| {})
    }

    /// [`Self::sample`] with progress, counted in structures.
    ///
    /// # Errors
    /// As [`Self::sample`].
    pub fn sample_with(
        &self,
        request: &Request,
        progress: &mut dyn FnMut(&Progress),
    ) -> Result<Vec<Grown>, DruseError> {
        self.sample_resolved(request.resolve()?, &Arc::default(), progress)
    }

    /// [`Self::sample_with`] for a resolved request, whose notices and settings of the sampler can be looked at and
    /// changed before. Once another thread sets `stop`, it ends with
    /// [`SamplingError::Stopped`](langevin::SamplingError::Stopped).
    ///
    /// # Errors
    /// What the sampler can fail with.
    pub fn sample_resolved(
        &self,
        resolved: Resolved,
        stop: &Arc<AtomicBool>,
        progress: &mut dyn FnMut(&Progress),
    ) -> Result<Vec<Grown>, DruseError> {
        let mut grown = Vec::new();
        let checkpoint = self.checkpoint(resolved.mode);
        checkpoint.sample_each(resolved, &self.device, stop, progress, &mut |one| grown.push(one))?;
        grown.sort_by_key(|grown| (grown.sample.order, grown.sample.index));
        Ok(grown)
    }
}

impl Checkpoint {
    /// [`Druse::sample_resolved`] with this network, each structure handed over as soon as its batch is done: those
    /// with the most sites first. The settings of the sampler say how many structures are in a batch.
    ///
    /// # Errors
    /// As [`Druse::sample_resolved`], and if the request is for the other mode.
    pub fn sample_each(
        &self,
        resolved: Resolved,
        device: &Device,
        stop: &Arc<AtomicBool>,
        progress: &mut dyn FnMut(&Progress),
        finished: &mut dyn FnMut(Grown),
    ) -> Result<(), DruseError> {
        let Resolved { orders, template, config, probabilities, .. } = resolved;
        let sampler = match template {
            Some(template) => Sampler::from_template(&self.trained, config, template, device)?,
            None => Sampler::new(&self.trained, config, device)?,
        }
        .stopped_by(Arc::clone(stop));
        let total: usize = orders.iter().map(|order| order.count).sum();
        let mut done = 0.0;
        sampler.run::<DruseError>(
            &orders,
            |structures| {
                done += structures;
                progress(&Progress { done, total: done.max(total as f64), message: String::new() });
            },
            |outcome| {
                if let Outcome::Sampled(sample) = outcome {
                    let positions = orders[sample.order].sites.assignment(sample.candidate).map(ToString::to_string);
                    let probability =
                        probabilities.get(sample.order).copied().flatten().filter(|_| sample.candidate == 0);
                    let id = sampling::id_of(&orders, sample.order, sample.index);
                    finished(Grown { id, sample: *sample, positions, probability });
                }
                Ok(())
            },
        )
    }
}
