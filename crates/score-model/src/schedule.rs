//! Noise levels (the paper's §3; method §2).

use crystal_core::ConfigError;
use serde::{Deserialize, Serialize};

/// Two geometric sequences of variances, one for positions (Å²), one for lattice coordinates. Level 0 is the lowest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoiseSchedule {
    /// Number of levels.
    pub n_levels: usize,
    /// Lowest and highest variance of positions, Å².
    pub position_variance: (f64, f64),
    /// Lowest and highest variance of the lattice coordinates y.
    pub lattice_variance: (f64, f64),
}

impl Default for NoiseSchedule {
    /// The paper's: 10 levels, 0.001 → 36 Å² and 0.1 → 36.
    fn default() -> Self {
        Self { n_levels: 10, position_variance: (0.001, 36.0), lattice_variance: (0.1, 36.0) }
    }
}

impl NoiseSchedule {
    /// Whether the numbers make sense.
    ///
    /// # Errors
    /// [`ConfigError`] for the first field that does not.
    pub fn check(&self) -> Result<(), ConfigError> {
        ConfigError::unless(self.n_levels >= 1, "n_levels", self.n_levels, "at least 1")?;
        let variances = [("position_variance", self.position_variance), ("lattice_variance", self.lattice_variance)];
        variances.into_iter().try_for_each(|(field, (low, high))| {
            let valid = low > 0.0 && high >= low && high.is_finite();
            ConfigError::unless(valid, field, (low, high), "two numbers above 0, the second not below the first")
        })
    }

    /// Standard deviation of positions at a level, Å.
    pub fn position_sigma(&self, level: usize) -> f64 {
        self.geometric(self.position_variance, level).sqrt()
    }

    /// Standard deviation of the lattice coordinates at a level.
    pub fn lattice_sigma(&self, level: usize) -> f64 {
        self.geometric(self.lattice_variance, level).sqrt()
    }

    fn geometric(&self, (low, high): (f64, f64), level: usize) -> f64 {
        if self.n_levels < 2 { low } else { low * libm::pow(high / low, level as f64 / (self.n_levels - 1) as f64) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedule_ends_where_the_paper_says() {
        let schedule = NoiseSchedule::default();
        assert!((schedule.position_sigma(0).powi(2) - 0.001).abs() < 1e-12);
        assert!((schedule.position_sigma(9).powi(2) - 36.0).abs() < 1e-9);
        assert!((schedule.lattice_sigma(0).powi(2) - 0.1).abs() < 1e-12);
        let ratio = |level: usize| schedule.position_sigma(level + 1) / schedule.position_sigma(level);
        assert!((ratio(0) - ratio(7)).abs() < 1e-12);
    }

    #[test]
    fn nonsense_schedules_are_named() {
        let with =
            |n_levels, position_variance| NoiseSchedule { n_levels, position_variance, ..NoiseSchedule::default() };
        assert!(with(0, (0.1, 1.0)).check().is_err());
        assert!(with(3, (0.0, 1.0)).check().is_err());
        assert!(with(3, (2.0, 1.0)).check().is_err());
        assert!(with(3, (f64::NAN, 1.0)).check().is_err());
        assert!(NoiseSchedule::default().check().is_ok());
    }
}
