//! Coordinates with free parameters: `x`, `-x`, `2x`, `x+1/2`, `1/3`, `0.25`.

use std::collections::BTreeMap;

/// The value of a sum of terms.
///
/// # Errors
/// What is wrong with it, as a message.
pub(super) fn value(text: &str, free: &BTreeMap<String, f64>) -> Result<f64, String> {
    let wrong = || format!("'{text}' is not a coordinate; write it as 0.25, 1/3, x, -x, 2x or x+1/2");
    let mut sum = 0.0;
    let mut rest = text;
    while !rest.is_empty() {
        let (sign, after) = match rest.as_bytes()[0] {
            b'-' => (-1.0, &rest[1..]),
            b'+' => (1.0, &rest[1..]),
            _ => (1.0, rest),
        };
        let end = after.find(['+', '-']).unwrap_or(after.len());
        let (term, next) = after.split_at(end);
        let split = term.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(term.len());
        let (factor, name) = term.split_at(split);
        let factor = if factor.is_empty() && !name.is_empty() { 1.0 } else { number(factor).ok_or_else(wrong)? };
        let variable = match name {
            "" => 1.0,
            name => *free.get(name).ok_or_else(|| format!("'{text}': the parameter {name} has no value"))?,
        };
        sum += sign * factor * variable;
        rest = next;
    }
    if text.is_empty() { Err(wrong()) } else { Ok(sum) }
}

fn number(text: &str) -> Option<f64> {
    match text.split_once('/') {
        Some((numerator, denominator)) => Some(numerator.parse::<f64>().ok()? / denominator.parse::<f64>().ok()?),
        None => text.parse().ok(),
    }
    .filter(|x: &f64| x.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms() {
        let free = BTreeMap::from([("x".to_owned(), 0.2), ("z".to_owned(), 0.7)]);
        for (text, expected) in [
            ("0", 0.0),
            ("1/4", 0.25),
            ("x", 0.2),
            ("-x", -0.2),
            ("2x", 0.4),
            ("x+1/2", 0.7),
            ("1/2-z", -0.2),
            ("-2x-1/4", -0.65),
        ] {
            assert!((value(text, &free).expect("a coordinate") - expected).abs() < 1e-12, "{text}");
        }
        for text in ["", "y", "1/0", "x+", "a b", "1//2", "+"] {
            assert!(value(text, &free).is_err(), "{text}");
        }
    }
}
