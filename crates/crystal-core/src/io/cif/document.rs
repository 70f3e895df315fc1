//! The border to the CIF grammar of `crystal-cif-fmt`: its tree as columns of cells, and the line of each of them.

use std::collections::HashMap;

use crystal_cif_fmt::{CifDialect, DataBlock, DataBlockMember, DataItems, Number, Value, parse_cif};

use super::super::text::Fault;
use super::locate;

/// One value.
#[derive(Debug, Clone)]
pub(super) enum Cell {
    /// `?` or `.`.
    Missing,
    /// A number, its standard uncertainty left away.
    Number(f64),
    /// Everything else.
    Text(String),
}

impl Cell {
    fn of(value: &Value) -> Self {
        match value {
            Value::Inapplicable | Value::Unknown => Self::Missing,
            Value::Numeric(numeric) => Self::Number(match numeric.number() {
                Number::Integer(integer) => f64::from(integer.0),
                Number::Float(float) => float.0,
            }),
            Value::CharString(text) => Self::Text(text.as_ref().trim().to_owned()),
            Value::TextField(text) => Self::Text(text.raw_string().trim().to_owned()),
            Value::List(_) | Value::Table(_) => Self::Text(value.to_string()),
        }
    }

    /// The value as text; `None` if it is missing.
    pub(super) fn text(&self) -> Option<String> {
        match self {
            Self::Missing => None,
            Self::Number(number) => Some(number.to_string()),
            Self::Text(text) => Some(text.clone()),
        }
    }

    /// The value as a finite number: `None` if missing, `Err` with the text if it is something else.
    pub(super) fn number(&self) -> Result<Option<f64>, String> {
        match self {
            Self::Missing => Ok(None),
            Self::Number(number) if number.is_finite() => Ok(Some(*number)),
            Self::Number(number) => Err(number.to_string()),
            // A quoted number, perhaps with its standard uncertainty.
            Self::Text(text) => {
                let digits = text.split('(').next().unwrap_or_default();
                let number = digits.parse().ok().filter(|x: &f64| x.is_finite());
                number.map(Some).ok_or_else(|| text.clone())
            }
        }
    }
}

/// One data block. Names are in lower case, without the leading underscore, and with `_` for the `.` of the newer dictionaries.
pub(super) struct Block<'a> {
    text: &'a str,
    heading: String,
    columns: HashMap<String, Vec<Cell>>,
    /// Names of a loop whose values do not fill its columns.
    ragged: Vec<(String, usize, usize)>,
}

/// Names as this adapter looks them up.
pub(super) fn normalised(name: &str) -> String {
    name.trim_start_matches('_').to_ascii_lowercase().replace('.', "_")
}

impl<'a> Block<'a> {
    fn of(block: &DataBlock, text: &'a str) -> Self {
        let mut columns = HashMap::new();
        let mut ragged = Vec::new();
        for member in block.members() {
            match member {
                DataBlockMember::DataItems(DataItems::SingleValue(item)) => {
                    columns.entry(normalised(item.tag().name())).or_insert_with(|| vec![Cell::of(item.value())]);
                }
                DataBlockMember::DataItems(DataItems::MultiValues(table)) => {
                    let lengths: Vec<usize> = table.columns().iter().map(|column| column.values().len()).collect();
                    for column in table.columns() {
                        let name = normalised(column.tag().name());
                        // The grammar deals the values out in turn, so a cut-off loop shows as columns of unequal length.
                        if lengths.iter().any(|length| *length != lengths[0]) {
                            ragged.push((name.clone(), lengths.iter().sum(), lengths.len()));
                        }
                        columns.entry(name).or_insert_with(|| column.values().iter().map(Cell::of).collect());
                    }
                }
                DataBlockMember::SaveFrame(_) => {}
            }
        }
        Self { text, heading: block.heading().to_owned(), columns, ragged }
    }

