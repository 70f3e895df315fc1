//! The chain: orders, samples, relaxation, hull; then the best, through phonons.

mod budget;
mod finalists;
mod state;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Instant;

use crystal_core::{AsymmetricUnit, CrystalError, CrystalState, Structure};
use druse::{DeviceName, Shard};
use langevin::{Method, Outcome, Sampler, SamplerConfig, SamplingOrder};
use rayon::prelude::*;
use relax::{Crystal, RelaxError, Relaxation};
use stability::ReferenceSet;

pub use budget::{Budget, EndedBy};
pub(crate) use finalists::{bands_file, phonon_outcomes};

use crate::candidates::{Candidate, Counts, Kind, METASTABLE, Unique, formula_of};
use crate::journal::{self, Identity, Journal};
use crate::known::Judge;
use crate::plan::Plan;
use crate::record::{Entry, Lost, OrderRecord, Relaxed, UnitRecord};
use crate::{ROUND, SearchError, Settings, Tools};
use budget::Pace;
use state::State;

/// A sampled site this close to a special position is on it, Å: the numbers of a device have seven digits.
const ON_POSITION: f64 = 1e-3;

/// What a callback is told while a search runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// What is being done.
    pub stage: Stage,
    /// How much of it is done, and how much there is; the latter is 0 where that is not known.
    pub done: usize,
    /// See `done`.
    pub total: usize,
    /// The best so far, the lowest first.
    pub best: Vec<Best>,
}

/// The stages of a search.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Samples are drawn; counted in samples.
    Sampling,
    /// Samples are relaxed; counted in samples.
    Relaxing,
    /// The best are told from one another.
    Comparing,
    /// The best are relaxed tightly and their phonons computed; counted in candidates.
    Phonons,
}

impl Stage {
    /// Name for people and for tables of times.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sampling => "sampling",
            Self::Relaxing => "relaxing",
            Self::Comparing => "comparing",
            Self::Phonons => "phonons",
        }
    }
}

/// A line of the table of the best so far.
#[derive(Debug, Clone, PartialEq)]
pub struct Best {
    /// Reduced formula.
    pub formula: String,
    /// Space group.
    pub space_group: u8,
    /// eV/atom.
    pub energy_above_hull: f64,
    /// THz, where it is known.
    pub min_frequency_thz: Option<f64>,
}

/// What a search ends with.
#[derive(Debug)]
pub struct Found {
    /// What it was a search of, and with what.
    pub identity: Identity,
    /// The best structures, ranked.
    pub candidates: Vec<Candidate>,
    /// All different structures as the search found them, the lowest above the hull first.
    pub kinds: Vec<Kind>,
    /// What became of the samples.
    pub counts: Counts,
    /// Rounds that count: all of their samples are in.
    pub rounds: u64,
    /// What ended it.
    pub ended_by: EndedBy,
    /// Seconds of this leg, by stage.
    pub seconds: BTreeMap<&'static str, f64>,
    /// How many candidates were asked for.
    pub top: usize,
    /// Candidates that are neither relaxed tightly nor have phonons, because the time ended.
    pub unfinished: usize,
}

