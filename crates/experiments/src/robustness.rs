//! A load of samples: every structure must be finite, have the space group that was asked for, and hold the sites that
//! were asked for.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Instant;

use anyhow::Result;
use crystal_core::{Composition, CrystalState, Finder, Site, SiteMode, SpaceGroup, Species, Structure, find_symmetry};
use datasets::{LoadOptions, Record, Split, load, locate};
use druse::provenance::GIT_REVISION;
use druse::{DeviceName, checkpoint};
use langevin::{OrderedSites, Outcome, SamplingOrder};
use rayon::prelude::*;
use serde_json::json;
use wyckoff_assignment::WyckoffAssignment;

use crate::sampling;
use crate::table1::on_positions;
use crate::table1::reference::{Reference, draw_orders, order_of};

/// Atoms are where an operation puts them within this distance, Å.
const IN_PLACE: f64 = 0.02;

/// Tolerance of the symmetry finder, Å.
const SYMPREC: f64 = 0.01;

/// What is asked of the sampler.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Mode {
    /// Group and sites per element: sites go anywhere, and where two meet they are merged.
    General,
    /// Group and Wyckoff positions, and with them the formula.
    Positions,
}

/// What the command line chooses.
#[derive(Debug, Clone, clap::Args)]
pub struct RobustnessSamplesOptions {
    /// What is asked for
    #[arg(long, value_enum, default_value = "general")]
    pub mode: Mode,
    /// Structures; the orders of the test split are gone through again and again
    #[arg(long, default_value_t = 100_000)]
    pub samples: usize,
    /// Evaluations of the network for each structure
    #[arg(long, default_value_t = 12)]
    pub evaluations: usize,
    /// cpu, wgpu or cuda
    #[arg(long, default_value = "cpu")]
    pub device: DeviceName,
    /// A checkpoint of the mode instead of the compiled-in one
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
    /// The atoms of the cell are not those of the positions asked for.
    OtherFormula,
}

/// Samples, judges, and returns the figures as a line that `cargo xtask robustness --add` reads.
///
/// # Errors
/// If the device cannot be opened, files cannot be read, the sampler fails as a whole, or a structure is not finite or
/// has not what the mode promises: its group, and with positions given its formula.
pub fn run(options: &RobustnessSamplesOptions) -> Result<String> {
    let device = options.device.open()?;
    let mode = match options.mode {
        Mode::General => SiteMode::General,
        Mode::Positions => SiteMode::Wyckoff,
    };
    let network = checkpoint::for_mode(options.checkpoint.as_deref(), mode, &device)?;
    let orders = orders(options)?;
    let clock = Instant::now();
    let config = sampling::config(Some(options.evaluations), options.seed);
    let (mut sampled, mut given_up, mut redraws) = (Vec::with_capacity(orders.len()), 0_usize, 0);
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
    let count = |verdict| judged.iter().filter(|(found, _)| *found == verdict).count();
    let (not_finite, other_group) = (count(Verdict::NotFinite), count(Verdict::OtherGroup));
    let (other_sites, other_formula) = (count(Verdict::OtherSites), count(Verdict::OtherFormula));
    let same_group = judged.iter().filter(|(_, same)| *same).count();
    let lost = match options.mode {
        Mode::General => format!("{other_sites} without the sites asked for"),
        Mode::Positions => format!("{other_formula} without the formula asked for"),
    };
    let text = format!(
        "{} structures in {seconds:.0} s on {}, {} evaluations each: {not_finite} not finite, {other_group} without the \
         group asked for, {lost}, {given_up} given up, {redraws} drawn again; {same_group} of them have no more symmetry \
         than was asked for ({SYMPREC} Å)",
        orders.len(),
        options.device,
        options.evaluations,
    );
    // Sites that go anywhere may meet and are merged then, so composition is an outcome; numbers and group are not. On
    // positions nothing may be lost, and an order that was given up is lost.
    let bad = match options.mode {
        Mode::General => not_finite + other_group,
        Mode::Positions => not_finite + other_group + other_sites + other_formula + given_up,
    };
    anyhow::ensure!(bad == 0, "{text}");
    let what = match options.mode {
        Mode::General => "sampled structures",
        Mode::Positions => "sampled structures, positions given",
    };
    let figures = json!({
        "structures": orders.len(),
        "device": options.device.to_string(),
        "evaluations": options.evaluations,
        "seconds": seconds.round(),
        "not_finite": not_finite,
        "without_group": other_group,
        "without_sites": other_sites,
        "without_formula": other_formula,
        "given_up": given_up,
        "drawn_again": redraws,
        "no_more_symmetry": same_group,
    });
    let told = json!({"what": what, "figures": figures, "text": text, "revision": GIT_REVISION});
    Ok(format!("robustness: {told}"))
}

