//! What `druse sample` can be asked for, and the orders that come of it.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use crystal_core::{Composition, SitesPerElement, SpaceGroupNumber, Species, io};
use druse::request::{OrdersFile, read_orders};
use druse::{Proposing, Request};
use langevin::Fixed;

use super::inputs::{self, ReadArgs};
use super::values;

/// What to grow: one of several ways to say it.
#[derive(Args)]
#[group(skip)]
pub(super) struct RequestArgs {
    /// Non-equivalent sites per element, such as Fe:1,Nd:1,Si:1; the number of atoms follows from where they come to
    /// lie
    #[arg(
        long = "sites-per-element",
        alias = "composition",
        value_name = "ELEMENT:SITES,…",
        group = "what",
        requires = "space_group"
    )]
    sites_per_element: Option<SitesPerElement>,
    /// Chemical formula, such as Cu2KSi; each structure has exactly this composition, on the Wyckoff
    /// positions that are proposed for it
    #[arg(long, value_name = "FORMULA", group = "what", value_parser = values::formula)]
    formula: Option<Composition>,
    /// Elements on Wyckoff positions, such as "Cu@8d Si@4c K@4c"
    #[arg(long, value_name = "SITES", group = "what", requires = "space_group")]
    wyckoff: Option<String>,
    /// Elements of new crystals, such as Li,O,P: each is in every crystal, and no other [default: any]; with --sites or
    /// --top-space-groups, a chemical system to search: all numbers of sites per element in the commonest space groups
    #[arg(long, value_name = "ELEMENT,…", value_delimiter = ',')]
    elements: Option<Vec<Species>>,
    /// A structure to start from, noised to --noise; its space group and Wyckoff positions are kept
    #[arg(long, value_name = "FILE", group = "what", conflicts_with = "space_group")]
    template: Option<PathBuf>,
    /// Orders, one per line: {"space_group": 139, "sites": {"Fe": 1}, "count": 3} (.jsonl or .jsonl.zst)
    #[arg(long, value_name = "FILE", group = "what", conflicts_with_all = ["space_group", "count"])]
    orders: Option<PathBuf>,
    /// Space-group number, 1 to 230; for a formula [default: those that the formula likely has]
    #[arg(long, value_name = "NUMBER", value_parser = values::space_group, allow_negative_numbers = true)]
    space_group: Option<SpaceGroupNumber>,
    /// Number of structures; in a search, of each combination [default: 1]
    #[arg(long, value_name = "N", value_parser = values::at_least_one, allow_negative_numbers = true)]
    count: Option<usize>,
    /// Formula units in the primitive cell [default: those that the formula likely has]
    #[arg(long, value_name = "Z", value_parser = values::at_least_one, allow_negative_numbers = true)]
    formula_units: Option<usize>,
    /// Atoms in the primitive cell, a number or a range [default: 1-20]
    #[arg(long, value_name = "FROM-TO", conflicts_with = "formula_units", value_parser = values::range)]
    atoms: Option<RangeInclusive<u32>>,
    /// Most atoms in the primitive cell of new crystals [default: 20, the most that there can be]
    #[arg(long, value_name = "N", value_parser = values::at_least_one, allow_negative_numbers = true)]
    max_atoms: Option<usize>,
    /// New crystals: below 1 more of what the network finds likely, above 1 more of the rest, 0.1 to 5 [default: 1]
    #[arg(long, value_name = "T", allow_negative_numbers = true)]
    temperature: Option<f64>,
    /// Not there yet: the network has learned no energies
    #[arg(long, value_name = "EV", hide = true, allow_negative_numbers = true)]
    hull: Option<f64>,
    /// Non-equivalent sites of each element in a search, a number or a range [default: 1-2]
    #[arg(long, value_name = "FROM-TO", value_parser = values::range)]
    sites: Option<RangeInclusive<u32>>,
    /// How many of the commonest space groups a search looks at [default: 32]
    #[arg(long, value_name = "N", value_parser = values::at_least_one, allow_negative_numbers = true)]
    top_space_groups: Option<usize>,
    /// Noise level put on the template, 0 (almost none) to 9 [default: 5]
    #[arg(long, value_name = "LEVEL")]
    noise: Option<usize>,
    /// What of the template stays as it is
    #[arg(long, value_enum)]
    fix: Option<FixedPart>,
    #[command(flatten)]
    read: ReadArgs,
    #[command(flatten)]
    proposer: ProposerArgs,
}

