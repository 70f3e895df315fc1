//! The configuration of the networks.

use serde::{Deserialize, Serialize};

use crate::ElementSet;

/// Which variant of the networks. Their widths are the published ones.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct PgcgmConfig {
    /// The elements.
    pub elements: ElementSet,
    /// Feeds noise, elements and symmetry to both the positions and the lengths. In the published network positions
    /// never see the space group and lengths never see the elements.
    pub joint: bool,
    /// Seed of the initial weights.
    pub seed: u64,
}
