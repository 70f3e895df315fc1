//! `druse dft-input`.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};
use crystal_core::Structure;
use dft_input::{
    Calculation, DftInputError, HubbardSyntax, KMesh, PseudopotentialTable, PwOptions, VaspInput, VaspOptions, pw_input,
};
use druse::output::{writable_folder, write_file};
use serde::Serialize;

use super::inputs::{self, ReadArgs, Row};
use super::{Completion, terminal, values};

/// The file of an input of `pw.x`.
const PW_INPUT: &str = "pw.in";

/// Writes inputs for programs of density functional theory, a folder for each structure.
///
/// For Quantum ESPRESSO (qe) the input of pw.x, pw.in: pseudopotentials and cut-offs come from a table (--table),
/// the files themselves from --pseudo-dir when pw.x runs. For VASP (vasp) POSCAR, KPOINTS and INCAR with the
/// Materials Project's settings and values of U; no POTCAR, the first line of the INCAR names what it is made of.
#[derive(Args)]
#[command(after_help = "Examples:\n  druse dft-input found/candidates/*.cif --code qe --out qe\n  \
                  druse dft-input relaxed --code vasp --calculation scf --out vasp")]
pub(super) struct DftInputArgs {
    /// Structures: files, folders or .jsonl
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    read: ReadArgs,
    /// The program
    #[arg(long, value_enum)]
    code: Code,
    /// Folder for the inputs; made if it is not there, files of the same name are overwritten
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// What is computed
    #[arg(long, value_enum, default_value = "vc-relax")]
    calculation: CalculationName,
    /// k-points per Å⁻³ of the reciprocal cell [default: 125 for qe, 64 for vasp]
    #[arg(long, value_name = "N", value_parser = values::positive, allow_negative_numbers = true)]
    k_density: Option<f64>,
    /// For qe: table of pseudopotentials and cut-offs (RON) [default: SSSP 1.3.0 PBE efficiency]
    #[arg(long, value_name = "FILE")]
    table: Option<PathBuf>,
    /// For qe: folder of the pseudopotentials, as pw.x sees it [default: ./pseudo]
    #[arg(long, value_name = "DIR")]
    pseudo_dir: Option<String>,
    /// For qe: values of U for V, Cr, Mn, Fe, Co, Ni, Mo and W beside O or F, written as versions from 7.1 on read it
    /// (card) or older ones (namelist) [default: no U]
    #[arg(long, value_enum)]
    hubbard: Option<HubbardName>,
    /// Print one JSON document instead of a table
    #[arg(long)]
    json: bool,
}

/// Programs of density functional theory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
enum Code {
    /// pw.x of Quantum ESPRESSO
    Qe,
    /// VASP
    Vasp,
}

/// Calculations by name.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum CalculationName {
    /// The energy of the structure as given
    Scf,
    /// Atoms relaxed in the given cell; qe only
    Relax,
    /// Atoms and cell relaxed
    VcRelax,
}

/// How U is written down.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum HubbardName {
    /// As the card HUBBARD
    Card,
    /// In &SYSTEM
    Namelist,
}

#[derive(Serialize)]
struct Document {
    structures: Vec<Row<Written>>,
    code: Code,
    /// Name of the table, for qe.
    #[serde(skip_serializing_if = "Option::is_none")]
    pseudopotentials: Option<String>,
}

#[derive(Serialize)]
struct Written {
    folder: String,
    files: Vec<&'static str>,
    k_mesh: [u32; 3],
    /// Files of pseudopotentials, or names of VASP's potentials in the order of the POTCAR.
    potentials: Vec<String>,
}

/// How inputs are made.
enum Maker {
    Qe { table: PseudopotentialTable, options: PwOptions },
    Vasp(VaspOptions),
}

