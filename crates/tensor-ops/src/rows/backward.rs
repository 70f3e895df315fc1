//! Gradients: the transpose of a gather is a segment sum by the same index, and the reverse.

use burn::backend::Autodiff;
use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::{FloatTensor, IntTensor};

use super::RowOps;

#[derive(Debug)]
struct GatherRows;

impl<B: RowOps> Backward<B, 1> for GatherRows {
    type State = [IntTensor<B>; 3];

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let [parent] = ops.parents;
        let grad = grads.consume::<B>(&ops.node);
        let [index, offsets, order] = ops.state;
        if let Some(node) = parent {
            grads.register::<B>(node.id, B::segment_sum(grad, index, offsets, order));
        }
    }
}

pub(crate) fn gather_rows<B: RowOps, C: CheckpointStrategy>(
    x: FloatTensor<Autodiff<B, C>>,
    index: IntTensor<B>,
    offsets: IntTensor<B>,
    order: IntTensor<B>,
) -> FloatTensor<Autodiff<B, C>> {
    match Backward::<B, 1>::prepare::<C>(GatherRows, [x.node()]).compute_bound().stateful() {
        OpsKind::Tracked(prepared) => {
            let output = B::gather_rows(x.into_primitive(), index.clone(), offsets.clone(), order.clone());
            prepared.finish([index, offsets, order], output)
        }
        OpsKind::UnTracked(prepared) => prepared.finish(B::gather_rows(x.into_primitive(), index, offsets, order)),
    }
}

#[derive(Debug)]
struct SegmentSum;

impl<B: RowOps> Backward<B, 1> for SegmentSum {
    type State = [IntTensor<B>; 3];

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let [parent] = ops.parents;
        let grad = grads.consume::<B>(&ops.node);
        let [index, offsets, order] = ops.state;
        if let Some(node) = parent {
            grads.register::<B>(node.id, B::gather_rows(grad, index, offsets, order));
        }
    }
}

pub(crate) fn segment_sum<B: RowOps, C: CheckpointStrategy>(
    x: FloatTensor<Autodiff<B, C>>,
    index: IntTensor<B>,
    offsets: IntTensor<B>,
    order: IntTensor<B>,
) -> FloatTensor<Autodiff<B, C>> {
    match Backward::<B, 1>::prepare::<C>(SegmentSum, [x.node()]).compute_bound().stateful() {
        OpsKind::Tracked(prepared) => {
            let output = B::segment_sum(x.into_primitive(), index.clone(), offsets.clone(), order.clone());
            prepared.finish([index, offsets, order], output)
        }
        OpsKind::UnTracked(prepared) => prepared.finish(B::segment_sum(x.into_primitive(), index, offsets, order)),
    }
}
