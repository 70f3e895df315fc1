//! A run in parts. Shard K of N does every Nth piece of the work, each with the random numbers that it has in the whole
//! run, on its own host. What it leaves says so (`ShardRecord`, the file [`FILE`] of its folder), and `Shards::gather`
//! takes all shards of a run together, or says what is missing.

// A page of the browser has no folders.
#[cfg(not(target_family = "wasm"))]
mod gather;
#[cfg(not(target_family = "wasm"))]
mod record;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

#[cfg(not(target_family = "wasm"))]
pub use gather::{Part, Shards, assemble, copy_file, new_folder};
#[cfg(not(target_family = "wasm"))]
pub use record::ShardRecord;

/// Name of a shard's record in its folder.
pub const FILE: &str = "druse.shard";

/// Part K of N of a run, K from 1 to N.
///
/// ```
/// use druse::Shard;
///
/// let second: Shard = "2/3".parse()?;
/// assert_eq!((0..7).filter(|piece| second.has(*piece)).collect::<Vec<_>>(), [1, 4]);
/// assert!("0/4".parse::<Shard>().is_err() && "5/4".parse::<Shard>().is_err());
/// # Ok::<(), String>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Shard {
    of: usize,
    number: usize,
}

impl Shard {
    /// Whether a piece of work is of this shard. Pieces are counted from 0 over the whole run.
    pub fn has(self, piece: usize) -> bool {
        piece % self.of == self.number - 1
    }

    /// K, from 1.
    pub fn number(self) -> usize {
        self.number
    }

    /// N.
    pub fn of(self) -> usize {
        self.of
    }

    /// How many of `pieces` are of this shard.
    pub fn count(self, pieces: usize) -> usize {
        (0..pieces).filter(|piece| self.has(*piece)).count()
    }

    /// As a part of the name of a folder.
    pub fn in_names(self) -> String {
        format!("shard-{}-of-{}", self.number, self.of)
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let numbers = text.split_once('/').and_then(|(number, of)| Some((number.parse().ok()?, of.parse().ok()?)));
        match numbers {
            Some((number, of)) if (1..=of).contains(&number) => Ok(Self { of, number }),
            _ => Err(format!(
                "'{text}' is not a part of a run; give K/N, K from 1 to N, such as 1/4 for the first of four"
            )),
        }
    }
}

impl TryFrom<String> for Shard {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Shard> for String {
    fn from(shard: Shard) -> Self {
        shard.to_string()
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_part_is_refused_with_a_cure() {
        for text in ["0/4", "5/4", "x", "1/0", "1", "-1/4", "1/4/2", "", "1.5/2"] {
            let error = text.parse::<Shard>().expect_err("no part of a run");
            assert!(error.contains(&format!("'{text}'")) && error.contains("such as 1/4"), "{error}");
        }
        let shards: Vec<Shard> = ["1/3", "2/3", "3/3"].map(|text| text.parse().expect("a part")).into();
        for piece in 0..20 {
            assert_eq!(shards.iter().filter(|shard| shard.has(piece)).count(), 1);
        }
        assert_eq!(shards.iter().map(|shard| shard.count(20)).sum::<usize>(), 20);
        assert_eq!(serde_json::to_string(&shards[1]).expect("text"), "\"2/3\"");
        assert!(serde_json::from_str::<Shard>("\"4/3\"").is_err());
    }
}
