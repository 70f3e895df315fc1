//! How often the proposer finds what is true of structures that it has not learned from, beside the prior.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use comfy_table::{Table, presets::UTF8_FULL_CONDENSED};
use crystal_core::Composition;
use crystal_core::whole;
use datasets::{LoadOptions, Split, load, locate};
use druse::output::write_file;
use druse::{Proposing, Provenance};
use rand::distr::Distribution;
use rand::distr::weighted::WeightedIndex;
use rand::seq::SliceRandom;
use random_keys::{KeyedGenerator, Purpose, RandomKey};
use serde::Serialize;
use wyckoff_assignment::{AssignmentSpace, Demand, Priors, WyckoffAssignment};
use wyckoff_model::Proposer;

use super::train::assignments;
use crate::progress::bar;

/// Draws of each structure, and the length of the lists.
const DRAWS: usize = 20;
/// After how many it is counted what was found.
const AMONG: [usize; 3] = [1, 5, DRAWS];

/// What the command line chooses.
#[derive(Debug, Clone, clap::Args)]
pub struct EvaluateOptions {
    /// Folder of the data; default: DRUSE_DATA, else the user's cache, else the embedded prototypes.
    #[arg(long)]
    pub data: Option<PathBuf>,
    /// A trained network; default: the one that is compiled in.
    #[arg(long)]
    pub weights: Option<PathBuf>,
    /// Measures this many structures, chosen at random, instead of all.
    #[arg(long)]
    pub limit: Option<usize>,
    /// Measures on the validation split instead of the test split.
    #[arg(long)]
    pub validation: bool,
    /// Leaves out the prior.
    #[arg(long)]
    pub without_prior: bool,
    /// Tolerance of the symmetry finder, Å.
    #[arg(long, default_value_t = 0.1)]
    pub symprec: f64,
    /// Seed of the choice and of the draws.
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// A file for the figures as JSON.
    #[arg(long)]
    pub out: Option<PathBuf>,
}

/// What a proposer said of one structure.
struct Said {
    /// ln of the probabilities of the true group, and of the true group and positions.
    log_probabilities: [f64; 2],
    /// The draws, in order.
    drawn: Vec<WyckoffAssignment>,
    /// The most likely, in order.
    listed: Vec<WyckoffAssignment>,
    /// Groups by their probabilities, the most likely first.
    groups: Vec<u8>,
}

/// Shares of structures, among the first 1, 5 and 20.
#[derive(Debug, Serialize)]
struct Figures {
    proposer: String,
    n_structures: usize,
    group_drawn: [f64; 3],
    assignment_drawn: [f64; 3],
    group_listed: [f64; 3],
    assignment_listed: [f64; 3],
    /// exp of the mean of −ln p.
    group_perplexity: f64,
    assignment_perplexity: f64,
    /// Draws whose atoms are those of the demand.
    valid_draws: f64,
    seconds: f64,
}

#[derive(Serialize)]
struct Document<'a> {
    rows: &'a [Figures],
    split: String,
    checkpoint_sha256: String,
    provenance: Provenance,
}

/// Measures, given the formula and the number of formula units in the PRIMITIVE cell, and returns a table.
///
/// # Errors
/// If the data or the network cannot be read, or nothing is there to measure on.
pub fn run(options: &EvaluateOptions) -> Result<String> {
    let proposing = options.weights.clone().map_or(Proposing::Mp20, Proposing::File);
    let proposer = proposing.open()?.context("a network was asked for")?;
    let load_options = LoadOptions { symprec: options.symprec, progress: true, ..LoadOptions::default() };
    let data = load(&locate(options.data.as_deref()), &load_options)?;
    let split = if options.validation { Split::Validation } else { Split::Test };
    let (mut truths, n_structures) = assignments(&data, split, None);
    truths.retain(|truth| proposer.check(&[truth.primitive_composition()]).is_ok());
    let n_left_out = n_structures - truths.len();
    let key = RandomKey::new(options.seed, Purpose::Selection);
    truths.shuffle(&mut key.generator(0, 0));
    truths.truncate(options.limit.unwrap_or(usize::MAX));
    if truths.is_empty() {
        bail!("{}: the {split} split holds no structure that the proposer can be asked for", data.name);
    }
    let truths: Vec<WyckoffAssignment> = truths.iter().map(WyckoffAssignment::standard_origin).collect();
    let key = RandomKey::new(options.seed, Purpose::Demand);
    let mut rows = vec![figures("network", &truths, |truth, index| by_network(&proposer, truth, key, index))?];
    if !options.without_prior {
        rows.push(figures("prior", &truths, |truth, index| by_prior(truth, key, index))?);
    }
    let sha256 = proposer.weights().sha256.clone();
    if let Some(path) = &options.out {
        let provenance = Provenance::of(&data, options.seed, druse::DeviceName::Cpu);
        let document =
            Document { rows: &rows, split: split.to_string(), checkpoint_sha256: sha256.clone(), provenance };
        write_file(path, serde_json::to_string_pretty(&document)? + "\n")?;
    }
    Ok(format!(
        "{} of {n_structures} structures of the {split} split of {} ({n_left_out} left out); formula and formula units \
         given; network {} (SHA-256 {}…)\n{}",
        truths.len(),
        data.name,
        proposer.weights().path,
        &sha256[..12],
        table(&rows)
    ))
}

