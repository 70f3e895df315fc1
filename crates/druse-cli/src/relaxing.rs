//! `druse relax`.

mod journal;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use clap::Args;
use crystal_core::SpaceGroupNumber;
use druse::output::{writable_folder, write_file};
use relax::{CellFreedom, Crystal, Method, Mode, Options, Rattle, RelaxError, Relaxation, RelaxedNumbers};
use serde::{Deserialize, Serialize};

use super::inputs::{self, Input, ReadArgs, Row};
use super::potentials::{PotentialArgs, PotentialName};
use super::{Completion, terminal, values};
use journal::Journal;

/// Relaxes structures by an interatomic potential: positions and cell to the nearest minimum of the energy.
///
/// The space group is kept exactly, unless --free is given: then the structure is relaxed in P 1 after a small random
/// kick, so that symmetry cannot hide an instability. A structure counts as converged if its largest force is at most
/// --fmax AND the largest component of its stress at most --smax. Each relaxed structure is written as soon as it is
/// done; --resume goes on with an interrupted run.
#[derive(Args)]
#[command(
    after_help = "Example:\n  druse relax grown/ --out relaxed\n  druse relax NaCl.cif --free --pressure 10 --out squeezed"
)]
pub(super) struct RelaxArgs {
    /// Structures: files, folders or .jsonl
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    read: ReadArgs,
    /// Folder for the relaxed structures (CIF), relax.csv and relax.journal
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Without symmetry, after a rattle of 0.05 Å and 1 % strain
    #[arg(long)]
    free: bool,
    /// With --free: no rattle
    #[arg(long, requires = "free")]
    no_rattle: bool,
    /// Seed of the rattle
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Largest force of a converged structure, eV/Å
    #[arg(long, default_value = "0.02", value_parser = values::positive, allow_negative_numbers = true)]
    fmax: f64,
    /// Largest component of the stress of a converged structure, GPa
    #[arg(long, default_value = "0.1", value_parser = values::positive, allow_negative_numbers = true)]
    smax: f64,
    /// Pressure, GPa
    #[arg(long, value_name = "GPa", default_value_t = 0.0, allow_negative_numbers = true)]
    pressure: f64,
    /// What the cell may do: free, constant-volume or fixed
    #[arg(long, default_value = "free", value_parser = CellFreedom::from_str)]
    cell: CellFreedom,
    /// Most steps of a structure
    #[arg(long, value_name = "N", default_value = "500", value_parser = values::at_least_one, allow_negative_numbers = true)]
    steps: usize,
    /// lbfgs or fire
    #[arg(long, default_value = "lbfgs", value_parser = Method::from_str)]
    optimiser: Method,
    /// Tolerance in Å at which the space group is found
    #[arg(long, default_value = "0.01", value_parser = values::tolerance, allow_negative_numbers = true)]
    symprec: f64,
    /// Go on with an interrupted run in the folder
    #[arg(long)]
    resume: bool,
    #[command(flatten)]
    potential: PotentialArgs,
    /// Print one JSON document instead of a table
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Document<'a> {
    structures: &'a [Row<Relaxed>],
    structures_per_second: f64,
    potential: PotentialName,
    device: String,
}

/// A relaxed structure in documents and in the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Relaxed {
    file: String,
    #[serde(flatten)]
    numbers: RelaxedNumbers,
}

impl RelaxArgs {
    fn options(&self) -> Options {
        let rattle = (!self.no_rattle).then(|| Rattle::with_seed(self.seed));
        Options {
            mode: if self.free { Mode::Free { rattle } } else { Mode::Symmetric { symprec: self.symprec } },
            cell: self.cell,
            pressure_gpa: self.pressure,
            fmax: self.fmax,
            smax_gpa: self.smax,
            max_steps: self.steps,
            method: self.optimiser,
            ..Options::default()
        }
    }
}

pub(super) fn run(args: &RelaxArgs) -> Result<Completion> {
    let options = args.options();
    options.check()?;
    let inputs = inputs::read(&args.paths, &args.read);
    if inputs.is_empty() {
        bail!("there is no structure to relax; name a file or folder that holds one");
    }
    let files = inputs::file_names(&inputs, &args.out, "cif")?;
    let potential = args.potential.open()?;
    let name = PotentialName::of(&potential);
    writable_folder(&args.out)?;
    let (mut journal, done) = journal::open(&args.out, &identity(&options, &name, &inputs)?, args.resume)?;
    let mut rows: Vec<Option<Row<Relaxed>>> = inputs.iter().map(|input| done.get(&input.id).cloned()).collect();
    let waiting: Vec<(usize, Crystal)> = inputs
        .iter()
        .enumerate()
        .filter(|(index, _)| rows[*index].is_none())
        .filter_map(|(index, input)| Some((index, input.structure.clone().ok()?.into())))
        .collect();
    let (n_waiting, clock) = (waiting.len(), Instant::now());
    let bar = terminal::bar(n_waiting as u64, "relaxing");
    let mut failure = None;
    relax::relax(&potential, &options, waiting, |index, result| {
        bar.inc(1);
        match keep(&inputs[index], result, &files[index], &mut journal) {
            Ok(row) => {
                rows[index] = Some(row);
                ControlFlow::Continue(())
            }
            Err(error) => {
                failure = Some(error);
                ControlFlow::Break(())
            }
        }
    })?;
    terminal::finish(&bar);
    if let Some(error) = failure {
        return Err(error);
    }
    let structures_per_second = n_waiting as f64 / clock.elapsed().as_secs_f64().max(1e-9);
    let unread = |(input, row): (&Input, Option<Row<Relaxed>>)| {
        row.unwrap_or_else(|| Row::of(input.id.clone(), Err(input.structure.clone().err().unwrap_or_default())))
    };
    let rows: Vec<Row<Relaxed>> = inputs.iter().zip(rows).map(unread).collect();
    write_file(&args.out.join("relax.csv"), csv(&rows))?;
    let completion = inputs::completion_of_rows(&rows)?;
    if args.json {
        let device = args.potential.device.to_string();
        terminal::print_json(&Document { structures: &rows, structures_per_second, potential: name, device })?;
    } else {
        print(&rows)?;
    }
    Ok(completion)
}

