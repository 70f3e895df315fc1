//! Whether a certificate holds: everything in it computed again.

use std::fmt::Write;
use std::ops::ControlFlow;

use crystal_core::{AsymmetricUnit, Structure};
use langevin::{Method, Outcome, Sampler, SamplerConfig};
use relax::Crystal;
use serde::Serialize;
use stability::Product;

use crate::certificate::Certificate;
use crate::known::{Judge, Prototypes};
use crate::page::yes_or_no;
use crate::record::{PhononOutcome, Relaxed};
use crate::run::{phonon_outcomes, placed};
use crate::{OrderRecord, SearchError, Tool, Tools, milli};

/// Energies of one structure by one potential on two devices differ by less, eV/atom.
const ENERGY: f64 = 1e-4;
/// Forces, eV/Å.
const FORCE: f64 = 2e-3;
/// Stress, GPa.
const STRESS: f64 = 2e-2;
/// Frequencies, THz.
const FREQUENCY: f64 = 0.05;
/// Shares of atoms.
const SHARE: f64 = 1e-6;
/// Energy of the sample that was drawn and relaxed anew, eV/atom.
const AGAIN: f64 = 2e-3;

/// One statement of a certificate.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Statement {
    /// What it is about.
    pub name: &'static str,
    /// What the certificate says.
    pub recorded: String,
    /// What comes out now.
    pub recomputed: String,
    /// How far the two may be apart; empty where they must be equal.
    pub tolerance: String,
    /// Whether it holds; none where nothing was recorded that could.
    pub holds: Option<bool>,
}

impl Statement {
    fn equal<T: PartialEq>(name: &'static str, recorded: &T, recomputed: &T, text: impl Fn(&T) -> String) -> Self {
        let holds = Some(recorded == recomputed);
        Self { name, recorded: text(recorded), recomputed: text(recomputed), tolerance: String::new(), holds }
    }

    fn near(name: &'static str, unit: &str, recorded: f64, recomputed: f64, tolerance: f64) -> Self {
        Self {
            name,
            recorded: format!("{recorded:.6} {unit}"),
            recomputed: format!("{recomputed:.6} {unit}"),
            tolerance: format!("{tolerance} {unit}"),
            holds: Some((recorded - recomputed).abs() <= tolerance),
        }
    }

    fn failed(name: &'static str, recorded: String, reason: String) -> Self {
        Self { name, recorded, recomputed: reason, tolerance: String::new(), holds: Some(false) }
    }
}

/// Computes a certificate again with the tools at hand: energy, forces and stress of its structure, its place on the
/// hull, what is known of it, its phonons; and the sample itself, drawn and relaxed anew.
///
/// # Errors
/// [`SearchError::OtherTool`] if network, potential or reference are others: nothing can be said then. A device that
/// fails.
pub fn verify(certificate: &Certificate, tools: &Tools<'_>) -> Result<Vec<Statement>, SearchError> {
    check_tools(certificate, tools)?;
    tools.check(&certificate.settings)?;
    let mut statements = Vec::new();
    let unit = certificate.structure.unit()?;
    let structure = unit.expand()?;
    let formula = crate::candidates::formula_of(&structure);
    statements.push(Statement::equal("formula", &certificate.formula, &formula, String::clone));
    energies(certificate, tools, &unit, &structure, &mut statements)?;
    known(certificate, tools, &structure, &mut statements)?;
    phonons(certificate, tools, &mut statements)?;
    origin(certificate, tools, &structure, &mut statements)?;
    Ok(statements)
}

fn check_tools(certificate: &Certificate, tools: &Tools<'_>) -> Result<(), SearchError> {
    let check = |what, recorded: &Tool, given: &Tool, cure| {
        if recorded.sha256.eq_ignore_ascii_case(&given.sha256) {
            return Ok(());
        }
        Err(SearchError::OtherTool { what, recorded: recorded.to_string(), given: given.to_string(), cure })
    };
    check("potential", &certificate.potential, &tools.potential_tool(), "name that potential with --potential FILE")?;
    check("network", &certificate.network, &tools.network_tool(), "name that network with --checkpoint FILE")?;
    check(
        "reference of the hull",
        &certificate.reference,
        &tools.reference_tool(),
        "name that reference with --reference FILE",
    )?;
    match (&certificate.known, tools.known) {
        (Some(recorded), known) => {
            let nothing = Tool { name: "no known structures".to_owned(), sha256: String::new() };
            let given = known.map_or(nothing, |known| known.tool.clone());
            check("known structures of", recorded, &given, "name them with --known PATH")
        }
        (None, Some(known)) => Err(SearchError::OtherTool {
            what: "known structures of",
            recorded: "the reference alone".to_owned(),
            given: known.tool.to_string(),
            cure: "leave --known out",
        }),
        (None, None) => Ok(()),
    }
}

