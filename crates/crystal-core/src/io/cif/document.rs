//! The border to the CIF grammar of `crystal-cif-fmt`: its tree as columns of cells, and the line of each of them.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::rc::Rc;

use crystal_cif_fmt::{CifDialect, DataBlock, DataBlockMember, DataItems, Number, SaveFrame, Value, parse_cif};

use super::super::text::{Fault, is_minus};
use super::prepare::restored;
use super::words::{self, Kind, Word};

/// One value.
#[derive(Debug, Clone, PartialEq)]
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
            Value::CharString(text) => Self::of_text(text.as_ref()),
            Value::TextField(text) => Self::of_text(&text.raw_string()),
            Value::List(_) | Value::Table(_) => Self::of_text(&value.to_string()),
        }
    }

    /// Quotes around `?` and around nothing say no more than the bare sign does.
    fn of_text(text: &str) -> Self {
        match text.trim() {
            "" | "?" | "." => Self::Missing,
            text => Self::Text(restored(text)),
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
            // A quoted number, perhaps with its standard uncertainty, or with a minus sign of another code point.
            Self::Text(text) => {
                let digits = text.split('(').next().unwrap_or_default().trim().replace(is_minus, "-");
                let number = digits.parse().ok().filter(|x: &f64| x.is_finite());
                number.map(Some).ok_or_else(|| text.clone())
            }
        }
    }
}

/// One data block. Names are in lower case, without the leading underscore, and with `_` for the `.` of the newer
/// dictionaries.
pub(super) struct Block<'a> {
    text: &'a str,
    /// The words of the text, cut when the first line is asked for.
    words: Rc<OnceCell<Vec<Word>>>,
    name: String,
    /// Which block of the text it is, from 0.
    index: usize,
    columns: HashMap<String, Vec<Column>>,
    /// Names of the save frames with sites.
    frames_with_sites: Vec<String>,
}

/// The values under a name at one place.
struct Column {
    cells: Vec<Cell>,
    /// Values and columns of the loop around it, if it is cut off.
    ragged: Option<(usize, usize)>,
}

/// Names as this adapter looks them up.
pub(super) fn normalised(name: &str) -> String {
    name.trim_start_matches('_').to_ascii_lowercase().replace('.', "_")
}

impl<'a> Block<'a> {
    fn of(block: &DataBlock, text: &'a str, words: Rc<OnceCell<Vec<Word>>>, index: usize) -> Self {
        let mut columns: HashMap<String, Vec<Column>> = HashMap::new();
        let mut frames_with_sites = Vec::new();
        let mut add = |name: &str, column: Column| columns.entry(normalised(name)).or_default().push(column);
        for member in block.members() {
            match member {
                DataBlockMember::DataItems(DataItems::SingleValue(item)) => {
                    add(item.tag().name(), Column { cells: vec![Cell::of(item.value())], ragged: None });
                }
                DataBlockMember::DataItems(DataItems::MultiValues(table)) => {
                    let lengths: Vec<usize> = table.columns().iter().map(|column| column.values().len()).collect();
                    // The grammar deals the values out in turn, so a cut-off loop shows as columns of unequal length.
                    let is_ragged = lengths.iter().any(|length| *length != lengths[0]);
                    let ragged = is_ragged.then(|| (lengths.iter().sum(), lengths.len()));
                    for column in table.columns() {
                        add(
                            column.tag().name(),
                            Column { cells: column.values().iter().map(Cell::of).collect(), ragged },
                        );
                    }
                }
                DataBlockMember::SaveFrame(frame) if has_coordinates(frame) => {
                    frames_with_sites.push(restored(frame.heading().as_ref()));
                }
                DataBlockMember::SaveFrame(_) => {}
            }
        }
        Self { text, words, name: restored(block.heading()), index, columns, frames_with_sites }
    }

    /// The name behind `data_`.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Names and lines of the save frames with sites, which are not read.
    pub(super) fn frames_with_sites(&self) -> impl Iterator<Item = (&str, usize)> {
        self.frames_with_sites.iter().map(|name| {
            let heading = format!("save_{name}");
            let is_heading = |word: &&Word| word.text(self.text).eq_ignore_ascii_case(&heading);
            (name.as_str(), self.words().iter().find(is_heading).map_or(1, |word| word.line))
        })
    }

