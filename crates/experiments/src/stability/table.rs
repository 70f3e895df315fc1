//! The table, and what failed on the way.

use std::collections::BTreeMap;

use comfy_table::{Table, presets::ASCII_MARKDOWN};
use crystal_core::Composition;
use serde::Serialize;
use serde_json::{Value, json};
use stability::{ReferenceSet, Share, StabilityCounts};

use super::End;
use super::diversity::Diversity;
use super::phonons::Counts;
use super::samples::Samples;

/// Counts in one way of telling unique and novel.
pub(super) struct Figures {
    pub name: String,
    pub counts: StabilityCounts,
}

/// Samples that have no energy above hull, or one that is worth less.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Failures {
    /// Not a crystal: no structure, atoms too close, no volume.
    pub invalid: usize,
    /// The relaxation failed.
    pub not_relaxed: usize,
    /// The hull has no end member of an element.
    pub not_on_hull: usize,
    /// Relaxed, but not to the limits within the steps; these count.
    pub not_converged: usize,
    /// The kick led lower.
    pub fell: usize,
    /// Compounds of ytterbium, whose reference is divalent; these count.
    pub ytterbium: usize,
    /// The commonest reasons, with counts.
    pub reasons: Vec<(String, usize)>,
}

impl Failures {
    pub(super) fn of(samples: &Samples, ends: &[Result<End, String>], above: &[Result<f64, String>]) -> Self {
        let invalid = samples.structures.iter().filter(|one| one.is_err()).count();
        let failed = ends.iter().filter(|end| end.is_err()).count();
        let relaxed = || ends.iter().flatten();
        let holds_ytterbium =
            |end: &&End| Composition::of(&end.structure).iter().any(|(element, _)| element.symbol() == "Yb");
        let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
        for reason in above.iter().filter_map(|above| above.as_ref().err()) {
            // Numbers differ from sample to sample.
            let plain: String = reason.chars().map(|c| if c.is_ascii_digit() { '#' } else { c }).collect();
            *reasons.entry(plain).or_default() += 1;
        }
        let mut reasons: Vec<(String, usize)> = reasons.into_iter().collect();
        reasons.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        reasons.truncate(5);
        Self {
            invalid,
            not_relaxed: failed - invalid,
            not_on_hull: above.iter().filter(|above| above.is_err()).count() - failed,
            not_converged: relaxed().filter(|end| !end.converged).count(),
            fell: relaxed().filter(|end| end.fell).count(),
            ytterbium: relaxed().filter(holds_ytterbium).count(),
            reasons,
        }
    }

    pub(super) fn text(&self) -> String {
        let Self { invalid, not_relaxed, not_on_hull, not_converged, fell, ytterbium, .. } = self;
        format!(
            "Failures, which stay in every denominator: {invalid} not valid, {not_relaxed} not relaxed, {not_on_hull} in a \
             system without a hull.\n{not_converged} of the relaxed ones did not reach the limits, {fell} fell by at least \
             1 meV/atom after the kick, {ytterbium} hold ytterbium."
        )
    }
}

pub(super) fn markdown(figures: &[Figures]) -> Table {
    let mut table = Table::new();
    table.load_preset(ASCII_MARKDOWN).set_header([
        "unique and novel",
        "stable (≤ 0)",
        "metastable (0 to 0.1)",
        "≤ 0.1 eV/atom",
        "unique",
        "novel",
        "unique and novel",
        "S.U.N.",
        "M.S.U.N.",
        "S.U.N. ≤ 0.1",
        "product, for comparison",
    ]);
    for Figures { name, counts } in figures {
        let cell = |share: &Share| {
            let [value, lower, upper] = [share.share, share.interval.lower, share.interval.upper].map(|x| 100.0 * x);
            format!("{value:.1} % ({lower:.1} – {upper:.1}; {} of {})", share.n, counts.n_samples)
        };
        let [at_0, at_0_1] = counts.products().map(|product| format!("{:.1} %", 100.0 * product));
        table.add_row([
            name.clone(),
            cell(&counts.stable),
            cell(&counts.metastable),
            cell(&counts.up_to_limit),
            cell(&counts.unique),
            cell(&counts.novel),
            cell(&counts.unique_novel),
            cell(&counts.sun),
            cell(&counts.msun),
            cell(&counts.sun_up_to_limit),
            format!("{at_0}, {at_0_1}"),
        ]);
    }
    table
}

/// A line for each sample.
pub(super) fn csv(samples: &Samples, ends: &[Result<End, String>], above: &[Result<f64, String>]) -> String {
    let mut text = "id,formula,energy_per_atom,energy_above_hull,fell,converged,error\n".to_owned();
    for ((id, end), above) in samples.ids.iter().zip(ends).zip(above) {
        let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
        let line = match end {
            Ok(end) => {
                let formula = Composition::of(&end.structure).reduced().formula();
                let (energy, error) = match above {
                    Ok(energy) => (energy.to_string(), String::new()),
                    Err(reason) => (String::new(), quoted(reason)),
                };
                format!("{formula},{},{energy},{},{},{error}", end.energy_per_atom, end.fell, end.converged)
            }
            Err(reason) => format!(",,,,,{}", quoted(reason)),
        };
        text += &format!("{},{line}\n", quoted(id));
    }
    text
}

pub(super) fn document(
    identity: &str,
    set: &ReferenceSet,
    figures: &[Figures],
    failures: &Failures,
    phonons: &Counts,
    diversity: &[Diversity],
) -> Value {
    let share = |share: &Share| {
        let interval = [share.interval.lower, share.interval.upper];
        json!({"n": share.n, "share": share.share, "interval_95": interval})
    };
    let rows: Vec<Value> = figures
        .iter()
        .map(|Figures { name, counts }| {
            json!({
                "unique_and_novel_by": name,
                "n_samples": counts.n_samples,
                "failed": share(&counts.failed),
                "stable": share(&counts.stable),
                "metastable": share(&counts.metastable),
                "up_to_0.1": share(&counts.up_to_limit),
                "unique": share(&counts.unique),
                "novel": share(&counts.novel),
                "unique_novel": share(&counts.unique_novel),
                "sun": share(&counts.sun),
                "msun": share(&counts.msun),
                "sun_up_to_0.1": share(&counts.sun_up_to_limit),
                "products": counts.products(),
            })
        })
        .collect();
    json!({
        "identity": identity,
        "potential": set.potential(),
        "hull": {"sha256": set.sha256(), "phases": set.n_phases(), "data": set.data(), "settings": set.settings()},
        "rows": rows,
        "failures": failures,
        "phonons": phonons,
        "diversity": diversity,
    })
}
