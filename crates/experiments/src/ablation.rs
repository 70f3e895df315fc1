//! One change at a time: variations of Table 1's configuration, trained and measured on the validation split.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use crystal_core::SiteMode;
use datasets::{Source, Split, locate};
use druse::config::{parse_ron, read_ron, to_ron};
use druse::output::{writable_folder, write_file};
use druse::provenance::GIT_REVISION;
use druse::{DeviceName, Provenance, checkpoint, crystal_features};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use training::Exchange;

use crate::further::Further;
use crate::run_options::Preset;
use crate::sameness::Sameness;
use crate::samplers::ReferenceSplit;
use crate::table::{Measured, Row};
use crate::table1::reference::{Reference, fingerprints_of};
use crate::table1::rows::{Bootstrap, this_work_row};
use crate::table1::run::{Network, load_data, sample, structures_of, train};
use crate::table1::{Calibration, Table1Config};

/// Written last: a variation with this file is finished.
const FIGURES: &str = "figures.json";

/// What the command line chooses.
#[derive(Debug, Clone, clap::Args)]
pub struct AblationOptions {
    /// The list of variations in RON, such as experiments/presets/ablation-mp20.ron.
    #[arg(long)]
    pub config: PathBuf,
    /// Folder of the data; default: DRUSE_DATA, else the user's cache.
    #[arg(long)]
    pub data: Option<PathBuf>,
    /// Folder of the variations.
    #[arg(long, default_value = "runs/ablation")]
    pub out: PathBuf,
    /// cpu, wgpu or cuda.
    #[arg(long, default_value = "cpu")]
    pub device: DeviceName,
    /// Seed of every stage.
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Runs only these variations.
    #[arg(long, value_delimiter = ',')]
    pub only: Vec<String>,
}

/// A list of variations.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AblationConfig {
    /// The preset of Table 1 that all start from.
    pub base: String,
    /// Changes that all have in common: the path of a value in the configuration, and the value.
    #[serde(default)]
    pub set: BTreeMap<String, Value>,
    /// The variations.
    pub variations: Vec<Variation>,
}

/// A change.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Variation {
    /// Name of its row and of its folder.
    pub name: String,
    /// What it asks.
    pub note: String,
    /// Takes the network that this other variation, further up, trained, and its changes: for changes of the sampler
    /// alone.
    #[serde(default)]
    pub network_of: Option<String>,
    /// Takes the changes of this other variation, further up.
    #[serde(default)]
    pub like: Option<String>,
    /// Changes, after the common ones and those taken over.
    #[serde(default)]
    pub set: BTreeMap<String, Value>,
}

/// What came of a variation.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Finished {
    row: Row,
    further: Further,
    /// Mean losses of the last steps; none if it trained nothing.
    losses: Option<(f32, f32)>,
    training_seconds: f64,
    git: String,
}

/// Runs all variations that are not finished yet, one after the other, and writes their table. Returns it.
///
/// # Errors
/// If the list makes no sense (nothing has run then), or a variation fails; those before it are finished.
pub fn run(options: &AblationOptions) -> Result<String> {
    let list: AblationConfig = read_ron(&options.config)?;
    let name = options.config.display().to_string();
    let configs = list.configs(options.seed).with_context(|| name.clone())?;
    if let Some(unknown) =
        options.only.iter().find(|only| list.variations.iter().all(|variation| variation.name != **only))
    {
        bail!("{name}: there is no variation '{unknown}'");
    }
    let source = locate(options.data.as_deref());
    if source == Source::Embedded {
        bail!("variations are compared on real crystals; give --data DIR");
    }
    let devices = options.device.open_several(1, Exchange::default())?;
    let device = &devices.first;
    let first = configs.first().context("the list has no variations")?;
    let cgcnn = crystal_features::load(None, device)?;
    let data = load_data(first, &source)?;
    let reference = Reference::of(&data, first, &cgcnn, options.seed)?;
    let training = structures_of(&data, Split::Train);
    let provenance = Provenance::of(&data, options.seed, options.device);
    writable_folder(&options.out)?;
    write_file(&options.out.join("provenance.json"), serde_json::to_string_pretty(&provenance)? + "\n")?;
    for (variation, config) in list.variations.iter().zip(&configs) {
        let folder = options.out.join(&variation.name);
        let wanted = options.only.is_empty() || options.only.contains(&variation.name);
        if !wanted || folder.join(FIGURES).exists() {
            continue;
        }
        tracing::info!("variation '{}': {}", variation.name, variation.note);
        writable_folder(&folder)?;
        write_file(&folder.join("config.ron"), to_ron(config)?)?;
        let clock = std::time::Instant::now();
        let (network, losses) = match &variation.network_of {
            Some(other) => {
                let path = options.out.join(other).join("checkpoint.safetensors");
                (Network::of_checkpoint(checkpoint::for_mode(Some(&path), SiteMode::General, device)?), None)
            }
            None => {
                let training = config.train.as_ref().with_context(|| format!("{}: has no 'train'", variation.name))?;
                let (network, losses) = train(training, true, &data, &provenance, &devices, &folder)?;
                (network, Some(losses))
            }
        };
        let training_seconds = clock.elapsed().as_secs_f64();
        let orders = reference.orders(config.n_samples, config.sampling.seed);
        let generated = sample(&config.sampling, &orders, &network, device, &folder)?;
        let ours = fingerprints_of(&variation.name, &generated.structures, &cgcnn);
        let bootstrap = Bootstrap { samples: config.bootstrap, seed: options.seed };
        let row = this_work_row(&config.sampling, bootstrap, &ours, &reference.structures, &generated, &network)?;
        let same = Sameness::of(&generated.structures, Some(&training))?;
        let finished = Finished {
            row: Row { name: variation.name.clone(), published: None, ..row },
            further: Further::of(&variation.name, &generated, &same, &ours, &reference.structures)?,
            losses,
            training_seconds,
            git: GIT_REVISION.to_owned(),
        };
        write_file(&folder.join(FIGURES), serde_json::to_string_pretty(&finished)? + "\n")?;
    }
    let table = list.table(&options.out)?;
    write_file(&options.out.join("ablation.md"), &table)?;
    Ok(table)
}

