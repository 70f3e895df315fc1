//! The samples that are judged.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use burn::tensor::Device;
use crystal_core::{AsymmetricUnit, Finder, SiteMode, Structure, io};
use datasets::{Table, read_table};
use druse::checkpoint::{self, Checkpoint};
use druse::{Proposing, Request};
use langevin::{OrderedSites, SamplerConfig, SamplingOrder};
use random_keys::{Purpose, RandomKey};
use wyckoff_assignment::{AssignmentSpace, Demand, Priors};

use super::StabilityOptions;
use super::novelty::Known;
use crate::sampling;
use crate::statistics::choose;

/// Atoms closer than this, Å, make a sample invalid.
const SHORTEST: f64 = 0.5;
/// So does a smaller cell, Å³.
const LEAST_VOLUME: f64 = 0.1;
/// Stream of the seed for the choice of training structures whose orders are sampled.
const ORDER_STREAM: u64 = 1 << 34;

/// What is judged.
pub(super) struct Samples {
    /// What they are.
    pub name: String,
    pub ids: Vec<String>,
    /// All of them; the error says why a sample was dropped.
    pub structures: Vec<Result<Structure, String>>,
}

/// Samples before they are there.
pub(super) enum Wanted {
    /// Of a file, read already.
    Read { identity: String, samples: Samples },
    /// To be sampled.
    Sampled { identity: String, network: Box<Checkpoint>, config: SamplerConfig, n: usize, orders: OrdersOf },
}

/// Where orders come from.
pub(super) enum OrdersOf {
    /// Space group and sites per element of random training structures, Wyckoff positions drawn from the prior.
    Training,
    /// All from the proposer.
    Proposer(Box<Request>),
}

impl OrdersOf {
    /// What the options choose, and its part of the identity of a run.
    fn of(options: &StabilityOptions, known: &Known) -> Result<(Self, String)> {
        if !options.de_novo {
            return Ok((Self::Training, format!("orders of {}", known.data_sha256)));
        }
        let proposing = options.proposer.clone().map_or(Proposing::Mp20, Proposing::File);
        let proposer = proposing.open()?.context("a network was asked for")?;
        let mut request = Request::invented().proposing(proposing).seed(options.place.seed);
        if let Some(temperature) = options.temperature {
            request = request.temperature(temperature);
        }
        // What cannot be is refused before anything is written.
        request.resolve()?;
        let temperature = options.temperature.unwrap_or(1.0);
        Ok((Self::Proposer(Box::new(request)), format!("orders by {} at {temperature}", proposer.weights().sha256)))
    }

    fn get(self, known: &Known, n: usize, seed: u64) -> Result<Vec<SamplingOrder>> {
        match self {
            Self::Training => orders(known, n, seed),
            Self::Proposer(request) => {
                tracing::info!("{n} crystals are invented");
                Ok(request.count(n).resolve()?.orders)
            }
        }
    }
}

impl Wanted {
    /// Reads --generated, or prepares to sample.
    pub(super) fn of(options: &StabilityOptions, known: &Known, device: &Device) -> Result<Self> {
        if let Some(path) = &options.generated {
            return Self::read(path, options.samples);
        }
        let network = checkpoint::for_mode(options.checkpoint.as_deref(), SiteMode::Wyckoff, device)?;
        let config = sampling::config(options.evaluations, options.place.seed);
        config.check(&network.trained.description.schedule).context("--evaluations")?;
        let n = options.samples;
        let (orders, described) = OrdersOf::of(options, known)?;
        let identity = format!("{n} samples of {}, {:?}, {described}\n", network.sha256, config.method);
        Ok(Self::Sampled { identity, network: Box::new(network), config, n, orders })
    }

    fn read(path: &Path, most: usize) -> Result<Self> {
        let Given { identity, name, found } = read_given(path, most)?;
        let (ids, structures) = found.into_iter().map(|(id, found)| (id, found.and_then(sound))).unzip();
        Ok(Self::Read { identity, samples: Samples { name, ids, structures } })
    }

    /// What makes two runs the same.
    pub(super) fn identity(&self) -> &str {
        match self {
            Self::Read { identity, .. } | Self::Sampled { identity, .. } => identity,
        }
    }

