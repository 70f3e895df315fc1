//! Texts brought into a form that the grammar takes, with the same line numbers.
//!
//! Programs write much that CIF 1.1 forbids but that leaves no doubt about what is meant: letters outside ASCII,
//! `data_` without a name, loops without values, values that begin with `;` or `$`, tabs in quotes (which CIF 1.1 does
//! allow, and the grammar does not take).

use super::words::{Kind, Word, words};

/// The text for the grammar. Characters that it does not take stand in it as escapes, which [`restored`] undoes.
pub(super) fn prepared(text: &str) -> String {
    let mut text = escaped(text);
    // A last line without its end is common, and a text field's closing line needs none; the grammar wants neither
    // discussed.
    if !text.ends_with('\n') {
        text.push('\n');
    }
    // In CIF 2.0 a quote ends a string wherever it stands, and brackets are lists: nothing is changed there.
    if text.starts_with("##CIF_2.0") || text.starts_with("#\\#CIF_2.0") {
        return text;
    }
    let words = words(&text);
    let mut edits: Vec<(std::ops::Range<usize>, String)> = Vec::new();
    for (at, word) in words.iter().enumerate() {
        let written = word.text(&text);
        match word.kind {
            Kind::Heading => {
                if written.eq_ignore_ascii_case("data_") {
                    edits.push((word.bytes.clone(), "data_unnamed".to_owned()));
                }
                // A blank in the name of a block: what follows on its line is part of it.
                for rest in words[at + 1..].iter().take_while(|rest| rest.line == word.line && rest.kind == Kind::Bare)
                {
                    edits.push((rest.bytes.clone(), String::new()));
                }
            }
            Kind::Quoted if written.contains('\t') => edits.push((word.bytes.clone(), written.replace('\t', " "))),
            Kind::Bare if written.starts_with([';', '$', '[']) => edits.push(quoted(&text, &words, at)),
            // `_symmetry_space_group_name_H-M P n m a`: quotes were forgotten, nothing else can be meant.
            Kind::Bare if is_unquoted_phrase(&words, at) => edits.push(quoted(&text, &words, at)),
            Kind::Loop => edits.extend(empty_loop(&text, &words, at)),
            _ => {}
        }
    }
    edits.sort_by_key(|(bytes, _)| bytes.start);
    let mut result = String::with_capacity(text.len());
    let mut done = 0;
    for (bytes, replacement) in edits {
        // An edit inside another one is part of it.
        if bytes.start >= done {
            result.push_str(&text[done..bytes.start]);
            result.push_str(&replacement);
            done = bytes.end;
        }
    }
    result.push_str(&text[done..]);
    result
}

/// Whether this bare word and more of them stand on the line of one name that is not in a loop.
fn is_unquoted_phrase(words: &[Word], at: usize) -> bool {
    let line = words[at].line;
    let Some(name) = at.checked_sub(1).filter(|name| words[*name].kind == Kind::Name && words[*name].line == line)
    else {
        return false;
    };
    let before = name.checked_sub(1).map(|before| words[before].kind);
    let in_header = matches!(before, Some(Kind::Name | Kind::Loop));
    let rest = || words[at..].iter().take_while(|word| word.line == line);
    // What goes on in the next line is not a forgotten quote.
    let ends = words.get(at + rest().count()).is_none_or(|next| !next.is_value());
    !in_header && ends && rest().count() > 1 && rest().all(|word| word.kind == Kind::Bare)
}

/// A value that begins with a sign no bare value may begin with, in quotes. Behind a name outside a loop it is the rest
/// of the line.
fn quoted(text: &str, words: &[Word], at: usize) -> (std::ops::Range<usize>, String) {
    let word = &words[at];
    let first_name = words[..at].iter().rposition(|before| before.kind != Kind::Name);
    let n_names = at - first_name.map_or(0, |before| before + 1);
    let in_loop = first_name.is_some_and(|before| words[before].kind == Kind::Loop);
    let mut bytes = word.bytes.clone();
    if n_names > 0 && !in_loop {
        let rest_of_line = words[at..].iter().take_while(|rest| rest.line == word.line).last();
        bytes.end = rest_of_line.map_or(bytes.end, |last| last.bytes.end);
    }
    let value = text[bytes.clone()].replace('\t', " ");
    let quote = if value.contains('\'') { '"' } else { '\'' };
    (bytes, format!("{quote}{value}{quote}"))
}

