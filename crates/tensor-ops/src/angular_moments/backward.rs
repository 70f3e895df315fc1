//! Registration of the gradient.

use burn::backend::Autodiff;
use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::{FloatTensor, IntTensor};

use super::MomentOps;

#[derive(Debug)]
struct AngularMoments;

impl<B: MomentOps> Backward<B, 1> for AngularMoments {
    type State = (FloatTensor<B>, [IntTensor<B>; 2]);

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let [parent] = ops.parents;
        let grad = grads.consume::<B>(&ops.node);
        let (harmonics, [source, offsets]) = ops.state;
        if let Some(node) = parent {
            grads.register::<B>(node.id, B::angular_moments_backward(grad, harmonics, source, offsets));
        }
    }
}

pub(crate) fn angular_moments<B: MomentOps, C: CheckpointStrategy>(
    x: FloatTensor<Autodiff<B, C>>,
    harmonics: FloatTensor<Autodiff<B, C>>,
    source: IntTensor<B>,
    offsets: IntTensor<B>,
) -> FloatTensor<Autodiff<B, C>> {
    let harmonics = harmonics.into_primitive();
    match Backward::<B, 1>::prepare::<C>(AngularMoments, [x.node()]).compute_bound().stateful() {
        OpsKind::Tracked(prepared) => {
            let output = B::angular_moments(x.into_primitive(), harmonics.clone(), source.clone(), offsets.clone());
            prepared.finish((harmonics, [source, offsets]), output)
        }
        OpsKind::UnTracked(prepared) => {
            prepared.finish(B::angular_moments(x.into_primitive(), harmonics, source, offsets))
        }
    }
}
