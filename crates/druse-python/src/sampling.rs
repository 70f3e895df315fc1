//! The networks, and structures grown by them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, TryLockError};
use std::time::Duration;

use crystal_core::{SiteMode, SitesPerElement, SpaceGroupNumber, Species};
use druse::request::Resolved;
use druse::{DeviceName, Druse, Grown, Request};
use langevin::{FewStep, Fixed, Method, OrderedSites, SamplingOrder, Selection};
use pyo3::prelude::*;
use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::structures::{Crystal, Plain, structure_of, to_json};
use crate::task::{Watch, run};

/// Proposals that are looked through for those with given positions.
const LISTED: usize = 10_000;

/// The cards of the networks that are compiled in, by their names.
const CARDS: [(&str, &str); 2] = [
    ("assets/weights/mp20-wyckoff.safetensors", include_str!("../../../assets/weights/mp20-wyckoff.md")),
    ("assets/weights/mp20.safetensors", include_str!("../../../assets/weights/mp20.md")),
];

/// The networks on a device. One thread at a time can use them.
#[pyclass(frozen)]
pub(crate) struct Model {
    // Python's objects lie at multiples of 16 bytes, tensors at multiples of 64.
    druse: Box<Mutex<Druse>>,
    networks: Vec<Network>,
}

const _: () = assert!(align_of::<Model>() <= 16);

/// Mode, file and SHA-256.
type Network = (&'static str, String, String);

/// What is asked for. Exactly one of the first six, but that a formula may have `positions`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    formula: Option<String>,
    wyckoff: Option<String>,
    sites_per_element: Option<BTreeMap<String, i64>>,
    elements: Option<Vec<String>>,
    template: Option<Plain>,
    /// Of a formula: the positions that some of its elements must have, such as `1b`, in any order.
    positions: Option<BTreeMap<String, Vec<String>>>,
    space_group: Option<i64>,
    n: i64,
    candidates: Option<i64>,
    seed: u64,
    formula_units: Option<i64>,
    atoms: Option<(u32, u32)>,
    sites: Option<(u32, u32)>,
    top_space_groups: Option<i64>,
    noise: Option<i64>,
    fix: Option<String>,
    sampler: String,
    steps_per_level: Option<i64>,
    evaluations: Option<i64>,
    batch_size: Option<i64>,
}

#[derive(Serialize)]
struct Document {
    samples: Vec<Sampled>,
    asked: usize,
    notices: Vec<String>,
}

#[derive(Serialize)]
struct Sampled {
    #[serde(flatten)]
    crystal: Crystal,
    id: String,
    formula: String,
    space_group: u8,
    wyckoff: Option<String>,
    probability: Option<f64>,
    redraws: usize,
    denoising_error: Option<f64>,
    cif: String,
}

impl From<&Grown> for Sampled {
    fn from(grown: &Grown) -> Self {
        Self {
            crystal: Crystal::of(grown.structure()),
            id: grown.id.clone(),
            formula: grown.formula(),
            space_group: grown.space_group(),
            wyckoff: grown.positions.clone(),
            probability: grown.probability,
            redraws: grown.sample.redraws,
            denoising_error: grown.sample.denoising_error,
            cif: grown.to_cif(),
        }
    }
}

#[pymethods]
impl Model {
    /// The bundled networks, the one of `path`'s mode replaced by that file.
    #[new]
    #[pyo3(signature = (path, device))]
    fn new(py: Python<'_>, path: Option<PathBuf>, device: &str) -> PyResult<Self> {
        let device: DeviceName = device.parse().map_err(Failure::from)?;
        let druse = run(py, None, |_| {
            Ok(match path {
                Some(path) => Druse::with_file(&path, device)?,
                None => Druse::bundled(device)?,
            })
        })?;
        let network = |(name, mode)| {
            let checkpoint = druse.checkpoint(mode);
            (name, checkpoint.path.clone(), checkpoint.sha256.clone())
        };
        let networks = [("wyckoff", SiteMode::Wyckoff), ("general", SiteMode::General)].map(network).into();
        Ok(Self { druse: Box::new(Mutex::new(druse)), networks })
    }

    /// Mode, file and SHA-256 of each network.
    fn networks(&self) -> Vec<Network> {
        self.networks.clone()
    }

