//! Adam over the parameters of a module, with the moving average of the weights.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor, TensorData};
use crystal_core::whole;
use serde::{Deserialize, Serialize};

use tensor_ops::adam::{AdamParameter, AdamStep, adam_step, add_squared_norm, join, parts};

const EPSILON: f32 = 1e-8;

/// Settings of one step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdamSettings {
    /// Learning rate.
    pub learning_rate: f64,
    /// Decay rates of the moments.
    pub betas: (f32, f32),
    /// Gradients are scaled down to this global norm.
    pub gradient_norm: f64,
    /// Decay of the moving average of the weights.
    pub ema_decay: f64,
}

/// Adam (Kingma and Ba, arXiv 1412.6980). Parameters, their moving average and the moments are kept as one flat vector
/// each, of all parameters in the order in which the module is traversed.
pub struct Adam {
    lengths: Vec<usize>,
    state: AdamParameter,
}

/// The moments on disk, parameter by parameter.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct AdamRecord {
    moments: Vec<[Vec<f32>; 2]>,
}

impl Adam {
    /// All moments zero, on the plain device `device`; `model` has the parameters that training starts from.
    pub fn new<M: Module>(model: &M, device: &Device) -> Self {
        let parameters = values(model);
        let lengths = parameters.iter().map(|values| values.dims()[0]).collect();
        let value = joined(parameters, device);
        let [first_moment, second_moment] = [(); 2].map(|()| Tensor::zeros(value.shape(), device));
        let state = AdamParameter { average: value.clone(), value, first_moment, second_moment };
        Self { lengths, state }
    }

    /// The same state on another plain device, copied through the host, and the modules that belong to it.
    pub(super) fn copied_to<M: Module>(&self, model: M, average: M, device: &Device) -> (Self, M, M) {
        let copied = |values: &Tensor<1>| Tensor::from_data(values.clone().into_data(), device);
        let AdamParameter { value, first_moment, second_moment, average: averages } = &self.state;
        let state = AdamParameter {
            value: copied(value),
            first_moment: copied(first_moment),
            second_moment: copied(second_moment),
            average: copied(averages),
        };
        let model = replace(model, parts(&state.value, &self.lengths));
        let average = replace(average, parts(&state.average, &self.lengths));
        (Self { lengths: self.lengths.clone(), state }, model, average)
    }

    /// First and second moments, each those of all parameters in the order in which the module is traversed: what
    /// [`Self::resumed`] goes on from.
    pub fn moments(&self) -> [Vec<f32>; 2] {
        self.moments_by_parameter().map(|parts| parts.concat())
    }

    fn moments_by_parameter(&self) -> [Vec<Vec<f32>>; 2] {
        // Not the flat vector as it is: between its parameters there are zeros that are padding.
        let read = |part: Tensor<1>| part.into_data().iter::<f32>().collect();
        [&self.state.first_moment, &self.state.second_moment]
            .map(|moment| parts(moment, &self.lengths).into_iter().map(read).collect())
    }

    /// Goes on with [moments](Self::moments) of an earlier run, the parameters of `model` and the moving average in
    /// `average`, on the plain device `device`; `None` if the moments do not fit them.
    pub fn resumed<M: Module>(self, moments: [Vec<f32>; 2], model: &M, average: &M, device: &Device) -> Option<Self> {
        let n_parameters: usize = self.lengths.iter().sum();
        if moments.iter().any(|moment| moment.len() != n_parameters) {
            return None;
        }
        let [first_moment, second_moment] = moments.map(|moment| {
            let mut rest = moment.as_slice();
            let upload = |length: &usize| {
                let (part, after) = rest.split_at(*length);
                rest = after;
                Tensor::from_data(TensorData::new(part.to_vec(), [*length]), device)
            };
            join(self.lengths.iter().map(upload).collect())
        });
        let (value, average) = (joined(values(model), device), joined(values(average), device));
        Some(Self { lengths: self.lengths, state: AdamParameter { value, average, first_moment, second_moment } })
    }

    pub(super) fn to_record(&self) -> AdamRecord {
        let [first, second] = self.moments_by_parameter();
        AdamRecord { moments: first.into_iter().zip(second).map(|(first, second)| [first, second]).collect() }
    }

