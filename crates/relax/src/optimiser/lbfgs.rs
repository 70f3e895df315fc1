//! L-BFGS with the two-loop recursion (Nocedal and Wright, Numerical Optimization, 2006, algorithm 7.4) and steps of
//! bounded length.

use std::collections::VecDeque;

use nalgebra::DVector;

use super::Proposal;

/// Pairs kept; most crystals have fewer degrees of freedom.
const MEMORY: usize = 40;
/// A pair counts if the cosine between step and change of gradient is larger.
const LEAST_CURVATURE: f64 = 1e-4;
/// Of a step that went uphill, how much the next may be.
const SHRINKAGE: f64 = 0.4;
const GROWTH: f64 = 2.0;

/// A step, the change of the gradient along it, and `1/(s·y)`.
#[derive(Debug, Clone)]
struct Pair {
    step: DVector<f64>,
    change: DVector<f64>,
    inverse: f64,
}

/// The last point that was taken.
#[derive(Debug, Clone)]
struct Base {
    z: DVector<f64>,
    value: f64,
    gradient: DVector<f64>,
}

/// History and length of steps.
#[derive(Debug, Clone)]
pub(crate) struct Lbfgs {
    pairs: VecDeque<Pair>,
    base: Option<Base>,
    longest: f64,
}

impl Default for Lbfgs {
    fn default() -> Self {
        Self { pairs: VecDeque::new(), base: None, longest: f64::INFINITY }
    }
}

impl Lbfgs {
    /// A point that is higher than the last one is not taken, but what it says of the curvature is kept: the step from
    /// the last point is computed anew, and shorter.
    pub fn next(
        &mut self,
        z: &DVector<f64>,
        value: f64,
        noise: f64,
        gradient: &DVector<f64>,
        allowed: impl Fn(&DVector<f64>) -> f64,
    ) -> Proposal {
        let mut accepted = true;
        if let Some(base) = &self.base {
            let step = z - &base.z;
            let length = step.norm();
            accepted = value <= base.value + noise;
            self.longest = if accepted { self.longest.max(length) * GROWTH } else { length * SHRINKAGE };
            let change = gradient - &base.gradient;
            self.learn(step, change);
        }
        let base = match self.base.take() {
            Some(base) if !accepted => base,
            _ => Base { z: z.clone(), value, gradient: gradient.clone() },
        };
        let mut step = self.descent(&base.gradient);
        if step.dot(&base.gradient) >= 0.0 {
            self.pairs.clear();
            step = -&base.gradient;
        }
        let part = (self.longest / step.norm().max(f64::MIN_POSITIVE)).min(1.0);
        step *= part;
        step *= allowed(&step);
        let next = &base.z + step;
        self.base = Some(base);
        Proposal { next, accepted }
    }

    fn learn(&mut self, step: DVector<f64>, change: DVector<f64>) {
        let product = step.dot(&change);
        if product > LEAST_CURVATURE * step.norm() * change.norm() && product > 0.0 {
            if self.pairs.len() == MEMORY {
                self.pairs.pop_front();
            }
            self.pairs.push_back(Pair { step, change, inverse: 1.0 / product });
        }
    }

    /// `−H·g` with H the estimate of the inverse stiffness.
    fn descent(&self, gradient: &DVector<f64>) -> DVector<f64> {
        let mut direction = -gradient;
        let mut weights = Vec::with_capacity(self.pairs.len());
        for pair in self.pairs.iter().rev() {
            let weight = pair.inverse * pair.step.dot(&direction);
            direction -= &pair.change * weight;
            weights.push(weight);
        }
        if let Some(last) = self.pairs.back() {
            direction /= last.inverse * last.change.norm_squared();
        }
        for (pair, weight) in self.pairs.iter().zip(weights.iter().rev()) {
            direction += &pair.step * (weight - pair.inverse * pair.change.dot(&direction));
        }
        direction
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optimiser::Fire;

    /// Rosenbrock's valley and its gradient.
    fn valley(z: &DVector<f64>) -> (f64, DVector<f64>) {
        let (x, y) = (z[0], z[1]);
        let value = (1.0 - x).powi(2) + 20.0 * (y - x * x).powi(2);
        (value, DVector::from_vec(vec![-2.0 * (1.0 - x) - 80.0 * x * (y - x * x), 40.0 * (y - x * x)]))
    }

    #[test]
    fn both_find_the_bottom_of_a_bent_valley() {
        let limit = |step: &DVector<f64>| 1.0_f64.min(0.3 / step.norm());
        let (mut lbfgs, mut z, mut n_lbfgs) = (Lbfgs::default(), DVector::from_vec(vec![-1.2, 1.0]), 0);
        while valley(&z).1.norm() > 1e-6 {
            let (value, gradient) = valley(&z);
            z = lbfgs.next(&z, value, 0.0, &gradient, limit).next;
            n_lbfgs += 1;
            assert!(n_lbfgs < 100, "{z}");
        }
        assert!((z - DVector::from_element(2, 1.0)).norm() < 1e-5);
        let (mut fire, mut z, mut n_fire) = (Fire::new(2), DVector::from_vec(vec![-1.2, 1.0]), 0);
        while valley(&z).1.norm() > 1e-4 {
            z = fire.next(&z, &valley(&z).1, limit);
            n_fire += 1;
            assert!(n_fire < 5000, "{z}");
        }
        assert!((z - DVector::from_element(2, 1.0)).norm() < 1e-3);
        assert!(n_lbfgs < n_fire);
    }

    #[test]
    fn a_point_uphill_is_not_taken() {
        let mut lbfgs = Lbfgs::default();
        let (start, down) = (DVector::from_element(1, 0.0), DVector::from_element(1, -1.0));
        let first = lbfgs.next(&start, 0.0, 1e-6, &down, |_| 1.0);
        assert!(first.accepted && first.next[0] == 1.0);
        let second = lbfgs.next(&first.next, 1.0, 1e-6, &DVector::from_element(1, 4.0), |_| 1.0);
        // The gradient −1 at 0 and 4 at 1: a parabola with its bottom at 0.2.
        assert!(!second.accepted && (second.next[0] - 0.2).abs() < 1e-12, "{second:?}");
    }
}