    /// The samples: those of the file, or of orders. Samples of an earlier leg are read back.
    pub(super) fn get(self, known: &Known, folder: &Path, seed: u64, device: &Device) -> Result<Samples> {
        let (network, config, n, orders) = match self {
            Self::Read { samples, .. } => return Ok(samples),
            Self::Sampled { network, config, n, orders, .. } => (network, config, n, orders),
        };
        let of = match orders {
            OrdersOf::Training => "",
            OrdersOf::Proposer(_) => "Druse de novo, ",
        };
        let name = format!("{of}{} ({})", network.path, network.trained.description.data.name);
        let file = folder.join("samples.jsonl");
        let mut found: Vec<Result<Structure, String>> = vec![Err("every draw of the sampler failed".to_owned()); n];
        if file.exists() {
            for entry in io::read_all(&file)? {
                let index: usize = entry.id.parse().ok().filter(|index| *index < n).with_context(|| {
                    format!("{}: id '{}' is not of this run; choose another --name", file.display(), entry.id)
                })?;
                found[index] = Ok(entry.structure?);
            }
        } else {
            let orders = orders.get(known, n, seed)?;
            sampling::sample_each("sampling", &network, config, &orders, device, |order, structure| {
                found[order] = Ok(structure);
            })?;
            let entry =
                |(index, one): (usize, &Result<Structure, String>)| Some((index.to_string(), one.clone().ok()?));
            let entries: Vec<(String, Structure)> = found.iter().enumerate().filter_map(entry).collect();
            ensure!(!entries.is_empty(), "every draw of every sample failed");
            io::write_all(&file, &entries)?;
        }
        let ids = (0..n).map(|index| index.to_string()).collect();
        Ok(Samples { name, ids, structures: found.into_iter().map(|one| one.and_then(sound)).collect() })
    }
}

/// Structures of a file or folder, sound or not.
pub(crate) struct Given {
    /// Says which they are, down to the last digit.
    pub identity: String,
    pub name: String,
    pub found: Vec<(String, Result<Structure, String>)>,
}

/// The first structures of a table (CSV), a file or a folder.
///
/// # Errors
/// If there are none, or the path cannot be read.
pub(crate) fn read_given(path: &Path, most: usize) -> Result<Given> {
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    let is_table = [".csv", ".csv.zst"].iter().any(|ending| name.ends_with(ending));
    let mut found: Vec<(String, Result<Structure, String>)> = if is_table {
        let Table { rows, rejected } = read_table(path)?;
        let rows = rows.into_iter().map(|row| (row.id, Ok(row.structure)));
        rows.chain(rejected.into_iter().map(|(id, reason)| (id, Err(reason)))).collect()
    } else {
        let entry = |entry: io::Entry| (entry.id, entry.structure.map_err(|error| error.to_string()));
        io::read_all(path)?.into_iter().map(entry).collect()
    };
    found.truncate(most);
    ensure!(!found.is_empty(), "{}: there is no structure in it", path.display());
    // Ids and numbers; why a row was rejected may be said in other words one day.
    let numbers: Vec<_> = found.iter().map(|(id, structure)| (id, structure.as_ref().ok())).collect();
    let text = serde_json::to_string(&numbers)?;
    let identity = format!("{} structures of {name} {}\n", found.len(), sealed_file::sha256_hex(text.as_bytes()));
    Ok(Given { identity, name, found })
}

/// Orders of one structure each, taken from random training structures.
fn orders(known: &Known, n: usize, seed: u64) -> Result<Vec<SamplingOrder>> {
    /// The networks were trained without triclinic and monoclinic cells.
    const LEAST_GROUP: u8 = 16;
    let (prior, key) = (&Priors::shipped().assignments, RandomKey::new(seed, Purpose::Demand));
    let train = &known.train;
    let mut orders = Vec::with_capacity(n);
    for index in choose(train.len(), train.len(), seed, ORDER_STREAM) {
        if orders.len() == n {
            return Ok(orders);
        }
        let Ok(unit) = AsymmetricUnit::from_structure(&train[index], 0.1, Finder::default()) else { continue };
        if unit.space_group().number().get() < LEAST_GROUP {
            continue;
        }
        let space = AssignmentSpace::new(unit.space_group(), Demand::Sites(unit.sites_per_element()))?;
        let number = u32::try_from(orders.len()).context("a number of samples beyond 2³²")?;
        let assignment = prior.distribution(&space).sample(&mut key.generator(u64::from(number), 0));
        let sites = OrderedSites::Wyckoff(assignment);
        orders.push(SamplingOrder { space_group: unit.space_group().number(), sites, count: 1 });
    }
    if orders.len() < n {
        bail!("the training split gives {} orders and {n} samples are asked for; ask for fewer", orders.len());
    }
    Ok(orders)
}

/// The structure, if atoms and cell make sense.
fn sound(structure: Structure) -> Result<Structure, String> {
    let volume = structure.lattice().volume().abs();
    if volume < LEAST_VOLUME || !volume.is_finite() {
        return Err(format!("its cell has {volume} Å³"));
    }
    match structure.closest_pair() {
        Some((.., distance)) if distance < SHORTEST => Err(format!("two atoms are {distance:.3} Å apart")),
        _ => Ok(structure),
    }
}
