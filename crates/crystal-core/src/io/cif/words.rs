//! The words of a CIF with their places: what the grammar's tree does not keep. They give messages their lines, and
//! they let a text be brought into a form that the grammar takes without moving a line.

use std::ops::Range;

/// What a word is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// `data_…`
    Heading,
    /// `loop_`
    Loop,
    /// `_name`
    Name,
    /// A value without quotes.
    Bare,
    /// A value in quotes.
    Quoted,
    /// A text field between lines that begin with `;`.
    Field,
    /// `save_…`, `stop_`, `global_`.
    Other,
}

/// A word, its line (from 1) and its bytes.
#[derive(Debug, Clone)]
pub(super) struct Word {
    pub kind: Kind,
    pub line: usize,
    pub bytes: Range<usize>,
}

impl Word {
    pub(super) fn text<'a>(&self, text: &'a str) -> &'a str {
        &text[self.bytes.clone()]
    }

    pub(super) fn is_value(&self) -> bool {
        matches!(self.kind, Kind::Bare | Kind::Quoted | Kind::Field)
    }
}

/// All words of a text, comments left out.
pub(super) fn words(text: &str) -> Vec<Word> {
    let mut words: Vec<Word> = Vec::new();
    let mut field: Option<(usize, usize)> = None;
    let mut offset = 0;
    for (index, line) in text.split_inclusive('\n').enumerate() {
        let start = offset;
        offset += line.len();
        let line = line.strip_suffix('\n').unwrap_or(line);
        let mut at = start;
        if let Some((field_line, field_start)) = field {
            if !line.starts_with(';') {
                continue;
            }
            words.push(Word { kind: Kind::Field, line: field_line, bytes: field_start..start + 1 });
            field = None;
            at += 1;
        } else if line.starts_with(';') {
            field = Some((index + 1, start));
            continue;
        }
        let end = start + line.len();
        loop {
            let rest = &text[at..end];
            at += rest.len() - rest.trim_start().len();
            let rest = &text[at..end];
            if rest.is_empty() || rest.starts_with('#') {
                break;
            }
            let quoted = rest.starts_with(['\'', '"']);
            let length =
                if quoted { quoted_length(rest) } else { rest.find(char::is_whitespace).unwrap_or(rest.len()) };
            let kind = if quoted { Kind::Quoted } else { kind_of(&rest[..length]) };
            words.push(Word { kind, line: index + 1, bytes: at..at + length });
            at += length;
        }
    }
    if let Some((line, start)) = field {
        words.push(Word { kind: Kind::Field, line, bytes: start..text.len() });
    }
    words
}

fn kind_of(word: &str) -> Kind {
    let begins = |stem: &str| word.get(..stem.len()).is_some_and(|start| start.eq_ignore_ascii_case(stem));
    if word.starts_with('_') {
        Kind::Name
    } else if begins("data_") {
        Kind::Heading
    } else if word.eq_ignore_ascii_case("loop_") {
        Kind::Loop
    } else if begins("save_") || word.eq_ignore_ascii_case("stop_") || word.eq_ignore_ascii_case("global_") {
        Kind::Other
    } else {
        Kind::Bare
    }
}

/// Up to the quote that white space or the line's end follows.
fn quoted_length(text: &str) -> usize {
    let quote = if text.starts_with('"') { '"' } else { '\'' };
    let closing = text
        .char_indices()
        .skip(1)
        .find(|(at, c)| *c == quote && text[at + c.len_utf8()..].chars().next().is_none_or(char::is_whitespace));
    closing.map_or(text.len(), |(at, c)| at + c.len_utf8())
}

/// Line (from 1) of a byte offset.
pub(super) fn line_of_offset(text: &str, offset: usize) -> usize {
    1 + text.as_bytes()[..offset].iter().filter(|byte| **byte == b'\n').count()
}

/// Line of the heading of block `block` (from 0).
pub(super) fn heading_line(words: &[Word], block: usize) -> usize {
    words.iter().filter(|word| word.kind == Kind::Heading).nth(block).map_or(1, |word| word.line)
}

/// Line of row `row` (from 0) of the values under a name in block `block`, where the name occurs for the
/// `occurrence`-th time (from 0). Where a text is too odd to be followed, the nearest line that is known. `normalised`
/// makes names comparable.
pub(super) fn line_of_value(
    text: &str,
    words: &[Word],
    block: usize,
    name: &str,
    occurrence: usize,
    row: usize,
    normalised: impl Fn(&str) -> String,
) -> usize {
    let headings: Vec<usize> = (0..words.len()).filter(|at| words[*at].kind == Kind::Heading).collect();
    let start = headings.get(block).copied().unwrap_or(0);
    let end = headings.get(block + 1).copied().unwrap_or(words.len());
    let is_name = |word: &Word| word.kind == Kind::Name;
    let mut named = (start..end).filter(|at| is_name(&words[*at]) && normalised(words[*at].text(text)) == name);
    let Some(at) = named.nth(occurrence) else {
        return words.get(start).map_or(1, |word| word.line);
    };
    let first = words[..at].iter().rposition(|word| !is_name(word)).map_or(0, |before| before + 1);
    let past = words[at..].iter().position(|word| !is_name(word)).map_or(words.len(), |offset| at + offset);
    let in_loop = first > 0 && words[first - 1].kind == Kind::Loop;
    let value = if in_loop { past + row * (past - first) } else { at + 1 };
    words.get(value).or(words.last()).map_or(1, |word| word.line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_rows_across_lines_quotes_and_text_fields() {
        let text = "# c\ndata_A\n_x 1\ndata_b\n_cell.y 'it''s # one'\nloop_\n _p\n _q # remark\n 1 2\n 3\n 4 5\n;text\nmore\n;\n 7 8\n";
        let line = |name: &str, row| {
            line_of_value(text, &words(text), 1, name, 0, row, |name| name.trim_start_matches('_').replace('.', "_"))
        };
        assert_eq!(heading_line(&words(text), 1), 4);
        assert_eq!(line("cell_y", 0), 5);
        assert_eq!(line("p", 0), 9);
        assert_eq!(line("q", 1), 10);
        assert_eq!(line("q", 2), 11);
        assert_eq!(line("q", 3), 15);
        assert_eq!(line("nothing", 3), 4);
    }

    #[test]
    fn kinds_of_words() {
        let text = "data_a\nloop_\n_b\n_c\n1 'x y' \"z\" ;d\n;field\n; e # remark\nsave_f\n";
        let found: Vec<(Kind, &str)> = words(text).iter().map(|word| (word.kind, word.text(text))).collect();
        assert_eq!(
            found,
            [
                (Kind::Heading, "data_a"),
                (Kind::Loop, "loop_"),
                (Kind::Name, "_b"),
                (Kind::Name, "_c"),
                (Kind::Bare, "1"),
                (Kind::Quoted, "'x y'"),
                (Kind::Quoted, "\"z\""),
                (Kind::Bare, ";d"),
                (Kind::Field, ";field\n;"),
                (Kind::Bare, "e"),
                (Kind::Other, "save_f"),
            ]
        );
    }
}
