//! `druse verify`.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use search::{Certificate, Statement, verify};
use serde::Serialize;

use super::tools::ToolArgs;
use super::{Completion, terminal};

/// Computes a certificate of `druse find` again and says whether it holds.
///
/// Energy, forces and stress of the structure, its place on the hull, what is known of it and its phonons are computed
/// anew; and the sample is drawn and relaxed again. Exit status 1 if a statement does not hold, 2 if nothing can be
/// said: another network, potential or reference.
#[derive(Args)]
#[command(after_help = "Example:\n  druse verify found/candidates/001_KCu2Si_62.certificate.json")]
pub(super) struct VerifyArgs {
    /// The certificate
    #[arg(value_name = "CERTIFICATE")]
    certificate: PathBuf,
    #[command(flatten)]
    tools: ToolArgs,
    /// Print one JSON document instead of a table
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Document<'a> {
    certificate: String,
    holds: bool,
    statements: &'a [Statement],
}

pub(super) fn run(args: &VerifyArgs) -> Result<Completion> {
    let certificate = Certificate::read(&args.certificate)?;
    let opened = args.tools.open(&certificate.settings)?;
    let spinner = terminal::spinner("verifying");
    let statements = verify(&certificate, &opened.tools());
    terminal::finish(&spinner);
    let statements = statements?;
    let holds = statements.iter().all(|statement| statement.holds != Some(false));
    let certificate = args.certificate.display().to_string();
    if args.json {
        terminal::print_json(&Document { certificate, holds, statements: &statements })?;
    } else {
        print(&statements)?;
        let verdict = if holds { "holds" } else { "does not hold" };
        terminal::print(&format!("{certificate} {verdict}\n"))?;
    }
    Ok(if holds { Completion::Everything } else { Completion::SomeFailed })
}

fn print(statements: &[Statement]) -> Result<()> {
    let mut table = terminal::table(&["statement", "recorded", "recomputed", "tolerance", "holds"]);
    for statement in statements {
        let holds = match statement.holds {
            Some(true) => "yes",
            Some(false) => "NO",
            None => "–",
        };
        let tolerance = if statement.tolerance.is_empty() { "equal" } else { &statement.tolerance };
        table.add_row([statement.name, &statement.recorded, &statement.recomputed, tolerance, holds]);
    }
    terminal::print_table(&table)
}
