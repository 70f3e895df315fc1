//! Which targets are rebuilt.

use anyhow::Result;
use crystal_core::{AsymmetricUnit, Composition, Finder, LatticeParameters, Structure};
use metrics::StructureMatcher;
use rayon::prelude::*;
use serde::Serialize;

use super::STAGES;
use super::rows::Given;
use super::targets::Target;
use crate::relaxing::Relaxed;

/// The matchers: that of structure prediction, and pymatgen's defaults.
fn matchers() -> [StructureMatcher; 2] {
    [StructureMatcher::default(), StructureMatcher { ltol: 0.2, stol: 0.3, angle_tol: 5.0 }]
}

/// How the samples of one target fared.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Rebuilt {
    pub id: String,
    /// Samples with the composition of the target: only these are relaxed.
    pub same_formula: usize,
    /// Of these, relaxed through both stages.
    pub relaxed: usize,
    /// Samples that match as sampled, after the symmetric and after the free relaxation: within the tolerances of
    /// structure prediction, then within pymatgen's defaults.
    pub matches: [[usize; 3]; 2],
    /// The best sample: the nearest to the target after the free relaxation, else before.
    pub best: Option<Best>,
}

/// The sample that is nearest to its target.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Best {
    pub sample: usize,
    /// Root mean square distance, in units of the cube root of the volume per atom.
    pub rms: f64,
    /// Conventional cell after the symmetric relaxation, Å and degrees.
    pub conventional: Option<LatticeParameters>,
}

/// A row: all targets.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Row {
    pub given: String,
    #[serde(skip)]
    pub kind: Given,
    pub sampled: usize,
    pub targets: Vec<Rebuilt>,
}

impl Row {
    /// Compares every sample in every stage; `relaxed` gives a sample after a stage.
    ///
    /// # Errors
    /// None with these tolerances.
    pub(super) fn of(
        given: Given,
        targets: &[Target],
        samples: &[Vec<Option<Structure>>],
        relaxed: impl Fn(&str, usize, usize) -> Option<Structure> + Sync,
    ) -> Result<Self> {
        let one = |(index, target): (usize, &Target)| {
            let stages: Vec<[Option<Structure>; 3]> = samples[index]
                .iter()
                .enumerate()
                .map(|(sample, start)| {
                    let fits = |start: &&Structure| Composition::of(start).reduced() == target.formula;
                    let [symmetric, free] = STAGES.map(|stage| relaxed(stage, index, sample));
                    [start.as_ref().filter(fits).cloned(), symmetric, free]
                })
                .collect();
            Rebuilt::of(target, &stages)
        };
        Ok(Self {
            given: given.name().to_owned(),
            kind: given,
            sampled: samples.iter().flatten().flatten().count(),
            targets: targets.par_iter().enumerate().map(one).collect(),
        })
    }

    /// Rebuilt targets among those that `which` picks, by tolerance and stage.
    pub(super) fn rebuilt(&self, which: impl Fn(usize) -> bool) -> [[usize; 3]; 2] {
        let picked: Vec<&Rebuilt> =
            self.targets.iter().enumerate().filter(|(index, _)| which(*index)).map(|(_, target)| target).collect();
        let count =
            |tolerance: usize, stage: usize| picked.iter().filter(|one| one.matches[tolerance][stage] > 0).count();
        std::array::from_fn(|tolerance| std::array::from_fn(|stage| count(tolerance, stage)))
    }
}

impl Rebuilt {
    fn of(target: &Target, stages: &[[Option<Structure>; 3]]) -> Self {
        let mut matches = [[0; 3]; 2];
        let mut best: Option<(usize, usize, f64)> = None;
        for (sample, structures) in stages.iter().enumerate() {
            for (stage, structure) in structures.iter().enumerate() {
                let Some(structure) = structure else { continue };
                for (tolerance, matcher) in matchers().iter().enumerate() {
                    // What cannot be reduced to a primitive cell matches nothing.
                    let Some(found) = matcher.rms(structure, &target.structure).ok().flatten() else { continue };
                    matches[tolerance][stage] += 1;
                    // A later stage goes before a smaller distance.
                    let better = |&(_, of, rms): &(usize, usize, f64)| stage > of || (stage == of && found.rms < rms);
                    if tolerance == 0 && best.as_ref().is_none_or(better) {
                        best = Some((sample, stage, found.rms));
                    }
                }
            }
        }
        let best = best.map(|(sample, _, rms)| Best {
            sample,
            rms,
            conventional: stages[sample][1].as_ref().or(stages[sample][0].as_ref()).and_then(conventional),
        });
        Self {
            id: target.id.clone(),
            same_formula: stages.iter().filter(|[start, ..]| start.is_some()).count(),
            relaxed: stages.iter().filter(|[_, _, free]| free.is_some()).count(),
            matches,
            best,
        }
    }
}

fn conventional(structure: &Structure) -> Option<LatticeParameters> {
    let unit = AsymmetricUnit::from_structure(structure, 0.01, Finder::default()).ok()?;
    Some(unit.lattice().parameters())
}

