//! The training loop.

use std::path::{Path, PathBuf};

use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor};
use crystal_core::CrystalState;
use serde::{Deserialize, Serialize};

use super::TrainingError;
use super::adam::Adam;
use super::exchange::{Attendance, Exchange, Meeting};
use super::state::TrainingState;
use super::{EpochOrder, NoisedBatch, Share, TrainingConfig, noised_batch};
use crate::ops::squared_error;
use crate::{ScoreModel, StateSet, catch_device_failure, has_kernels};

/// Losses of one step.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LossPoint {
    /// Step, from 0.
    pub step: u64,
    /// Mean squared error of the position noise.
    pub position: f32,
    /// Mean squared error of the lattice noise.
    pub lattice: f32,
}

/// Trains a [`ScoreModel`].
pub struct Trainer<M: ScoreModel> {
    config: TrainingConfig,
    device: Device,
    /// Further devices, each of which takes its share of every batch.
    helpers: Vec<Device>,
    exchange: Exchange,
    model: M,
    average: M,
    optimizer: Adam,
    step: u64,
    curve: Vec<LossPoint>,
    unread: Vec<Tensor<1>>,
}

impl<M: ScoreModel> Trainer<M> {
    /// Starts a run from a freshly initialised model. `device` is a plain device, not a differentiating one.
    ///
    /// # Errors
    /// [`TrainingError::Config`] if the configuration makes no sense.
    pub fn new(model: M, config: TrainingConfig, device: &Device) -> Result<Self, TrainingError> {
        if let Some(problem) = config.problem() {
            return Err(TrainingError::Config(problem));
        }
        let average = model.clone().to_device(device).no_grad();
        let optimizer = Adam::new(&average, device);
        let device = device.clone().autodiff();
        let model = model.to_device(&device).train();
        Ok(Self {
            config,
            device,
            helpers: vec![],
            exchange: Exchange::default(),
            model,
            average,
            optimizer,
            step: 0,
            curve: vec![],
            unread: vec![],
        })
    }

    /// The same training with the help of further devices of the same backend: every batch is shared out, the gradients are summed over the
    /// devices, and the losses are those of the whole batch. The numbers differ from those of one device by rounding only.
    #[must_use]
    pub fn with_helpers(mut self, helpers: &[Device], exchange: Exchange) -> Self {
        self.helpers = helpers.iter().map(|device| device.clone().without_autodiff()).collect();
        self.exchange = exchange;
        self
    }

    /// Goes on from a training state that [`Self::save`] wrote. `model` gives the architecture; its weights are replaced.
    ///
    /// # Errors
    /// [`TrainingError`] if the file cannot be read, is damaged, or belongs to another model or configuration.
    pub fn resume(model: M, config: TrainingConfig, device: &Device, path: &Path) -> Result<Self, TrainingError> {
        let mut trainer = Self::new(model, config, device)?;
        let mut state = TrainingState::load(path)?;
        state.check(path, trainer.model.kind(), &trainer.config)?;
        let inner = device.clone();
        (trainer.model, trainer.average, trainer.optimizer) =
            state.restore(path, trainer.model, trainer.average, trainer.optimizer, device)?;
        trainer.average = trainer.average.to_device(&inner);
        trainer.step = state.step;
        trainer.curve = state.curve;
        Ok(trainer)
    }

    /// Writes everything that [`Self::resume`] needs.
    ///
    /// # Errors
    /// [`TrainingError::Io`] if the file cannot be written; what stood there before is then untouched.
    pub fn save(&self, path: &Path) -> Result<(), TrainingError> {
        TrainingState::capture(
            self.model.kind(),
            &self.config,
            self.step,
            self.curve.clone(),
            &self.model,
            &self.average,
            &self.optimizer,
        )?
        .save(path)
    }

    /// Steps done so far.
    pub fn step(&self) -> u64 {
        self.step
    }

    /// Losses read so far, one point per step.
    pub fn curve(&self) -> &[LossPoint] {
        &self.curve
    }

    /// The moving average of the weights, on the plain device: the model to sample with.
    pub fn average(&self) -> &M {
        &self.average
    }

    /// Trains to the configured number of steps. A training state is written to `checkpoint` every `checkpoint_every` steps and at the
    /// end; `progress` is called whenever losses were read and may stop the run by returning `false`.
    ///
    /// # Errors
    /// [`TrainingError::EmptyData`], [`TrainingError::NotFinite`], and whatever a step or a checkpoint can fail with.
    pub fn run(
        &mut self,
        data: &[CrystalState],
        checkpoint: Option<PathBuf>,
        mut progress: impl FnMut(&[LossPoint]) -> bool,
    ) -> Result<(), TrainingError> {
        if data.is_empty() {
            return Err(TrainingError::EmptyData);
        }
        let n_devices = 1 + self.helpers.len();
        if self.config.batch_size < n_devices {
            let problem = format!("batch_size must be at least {n_devices}, one structure for each device");
            return Err(TrainingError::Config(problem));
        }
        if has_kernels(&self.device) {
            // What went wrong on the device shows when something is read from it.
            return catch_device_failure(|| self.run_shared(data, checkpoint, &mut progress))?;
        }
        self.run_shared(data, checkpoint, &mut progress)
    }

