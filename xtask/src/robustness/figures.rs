//! Figures as the programs tell them: a line of JSON each, shards of one loop added up.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::Part;
use super::record::Row;

/// What begins the JSON of a figure; with `--nocapture` the name of the test stands before it.
const MARK: &str = "robustness: ";

/// What a fuzz loop prints.
#[derive(Debug, Clone, Deserialize)]
struct Fuzz {
    fuzz: String,
    shard: String,
    executions: u64,
    seconds: f64,
    longest_ms: f64,
    mebibytes: u64,
    panics: u64,
    slow: u64,
}

/// What everything else prints.
#[derive(Debug, Clone, Deserialize)]
struct Told {
    what: String,
    figures: Value,
    text: String,
    /// Git revision of the program, where it knows its own.
    revision: Option<String>,
}

/// What was told so far.
#[derive(Default)]
pub(super) struct Figures {
    /// By reader, in their order.
    fuzz: Vec<(String, Vec<Fuzz>)>,
    /// The others.
    told: Vec<Told>,
}

impl Figures {
    /// Adds what a line tells, if anything.
    pub(super) fn add(&mut self, line: &str) {
        let Some((_, told)) = line.split_once(MARK) else { return };
        if let Ok(one) = serde_json::from_str::<Fuzz>(told) {
            match self.fuzz.iter_mut().find(|(name, _)| *name == one.fuzz) {
                Some((_, all)) => all.push(one),
                None => self.fuzz.push((one.fuzz.clone(), vec![one])),
            }
        } else if let Ok(told) = serde_json::from_str::<Told>(told) {
            self.told.push(told);
        }
    }

    /// A row for each reader and each other figure. `measured` is the revision of programs that do not know theirs.
    pub(super) fn rows(&self, measured: Option<&str>, build: Option<&str>) -> Vec<Row> {
        let row = |what: String, figures: Value, text: String, revision: Option<String>| Row {
            part: Part::of(&what).map(|part| part.name().to_owned()),
            what,
            figures,
            text,
            revision: revision.or_else(|| measured.map(str::to_owned)),
            build: build.map(str::to_owned),
        };
        let of_reader = |(name, all): &(String, Vec<Fuzz>)| {
            let sum = Sum::of(all);
            row(format!("fuzz {name}"), sum.figures(), sum.text(), None)
        };
        let told = self
            .told
            .iter()
            .map(|told| row(told.what.clone(), told.figures.clone(), told.text.clone(), told.revision.clone()));
        self.fuzz.iter().map(of_reader).chain(told).collect()
    }

    /// What is wrong: readers that failed, and shards that told nothing.
    pub(super) fn failures(&self) -> Vec<String> {
        let sums = self.fuzz.iter().map(|(name, all)| (name, Sum::of(all)));
        sums.filter(|(_, sum)| sum.missing + sum.panics + sum.slow > 0)
            .map(|(name, sum)| format!("fuzz {name}: {}", sum.text()))
            .collect()
    }
}

/// The figures of one reader, shards added up.
struct Sum {
    processes: usize,
    executions: u64,
    seconds: f64,
    longest_ms: f64,
    mebibytes: u64,
    panics: u64,
    slow: u64,
    missing: u64,
}

impl Sum {
    fn of(all: &[Fuzz]) -> Self {
        Self {
            processes: all.len(),
            executions: all.iter().map(|one| one.executions).sum(),
            seconds: all.iter().map(|one| one.seconds).sum(),
            longest_ms: all.iter().map(|one| one.longest_ms).fold(0.0, f64::max),
            mebibytes: all.iter().map(|one| one.mebibytes).max().unwrap_or_default(),
            panics: all.iter().map(|one| one.panics).sum(),
            slow: all.iter().map(|one| one.slow).sum(),
            missing: missing(all),
        }
    }

    fn figures(&self) -> Value {
        json!({
            "executions": self.executions,
            "processes": self.processes,
            "seconds": self.seconds.round(),
            "longest_ms": self.longest_ms,
            "mebibytes": self.mebibytes,
            "panics": self.panics,
            "slow": self.slow,
        })
    }

    fn text(&self) -> String {
        let missing = match self.missing {
            0 => String::new(),
            n => format!(", {n} shards missing"),
        };
        format!(
            "{} executions in {:.0} s of {} processes, longest {:.1} ms, at most {} MiB allocated, {} panics, {} too \
             slow{missing}",
            self.executions, self.seconds, self.processes, self.longest_ms, self.mebibytes, self.panics, self.slow,
        )
    }
}

/// Shards of the largest set that told nothing: processes that ended on their way.
fn missing(all: &[Fuzz]) -> u64 {
    let mut shards: BTreeMap<u64, Vec<&str>> = BTreeMap::new();
    for one in all {
        let (_, of) = one.shard.split_once('/').unwrap_or(("1", "1"));
        shards.entry(of.parse().unwrap_or(1)).or_default().push(&one.shard);
    }
    let absent = |(of, mut told): (u64, Vec<&str>)| {
        told.sort_unstable();
        told.dedup();
        of.saturating_sub(told.len() as u64)
    };
    shards.into_iter().map(absent).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(shard: &str, executions: u64, panics: u64) -> String {
        format!(
            "test fuzz_cif ... robustness: {{\"fuzz\":\"CIF\",\"shard\":\"{shard}\",\"executions\":{executions},\
             \"seconds\":2.0,\"longest_ms\":1.5,\"mebibytes\":2,\"panics\":{panics},\"slow\":0}}"
        )
    }

    #[test]
    fn figures_are_added_up() {
        let mut figures = Figures::default();
        let told = r#"robustness: {"what":"full disk","figures":{"commands":3},"text":"nothing torn"}"#;
        for line in [&one("1/2", 10, 0), &one("2/2", 12, 0), told, "test a ... ok", "robustness: no JSON"] {
            figures.add(line);
        }
        let rows = figures.rows(Some("abc"), Some("release"));
        let [fuzz, disk] = &rows[..] else { panic!("{rows:?}") };
        assert_eq!((fuzz.what.as_str(), fuzz.part.as_deref()), ("fuzz CIF", Some("structures")));
        assert_eq!(
            (disk.what.as_str(), disk.text.as_str(), disk.part.as_deref()),
            ("full disk", "nothing torn", Some("command"))
        );
        assert_eq!(
            fuzz.text,
            "22 executions in 4 s of 2 processes, longest 1.5 ms, at most 2 MiB allocated, 0 panics, 0 too slow"
        );
        assert_eq!((&fuzz.figures["executions"], &disk.figures["commands"]), (&json!(22), &json!(3)));
        assert!(figures.failures().is_empty());
    }

    #[test]
    fn panics_and_lost_processes_fail() {
        for (line, word) in [(one("1/2", 10, 0), "1 shards missing"), (one("1/1", 10, 1), "1 panics")] {
            let mut figures = Figures::default();
            figures.add(&line);
            let failures = figures.failures();
            assert!(failures.len() == 1 && failures[0].contains(word), "{failures:?}");
        }
    }
}
