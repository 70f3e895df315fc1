//! What a run of `stability --generated` found of the same structures.

use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::stability::Given;

/// Shares of all samples, after relaxation, against the training split.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Stability {
    /// At most 0 above the hull.
    pub stable: f64,
    /// At most 0.1 eV/atom.
    pub up_to_0_1: f64,
    pub sun: f64,
    pub msun: f64,
    /// Dynamically stable ones of those whose phonons were computed.
    pub dynamically_stable: Option<(u64, u64)>,
}

impl Stability {
    /// The run in the folder `name`, if there is one and it is of these structures.
    ///
    /// # Errors
    /// If the run's file cannot be read.
    pub(super) fn find(folder: &Path, name: &str, given: &Given) -> Result<Option<Self>> {
        let path = folder.join(name).join("stability.json");
        if !path.is_file() {
            return Ok(None);
        }
        let told = || path.display().to_string();
        let text = std::fs::read_to_string(&path).with_context(told)?;
        let document: Value = serde_json::from_str(&text).with_context(told)?;
        let of = document["identity"].as_str().unwrap_or_default().lines().next().unwrap_or_default();
        if of != given.identity.trim_end() {
            tracing::warn!("{}: it is of other structures ({of}) and is left out", path.display());
            return Ok(None);
        }
        let row = &document["rows"][0];
        let share = |key: &str| {
            row[key]["share"].as_f64().with_context(|| format!("{}: it has no '{key}'; make it again", path.display()))
        };
        let count = |key: &str| document["phonons"][key].as_u64().unwrap_or(0);
        let computed = count("computed");
        Ok(Some(Self {
            stable: share("stable")?,
            up_to_0_1: share("up_to_0.1")?,
            sun: share("sun")?,
            msun: share("msun")?,
            dynamically_stable: (computed > 0).then(|| (count("stable"), computed)),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_of_other_structures_is_left_out() {
        let folder = tempfile::tempdir().expect("a folder");
        let run = folder.path().join("diffcsp");
        std::fs::create_dir(&run).expect("a folder");
        let share = |share: f64| serde_json::json!({ "share": share });
        let document = serde_json::json!({
            "identity": "2 structures of diffcsp.csv abc\npotential x\n",
            "rows": [{"stable": share(0.1), "up_to_0.1": share(0.5), "sun": share(0.05), "msun": share(0.2)}],
            "phonons": {"computed": 10, "stable": 4},
        });
        std::fs::write(run.join("stability.json"), document.to_string()).expect("a file");
        let given = |identity: &str| Given { identity: identity.to_owned(), name: String::new(), found: vec![] };
        let find = |name, identity| Stability::find(folder.path(), name, &given(identity)).expect("no error");
        let found = find("diffcsp", "2 structures of diffcsp.csv abc\n").expect("a run");
        assert_eq!((found.stable, found.up_to_0_1, found.dynamically_stable), (0.1, 0.5, Some((4, 10))));
        assert_eq!(find("diffcsp", "2 structures of diffcsp.csv other\n"), None);
        assert_eq!(find("flowmm", "2 structures of diffcsp.csv abc\n"), None);
    }
}
