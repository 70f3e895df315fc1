//! `druse relax`.

mod journal;
mod result;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use clap::Args;
use druse::Shard;
use druse::output::{writable_folder, write_file};
use druse::shard::ShardRecord;
use relax::{CellFreedom, Crystal, Method, Mode, Options, Rattle, RelaxError, Relaxation};

use super::inputs::{self, Input, ReadArgs, Row};
use super::potentials::{PotentialArgs, PotentialName};
use super::{Completion, terminal, values};
use journal::Journal;
pub(super) use result::merge;
use result::{Document, OfShard, Relaxed, TABLE, csv, with_hash};

/// Name in the records of shards.
pub(super) const COMMAND: &str = "druse relax";

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
    /// Relax only every Nth structure from the Kth on, each as in the whole run; `druse merge` joins the shards
    #[arg(long, value_name = "K/N")]
    shard: Option<Shard>,
    #[command(flatten)]
    potential: PotentialArgs,
    /// Print one JSON document instead of a table
    #[arg(long)]
    json: bool,
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
    let identity = identity(&options, &name, &inputs)?;
    let record = match args.shard {
        Some(shard) => {
            let run = [
                ("seed", args.seed.to_string()),
                ("options", format!("{options:?}")),
                ("potential", format!("{name:?}")),
                ("input:", identity.lines().last().unwrap_or_default().to_owned()),
            ];
            Some(ShardRecord::begin(&args.out, COMMAND, shard, &run, args.potential.device)?)
        }
        None => {
            ShardRecord::refuse_in(&args.out)?;
            None
        }
    };
    let of_shard = args.shard.map_or_else(String::new, |shard| format!("shard {shard}\n"));
    let (mut journal, done) = journal::open(&args.out, &format!("{identity}{of_shard}"), args.resume)?;
    let mine = |index: usize| args.shard.is_none_or(|shard| shard.has(index));
    let mut rows: Vec<Option<Row<Relaxed>>> = inputs.iter().map(|input| done.get(&input.id).cloned()).collect();
    let waiting: Vec<(usize, Crystal)> = inputs
        .iter()
        .enumerate()
        .filter(|(index, _)| mine(*index) && rows[*index].is_none())
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
    let seconds = clock.elapsed().as_secs_f64();
    let unread = |(input, row): (&Input, Option<Row<Relaxed>>)| {
        row.unwrap_or_else(|| Row::of(input.id.clone(), Err(input.structure.clone().err().unwrap_or_default())))
    };
    let rows = inputs.iter().zip(rows).map(unread).enumerate().filter(|(index, _)| mine(*index));
    let (numbers, rows): (Vec<usize>, Vec<Row<Relaxed>>) = rows.unzip();
    let device = args.potential.device.to_string();
    write_file(&args.out.join(TABLE), csv(&rows))?;
    if let Some(record) = record {
        let with_hash = |(number, row): (usize, &Row<Relaxed>)| Ok((number, with_hash(row)?));
        let (potential, device) = (name.clone(), device.clone());
        let structures = numbers.into_iter().zip(&rows).map(with_hash).collect::<Result<_>>()?;
        let done = OfShard { n_structures: inputs.len(), structures, seconds, potential, device, identity };
        record.finish(&args.out, &done)?;
    }
    // Of an earlier leg the time is not known.
    let structures_per_second = n_waiting as f64 / seconds.max(1e-9);
    let document = Document { structures: &rows, structures_per_second, potential: name, device, shard: args.shard };
    document.print(args.json)
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
