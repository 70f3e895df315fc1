//! Whether a device computes what the processor computes, and how fast its dense layers are.

mod layers;
mod network;
mod states;
mod timing;

use std::path::PathBuf;

use anyhow::Result;
use burn::tensor::{Device, Tensor, TensorData};
use comfy_table::{Table, presets::UTF8_FULL_CONDENSED};
use druse::DeviceName;
use druse::output::write_file;
use druse::provenance::GIT_REVISION;
use serde::Serialize;
use tensor_ops::{Precision, set_precision, set_tensor_cores};

/// What the command line chooses.
#[derive(Debug, Clone, clap::Args)]
pub struct ParityOptions {
    /// Folder of the data; default: DRUSE_DATA, else the user's cache, else the embedded prototypes.
    #[arg(long)]
    pub data: Option<PathBuf>,
    /// cpu, wgpu or cuda.
    #[arg(long, default_value = "cpu")]
    pub device: DeviceName,
    /// Structures whose graphs are compared at each noise level.
    #[arg(long, default_value_t = 1000)]
    pub structures: usize,
    /// Graphs, noise and steps of sites that stay on their Wyckoff positions, in all space groups.
    #[arg(long)]
    pub wyckoff: bool,
    /// Writes the figures here, as JSON.
    #[arg(long)]
    pub json: Option<PathBuf>,
    /// Compares only.
    #[arg(long)]
    pub no_timing: bool,
    /// Leaves out the cases of more rows.
    #[arg(long, default_value_t = usize::MAX, hide_default_value = true)]
    pub max_rows: usize,
    /// Only these ways to multiply; default: all.
    #[arg(long, value_delimiter = ',')]
    pub modes: Vec<Mode>,
    /// Only dense layers of this many inputs; default: all.
    #[arg(long, value_delimiter = ',')]
    pub inputs: Vec<usize>,
}

impl ParityOptions {
    fn modes(&self) -> &[Mode] {
        if self.modes.is_empty() { &Mode::ALL } else { &self.modes }
    }
}

/// One comparison.
#[derive(Debug, Clone, Serialize)]
pub struct Comparison {
    /// How products were computed.
    pub mode: Mode,
    /// What was compared.
    pub what: String,
    /// Sizes, or the like.
    pub case: String,
    /// Largest deviation, relative to the largest value.
    pub error: f64,
    /// What it may be.
    pub tolerance: f64,
}

impl Comparison {
    /// A deviation that is not a number has not passed.
    fn passed(&self) -> bool {
        self.error <= self.tolerance
    }
}

/// How products are computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Tensor cores, single precision.
    Single,
    /// Tensor cores, factors in TF32.
    Tf32,
    /// Without tensor cores.
    Plain,
}

impl Mode {
    const ALL: [Self; 3] = [Self::Single, Self::Tf32, Self::Plain];

    fn set(self) {
        set_tensor_cores(self != Self::Plain);
        set_precision(if self == Self::Tf32 { Precision::Tf32 } else { Precision::Single });
    }

    fn name(self) -> &'static str {
        match self {
            Self::Single => "single",
            Self::Tf32 => "tf32",
            Self::Plain => "no tensor cores",
        }
    }

    /// What deviation a value, and what a gradient may have.
    fn tolerances(self) -> [f64; 2] {
        if self == Self::Tf32 { [5e-3, 1e-2] } else { [1e-5, 1e-4] }
    }
}

/// One timing.
#[derive(Debug, Clone, Serialize)]
pub struct Timing {
    mode: Mode,
    what: String,
    microseconds: f64,
    tera_operations_per_second: f64,
    gigabytes_per_second: f64,
}

