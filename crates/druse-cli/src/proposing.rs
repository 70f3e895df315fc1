//! `druse propose`.

use std::ops::RangeInclusive;

use anyhow::Result;
use clap::Args;
use crystal_core::{Composition, SpaceGroupNumber};
use druse::Request;
use druse::request::Proposals;
use druse::types_with_positions_of;
use serde::Serialize;

use super::requests::ProposerArgs;
use super::sample::{percent, types_as_text};
use super::{Completion, terminal, values};

/// Lists the space groups and Wyckoff positions that a formula likely has, the most likely first, without growing
/// anything.
///
/// Probabilities are those of the proposer: all groups, cells and positions that can hold the formula together have 1.
/// Positions that differ by the choice of origin are one proposal.
#[derive(Args)]
#[command(after_help = "Examples:\n  druse propose SrTiO3\n  druse propose TiO2 --formula-units 2 --top 5 --json\n  \
                  druse propose Cu2KSi --space-group 62 --proposer prior")]
pub(super) struct ProposeArgs {
    /// Chemical formula, such as SrTiO3
    #[arg(value_name = "FORMULA", value_parser = values::formula)]
    formula: Composition,
    /// Formula units in the primitive cell [default: those that the formula likely has]
    #[arg(long, value_name = "Z", value_parser = values::at_least_one, allow_negative_numbers = true)]
    formula_units: Option<usize>,
    /// Atoms in the primitive cell, a number or a range [default: 1-20]
    #[arg(long, value_name = "FROM-TO", conflicts_with = "formula_units", value_parser = values::range)]
    atoms: Option<RangeInclusive<u32>>,
    /// Space-group number, 1 to 230 [default: any]
    #[arg(long, value_name = "NUMBER", value_parser = values::space_group, allow_negative_numbers = true)]
    space_group: Option<SpaceGroupNumber>,
    /// Most proposals
    #[arg(long, value_name = "N", default_value = "20", value_parser = values::at_least_one, allow_negative_numbers = true)]
    top: usize,
    #[command(flatten)]
    proposer: ProposerArgs,
    /// Print one JSON document instead of a table
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Document {
    proposals: Vec<Row>,
    checkpoint: File,
}

#[derive(Serialize)]
struct Row {
    space_group: u8,
    wyckoff: String,
    formula_units: u32,
    probability: f64,
}

#[derive(Serialize)]
struct File {
    path: String,
    sha256: String,
}

pub(super) fn run(args: &ProposeArgs) -> Result<Completion> {
    let mut request = Request::composition(args.formula.clone()).proposing(args.proposer.proposing()?);
    if let Some(units) = args.formula_units {
        request = request.formula_units(u32::try_from(units).unwrap_or(u32::MAX));
    }
    if let Some(atoms) = &args.atoms {
        request = request.atoms(atoms.clone());
    }
    if let Some(space_group) = args.space_group {
        request = request.in_group(space_group);
    }
    let Proposals { proposals, path, sha256, notices } = request.proposals(args.top)?;
    notices.iter().for_each(|notice| terminal::warning(notice));
    let rows: Vec<Row> = proposals
        .iter()
        .map(|proposal| Row {
            space_group: proposal.assignment.space_group().number().get(),
            wyckoff: proposal.assignment.to_string(),
            formula_units: proposal.formula_units(),
            probability: proposal.probability(),
        })
        .collect();
    if args.json {
        terminal::print_json(&Document { proposals: rows, checkpoint: File { path, sha256 } })?;
    } else {
        let mut table = terminal::table(&[
            "probability",
            "space group",
            "symbol",
            "Wyckoff positions",
            "formula units",
            "structure types",
        ]);
        for (row, proposal) in rows.into_iter().zip(&proposals) {
            table.add_row([
                percent(row.probability),
                row.space_group.to_string(),
                proposal.assignment.space_group().symbol().to_owned(),
                row.wyckoff,
                row.formula_units.to_string(),
                types_as_text(&types_with_positions_of(&proposal.assignment)),
            ]);
        }
        terminal::print_table(&table)?;
    }
    Ok(Completion::Everything)
}
