//! FIRE: damped dynamics (Bitzek et al., Phys. Rev. Lett. 97, 170201 (2006)).

use nalgebra::DVector;

/// Steps downhill before the time step grows.
const DELAY: usize = 5;
const GROWTH: f64 = 1.1;
const SHRINKAGE: f64 = 0.5;
const MIXING: f64 = 0.1;
const MIXING_DECAY: f64 = 0.99;
/// In the coordinates z stiffness is about 1, so these are fractions of the period of a vibration over 2π.
const FIRST_TIME_STEP: f64 = 0.5;
const LONGEST_TIME_STEP: f64 = 1.0;

/// Velocity and time step, for unit mass.
#[derive(Debug, Clone)]
pub(crate) struct Fire {
    velocity: DVector<f64>,
    time_step: f64,
    mixing: f64,
    downhill: usize,
}

impl Fire {
    pub fn new(n: usize) -> Self {
        Self { velocity: DVector::zeros(n), time_step: FIRST_TIME_STEP, mixing: MIXING, downhill: 0 }
    }

    pub fn next(
        &mut self,
        z: &DVector<f64>,
        gradient: &DVector<f64>,
        allowed: impl Fn(&DVector<f64>) -> f64,
    ) -> DVector<f64> {
        let power = -gradient.dot(&self.velocity);
        if power > 0.0 {
            let along = self.velocity.norm() / gradient.norm();
            self.velocity = &self.velocity * (1.0 - self.mixing) - gradient * (self.mixing * along);
            if self.downhill > DELAY {
                self.time_step = (self.time_step * GROWTH).min(LONGEST_TIME_STEP);
                self.mixing *= MIXING_DECAY;
            }
            self.downhill += 1;
        } else if self.velocity.amax() > 0.0 {
            self.velocity.fill(0.0);
            self.time_step *= SHRINKAGE;
            self.mixing = MIXING;
            self.downhill = 0;
        }
        self.velocity -= gradient * self.time_step;
        let step = &self.velocity * self.time_step;
        z + &step * allowed(&step)
    }
}