/// The words of a loop without values, to be taken out. Its header may run into names that have values: those are told
/// by a single value behind the last of them, on its line, which fills no row.
fn empty_loop(text: &str, words: &[Word], at: usize) -> Vec<(std::ops::Range<usize>, String)> {
    let names = words[at + 1..].iter().take_while(|word| word.kind == Kind::Name).count();
    let past = at + 1 + names;
    let values = words[past..].iter().take_while(|word| word.is_value()).count();
    let is_pair = values == 1 && names > 1 && words[past].line == words[past - 1].line;
    let empty = if values == 0 {
        // At the end of the file the values may have been cut off.
        let at_end = past == words.len() && text[words[at].bytes.start..].contains("_atom_site_");
        if at_end { 0..0 } else { at..past }
    } else if is_pair {
        at..past - 1
    } else {
        0..0
    };
    empty.map(|index| (words[index].bytes.clone(), String::new())).collect()
}

/// Characters that the grammar does not take as `\u2212;`.
fn escaped(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    for sign in text.chars() {
        match sign {
            '\n' | '\t' | ' '..='~' => result.push(sign),
            '\u{a0}' | '\u{b}' | '\u{c}' => result.push(' '),
            // Whatever a control character was meant to be, it is not part of a number or a name.
            control if control.is_control() => result.push('\u{7e}'),
            other => result.push_str(&format!("\\u{:x};", u32::from(other))),
        }
    }
    result
}

/// The characters that a prepared text holds as escapes.
pub(super) fn restored(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("\\u") {
        let (before, escape) = rest.split_at(at);
        result.push_str(before);
        let character = escape[2..].split_once(';').and_then(|(code, after)| {
            let character = u32::from_str_radix(code, 16).ok().and_then(char::from_u32)?;
            Some((character, after))
        });
        match character {
            Some((character, after)) => {
                result.push(character);
                rest = after;
            }
            None => {
                result.push_str("\\u");
                rest = &escape[2..];
            }
        }
    }
    result.push_str(rest);
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_changed_and_what_stays() {
        for (text, expected) in [
            ("data_\n_a 1\n", "data_unnamed\n_a 1\n"),
            ("data_my crystal\n_a 1", "data_my \n_a 1\n"),
            ("data_a\n_b 'x\ty'\n", "data_a\n_b 'x y'\n"),
            ("data_a\n_b ;x's y\n_c 1\n", "data_a\n_b \";x's y\"\n_c 1\n"),
            ("data_a\n_b P n m a\n_c 1\n", "data_a\n_b 'P n m a'\n_c 1\n"),
            ("data_a\n_b [1 2]\n_c [3\n", "data_a\n_b '[1 2]'\n_c '[3'\n"),
            ("data_a\nloop_\n_b\n_c 1 2\n3 4\n", "data_a\nloop_\n_b\n_c 1 2\n3 4\n"),
            ("data_a\n_b P n\nm a\n", "data_a\n_b P n\nm a\n"),
            ("data_a\nloop_\n_b\n_c\n1 ;x\n2 $y\n", "data_a\nloop_\n_b\n_c\n1 ';x'\n2 '$y'\n"),
            ("data_a\nloop_\n_b\n_c\n_d 1\n_e 2\n", "data_a\n\n\n\n_d 1\n_e 2\n"),
            ("data_a\nloop_\n_b\nloop_\n_c\n1\n", "data_a\n\n\nloop_\n_c\n1\n"),
            ("data_a\nloop_\n_b\ndata_c\n_d 1\n", "data_a\n\n\ndata_c\n_d 1\n"),
            ("data_a\nloop_ _b _c 1 2\n", "data_a\nloop_ _b _c 1 2\n"),
            ("data_a\nloop_\n_b 1\n", "data_a\nloop_\n_b 1\n"),
            ("data_a\n_b\n;\n 'x\ty' ;z\n;\n", "data_a\n_b\n;\n 'x\ty' ;z\n;\n"),
        ] {
            assert_eq!(prepared(text), expected);
        }
    }

    #[test]
    fn characters_come_back() {
        for text in ["\u{2212}0.5", "M\u{fc}ller \\u; \\uzz;", "\u{1f600}"] {
            let escaped = escaped(text);
            assert!(escaped.is_ascii());
            assert_eq!(restored(&escaped), text);
        }
    }
}
