//! `druse merge`.

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Args;
use druse::shard::{Shards, new_folder};

use super::{Completion, find, relaxing, sample};

/// Joins the shards of one run (`--shard K/N` of sample, relax and find) to what the whole run would have written and
/// printed: the same structures, byte for byte, and the same tables. For find, what the shards left to do is done here:
/// the best are told from one another and go through phonons, with the tools and on the device of the shards.
///
/// All N shards must be there, finished, and of one run: the same command, settings, seed, files, device and build.
/// Otherwise nothing is written, and the message says what is missing or what differs.
#[derive(Args)]
#[command(after_help = "Example:\n  druse sample --count 1000 --shard 1/2 --out part1\n  \
                  druse sample --count 1000 --shard 2/2 --out part2\n  \
                  druse merge part1 part2 --out grown")]
pub(super) struct MergeArgs {
    /// Folders that the shards wrote, in any order
    #[arg(required = true, value_name = "DIR")]
    folders: Vec<PathBuf>,
    /// Folder for the result; made if it is not there, else empty
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Print the JSON document of the command instead of its table
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &MergeArgs) -> Result<Completion> {
    let shards = Shards::gather(&args.folders)?;
    let merge = match shards.command.as_str() {
        sample::COMMAND => sample::merge,
        relaxing::COMMAND => relaxing::merge,
        find::COMMAND => find::merge,
        // The program of the paper's experiments joins its own.
        command if command.starts_with("experiments") => {
            bail!("{}: a shard of `{command}`; join its shards with `experiments merge`", args.folders[0].display())
        }
        command => bail!("{}: this build joins no shards of `{command}`", args.folders[0].display()),
    };
    new_folder(&args.out)?;
    merge(&shards, &args.out, args.json)
}
