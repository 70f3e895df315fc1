//! Joins the shards of a run of structure prediction.

use std::path::PathBuf;

use anyhow::{Result, bail};
use druse::shard::{Shards, new_folder};

use crate::csp;

/// What the command line chooses.
#[derive(Debug, Clone, clap::Args)]
pub struct MergeOptions {
    /// Folders of all shards (`csp --shard K/N`), in any order.
    #[arg(required = true, value_name = "DIR")]
    pub folders: Vec<PathBuf>,
    /// Folder for the result; made if it is not there, else empty.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
}

/// Writes what the whole run would have written, and returns its tables as text. Rates of sampling are those of the
/// shards one after the other.
///
/// # Errors
/// If the shards are not all those of one run, or a file cannot be read or written.
pub fn run(options: &MergeOptions) -> Result<String> {
    let shards = Shards::gather(&options.folders)?;
    if shards.command != csp::COMMAND {
        bail!("{}: a shard of `{}`; join its shards with `druse merge`", options.folders[0].display(), shards.command);
    }
    new_folder(&options.out)?;
    csp::merge(&shards, &options.out)
}
