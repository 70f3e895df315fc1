//! Adam over the parameters of a module, with the moving average of the weights.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor, TensorData};
use serde::{Deserialize, Serialize};

use crate::ops::adam::{AdamParameter, AdamStep, adam_step, add_squared_norm};

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

/// Adam (Kingma and Ba, arXiv 1412.6980): first and second moments of every parameter, in the order in which the module is traversed.
pub struct Adam {
    moments: Vec<[Tensor<1>; 2]>,
}

/// [`Adam`] on disk.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct AdamRecord {
    moments: Vec<[Vec<f32>; 2]>,
}

impl Adam {
    /// All moments zero, on the plain device `device`.
    pub fn new<M: Module>(model: &M, device: &Device) -> Self {
        let zeros = |values: &Tensor<1>| [(); 2].map(|()| Tensor::zeros(values.shape(), device));
        Self { moments: values(model).iter().map(zeros).collect() }
    }

    pub(super) fn to_record(&self) -> AdamRecord {
        let read = |moment: &Tensor<1>| moment.to_data().iter::<f32>().collect();
        AdamRecord { moments: self.moments.iter().map(|[first, second]| [read(first), read(second)]).collect() }
    }

    /// `None` if the record does not fit this module.
    pub(super) fn load_record(self, record: AdamRecord, device: &Device) -> Option<Self> {
        let fits = |(old, new): (&[Tensor<1>; 2], &[Vec<f32>; 2])| new.iter().all(|new| new.len() == old[0].dims()[0]);
        let same = self.moments.len() == record.moments.len() && self.moments.iter().zip(&record.moments).all(fits);
        let upload = |values: Vec<f32>| {
            let shape = [values.len()];
            Tensor::from_data(TensorData::new(values, shape), device)
        };
        same.then(|| Self { moments: record.moments.into_iter().map(|pair| pair.map(upload)).collect() })
    }

    /// Moves every parameter that has a gradient, and its average; the others stay. `step` counts from 0.
    pub fn step<M: Module>(
        &mut self,
        model: M,
        average: M,
        mut gradients: GradientsParams,
        settings: &AdamSettings,
        step: u64,
    ) -> (M, M) {
        let flat = flat_gradients(&model, &mut gradients);
        let total = Tensor::zeros([1], &self.moments[0][0].device());
        let squared_norm = flat.iter().flatten().fold(total, |total, gradient| add_squared_norm(total, gradient.clone()));
        let time = i32::try_from(step + 1).unwrap_or(i32::MAX);
        let correction = |beta: f32| (1.0 / (1.0 - f64::from(beta).powi(time))) as f32;
        let scalars = AdamStep {
            learning_rate: settings.learning_rate as f32,
            betas: settings.betas,
            epsilon: EPSILON,
            corrections: (correction(settings.betas.0), correction(settings.betas.1)),
            norm_limit: settings.gradient_norm as f32,
            average_decay: settings.ema_decay as f32,
        };
        let mut new_values = Vec::with_capacity(flat.len());
        let mut new_averages = Vec::with_capacity(flat.len());
        let old = values(&model).into_iter().zip(values(&average));
        for (((value, average), gradient), moments) in old.zip(flat).zip(&mut self.moments) {
            let Some(gradient) = gradient else {
                new_values.push(value);
                new_averages.push(average);
                continue;
            };
            let [first_moment, second_moment] = moments.clone();
            let parameter = AdamParameter { value, first_moment, second_moment, average };
            let parameter = adam_step(parameter, gradient, squared_norm.clone(), scalars);
            *moments = [parameter.first_moment, parameter.second_moment];
            new_values.push(parameter.value);
            new_averages.push(parameter.average);
        }
        (replace(model, new_values), replace(average, new_averages))
    }
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