/// What proposes space groups and Wyckoff positions.
#[derive(Args)]
#[group(skip)]
pub(super) struct ProposerArgs {
    /// What proposes formulas, space groups and Wyckoff positions: a network trained on all data at hand, one of
    /// MP-20's training split alone (mp20), or counts of that split [default: network]
    #[arg(long, value_enum)]
    proposer: Option<ProposerName>,
    /// A network of `experiments wyckoff-model train` [default: the one that is compiled in]
    #[arg(long, value_name = "FILE")]
    proposer_weights: Option<PathBuf>,
}

/// The proposers by name.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ProposerName {
    Network,
    Mp20,
    Prior,
}

impl ProposerArgs {
    /// The proposer.
    ///
    /// # Errors
    /// If weights are given for the prior.
    pub(super) fn proposing(&self) -> Result<Proposing> {
        match (self.proposer, &self.proposer_weights) {
            (Some(ProposerName::Prior | ProposerName::Mp20), Some(_)) => {
                bail!("--proposer-weights is for --proposer network; leave one of the two out")
            }
            (Some(ProposerName::Prior), None) => Ok(Proposing::Prior),
            (Some(ProposerName::Mp20), None) => Ok(Proposing::Mp20),
            (_, Some(path)) => Ok(Proposing::File(path.clone())),
            (_, None) => Ok(Proposing::Network),
        }
    }

    fn is_given(&self) -> bool {
        self.proposer.is_some() || self.proposer_weights.is_some()
    }
}

/// What can be kept.
#[derive(Clone, Copy, ValueEnum)]
enum FixedPart {
    Lattice,
    Positions,
}

/// What is asked for, and what a file of orders says beside.
pub(super) struct Asked {
    /// The request, without seed, method and selection.
    pub request: Request,
    /// Langevin steps per noise level, if the orders say so.
    pub steps_per_level: Option<usize>,
}

impl RequestArgs {
    /// The file of orders, if there is one.
    pub(super) fn orders(&self) -> Option<&Path> {
        self.orders.as_deref()
    }

    /// The request. `steps_unused`: a file's own steps per level do not matter.
    ///
    /// # Errors
    /// Says what is wrong and what to write instead.
    pub(super) fn request(&self, steps_unused: bool) -> Result<Asked> {
        self.check_company()?;
        let mut steps = None;
        let mut request = if let Some(file) = &self.orders {
            let OrdersFile { orders, steps_per_level } = read_orders(file, steps_unused)?;
            steps = steps_per_level;
            Request::orders(orders)
        } else if let Some(sites) = &self.sites_per_element {
            Request::sites_per_element(sites.clone())
        } else if let Some(text) = &self.wyckoff {
            Request::wyckoff(self.group()?.get().into(), text)?
        } else if let Some(formula) = &self.formula {
            Request::composition(formula.clone())
        } else if let Some(file) = &self.template {
            let entry = io::read_entry(file, &self.read.options())?;
            inputs::print_notes(&entry.notes);
            Request::template(entry.structure?)
        } else if self.is_search() {
            Request::elements(self.elements.clone().context("a search needs --elements, such as Cu,Si,K")?)
        } else if self.is_open() {
            Request::invented_of(self.elements.clone().unwrap_or_default())
        } else {
            bail!(
                "say what to grow: --formula, --wyckoff or --sites-per-element with --space-group, --elements, --template, or --orders; \
                 or say how many new crystals of whatever composition: --count"
            );
        };
        request = request.proposing(self.proposer.proposing()?);
        if let Some(space_group) = self.space_group {
            request = request.in_group(space_group);
        }
        if let Some(count) = self.count {
            request = request.count(count);
        }
        if let Some(units) = self.formula_units {
            request = request.formula_units(u32::try_from(units).unwrap_or(u32::MAX));
        }
        if let Some(atoms) = &self.atoms {
            request = request.atoms(atoms.clone());
        }
        if let Some(most) = self.max_atoms {
            request = request.most_atoms(u32::try_from(most).unwrap_or(u32::MAX));
        }
        if let Some(temperature) = self.temperature {
            request = request.temperature(temperature);
        }
        if let Some(sites) = &self.sites {
            request = request.sites(sites.clone());
        }
        if let Some(number) = self.top_space_groups {
            request = request.top_space_groups(number);
        }
        if let Some(level) = self.noise {
            request = request.noise(level);
        }
        if let Some(part) = self.fix {
            request = request.fixed(match part {
                FixedPart::Lattice => Fixed::Lattice,
                FixedPart::Positions => Fixed::Positions,
            });
        }
        Ok(Asked { request, steps_per_level: steps })
    }

