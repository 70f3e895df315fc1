//! The space-group filter and the reduction to asymmetric units, in parallel.

use crystal_core::{AsymmetricUnit, Finder, Structure};
use indicatif::{ProgressBar, ProgressStyle};
use rayon::prelude::*;

use crate::table::Row;
use crate::{LoadOptions, Record};

/// Reduces a structure.
pub(crate) fn unit_of(structure: &Structure, symprec: f64) -> Result<AsymmetricUnit, String> {
    AsymmetricUnit::from_structure(structure, symprec, Finder::Moyo).map_err(|error| error.to_string())
}

/// Options and progress of a reduction.
pub(crate) struct Reduction {
    min_space_group: u8,
    symprec: f64,
    bar: ProgressBar,
}

/// What became of the rows of a split.
#[derive(Default)]
pub(crate) struct Reduced {
    pub(crate) records: Vec<Record>,
    pub(crate) rejected: Vec<(String, String)>,
    pub(crate) dropped: usize,
}

enum Outcome {
    Kept(Box<Record>),
    Dropped,
    /// Neither the file nor the finder knows the space group that the filter asks for.
    Unknown(String, String),
}

impl Reduction {
    pub(crate) fn new(options: &LoadOptions, total: usize) -> Self {
        let bar = if options.progress { ProgressBar::new(total as u64) } else { ProgressBar::hidden() };
        let style = ProgressStyle::with_template("{msg} {wide_bar} {human_pos}/{human_len} {eta}");
        bar.set_style(style.expect("the template is well formed"));
        bar.set_message("asymmetric units");
        Self { min_space_group: options.min_space_group, symprec: options.symprec, bar }
    }

    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }

    pub(crate) fn reduce(&self, rows: Vec<Row>) -> Reduced {
        let outcomes: Vec<Outcome> = rows
            .into_par_iter()
            .map(|row| {
                let outcome = self.reduce_row(row);
                self.bar.inc(1);
                outcome
            })
            .collect();
        let mut reduced = Reduced::default();
        for outcome in outcomes {
            match outcome {
                Outcome::Kept(record) => reduced.records.push(*record),
                Outcome::Dropped => reduced.dropped += 1,
                Outcome::Unknown(id, reason) => reduced.rejected.push((id, reason)),
            }
        }
        reduced
    }

    fn reduce_row(&self, row: Row) -> Outcome {
        // The file's group first: it spares the search for what is dropped anyway.
        if row.space_group.is_some_and(|number| number < self.min_space_group) {
            return Outcome::Dropped;
        }
        let unit = unit_of(&row.structure, self.symprec);
        let found = unit.as_ref().ok().map(|unit| unit.space_group().number().get());
        match row.space_group.or(found) {
            Some(number) if number < self.min_space_group => Outcome::Dropped,
            None if self.min_space_group > 1 => {
                let reason = unit.err().unwrap_or_else(|| "its space group is not known".to_owned());
                Outcome::Unknown(row.id, format!("the space-group filter cannot judge it: {reason}"))
            }
            space_group => {
                let Row { id, structure, formation_energy, .. } = row;
                Outcome::Kept(Box::new(Record { id, structure, space_group, formation_energy, unit }))
            }
        }
    }
}
