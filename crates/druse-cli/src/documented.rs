//! What the documents say of the command is what it takes.

use std::fs;
use std::path::{Path, PathBuf};

use clap::{CommandFactory, Parser};

use super::Cli;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// All Markdown files below a folder of the workspace.
fn documents(folder: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![Path::new(ROOT).join(folder)];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).expect("a folder of the workspace") {
            let path = entry.expect("its entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "md") {
                found.push(path);
            }
        }
    }
    found
}

/// The lines `druse …` in code blocks, as a shell sees them: continued lines are one.
fn command_lines(text: &str) -> Vec<String> {
    let text = text.replace("\\\n", " ");
    let mut in_code = false;
    let mut lines = Vec::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        } else if in_code {
            let line = line.strip_prefix("$ ").unwrap_or(line);
            if line.starts_with("druse ") {
                lines.push(line.split('#').next().unwrap_or("").to_owned());
            }
        }
    }
    lines
}

#[test]
fn command_lines_of_the_documents_are_taken() {
    let mut files = documents("docs/src");
    files.extend(documents("assets/weights"));
    files.push(Path::new(ROOT).join("README.md"));
    let mut counted = 0;
    for file in files {
        let text = fs::read_to_string(&file).expect("a document");
        for line in command_lines(&text) {
            // What follows goes to other programs.
            let line = line.split([';', '|', '>']).next().expect("split gives a part");
            let words = shlex::split(line).unwrap_or_else(|| panic!("{}: quotes of {line}", file.display()));
            if let Err(error) = Cli::try_parse_from(words) {
                panic!("{}: {line}\n{error}", file.display());
            }
            counted += 1;
        }
    }
    assert!(counted > 40, "only {counted} lines were found");
}

#[test]
fn the_page_for_agents_names_every_command_and_no_other_option() {
    let page = fs::read_to_string(Path::new(ROOT).join("docs/src/llms.txt")).expect("the page for agents");
    // A code span may go over the end of a line.
    let page = page.split_whitespace().collect::<Vec<_>>().join(" ");
    let spans: Vec<&str> = page.split('`').skip(1).step_by(2).collect();
    let cli = Cli::command();
    for command in cli.get_subcommands() {
        let name = command.get_name();
        let own: Vec<_> = spans
            .iter()
            .filter(|span| span.strip_prefix("druse ").is_some_and(|rest| rest.split(' ').next() == Some(name)))
            .collect();
        assert!(!own.is_empty(), "llms.txt says nothing of `druse {name}`");
        let known = |option: &str| command.get_arguments().any(|argument| argument.get_long() == Some(option));
        for option in own.iter().flat_map(|span| span.split(' ')).filter_map(|word| word.strip_prefix("--")) {
            assert!(known(option), "llms.txt gives `druse {name}` the option --{option}");
        }
    }
}
