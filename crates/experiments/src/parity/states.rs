//! Graphs, noise and Langevin steps of real structures.

use anyhow::{Result, bail};
use burn::tensor::Device;
use comfy_table::{Table, presets::UTF8_FULL_CONDENSED};
use crystal_core::whole;
use crystal_core::{CrystalState, SiteMode};
use crystal_states::{Draw, GraphComparison, LangevinStep, NoisedStates, StateBatch, StateSet, compare_graphs};
use datasets::{LoadOptions, Split, load, locate};
use dimenetpp::DimeNetPlusPlusConfig;
use druse::training::states_of;
use multigraph::GraphConfig;
use random_keys::{Purpose, RandomKey};
use score_model::{ModelConfig, NoiseSchedule, ScoreNetwork};

use super::ParityOptions;

/// Largest distance allowed between the vectors of one edge, Å.
const VECTOR_TOLERANCE: f64 = 1e-5;
/// Share of edges that may lie on the cut-off to single precision, and of structures whose cut-off hangs on one.
const RARE: f64 = 1e-4;
/// See [`RARE`].
const RARE_CUTOFF: f64 = 2e-3;
/// Largest distance allowed between the positions (Å) and lattice coordinates after a step.
const STEP_TOLERANCE: f64 = 1e-3;

/// Compares the graphs of noised structures of the data at every level, the noise, and one step of each process; the
/// table, and whether all is as it should be.
pub(super) fn compare(options: &ParityOptions, device: &Device, host: &Device) -> Result<(Table, bool)> {
    let (mode, min_space_group) = if options.wyckoff { (SiteMode::Wyckoff, 1) } else { (SiteMode::General, 16) };
    let data = load(&locate(options.data.as_deref()), &LoadOptions { min_space_group, ..LoadOptions::default() })?;
    let states = states_of(&data, Split::Train, mode);
    if states.is_empty() {
        bail!("{}: no training structure could be reduced", data.name);
    }
    let states: Vec<CrystalState> = states.into_iter().take(options.structures).collect();
    let mut table = Table::new();
    table.load_preset(UTF8_FULL_CONDENSED).set_header([
        "noise level",
        "structures",
        "edges",
        "different",
        "on the cut-off",
        "other cut-off",
        "vector, Å",
        "reverse, Å",
        "lattice weight",
        "noise",
        "steps",
    ]);
    let mut total = GraphComparison::default();
    let mut worst = (0.0_f64, 0.0_f64);
    let schedule = NoiseSchedule::default();
    for level in 0..schedule.n_levels {
        let (comparison, noise, steps) = level_parity(&states, &schedule, level, device, host)?;
        table.add_row([
            level.to_string(),
            comparison.structures.to_string(),
            comparison.edges.to_string(),
            comparison.different.to_string(),
            comparison.on_cutoff.to_string(),
            comparison.other_cutoffs.to_string(),
            format!("{:.1e}", comparison.vector_error),
            format!("{:.1e}", comparison.reverse_error),
            format!("{:.1e}", comparison.lattice_error),
            format!("{noise:.1e}"),
            format!("{steps:.1e}"),
        ]);
        tracing::info!("level {level}: {comparison:?}");
        total.add(&comparison);
        worst = (worst.0.max(noise), worst.1.max(steps));
    }
    let many = |count: usize, of: usize, share: f64| count as f64 > share * of as f64 + 2.0;
    let same = total.different == 0
        && !many(total.on_cutoff, total.edges, RARE)
        && !many(total.other_cutoffs, total.structures, RARE_CUTOFF)
        && total.vector_error <= VECTOR_TOLERANCE
        && total.reverse_error <= VECTOR_TOLERANCE
        && worst.0 <= STEP_TOLERANCE
        && worst.1 <= STEP_TOLERANCE;
    Ok((table, same))
}

