//! Files with one order per line.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use crystal_core::{SitesPerElement, SpaceGroupNumber, Species};
use langevin::{OrderedSites, SamplingOrder};
use serde::Deserialize;

use crate::DruseError;

/// A line of a file of orders.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    space_group: i64,
    sites: BTreeMap<String, i64>,
    #[serde(default = "one")]
    count: i64,
    steps_per_level: Option<i64>,
}

fn one() -> i64 {
    1
}

/// The orders of a file.
#[derive(Debug)]
pub struct OrdersFile {
    /// One per line.
    pub orders: Vec<SamplingOrder>,
    /// The steps per level that the lines name, if any does. All must name the same.
    pub steps_per_level: Option<usize>,
}

/// Reads `{"space_group", "sites": {element: number}, "count", "steps_per_level"}` per line, `count` (1) and
/// `steps_per_level` optional; `.zst` is unpacked. With `steps_unused` the lines need not agree on `steps_per_level`.
///
/// # Errors
/// [`DruseError::Read`], [`DruseError::OrderLine`].
pub fn read_orders(path: &Path, steps_unused: bool) -> Result<OrdersFile, DruseError> {
    let unreadable = |source| DruseError::Read { path: path.to_owned(), source };
    let file = File::open(path).map_err(unreadable)?;
    let compressed = path.extension().is_some_and(|ending| ending == "zst");
    let input: Box<dyn Read> = if compressed { unpacked(file).map_err(unreadable)? } else { Box::new(file) };
    parse_orders(BufReader::new(input), &path.display().to_string(), steps_unused)
}

#[cfg(not(target_family = "wasm"))]
fn unpacked(file: File) -> std::io::Result<Box<dyn Read>> {
    Ok(Box::new(zstd::Decoder::new(file)?))
}

/// A page of the browser has no files.
#[cfg(target_family = "wasm")]
fn unpacked(_: File) -> std::io::Result<Box<dyn Read>> {
    Err(std::io::ErrorKind::Unsupported.into())
}

/// No order is as long, bytes.
const MOST_LINE: u64 = 1 << 20;

/// How an order is written.
const EXAMPLE: &str = "{\"space_group\": 139, \"sites\": {\"Fe\": 1}, \"count\": 3}";

/// [`read_orders`] from lines that are unpacked already; `name` stands in the errors.
///
/// # Errors
/// [`DruseError::OrderLine`].
pub fn parse_orders(mut input: impl BufRead, name: &str, steps_unused: bool) -> Result<OrdersFile, DruseError> {
    let mut orders = Vec::new();
    let mut steps: Option<(usize, usize)> = None;
    for line in 1.. {
        let bad = |reason: String| DruseError::OrderLine { name: name.to_owned(), line, reason };
        // A few bytes may unpack to gigabytes without an end of line.
        let mut text = String::new();
        let length =
            input.by_ref().take(MOST_LINE).read_line(&mut text).map_err(|error| {
                bad(format!("cannot be read: {error}; the file is cut off or damaged: write it again"))
            })?;
        if length == 0 {
            break;
        }
        if length as u64 == MOST_LINE {
            return Err(bad(format!("the line is longer than {MOST_LINE} bytes; an order is {EXAMPLE}")));
        }
        if text.trim().is_empty() {
            continue;
        }
        let parsed: Line = serde_json::from_str(&text).map_err(|error| {
            let message = error.to_string();
            let message = message.split(" at line ").next().unwrap_or_default();
            bad(format!("column {}: {message}; an order is {EXAMPLE}", error.column()))
        })?;
        let (order, steps_here) = parsed.order().map_err(&bad)?;
        orders.push(order);
        match (steps, steps_here) {
            (Some((first, known)), Some(here)) if known != here && !steps_unused => {
                return Err(bad(format!(
                    "steps_per_level is {here}, but {known} in line {first}; \
                     all orders of a file must have the same, or give --steps-per-level"
                )));
            }
            (None, Some(here)) => steps = Some((line, here)),
            _ => {}
        }
    }
    if orders.is_empty() {
        let reason = format!("there is no order in this file; write one per line, such as {EXAMPLE}");
        return Err(DruseError::OrderLine { name: name.to_owned(), line: 1, reason });
    }
    Ok(OrdersFile { orders, steps_per_level: steps.map(|(_, steps)| steps) })
}