    /// Whether there is a value under one of these names.
    pub(super) fn has_any(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.columns.get(*name).is_some_and(|places| places.iter().any(Column::has_values)))
    }

    /// Whether there is a list of sites, with or without coordinates.
    pub(super) fn has_sites(&self) -> bool {
        !self.names_with("atom_site_").is_empty()
    }

    /// All names with a value that begin in this way.
    pub(super) fn names_with(&self, start: &str) -> Vec<&str> {
        self.names_that(|name| name.starts_with(start))
    }

    /// All names with a value that are of a kind.
    pub(super) fn names_that(&self, are: impl Fn(&str) -> bool) -> Vec<&str> {
        let mut names: Vec<&str> = self
            .columns
            .iter()
            .filter(|(name, places)| are(name) && places.iter().any(Column::has_values))
            .map(|(name, _)| name.as_str())
            .collect();
        names.sort_unstable();
        names
    }

    /// The values under a name.
    ///
    /// # Errors
    /// If they stand in a loop that is cut off, or if the name has other values elsewhere in the block.
    pub(super) fn column(&self, name: &str) -> Result<Option<&[Cell]>, Fault> {
        let Some(places) = self.columns.get(name) else { return Ok(None) };
        let mut chosen: Option<(usize, &Column)> = None;
        for (occurrence, column) in places.iter().enumerate() {
            if let Some((n_values, n_columns)) = column.ragged {
                let reason = format!(
                    "the loop with _{name} is cut off: {n_values} values do not fill rows of {n_columns}; complete its last row"
                );
                return Err(Fault::at(self.line_at(name, occurrence, n_values / n_columns), reason));
            }
            match chosen {
                Some((first, known)) if known.has_values() && column.has_values() && known.cells != column.cells => {
                    let reason = format!(
                        "_{name} stands here with other values than in line {}; keep one of the two, or give the second structure its own data_ block",
                        self.line_at(name, first, 0)
                    );
                    return Err(Fault::at(self.line_at(name, occurrence, 0), reason));
                }
                Some((_, known)) if known.has_values() => {}
                _ => chosen = Some((occurrence, column)),
            }
        }
        Ok(chosen.map(|(_, column)| column.cells.as_slice()))
    }

    /// The single value under the first of these names that has one.
    ///
    /// # Errors
    /// Those of [`Self::column`]; if a loop holds several different values.
    pub(super) fn value(&self, names: &[&'static str]) -> Result<Option<(&'static str, &Cell)>, Fault> {
        for name in names {
            let mut cells =
                self.column(name)?.unwrap_or_default().iter().enumerate().filter(|(_, cell)| **cell != Cell::Missing);
            let Some((_, first)) = cells.next() else { continue };
            if let Some((row, other)) = cells.find(|(_, cell)| *cell != first) {
                let reason = format!(
                    "_{name} has the values {} and {}; keep that of the structure, or give each structure its own data_ \
                     block",
                    first.text().unwrap_or_default(),
                    other.text().unwrap_or_default()
                );
                return Err(Fault::at(self.line(name, row), reason));
            }
            return Ok(Some((name, first)));
        }
        Ok(None)
    }

    /// As [`Self::value`], as text.
    pub(super) fn text_value(&self, names: &[&'static str]) -> Result<Option<(&'static str, String)>, Fault> {
        Ok(self.value(names)?.and_then(|(name, cell)| Some((name, cell.text()?))))
    }

    /// The line of row `row` (from 0) under a name.
    pub(super) fn line(&self, name: &str, row: usize) -> usize {
        let places = self.columns.get(name);
        let with_values = places.and_then(|places| places.iter().position(Column::has_values));
        self.line_at(name, with_values.unwrap_or(0), row)
    }

    fn line_at(&self, name: &str, occurrence: usize, row: usize) -> usize {
        words::line_of_value(self.text, self.words(), self.index, name, occurrence, row, normalised)
    }

    /// The line of the block's heading.
    pub(super) fn heading_line(&self) -> usize {
        words::heading_line(self.words(), self.index)
    }

    fn words(&self) -> &[Word] {
        self.words.get_or_init(|| words::words(self.text))
    }
}

/// Whether a save frame, or one inside it, lists sites.
fn has_coordinates(frame: &SaveFrame) -> bool {
    let is_coordinate = |name: &str| normalised(name) == "atom_site_fract_x";
    let lists_sites = |items: &DataItems| match items {
        DataItems::SingleValue(item) => is_coordinate(item.tag().name()),
        DataItems::MultiValues(table) => table.columns().iter().any(|column| is_coordinate(column.tag().name())),
    };
    frame.data_items().iter().any(lists_sites) || frame.frames().iter().any(has_coordinates)
}

impl Column {
    fn has_values(&self) -> bool {
        self.cells.iter().any(|cell| !matches!(cell, Cell::Missing))
    }
}

/// All data blocks of a [`super::prepare::prepared`] text.
pub(super) fn blocks(text: &str) -> Result<Vec<Block<'_>>, Fault> {
    refuse_deep_nesting(text)?;
    let document = parse_cif(text).map_err(|errors| {
        if let Some(first) = words::words(text).first().filter(|word| word.kind != Kind::Heading)
            && matches!(first.kind, Kind::Name | Kind::Loop)
        {
            let reason = "the file does not begin with a data block; put a line such as data_crystal before this one";
            return Fault::at(first.line, reason);
        }
        let furthest = errors.iter().max_by_key(|error| error.span().start);
        let offset = furthest.map_or(0, |error| error.span().start).min(text.len());
        let at_end = text[offset..].trim().is_empty();
        let line = words::line_of_offset(text, if at_end { text.trim_end().len() } else { offset });
        let near = restored(text.lines().nth(line - 1).unwrap_or_default().trim());
        let near: String = near.chars().take(60).collect();
        let place = if at_end { "at the end of the file".to_owned() } else { format!("near '{near}'") };
        Fault::at(line, format!("no valid CIF {place}; a value or a quote is missing, or the file is cut off"))
    })?;
    let blocks = document.data_blocks().map(Vec::as_slice).unwrap_or_default();
    let words = Rc::new(OnceCell::new());
    Ok(blocks.iter().enumerate().map(|(index, block)| Block::of(block, text, Rc::clone(&words), index)).collect())
}

/// CIF 2.0 has lists and tables inside each other, which the grammar follows by recursion and, for tables, by trying
/// twice a level. No structure needs more than a matrix.
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
