//! The tries: which group and positions each stands on, and what was grown there.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use burn::tensor::Device;
use crystal_core::{SpaceGroup, Structure};
use druse::checkpoint::Checkpoint;
use druse::output::write_file;
use langevin::{OrderedSites, Outcome, SamplerConfig, SamplingOrder};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use wyckoff_assignment::WyckoffAssignment;
use wyckoff_model::{Proposal, Proposer};

use super::{Question, Task};
use crate::journal::Journal;
use crate::progress::bar;
use crate::relaxing::Deadline;
use crate::sampling;
use crate::spreading::spread;

/// Proposals that tries are spread over, at most.
const PROPOSALS: usize = 32;
/// Questions whose proposals are noted together.
const TOGETHER: usize = 64;
/// What the tries are kept in.
const TRIES: &str = "tries.jsonl.zst";

/// Group and positions of a try.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Planned {
    /// Which of the proposals of the question, the likeliest first.
    pub proposal: usize,
    pub log_probability: f64,
    pub space_group: u8,
    pub wyckoff: String,
}

impl Planned {
    fn of(proposal: usize, of: &Proposal) -> Self {
        let Proposal { assignment, log_probability } = of;
        let space_group = assignment.space_group().number().get();
        Self { proposal, log_probability: *log_probability, space_group, wyckoff: assignment.to_string() }
    }

    pub(super) fn assignment(&self) -> Result<WyckoffAssignment> {
        let group = SpaceGroup::from_number(i64::from(self.space_group))?;
        Ok(WyckoffAssignment::parse(group, &self.wyckoff)?)
    }
}

/// A structure that came out.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Try {
    pub structure: Structure,
    pub denoising_error: f64,
}

#[derive(Serialize, Deserialize)]
struct PlanLine {
    question: usize,
    tries: Vec<Planned>,
}

/// The tries of all questions, in the order in which they would be made; `None` if the time ended first.
///
/// # Errors
/// If the journal is of another run or cannot be written, or a question cannot be asked.
pub(super) fn planned(
    task: &Task,
    proposer: &Proposer,
    n_tries: usize,
    folder: &Path,
    identity: &str,
    resume: bool,
    deadline: Deadline,
) -> Result<Option<Vec<Vec<Planned>>>> {
    let (mut journal, lines) = Journal::<PlanLine>::open(folder, "proposals", identity, resume)?;
    let mut found: Vec<Option<Vec<Planned>>> = vec![None; task.questions.len()];
    for PlanLine { question, tries } in lines {
        *found.get_mut(question).context("the journal of proposals is of another run; choose another --name")? =
            Some(tries);
    }
    let open: Vec<usize> = (0..found.len()).filter(|index| found[*index].is_none()).collect();
    let bar = bar("proposals", open.len() as u64);
    for questions in open.chunks(TOGETHER) {
        if deadline.is_over() {
            return Ok(None);
        }
        // Each thread asks its own copy of the network.
        let plans: Vec<(usize, Vec<Planned>)> = questions
            .par_iter()
            .map_init(
                || Proposer::new(proposer.weights().clone()),
                |proposer, &index| Ok((index, plan(&task.questions[index], proposer, n_tries)?)),
            )
            .collect::<Result<_>>()?;
        for (question, tries) in plans {
            let line = PlanLine { question, tries };
            journal.add(&line)?;
            found[question] = Some(line.tries);
        }
        bar.inc(questions.len() as u64);
    }
    bar.finish_and_clear();
    Ok(Some(found.into_iter().map(Option::unwrap_or_default).collect()))
}

fn plan(question: &Question, proposer: &Proposer, n_tries: usize) -> Result<Vec<Planned>> {
    if let Err(error) = proposer.check(&question.cells) {
        tracing::warn!("{}: {error}", question.cells[0]);
        return Ok(vec![]);
    }
    let proposals = proposer.ask(&question.cells, None)?.most_likely(PROPOSALS.max(n_tries))?;
    let shares: Vec<(f64, usize)> =
        proposals.iter().map(|proposal| (proposal.probability(), worth(proposal.assignment.n_free()))).collect();
    Ok(spread(&shares, n_tries).into_iter().map(|place| Planned::of(place, &proposals[place])).collect())
}

/// How often a proposal is worth being tried: once where nothing can move, more often the more is free.
fn worth(n_free: usize) -> usize {
    match n_free {
        0 => 1,
        1..=2 => 2,
        3..=8 => 4,
        _ => 8,
    }
}

/// What came out of every try, question by question, and whether it was sampled just now; read back if the run has
/// sampled before.
///
/// # Errors
/// If an order is impossible, the sampler fails as a whole, or the file cannot be read or written.
pub(super) fn sampled(
    planned: &[Vec<Planned>],
    network: &Checkpoint,
    config: &SamplerConfig,
    folder: &Path,
    device: &Device,
) -> Result<(Vec<Option<Try>>, bool)> {
    let file = folder.join(TRIES);
    let n_tries: usize = planned.iter().map(Vec::len).sum();
    if file.exists() {
        let name = || file.display().to_string();
        let text = zstd::decode_all(std::fs::File::open(&file).with_context(name)?).with_context(name)?;
        let tries = read_back(&text).with_context(name)?;
        ensure!(tries.len() == n_tries, "{}: it is of another run; choose another --name", file.display());
        return Ok((tries, false));
    }
    let order = |planned: &Planned| {
        let assignment = planned.assignment()?;
        let space_group = assignment.space_group().number();
        Ok(SamplingOrder { space_group, sites: OrderedSites::Wyckoff(assignment), count: 1 })
    };
    let orders: Vec<SamplingOrder> = planned.iter().flatten().map(order).collect::<Result<_>>()?;
    ensure!(!orders.is_empty(), "the proposer knows none of the formulas");
    let mut tries: Vec<Option<Try>> = vec![None; n_tries];
    sampling::outcomes("sampling", network, config.clone(), &orders, device, |outcome| {
        if let Outcome::Sampled(sample) = outcome {
            let denoising_error = sample.denoising_error.unwrap_or(f64::INFINITY);
            tries[sample.order] = Some(Try { structure: sample.structure, denoising_error });
        }
    })?;
    // No text has a number for an infinite one, so a run that goes on could not read it.
    let chosen_by = |one: &Try| one.denoising_error.is_finite();
    ensure!(tries.iter().flatten().all(chosen_by), "a try has no denoising error; give the sampler a selection");
    let mut text = vec![];
    for one in &tries {
        serde_json::to_writer(&mut text, one)?;
        text.push(b'\n');
    }
    write_file(&file, zstd::encode_all(text.as_slice(), 3)?)?;
    Ok((tries, true))
}

fn read_back(text: &[u8]) -> Result<Vec<Option<Try>>> {
    Ok(serde_json::Deserializer::from_slice(text).into_iter::<Option<Try>>().collect::<Result<_, _>>()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_keeps_its_positions() {
        let group = SpaceGroup::from_number(221).expect("a group");
        let assignment = WyckoffAssignment::parse(group, "Sr@1a Ti@1b O@3c").expect("an assignment");
        let proposal = Proposal { assignment: assignment.clone(), log_probability: -0.5 };
        assert_eq!(Planned::of(2, &proposal).assignment().expect("an assignment"), assignment);
    }
}
