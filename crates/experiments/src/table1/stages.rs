//! Stages with their wall times.

use std::time::Instant;

use anyhow::{Context, Result};
use serde::Serialize;

/// Wall time of each stage, in the order in which they ran.
#[derive(Debug, Default)]
pub struct Stages(Vec<(String, f64)>);

impl Stages {
    /// Runs a stage and notes its time; an error says in which stage it happened.
    pub fn run<T>(&mut self, name: &str, stage: impl FnOnce() -> Result<T>) -> Result<T> {
        tracing::info!("stage '{name}'");
        let start = Instant::now();
        let result = stage().with_context(|| format!("stage '{name}' failed"))?;
        self.0.push((name.to_owned(), start.elapsed().as_secs_f64()));
        Ok(result)
    }

    /// Name and seconds of every stage.
    pub fn iter(&self) -> impl Iterator<Item = (&str, f64)> {
        self.0.iter().map(|(name, seconds)| (name.as_str(), *seconds))
    }
}

impl Serialize for Stages {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}
