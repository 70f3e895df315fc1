//! What a model is trained on.

use burn::tensor::{Device, Tensor};

use crate::TrainingError;

/// The share of a batch that one of several devices takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// Which of the devices, from 0.
    pub rank: usize,
    /// How many there are.
    pub of: usize,
}

impl Share {
    /// All of it.
    pub const WHOLE: Self = Self { rank: 0, of: 1 };
}

/// The losses of one share of one step. Those of all shares of a step add up to those of the whole batch.
#[derive(Debug)]
pub struct StepLosses {
    /// What is minimised, `[1]`, differentiable.
    pub total: Tensor<1>,
    /// What is shown, `[K]`, without autodiff.
    pub parts: Tensor<1>,
}

/// Data and losses of a training.
pub trait Objective<M>: Sync {
    /// The data where a device can take its batches from.
    type Source<'a>: LossSource<M>
    where
        Self: 'a;

    /// Puts the data where `device` can take its batches from. `device` differentiates.
    ///
    /// # Errors
    /// [`TrainingError::EmptyData`], or [`TrainingError::Data`] with what the data can fail with.
    fn on_device(&self, device: &Device) -> Result<Self::Source<'_>, TrainingError>;
}

/// The data of an [`Objective`] on one device.
pub trait LossSource<M> {
    /// Losses of a share of the batch of step `step`, from 0. They must depend on the step alone, not on the steps
    /// before.
    ///
    /// # Errors
    /// [`TrainingError::Data`] with what a batch can fail with.
    fn losses(&mut self, model: &M, step: u64, share: Share) -> Result<StepLosses, TrainingError>;
}