impl Maker {
    fn of(args: &DftInputArgs) -> Result<Self> {
        match args.code {
            Code::Qe => {
                let table = match &args.table {
                    Some(path) => PseudopotentialTable::read(path)?,
                    None => PseudopotentialTable::sssp(),
                };
                let defaults = PwOptions::default();
                let options = PwOptions {
                    calculation: match args.calculation {
                        CalculationName::Scf => Calculation::Scf,
                        CalculationName::Relax => Calculation::Relax,
                        CalculationName::VcRelax => Calculation::VcRelax,
                    },
                    k_density: args.k_density.unwrap_or(defaults.k_density),
                    hubbard: args.hubbard.map(|name| match name {
                        HubbardName::Card => HubbardSyntax::Card,
                        HubbardName::Namelist => HubbardSyntax::Namelist,
                    }),
                    pseudo_dir: args.pseudo_dir.clone().unwrap_or(defaults.pseudo_dir),
                };
                Ok(Self::Qe { table, options })
            }
            Code::Vasp => {
                let foreign = [
                    ("--table", args.table.is_some()),
                    ("--pseudo-dir", args.pseudo_dir.is_some()),
                    ("--hubbard", args.hubbard.is_some()),
                ];
                if let Some((flag, _)) = foreign.into_iter().find(|(_, given)| *given) {
                    bail!(
                        "{flag} is for --code qe; leave it out (inputs for VASP always have the Materials Project's U)"
                    );
                }
                if args.calculation == CalculationName::Relax {
                    bail!("--calculation relax is for --code qe; give scf or vc-relax");
                }
                let defaults = VaspOptions::default();
                Ok(Self::Vasp(VaspOptions {
                    relax: args.calculation == CalculationName::VcRelax,
                    k_density: args.k_density.unwrap_or(defaults.k_density),
                }))
            }
        }
    }

    fn k_density(&self) -> f64 {
        match self {
            Self::Qe { options, .. } => options.k_density,
            Self::Vasp(options) => options.k_density,
        }
    }

    /// Makes the whole input before the first file is written.
    fn write(&self, structure: &Structure, folder: &Path) -> Result<Written, WriteError> {
        let KMesh(k_mesh) = KMesh::by_density(structure.lattice(), self.k_density())?;
        let make = |folder: &Path| writable_folder(folder).map_err(WriteError::Output);
        let (files, potentials) = match self {
            Self::Qe { table, options } => {
                let text = pw_input(structure, table, options)?;
                make(folder)?;
                write_file(&folder.join(PW_INPUT), text).map_err(WriteError::Output)?;
                (vec![PW_INPUT], table.files_of(structure)?)
            }
            Self::Vasp(options) => {
                let input = VaspInput::new(structure, options)?;
                make(folder)?;
                input.write(folder)?;
                (vec!["POSCAR", "KPOINTS", "INCAR"], input.potentials)
            }
        };
        Ok(Written { folder: folder.display().to_string(), files, k_mesh, potentials })
    }
}

/// Why an input was not written.
#[derive(Debug, thiserror::Error)]
enum WriteError {
    #[error(transparent)]
    Input(#[from] DftInputError),
    #[error(transparent)]
    Output(druse::DruseError),
}

pub(super) fn run(args: &DftInputArgs) -> Result<Completion> {
    let maker = Maker::of(args)?;
    let inputs = inputs::read(&args.paths, &args.read);
    let names = inputs::plain_names(&inputs)?;
    writable_folder(&args.out)?;
    let row =
        |(input, name): (&inputs::Input, String)| input.map(|structure| maker.write(structure, &args.out.join(name)));
    let structures: Vec<Row<Written>> = inputs.iter().zip(names).map(row).collect();
    let completion = inputs::completion_of_rows(&structures)?;
    let pseudopotentials = match &maker {
        Maker::Qe { table, .. } => Some(table.name.clone()),
        Maker::Vasp(_) => None,
    };
    let document = Document { structures, code: args.code, pseudopotentials };
    if args.json {
        terminal::print_json(&document)?;
    } else {
        print(&document)?;
    }
    Ok(completion)
}

fn print(document: &Document) -> Result<()> {
    let mut table = terminal::table(&["id", "k-points", "potentials", "folder", "files"]);
    for Row { id, numbers, .. } in &document.structures {
        if let Some(written) = numbers {
            table.add_row([
                id.clone(),
                written.k_mesh.map(|count| count.to_string()).join(" × "),
                written.potentials.join(" "),
                written.folder.clone(),
                written.files.join(" "),
            ]);
        }
    }
    terminal::print_table(&table)
}