impl Line {
    fn order(self) -> Result<(SamplingOrder, Option<usize>), String> {
        let at_least_one = |what: &str, number: i64| {
            let whole = usize::try_from(number).ok().filter(|number| *number > 0);
            whole.ok_or_else(|| format!("{what} is {number}; give 1 or more"))
        };
        let mut sites = Vec::with_capacity(self.sites.len());
        for (symbol, number) in &self.sites {
            let species: Species = symbol.parse().map_err(|error: crystal_core::CrystalError| error.to_string())?;
            let number = at_least_one(&format!("the number of {symbol} sites"), *number)?;
            // What does not fit is far more than an order allows.
            sites.push((species, u32::try_from(number).unwrap_or(u32::MAX)));
        }
        let sites: SitesPerElement = sites.into_iter().collect();
        let order = SamplingOrder {
            space_group: SpaceGroupNumber::new(self.space_group).map_err(|error| error.to_string())?,
            sites: OrderedSites::General(sites),
            count: at_least_one("count", self.count)?,
        };
        if let Some(problem) = order.problem() {
            return Err(format!("{order}: {problem}"));
        }
        let steps = self.steps_per_level.map(|steps| at_least_one("steps_per_level", steps)).transpose()?;
        Ok((order, steps))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_orders() {
        let text = "{\"space_group\": 139, \"sites\": {\"Fe\": 1, \"Nd\": 2}, \"count\": 3, \"steps_per_level\": 80}\n\n\
                    {\"space_group\": 225, \"sites\": {\"Na\": 1}}\n";
        let read = parse_orders(text.as_bytes(), "orders.jsonl", false).expect("two orders");
        assert_eq!(read.steps_per_level, Some(80));
        assert_eq!(read.orders.len(), 2);
        assert_eq!(read.orders[0].to_string(), "Fe:1,Nd:2 in space group 139 × 3");
        assert_eq!((read.orders[1].space_group.get(), read.orders[1].count), (225, 1));
    }

    #[test]
    fn a_line_without_end_is_refused() {
        let text = format!("\n{{{}", " ".repeat(1 << 21));
        let error = parse_orders(text.as_bytes(), "orders.jsonl", false).expect_err("no order").to_string();
        assert!(error.starts_with("orders.jsonl:2: ") && error.contains("longer than"), "{error}");
    }

    #[test]
    fn bad_orders_are_named_with_their_line() {
        let good = r#"{"space_group": 139, "sites": {"Fe": 1}, "steps_per_level": 80}"#;
        for (bad, said) in [
            (r#"{"space_group": 231, "sites": {"Fe": 1}}"#, "1 to 230"),
            (r#"{"space_group": 0, "sites": {"Fe": 1}}"#, "1 to 230"),
            (r#"{"space_group": 139, "sites": {"Xx": 1}}"#, "Xx"),
            (r#"{"space_group": 139, "sites": {"Fe": 0}}"#, "1 or more"),
            (r#"{"space_group": 139, "sites": {"Fe": -1}}"#, "1 or more"),
            (r#"{"space_group": 139, "sites": {}}"#, "no element"),
            (r#"{"space_group": 139, "sites": {"Fe": 1}, "count": 0}"#, "1 or more"),
            (r#"{"space_group": 139, "sites": {"Fe": 1000}}"#, "at most"),
            (r#"{"space_group": 139, "sites": {"Fe": 4294967295, "Nd": 4294967295}}"#, "at most"),
            (r#"{"space_group": 139, "sites": {"Fe": 1}, "count": 999999999999}"#, "at most"),
            (r#"{"space_group": 139, "sites": {"Fe": 1}, "numbr": 2}"#, "numbr"),
            (r#"{"space_group": 139"#, "an order is"),
            (r#"{"space_group": 139, "sites": {"Fe": 1}, "steps_per_level": 8}"#, "--steps-per-level"),
        ] {
            let error = parse_orders(format!("{good}\n{bad}\n").as_bytes(), "orders.jsonl", false).expect_err(bad);
            let message = error.to_string();
            assert!(message.contains("orders.jsonl:2") && message.contains(said), "{message}");
        }
        let both = "{\"space_group\": 1, \"sites\": {\"Fe\": 1}, \"steps_per_level\": 8}\n".to_owned() + good;
        assert_eq!(parse_orders(both.as_bytes(), "orders.jsonl", true).expect("two orders").orders.len(), 2);
        assert!(
            parse_orders(&b""[..], "orders.jsonl", false).expect_err("no order").to_string().contains("orders.jsonl")
        );
    }
}