    /// The model cards, Markdown: those of compiled-in networks in full.
    fn card(&self) -> String {
        let card = |(mode, path, sha256): &Network| match CARDS.iter().find(|(name, _)| name == path) {
            Some((_, card)) => (*card).to_owned(),
            None => format!("# {path}\n\nA network for sites of the mode {mode}, SHA-256 `{sha256}`.\n"),
        };
        self.networks.iter().map(card).collect::<Vec<_>>().join("\n")
    }

    /// Grows what the JSON asks for; JSON.
    #[pyo3(signature = (asked, progress=None))]
    fn sample(&self, py: Python<'_>, asked: &str, progress: Option<&Bound<'_, PyAny>>) -> PyResult<String> {
        let asked: Asked = serde_json::from_str(asked).map_err(|error| Failure::of(crate::failure::REQUEST, &error))?;
        run(py, progress, |watch| {
            let resolved = asked.resolve()?;
            let notices = resolved.notices.clone();
            let count = resolved.orders.iter().map(|order| order.count).sum();
            let mut told = |progress: &druse::Progress| watch.tell(progress.done, progress.total);
            let Some(druse) = self.wait(watch) else { return Ok(String::new()) };
            let grown = druse.sample_resolved(resolved, watch.flag(), &mut told)?;
            to_json(&Document { samples: grown.iter().map(Sampled::from).collect(), asked: count, notices })
        })
    }
}

impl Model {
    /// The networks, once no other thread uses them; `None` if nobody waits any more.
    fn wait(&self, watch: &Watch) -> Option<MutexGuard<'_, Druse>> {
        while !watch.is_stopped() {
            match self.druse.try_lock() {
                Ok(druse) => return Some(druse),
                // Networks do not change, whatever became of the one who used them.
                Err(TryLockError::Poisoned(poisoned)) => return Some(poisoned.into_inner()),
                Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(5)),
            }
        }
        None
    }
}

impl Asked {
    fn resolve(self) -> Result<Resolved, Failure> {
        let mut resolved = match &self.positions {
            Some(positions) => self.with_positions(positions)?,
            None => self.request()?.resolve()?,
        };
        if let Some(steps) = self.steps_per_level {
            resolved.config.steps_per_level = at_least_one("steps_per_level", steps)?;
        }
        if let Some(size) = self.batch_size {
            resolved.config.batch_size = at_least_one("batch_size", size)?;
        }
        Ok(resolved)
    }

    /// The most likely proposals of the formula whose elements stand where they must. Where there are fewer than
    /// structures, they take turns.
    fn with_positions(&self, positions: &BTreeMap<String, Vec<String>>) -> Result<Resolved, Failure> {
        let mut wanted: BTreeMap<Species, Vec<String>> = BTreeMap::new();
        for (symbol, of_element) in positions {
            let mut of_element = of_element.clone();
            of_element.sort();
            wanted.insert(symbol.parse().map_err(request_of)?, of_element);
        }
        let fits = |assignment: &druse::wyckoff_assignment::WyckoffAssignment| {
            let mut found: BTreeMap<Species, Vec<String>> = BTreeMap::new();
            for (species, position) in assignment.positions() {
                let name = format!("{}{}", position.multiplicity(), position.letter());
                found.entry(species).or_default().push(name);
            }
            found.values_mut().for_each(|names| names.sort());
            wanted.iter().all(|(species, names)| found.get(species) == Some(names))
        };
        let count = at_least_one("n", self.n)?;
        let mut request = self.request()?;
        let proposals = request.proposals(LISTED)?;
        let fitting = proposals.proposals.into_iter().map(|proposal| proposal.assignment).filter(fits);
        let fitting: Vec<_> = fitting.take(count).collect();
        if fitting.is_empty() {
            let place = self.space_group.map_or_else(String::new, |number| format!(" in space group {number}"));
            return Err(Failure::request(format!(
                "none of the {LISTED} most likely arrangements of {}{place} has these positions; \
                 name the positions of all elements, or of fewer",
                self.formula.as_deref().unwrap_or_default()
            )));
        }
        let order = |index: usize| {
            let assignment = fitting[index % fitting.len()].clone();
            let space_group = assignment.space_group().number();
            SamplingOrder { space_group, sites: OrderedSites::Wyckoff(assignment), count: 1 }
        };
        request = Request::orders((0..count).map(order).collect()).seed(self.seed).method(self.method()?);
        if let Some(selection) = self.selection()? {
            request = request.selection(selection);
        }
        let mut resolved = request.resolve()?;
        resolved.notices = proposals.notices;
        Ok(resolved)
    }

