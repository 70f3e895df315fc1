//! Runs of `pw.x`.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::DftInputError;

/// eV in a Rydberg (CODATA 2018).
const RYDBERG: f64 = 13.605_693_122_994;
/// Input and output of a run, in its folder.
const INPUT: &str = "pw.in";
const OUTPUT: &str = "pw.out";

/// What a run of `pw.x` ended with.
#[derive(Debug, Clone, PartialEq)]
pub struct PwResult {
    /// Total energy of the cell, eV; after a relaxation that of the last structure.
    pub energy: f64,
    /// Version of the program, where the output has it.
    pub version: Option<String>,
}

impl PwResult {
    /// What the text of an output says. `path` names it in messages.
    ///
    /// # Errors
    /// [`DftInputError::Output`] if the run did not end, or did not converge.
    pub fn parse(text: &str, path: &Path) -> Result<Self, DftInputError> {
        let bad = |reason: &str| DftInputError::Output { path: path.to_owned(), reason: reason.to_owned() };
        if text.contains("convergence NOT achieved") {
            return Err(bad("the electrons did not converge; give more k-points, or look at the input"));
        }
        if !text.contains("JOB DONE.") {
            let said = text.lines().map(str::trim).filter(|line| line.starts_with("Error in routine"));
            let said: String = said.take(1).collect();
            return Err(bad(if said.is_empty() { "the run did not end" } else { &said }));
        }
        // Lines of converged energies are the only ones with a mark; a relaxation has one for each structure.
        let energy = text.lines().rev().find_map(|line| {
            let rest = line.strip_prefix('!')?.trim_start().strip_prefix("total energy")?;
            rest.trim_start().strip_prefix('=')?.split_whitespace().next()?.parse::<f64>().ok()
        });
        let energy = RYDBERG * energy.ok_or_else(|| bad("it holds no total energy"))?;
        let version = text.lines().find_map(|line| {
            let rest = line.trim_start().strip_prefix("Program PWSCF v.")?;
            rest.split_whitespace().next().map(str::to_owned)
        });
        Ok(Self { energy, version })
    }
}

/// Runs `pw.x` on an input in a folder, which is made, or reads the output of an earlier run of the same input there.
/// The input must name files by paths that hold in that folder.
///
/// # Errors
/// [`DftInputError::Program`] if the program cannot be started, [`DftInputError::Io`], [`DftInputError::Output`].
pub fn run_pw(program: &Path, folder: &Path, input: &str) -> Result<PwResult, DftInputError> {
    let at = |name: &str| folder.join(name);
    let failed = |path: PathBuf| move |source| DftInputError::Io { path, source };
    let read = |path: &Path| std::fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    std::fs::create_dir_all(folder).map_err(failed(folder.to_owned()))?;
    let is_same = read(&at(INPUT)).is_ok_and(|before| before == input);
    if let (true, Ok(text)) = (is_same, read(&at(OUTPUT)))
        && let Ok(result) = PwResult::parse(&text, &at(OUTPUT))
    {
        return Ok(result);
    }
    sealed_file::write_atomically(&at(INPUT), |file| file.write_all(input.as_bytes())).map_err(failed(at(INPUT)))?;
    let output = File::create(at(OUTPUT)).map_err(failed(at(OUTPUT)))?;
    // After an error the program ends with a status that says less than its output.
    Command::new(program)
        .args(["-in", INPUT])
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(output)
        .stderr(Stdio::null())
        .status()
        .map_err(|source| DftInputError::Program { program: program.to_owned(), source })?;
    let text = read(&at(OUTPUT)).map_err(failed(at(OUTPUT)))?;
    PwResult::parse(&text, &at(OUTPUT))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENDED: &str = "     Program PWSCF v.6.7MaX starts on 28Nov2026 at 14:00:00\n\
                         !    total energy              =     -15.00000000 Ry\n\
                         !    total energy              =     -16.00000000 Ry\n     estimated\n   JOB DONE.\n";

    #[test]
    fn the_last_energy_counts() {
        let result = PwResult::parse(ENDED, Path::new("pw.out")).expect("a result");
        assert!((result.energy + 16.0 * RYDBERG).abs() < 1e-9);
        assert_eq!(result.version.as_deref(), Some("6.7MaX"));
    }

    #[test]
    fn unfinished_runs_are_refused() {
        let said = |text: &str| PwResult::parse(text, Path::new("a/pw.out")).expect_err("no result").to_string();
        assert!(said(&ENDED.replace("JOB DONE.", "")).contains("a/pw.out: the run did not end"));
        assert!(said("  Error in routine readpp (2):\n").contains("readpp (2)"));
        assert!(said(&format!("convergence NOT achieved\n{ENDED}")).contains("did not converge"));
        assert!(said("JOB DONE.").contains("no total energy"));
    }
}
