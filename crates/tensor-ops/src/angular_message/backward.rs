//! Registration of the gradient.

use burn::backend::Autodiff;
use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::{FloatTensor, IntTensor};

use super::AngularOps;

#[derive(Debug)]
struct AngularMessage;

impl<B: AngularOps> Backward<B, 2> for AngularMessage {
    type State = ([FloatTensor<B>; 3], [IntTensor<B>; 2]);

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let [parent_x, parent_filters] = ops.parents;
        let grad = grads.consume::<B>(&ops.node);
        let ([x, filters, harmonics], [source, offsets]) = ops.state;
        let (grad_x, grad_filters) = B::angular_message_backward(grad, x, filters, harmonics, source, offsets);
        if let Some(node) = parent_x {
            grads.register::<B>(node.id, grad_x);
        }
        if let Some(node) = parent_filters {
            grads.register::<B>(node.id, grad_filters);
        }
    }
}

pub(crate) fn angular_message<B: AngularOps, C: CheckpointStrategy>(
    x: FloatTensor<Autodiff<B, C>>,
    filters: FloatTensor<Autodiff<B, C>>,
    harmonics: FloatTensor<Autodiff<B, C>>,
    source: IntTensor<B>,
    offsets: IntTensor<B>,
) -> FloatTensor<Autodiff<B, C>> {
    let harmonics = harmonics.into_primitive();
    let nodes = [x.node(), filters.node()];
    match Backward::<B, 2>::prepare::<C>(AngularMessage, nodes).compute_bound().stateful() {
        OpsKind::Tracked(prepared) => {
            let (x, filters) = (x.into_primitive(), filters.into_primitive());
            let output =
                B::angular_message(x.clone(), filters.clone(), harmonics.clone(), source.clone(), offsets.clone());
            prepared.finish(([x, filters, harmonics], [source, offsets]), output)
        }
        OpsKind::UnTracked(prepared) => {
            let output = B::angular_message(x.into_primitive(), filters.into_primitive(), harmonics, source, offsets);
            prepared.finish(output)
        }
    }
}
