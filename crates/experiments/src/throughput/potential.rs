//! How fast and how exact the potential is on a device: energy, forces and stress of full cells and of the symmetric
//! graph, and relaxation of sampled crystals.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Result, bail};
use crystal_core::{AsymmetricUnit, SiteMode, Structure};
use datasets::{LoadOptions, Record, Split, load, locate};
use druse::provenance::GIT_REVISION;
use druse::{DeviceName, checkpoint};
use langevin::{FewStep, Method, Outcome, Sampler, SamplerConfig, SamplingError, SamplingOrder};
use potential::{
    Evaluation, GPA_PER_EV_PER_CUBIC_ANGSTROM, Inputs, Nequix, PartSeconds, Potential, PotentialError, Work,
};
use relax::{Crystal, Options, RelaxError, Relaxation};

use super::kept::Kept;
use super::timing::{Measurement, Seconds};
use super::{Ceilings, Reports};
use crate::table1::reference::{draw_orders, order_of};

/// Passes that are timed; the one before them is not.
const PASSES: usize = 5;
/// Crystals on which device and processor are compared.
const COMPARED: usize = 200;

/// What the command line chooses.
#[derive(Debug, Clone, clap::Args)]
pub struct PotentialThroughputOptions {
    /// Folder of the data; default: DRUSE_DATA, else the user's cache, else the embedded prototypes.
    #[arg(long)]
    pub data: Option<PathBuf>,
    /// cpu, wgpu or cuda.
    #[arg(long, default_value = "cpu")]
    pub device: DeviceName,
    /// Crystals of the test split per call of the potential, one measurement each.
    #[arg(long, value_delimiter = ',', default_value = "32")]
    pub batch_sizes: Vec<usize>,
    /// Few-step samples of test-split orders that are relaxed in the symmetric mode; 0 leaves the relaxation out.
    #[arg(long, default_value_t = 20)]
    pub relaxed: usize,
    /// Non-equivalent sites in a batch of the relaxation, one run each; default: what suits the device.
    #[arg(long, value_delimiter = ',')]
    pub batch_sites: Vec<usize>,
    /// Batches of the relaxation in flight.
    #[arg(long, default_value_t = 2)]
    pub batches: usize,
    /// Files of figures.
    #[command(flatten)]
    pub reports: Reports,
}

/// Crystals in both forms.
struct Crystals {
    structures: Vec<Structure>,
    units: Vec<AsymmetricUnit>,
}

impl Crystals {
    /// The first `n` records, from the beginning again where there are fewer.
    fn of(records: &[&Record], n: usize) -> Self {
        let taken = || records.iter().cycle().take(n);
        let units: Vec<AsymmetricUnit> = taken().filter_map(|record| record.unit.clone().ok()).collect();
        let structures = units.iter().filter_map(|unit| unit.expand().ok()).collect();
        Self { structures, units }
    }

    fn atoms(&self) -> usize {
        self.structures.iter().map(Structure::n_sites).sum()
    }

    fn sites(&self) -> usize {
        self.units.iter().map(|unit| unit.sites().len()).sum()
    }
}

/// Largest deviations of two evaluations of the same crystals: eV/atom, eV/Å, eV/Å³.
fn deviations<'a>(
    atoms: impl Iterator<Item = usize>,
    pairs: impl Iterator<Item = (&'a Evaluation, &'a Evaluation)>,
) -> [f64; 3] {
    let mut worst = [0.0_f64; 3];
    for (atoms, (a, b)) in atoms.zip(pairs) {
        worst[0] = worst[0].max((a.energy - b.energy).abs() / atoms as f64);
        let forces = a.forces.iter().zip(&b.forces).map(|(a, b)| (a - b).amax());
        worst[1] = forces.fold(worst[1], f64::max);
        worst[2] = worst[2].max((a.stress - b.stress).amax());
    }
    worst
}

fn evaluations(found: Vec<Result<Evaluation, PotentialError>>) -> Result<Vec<Evaluation>> {
    Ok(found.into_iter().collect::<Result<_, _>>()?)
}

