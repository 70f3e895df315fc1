//! CPU loops.

use burn::backend::flex::FlexTensor;

use super::AdamStep;
use crate::flex::{floats, tensor};

/// Value, first moment, second moment and average after the step.
pub(crate) fn step(
    state: [&FlexTensor; 4],
    gradient: &FlexTensor,
    squared_norm: &FlexTensor,
    step: AdamStep,
) -> (FlexTensor, FlexTensor, FlexTensor, FlexTensor) {
    let factor = step.clip_factor(floats(squared_norm)[0]);
    let gradient = floats(gradient);
    let n = gradient.len();
    let [mut value, mut first, mut second, mut average] = state.map(|tensor| floats(tensor).to_vec());
    let blend = |old: f32, new: f32, decay: f32| decay * old + (1.0 - decay) * new;
    for k in 0..n {
        let gradient = gradient[k] * factor;
        first[k] = blend(first[k], gradient, step.betas.0);
        second[k] = blend(second[k], gradient * gradient, step.betas.1);
        let root = (second[k] * step.corrections.1).sqrt();
        value[k] -= step.learning_rate * first[k] * step.corrections.0 / (root + step.epsilon);
        average[k] = blend(average[k], value[k], step.average_decay);
    }
    (tensor(value, [n]), tensor(first, [n]), tensor(second, [n]), tensor(average, [n]))
}

/// `total + Σ x²`.
pub(crate) fn add_squared_norm(total: &FlexTensor, x: &FlexTensor) -> FlexTensor {
    tensor(vec![floats(total)[0] + floats(x).iter().map(|x| x * x).sum::<f32>()], [1])
}