fn energies(
    certificate: &Certificate,
    tools: &Tools<'_>,
    unit: &AsymmetricUnit,
    structure: &Structure,
    statements: &mut Vec<Statement>,
) -> Result<(), SearchError> {
    let recorded = &certificate.energies;
    let evaluation = tools.potential.evaluate_symmetric(std::slice::from_ref(unit))?.pop();
    let evaluation = match evaluation.expect("one result for one crystal") {
        Ok(evaluation) => evaluation,
        Err(error) => {
            let energy = format!("{:.6} eV/atom", recorded.raw_energy_per_atom);
            statements.push(Statement::failed("energy of the potential", energy, error.to_string()));
            return Ok(());
        }
    };
    let n_atoms = structure.n_sites() as f64;
    let unit_of = "eV/atom";
    let placement = tools.reference.place(&tools.source(), structure, evaluation.energy)?;
    let correction = tools.reference.scheme().per_cell(structure) / n_atoms;
    let mut near = |name, unit, recorded, recomputed, tolerance| {
        statements.push(Statement::near(name, unit, recorded, recomputed, tolerance));
    };
    let raw = evaluation.energy / n_atoms;
    near("energy of the potential", unit_of, recorded.raw_energy_per_atom, raw, ENERGY);
    near("correction", unit_of, recorded.correction_per_atom, correction, 1e-6);
    let (formation, above) = (placement.formation_energy_per_atom, placement.energy_above_hull);
    near("formation energy", unit_of, recorded.formation_energy_per_atom, formation, ENERGY);
    near("energy above the hull", unit_of, recorded.energy_above_hull, above, ENERGY);
    near("largest force", "eV/Å", recorded.max_force, evaluation.max_force(), FORCE);
    near("largest stress", "GPa", recorded.max_stress_gpa, evaluation.max_stress_gpa(), STRESS);
    let products = placement.decomposition.products();
    let same = certificate.decomposition.len() == products.len()
        && certificate
            .decomposition
            .iter()
            .zip(&products)
            .all(|(a, b)| (&a.id, &a.formula) == (&b.id, &b.formula) && (a.fraction - b.fraction).abs() <= SHARE);
    statements.push(Statement {
        name: "decomposition",
        recorded: decomposition_text(&certificate.decomposition),
        recomputed: decomposition_text(&products),
        tolerance: format!("{SHARE} of the atoms"),
        holds: Some(same),
    });
    Ok(())
}

/// A decomposition on one line.
pub(crate) fn decomposition_text(products: &[Product]) -> String {
    let mut text = String::new();
    for product in products {
        let plus = if text.is_empty() { "" } else { " + " };
        let _ = write!(text, "{plus}{:.3} {} ({})", product.fraction, product.formula, product.id);
    }
    text
}

fn known(
    certificate: &Certificate,
    tools: &Tools<'_>,
    structure: &Structure,
    statements: &mut Vec<Statement>,
) -> Result<(), SearchError> {
    let settings = &certificate.settings;
    let matcher = settings.sameness.matcher();
    let judge = Judge::new(tools.reference, tools.known, settings.known, matcher, &settings.elements);
    let group = |number: &Option<u8>| number.map_or_else(|| "none".to_owned(), |number| number.to_string());
    let space_group = judge.space_group(structure);
    statements.push(Statement::equal("space group", &certificate.space_group.found, &space_group, group));
    let energies = &certificate.energies;
    let energy = energies.raw_energy_per_atom + energies.correction_per_atom;
    let novelty = judge.novelty(structure, energy, space_group);
    let yes = |novel: &bool| yes_or_no(*novel);
    statements.push(Statement::equal("new", &certificate.novelty.novel, &novelty.novel, yes));
    let id = |id: &Option<String>| id.clone().unwrap_or_else(|| "none".to_owned());
    let nearest = |novelty: &crate::Novelty| novelty.nearest.as_ref().map(|nearest| nearest.id.clone());
    statements.push(Statement::equal("nearest known", &nearest(&certificate.novelty), &nearest(&novelty), id));
    let prototype = Prototypes::compiled_in()?.of(structure, &matcher);
    statements.push(Statement::equal("prototype", &certificate.novelty.prototype, &prototype, id));
    Ok(())
}