impl AblationConfig {
    /// The resolved configuration of every variation.
    ///
    /// # Errors
    /// If a name, a path or a value makes no sense.
    fn configs(&self, seed: u64) -> Result<Vec<Table1Config>> {
        let preset =
            Table1Config::preset(&self.base).with_context(|| format!("base: there is no preset '{}'", self.base))?;
        let base = Table1Config {
            reference: ReferenceSplit::Validation,
            samplers: vec![],
            // No row of stable structures is made.
            calibration: Calibration { n_structures: 2, draws: 1 },
            ..parse_ron(preset, &self.base)?
        };
        let mut configs: Vec<Table1Config> = Vec::with_capacity(self.variations.len());
        let common = changed(&base, &self.set)?;
        for (index, variation) in self.variations.iter().enumerate() {
            let name = &variation.name;
            if name.is_empty() || !name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-') {
                bail!("the name '{name}' becomes a folder; use small letters, digits and hyphens");
            }
            let before = &self.variations[..index];
            if before.iter().any(|other| other.name == *name) {
                bail!("the name '{name}' stands twice");
            }
            let place = |other: &String| before.iter().position(|before| before.name == *other);
            let start = match (&variation.network_of, &variation.like) {
                (Some(_), Some(_)) => bail!("{name}: give network_of or like, not both"),
                (Some(other), None) => match place(other).filter(|place| before[*place].network_of.is_none()) {
                    Some(place) => &configs[place],
                    None => bail!("{name}: network_of: no variation '{other}' further up trains a network"),
                },
                (None, Some(other)) => match place(other) {
                    Some(place) => &configs[place],
                    None => bail!("{name}: like: there is no variation '{other}' further up"),
                },
                (None, None) => &common,
            };
            let config = changed(start, &variation.set).with_context(|| name.clone())?.resolve(seed);
            let schedule = config.train.as_ref().map(|train| train.training.schedule.clone()).unwrap_or_default();
            config.check(&schedule).with_context(|| name.clone())?;
            configs.push(config);
        }
        Ok(configs)
    }

    /// The table of what is finished, as Markdown.
    fn table(&self, folder: &Path) -> Result<String> {
        let mut out = "| variation | evaluations | losses | valid | COV-P | COV-R | FD CrystalNN | FD CGCNN | valid composition | training |\n\
                       |---|---|---|---|---|---|---|---|---|---|\n"
            .to_owned();
        let mut notes = String::new();
        for variation in &self.variations {
            let file = folder.join(&variation.name).join(FIGURES);
            if !file.exists() {
                continue;
            }
            let text = std::fs::read_to_string(&file).with_context(|| file.display().to_string())?;
            let finished: Finished = serde_json::from_str(&text).with_context(|| file.display().to_string())?;
            let figures = finished.row.measured.unwrap_or_default();
            let figure = |figure: Option<Measured>| {
                figure.map_or_else(|| "–".to_owned(), |Measured { value, std }| format!("{value:.3} ± {std:.3}"))
            };
            let config: Table1Config = read_ron(&folder.join(&variation.name).join("config.ron"))?;
            let schedule = config.train.as_ref().map(|train| train.training.schedule.clone()).unwrap_or_default();
            let losses = finished
                .losses
                .map_or_else(|| "–".to_owned(), |(position, lattice)| format!("{position:.3} {lattice:.3}"));
            let cells = [
                variation.name.clone(),
                config.sampling.evaluations_per_structure(&schedule).to_string(),
                losses,
                format!("{} of {}", finished.row.n_samples, finished.further.n_structures),
                figure(figures.cov_p),
                figure(figures.cov_r),
                figure(figures.fd_crystalnn),
                figure(figures.fd_cgcnn),
                format!("{:.3}", finished.further.composition_validity),
                format!("{:.0} s", finished.training_seconds),
            ];
            out += &format!("| {} |\n", cells.join(" | "));
            notes += &format!("- {}: {}\n", variation.name, variation.note);
        }
        Ok(format!("{out}\n{notes}"))
    }
}

