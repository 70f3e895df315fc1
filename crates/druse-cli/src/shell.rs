//! `druse completions` and `druse man`: what shells and manuals are told of the command.

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Command};
use clap_complete::Shell;
use clap_mangen::Man;
use druse::output::{writable_folder, write_file};

use super::{Completion, terminal};

/// Prints what a shell needs to complete `druse …` by the tab key.
#[derive(Args)]
#[command(after_help = "Examples:\n  \
                  druse completions bash > ~/.local/share/bash-completion/completions/druse\n  \
                  druse completions zsh > \"${fpath[1]}/_druse\"\n  \
                  druse completions fish > ~/.config/fish/completions/druse.fish")]
pub(super) struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

/// Writes the manual pages, one for each command: druse.1, druse-sample.1, …
#[derive(Args)]
#[command(after_help = "Example:\n  druse man ~/.local/share/man/man1")]
pub(super) struct ManArgs {
    /// Folder for the pages; made if it is not there, files of the same name are overwritten
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

/// Prints the script.
pub(super) fn completions(args: &CompletionsArgs, command: Command) -> Result<Completion> {
    terminal::print(&script(args.shell, command))?;
    Ok(Completion::Everything)
}

/// Writes the pages.
pub(super) fn man(args: &ManArgs, command: Command) -> Result<Completion> {
    let pages = pages(command)?;
    writable_folder(&args.folder)?;
    for (name, page) in pages {
        write_file(&args.folder.join(name), page)?;
    }
    Ok(Completion::Everything)
}

fn script(shell: Shell, mut command: Command) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, "druse", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

/// Names and texts of the manual pages.
fn pages(mut command: Command) -> std::io::Result<Vec<(String, Vec<u8>)>> {
    // Gives the commands their full names.
    command.build();
    let commands = command.get_subcommands().filter(|command| !command.is_hide_set() && command.get_name() != "help");
    let page = |command: &Command| {
        let mut page = Vec::new();
        let man = Man::new(command.clone());
        man.render(&mut page)?;
        Ok((man.get_filename(), page))
    };
    std::iter::once(&command).chain(commands).map(page).collect()
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, ValueEnum};

    use super::*;
    use crate::Cli;

    #[test]
    fn every_shell_learns_every_command() {
        for shell in Shell::value_variants() {
            let script = script(*shell, Cli::command());
            for command in Cli::command().get_subcommands() {
                assert!(script.contains(command.get_name()), "{shell}: {}", command.get_name());
            }
            assert!(script.contains("space-group"), "{shell}");
        }
    }

    #[test]
    fn every_command_has_a_page_that_names_its_options() {
        let pages = pages(Cli::command()).expect("pages are texts in memory");
        let names: Vec<&str> = pages.iter().map(|(name, _)| name.as_str()).collect();
        let wanted = Cli::command().get_subcommands().count() + 1;
        assert_eq!(names.len(), wanted, "{names:?}");
        assert!(names.contains(&"druse.1") && names.contains(&"druse-sample.1"), "{names:?}");
        let (_, sample) = pages.iter().find(|(name, _)| name == "druse-sample.1").expect("it is listed");
        let sample = String::from_utf8_lossy(sample);
        assert!(sample.contains(".TH druse-sample 1") && sample.contains("candidates"), "{sample}");
    }
}
