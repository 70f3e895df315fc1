//! Registration of the gradients.

use burn::backend::Autodiff;
use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;

use super::DenseSwishOps;
use super::SwishParts;

#[derive(Debug)]
struct DenseSwish(SwishParts);

impl<B: DenseSwishOps> Backward<B, 4> for DenseSwish {
    /// x, the weight, and what the activation was applied to.
    type State = [FloatTensor<B>; 3];

    fn backward(self, ops: Ops<Self::State, 4>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let [parent_x, parent_weight, parent_bias, parent_residual] = ops.parents;
        let parent_bias = parent_bias.filter(|_| self.0.bias);
        let grad = grads.consume::<B>(&ops.node);
        let [x, weight, inner] = ops.state;
        if let Some(node) = parent_residual.filter(|_| self.0.residual) {
            grads.register::<B>(node.id, grad.clone());
        }
        if parent_x.is_none() && parent_weight.is_none() && parent_bias.is_none() {
            return;
        }
        if let (Some(x_node), Some(weight_node)) = (&parent_x, &parent_weight) {
            let (grad_x, grad_weight, grad_bias) = B::dense_swish_gradients(grad, inner, x, weight, self.0);
            grads.register::<B>(x_node.id, grad_x);
            grads.register::<B>(weight_node.id, grad_weight);
            if let Some(node) = parent_bias {
                grads.register::<B>(node.id, grad_bias);
            }
            return;
        }
        let grad = B::swish_backward(grad, inner);
        if let Some(node) = parent_x {
            grads.register::<B>(node.id, B::dense_input_gradient(grad.clone(), weight));
        }
        if let Some(bias_node) = parent_bias {
            let (grad_weight, grad_bias) = B::dense_parameter_gradients(grad, x);
            if let Some(node) = parent_weight {
                grads.register::<B>(node.id, grad_weight);
            }
            grads.register::<B>(bias_node.id, grad_bias);
        } else if let Some(node) = parent_weight {
            grads.register::<B>(node.id, B::dense_weight_gradient(grad, x));
        }
    }
}

pub(crate) fn dense_swish<B: DenseSwishOps, C: CheckpointStrategy>(
    x: FloatTensor<Autodiff<B, C>>,
    weight: FloatTensor<Autodiff<B, C>>,
    bias: FloatTensor<Autodiff<B, C>>,
    residual: FloatTensor<Autodiff<B, C>>,
    parts: SwishParts,
) -> FloatTensor<Autodiff<B, C>> {
    let nodes = [x.node(), weight.node(), bias.node(), residual.node()];
    match Backward::<B, 4>::prepare::<C>(DenseSwish(parts), nodes).compute_bound().stateful() {
        OpsKind::Tracked(prepared) => {
            let (x, weight) = (x.into_primitive(), weight.into_primitive());
            let (bias, residual) = (bias.into_primitive(), residual.into_primitive());
            let (output, inner) = B::dense_swish_with_inner(x.clone(), weight.clone(), bias, residual, parts);
            prepared.finish([x, weight, inner], output)
        }
        OpsKind::UnTracked(prepared) => prepared.finish(B::dense_swish(
            x.into_primitive(),
            weight.into_primitive(),
            bias.into_primitive(),
            residual.into_primitive(),
            parts,
        )),
    }
}
