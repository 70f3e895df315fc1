//! Registration of the gradient.

use burn::backend::Autodiff;
use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;

use super::ProductOps;

#[derive(Debug)]
struct DegreeProducts;

impl<B: ProductOps> Backward<B, 2> for DegreeProducts {
    type State = [FloatTensor<B>; 2];

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let [parent_radial, parent_angular] = ops.parents;
        let grad = grads.consume::<B>(&ops.node);
        let [radial, angular] = ops.state;
        let (grad_radial, grad_angular) = B::degree_products_backward(grad, radial, angular);
        if let Some(node) = parent_radial {
            grads.register::<B>(node.id, grad_radial);
        }
        if let Some(node) = parent_angular {
            grads.register::<B>(node.id, grad_angular);
        }
    }
}

pub(crate) fn degree_products<B: ProductOps, C: CheckpointStrategy>(
    radial: FloatTensor<Autodiff<B, C>>,
    angular: FloatTensor<Autodiff<B, C>>,
) -> FloatTensor<Autodiff<B, C>> {
    let nodes = [radial.node(), angular.node()];
    match Backward::<B, 2>::prepare::<C>(DegreeProducts, nodes).compute_bound().stateful() {
        OpsKind::Tracked(prepared) => {
            let (radial, angular) = (radial.into_primitive(), angular.into_primitive());
            prepared.finish([radial.clone(), angular.clone()], B::degree_products(radial, angular))
        }
        OpsKind::UnTracked(prepared) => {
            prepared.finish(B::degree_products(radial.into_primitive(), angular.into_primitive()))
        }
    }
}
