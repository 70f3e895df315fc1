//! The training loop.

use std::path::{Path, PathBuf};

use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor};
use crystal_core::ConfigError;
use serde::{Deserialize, Serialize};
use tensor_ops::{catch_device_failure, has_kernels};

use crate::exchange::{Attendance, Meeting};
use crate::{Adam, Exchange, Identity, LossSource, Objective, OptimiserConfig, Share, TrainingError, TrainingState};

/// Losses of one step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LossPoint {
    /// Step, from 0.
    pub step: u64,
    /// The parts of the loss, in the order of the [`Objective`].
    pub parts: Vec<f32>,
}

/// Trains a module.
pub struct Trainer<M: Module> {
    config: OptimiserConfig,
    identity: Identity,
    device: Device,
    /// Further devices, each of which takes its share of every batch.
    helpers: Vec<Device>,
    exchange: Exchange,
    model: M,
    average: M,
    optimiser: Adam,
    step: u64,
    curve: Vec<LossPoint>,
    unread: Vec<Tensor<1>>,
}

impl<M: Module> Trainer<M> {
    /// Starts a run from a freshly initialised model. `device` is a plain device, not a differentiating one; `identity`
    /// tells this run from others.
    ///
    /// # Errors
    /// [`TrainingError::Config`] if the configuration makes no sense.
    pub fn new(model: M, config: OptimiserConfig, identity: Identity, device: &Device) -> Result<Self, TrainingError> {
        config.check()?;
        let average = model.clone().to_device(device).no_grad();
        let optimiser = Adam::new(&average, device);
        let device = device.clone().autodiff();
        let model = model.to_device(&device).train();
        Ok(Self {
            config,
            identity,
            device,
            helpers: vec![],
            exchange: Exchange::default(),
            model,
            average,
            optimiser,
            step: 0,
            curve: vec![],
            unread: vec![],
        })
    }

    /// The same training with the help of further devices of the same backend: every batch is shared out, the gradients
    /// are summed over the devices, and the losses are those of the whole batch. The numbers differ from those of one
    /// device by rounding only.
    #[must_use]
    pub fn with_helpers(mut self, helpers: &[Device], exchange: Exchange) -> Self {
        self.helpers = helpers.iter().map(|device| device.clone().without_autodiff()).collect();
        self.exchange = exchange;
        self
    }

    /// Goes on from a training state that [`Self::save`] wrote. `model` gives the architecture; its weights are
    /// replaced.
    ///
    /// # Errors
    /// [`TrainingError`] if the file cannot be read, is damaged, or belongs to a run with another identity.
    pub fn resume(
        model: M,
        config: OptimiserConfig,
        identity: Identity,
        device: &Device,
        path: &Path,
    ) -> Result<Self, TrainingError> {
        let mut trainer = Self::new(model, config, identity, device)?;
        let mut state = TrainingState::load(path, &trainer.identity)?;
        trainer.model = state.module(0, trainer.model, path)?;
        trainer.average = state.module(1, trainer.average, path)?.to_device(device);
        trainer.optimiser = state.optimiser(trainer.optimiser, &trainer.model, &trainer.average, device, path)?;
        trainer.step = state.step;
        trainer.curve = state.notes(path)?;
        Ok(trainer)
    }

    /// Writes everything that [`Self::resume`] needs.
    ///
    /// # Errors
    /// [`TrainingError::State`] if the file cannot be written; what stood there before is then untouched.
    pub fn save(&self, path: &Path) -> Result<(), TrainingError> {
        let modules = [&self.model, &self.average];
        TrainingState::capture(&self.identity, self.step, &modules, &self.optimiser, &self.curve)?.save(path)
    }

    /// Makes the run end after this many steps, at least one; the learning rate of the steps to come follows.
    pub fn end_after(&mut self, steps: u64) {
        self.config.steps = steps.max(1);
    }

