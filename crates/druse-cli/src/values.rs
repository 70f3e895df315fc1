//! Values of options, checked where they are read.

use std::ops::RangeInclusive;
use std::time::Duration;

use crystal_core::{Composition, Finder, SpaceGroupNumber};

/// A space-group number.
pub(super) fn space_group(text: &str) -> Result<SpaceGroupNumber, String> {
    let number: i64 =
        text.parse().map_err(|_| format!("'{text}' is not a whole number; give a number from 1 to 230"))?;
    SpaceGroupNumber::new(number).map_err(|error| error.to_string())
}

/// A whole number from 1 on.
pub(super) fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse::<i64>() {
        Ok(number) if number >= 1 => usize::try_from(number).map_err(|error| error.to_string()),
        Ok(_) => Err("the number must be at least 1".to_owned()),
        Err(_) => Err(format!("'{text}' is not a whole number; give 1 or more")),
    }
}

/// A chemical formula.
pub(super) fn formula(text: &str) -> Result<Composition, String> {
    Composition::from_formula(text).map_err(|error| error.to_string())
}

/// A number from 1 on, or a range such as 4-20.
pub(super) fn range(text: &str) -> Result<RangeInclusive<u32>, String> {
    let number = |text: &str| text.trim().parse::<u32>().ok().filter(|number| *number > 0);
    let (from, to) = text.split_once('-').unwrap_or((text, text));
    match (number(from), number(to)) {
        (Some(from), Some(to)) if from <= to => Ok(from..=to),
        _ => Err(format!("'{text}' is not a range; give a number from 1 on, or two such as 4-20")),
    }
}

/// A tolerance in Å.
pub(super) fn tolerance(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number > 0.0 && number.is_finite() => Ok(number),
        _ => Err(format!("'{text}' is not a tolerance; give a positive number of Å, such as 0.01")),
    }
}

/// The distance (Å) within which images of a site are one atom. Atoms closer than the shortest are refused anyway, and
/// the closest atoms there are, of a hydrogen molecule, must stay two.
pub(super) fn merge_distance(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if (0.01..=0.7).contains(&number) => Ok(number),
        _ => Err(format!("'{text}' is not a distance at which atoms merge; give 0.01 to 0.7 (Å)")),
    }
}

/// A tolerance whose unit the option names.
pub(super) fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number > 0.0 && number.is_finite() => Ok(number),
        _ => Err(format!("'{text}' is not a tolerance; give a positive number")),
    }
}

/// A time such as `90s`, `10m` or `1h30m`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let bad = || format!("'{text}' is not a time; give a number with its unit, such as 90s, 10m, 2h or 1h30m");
    let (mut seconds, mut rest) = (0.0, text.trim());
    while !rest.is_empty() {
        let end = rest.find(|c: char| c.is_ascii_alphabetic()).ok_or_else(bad)?;
        let number: f64 = rest[..end].parse().ok().filter(|number| *number >= 0.0).ok_or_else(bad)?;
        let unit = match &rest[end..=end] {
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return Err(bad()),
        };
        seconds += number * unit;
        rest = rest[end + 1..].trim_start();
    }
    match Duration::try_from_secs_f64(seconds) {
        Ok(time) if !time.is_zero() => Ok(time),
        _ => Err(format!("'{text}' is too little or too much time; give for example 1m or 2h")),
    }
}

/// A symmetry finder of this build.
pub(super) fn finder(text: &str) -> Result<Finder, String> {
    match text {
        "moyo" => Ok(Finder::Moyo),
        #[cfg(feature = "spglib")]
        "spglib" => Ok(Finder::Spglib),
        #[cfg(not(feature = "spglib"))]
        "spglib" => Err("this build has no spglib; build it with --features spglib, or give moyo".to_owned()),
        other => Err(format!("'{other}' is not a symmetry finder; give moyo or spglib")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nonsense_is_refused() {
        for text in ["0", "231", "-1", "x", "", "1.5"] {
            assert!(space_group(text).is_err(), "{text}");
        }
        for text in ["0", "-1", "x", "", "1.5", "99999999999999999999"] {
            assert!(at_least_one(text).is_err(), "{text}");
        }
        for text in ["0", "-1", "x", "", "nan", "inf"] {
            assert!(tolerance(text).is_err(), "{text}");
            assert!(positive(text).is_err(), "{text}");
        }
        for text in ["", "0", "0m", "10", "-1m", "1d", "m", "nans", "1m2"] {
            assert!(duration(text).is_err(), "{text}");
        }
        assert_eq!(duration("1h30m").map(|time| time.as_secs()), Ok(5400));
        assert_eq!(duration("1.5m").map(|time| time.as_secs()), Ok(90));
        for text in ["0", "-1", "x", "", "nan", "1.5"] {
            assert!(merge_distance(text).is_err(), "{text}");
        }
        assert!(finder("phonopy").is_err());
        assert_eq!(space_group("230").map(SpaceGroupNumber::get), Ok(230));
        assert_eq!(at_least_one("3"), Ok(3));
        assert_eq!(tolerance("1e-2"), Ok(0.01));
    }
}
