//! Registration of the gradients.

use burn::backend::Autodiff;
use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;

use super::LayerNormOps;

#[derive(Debug)]
struct LayerNorm;

impl<B: LayerNormOps> Backward<B, 3> for LayerNorm {
    type State = [FloatTensor<B>; 2];

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let parents = ops.parents;
        let grad = grads.consume::<B>(&ops.node);
        let [x, gamma] = ops.state;
        let (grad_x, grad_gamma, grad_beta) = B::normalise_rows_backward(grad, x, gamma);
        for (parent, grad) in parents.into_iter().zip([grad_x, grad_gamma, grad_beta]) {
            if let Some(node) = parent {
                grads.register::<B>(node.id, grad);
            }
        }
    }
}

pub(crate) fn layer_norm<B: LayerNormOps, C: CheckpointStrategy>(
    x: FloatTensor<Autodiff<B, C>>,
    gamma: FloatTensor<Autodiff<B, C>>,
    beta: FloatTensor<Autodiff<B, C>>,
) -> FloatTensor<Autodiff<B, C>> {
    let nodes = [x.node(), gamma.node(), beta.node()];
    match Backward::<B, 3>::prepare::<C>(LayerNorm, nodes).compute_bound().stateful() {
        OpsKind::Tracked(prepared) => {
            let (x, gamma) = (x.into_primitive(), gamma.into_primitive());
            let output = B::normalise_rows(x.clone(), gamma.clone(), beta.into_primitive());
            prepared.finish([x, gamma], output)
        }
        OpsKind::UnTracked(prepared) => {
            prepared.finish(B::normalise_rows(x.into_primitive(), gamma.into_primitive(), beta.into_primitive()))
        }
    }
}