/// Searches, and keeps what is finished in `folder`: a search that was killed goes on with `resume`. The `top` best go
/// through phonons. The pictures of their bands are in `folder`/phonons.
///
/// With the same settings and tools and as many rounds the result is the same, whatever the budget, the batches and the
/// number of legs.
///
/// # Errors
/// If nothing can be made as asked, the tools do not go together, a file cannot be written, or a device fails.
pub fn search(
    settings: &Settings,
    tools: &Tools<'_>,
    budget: &Budget,
    top: usize,
    folder: &Path,
    resume: bool,
    told: &mut dyn FnMut(&Told),
) -> Result<Found, SearchError> {
    settings.check()?;
    budget.check()?;
    tools.check(settings)?;
    let mut plan = Plan::new(settings, tools.proposer)?;
    let identity = tools.identity(settings);
    let (journal, entries) = journal::open(folder, &identity, resume)?;
    let mut run =
        Run { settings, tools, shard: None, journal, state: State::of(entries), told, seconds: BTreeMap::new() };
    let pace = Pace::start(budget, tools.device_name != DeviceName::Cpu);
    let (rounds, ended_by) = run.rounds(&mut plan, pace)?;
    let judge =
        Judge::new(tools.reference, tools.known, settings.known, settings.sameness.matcher(), &settings.elements);
    let (unique, kinds, counts) = run.unique(rounds, &judge)?;
    let (candidates, unfinished) = run.finalists(unique, top, &judge, &pace, folder)?;
    let ended_by = if unfinished > 0 { EndedBy::Time } else { ended_by };
    Ok(Found { identity, candidates, kinds, counts, rounds, ended_by, seconds: run.seconds, top, unfinished })
}

/// The samples of one shard in this many rounds, relaxed and put on the hull, kept in `folder`;
/// [`join_shards`](crate::join_shards) makes one search of all shards, whose [`search`] of as many rounds then is the
/// whole one. Returns how many samples the shard has done.
///
/// # Errors
/// As [`search`].
pub fn search_shard(
    settings: &Settings,
    tools: &Tools<'_>,
    rounds: u64,
    shard: Shard,
    folder: &Path,
    resume: bool,
    told: &mut dyn FnMut(&Told),
) -> Result<usize, SearchError> {
    let budget = Budget { time: None, rounds: Some(rounds) };
    settings.check()?;
    budget.check()?;
    tools.check(settings)?;
    let mut plan = Plan::new(settings, tools.proposer)?;
    let shard = Some(shard);
    let identity = Identity { shard, ..tools.identity(settings) };
    let (journal, entries) = journal::open(folder, &identity, resume)?;
    let mut run = Run { settings, tools, shard, journal, state: State::of(entries), told, seconds: BTreeMap::new() };
    run.rounds(&mut plan, Pace::start(&budget, tools.device_name != DeviceName::Cpu))?;
    Ok(run.state.n_done())
}

struct Run<'a> {
    settings: &'a Settings,
    tools: &'a Tools<'a>,
    shard: Option<Shard>,
    journal: Journal,
    state: State,
    told: &'a mut dyn FnMut(&Told),
    seconds: BTreeMap<&'static str, f64>,
}

