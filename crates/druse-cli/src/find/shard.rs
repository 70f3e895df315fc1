//! Shards of a search, and the search that comes of them.
//!
//! A shard has no clock: how many rounds a search does in a time depends on the machine, so shards are of a number of
//! rounds. Each samples and relaxes its part; the best are told from one another, relaxed tightly and put through
//! phonons when the shards are joined.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use druse::Shard;
use druse::shard::{Part, ShardRecord, Shards};
use search::{Settings, Tool, join_shards, search, search_shard};
use serde::{Deserialize, Serialize};

use super::{Budget, FindArgs, Live, Outcome, ProposerArgs, ToolArgs};
use crate::{Completion, terminal};

/// Name in the records of shards.
pub(crate) const COMMAND: &str = "druse find";

/// What a shard did, and what the search that comes of it is done with.
#[derive(Serialize, Deserialize)]
struct OfShard {
    samples: usize,
    rounds: u64,
    top: usize,
    tools: ToolArgs,
    proposer: ProposerArgs,
}

#[derive(Serialize)]
struct Document {
    shard: Shard,
    samples: usize,
    rounds: u64,
    system: String,
    seed: u64,
    device: String,
}

/// Samples and relaxes what is of the shard.
pub(super) fn run(args: &FindArgs, shard: Shard, settings: &Settings) -> Result<Completion> {
    let rounds = args.rounds.context("--shard needs --rounds")? as u64;
    let opened = args.tools.open(settings)?.with_proposer(settings, &args.proposer.proposing()?)?;
    let tools = opened.tools();
    tools.check(settings)?;
    let identity = tools.identity(settings);
    let tool = |tool: Option<&Tool>| tool.map_or_else(|| "none".to_owned(), |tool| tool.sha256.clone());
    let run = [
        ("seed", settings.seed.to_string()),
        ("rounds", rounds.to_string()),
        ("top", args.top.to_string()),
        ("settings", serde_json::to_string(settings).context("the settings cannot be written")?),
        ("network with SHA-256", tool(Some(&identity.network))),
        ("proposer with SHA-256", tool(identity.proposer.as_ref())),
        ("potential with SHA-256", tool(Some(&identity.potential))),
        ("reference with SHA-256", tool(Some(&identity.reference))),
        ("known structures with SHA-256", tool(identity.known.as_ref())),
    ];
    let record = ShardRecord::begin(&args.out, COMMAND, shard, &run, args.tools.device())?;
    let mut live = Live::new();
    let samples = search_shard(settings, &tools, rounds, shard, &args.out, args.resume, &mut |told| live.show(told));
    terminal::finish(&live.bar);
    let samples = samples?;
    let (tools, proposer) = (args.tools.clone(), args.proposer.clone());
    record.finish(&args.out, &OfShard { samples, rounds, top: args.top, tools, proposer })?;
    if args.json {
        let (system, device) = (settings.system(), args.tools.device().to_string());
        terminal::print_json(&Document { shard, samples, rounds, system, seed: settings.seed, device })?;
    } else {
        terminal::print(&format!(
            "shard {shard}: {samples} samples of {rounds} rounds; `druse merge` joins the shards and finds the best\n"
        ))?;
    }
    Ok(Completion::Everything)
}

/// Joins shards, and does what is left of the search: with the tools that the shards were given.
pub(crate) fn merge(shards: &Shards, out: &Path, json: bool) -> Result<Completion> {
    let mut parts = shards.parts::<OfShard>()?;
    let folders: Vec<PathBuf> = parts.iter().map(|part| part.folder.clone()).collect();
    let Part { result: OfShard { rounds, top, tools: files, proposer, .. }, .. } = parts.swap_remove(0);
    let settings = join_shards(&folders, out)?;
    let opened = files.open(&settings)?.with_proposer(&settings, &proposer.proposing()?)?;
    let tools = opened.tools();
    let budget = Budget { time: None, rounds: Some(rounds) };
    let mut live = Live::new();
    let found = search(&settings, &tools, &budget, top, out, true, &mut |told| live.show(told));
    terminal::finish(&live.bar);
    Outcome { found: found?, out, device: files.device(), json }.write(&tools)
}
