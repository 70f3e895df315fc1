//! Optimisers of one crystal: each is told the value and the gradient at the point that it asked for, and names the
//! next one.

mod fire;
mod lbfgs;

use nalgebra::DVector;

pub(crate) use fire::Fire;
pub(crate) use lbfgs::Lbfgs;

use crate::Method;

/// The state of an optimiser.
#[derive(Debug, Clone)]
pub(crate) enum Optimiser {
    Lbfgs(Lbfgs),
    Fire(Fire),
}

/// Where to go next.
#[derive(Debug, Clone)]
pub(crate) struct Proposal {
    pub next: DVector<f64>,
    /// Whether the point just evaluated was taken; if not, the next one starts again at the last that was.
    pub accepted: bool,
}

impl Optimiser {
    pub fn new(method: Method, n: usize) -> Self {
        match method {
            Method::Lbfgs => Self::Lbfgs(Lbfgs::default()),
            Method::Fire => Self::Fire(Fire::new(n)),
        }
    }

    /// The point after z, where the value is `value` (eV, known to within `noise`) and its gradient `gradient`.
    /// `allowed` says which part of a step may be done.
    pub fn next(
        &mut self,
        z: &DVector<f64>,
        value: f64,
        noise: f64,
        gradient: &DVector<f64>,
        allowed: impl Fn(&DVector<f64>) -> f64,
    ) -> Proposal {
        match self {
            Self::Lbfgs(lbfgs) => lbfgs.next(z, value, noise, gradient, allowed),
            Self::Fire(fire) => Proposal { next: fire.next(z, gradient, allowed), accepted: true },
        }
    }
}
