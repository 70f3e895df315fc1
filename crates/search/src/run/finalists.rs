//! The best: relaxed tightly, through phonons, compared with what is known, ranked.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Instant;

use crystal_core::{Composition, Structure};
use druse::output::{writable_folder, write_file};
use phonon::{DensityOfStates, PhononError, Phonons, plot};
use rayon::prelude::*;
use relax::{Crystal, Relaxation};

use super::budget::Pace;
use super::{Run, Stage, energy_per_atom, placed};
use crate::candidates::{Candidate, Unique, formula_of, rank};
use crate::known::{Judge, Prototypes};
use crate::record::{Entry, PhononOutcome, PhononRecord, Relaxed};
use crate::{SearchError, Tools};

/// Distance between the wave vectors of a band structure, 1/Å.
const BAND_SPACING: f64 = 0.01;
/// Points of a density of states.
const DENSITY_POINTS: usize = 301;
/// A relaxation in a higher group that ends higher by more than this has left the minimum, eV/atom.
const HIGHER: f64 = 1e-3;

/// The picture of a candidate's bands, in the folder of a search.
pub(crate) fn bands_file(sample: u64) -> String {
    format!("phonons/{sample:07}.svg")
}

impl Run<'_> {
    /// The `top` lowest as candidates. Returns them ranked, and how many the time did not suffice for.
    pub(super) fn finalists(
        &mut self,
        unique: Unique,
        top: usize,
        judge: &Judge<'_>,
        pace: &Pace<'_>,
        folder: &Path,
    ) -> Result<(Vec<Candidate>, usize), SearchError> {
        let clock = Instant::now();
        let kinds: Vec<(Relaxed, Structure, usize)> = unique.kinds.into_iter().take(top).collect();
        writable_folder(&folder.join("phonons"))?;
        let mut unfinished = 0;
        let at_once = pace.finalists_at_once().min(top.max(1));
        for (index, chunk) in kinds.chunks(at_once).enumerate() {
            self.tell(Stage::Phonons, index * at_once, kinds.len());
            let is_done = |sample: u64, run: &Self| run.state.phonons.contains_key(&sample);
            let waiting: Vec<&Relaxed> =
                chunk.iter().map(|(found, ..)| found).filter(|found| !is_done(found.sample, self)).collect();
            if waiting.is_empty() {
                continue;
            }
            // One candidate is finished whatever the budget.
            if index > 0 && pace.is_over() {
                unfinished += waiting.len();
                continue;
            }
            self.refine(&waiting)?;
            self.phonons(&waiting, folder)?;
        }
        self.tell(Stage::Phonons, kinds.len() - unfinished, kinds.len());
        let candidates = self.candidates(kinds, judge);
        self.spent(Stage::Phonons, clock);
        Ok((candidates?, unfinished))
    }

    /// Relaxes tightly: in the group that the structure has at the tolerance of the settings, or, if that leaves the
    /// minimum, in its own.
    fn refine(&mut self, waiting: &[&Relaxed]) -> Result<(), SearchError> {
        let waiting: Vec<&Relaxed> =
            waiting.iter().copied().filter(|found| !self.state.refined.contains_key(&found.sample)).collect();
        let higher = |found: &&Relaxed| Ok(Crystal::Structure(found.unit.structure()?));
        let own = |found: &&Relaxed| Ok(Crystal::Unit(found.unit.unit()?));
        let mut best = self.relaxed(&waiting, higher)?;
        let left = |found: &&Relaxed, best: &BTreeMap<u64, Relaxed>| {
            best.get(&found.sample)
                .is_none_or(|refined| refined.raw_energy_per_atom > found.raw_energy_per_atom + HIGHER)
        };
        let again: Vec<&Relaxed> = waiting.iter().copied().filter(|found| left(found, &best)).collect();
        best.retain(|sample, _| again.iter().all(|found| found.sample != *sample));
        best.extend(self.relaxed(&again, own)?);
        for found in waiting {
            // What cannot be relaxed further stays as it was found.
            let refined = best.remove(&found.sample).unwrap_or_else(|| found.clone());
            self.note(Entry::Refined(refined))?;
        }
        Ok(())
    }

    fn relaxed(
        &self,
        waiting: &[&Relaxed],
        crystal: impl Fn(&&Relaxed) -> Result<Crystal, SearchError>,
    ) -> Result<BTreeMap<u64, Relaxed>, SearchError> {
        let crystals = waiting.iter().map(&crystal).collect::<Result<Vec<Crystal>, SearchError>>()?;
        let mut results: Vec<(usize, Relaxation)> = Vec::new();
        let options = self.settings.refinement.options();
        relax::relax(self.tools.potential, &options, crystals.into_iter().enumerate(), |index, result| {
            results.extend(result.ok().map(|relaxation| (index, relaxation)));
            ControlFlow::Continue(())
        })?;
        let place = |(index, relaxation): (usize, Relaxation)| {
            let found = waiting[index];
            let placed = placed(self.tools, found.sample, found.order.clone(), found.redraws, &relaxation);
            placed.ok().map(|refined| (found.sample, refined))
        };
        Ok(results.into_iter().filter_map(place).collect())
    }

    fn phonons(&mut self, waiting: &[&Relaxed], folder: &Path) -> Result<(), SearchError> {
        let samples: Vec<u64> = waiting.iter().map(|found| found.sample).collect();
        let outcomes = phonon_outcomes(self.tools, &self.settings.phonons, &self.refined(&samples))?;
        for (sample, outcome) in samples.into_iter().zip(outcomes) {
            let outcome = match outcome {
                Ok((outcome, picture)) => {
                    if let Some(svg) = picture {
                        write_file(&folder.join(bands_file(sample)), svg)?;
                    }
                    Ok(outcome)
                }
                Err(reason) => Err(reason),
            };
            self.note(Entry::Phonons(PhononRecord { sample, outcome }))?;
        }
        Ok(())
    }

    fn refined(&self, samples: &[u64]) -> Vec<Relaxed> {
        samples.iter().map(|sample| self.state.refined[sample].clone()).collect()
    }

    fn candidates(
        &self,
        kinds: Vec<(Relaxed, Structure, usize)>,
        judge: &Judge<'_>,
    ) -> Result<Vec<Candidate>, SearchError> {
        let prototypes = Prototypes::compiled_in()?;
        let (reference, source) = (self.tools.reference, self.tools.source());
        let state = &self.state;
        let make = |(found, structure, times): (Relaxed, Structure, usize)| -> Result<Candidate, SearchError> {
            let refined = state.refined.get(&found.sample).cloned();
            let is_refined = refined.is_some();
            let structure = refined.as_ref().map_or(Ok(structure), |refined| refined.unit.structure())?;
            let relaxed = refined.unwrap_or_else(|| found.clone());
            let energy_per_atom = energy_per_atom(reference, &structure, &relaxed);
            let raw = relaxed.raw_energy_per_atom * structure.n_sites() as f64;
            let placement = reference.place(&source, &structure, raw)?;
            let space_group = judge.space_group(&structure);
            let mut novelty = judge.novelty(&structure, energy_per_atom, space_group);
            novelty.prototype = prototypes.of(&structure, &judge.matcher);
            Ok(Candidate {
                rank: 0,
                phonons: state.phonons.get(&relaxed.sample).cloned(),
                formula: formula_of(&structure),
                decomposition: placement.decomposition.products(),
                refined: is_refined,
                relaxed,
                found,
                structure,
                space_group,
                energy_per_atom,
                times,
                novelty,
            })
        };
        let made = kinds.into_par_iter().map(make).collect::<Result<Vec<Candidate>, SearchError>>()?;
        let mut candidates = merged(made, judge)?;
        rank(&mut candidates);
        Ok(candidates)
    }
}