/// Measures everything and returns the table.
///
/// # Errors
/// If the device cannot be opened, the data cannot be read, or a part fails.
pub fn run(options: &PotentialThroughputOptions) -> Result<String> {
    if options.batch_sizes.contains(&0) {
        bail!("a batch needs at least one structure");
    }
    let earlier = options.reports.earlier()?;
    let device = options.device.open()?;
    let data = load(&locate(options.data.as_deref()), &LoadOptions::default())?;
    let potential = Nequix::bundled(&device)?;
    let usable = |record: &&Record| {
        let known =
            |unit: &AsymmetricUnit| unit.sites().iter().all(|site| potential.elements().contains(&site.species()));
        record.unit.as_ref().is_ok_and(|unit| known(unit) && unit.expand().is_ok())
    };
    let records: Vec<&Record> = data.split(Split::Test).iter().filter(usable).collect();
    if records.is_empty() {
        bail!("{}: no test structure with elements of the potential could be reduced", data.name);
    }
    let mut text = compared(options, &potential, &Crystals::of(&records, COMPARED.min(records.len())))?;
    println!("{text}");
    let (ceilings, mut figures) = super::ceilings(options.device, &device)?;
    for &batch in &options.batch_sizes {
        tracing::info!("calls of {batch} crystals");
        figures.extend(evaluated(&potential, &Crystals::of(&records, batch), &ceilings, batch)?);
        figures.extend(super::memory("memory after evaluations", batch, options.device));
    }
    if let Some(&batch) = options.batch_sizes.last() {
        figures.extend(by_operations(&potential, &records, batch)?);
    }
    if options.relaxed > 0 {
        let orders: Vec<SamplingOrder> = records.iter().filter_map(|record| order_of(record)).collect();
        let (start, sampling) = sampled(&draw_orders(&orders, options.relaxed, 0), &device)?;
        figures.push(sampling);
        let chosen =
            if options.batch_sites.is_empty() { vec![potential.full_call()] } else { options.batch_sites.clone() };
        for batch_sites in chosen {
            let relaxation = Options { batch_sites: Some(batch_sites), batches: options.batches, ..Options::default() };
            let (lines, measured) = relaxed(&potential, &start, batch_sites, &relaxation)?;
            text += &lines;
            println!("{lines}");
            figures.extend(measured);
        }
    }
    let about = serde_json::json!({
        "device": options.device, "data": data.name, "data_sha256": data.sha256,
        "potential": potential.identity().name, "potential_sha256": potential.identity().sha256,
        "git": GIT_REVISION, "text": text,
    });
    let about = about.as_object().map(|about| about.clone().into_iter().collect()).unwrap_or_default();
    options.reports.finish(&Kept { about, figures }, earlier.as_ref())
}

/// The device against the processor, and the symmetric graph against full cells on the device.
fn compared(options: &PotentialThroughputOptions, potential: &Nequix, crystals: &Crystals) -> Result<String> {
    let atoms = || crystals.structures.iter().map(Structure::n_sites);
    let full = evaluations(potential.evaluate(&crystals.structures)?)?;
    let symmetric = evaluations(potential.evaluate_symmetric(&crystals.units)?)?;
    let mut text = format!("{} crystals of the test split, largest deviations:\n", crystals.structures.len());
    let mut line = |what: &str, [energy, force, stress]: [f64; 3]| {
        text += &format!("{what}: {energy:.1e} eV/atom, {force:.1e} eV/Å, {stress:.1e} eV/Å³\n");
    };
    if options.device != DeviceName::Cpu {
        let twin = Nequix::bundled(&DeviceName::Cpu.open()?)?;
        let expected = evaluations(twin.evaluate(&crystals.structures)?)?;
        line("full cells, device against processor", deviations(atoms(), full.iter().zip(&expected)));
        let expected = evaluations(twin.evaluate_symmetric(&crystals.units)?)?;
        line("symmetric graph, device against processor", deviations(atoms(), symmetric.iter().zip(&expected)));
    }
    // Energy and stress are those of the same cell; forces are on other sites, and not compared here.
    let bare = |evaluation: &Evaluation| Evaluation { forces: Vec::new(), ..evaluation.clone() };
    let (full, symmetric): (Vec<_>, Vec<_>) = full.iter().zip(&symmetric).map(|(a, b)| (bare(a), bare(b))).unzip();
    line("symmetric graph against full cells (no forces)", deviations(atoms(), symmetric.iter().zip(&full)));
    Ok(text)
}