    fn run_shared(
        &mut self,
        data: &[CrystalState],
        checkpoint: Option<PathBuf>,
        progress: &mut impl FnMut(&[LossPoint]) -> bool,
    ) -> Result<(), TrainingError> {
        let own = self.device.clone().without_autodiff();
        let meeting = Meeting::of(std::iter::once(own).chain(self.helpers.clone()).collect(), self.exchange);
        let followers: Vec<Self> = self.helpers.iter().map(|device| self.follower(device)).collect();
        std::thread::scope(|scope| {
            let follow = |(helper, mut follower): (usize, Self)| {
                let attendance = meeting.attend(helper + 1);
                scope.spawn(move || follower.steps(data, None, attendance, |_| true))
            };
            let threads: Vec<_> = followers.into_iter().enumerate().map(follow).collect();
            let mut outcome = self.steps(data, checkpoint, meeting.attend(0), progress);
            for thread in threads {
                let followed = thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
                // Who was deserted does not know why.
                if matches!(outcome, Ok(()) | Err(TrainingError::Deserted)) && followed.is_err() {
                    outcome = followed;
                }
            }
            outcome
        })
    }

    /// The same training on another device.
    fn follower(&self, plain: &Device) -> Self {
        let (optimizer, model, average) = self.optimizer.copied_to(self.model.clone(), self.average.clone(), plain);
        Self {
            config: self.config.clone(),
            device: plain.clone().autodiff(),
            helpers: vec![],
            exchange: self.exchange,
            model,
            average,
            optimizer,
            step: self.step,
            curve: self.curve.clone(),
            unread: vec![],
        }
    }

    fn steps(
        &mut self,
        data: &[CrystalState],
        checkpoint: Option<PathBuf>,
        attendance: Attendance,
        mut progress: impl FnMut(&[LossPoint]) -> bool,
    ) -> Result<(), TrainingError> {
        let data = StateSet::new(data, &self.device)?;
        let mut order = EpochOrder::default();
        let (rank, of) = attendance.share();
        let last = self.config.steps;
        while self.step < last {
            let batch = noised_batch(&data, &mut order, &self.config, self.step, Share { rank, of })?;
            self.step_on(batch, &attendance)?;
            let finished = self.step == last;
            let saving = self.step.is_multiple_of(self.config.checkpoint_every) || finished;
            if saving || self.step.is_multiple_of(self.config.read_every) {
                self.read_losses(&attendance)?;
                if !attendance.all_go_on(progress(&self.curve))? {
                    break;
                }
            }
            if let Some(path) = &checkpoint
                && saving
            {
                self.save(path)?;
            }
        }
        Ok(())
    }

    /// One optimiser step.
    fn step_on(&mut self, mut batch: NoisedBatch, attendance: &Attendance) -> Result<(), TrainingError> {
        let input = batch.states.score_batch(&batch.levels, &self.model.basis(), &self.config.graph)?;
        let estimate = self.model.forward(&input);
        // Rows beyond the sites stand for nothing.
        let own = estimate.position.narrow(0, 0, batch.states.n_sites());
        let position = squared_error(own, batch.position_noise, batch.position_weights);
        let lattice = squared_error(estimate.lattice, batch.lattice_noise, batch.lattice_weights);
        self.unread.push(Tensor::cat(vec![position.clone().inner(), lattice.clone().inner()], 0));
        let gradients = ((position + lattice) * 0.5).backward();
        let gradients = GradientsParams::from_grads(gradients, &self.model);
        let gradient = attendance.sum_on_device(self.optimizer.flat_gradient(&self.model, gradients))?;
        let settings = self.config.adam_at(self.step);
        (self.model, self.average) =
            self.optimizer.step(self.model.clone(), self.average.clone(), gradient, &settings, self.step);
        self.step += 1;
        Ok(())
    }

    /// Reads the losses of the steps since the last reading from the device, in one transfer, and sums them over the devices.
    fn read_losses(&mut self, attendance: &Attendance) -> Result<(), TrainingError> {
        if self.unread.is_empty() {
            return Ok(());
        }
        let unread = std::mem::take(&mut self.unread);
        let first = self.step - unread.len() as u64;
        let values = attendance.sum(Tensor::cat(unread, 0).into_data().iter::<f32>().collect())?;
        for (offset, pair) in values.chunks_exact(2).enumerate() {
            let point = LossPoint { step: first + offset as u64, position: pair[0], lattice: pair[1] };
            if !(point.position.is_finite() && point.lattice.is_finite()) {
                return Err(TrainingError::NotFinite { step: point.step });
            }
            self.curve.push(point);
        }
        Ok(())
    }
}