    /// Goes on from a record with the parameters of `model` and the moving average in `average`; `None` if the record
    /// does not fit them.
    pub(super) fn load_record<M: Module>(
        self,
        record: AdamRecord,
        model: &M,
        average: &M,
        device: &Device,
    ) -> Option<Self> {
        let fits = |(length, new): (&usize, &[Vec<f32>; 2])| new.iter().all(|new| new.len() == *length);
        let same = self.lengths.len() == record.moments.len() && self.lengths.iter().zip(&record.moments).all(fits);
        let (first, second): (Vec<_>, Vec<_>) =
            record.moments.into_iter().map(|[first, second]| (first, second)).unzip();
        if same { self.resumed([first.concat(), second.concat()], model, average, device) } else { None }
    }

    /// The gradients of a model's parameters as one vector in the order of the state; 0 for a parameter without a
    /// gradient.
    pub fn flat_gradient<M: Module>(&self, model: &M, mut gradients: GradientsParams) -> Tensor<1> {
        let device = self.state.value.device();
        let gradients = flat_gradients(model, &mut gradients).into_iter().zip(&self.lengths);
        join(
            gradients.map(|(gradient, length)| gradient.unwrap_or_else(|| Tensor::zeros([*length], &device))).collect(),
        )
    }

    /// Moves the parameters along their [flat gradient](Self::flat_gradient), and the average of all. `model` and
    /// `average` must be what the last step returned. `step` counts from 0.
    pub fn step<M: Module>(
        &mut self,
        model: M,
        average: M,
        gradient: Tensor<1>,
        settings: &AdamSettings,
        step: u64,
    ) -> (M, M) {
        let squared_norm = add_squared_norm(Tensor::zeros([1], &gradient.device()), gradient.clone());
        let time = i32::try_from(step + 1).unwrap_or(i32::MAX);
        let correction = |beta: f32| whole::single(1.0 / (1.0 - f64::from(beta).powi(time)));
        let scalars = AdamStep {
            learning_rate: whole::single(settings.learning_rate),
            betas: settings.betas,
            epsilon: EPSILON,
            corrections: (correction(settings.betas.0), correction(settings.betas.1)),
            norm_limit: whole::single(settings.gradient_norm),
            average_decay: whole::single(settings.ema_decay),
        };
        self.state = adam_step(self.state.clone(), gradient, squared_norm, scalars);
        let new_values = parts(&self.state.value, &self.lengths);
        let new_averages = parts(&self.state.average, &self.lengths);
        (replace(model, new_values), replace(average, new_averages))
    }
}

/// All of them as one vector, on the plain device `device`.
fn joined(values: Vec<Tensor<1>>, device: &Device) -> Tensor<1> {
    join(values.into_iter().map(|values| values.to_device(device)).collect())
}

/// The parameters of a module, flat, without autodiff.
fn values<M: Module>(module: &M) -> Vec<Tensor<1>> {
    struct Values(Vec<Tensor<1>>);
    impl ModuleVisitor for Values {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            self.0.push(param.val().without_autodiff().reshape([-1]));
        }
    }
    let mut values = Values(Vec::new());
    module.visit(&mut values);
    values.0
}

fn flat_gradients<M: Module>(module: &M, gradients: &mut GradientsParams) -> Vec<Option<Tensor<1>>> {
    struct Flat<'a> {
        gradients: &'a mut GradientsParams,
        flat: Vec<Option<Tensor<1>>>,
    }
    impl ModuleVisitor for Flat<'_> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            self.flat.push(self.gradients.remove::<D>(param.id).map(|gradient| gradient.reshape([-1])));
        }
    }
    let mut flat = Flat { gradients, flat: Vec::new() };
    module.visit(&mut flat);
    flat.flat
}

/// The module with other values in its parameters; what was trainable stays trainable.
fn replace<M: Module>(module: M, values: Vec<Tensor<1>>) -> M {
    struct Replace(std::vec::IntoIter<Tensor<1>>);
    impl ModuleMapper for Replace {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            let value = self.0.next().expect("as many values as parameters");
            param.map(|old| {
                let value = value.reshape(old.shape());
                if old.is_require_grad() { value.autodiff().require_grad() } else { value }
            })
        }
    }
    module.map(&mut Replace(values.into_iter()))
}