fn timed<T>(mut pass: impl FnMut() -> Result<T>) -> Result<Seconds> {
    pass()?;
    let seconds = (0..PASSES).map(|_| {
        let start = Instant::now();
        pass()?;
        Ok(start.elapsed().as_secs_f64())
    });
    Ok(Seconds::from_blocks(seconds.collect::<Result<_>>()?))
}

/// Calls from structures to forces, neighbour search and transfers included; and their parts.
fn evaluated(potential: &Nequix, crystals: &Crystals, ceilings: &Ceilings, batch: usize) -> Result<Vec<Measurement>> {
    let (atoms, n) = (crystals.atoms() as f64, Some(batch));
    let energies = timed(|| Ok(potential.energies(&crystals.structures)?))?;
    let full = timed(|| Ok(potential.evaluate(&crystals.structures)?))?;
    let symmetric = timed(|| Ok(potential.evaluate_symmetric(&crystals.units)?))?;
    let crystals_per_second = crystals.structures.len() as f64;
    let mut figures = vec![
        energies.rate("full cells, energy", n, atoms, "atoms/s"),
        full.rate("full cells, energy, forces, stress", n, atoms, "atoms/s"),
        full.rate("full cells, energy, forces, stress", n, crystals_per_second, "structures/s"),
        symmetric.rate("symmetric graph, energy, forces, stress", n, crystals_per_second, "structures/s"),
        ratio("time of full cells / symmetric graph", n, full.median() / symmetric.median()),
        ratio("atoms / non-equivalent sites", n, atoms / crystals.sites() as f64),
    ];
    for (of, inputs) in
        [("full cells", Inputs::Structures(&crystals.structures)), ("symmetric graph", Inputs::Units(&crystals.units))]
    {
        figures.extend(parts(potential, (of, inputs), crystals, ceilings, batch)?);
    }
    Ok(figures)
}

