//! The sizes of the network.

use crystal_core::ConfigError;
use serde::{Deserialize, Serialize};

/// Sizes of a [`crate::WyckoffModel`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WyckoffModelConfig {
    /// Width of the tokens.
    pub width: usize,
    /// Number of layers.
    pub layers: usize,
    /// Heads of the attention; they share the width.
    pub heads: usize,
    /// Width of the dense layers inside, in widths of the tokens.
    pub expansion: usize,
    /// Share of the values that are set to zero in training, behind the embedding and behind each half of a layer.
    pub dropout: f64,
    /// Seed of the initial parameters.
    pub seed: u64,
}

impl Default for WyckoffModelConfig {
    /// Three million parameters.
    fn default() -> Self {
        Self { width: 192, layers: 6, heads: 6, expansion: 4, dropout: 0.2, seed: 0 }
    }
}

impl WyckoffModelConfig {
    /// Whether the numbers make sense.
    ///
    /// # Errors
    /// [`ConfigError`] for the first field that does not.
    pub fn check(&self) -> Result<(), ConfigError> {
        for (field, value) in
            [("width", self.width), ("layers", self.layers), ("heads", self.heads), ("expansion", self.expansion)]
        {
            ConfigError::unless((1..=4096).contains(&value), field, value, "a number from 1 to 4096")?;
        }
        let divides = self.width.is_multiple_of(self.heads);
        ConfigError::unless(divides, "heads", self.heads, &format!("a divisor of the width, {}", self.width))?;
        ConfigError::unless_below_one("dropout", self.dropout)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nonsense_is_refused_by_field() {
        let default = WyckoffModelConfig::default;
        assert_eq!(default().check(), Ok(()));
        let field = |config: WyckoffModelConfig| config.check().expect_err("nonsense").field;
        assert_eq!(field(WyckoffModelConfig { width: 0, ..default() }), "width");
        assert_eq!(field(WyckoffModelConfig { heads: 5, ..default() }), "heads");
        assert_eq!(field(WyckoffModelConfig { dropout: 1.0, ..default() }), "dropout");
        assert_eq!(field(WyckoffModelConfig { dropout: f64::NAN, ..default() }), "dropout");
    }
}