    /// The values under a name.
    ///
    /// # Errors
    /// If they stand in a loop that is cut off.
    pub(super) fn column(&self, name: &str) -> Result<Option<&[Cell]>, Fault> {
        if let Some((_, n_values, n_columns)) = self.ragged.iter().find(|(ragged, ..)| ragged == name) {
            let reason = format!(
                "the loop with _{name} is cut off: {n_values} values do not fill rows of {n_columns}; complete its last row"
            );
            return Err(Fault::at(self.line(name, n_values / n_columns), reason));
        }
        Ok(self.columns.get(name).map(Vec::as_slice))
    }

    /// The first of these names that has values.
    pub(super) fn first_column(&self, names: &[&'static str]) -> Result<Option<(&'static str, &[Cell])>, Fault> {
        for name in names {
            if let Some(cells) = self.column(name)? {
                return Ok(Some((name, cells)));
            }
        }
        Ok(None)
    }

    /// The single value under the first of these names that has one.
    pub(super) fn value(&self, names: &[&'static str]) -> Result<Option<(&'static str, &Cell)>, Fault> {
        for name in names {
            if let Some(cell) = self.column(name)?.and_then(<[Cell]>::first).filter(|cell| !matches!(cell, Cell::Missing)) {
                return Ok(Some((name, cell)));
            }
        }
        Ok(None)
    }

    /// The line of row `row` (from 0) under a name.
    pub(super) fn line(&self, name: &str, row: usize) -> usize {
        locate::line(self.text, &self.heading, name, row)
    }

    /// The line of the block's heading.
    pub(super) fn heading_line(&self) -> usize {
        locate::heading_line(self.text, &self.heading)
    }
}

/// The text in a form the grammar takes, with the same line numbers. Programs write much that CIF 1.1 forbids but that no number
/// here depends on: letters outside ASCII in names and titles, and `data_` without a name.
pub(super) fn prepared(text: &str) -> String {
    let ascii = text.chars().map(|c| if c.is_ascii() && c != '\0' { c } else { 'x' });
    let mut ascii: String = ascii.collect();
    // A last line without its end is common, and a text field's closing line needs none; the grammar wants neither discussed.
    if !ascii.ends_with('\n') {
        ascii.push('\n');
    }
    let lines = ascii.split_inclusive('\n');
    lines.map(|line| if line.trim_end().eq_ignore_ascii_case("data_") { "data_unnamed\n" } else { line }).collect()
}

/// All data blocks of a [`prepared`] text.
pub(super) fn blocks(text: &str) -> Result<Vec<Block<'_>>, Fault> {
    refuse_deep_nesting(text)?;
    let document = parse_cif(text).map_err(|errors| {
        let furthest = errors.iter().max_by_key(|error| error.span().start);
        let offset = furthest.map_or(0, |error| error.span().start).min(text.len());
        let at_end = text[offset..].trim().is_empty();
        let line = locate::line_of_offset(text, if at_end { text.trim_end().len() } else { offset });
        let near: String = text.lines().nth(line - 1).unwrap_or_default().trim().chars().take(60).collect();
        let place = if at_end { "at the end of the file".to_owned() } else { format!("near '{near}'") };
        Fault::at(line, format!("no valid CIF {place}; a value or a quote is missing, or the file is cut off"))
    })?;
    Ok(document.data_blocks().map(|blocks| blocks.iter().map(|block| Block::of(block, text)).collect()).unwrap_or_default())
}

/// CIF 2.0 has lists and tables inside each other, which the grammar follows by recursion and, for tables, by trying twice a
/// level. No structure needs more than a matrix.
fn refuse_deep_nesting(text: &str) -> Result<(), Fault> {
    const DEEPEST: usize = 8;
    if CifDialect::detect(text) == CifDialect::Cif1_1 {
        return Ok(());
    }
    let mut depth = 0_usize;
    let mut frames = 0_usize;
    for (index, line) in text.lines().enumerate() {
        for c in line.chars() {
            match c {
                '[' | '{' => depth += 1,
                ']' | '}' => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth > DEEPEST {
                return Err(Fault::at(index + 1, format!("lists nested more than {DEEPEST} deep; remove this item")));
            }
        }
        frames += usize::from(line.to_ascii_lowercase().contains("save_"));
        if frames > 2 * DEEPEST {
            return Err(Fault::at(index + 1, "save frames belong in dictionaries, not in structures; remove them"));
        }
    }
    Ok(())
}