/// Compares everything and measures; the tables, and whether all comparisons passed. Precision and use of tensor cores
/// are as at the program's start afterwards.
///
/// # Errors
/// If the device cannot be opened or a part fails.
pub fn run(options: &ParityOptions) -> Result<(String, bool)> {
    let device = options.device.open()?;
    let processor = DeviceName::Cpu.open()?;
    tracing::info!("graphs, noise and steps");
    let (graphs, same_graphs) = states::compare(options, &device, &processor)?;
    let mut comparisons = Vec::new();
    let mut timings = Vec::new();
    for &mode in options.modes() {
        mode.set();
        tracing::info!("dense layers, {}", mode.name());
        let mut found = layers::compare(mode, &device, &processor, options);
        report(&found);
        comparisons.append(&mut found);
        tracing::info!("network, {}", mode.name());
        let mut found = network::compare(mode, &device, &processor)?;
        report(&found);
        comparisons.append(&mut found);
    }
    if !options.no_timing {
        let n_rows = if options.device == DeviceName::Cpu { 1 << 12 } else { 1 << 18 };
        for &mode in options.modes() {
            mode.set();
            timings.extend(timing::measure(mode, &device, n_rows)?);
        }
    }
    Mode::Single.set();
    let passed = same_graphs && comparisons.iter().all(Comparison::passed);
    if let Some(path) = &options.json {
        let document = serde_json::json!({
            "device": options.device, "git": GIT_REVISION, "passed": passed, "comparisons": comparisons, "timings": timings,
        });
        write_file(path, serde_json::to_string_pretty(&document)? + "\n")?;
    }
    Ok((format!("{graphs}\n{}\n{}", comparison_table(&comparisons), timing_table(&timings)), passed))
}

/// Failures as they come: a later part may not get to its end.
fn report(comparisons: &[Comparison]) {
    for Comparison { what, case, error, tolerance, .. } in comparisons.iter().filter(|comparison| !comparison.passed())
    {
        tracing::warn!("{what}, {case}: {error:.1e}, more than {tolerance:.0e}");
    }
}

fn comparison_table(comparisons: &[Comparison]) -> Table {
    let mut table = Table::new();
    table.load_preset(UTF8_FULL_CONDENSED).set_header(["mode", "what", "case", "error", "tolerance", ""]);
    for comparison in comparisons {
        let Comparison { mode, what, case, error, tolerance } = comparison;
        let verdict = if comparison.passed() { "pass" } else { "FAIL" };
        table.add_row([mode.name(), what, case, &format!("{error:.1e}"), &format!("{tolerance:.0e}"), verdict]);
    }
    table
}

fn timing_table(timings: &[Timing]) -> Table {
    let mut table = Table::new();
    table.load_preset(UTF8_FULL_CONDENSED).set_header(["mode", "what", "µs", "TFLOP/s", "GB/s"]);
    for Timing { mode, what, microseconds, tera_operations_per_second, gigabytes_per_second } in timings {
        let figures =
            [microseconds, tera_operations_per_second, gigabytes_per_second].map(|figure| format!("{figure:.1}"));
        table.add_row([mode.name(), what].into_iter().chain(figures.iter().map(String::as_str)));
    }
    table
}

fn upload<const D: usize>(values: &[f32], shape: [usize; D], device: &Device) -> Tensor<D> {
    Tensor::from_data(TensorData::new(values.to_vec(), shape), device)
}

fn download<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}

/// Largest deviation relative to the largest expected value; infinite where the lengths differ or a value is not a
/// number.
fn deviation(found: &[f32], expected: &[f32]) -> f64 {
    let difference = |(found, expected): (&f32, &f32)| (f64::from(*found) - f64::from(*expected)).abs();
    let largest = |largest: f64, value: f64| if value.is_nan() { f64::INFINITY } else { largest.max(value) };
    if found.len() != expected.len() {
        return f64::INFINITY;
    }
    let scale = expected.iter().map(|value| f64::from(value.abs())).fold(0.0, largest);
    found.iter().zip(expected).map(difference).fold(0.0, largest) / scale.max(f64::MIN_POSITIVE)
}