/// The configuration with other values at some paths, such as `train.training.optimiser.steps`.
fn changed(base: &Table1Config, changes: &BTreeMap<String, Value>) -> Result<Table1Config> {
    let mut tree = serde_json::to_value(base)?;
    for (path, value) in changes {
        let place = path.split('.').try_fold(&mut tree, |node, key| node.get_mut(key));
        *place.with_context(|| format!("set: the configuration has no '{path}'"))? = value.clone();
    }
    serde_json::from_value(tree).context("set: a value does not fit its place")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(variations: &str) -> Result<Vec<Table1Config>> {
        let text = format!("(base: \"full\", set: {{\"n_samples\": 50}}, variations: [{variations}])");
        parse_ron::<AblationConfig>(&text, "list")?.configs(3)
    }

    #[test]
    fn changes_reach_their_place() {
        let configs = list(
            "(name: \"a\", note: \"\"), (name: \"b\", note: \"\", network_of: Some(\"a\"), \
             set: {\"sampling.lattice_temperature\": 0.5, \"train.training.graph.min_degree\": 20}), \
             (name: \"c\", note: \"\", like: Some(\"b\"), set: {\"train.model.DimeNetPlusPlus.elements\": \"Descriptors\"})",
        )
        .expect("three configurations");
        let [b, c] = [&configs[1], &configs[2]];
        let training = |config: &Table1Config| config.train.clone().expect("a training");
        assert_eq!(
            (c.sampling.lattice_temperature, training(c).training.graph.min_degree),
            (0.5, 20),
            "the other's changes"
        );
        assert!(training(c).model != training(b).model);
        assert_eq!((configs[0].n_samples, configs[1].n_samples), (50, 50));
        assert_eq!((configs[0].sampling.lattice_temperature, configs[1].sampling.lattice_temperature), (0.3, 0.5));
        assert!(
            configs.iter().all(|config| config.reference == ReferenceSplit::Validation && config.sampling.seed == 3)
        );
    }

    #[test]
    fn lists_without_sense_are_refused() {
        for (variations, complaint) in [
            ("(name: \"A b\", note: \"\")", "folder"),
            ("(name: \"a\", note: \"\"), (name: \"a\", note: \"\")", "twice"),
            ("(name: \"a\", note: \"\", network_of: Some(\"b\"))", "further up"),
            ("(name: \"a\", note: \"\", like: Some(\"b\"))", "further up"),
            (
                "(name: \"a\", note: \"\"), (name: \"b\", note: \"\", like: Some(\"a\"), network_of: Some(\"a\"))",
                "not both",
            ),
            ("(name: \"a\", note: \"\", set: {\"train.steps\": 3})", "has no 'train.steps'"),
            ("(name: \"a\", note: \"\", set: {\"n_samples\": \"many\"})", "does not fit"),
            ("(name: \"a\", note: \"\", set: {\"n_samples\": 0})", "at least 2"),
        ] {
            let error = format!("{:#}", list(variations).expect_err(complaint));
            assert!(error.contains(complaint), "{error}");
        }
    }

    #[test]
    fn the_list_of_the_repository_makes_sense() {
        let text = include_str!("../../../experiments/presets/ablation-mp20.ron");
        let list: AblationConfig = parse_ron(text, "mp20.ron").expect("a list");
        assert!(list.configs(0).expect("configurations").len() > 5);
    }
}
