//! Timing a device, and what a figure is.

use crystal_core::whole;
use std::time::Instant;

use anyhow::{Context, Result};
use burn::tensor::Device;
use serde::Serialize;

/// Timed blocks; the spread is over them.
const BLOCKS: usize = 5;
/// Repetitions within a block: the device works without waiting for the host.
const REPETITIONS: usize = 4;

/// One measurement.
#[derive(Debug, Clone, Serialize)]
pub struct Measurement {
    /// What was measured.
    pub what: String,
    /// Structures per batch; none for a ceiling.
    pub batch: Option<usize>,
    /// The figure: the median over the blocks.
    pub value: f64,
    /// Lowest and highest over the blocks.
    pub range: (f64, f64),
    /// Its unit.
    pub unit: &'static str,
    /// Share of the ceiling that bounds it, if one of those measured does.
    pub of_ceiling: Option<f64>,
}

/// Seconds of one repetition in each block.
#[derive(Debug, Clone)]
pub(super) struct Seconds(Vec<f64>);

impl Seconds {
    /// Times `work`; the first runs are not counted.
    pub(super) fn of(device: &Device, mut work: impl FnMut() -> Result<()>) -> Result<Self> {
        for _ in 0..2 {
            work()?;
        }
        let block = |_| {
            device.sync().context("waiting for the device")?;
            let start = Instant::now();
            for _ in 0..REPETITIONS {
                work()?;
            }
            device.sync().context("waiting for the device")?;
            Ok(start.elapsed().as_secs_f64() / REPETITIONS as f64)
        };
        Ok(Self((0..BLOCKS).map(block).collect::<Result<_>>()?))
    }

    /// Of times taken elsewhere.
    pub(super) fn from_blocks(blocks: Vec<f64>) -> Self {
        Self(blocks)
    }

    pub(super) fn median(&self) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        sorted[sorted.len() / 2]
    }

    /// A figure that is `work` per second.
    pub(super) fn rate(&self, what: &str, batch: Option<usize>, work: f64, unit: &'static str) -> Measurement {
        self.measurement(what, batch, |seconds| work / seconds, unit)
    }

    /// The time itself, in ms.
    pub(super) fn milliseconds(&self, what: &str, batch: Option<usize>) -> Measurement {
        self.measurement(what, batch, |seconds| 1e3 * seconds, "ms")
    }

    fn measurement(
        &self,
        what: &str,
        batch: Option<usize>,
        figure: impl Fn(f64) -> f64,
        unit: &'static str,
    ) -> Measurement {
        let figures: Vec<f64> = self.0.iter().map(|&seconds| figure(seconds)).collect();
        let range = figures.iter().fold((f64::INFINITY, 0.0_f64), |(low, high), &x| (low.min(x), high.max(x)));
        Measurement { what: what.to_owned(), batch, value: figure(self.median()), range, unit, of_ceiling: None }
    }
}

/// Four significant digits.
pub(super) fn significant(value: f64) -> String {
    let digits = if value == 0.0 { 0 } else { (3 - whole::saturated(value.abs().log10().floor())).max(0) as usize };
    format!("{value:.digits$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_four_digits() {
        assert_eq!(significant(0.019_234), "0.01923");
        assert_eq!(significant(7_421.6), "7422");
        assert_eq!(significant(18.3), "18.30");
    }

    #[test]
    fn a_figure_is_the_median_and_its_range() {
        let figure = Seconds::from_blocks(vec![0.5, 0.25, 1.0]).rate("x", None, 1.0, "1/s");
        assert_eq!((figure.value, figure.range), (2.0, (1.0, 4.0)));
    }
}