    fn request(&self) -> Result<Request, Failure> {
        let mut request = if let Some(formula) = &self.formula {
            Request::formula(formula)?
        } else if let Some(sites) = &self.wyckoff {
            Request::wyckoff(self.group()?, sites)?
        } else if let Some(sites) = &self.sites_per_element {
            let sites = sites.iter().map(|(symbol, number)| {
                let species: Species = symbol.parse().map_err(request_of)?;
                let number = at_least_one(&format!("the number of {symbol} sites"), *number)?;
                Ok((species, u32::try_from(number).unwrap_or(u32::MAX)))
            });
            Request::sites_per_element(sites.collect::<Result<SitesPerElement, Failure>>()?)
        } else if let Some(elements) = &self.elements {
            let elements = elements.iter().map(|symbol| symbol.parse().map_err(request_of));
            Request::elements(elements.collect::<Result<Vec<Species>, Failure>>()?)
        } else if let Some(template) = &self.template {
            Request::template(structure_of(template.clone())?)
        } else {
            return Err(Failure::request("say what to grow: a formula, sites, elements or a template"));
        };
        request = request.count(at_least_one("n", self.n)?).seed(self.seed).method(self.method()?);
        if let (Some(number), None) = (self.space_group, &self.wyckoff) {
            if self.elements.is_some() || self.template.is_some() {
                let reason = "space_group is for a formula or sites; leave it out: a template keeps its own, and a \
                              chemical system is searched in several";
                return Err(Failure::request(reason));
            }
            request = request.in_group(SpaceGroupNumber::new(number).map_err(request_of)?);
        }
        if let Some(selection) = self.selection()? {
            request = request.selection(selection);
        }
        if let Some(units) = self.formula_units {
            let units = at_least_one("formula_units", units)?;
            request = request.formula_units(u32::try_from(units).unwrap_or(u32::MAX));
        }
        if let Some((least, most)) = self.atoms {
            request = request.atoms(least..=most);
        }
        if let Some((least, most)) = self.sites {
            request = request.sites(least..=most);
        }
        if let Some(number) = self.top_space_groups {
            request = request.top_space_groups(at_least_one("top_space_groups", number)?);
        }
        if let Some(level) = self.noise {
            let level = usize::try_from(level);
            request = request.noise(level.map_err(|_| Failure::request("noise is below 0; give a level from 0 on"))?);
        }
        match self.fix.as_deref() {
            None => Ok(request),
            Some("lattice") => Ok(request.fixed(Fixed::Lattice)),
            Some("positions") => Ok(request.fixed(Fixed::Positions)),
            Some(other) => Err(Failure::request(format!("fix is '{other}'; give lattice or positions"))),
        }
    }

    fn group(&self) -> Result<i64, Failure> {
        self.space_group.ok_or_else(|| Failure::request("sites need a space_group, a number from 1 to 230"))
    }

    fn selection(&self) -> Result<Option<Selection>, Failure> {
        let with = |candidates| Selection { candidates, ..Selection::default() };
        self.candidates.map(|number| at_least_one("candidates", number).map(with)).transpose()
    }

    fn method(&self) -> Result<Method, Failure> {
        match (self.sampler.as_str(), self.steps_per_level, self.evaluations) {
            ("annealed", _, None) => Ok(Method::Annealed),
            ("annealed", _, Some(_)) => {
                Err(Failure::request("evaluations is for the few-step sampler; the annealed one takes steps_per_level"))
            }
            ("few-step", None, evaluations) => {
                let evaluations = evaluations.map(|number| at_least_one("evaluations", number)).transpose()?;
                let defaults = FewStep::default();
                Ok(Method::FewStep(FewStep { evaluations: evaluations.unwrap_or(defaults.evaluations), ..defaults }))
            }
            ("few-step", Some(_), _) => {
                Err(Failure::request("steps_per_level is for the annealed sampler; the few-step one takes evaluations"))
            }
            (other, ..) => Err(Failure::request(format!("sampler is '{other}'; give annealed or few-step"))),
        }
    }
}

fn at_least_one(name: &str, number: i64) -> Result<usize, Failure> {
    let whole = usize::try_from(number).ok().filter(|number| *number > 0);
    whole.ok_or_else(|| Failure::request(format!("{name} is {number}; give 1 or more")))
}

/// An error of a name or number that was asked for.
fn request_of(error: crystal_core::CrystalError) -> Failure {
    Failure::of(crate::failure::REQUEST, &error)
}
