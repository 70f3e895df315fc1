//! Negative log-likelihoods.

use burn::Tensor;
use burn::tensor::activation::log_softmax;
use tensor_ops::gather_rows;

use super::WyckoffModel;
use crate::batch::{Targets, TokenBatch};

/// Negative log-likelihoods of each sequence of a batch or their sums over it, in nats.
#[derive(Debug)]
pub(crate) struct BatchLosses {
    /// Of the compositions, summed over the batch, `[1]`.
    pub(crate) compositions: Tensor<1>,
    /// Of the groups, `[B]`.
    pub(crate) groups: Tensor<1>,
    /// Of the positions, `[B]`.
    pub(crate) positions: Tensor<1>,
}

impl WyckoffModel {
    /// What the sequences of a batch cost.
    pub(crate) fn losses(&self, batch: &TokenBatch, targets: &Targets) -> BatchLosses {
        let tables = self.tables();
        let (hidden, _) = self.hidden(batch, &tables, None);
        let counting = gather_rows(hidden.clone(), &targets.count_rows);
        let elements = log_softmax(self.element_logits(counting.clone(), &tables), 1) * targets.elements.clone();
        let counts = log_softmax(self.count_logits(counting, targets.elements.clone(), &tables), 1);
        let counts = counts * targets.counts.clone();
        let ends = gather_rows(hidden.clone(), &targets.end_rows);
        let groups = log_softmax(self.group_logits(ends, &tables) + targets.group_mask.clone(), 1);
        let groups = (groups * targets.groups.clone()).sum_dim(1).neg().reshape([batch.size]);
        let shape = [batch.size, batch.length];
        let positions = self.position_logits(hidden, shape, &targets.position_rows, &tables);
        let positions = log_softmax(positions + targets.position_mask.clone(), 2) * targets.positions.clone();
        let per_sequence = batch.length * crate::features::MOST_POSITIONS;
        let positions = positions.reshape([batch.size, per_sequence]).sum_dim(1).neg().reshape([batch.size]);
        BatchLosses { compositions: (elements.sum() + counts.sum()).neg(), groups, positions }
    }
}
