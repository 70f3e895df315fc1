//! The reference file, and what is missing from it.

use std::collections::{BTreeSet, HashSet};

use anyhow::{Context, Result, ensure};
use crystal_core::Species;
use druse::output::{write_file, write_json};
use potential::Identity;
use serde::Serialize;
use stability::{ReferenceBuilder, ReferenceSet, Source};

use super::items::Items;
use super::record::{Energy, Record};
use super::{HullReferenceOptions, SCHEME};

/// The file that is written.
pub const FILE: &str = "hull-reference.bin";
/// What is in it, in figures.
const SUMMARY: &str = "hull-reference.json";
/// Structures without an energy, with the reasons.
const FAILED: &str = "failed.csv";
/// Largest size of a file that is compiled in, bytes.
const MOST_BYTES: usize = 3_000_000;

/// What stands in the summary.
#[derive(Debug, Serialize)]
struct Summary<'a> {
    potential: Source,
    data: &'a Source,
    settings: &'a str,
    builds: &'a [String],
    structures: usize,
    with_energy: usize,
    not_converged: usize,
    failed: usize,
    not_reached: usize,
    not_readable: usize,
    phases: usize,
    /// Elements of the data without an elementary phase: their systems have no hull.
    missing_end_members: Vec<String>,
    bytes: usize,
    sha256: &'a str,
}

pub(super) fn write(
    options: &HullReferenceOptions,
    items: &Items,
    records: &[Record],
    potential: &Identity,
    builds: &[String],
    settings: &str,
) -> Result<String> {
    let energies: Vec<(&str, &Energy)> =
        records.iter().filter_map(|record| Some((record.id.as_str(), record.outcome.as_ref().ok()?))).collect();
    let done: HashSet<&str> = records.iter().map(|record| record.id.as_str()).collect();
    let not_reached = items.all.iter().filter(|item| !done.contains(item.id.as_str())).count();
    let failed: Vec<(&str, &str)> = records
        .iter()
        .filter_map(|record| Some((record.id.as_str(), record.outcome.as_ref().err()?.as_str())))
        .collect();
    let potential = Source { name: potential.name.clone(), sha256: potential.sha256.clone() };
    let header = format!(
        "{settings}; {} of {} structures have an energy, {} could not be evaluated, {not_reached} were not reached; \
         source {}",
        energies.len(),
        items.all.len(),
        failed.len(),
        builds.join(", "),
    );
    let set = build(&potential, &items.source, &header, &energies)?;
    let path = options.out.join(FILE);
    let bytes = set.to_bytes()?;
    ensure!(
        bytes.len() <= MOST_BYTES,
        "the reference file has {} bytes; it is to be compiled in and may have {MOST_BYTES}",
        bytes.len()
    );
    write_file(&path, &bytes)?;
    let rows: String = failed.iter().map(|(id, why)| format!("{id},\"{}\"\n", why.replace('"', "\"\""))).collect();
    write_file(&options.out.join(FAILED), format!("id,reason\n{rows}"))?;
    let summary = Summary {
        potential,
        data: &items.source,
        settings,
        builds,
        structures: items.all.len(),
        with_energy: energies.len(),
        not_converged: energies.iter().filter(|(_, energy)| !energy.converged).count(),
        failed: failed.len(),
        not_reached,
        not_readable: items.rejected.len(),
        phases: set.n_phases(),
        missing_end_members: missing_ends(&set, items),
        bytes: bytes.len(),
        sha256: set.sha256(),
    };
    write_json(&options.out.join(SUMMARY), &summary)?;
    Ok(summary.text(&path.display().to_string()))
}

impl Summary<'_> {
    fn text(&self, path: &str) -> String {
        let Self { structures, with_energy, not_converged, failed, not_reached, not_readable, .. } = self;
        let ends = if self.missing_end_members.is_empty() {
            "every element has an end member".to_owned()
        } else {
            format!(
                "elements WITHOUT an end member, whose systems have no hull: {}",
                self.missing_end_members.join(", ")
            )
        };
        let next = if *not_reached > 0 { "; go on with --resume" } else { "" };
        format!(
            "wrote {path}: {} phases, {} bytes, SHA-256 of its content {}\n\
             potential {}; data {}\n\
             {structures} structures: {with_energy} with an energy ({not_converged} of them not converged), {failed} failed \
             ({FAILED}), {not_reached} not reached{next}; {not_readable} rows could not be read\n{ends}",
            self.phases, self.bytes, self.sha256, self.potential, self.data,
        )
    }
}

fn build(potential: &Source, data: &Source, settings: &str, energies: &[(&str, &Energy)]) -> Result<ReferenceSet> {
    let mut builder = ReferenceBuilder::new(potential.clone(), data.clone(), SCHEME, settings);
    for (id, energy) in energies {
        builder.push_phase(energy.phase(id).with_context(|| (*id).to_owned())?)?;
    }
    Ok(builder.finish()?)
}

/// The elements of all data that have no elementary phase in the set.
fn missing_ends(set: &ReferenceSet, items: &Items) -> Vec<String> {
    let known = set.elements();
    let sites = items.all.iter().flat_map(|item| item.structure.sites());
    let all: BTreeSet<Species> = sites.map(|site| site.species).collect();
    all.difference(&known).map(ToString::to_string).collect()
}