/// What makes two legs one run.
fn identity(options: &Options, potential: &PotentialName, inputs: &[Input]) -> Result<String> {
    let structures: Vec<_> = inputs.iter().map(|input| (&input.id, &input.structure)).collect();
    let hash = sealed_file::sha256_hex(&serde_json::to_vec(&structures).context("the structures cannot be hashed")?);
    Ok(format!("{options:?}\n{potential:?}\nstructures with SHA-256 {hash}\n"))
}

/// Writes a structure, then notes it in the journal: what is noted is there.
fn keep(
    input: &Input,
    result: Result<Relaxation, RelaxError>,
    file: &Path,
    journal: &mut Journal,
) -> Result<Row<Relaxed>> {
    let row = match result {
        Ok(relaxation) => {
            write_file(file, relaxation.to_cif(&input.id))?;
            let relaxed = Relaxed { file: file.display().to_string(), numbers: (&relaxation).into() };
            Row::of(input.id.clone(), Ok(relaxed))
        }
        Err(error) => Row::of(input.id.clone(), Err(input.failed(&error))),
    };
    journal.add(&row)?;
    Ok(row)
}

const COLUMNS: &str = "id,file,energy_start_per_atom,energy_per_atom,volume_start_per_atom,volume_per_atom,steps,converged,\
                       max_force,max_stress_gpa,space_group_start,space_group,max_displacement,rms_displacement,strain,error";

fn csv(rows: &[Row<Relaxed>]) -> String {
    let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    let group = |number: Option<SpaceGroupNumber>| number.map_or_else(String::new, |number| number.to_string());
    let line = |row: &Row<Relaxed>| match &row.numbers {
        Some(Relaxed { file, numbers: r }) => format!(
            "{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},\n",
            quoted(&row.id),
            quoted(file),
            r.energy_start_per_atom,
            r.energy_per_atom,
            r.volume_start_per_atom,
            r.volume_per_atom,
            r.steps,
            r.converged,
            r.max_force,
            r.max_stress_gpa,
            group(r.space_group_start),
            group(r.space_group),
            r.max_displacement,
            r.rms_displacement,
            r.strain,
        ),
        None => format!("{}{}{}\n", quoted(&row.id), ",".repeat(15), quoted(row.error.as_deref().unwrap_or_default())),
    };
    let lines: String = rows.iter().map(line).collect();
    format!("{COLUMNS}\n{lines}")
}

fn print(rows: &[Row<Relaxed>]) -> Result<()> {
    let mut table = terminal::table(&[
        "id",
        "eV/atom before",
        "eV/atom after",
        "steps",
        "converged",
        "force, eV/Å",
        "stress, GPa",
        "group",
        "moved, Å",
    ]);
    for Row { id, numbers, .. } in rows {
        if let Some(Relaxed { numbers: r, .. }) = numbers {
            let group =
                |number: Option<SpaceGroupNumber>| number.map_or_else(|| "?".to_owned(), |number| number.to_string());
            table.add_row([
                id.clone(),
                format!("{:.4}", r.energy_start_per_atom),
                format!("{:.4}", r.energy_per_atom),
                r.steps.to_string(),
                if r.converged { "yes".to_owned() } else { "no".to_owned() },
                format!("{:.4}", r.max_force),
                format!("{:.3}", r.max_stress_gpa),
                format!("{} → {}", group(r.space_group_start), group(r.space_group)),
                format!("{:.3}", r.max_displacement),
            ]);
        }
    }
    terminal::print_table(&table)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_a_column_for_every_value() {
        let row = Row::of("a \"b\"".to_owned(), Err("why, then".to_owned()));
        let text = csv(&[row]);
        let columns = COLUMNS.split(',').count();
        let line = text.lines().nth(1).expect("a line");
        assert_eq!(line, format!("\"a \"\"b\"\"\"{}\"why, then\"", ",".repeat(columns - 1)));
    }
}