fn by_network(proposer: &Proposer, truth: &WyckoffAssignment, key: RandomKey, index: u64) -> Result<Said> {
    let asked = proposer.ask(&[truth.primitive_composition()], None)?;
    let mut generators: Vec<KeyedGenerator> =
        (0..whole::compact(DRAWS)).map(|draw| key.generator(index, draw)).collect();
    let drawn = asked.draw(&mut generators)?;
    let listed = asked.most_likely(DRAWS)?.into_iter().map(|proposal| proposal.assignment).collect();
    let groups = asked.space_groups();
    let number = truth.space_group().number();
    let of_group = groups.iter().find(|(group, _)| group.number() == number).map_or(0.0, |(_, share)| *share);
    let of_assignment = asked.log_probabilities(std::slice::from_ref(truth))?[0].unwrap_or(f64::NEG_INFINITY);
    let groups = groups.into_iter().map(|(group, _)| group.number().get()).collect();
    Ok(Said { log_probabilities: [of_group.ln(), of_assignment], drawn, listed, groups })
}

fn by_prior(truth: &WyckoffAssignment, key: RandomKey, index: u64) -> Result<Said> {
    let priors = Priors::shipped();
    let atoms = truth.primitive_composition();
    let cell = atoms.total()..=atoms.total();
    let mut choices = priors.formulas.cells(&atoms, cell.clone())?;
    let weights = WeightedIndex::new(choices.iter().map(|choice| choice.probability))?;
    let mut drawn = Vec::with_capacity(DRAWS);
    for draw in 0..whole::compact(DRAWS) {
        let mut generator = key.generator(index, draw);
        let choice = &choices[weights.sample(&mut generator)];
        let space = AssignmentSpace::new(choice.space_group, Demand::Atoms(atoms.clone()))?;
        drawn.push(priors.assignments.distribution(&space).sample(&mut generator).standard_origin());
    }
    let listed = priors.most_likely(&atoms, cell, None, DRAWS)?.into_iter().map(|(assignment, _)| assignment);
    let listed = listed.collect();
    let number = truth.space_group().number();
    let of_group: f64 =
        choices.iter().filter(|choice| choice.space_group.number() == number).map(|choice| choice.probability).sum();
    let space = AssignmentSpace::new(truth.space_group(), Demand::Atoms(atoms))?;
    let distribution = priors.assignments.distribution(&space);
    let of_origin = |origin: WyckoffAssignment| distribution.log_probability(&origin).map_or(0.0, f64::exp);
    let of_positions: f64 = truth.other_origins().into_iter().map(of_origin).sum();
    choices.sort_by(|a, b| b.probability.total_cmp(&a.probability));
    let groups = choices.iter().map(|choice| choice.space_group.number().get()).collect();
    Ok(Said { log_probabilities: [of_group.ln(), (of_group * of_positions).ln()], drawn, listed, groups })
}

fn figures(
    name: &'static str,
    truths: &[WyckoffAssignment],
    mut say: impl FnMut(&WyckoffAssignment, u64) -> Result<Said>,
) -> Result<Figures> {
    let clock = Instant::now();
    let bar = bar(name, truths.len() as u64);
    let mut counts = [[0_usize; 3]; 4];
    let (mut sums, mut n_valid, mut n_drawn) = ([0.0; 2], 0, 0);
    for (truth, index) in truths.iter().zip(0..) {
        let said = say(truth, index)?;
        let number = truth.space_group().number();
        let atoms: Composition = truth.primitive_composition();
        let found = [
            said.drawn.iter().position(|drawn| drawn.space_group().number() == number),
            said.drawn.iter().position(|drawn| drawn == truth),
            said.groups.iter().position(|group| *group == number.get()),
            said.listed.iter().position(|listed| listed == truth),
        ];
        for (counts, found) in counts.iter_mut().zip(found) {
            for (count, among) in counts.iter_mut().zip(AMONG) {
                *count += usize::from(found.is_some_and(|place| place < among));
            }
        }
        n_drawn += said.drawn.len();
        n_valid += said.drawn.iter().filter(|drawn| drawn.primitive_composition() == atoms).count();
        sums.iter_mut().zip(said.log_probabilities).for_each(|(sum, found)| *sum += found);
        bar.inc(1);
    }
    bar.finish_and_clear();
    let n_structures = truths.len();
    let [group_drawn, assignment_drawn, group_listed, assignment_listed] =
        counts.map(|counts| counts.map(|count| count as f64 / n_structures as f64));
    let [group_perplexity, assignment_perplexity] = sums.map(|sum| (-sum / n_structures as f64).exp());
    Ok(Figures {
        proposer: name.to_owned(),
        n_structures,
        group_drawn,
        assignment_drawn,
        group_listed,
        assignment_listed,
        group_perplexity,
        assignment_perplexity,
        valid_draws: n_valid as f64 / n_drawn as f64,
        seconds: clock.elapsed().as_secs_f64(),
    })
}

fn table(rows: &[Figures]) -> Table {
    let mut table = Table::new();
    table.load_preset(UTF8_FULL_CONDENSED).set_header([
        "proposer",
        "group among 1 / 5 / 20 draws, %",
        "assignment among 1 / 5 / 20 draws, %",
        "group among the 1 / 5 / 20 likeliest, %",
        "assignment among the 1 / 5 / 20 likeliest, %",
        "perplexity of group / assignment",
        "valid draws, %",
        "seconds",
    ]);
    for row in rows {
        let shares = |shares: [f64; 3]| shares.map(|share| format!("{:.1}", 100.0 * share)).join(" / ");
        table.add_row([
            row.proposer.clone(),
            shares(row.group_drawn),
            shares(row.assignment_drawn),
            shares(row.group_listed),
            shares(row.assignment_listed),
            format!("{:.2} / {:.2}", row.group_perplexity, row.assignment_perplexity),
            format!("{:.2}", 100.0 * row.valid_draws),
            format!("{:.0}", row.seconds),
        ]);
    }
    table
}
