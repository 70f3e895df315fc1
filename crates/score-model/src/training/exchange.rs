//! Several devices that train one model: sums over them, and their common stop.

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};

use burn::tensor::distributed::{ReduceOperation, all_reduce};
use burn::tensor::{Device, Tensor};

/// The devices that share every batch.
#[derive(Debug, Clone, Default)]
pub(super) struct Exchange {
    devices: Vec<Device>,
}

impl Exchange {
    /// Between these plain devices.
    pub(super) fn between(devices: Vec<Device>) -> Self {
        Self { devices }
    }

    /// The sum over all devices of what each gives; every one of them must call.
    pub(super) fn sum(&self, share: Tensor<1>) -> Tensor<1> {
        if self.devices.len() < 2 { share } else { all_reduce(share, ReduceOperation::Sum, self.devices.clone()).resolve() }
    }
}

/// Where the devices wait for one another, so that all stop after the same step.
#[derive(Debug)]
pub(super) struct Meeting {
    barrier: Barrier,
    stop: AtomicBool,
}

impl Meeting {
    /// Of so many devices.
    pub(super) fn of(devices: usize) -> Self {
        Self { barrier: Barrier::new(devices), stop: AtomicBool::new(false) }
    }

    /// Whether to go on; one of the devices decides by `stop`, the others give `false`.
    pub(super) fn go_on(&self, stop: bool) -> bool {
        if stop {
            self.stop.store(true, Ordering::Release);
        }
        self.barrier.wait();
        !self.stop.load(Ordering::Acquire)
    }
}
