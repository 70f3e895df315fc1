//! Several devices that train one model: sums over them.

use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use burn::tensor::distributed::{ReduceOperation, all_reduce};
use burn::tensor::{Device, Tensor, TensorData};

use crate::TrainingError;

/// How devices add their gradients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Exchange {
    /// Through the host, in the order of the devices: the same bits in every run, on every backend.
    #[default]
    Host,
    /// From device to device by the backend's collective operations. CUDA only; it needs NCCL's library. If one device
    /// fails, the others wait for it.
    Collective,
}

impl FromStr for Exchange {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "host" => Ok(Self::Host),
            "collective" => Ok(Self::Collective),
            other => Err(format!("'{other}' is not an exchange; give host or collective")),
        }
    }
}

impl fmt::Display for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Host => "host",
            Self::Collective => "collective",
        })
    }
}

/// Where the devices of one training meet.
#[derive(Debug)]
pub(super) struct Meeting {
    exchange: Exchange,
    devices: Vec<Device>,
    state: Mutex<MeetingState>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct MeetingState {
    /// Sums made so far.
    round: u64,
    /// What each device has brought to the next sum.
    shares: Vec<Option<Vec<f32>>>,
    sum: Arc<Vec<f32>>,
    /// Whether a device has gone for good.
    left: bool,
}

impl Meeting {
    /// Of these plain devices.
    pub(super) fn of(devices: Vec<Device>, exchange: Exchange) -> Arc<Self> {
        let state = MeetingState { shares: vec![None; devices.len()], ..MeetingState::default() };
        Arc::new(Self { exchange, devices, state: Mutex::new(state), changed: Condvar::new() })
    }

    /// Takes part as device number `rank`.
    pub(super) fn attend(self: &Arc<Self>, rank: usize) -> Attendance {
        Attendance { meeting: Arc::clone(self), rank }
    }

    fn lock(&self) -> MutexGuard<'_, MeetingState> {
        // Nothing panics while the lock is held, and numbers cannot be left half written.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One device's part in a meeting; when it is dropped, the others wait no longer.
#[derive(Debug)]
pub(super) struct Attendance {
    meeting: Arc<Meeting>,
    rank: usize,
}

impl Attendance {
    /// Which of the devices, from 0, and how many there are.
    pub(super) fn share(&self) -> (usize, usize) {
        (self.rank, self.meeting.devices.len())
    }

    /// The sum of what all devices bring, added in the order of their numbers; every one of them must call.
    ///
    /// # Errors
    /// [`TrainingError::Deserted`] if a device has gone.
    pub(super) fn sum(&self, share: Vec<f32>) -> Result<Arc<Vec<f32>>, TrainingError> {
        if self.meeting.devices.len() == 1 {
            return Ok(Arc::new(share));
        }
        let mut state = self.meeting.lock();
        let round = state.round;
        state.shares[self.rank] = Some(share);
        if state.shares.iter().all(Option::is_some) {
            let mut shares = state.shares.iter_mut().filter_map(Option::take);
            let mut sum = shares.next().unwrap_or_default();
            for share in shares {
                sum.iter_mut().zip(share).for_each(|(sum, share)| *sum += share);
            }
            state.sum = Arc::new(sum);
            state.round += 1;
            self.meeting.changed.notify_all();
        }
        while state.round == round {
            if state.left {
                return Err(TrainingError::Deserted);
            }
            state = self.meeting.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        // The next sum needs this device too, so it has not been made yet.
        Ok(Arc::clone(&state.sum))
    }

    /// The same for a vector on this device.
    ///
    /// # Errors
    /// As for [`Self::sum`].
    pub(super) fn sum_on_device(&self, share: Tensor<1>) -> Result<Tensor<1>, TrainingError> {
        if self.meeting.devices.len() == 1 {
            return Ok(share);
        }
        match self.meeting.exchange {
            Exchange::Host => {
                let device = share.device();
                let sum = self.sum(share.into_data().iter::<f32>().collect())?;
                let shape = [sum.len()];
                Ok(Tensor::from_data(TensorData::new(sum.to_vec(), shape), &device))
            }
            Exchange::Collective => Ok(all_reduce(share, ReduceOperation::Sum, self.meeting.devices.clone()).resolve()),
        }
    }

    /// Whether all want to go on.
    ///
    /// # Errors
    /// As for [`Self::sum`].
    pub(super) fn all_go_on(&self, go_on: bool) -> Result<bool, TrainingError> {
        let stops = self.sum(vec![if go_on { 0.0 } else { 1.0 }])?;
        Ok(stops[0] == 0.0)
    }
}

impl Drop for Attendance {
    fn drop(&mut self) {
        self.meeting.lock().left = true;
        self.meeting.changed.notify_all();
    }
}

#[cfg(all(test, feature = "cpu"))]
mod tests {
    use super::*;

    fn meeting(n: usize) -> Arc<Meeting> {
        Meeting::of(vec![Device::flex(); n], Exchange::Host)
    }

    #[test]
    fn everyone_gets_the_sum_round_after_round() {
        let meeting = meeting(3);
        std::thread::scope(|scope| {
            for rank in 0..3 {
                let attendance = meeting.attend(rank);
                scope.spawn(move || {
                    for round in 0..200 {
                        let sum = attendance.sum(vec![rank as f32, round as f32]).expect("all are there");
                        assert_eq!(*sum, [3.0, 3.0 * round as f32]);
                        assert_eq!(
                            attendance.all_go_on(rank != 1 || round % 2 == 0).expect("all are there"),
                            round % 2 == 0
                        );
                    }
                });
            }
        });
    }

    #[test]
    fn nobody_waits_for_one_who_has_gone() {
        let meeting = meeting(2);
        let (first, second) = (meeting.attend(0), meeting.attend(1));
        std::thread::scope(|scope| {
            let waiting = scope.spawn(move || first.sum(vec![1.0]));
            scope.spawn(move || drop(second));
            assert!(matches!(waiting.join().expect("no panic"), Err(TrainingError::Deserted)));
        });
    }
}
