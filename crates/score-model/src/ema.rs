//! Exponential moving average of a model's parameters. Sampling uses the averaged model.

use burn::Tensor;
use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};

/// `average ← decay·average + (1 − decay)·model`, on the device, for every float parameter.
///
/// Start with `model.valid()` as the average. `average` must come from the same architecture: the parameters are paired in the order of traversal.
///
/// # Panics
/// If the two have different numbers or shapes of parameters.
pub fn update_average<M: Module>(average: M, model: &M, decay: f64) -> M {
    struct Collector {
        values: Vec<Tensor<1>>,
    }
    impl ModuleVisitor for Collector {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            self.values.push(param.val().without_autodiff().reshape([-1]));
        }
    }
    struct Blend {
        values: std::vec::IntoIter<Tensor<1>>,
        decay: f64,
    }
    impl ModuleMapper for Blend {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            let value = self.values.next().expect("both models have the same parameters");
            param.map(|average| {
                let value = value.reshape(average.shape());
                average.without_autodiff().mul_scalar(self.decay) + value.mul_scalar(1.0 - self.decay)
            })
        }
    }
    let mut collector = Collector { values: Vec::new() };
    model.visit(&mut collector);
    average.map(&mut Blend { values: collector.values.into_iter(), decay })
}