/// Graphs, noise and steps at one level.
fn level_parity(
    states: &[CrystalState],
    schedule: &NoiseSchedule,
    level: usize,
    device: &Device,
    host: &Device,
) -> Result<(GraphComparison, f64, f64)> {
    let key = RandomKey::new(7, Purpose::Training);
    let draw = |index: usize| Draw {
        index,
        slot: whole::compact(index),
        position_sigma: schedule.position_sigma(level),
        lattice_sigma: if index.is_multiple_of(2) { schedule.lattice_sigma(level) } else { 0.0 },
    };
    let draws: Vec<Draw> = (0..states.len()).map(draw).collect();
    let noised = |place: &Device| -> Result<NoisedStates> {
        Ok(StateSet::new(states, place)?.noised(&draws, key, level as u64)?)
    };
    let (there, here) = (noised(device)?, noised(host)?);
    let noise = difference(&there.states.into_states(), &here.states.into_states());
    // From here on both start from the same numbers, those that the device has.
    let noised: Vec<CrystalState> = noised_states(states, &draws, key, level, device)?;
    let streams: Vec<u64> = (0..noised.len() as u64).collect();
    let batch = |place: &Device| StateBatch::new(&noised, &streams, key, place);
    let (mut there, mut here) = (batch(device)?, batch(host)?);
    let config = GraphConfig::default();
    let network = DimeNetPlusPlusConfig::table1();
    let basis = network.basis();
    let levels = vec![level; noised.len()];
    let (found, expected) = (there.graph_batch(&levels, &basis, &config)?, here.graph_batch(&levels, &basis, &config)?);
    let comparison = compare_graphs(&expected, &found, noised.len(), there.n_sites());

    // One step of each process, with the device's estimate on both.
    let model = network.init(device);
    let estimate = model.forward(&found);
    let step = |sigma: f64| LangevinStep { drift: -0.5 * sigma, noise: sigma, draw: 3 };
    let on_host = |tensor: &burn::Tensor<2>| burn::Tensor::<2>::from_data(tensor.clone().into_data(), host);
    let sigma = schedule.position_sigma(0);
    here.step_positions(on_host(&estimate.position), step(sigma));
    there.step_positions(estimate.position, step(sigma));
    let sigma = schedule.lattice_sigma(0);
    here.step_lattices(on_host(&estimate.lattice), step(sigma));
    there.step_lattices(estimate.lattice, step(sigma));
    let steps = difference(&there.into_states(), &here.into_states());
    Ok((comparison, noise, steps))
}

/// The noised states as the device has them; those that are no crystals are left out.
fn noised_states(
    states: &[CrystalState],
    draws: &[Draw],
    key: RandomKey,
    level: usize,
    device: &Device,
) -> Result<Vec<CrystalState>> {
    let noised = StateSet::new(states, device)?.noised(draws, key, level as u64)?;
    Ok(noised.states.into_states().into_iter().filter_map(Result::ok).collect())
}

/// Largest difference of positions (Å, the shorter way around the cell) and lattice coordinates; infinite if one is no
/// crystal and the other is.
fn difference(a: &[Result<CrystalState, String>], b: &[Result<CrystalState, String>]) -> f64 {
    let of_pair = |(a, b): (&Result<CrystalState, String>, &Result<CrystalState, String>)| match (a, b) {
        (Ok(a), Ok(b)) => {
            let lattices = a.lattice_coords.iter().zip(&b.lattice_coords).map(|(x, y)| (x - y).abs());
            let Ok(lattice) = b.primitive_lattice() else { return f64::INFINITY };
            let sites = a.sites.iter().zip(&b.sites).map(|(x, y)| {
                let offset = (x.frac_coords() - y.frac_coords()).map(|x| x - x.round());
                lattice.to_cartesian(&offset).norm()
            });
            lattices.chain(sites).fold(0.0, f64::max)
        }
        (Err(_), Err(_)) => 0.0,
        _ => f64::INFINITY,
    };
    a.iter().zip(b).map(of_pair).fold(0.0, f64::max)
}
