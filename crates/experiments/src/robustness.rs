//! A load of samples: every structure must be finite, have the space group that was asked for, and hold the sites that
//! were asked for.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Instant;

use anyhow::Result;
use crystal_core::{CrystalState, Finder, Site, SiteMode, SpaceGroup, Species, Structure, find_symmetry};
use datasets::{LoadOptions, Split, load, locate};
use druse::{DeviceName, checkpoint};
use langevin::{OrderedSites, Outcome, SamplingOrder};
use rayon::prelude::*;

use crate::sampling;
use crate::table1::reference::{Reference, draw_orders, order_of};

/// Atoms are where an operation puts them within this distance, Å.
const IN_PLACE: f64 = 0.02;

/// Tolerance of the symmetry finder, Å.
const SYMPREC: f64 = 0.01;

/// What the command line chooses.
#[derive(Debug, Clone, clap::Args)]
pub struct RobustnessSamplesOptions {
    /// Structures; the orders of the test split are gone through again and again
    #[arg(long, default_value_t = 100_000)]
    pub samples: usize,
    /// Evaluations of the network for each structure
    #[arg(long, default_value_t = 12)]
    pub evaluations: usize,
    /// cpu, wgpu or cuda
    #[arg(long, default_value = "cpu")]
    pub device: DeviceName,
    /// A checkpoint instead of the compiled-in one
    #[arg(long)]
    pub checkpoint: Option<PathBuf>,
    /// Folder of the data; default: the orders that are compiled in
    #[arg(long)]
    pub data: Option<PathBuf>,
    /// Seed
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
}

/// What became of a structure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    /// Finite, with its group and its sites.
    Good,
    /// A number is not finite.
    NotFinite,
    /// An operation of the group does not map the atoms onto each other.
    OtherGroup,
    /// Elements or numbers of sites are not those of the order.
    OtherSites,
}

/// Samples, judges, and returns the figures as a line that `cargo xtask robustness --add` reads.
///
/// # Errors
/// If the device cannot be opened, files cannot be read, or the sampler fails as a whole.
pub fn run(options: &RobustnessSamplesOptions) -> Result<String> {
    let device = options.device.open()?;
    let network = checkpoint::for_mode(options.checkpoint.as_deref(), SiteMode::General, &device)?;
    let orders = match &options.data {
        None => Reference::compiled_in()?.orders(options.samples, options.seed),
        Some(folder) => {
            let data = load(&locate(Some(folder)), &LoadOptions::default())?;
            let orders: Vec<SamplingOrder> = data.split(Split::Test).iter().filter_map(order_of).collect();
            anyhow::ensure!(!orders.is_empty(), "{}: no test structure could be reduced", data.name);
            draw_orders(&orders, options.samples, options.seed)
        }
    };
    let clock = Instant::now();
    let config = sampling::config(Some(options.evaluations), options.seed);
    let (mut sampled, mut given_up, mut redraws) = (Vec::with_capacity(orders.len()), 0, 0);
    sampling::outcomes("sampling", &network, config, &orders, &device, |outcome| match outcome {
        Outcome::Sampled(sample) => {
            redraws += sample.redraws;
            sampled.push((sample.order, sample.state, sample.structure));
        }
        _ => given_up += 1,
    })?;
    let seconds = clock.elapsed().as_secs_f64();
    let judged: Vec<(Verdict, bool)> = sampled
        .par_iter()
        .map(|(order, state, structure)| {
            let group = SpaceGroup::get(orders[*order].space_group);
            let found = find_symmetry(structure, SYMPREC, Finder::Moyo);
            let same = found.is_ok_and(|found| found.number == group.number());
            (judge(&orders[*order], state, structure), same)
        })
        .collect();
    let mut verdicts: BTreeMap<Verdict, usize> = BTreeMap::new();
    for (verdict, _) in &judged {
        *verdicts.entry(*verdict).or_default() += 1;
    }
    let count = |verdict| verdicts.get(&verdict).copied().unwrap_or_default();
    let figures = format!(
        "{} structures in {seconds:.0} s on {}, {} evaluations each: {} not finite, {} without the group asked for, {} without \
         the sites asked for, {given_up} given up, {redraws} drawn again; {} of them have no more symmetry than was asked for \
         ({SYMPREC} Å)",
        orders.len(),
        options.device,
        options.evaluations,
        count(Verdict::NotFinite),
        count(Verdict::OtherGroup),
        count(Verdict::OtherSites),
        judged.iter().filter(|(_, same)| *same).count(),
    );
    // Sites that go anywhere may meet and are merged then, so composition is an outcome; numbers and group are not.
    if count(Verdict::NotFinite) + count(Verdict::OtherGroup) > 0 {
        anyhow::bail!("{figures}");
    }
    Ok(format!("robustness: sampled structures | {figures}"))
}

fn judge(order: &SamplingOrder, state: &CrystalState, structure: &Structure) -> Verdict {
    let finite = |sites: &[Site]| sites.iter().all(|site| site.frac_coords.iter().all(|x| x.is_finite()));
    if !structure.lattice().matrix().iter().all(|x| x.is_finite()) || !finite(structure.sites()) {
        return Verdict::NotFinite;
    }
    if !has_group(structure, SpaceGroup::get(order.space_group)) {
        return Verdict::OtherGroup;
    }
    let mut sites: BTreeMap<Species, u32> = BTreeMap::new();
    for site in &state.sites {
        *sites.entry(site.species()).or_default() += 1;
    }
    let OrderedSites::General(asked) = &order.sites else { return Verdict::OtherSites };
    let asked: BTreeMap<Species, u32> = asked.iter().collect();
    let elements =
        |structure: &Structure| structure.sites().iter().map(|site| site.species).collect::<BTreeSet<Species>>();
    if sites == asked && elements(structure).iter().eq(asked.keys()) { Verdict::Good } else { Verdict::OtherSites }
}

/// Whether every operation of the group maps the atoms of a primitive cell onto atoms of their elements.
fn has_group(structure: &Structure, group: &SpaceGroup) -> bool {
    group.primitive_operations().iter().all(|operation| {
        structure.sites().iter().all(|site| {
            let image = operation.apply(&site.frac_coords);
            structure.sites().iter().any(|other| {
                let is_near = |image| structure.lattice().min_image_distance(image, &other.frac_coords) < IN_PLACE;
                other.species == site.species && is_near(&image)
            })
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crystal_core::Lattice;

    #[test]
    fn a_group_is_told_from_another() {
        let site =
            |symbol: &str, x: f64| Site { species: symbol.parse().expect("an element"), frac_coords: [x, x, x].into() };
        let salt = |x: f64| {
            let lattice = Lattice::from_rows([[4.1, 0.0, 0.0], [0.0, 4.1, 0.0], [0.0, 0.0, 4.1]]).expect("a cell");
            Structure::new(lattice, vec![site("Cs", 0.0), site("Cl", x)]).expect("a structure")
        };
        let cubic = SpaceGroup::from_number(221).expect("a group");
        assert!(has_group(&salt(0.5), cubic));
        assert!(!has_group(&salt(0.45), cubic));
        assert!(has_group(&salt(0.45), SpaceGroup::from_number(1).expect("a group")));
    }
}
