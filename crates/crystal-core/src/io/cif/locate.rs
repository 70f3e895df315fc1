//! Line numbers of a CIF's names and values, which the grammar's tree does not keep. Only for messages: where a file is too odd to
//! be followed, the nearest line that is known is given.

use super::document::normalised;

/// Line (from 1) of a byte offset.
pub(super) fn line_of_offset(text: &str, offset: usize) -> usize {
    1 + text.as_bytes()[..offset].iter().filter(|byte| **byte == b'\n').count()
}

/// Words of the text with their lines: names, values (a quoted one or a text field is one word), keywords.
fn words(text: &str) -> Vec<(usize, &str)> {
    let mut words = Vec::new();
    let mut in_field = false;
    for (index, line) in text.lines().enumerate() {
        if in_field {
            if !line.starts_with(';') {
                continue;
            }
            in_field = false;
        } else if line.starts_with(';') {
            in_field = true;
            words.push((index + 1, line));
            continue;
        }
        let mut rest = line.trim_start_matches(';').trim_start();
        while !rest.is_empty() && !rest.starts_with('#') {
            let length = match rest.chars().next() {
                Some(quote @ ('\'' | '"')) => quoted_length(rest, quote),
                _ => rest.find(char::is_whitespace).unwrap_or(rest.len()),
            };
            let (word, after) = rest.split_at(length);
            words.push((index + 1, word));
            rest = after.trim_start();
        }
    }
    words
}

/// Up to the quote that white space or the line's end follows.
fn quoted_length(text: &str, quote: char) -> usize {
    let closing = text
        .char_indices()
        .skip(1)
        .find(|(at, c)| *c == quote && text[at + c.len_utf8()..].chars().next().is_none_or(char::is_whitespace));
    closing.map_or(text.len(), |(at, c)| at + c.len_utf8())
}

fn heading_index(words: &[(usize, &str)], heading: &str) -> usize {
    let is_heading =
        |word: &str| word.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("data_")) && word.get(5..) == Some(heading);
    words.iter().position(|(_, word)| is_heading(word)).unwrap_or(0)
}

pub(super) fn heading_line(text: &str, heading: &str) -> usize {
    let words = words(text);
    words.get(heading_index(&words, heading)).map_or(1, |(line, _)| *line)
}

/// Line of row `row` (from 0) of the values under `name` in the block `heading`.
pub(super) fn line(text: &str, heading: &str, name: &str, row: usize) -> usize {
    let words = words(text);
    let start = heading_index(&words, heading);
    let is_name = |word: &str| word.starts_with('_');
    let Some(at) = words[start..].iter().position(|(_, word)| is_name(word) && normalised(word) == name) else {
        return words.get(start).map_or(1, |(line, _)| *line);
    };
    let at = start + at;
    let first = words[..at].iter().rposition(|(_, word)| !is_name(word)).map_or(0, |before| before + 1);
    let end = words[at..].iter().position(|(_, word)| !is_name(word)).map_or(words.len(), |offset| at + offset);
    let in_loop = first > 0 && words[first - 1].1.eq_ignore_ascii_case("loop_");
    let value = if in_loop { end + row * (end - first) } else { at + 1 };
    words.get(value).or(words.last()).map_or(1, |(line, _)| *line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_rows_across_lines_quotes_and_text_fields() {
        let text =
            "# c\ndata_A\n_x 1\ndata_b\n_cell.y 'it''s # one'\nloop_\n _p\n _q # remark\n 1 2\n 3\n 4 5\n;text\nmore\n;\n 7 8\n";
        assert_eq!(heading_line(text, "b"), 4);
        assert_eq!(line(text, "b", "cell_y", 0), 5);
        assert_eq!(line(text, "b", "p", 0), 9);
        assert_eq!(line(text, "b", "q", 1), 10);
        assert_eq!(line(text, "b", "q", 2), 11);
        assert_eq!(line(text, "b", "q", 3), 15);
        assert_eq!(line(text, "b", "nothing", 3), 4);
    }
}
