//! Registration of the gradients. The input's is left out where nothing upstream is trained.

use burn::backend::Autodiff;
use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;

use super::DenseOps;

#[derive(Debug)]
struct Dense;

impl<B: DenseOps> Backward<B, 2> for Dense {
    type State = [FloatTensor<B>; 2];

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let [parent_x, parent_weight] = ops.parents;
        let grad = grads.consume::<B>(&ops.node);
        let [x, weight] = ops.state;
        if let Some(node) = parent_x {
            grads.register::<B>(node.id, B::dense_input_gradient(grad.clone(), weight));
        }
        if let Some(node) = parent_weight {
            grads.register::<B>(node.id, B::dense_weight_gradient(grad, x));
        }
    }
}

pub(crate) fn dense<B: DenseOps, C: CheckpointStrategy>(
    x: FloatTensor<Autodiff<B, C>>,
    weight: FloatTensor<Autodiff<B, C>>,
) -> FloatTensor<Autodiff<B, C>> {
    match Backward::<B, 2>::prepare::<C>(Dense, [x.node(), weight.node()]).compute_bound().stateful() {
        OpsKind::Tracked(prepared) => {
            let (x, weight) = (x.into_primitive(), weight.into_primitive());
            prepared.finish([x.clone(), weight.clone()], B::dense(x, weight))
        }
        OpsKind::UnTracked(prepared) => prepared.finish(B::dense(x.into_primitive(), weight.into_primitive())),
    }
}

#[derive(Debug)]
struct DenseWithBias;

impl<B: DenseOps> Backward<B, 3> for DenseWithBias {
    type State = [FloatTensor<B>; 2];

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let [parent_x, parent_weight, parent_bias] = ops.parents;
        let grad = grads.consume::<B>(&ops.node);
        let [x, weight] = ops.state;
        if let Some(node) = parent_x {
            grads.register::<B>(node.id, B::dense_input_gradient(grad.clone(), weight));
        }
        if parent_weight.is_some() || parent_bias.is_some() {
            let (grad_weight, grad_bias) = B::dense_parameter_gradients(grad, x);
            if let Some(node) = parent_weight {
                grads.register::<B>(node.id, grad_weight);
            }
            if let Some(node) = parent_bias {
                grads.register::<B>(node.id, grad_bias);
            }
        }
    }
}

pub(crate) fn dense_with_bias<B: DenseOps, C: CheckpointStrategy>(
    x: FloatTensor<Autodiff<B, C>>,
    weight: FloatTensor<Autodiff<B, C>>,
    bias: FloatTensor<Autodiff<B, C>>,
) -> FloatTensor<Autodiff<B, C>> {
    let nodes = [x.node(), weight.node(), bias.node()];
    match Backward::<B, 3>::prepare::<C>(DenseWithBias, nodes).compute_bound().stateful() {
        OpsKind::Tracked(prepared) => {
            let (x, weight) = (x.into_primitive(), weight.into_primitive());
            let output = B::dense_with_bias(x.clone(), weight.clone(), bias.into_primitive());
            prepared.finish([x, weight], output)
        }
        OpsKind::UnTracked(prepared) => {
            prepared.finish(B::dense_with_bias(x.into_primitive(), weight.into_primitive(), bias.into_primitive()))
        }
    }
}
