//! `cargo xtask tidy`: the rules of the house that no compiler checks. The same checks run as a test of this crate.
//!
//! Every finding names the file, the line and the cure.

mod circles;
mod crates;
mod documents;
mod prose;
mod source;
mod tree;

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;

pub use tree::Tree;

/// What stands on the command line.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The workspace to check [default: the one this command was built in]
    #[arg(long, value_name = "DIR")]
    pub root: Option<PathBuf>,
}

/// A rule that is broken somewhere.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// The file, relative to the root of the workspace.
    pub path: PathBuf,
    /// The line, from 1.
    pub line: usize,
    /// The broken rule and the cure.
    pub message: String,
}

impl Finding {
    fn new(path: &Path, line: usize, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, message: message.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path.display(), self.line, self.message)
    }
}

/// Checks a workspace and prints what it finds; the exit status is 1 if there is anything.
///
/// # Errors
/// If the files cannot be listed or read.
pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let root = arguments.root.clone().unwrap_or_else(workspace_root);
    let tree = Tree::of_repository(&root)?;
    let findings = check(&tree)?;
    for finding in &findings {
        println!("{finding}");
    }
    if findings.is_empty() {
        println!("tidy: {} files, nothing to mend", tree.files().len());
        Ok(ExitCode::SUCCESS)
    } else {
        println!("tidy: {} places to mend", findings.len());
        Ok(ExitCode::from(1))
    }
}

/// The root of the workspace that this crate belongs to.
pub fn workspace_root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the workspace's root").to_owned()
}

/// All findings of all checks, sorted by file and line.
///
/// # Errors
/// If a file cannot be read.
pub fn check(tree: &Tree) -> anyhow::Result<Vec<Finding>> {
    let mut findings = tree.check_sizes()?;
    findings.extend(tree.check_left_overs());
    for path in tree.files() {
        let Some(text) = tree.text(path)? else { continue };
        findings.extend(source::check(path, &text));
        findings.extend(prose::check(path, &text));
    }
    findings.extend(crates::check(tree).context("checking the crates")?);
    findings.extend(circles::check(tree).context("checking the modules")?);
    findings.extend(documents::check(tree).context("checking the documents")?);
    findings.sort();
    Ok(findings)
}