/// Candidates that became the same when they were relaxed tightly are one: the lowest of them.
fn merged(mut candidates: Vec<Candidate>, judge: &Judge<'_>) -> Result<Vec<Candidate>, SearchError> {
    candidates.sort_by(|a, b| crate::candidates::order(&a.relaxed, &b.relaxed));
    let structures: Vec<Structure> = candidates.iter().map(|candidate| candidate.structure.clone()).collect();
    let first = judge.matcher.unique(&structures)?;
    let mut kept: BTreeMap<usize, Candidate> = BTreeMap::new();
    for (index, (candidate, first)) in candidates.into_iter().zip(first).enumerate() {
        match first.filter(|first| *first != index).and_then(|first| kept.get_mut(&first)) {
            Some(same) => same.times += candidate.times,
            None => {
                kept.insert(index, candidate);
            }
        }
    }
    Ok(kept.into_values().collect())
}

/// A verdict with its picture, or why there is none.
pub(crate) type PhononResult = Result<(PhononOutcome, Option<String>), String>;

/// The verdict and the picture of each crystal's phonons, or why there are none.
///
/// # Errors
/// If the device fails.
pub(crate) fn phonon_outcomes(
    tools: &Tools<'_>,
    settings: &phonon::Settings,
    relaxed: &[Relaxed],
) -> Result<Vec<PhononResult>, SearchError> {
    let crystal = |relaxed: &Relaxed| {
        let unit = relaxed.unit.unit().map_err(|error| error.to_string())?;
        phonon::Crystal::from_unit(&unit).map_err(|error| error.to_string())
    };
    let crystals: Vec<Result<phonon::Crystal, String>> = relaxed.iter().map(crystal).collect();
    let good: Vec<phonon::Crystal> = crystals.iter().flatten().cloned().collect();
    let mut computed = phonon::compute(tools.potential, good, settings)?.into_iter();
    let mut outcomes = Vec::with_capacity(relaxed.len());
    for (crystal, relaxed) in crystals.into_iter().zip(relaxed) {
        let outcome = match crystal {
            Err(reason) => Err(reason),
            Ok(_) => computed
                .next()
                .expect("one result for each crystal")
                .and_then(|phonons| {
                    let title = format!(
                        "{} {}",
                        Composition::of(phonons.crystal().primitive()).reduced().formula(),
                        relaxed.unit.space_group
                    );
                    verdict(&phonons, &title)
                })
                .map_err(|error| error.to_string()),
        };
        outcomes.push(outcome);
    }
    Ok(outcomes)
}

fn verdict(phonons: &Phonons, title: &str) -> Result<(PhononOutcome, Option<String>), PhononError> {
    let modes = phonons.on_mesh()?;
    let outcome = PhononOutcome::new(phonons.stability(&modes), phonons);
    let density = DensityOfStates::new(&modes, DENSITY_POINTS);
    // A verdict is worth keeping without its picture.
    let picture =
        phonons.band_structure(BAND_SPACING).and_then(|bands| plot::bands_and_density(title, &bands, &density)).ok();
    Ok((outcome, picture))
}
