//! Registration of the gradient.

use burn::backend::Autodiff;
use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;

use super::SquaredErrorOps;

#[derive(Debug)]
struct SquaredError;

impl<B: SquaredErrorOps> Backward<B, 1> for SquaredError {
    type State = [FloatTensor<B>; 3];

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let [parent] = ops.parents;
        let grad = grads.consume::<B>(&ops.node);
        let [estimate, target, weights] = ops.state;
        if let Some(node) = parent {
            grads.register::<B>(node.id, B::squared_error_backward(grad, estimate, target, weights));
        }
    }
}

pub(crate) fn squared_error<B: SquaredErrorOps, C: CheckpointStrategy>(
    estimate: FloatTensor<Autodiff<B, C>>,
    target: FloatTensor<Autodiff<B, C>>,
    weights: FloatTensor<Autodiff<B, C>>,
) -> FloatTensor<Autodiff<B, C>> {
    let (target, weights) = (target.into_primitive(), weights.into_primitive());
    match Backward::<B, 1>::prepare::<C>(SquaredError, [estimate.node()]).compute_bound().stateful() {
        OpsKind::Tracked(prepared) => {
            let estimate = estimate.into_primitive();
            let output = B::squared_error(estimate.clone(), target.clone(), weights.clone());
            prepared.finish([estimate, target, weights], output)
        }
        OpsKind::UnTracked(prepared) => prepared.finish(B::squared_error(estimate.into_primitive(), target, weights)),
    }
}
