//! Non-equivalent sites per element.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Composition, CrystalError, Species};

/// How many non-equivalent sites of each element. Not a [`Composition`]: a site is as many atoms as its position has
/// images, so counts of sites are neither a formula nor reduced.
///
/// ```
/// use crystal_core::SitesPerElement;
///
/// let sites: SitesPerElement = "Fe:1,Nd:1,O:2".parse()?;
/// assert_eq!((sites.total(), sites.n_elements()), (4, 3));
/// # Ok::<(), crystal_core::CrystalError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SitesPerElement(Composition);

impl SitesPerElement {
    /// Elements and numbers of sites, by atomic number.
    pub fn iter(&self) -> impl Iterator<Item = (Species, u32)> + '_ {
        self.0.iter()
    }

    /// Number of sites; the largest number there is where the sum is beyond it.
    pub fn total(&self) -> u32 {
        self.0.total()
    }

    /// Number of distinct elements.
    pub fn n_elements(&self) -> usize {
        self.0.n_elements()
    }

    /// The elements with their numbers of sites, written like a formula (`SrTiO2`), for names of orders and samples.
    pub fn name(&self) -> String {
        self.0.formula()
    }
}

impl FromIterator<Species> for SitesPerElement {
    fn from_iter<I: IntoIterator<Item = Species>>(species: I) -> Self {
        Self(species.into_iter().collect())
    }
}

impl FromIterator<(Species, u32)> for SitesPerElement {
    fn from_iter<I: IntoIterator<Item = (Species, u32)>>(counts: I) -> Self {
        Self(counts.into_iter().collect())
    }
}

/// Reads `Fe:1,Nd:1,Si:1`; a missing number is 1.
impl FromStr for SitesPerElement {
    type Err = CrystalError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let sites = text.parse::<Composition>();
        sites.map(Self).map_err(|error| match error {
            CrystalError::Composition { text, reason } => CrystalError::SitesPerElement { text, reason },
            other => other,
        })
    }
}

impl fmt::Display for SitesPerElement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_writes_and_refuses() {
        let sites: SitesPerElement = "O:4,Ti,Sr:2".parse().expect("sites");
        assert_eq!((sites.to_string().as_str(), sites.name().as_str()), ("O:4,Ti:1,Sr:2", "Sr2TiO4"));
        assert_eq!(serde_json::to_string(&sites).expect("JSON"), r#"{"O":4,"Ti":1,"Sr":2}"#);
        let error = "Fe:0".parse::<SitesPerElement>().expect_err("no site").to_string();
        assert!(error.contains("'Fe:0' is not a list of sites per element") && error.contains("Fe:1,Nd:1"), "{error}");
    }
}