    /// Refuses options of one way to ask beside another one, where they would mean nothing.
    fn check_company(&self) -> Result<()> {
        let formula = [("--formula-units", self.formula_units.is_some()), ("--atoms", self.atoms.is_some())];
        if let Some(hull) = self.hull {
            bail!(
                "--hull {hull}: the network has learned no energies, so it cannot be guided by them; leave it out, and put \
                 what comes out on the hull: `druse relax`, then `druse hull`"
            );
        }
        if self.proposer.is_given() && self.formula.is_none() && (self.is_search() || !self.is_open()) {
            bail!(
                "--proposer and --proposer-weights are for --formula and for new crystals; leave them out, or give --formula"
            );
        }
        self.check_elements()?;
        if self.space_group.is_some() && self.is_search() {
            bail!(
                "--space-group is not for a search, which goes through groups; leave it out, or --sites and --top-space-groups"
            );
        }
        let invented = [("--max-atoms", self.max_atoms.is_some()), ("--temperature", self.temperature.is_some())];
        if let Some((option, _)) = invented.iter().find(|(_, given)| *given && (self.is_told() || self.is_search())) {
            bail!(
                "{option} is for new crystals of an open composition; leave it out, or leave out what else is asked for"
            );
        }
        let elements = [("--sites", self.sites.is_some()), ("--top-space-groups", self.top_space_groups.is_some())];
        let template = [
            ("--noise", self.noise.is_some()),
            ("--fix", self.fix.is_some()),
            ("--merge-distance", self.read.is_given()),
        ];
        for (owner, there, options) in [
            ("--formula", self.formula.is_some(), &formula[..]),
            ("a search (--elements)", self.elements.is_some() && !self.is_told(), &elements),
            ("--template", self.template.is_some(), &template),
        ] {
            if let Some((option, _)) = options.iter().find(|(_, given)| *given && !there) {
                bail!("{option} is for {owner}; leave it out, or give {owner}");
            }
        }
        Ok(())
    }

    /// Whether something is asked for whose composition is told.
    fn is_told(&self) -> bool {
        let Self { sites_per_element, formula, wyckoff, template, orders, .. } = self;
        sites_per_element.is_some() || formula.is_some() || wyckoff.is_some() || template.is_some() || orders.is_some()
    }

    /// Whether a chemical system is searched, as in the paper.
    fn is_search(&self) -> bool {
        !self.is_told() && (self.sites.is_some() || self.top_space_groups.is_some())
    }

    /// Whether the network chooses the composition.
    fn is_open(&self) -> bool {
        let Self { elements, count, max_atoms, temperature, .. } = self;
        let asked = elements.is_some() || count.is_some() || max_atoms.is_some() || temperature.is_some();
        !self.is_told() && asked
    }

    /// Elements beside something else: those of a formula say nothing new, all else is contradictory.
    fn check_elements(&self) -> Result<()> {
        let (Some(elements), true) = (&self.elements, self.is_told()) else { return Ok(()) };
        let Some(formula) = &self.formula else {
            bail!("--elements is for new crystals and for a search; leave it out, or leave out what else is asked for");
        };
        let named: BTreeSet<Species> = elements.iter().copied().collect();
        let held: BTreeSet<Species> = formula.iter().map(|(species, _)| species).collect();
        if named != held {
            let list = |of: &BTreeSet<Species>| of.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            bail!(
                "--elements names {}, and --formula {} holds {}; leave one of the two out",
                list(&named),
                formula.formula(),
                list(&held)
            );
        }
        Ok(())
    }

    fn group(&self) -> Result<SpaceGroupNumber> {
        self.space_group.context("give --space-group, a number from 1 to 230")
    }
}