impl Run<'_> {
    fn tell(&mut self, stage: Stage, done: usize, total: usize) {
        let best = self.state.best();
        (self.told)(&Told { stage, done, total, best });
    }

    fn spent(&mut self, stage: Stage, since: Instant) {
        *self.seconds.entry(stage.name()).or_default() += since.elapsed().as_secs_f64();
    }

    /// Rounds until the budget or the plan ends. Returns how many count, and what ended them.
    fn rounds(&mut self, plan: &mut Plan<'_>, mut pace: Pace<'_>) -> Result<(u64, EndedBy), SearchError> {
        let mut round = self.state.rounds;
        loop {
            let wanted = match (pace.rounds(), plan.n_rounds()) {
                (Some(asked), Some(all)) if all < asked => (Some(all), EndedBy::Orders),
                (Some(asked), _) => (Some(asked), EndedBy::Rounds),
                (None, all) => (all, EndedBy::Orders),
            };
            if let (Some(wanted), ended_by) = wanted
                && round >= wanted
            {
                return Ok((wanted, ended_by));
            }
            let left = wanted.0.map_or(u64::MAX, |wanted| wanted - round);
            let Some(count) = pace.next(round == 0).map(|count| count.min(left)) else {
                return Ok((round, EndedBy::Time));
            };
            let clock = Instant::now();
            let orders = plan.orders(round * ROUND, count * ROUND)?;
            let is_last = (orders.len() as u64) < count * ROUND;
            if !orders.is_empty() {
                self.samples(round * ROUND, &orders)?;
            }
            pace.took(count, clock.elapsed());
            if is_last {
                return Ok((round + (orders.len() as u64).div_ceil(ROUND), EndedBy::Orders));
            }
            round += count;
            self.state.rounds = round;
            self.journal.add(&Entry::Rounds(round))?;
        }
    }

    /// Samples, relaxes and places everything that was ordered and is not done yet.
    fn samples(&mut self, first: u64, orders: &[SamplingOrder]) -> Result<(), SearchError> {
        let clock = Instant::now();
        let tools = self.tools;
        let start = usize::try_from(first).unwrap_or(usize::MAX);
        let mine = |index: usize| self.shard.is_none_or(|shard| shard.has(start + index));
        let waits = |(index, sample): (usize, u64)| mine(index) && !self.state.is_done(sample);
        let waiting: Vec<bool> = (first..).take(orders.len()).enumerate().map(waits).collect();
        let n_waiting = waiting.iter().filter(|waiting| **waiting).count();
        if n_waiting == 0 {
            return Ok(());
        }
        self.tell(Stage::Sampling, self.state.n_done(), 0);
        let config = SamplerConfig {
            method: Method::FewStep(self.settings.sampling.clone()),
            seed: self.settings.seed,
            ..SamplerConfig::default()
        };
        let sampler = Sampler::new(&tools.checkpoint.trained, config, tools.device)?.counting_from(start);
        let mut crystals: Vec<(usize, Crystal)> = Vec::new();
        let mut redraws = vec![0; orders.len()];
        // Each order is one sample.
        sampler.run_some::<SearchError>(
            orders,
            |number| waiting[number],
            |_| {},
            |outcome| {
                match outcome {
                    Outcome::Sampled(sample) => {
                        redraws[sample.order] = sample.redraws;
                        match unit_of(&sample.state) {
                            Ok(unit) => crystals.push((sample.order, Crystal::Unit(unit))),
                            Err(error) => self.lose(first, orders, sample.order, true, error.to_string())?,
                        }
                    }
                    Outcome::GivenUp { order, reason, .. } => self.lose(first, orders, order, false, reason)?,
                }
                Ok(())
            },
        )?;
        crystals.sort_by_key(|(index, _)| *index);
        self.spent(Stage::Sampling, clock);
        let clock = Instant::now();
        let options = self.settings.relaxation.options();
        let mut failure = None;
        relax::relax(tools.potential, &options, crystals, |index, result| {
            let kept = self.keep(first + index as u64, &orders[index], redraws[index], result);
            self.tell(Stage::Relaxing, self.state.n_done(), 0);
            match kept {
                Ok(()) => ControlFlow::Continue(()),
                Err(error) => {
                    failure = Some(error);
                    ControlFlow::Break(())
                }
            }
        })?;
        self.spent(Stage::Relaxing, clock);
        failure.map_or(Ok(()), Err)
    }

    fn lose(
        &mut self,
        first: u64,
        orders: &[SamplingOrder],
        index: usize,
        sampled: bool,
        reason: String,
    ) -> Result<(), SearchError> {
        let order = OrderRecord::of(&orders[index]);
        let lost = Lost { sample: first + index as u64, order, sampled, reason };
        self.note(Entry::Lost(lost))
    }

    fn keep(
        &mut self,
        sample: u64,
        order: &SamplingOrder,
        redraws: usize,
        result: Result<Relaxation, RelaxError>,
    ) -> Result<(), SearchError> {
        let order = OrderRecord::of(order);
        let placed = result.map_err(|error| error.to_string()).and_then(|relaxation| {
            placed(self.tools, sample, order.clone(), redraws, &relaxation).map_err(|error| error.to_string())
        });
        let entry = match placed {
            Ok(relaxed) => Entry::Relaxed(relaxed),
            Err(reason) => Entry::Lost(Lost { sample, order, sampled: true, reason }),
        };
        self.note(entry)
    }

    /// Writes finished work down, then counts on it.
    fn note(&mut self, entry: Entry) -> Result<(), SearchError> {
        self.journal.add(&entry)?;
        self.state.add(entry);
        Ok(())
    }

    /// The different structures of the rounds that count, the lowest first, and what became of all samples.
    fn unique(&mut self, rounds: u64, judge: &Judge<'_>) -> Result<(Unique, Vec<Kind>, Counts), SearchError> {
        let clock = Instant::now();
        self.tell(Stage::Comparing, 0, 0);
        let counted = |sample: u64| sample < rounds * ROUND;
        let relaxed: Vec<&Relaxed> = self.state.relaxed.values().filter(|relaxed| counted(relaxed.sample)).collect();
        let unique = Unique::of(relaxed.iter().copied(), &judge.matcher)?;
        let reference = self.tools.reference;
        let kind = |(relaxed, structure, times): &(Relaxed, Structure, usize)| {
            let space_group = judge.space_group(structure);
            Kind {
                formula: formula_of(structure),
                space_group,
                formation_energy_per_atom: relaxed.formation_energy_per_atom,
                energy_above_hull: relaxed.energy_above_hull,
                novel: judge.novelty(structure, energy_per_atom(reference, structure, relaxed), space_group).novel,
                times: *times,
                sample: relaxed.sample,
            }
        };
        let kinds: Vec<Kind> = unique.kinds.par_iter().map(kind).collect();
        let lost = self.state.lost.values().filter(|lost| counted(lost.sample) && lost.sampled).count();
        let counts = Counts {
            sampled: relaxed.len() + lost,
            relaxed: relaxed.len(),
            unique: kinds.len(),
            novel: kinds.iter().filter(|kind| kind.novel).count(),
            below_limit: kinds.iter().filter(|kind| kind.energy_above_hull <= METASTABLE).count(),
        };
        self.spent(Stage::Comparing, clock);
        Ok((unique, kinds, counts))
    }
}