fn phonons(certificate: &Certificate, tools: &Tools<'_>, statements: &mut Vec<Statement>) -> Result<(), SearchError> {
    let recorded = match &certificate.phonons {
        Ok(recorded) => &recorded.stability,
        Err(reason) => {
            statements.push(Statement {
                name: "lowest frequency",
                recorded: reason.clone(),
                recomputed: "–".to_owned(),
                tolerance: String::new(),
                holds: None,
            });
            return Ok(());
        }
    };
    let relaxed = relaxed_of(certificate);
    let outcome = phonon_outcomes(tools, &certificate.settings.phonons, &[relaxed])?.pop();
    match outcome.expect("one result for one crystal") {
        Ok((PhononOutcome { stability: outcome, .. }, _)) => {
            let (name, unit) = ("lowest frequency", "THz");
            let (a, b) = (recorded.min_frequency_thz, outcome.min_frequency_thz);
            statements.push(Statement::near(name, unit, a, b, FREQUENCY));
            let stable = |stable: &bool| yes_or_no(*stable);
            let (a, b) = (&recorded.dynamically_stable, &outcome.dynamically_stable);
            statements.push(Statement::equal("dynamically stable", a, b, stable));
            let supercell = |multiples: &[usize; 3]| format!("{multiples:?}");
            statements.push(Statement::equal("supercell", &recorded.supercell, &outcome.supercell, supercell));
        }
        Err(reason) => {
            let recorded = format!("{:.6} THz", recorded.min_frequency_thz);
            statements.push(Statement::failed("lowest frequency", recorded, reason));
        }
    }
    Ok(())
}

fn relaxed_of(certificate: &Certificate) -> Relaxed {
    Relaxed {
        sample: certificate.origin.sample,
        order: certificate.origin.order.clone(),
        redraws: certificate.origin.redraws,
        unit: certificate.structure.clone(),
        raw_energy_per_atom: certificate.energies.raw_energy_per_atom,
        formation_energy_per_atom: certificate.energies.formation_energy_per_atom,
        energy_above_hull: certificate.energies.energy_above_hull,
        steps: 0,
        converged: certificate.energies.converged,
        max_force: certificate.energies.max_force,
        max_stress_gpa: certificate.energies.max_stress_gpa,
    }
}

/// The sample drawn and relaxed anew, against the structure of the certificate.
fn origin(
    certificate: &Certificate,
    tools: &Tools<'_>,
    structure: &Structure,
    statements: &mut Vec<Statement>,
) -> Result<(), SearchError> {
    let name = "sampled and relaxed again";
    let OrderRecord { space_group, sites } = &certificate.origin.order;
    let recorded = format!("{sites} in {space_group}, sample {}", certificate.origin.sample);
    let again = match sampled(certificate, tools)? {
        Ok(again) => again,
        Err(reason) => {
            statements.push(Statement::failed(name, recorded, reason));
            return Ok(());
        }
    };
    let matcher = certificate.settings.sameness.matcher();
    let same = matcher.fit(&again.unit.structure()?, structure).unwrap_or(false);
    let difference = again.raw_energy_per_atom - certificate.energies.raw_energy_per_atom;
    let text = if same { "the same structure" } else { "another structure" };
    statements.push(Statement {
        name,
        recorded,
        recomputed: format!("{text}, {} meV/atom", milli(difference)),
        tolerance: format!("matcher, {} meV/atom", 1e3 * AGAIN),
        holds: Some(same && difference.abs() <= AGAIN),
    });
    Ok(())
}

fn sampled(certificate: &Certificate, tools: &Tools<'_>) -> Result<Result<Relaxed, String>, SearchError> {
    let settings = &certificate.settings;
    let config = SamplerConfig {
        method: Method::FewStep(settings.sampling.clone()),
        seed: settings.seed,
        ..SamplerConfig::default()
    };
    let sample = usize::try_from(certificate.origin.sample).unwrap_or(usize::MAX);
    let order = certificate.origin.order.order()?;
    let sampler = Sampler::new(&tools.checkpoint.trained, config, tools.device)?.counting_from(sample);
    let mut drawn = Err("nothing was drawn".to_owned());
    sampler.run::<SearchError>(
        &[order],
        |_| {},
        |outcome| {
            drawn = match outcome {
                Outcome::Sampled(sample) => Ok(sample),
                Outcome::GivenUp { reason, .. } => Err(reason),
            };
            Ok(())
        },
    )?;
    let unit = match drawn.map(|sample| crate::run::unit_of(&sample.state)) {
        Ok(Ok(unit)) => unit,
        Ok(Err(error)) => return Ok(Err(error.to_string())),
        Err(reason) => return Ok(Err(reason)),
    };
    let relax = |crystal: Crystal, options: &relax::Options| -> Result<Result<Relaxed, String>, SearchError> {
        let mut relaxed = Err("nothing was relaxed".to_owned());
        relax::relax(tools.potential, options, [(0, crystal)], |_, result| {
            relaxed = result.map_err(|error| error.to_string()).and_then(|relaxation| {
                let order = certificate.origin.order.clone();
                placed(tools, certificate.origin.sample, order, 0, &relaxation).map_err(|error| error.to_string())
            });
            ControlFlow::Continue(())
        })?;
        Ok(relaxed)
    };
    let found = match relax(Crystal::Unit(unit), &settings.relaxation.options())? {
        Ok(found) => found,
        Err(reason) => return Ok(Err(reason)),
    };
    if !certificate.refined {
        return Ok(Ok(found));
    }
    relax(Crystal::Unit(found.unit.unit()?), &settings.refinement.options())
}
