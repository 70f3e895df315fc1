//! Checks on how code and texts read: the length of lines, and phrases that are not plain technical English.

use std::path::Path;

use super::Finding;
use super::source::holds_word;

/// The longest a line of prose may be, characters. Code is rustfmt's, which leaves strings as they are.
const MAX_WIDTH: usize = 120;

/// Phrases and what to write instead. Split, so that this file does not find itself.
const PHRASES: [(&str, &str); 13] = [
    (concat!("comes to", " nothing"), "say what fails, and when"),
    (concat!("came to", " nothing"), "say what failed, and when"),
    (concat!("stands", " for"), "write 'is', 'means' or 'represents'"),
    (concat!("stand", " for"), "write 'are', 'mean' or 'represent'"),
    (concat!("so", " many"), "write 'this many', or the number"),
    (concat!("the one is", " kept that"), "write 'we keep the one with'"),
    (concat!("explo", "de"), "write 'diverge'"),
    (concat!("explo", "des"), "write 'diverges'"),
    (concat!("explo", "ded"), "write 'diverged'"),
    (concat!("knows no", " error"), "write 'is zero'"),
    (concat!("who", "ever"), "name who"),
    (concat!("of its", " own"), "write 'its own'"),
    (concat!("of their", " own"), "write 'their own'"),
];

/// Words after which the negation is plain: 'is no longer', 'is no more than'.
const COMPARATIVES: [&str; 6] = ["longer", "more", "less", "larger", "smaller", "better"];

/// All findings in one file.
pub(super) fn check(path: &Path, text: &str) -> Vec<Finding> {
    let ending = path.extension().and_then(|ending| ending.to_str());
    let is_markdown = ending == Some("md");
    let generated = path.components().any(|part| part.as_os_str() == "tables") || path.ends_with("tables.rs");
    if !(is_markdown || ending == Some("rs")) || generated {
        return Vec::new();
    }
    let mut findings = Vec::new();
    let mut in_code = false;
    for (index, line) in text.lines().enumerate() {
        let mut find = |message: String| findings.push(Finding::new(path, index + 1, message));
        if is_markdown && line.trim_start().starts_with("```") {
            in_code = !in_code;
            continue;
        }
        if in_code {
            continue;
        }
        let width = line.chars().count();
        let comment = line.trim_start().strip_prefix("//").map(|comment| comment.trim_start_matches(['/', '!']));
        let prose = if is_markdown { Some(line) } else { comment };
        let is_prose = prose.is_some_and(|prose| !prose.trim_start().starts_with('|'));
        if width > MAX_WIDTH && is_prose && can_be_broken(line) {
            find(format!("{width} characters, more than {MAX_WIDTH}; break the line"));
        }
        let lower = line.to_lowercase();
        for (phrase, cure) in PHRASES.iter().filter(|(phrase, _)| holds_word(&lower, phrase)) {
            find(format!("'{phrase}' is not plain; {cure}"));
        }
        if negates_a_noun(&lower) {
            find(concat!("'is", " no …' is not plain; write 'is not a …'").to_owned());
        }
    }
    findings
}

/// A line of one long word, an address say, cannot.
fn can_be_broken(line: &str) -> bool {
    line.split_whitespace().all(|word| word.chars().count() < MAX_WIDTH - 20)
}

/// Whether the line denies with 'no' what it should deny with 'not a'; 'there' before it and comparisons are plain.
fn negates_a_noun(line: &str) -> bool {
    let words: Vec<&str> = line.split_whitespace().collect();
    // What is before it at the beginning of a line is in the line above.
    words.windows(4).any(|window| {
        let after: String = window[3].chars().take_while(|c| c.is_alphanumeric()).collect();
        let begins = ["//", "///", "//!"].contains(&window[0]);
        let is_plain = window[0].ends_with("there") || after.is_empty() || COMPARATIVES.contains(&after.as_str());
        window[1..3] == ["is", "no"] && !begins && !is_plain
    })
}