/// The asymmetric unit of a sampled state.
pub(crate) fn unit_of(state: &CrystalState) -> Result<AsymmetricUnit, CrystalError> {
    AsymmetricUnit::from_state(state, ON_POSITION)
}

/// A relaxation on the hull.
pub(crate) fn placed(
    tools: &Tools<'_>,
    sample: u64,
    order: OrderRecord,
    redraws: usize,
    relaxation: &Relaxation,
) -> Result<Relaxed, SearchError> {
    let unit = relaxation.unit.as_ref().expect("the symmetric mode gives an asymmetric unit");
    let n_atoms = relaxation.structure.n_sites() as f64;
    let raw = relaxation.energy_per_atom * n_atoms;
    let placement = tools.reference.place(&tools.source(), &relaxation.structure, raw)?;
    Ok(Relaxed {
        sample,
        order,
        redraws,
        unit: UnitRecord::of(unit),
        raw_energy_per_atom: relaxation.energy_per_atom,
        formation_energy_per_atom: placement.formation_energy_per_atom,
        energy_above_hull: placement.energy_above_hull,
        steps: relaxation.steps,
        converged: relaxation.converged,
        max_force: relaxation.max_force,
        max_stress_gpa: relaxation.max_stress_gpa,
    })
}

/// Energy with the corrections of the reference, eV/atom.
pub(crate) fn energy_per_atom(reference: &ReferenceSet, structure: &Structure, relaxed: &Relaxed) -> f64 {
    relaxed.raw_energy_per_atom + reference.scheme().per_cell(structure) / structure.n_sites() as f64
}

impl Best {
    pub(crate) fn of(relaxed: &Relaxed, min_frequency_thz: Option<f64>) -> Option<Self> {
        let structure = relaxed.unit.structure().ok()?;
        Some(Self {
            formula: formula_of(&structure),
            space_group: relaxed.unit.space_group,
            energy_above_hull: relaxed.energy_above_hull,
            min_frequency_thz,
        })
    }
}