/// Orders of one structure each, like those of the test split. Without data only elements and sites of those are known,
/// and positions are drawn for them.
fn orders(options: &RobustnessSamplesOptions) -> Result<Vec<SamplingOrder>> {
    let Some(folder) = &options.data else {
        let orders = Reference::compiled_in()?.orders(options.samples, options.seed);
        return match options.mode {
            Mode::General => Ok(orders),
            Mode::Positions => on_positions(&orders, options.seed),
        };
    };
    let data = load(&locate(Some(folder)), &LoadOptions::default())?;
    let order = |record: &Record| match options.mode {
        Mode::General => order_of(record),
        Mode::Positions => order_on_positions(record),
    };
    let orders: Vec<SamplingOrder> = data.split(Split::Test).iter().filter_map(order).collect();
    anyhow::ensure!(!orders.is_empty(), "{}: no test structure could be reduced", data.name);
    Ok(draw_orders(&orders, options.samples, options.seed))
}

/// An order of one structure with the positions of this one.
fn order_on_positions(record: &Record) -> Option<SamplingOrder> {
    let unit = record.unit.as_ref().ok()?;
    let sites = OrderedSites::Wyckoff(WyckoffAssignment::of(unit).ok()?);
    Some(SamplingOrder { space_group: unit.space_group().number(), sites, count: 1 })
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
    let asked = match (&order.sites, order.sites.assignment(0)) {
        (OrderedSites::General(asked), _) => asked.clone(),
        (_, Some(assignment)) => assignment.sites_per_element(),
        (_, None) => return Verdict::OtherSites,
    };
    let asked: BTreeMap<Species, u32> = asked.iter().collect();
    let elements =
        |structure: &Structure| structure.sites().iter().map(|site| site.species).collect::<BTreeSet<Species>>();
    if sites != asked || !elements(structure).iter().eq(asked.keys()) {
        return Verdict::OtherSites;
    }
    let formula = order.sites.assignment(0).map(WyckoffAssignment::primitive_composition);
    if formula.is_some_and(|formula| formula != Composition::of(structure)) {
        return Verdict::OtherFormula;
    }
    Verdict::Good
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
    use crystal_core::{AsymmetricUnit, Lattice};

    #[test]
    fn a_formula_is_told_from_another() {
        let group = SpaceGroup::from_number(221).expect("a group");
        let assignment = WyckoffAssignment::parse(group, "Cs@1a Cl@1b").expect("positions");
        let order =
            SamplingOrder { space_group: group.number(), sites: OrderedSites::Wyckoff(assignment.clone()), count: 1 };
        let unit = |text: &str| {
            let lattice = Lattice::from_rows([[4.1, 0.0, 0.0], [0.0, 4.1, 0.0], [0.0, 0.0, 4.1]]).expect("a cell");
            let site = |(symbol, x): (&str, f64)| Site {
                species: symbol.parse().expect("an element"),
                frac_coords: [x, x, x].into(),
            };
            let second = if text == "CsCl" { "Cl" } else { "Cs" };
            Structure::new(lattice, [("Cs", 0.0), (second, 0.5)].map(site).to_vec()).expect("a structure")
        };
        let state = AsymmetricUnit::from_structure(&unit("CsCl"), 0.01, Finder::Moyo)
            .expect("its symmetric form")
            .to_state(SiteMode::Wyckoff);
        assert_eq!(judge(&order, &state, &unit("CsCl")), Verdict::Good);
        assert_eq!(judge(&order, &state, &unit("Cs")), Verdict::OtherSites);
        let more = WyckoffAssignment::parse(group, "Cs@1a Cl@3c").expect("positions");
        let order = SamplingOrder { sites: OrderedSites::Wyckoff(more), ..order };
        assert_eq!(judge(&order, &state, &unit("CsCl")), Verdict::OtherFormula);
    }

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
