//! `cargo xtask new-model NAME`: copies the model of the tutorial into a crate of another name and registers it.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};

use crate::tidy::workspace_root;

/// The crate that is copied.
const EXAMPLE: &str = "example-model";
/// The registry: one line per model.
const REGISTRY: &str = "crates/druse/src/models.rs";
/// Where a new line goes in the registry.
const REGISTRY_END: &str = "    Example(example_model::ExampleConfig),\n";

/// What stands on the command line.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Name of the crate: small letters, digits and hyphens, such as my-model
    #[arg(value_name = "NAME")]
    pub name: String,
    /// The workspace [default: the one this command was built in]
    #[arg(long, value_name = "DIR")]
    pub root: Option<PathBuf>,
}

/// Makes the crate. Nothing is written if something of that name is there.
///
/// # Errors
/// If the name is not a crate's, is taken, or a file cannot be read or written.
pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let root = arguments.root.clone().unwrap_or_else(workspace_root);
    let changed = create(&root, &arguments.name)?;
    for path in changed {
        println!("{}", path.display());
    }
    println!("next: cargo test -p {}, then give it a section in ARCHITECTURE.md", arguments.name);
    Ok(ExitCode::SUCCESS)
}

/// Makes the crate and returns the files that were written or changed.
///
/// # Errors
/// As [`run`].
pub fn create(root: &Path, name: &str) -> anyhow::Result<Vec<PathBuf>> {
    let starts = name.starts_with(|c: char| c.is_ascii_lowercase());
    if !starts || !name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-') || name.ends_with('-')
    {
        bail!("'{name}' is not a name for a crate: use small letters, digits and hyphens, beginning with a letter");
    }
    let target = root.join("crates").join(name);
    if target.exists() {
        bail!("{}: is there already; choose another name", target.display());
    }
    let read =
        |path: &Path| std::fs::read_to_string(path).with_context(|| format!("{}: cannot be read", path.display()));
    // All that is written is made first.
    let mut files = Vec::new();
    let source = root.join("crates").join(EXAMPLE);
    for path in files_below(&source)? {
        let relative = path.strip_prefix(&source).context("a file of the example lies in its folder")?.to_owned();
        files.push((target.join(relative), renamed(&read(&path)?, name)));
    }
    let mut insert = |file: &str, after: &str, line: String| -> anyhow::Result<()> {
        let path = root.join(file);
        let text = read(&path)?;
        let Some(place) = text.find(after) else { bail!("{file}: the line '{}' is missing", after.trim()) };
        let (before, rest) = text.split_at(place + after.len());
        files.push((path, format!("{before}{line}{rest}")));
        Ok(())
    };
    let type_name = camel_case(name);
    let module = name.replace('-', "_");
    insert(
        REGISTRY,
        REGISTRY_END,
        format!("    /// The model of the crate `{name}`.\n    {type_name}({module}::{type_name}Config),\n"),
    )?;
    // As it stands there, whatever else it says of the crate.
    let manifest = read(&root.join("Cargo.toml"))?;
    let start = format!("{EXAMPLE} = {{ path = \"crates/{EXAMPLE}\"");
    let workspace_line = manifest.lines().find(|line| line.starts_with(&start)).unwrap_or(&start);
    insert("Cargo.toml", &format!("{workspace_line}\n"), workspace_line.replace(EXAMPLE, name) + "\n")?;
    let dependency = format!("{EXAMPLE}.workspace = true\n");
    insert("crates/druse/Cargo.toml", &dependency, dependency.replace(EXAMPLE, name))?;
    for (path, text) in &files {
        let folder = path.parent().context("a file lies in a folder")?;
        std::fs::create_dir_all(folder).with_context(|| format!("{}: cannot be made", folder.display()))?;
        std::fs::write(path, text).with_context(|| format!("{}: cannot be written", path.display()))?;
    }
    Ok(files.into_iter().map(|(path, _)| path).collect())
}

/// The text of the example with the other name in all its forms.
fn renamed(text: &str, name: &str) -> String {
    let type_name = camel_case(name);
    text.replace(EXAMPLE, name)
        .replace("example_model", &name.replace('-', "_"))
        .replace("ExampleModel", &type_name)
        .replace("ExampleConfig", &format!("{type_name}Config"))
        .replace("Example(", &format!("{type_name}("))
        .replace("example.ron", &format!("{name}.ron"))
        .replace("runs/example", &format!("runs/{name}"))
}

/// `my-model` → `MyModel`.
fn camel_case(name: &str) -> String {
    let capital = |word: &str| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_ascii_uppercase().to_string() + letters.as_str()).unwrap_or_default()
    };
    name.split('-').map(capital).collect()
}

fn files_below(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let entries = std::fs::read_dir(folder).with_context(|| format!("{}: cannot be listed", folder.display()))?;
    for entry in entries {
        let path = entry.with_context(|| format!("{}: cannot be listed", folder.display()))?.path();
        if path.is_dir() {
            files.extend(files_below(&path)?);
        } else {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_forms_of_the_name_change() {
        let text = "example-model example_model::ExampleConfig ExampleModel Example((width: 1))";
        assert_eq!(renamed(text, "my-net"), "my-net my_net::MyNetConfig MyNet MyNet((width: 1))");
    }
}
