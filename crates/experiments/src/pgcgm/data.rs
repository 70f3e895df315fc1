//! The crystals of a split that the model can hold.

use std::collections::BTreeMap;

use crystal_core::Structure;
use datasets::{DataSet, Record, Split};
use metrics::Fingerprints;
use pgcgm::{Crystal, ElementSet, Unfit, group_index};

use crate::statistics::choose;

/// Stream of the choice of validation structures.
const STREAM: u64 = 1 << 38;

/// Crystals of a split, and how many structures were left out, by the first reason.
pub(super) fn crystals(
    data: &DataSet,
    split: Split,
    set: ElementSet,
    limit: Option<usize>,
) -> (Vec<Crystal>, BTreeMap<String, usize>) {
    let records = data.split(split);
    let records = &records[..limit.unwrap_or(usize::MAX).min(records.len())];
    let mut left_out = BTreeMap::new();
    let mut found = vec![];
    for record in records {
        match fitting(record, set) {
            Ok(crystal) => found.push(crystal),
            Err(reason) => *left_out.entry(reason.to_owned()).or_default() += 1,
        }
    }
    (found, left_out)
}

fn fitting(record: &Record, set: ElementSet) -> Result<Crystal, &'static str> {
    let unit = record.unit.as_ref().map_err(|_| "no reduced form")?;
    Crystal::of(unit, set).map_err(|unfit| match unfit {
        Unfit::SpaceGroup(_) => "another space group",
        Unfit::Elements(_) => "not three elements",
        Unfit::Orbits(_) => "several orbits of an element",
        Unfit::Element(_) => "an element that is not in the set",
        _ => "a length outside the scale",
    })
}

/// Whether a structure's space group is one of the 20.
pub(super) fn is_in_groups(record: &Record) -> bool {
    record.unit.as_ref().is_ok_and(|unit| group_index(unit.space_group().number()).is_some())
}

/// Fingerprints of `n` random structures of the validation split in the 20 groups.
pub(super) fn validation_fingerprints(data: &DataSet, n: usize, seed: u64) -> Vec<Fingerprints> {
    let records: Vec<&Record> = data.split(Split::Validation).iter().filter(|record| is_in_groups(record)).collect();
    let chosen = choose(records.len(), n, seed, STREAM);
    let structures: Vec<Structure> = chosen.into_iter().map(|index| records[index].structure.clone()).collect();
    metrics::fingerprints(&structures, &|_| ())
}