/// What the parts of a call take, and how near the device is to its ceilings.
fn parts(
    potential: &Nequix,
    (of, inputs): (&str, Inputs<'_>),
    crystals: &Crystals,
    ceilings: &Ceilings,
    batch: usize,
) -> Result<Vec<Measurement>> {
    let n = Some(batch);
    let names = ["neighbour search on the host", "upload", "forward pass", "reverse pass", "download"];
    let (mut seconds, mut on_device): ([Vec<f64>; 5], Vec<f64>) = Default::default();
    let mut size = None;
    for pass in 0..=PASSES {
        let (measured, found) = potential.seconds_of_parts(inputs)?;
        size = Some(found);
        if pass > 0 {
            let PartSeconds { graphs, upload, forward, backward, download } = measured;
            let of_pass = [graphs, upload, forward, backward, download];
            seconds.iter_mut().zip(of_pass).for_each(|(all, part)| all.push(part));
            on_device.push(forward + backward);
        }
    }
    let size = size.expect("one pass at least");
    let mut figures: Vec<Measurement> = names
        .iter()
        .zip(seconds)
        .map(|(name, seconds)| Seconds::from_blocks(seconds).milliseconds(&format!("{of}, part: {name}"), n))
        .collect();
    let passes = Seconds::from_blocks(on_device);
    let rate = |what: &str, work: f64, unit| passes.rate(&format!("{of}, both passes: {what}"), n, work, unit);
    let work = Work::of(size);
    let operations = work.dense_operations + work.message_operations;
    let share = |figure: Measurement, ceiling: f64| {
        let of_ceiling = Some(figure.value / ceiling);
        Measurement { of_ceiling, ..figure }
    };
    figures.push(rate("atoms", crystals.atoms() as f64, "atoms/s"));
    figures.push(rate("crystals", crystals.structures.len() as f64, "structures/s"));
    figures.push(share(rate("operations", operations / 1e12, "TFLOP/s"), ceilings.operations / 1e12));
    figures.push(rate("of these, messages", work.message_operations / 1e12, "TFLOP/s"));
    figures.push(share(rate("memory", work.bytes / 1e9, "GB/s"), ceilings.bytes / 1e9));
    Ok(figures)
}

fn ratio(what: &str, batch: Option<usize>, value: f64) -> Measurement {
    Measurement { what: what.to_owned(), batch, value, range: (value, value), unit: "ratio".into(), of_ceiling: None }
}

/// What the symmetric graph gains, by the number of operations of the group.
fn by_operations(potential: &Nequix, records: &[&Record], batch: usize) -> Result<Vec<Measurement>> {
    let mut figures = Vec::new();
    for (low, high) in [(1, 2), (3, 4), (6, 8), (12, 16), (24, 48)] {
        let of_size = |record: &&&Record| {
            let unit = record.unit.as_ref().expect("only reduced ones are left");
            (low..=high).contains(&unit.space_group().primitive_operations().len())
        };
        let chosen: Vec<&Record> = records.iter().filter(of_size).copied().collect();
        if chosen.is_empty() {
            continue;
        }
        let crystals = Crystals::of(&chosen, batch);
        let full = timed(|| Ok(potential.evaluate(&crystals.structures)?))?;
        let symmetric = timed(|| Ok(potential.evaluate_symmetric(&crystals.units)?))?;
        let what = format!("time of full cells / symmetric graph, {low} to {high} operations");
        figures.push(ratio(&what, Some(batch), full.median() / symmetric.median()));
    }
    Ok(figures)
}

/// Few-step samples of the shipped network.
fn sampled(orders: &[SamplingOrder], device: &burn::tensor::Device) -> Result<(Vec<Structure>, Measurement)> {
    let network = checkpoint::shipped(SiteMode::General, device)?;
    let config = SamplerConfig { method: Method::FewStep(FewStep::default()), ..SamplerConfig::default() };
    let sampler = Sampler::new(&network.trained, config, device)?;
    let mut structures = Vec::new();
    let start = Instant::now();
    sampler.run::<SamplingError>(
        orders,
        |_| (),
        |outcome| {
            if let Outcome::Sampled(sample) = outcome {
                structures.push(((sample.order, sample.index), sample.structure));
            }
            Ok(())
        },
    )?;
    let seconds = Seconds::from_blocks(vec![start.elapsed().as_secs_f64()]);
    let sampling = seconds.rate(
        "few-step sampling, with compilation",
        Some(orders.len()),
        structures.len() as f64,
        "structures/s",
    );
    structures.sort_by_key(|(place, _)| *place);
    Ok((structures.into_iter().map(|(_, structure)| structure).collect(), sampling))
}

/// Relaxation in the symmetric mode with the default limits, once.
fn relaxed(
    potential: &Nequix,
    start: &[Structure],
    batch_sites: usize,
    options: &Options,
) -> Result<(String, Vec<Measurement>)> {
    let inputs = || start.iter().cloned().map(Crystal::from).enumerate();
    let mut results: Vec<Result<Relaxation, RelaxError>> = Vec::new();
    let clock = Instant::now();
    relax::relax(potential, options, inputs(), |_, result| {
        results.push(result);
        ControlFlow::Continue(())
    })?;
    let seconds = Seconds::from_blocks(vec![clock.elapsed().as_secs_f64()]);
    let done: Vec<&Relaxation> = results.iter().filter_map(|result| result.as_ref().ok()).collect();
    let converged = done.iter().filter(|relaxation| relaxation.converged).count();
    let steps: usize = done.iter().map(|relaxation| relaxation.steps).sum();
    let mut text = format!(
        "relaxation of {} few-step samples (batches of {batch_sites} sites, {} in flight): {converged} converged, {} failed, \
         {:.1} steps in the mean\n",
        start.len(),
        options.batches,
        results.len() - done.len(),
        steps as f64 / done.len().max(1) as f64,
    );
    let mut reasons = std::collections::BTreeMap::<String, usize>::new();
    for error in results.iter().filter_map(|result| result.as_ref().err()) {
        *reasons.entry(error.to_string().chars().take(70).collect()).or_default() += 1;
    }
    for (reason, count) in reasons.iter().take(8) {
        text += &format!("  {count} × {reason}…\n");
    }
    let pressure = done.iter().map(|relaxation| relaxation.stress.amax()).fold(0.0, f64::max);
    text += &format!("  largest component of the stress left: {:.2} GPa\n", pressure * GPA_PER_EV_PER_CUBIC_ANGSTROM);
    let n = Some(start.len());
    let what = format!("relaxed, batches of {batch_sites} sites");
    Ok((text, vec![seconds.rate(&what, n, results.len() as f64, "structures/s")]))
}
