//! Checks on Markdown: links and inclusions lead somewhere, and every chapter of the book is in its table of contents.

use std::path::{Component, Path, PathBuf};

use super::{Finding, Tree};

/// The chapters of the book.
const BOOK: &str = "docs/src";
/// The page for agents, which is Markdown by another name.
const AGENTS: &str = "llms.txt";

/// All findings in the documents.
pub(super) fn check(tree: &Tree) -> anyhow::Result<Vec<Finding>> {
    let mut findings = Vec::new();
    let contents_path = Path::new(BOOK).join("SUMMARY.md");
    let contents = tree.text_if_present(&contents_path)?;
    for path in tree
        .files()
        .iter()
        .filter(|path| path.extension().is_some_and(|ending| ending == "md") || path.ends_with(AGENTS))
    {
        let Some(text) = tree.text(path)? else { continue };
        for (line, target) in inclusions(&text) {
            let folder = path.parent().unwrap_or(Path::new(""));
            if !tree.contains(&normalised(&folder.join(target))) {
                findings.push(Finding::new(
                    path,
                    line,
                    format!("'{target}' is included and is not there; mend or drop it"),
                ));
            }
        }
        for (line, target) in links(&text) {
            let target = target.split('#').next().unwrap_or("");
            if target.is_empty() || target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            // The documentation of the API joins the book when the site is built, which follows these links.
            if path.starts_with(BOOK) && target.starts_with("api/") {
                continue;
            }
            let folder = path.parent().unwrap_or(Path::new(""));
            if !tree.contains(&normalised(&folder.join(target))) {
                findings.push(Finding::new(
                    path,
                    line,
                    format!("the link to '{target}' leads nowhere; mend or drop it"),
                ));
            }
        }
        if let (Some(contents), Ok(chapter)) = (&contents, path.strip_prefix(BOOK))
            && !path.ends_with(AGENTS)
        {
            let listed = contents.contains(&format!("({})", chapter.display()));
            if !listed && *path != contents_path {
                let message = format!("this chapter is not in {}; add it there", contents_path.display());
                findings.push(Finding::new(path, 1, message));
            }
        }
    }
    Ok(findings)
}

/// The targets of `[text](target)` with their lines, code blocks aside.
fn links(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut in_code = false;
    for (index, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        if in_code {
            continue;
        }
        for (start, opening) in line.match_indices("](") {
            let rest = &line[start + opening.len()..];
            if let Some(end) = rest.find(')') {
                found.push((index + 1, &rest[..end]));
            }
        }
    }
    found
}

/// The files of `{{#include file}}` with their lines.
fn inclusions(text: &str) -> Vec<(usize, &str)> {
    fn included(line: &str) -> Option<&str> {
        line.trim().strip_prefix("{{#include ")?.strip_suffix("}}")?.split(':').next().map(str::trim)
    }
    text.lines().enumerate().filter_map(|(index, line)| Some((index + 1, included(line)?))).collect()
}

/// The path without `.` and `..`.
fn normalised(path: &Path) -> PathBuf {
    let mut parts = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                parts.pop();
            }
            Component::CurDir => {}
            other => parts.push(other),
        }
    }
    parts
}
