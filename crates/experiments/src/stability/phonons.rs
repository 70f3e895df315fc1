//! The share of dynamically stable structures among the first samples.

use std::path::Path;

use anyhow::Result;
use crystal_core::Structure;
use druse::output::writable_folder;
use phonon::{Crystal, PhononError, STABLE_ABOVE_THZ, STRICTLY_STABLE_ABOVE_THZ, Settings, compute};
use potential::Potential;
use relax::Options;
use serde::{Deserialize, Serialize};

use super::StabilityOptions;
use crate::journal::Journal;
use crate::progress::bar;
use crate::relaxing::{Deadline, Stages};

/// The relaxation before the phonons.
const STAGE: &str = "tight";

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Line {
    index: usize,
    outcome: Result<Lowest, String>,
}

/// The lowest frequency, and the verdicts.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Lowest {
    min_frequency_thz: f64,
    stable: bool,
    strictly_stable: bool,
}

/// Counts over the subset.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct Counts {
    pub computed: usize,
    pub failed: usize,
    pub stable: usize,
    pub strictly_stable: usize,
}

impl Counts {
    pub(super) fn text(&self) -> String {
        let Self { computed, failed, stable, strictly_stable } = self;
        if *computed == 0 {
            return "Phonons were not computed (--phonons N).".to_owned();
        }
        format!(
            "Phonons of the first {computed} relaxed samples, supercells of at least 8 Å: {stable} dynamically stable above \
             {STABLE_ABOVE_THZ} THz, {strictly_stable} above {STRICTLY_STABLE_ABOVE_THZ} THz; {failed} failed and count as \
             not stable."
        )
    }
}

/// Relaxes the first samples closely within their groups, then computes their phonons. `None` if the time ended.
pub(super) fn measure(
    options: &StabilityOptions,
    potential: &dyn Potential,
    relaxed: &[Option<Structure>],
    folder: &Path,
    identity: &str,
    deadline: Deadline,
) -> Result<Option<Counts>> {
    let there = relaxed.iter().enumerate().filter_map(|(index, one)| Some((index, one.as_ref()?)));
    let chosen: Vec<(usize, &Structure)> = there.take(options.phonons).collect();
    if chosen.is_empty() {
        return Ok(Some(Counts::default()));
    }
    let folder = writable_folder(&folder.join("phonons"))?;
    let mut stages = Stages::open(&folder, identity, true, potential, deadline)?;
    let settings = Options { fmax: 0.005, smax_gpa: 0.05, ..options.relaxations()[1] };
    if !stages.run(STAGE, &settings, chosen.iter().map(|(index, one)| (*index, (*one).clone())))? {
        return Ok(None);
    }
    let (mut journal, mut lines) = Journal::<Line>::open(&folder, "frequencies", identity, true)?;
    let bar = bar("phonons", chosen.len() as u64);
    for (index, _) in &chosen {
        bar.inc(1);
        if lines.iter().any(|line| line.index == *index) {
            continue;
        }
        if deadline.is_over() {
            return Ok(None);
        }
        let outcome = match stages.outcome(STAGE, *index) {
            Some(Ok(tight)) => match lowest(potential, &tight.structure) {
                Err(error @ PhononError::Device(_)) => return Err(error.into()),
                found => found.map_err(|error| error.to_string()),
            },
            Some(Err(reason)) => Err(reason.clone()),
            None => Err("not relaxed".to_owned()),
        };
        let line = Line { index: *index, outcome };
        journal.add(&line)?;
        lines.push(line);
    }
    bar.finish_and_clear();
    let found: Vec<Lowest> = lines.iter().filter_map(|line| line.outcome.as_ref().ok().copied()).collect();
    Ok(Some(Counts {
        computed: lines.len(),
        failed: lines.len() - found.len(),
        stable: found.iter().filter(|one| one.stable).count(),
        strictly_stable: found.iter().filter(|one| one.strictly_stable).count(),
    }))
}

fn lowest(potential: &dyn Potential, structure: &Structure) -> Result<Lowest, PhononError> {
    let settings = Settings::default();
    let crystal = Crystal::from_structure(structure, settings.symprec)?;
    let phonons = compute(potential, vec![crystal], &settings)?.pop().expect("one crystal was given")?;
    let verdict = phonons.stability(&phonons.on_mesh()?);
    Ok(Lowest {
        min_frequency_thz: verdict.min_frequency_thz,
        stable: verdict.dynamically_stable,
        strictly_stable: verdict.strictly_stable,
    })
}
