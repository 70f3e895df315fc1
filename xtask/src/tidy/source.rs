//! Checks on the text of one file.

use std::path::Path;

use super::Finding;

/// The longest a module may be, lines.
const MAX_LINES: usize = 600;

/// Words that mark unfinished work. Split, so that this file does not find itself.
const UNFINISHED: [&str; 5] = [
    concat!("to", "do!"),
    concat!("unimple", "mented!"),
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X"),
];

/// Beginnings of paths that exist on one machine only.
const MACHINE_PATHS: [&str; 5] = [
    concat!("/ho", "me/"),
    concat!("/Us", "ers/"),
    concat!("/ro", "ot/"),
    concat!("/wo", "rk/"),
    concat!("C:\\Us", "ers\\"),
];

/// All findings in one file.
pub(super) fn check(path: &Path, text: &str) -> Vec<Finding> {
    let is_rust = path.extension().is_some_and(|ending| ending == "rs");
    let mut findings = Vec::new();
    let mut find = |line: usize, message: String| findings.push(Finding::new(path, line, message));
    for (index, line) in text.lines().enumerate() {
        let number = index + 1;
        if line.ends_with(char::is_whitespace) {
            find(number, "white space at the end of the line; delete it".to_owned());
        }
        for word in UNFINISHED.iter().filter(|word| holds_word(line, word)) {
            find(
                number,
                format!("'{word}' marks unfinished work; finish it, or return an error that says what cannot be done"),
            );
        }
        for machine in MACHINE_PATHS.iter().filter(|machine| holds_path(line, machine)) {
            find(number, format!("'{machine}…' exists on one machine only; use a relative path or an option"));
        }
        if is_rust && opens_allow(line) && !attribute(text, index).contains("reason") {
            find(number, "an `allow` or `expect` without a reason; add reason = \"…\"".to_owned());
        }
    }
    if !text.is_empty() && !text.ends_with('\n') {
        find(text.lines().count(), "no line end at the end of the file; add one".to_owned());
    }
    let n_lines = text.lines().count();
    if is_rust && n_lines > MAX_LINES && !is_table(path) {
        find(
            MAX_LINES + 1,
            format!(
                "{n_lines} lines, more than {MAX_LINES}; split the module (tables go to a folder or file named tables)"
            ),
        );
    }
    if is_rust && is_program(path) {
        // Split, so that this file does not find itself.
        let test = concat!("#[te", "st]");
        if let Some(index) = text.lines().position(|line| line.trim() == test) {
            find(
                index + 1,
                "a test in a program, which nobody runs (test = false); move it into the library".to_owned(),
            );
        }
    }
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("");
    if matches!(name, "lib.rs" | "main.rs") && !text.starts_with("//!") {
        find(1, "no documentation of the crate; begin the file with //! and what the crate is for".to_owned());
    }
    findings
}

/// Whether `word` stands in the line, not as a part of a longer word.
pub(super) fn holds_word(line: &str, word: &str) -> bool {
    let of_word = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word)
        .any(|(start, _)| !line[..start].ends_with(of_word) && !line[start + word.len()..].starts_with(of_word))
}

/// Whether an absolute path begins with `machine` in the line; `a/b/…` and `https://host/…` are none.
fn holds_path(line: &str, machine: &str) -> bool {
    line.match_indices(machine)
        .any(|(start, _)| !line[..start].ends_with(|c: char| c.is_alphanumeric() || "._-/}~$".contains(c)))
}

/// Whether an attribute that silences a lint begins on this line.
fn opens_allow(line: &str) -> bool {
    let line = line.trim_start();
    ["#[allow(", "#![allow(", "#[expect(", "#![expect("].iter().any(|opening| line.starts_with(opening))
}

/// The attribute that begins at this line, up to its closing bracket.
fn attribute(text: &str, first_line: usize) -> String {
    let mut attribute = String::new();
    for line in text.lines().skip(first_line) {
        attribute.push_str(line);
        if line.trim_end().ends_with(")]") {
            break;
        }
    }
    attribute
}

/// Whether the file is the root of a program: `src/main.rs`, or a file of `src/bin`.
fn is_program(path: &Path) -> bool {
    let folder = path.parent();
    path.ends_with("src/main.rs") || folder.is_some_and(|folder| folder.ends_with("src/bin"))
}

/// Whether the file holds a table of facts, which may be as long as the facts are.
fn is_table(path: &Path) -> bool {
    path.file_stem().is_some_and(|stem| stem == "tables") || path.components().any(|part| part.as_os_str() == "tables")
}