    /// The settings of the run, with what [`Self::end_after`] made of them.
    pub fn config(&self) -> &OptimiserConfig {
        &self.config
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

    /// Trains to the configured number of steps. A training state is written to `checkpoint` every `checkpoint_every`
    /// steps and at the end; `progress` is called whenever losses were read and may stop the run by returning `false`.
    ///
    /// # Errors
    /// [`TrainingError::EmptyData`], [`TrainingError::NotFinite`], and whatever a step or a checkpoint can fail with.
    pub fn run<O: Objective<M>>(
        &mut self,
        objective: &O,
        checkpoint: Option<PathBuf>,
        mut progress: impl FnMut(&[LossPoint]) -> bool,
    ) -> Result<(), TrainingError> {
        let n_devices = 1 + self.helpers.len();
        if self.config.batch_size < n_devices {
            let expected = format!("at least {n_devices}, one for each device");
            return Err(ConfigError::new("batch_size", self.config.batch_size, expected).into());
        }
        if has_kernels(&self.device) {
            // What went wrong on the device shows when something is read from it.
            return catch_device_failure(|| self.run_shared(objective, checkpoint, &mut progress))?;
        }
        self.run_shared(objective, checkpoint, &mut progress)
    }

    fn run_shared<O: Objective<M>>(
        &mut self,
        objective: &O,
        checkpoint: Option<PathBuf>,
        progress: &mut impl FnMut(&[LossPoint]) -> bool,
    ) -> Result<(), TrainingError> {
        let own = self.device.clone().without_autodiff();
        let meeting = Meeting::of(std::iter::once(own).chain(self.helpers.clone()).collect(), self.exchange);
        let followers: Vec<Self> = self.helpers.iter().map(|device| self.follower(device)).collect();
        std::thread::scope(|scope| {
            let follow = |(helper, mut follower): (usize, Self)| {
                let attendance = meeting.attend(helper + 1);
                scope.spawn(move || follower.steps(objective, None, attendance, |_| true))
            };
            let threads: Vec<_> = followers.into_iter().enumerate().map(follow).collect();
            let mut outcome = self.steps(objective, checkpoint, meeting.attend(0), progress);
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
        let (optimiser, model, average) = self.optimiser.copied_to(self.model.clone(), self.average.clone(), plain);
        Self {
            config: self.config.clone(),
            identity: self.identity.clone(),
            device: plain.clone().autodiff(),
            helpers: vec![],
            exchange: self.exchange,
            model,
            average,
            optimiser,
            step: self.step,
            curve: self.curve.clone(),
            unread: vec![],
        }
    }

    fn steps<O: Objective<M>>(
        &mut self,
        objective: &O,
        checkpoint: Option<PathBuf>,
        attendance: Attendance,
        mut progress: impl FnMut(&[LossPoint]) -> bool,
    ) -> Result<(), TrainingError> {
        let mut source = objective.on_device(&self.device)?;
        let (rank, of) = attendance.share();
        let last = self.config.steps;
        while self.step < last {
            self.step_on(&mut source, Share { rank, of }, &attendance)?;
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
    fn step_on(
        &mut self,
        source: &mut impl LossSource<M>,
        share: Share,
        attendance: &Attendance,
    ) -> Result<(), TrainingError> {
        let losses = source.losses(&self.model, self.step, share)?;
        self.unread.push(losses.parts);
        let gradients = losses.total.backward();
        let gradients = GradientsParams::from_grads(gradients, &self.model);
        let gradient = attendance.sum_on_device(self.optimiser.flat_gradient(&self.model, gradients))?;
        let settings = self.config.adam_at(self.step);
        (self.model, self.average) =
            self.optimiser.step(self.model.clone(), self.average.clone(), gradient, &settings, self.step);
        self.step += 1;
        Ok(())
    }

    /// Reads the losses of the steps since the last reading from the device, in one transfer, and sums them over the
    /// devices.
    fn read_losses(&mut self, attendance: &Attendance) -> Result<(), TrainingError> {
        if self.unread.is_empty() {
            return Ok(());
        }
        let unread = std::mem::take(&mut self.unread);
        let (n_steps, first) = (unread.len(), self.step - unread.len() as u64);
        let values = attendance.sum(Tensor::cat(unread, 0).into_data().iter::<f32>().collect())?;
        for (parts, step) in values.chunks_exact(values.len() / n_steps).zip(first..) {
            if parts.iter().any(|part| !part.is_finite()) {
                return Err(TrainingError::NotFinite { step });
            }
            self.curve.push(LossPoint { step, parts: parts.to_vec() });
        }
        Ok(())
    }
}