/// The targets themselves, relaxed: how many the potential keeps.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Ceiling {
    /// By tolerance and stage (symmetric, free): whether each target still matches itself.
    pub kept: Vec<[[bool; 2]; 2]>,
    /// Why a target could not be relaxed.
    pub failed: Vec<(String, String)>,
}

impl Ceiling {
    pub(super) fn of(
        targets: &[Target],
        outcome: impl Fn(&str, usize) -> Option<Result<Relaxed, String>>,
    ) -> Result<Self> {
        let mut failed = Vec::new();
        let mut kept = Vec::new();
        for (index, target) in targets.iter().enumerate() {
            let stages = STAGES.map(|stage| outcome(stage, index));
            if let Some(Err(reason)) = stages.iter().flatten().find(|stage| stage.is_err()) {
                failed.push((target.id.clone(), reason.clone()));
            }
            let matches = |matcher: &StructureMatcher, stage: usize| {
                let Some(Ok(relaxed)) = &stages[stage] else { return false };
                matcher.fit(&relaxed.structure, &target.structure).unwrap_or(false)
            };
            kept.push(matchers().map(|matcher| [0, 1].map(|stage| matches(&matcher, stage))));
        }
        Ok(Self { kept, failed })
    }

    /// Targets kept among those that `which` picks, by tolerance, after the free relaxation.
    pub(super) fn count(&self, which: impl Fn(usize) -> bool) -> [usize; 2] {
        [0, 1].map(|tolerance| {
            self.kept.iter().enumerate().filter(|(index, kept)| which(*index) && kept[tolerance][1]).count()
        })
    }
}

#[cfg(test)]
mod tests {
    use crystal_core::{Lattice, Site, SpaceGroup, SpaceGroupNumber};

    use super::*;

    /// A face-centred cell with Na at the origin and Cl elsewhere.
    fn salt(edge: f64, chlorine: f64) -> Structure {
        let half = edge / 2.0;
        let lattice = Lattice::from_rows([[0.0, half, half], [half, 0.0, half], [half, half, 0.0]]).expect("a cell");
        let site =
            |symbol: &str, x: f64| Site { species: symbol.parse().expect("an element"), frac_coords: [x; 3].into() };
        Structure::new(lattice, vec![site("Na", 0.0), site("Cl", chlorine)]).expect("a structure")
    }

    fn target() -> Target {
        let structure = salt(5.6, 0.5);
        let formula = Composition::of(&structure);
        let sites_per_element = formula.iter().collect();
        Target {
            id: "salt".to_owned(),
            formula,
            space_group: SpaceGroup::get(SpaceGroupNumber::new(225).expect("a group")),
            sites_per_element,
            conventional: structure.lattice().parameters(),
            structure,
            paper: None,
            has_known_type: false,
        }
    }

    #[test]
    fn a_target_is_rebuilt_by_any_sample_and_stage() {
        let target = target();
        // Sampled as zinc blende, relaxed to rock salt; rock salt that is lost without its group; nothing.
        let [salt, blende] = [salt(5.9, 0.5), salt(5.9, 0.25)].map(Some);
        let stages = [
            [blende.clone(), salt.clone(), salt.clone()],
            [salt.clone(), salt.clone(), blende.clone()],
            [None, None, None],
        ];
        let rebuilt = Rebuilt::of(&target, &stages);
        assert_eq!((rebuilt.same_formula, rebuilt.relaxed), (2, 2));
        // The tolerances of structure prediction do not tell the two types apart, pymatgen's defaults do.
        assert_eq!(rebuilt.matches, [[2, 2, 2], [1, 2, 1]]);
        let best = rebuilt.best.expect("a match");
        assert_eq!(best.sample, 0, "the nearest at the end");
        assert!((best.conventional.expect("a cell").a - 5.9).abs() < 1e-6 && best.rms < 1e-6);

        let relaxed =
            |stage: &str, _: usize, sample: usize| stages[sample][if stage == STAGES[0] { 1 } else { 2 }].clone();
        let samples = vec![stages.iter().map(|[start, ..]| start.clone()).collect::<Vec<_>>()];
        let row = Row::of(Given::Sites, &[target], &samples, relaxed).expect("good tolerances");
        assert_eq!((row.sampled, row.rebuilt(|_| true)), (2, [[1; 3]; 2]));
        assert_eq!(row.rebuilt(|_| false), [[0; 3]; 2]);
    }

    #[test]
    fn the_ceiling_counts_targets_that_keep_their_structure() {
        let relaxed = |structure: Structure| Relaxed {
            structure,
            energy_per_atom: -1.0,
            space_group: None,
            converged: true,
            steps: 1,
        };
        let outcome = |stage: &str, index: usize| {
            Some(match (stage, index) {
                (_, 2) => Err("diverged".to_owned()),
                ("free", 1) => Ok(relaxed(salt(5.6, 0.25))),
                _ => Ok(relaxed(salt(5.7, 0.5))),
            })
        };
        let ceiling = Ceiling::of(&[target(), target(), target()], outcome).expect("good tolerances");
        assert_eq!(ceiling.kept[1], [[true, true], [true, false]]);
        assert_eq!(ceiling.count(|_| true), [2, 1]);
        assert_eq!(ceiling.failed, [("salt".to_owned(), "diverged".to_owned())]);
    }
}
