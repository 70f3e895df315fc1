//! Registration of the gradient.

use burn::backend::Autodiff;
use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;

use super::SwishOps;

#[derive(Debug)]
struct Swish;

impl<B: SwishOps> Backward<B, 1> for Swish {
    type State = FloatTensor<B>;

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let [parent] = ops.parents;
        let grad = grads.consume::<B>(&ops.node);
        if let Some(node) = parent {
            grads.register::<B>(node.id, B::swish_backward(grad, ops.state));
        }
    }
}

pub(crate) fn swish<B: SwishOps, C: CheckpointStrategy>(x: FloatTensor<Autodiff<B, C>>) -> FloatTensor<Autodiff<B, C>> {
    match Backward::<B, 1>::prepare::<C>(Swish, [x.node()]).compute_bound().stateful() {
        OpsKind::Tracked(prepared) => {
            let x = x.into_primitive();
            prepared.finish(x.clone(), B::swish(x))
        }
        OpsKind::UnTracked(prepared) => prepared.finish(B::swish(x.into_primitive())),
    }
}
