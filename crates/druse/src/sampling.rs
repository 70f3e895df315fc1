//! Sampling with a folder: one CIF for every structure as soon as it is finished.

use std::path::{Path, PathBuf};

use crystal_core::{AsymmetricUnit, CrystalSystem, Finder, io};
use langevin::{Outcome, Sample, Sampler, SamplingOrder, check_orders};
use score_model::ScoreNetwork;

use crate::output::{writable_folder, write_file};
use crate::{DruseError, Progress, Shard};

/// Images of a site closer than this (Å) are one atom.
const COINCIDENT: f64 = 1e-3;

/// A structure on disk.
#[derive(Debug, Clone)]
pub struct Written {
    /// Name without ending: formula asked for, space group, place of the order and place in the order.
    pub id: String,
    /// The CIF.
    pub file: PathBuf,
    /// Elements on Wyckoff positions, such as `Cu@8d Si@4c`, where the order named them.
    pub positions: Option<String>,
    /// The structure and how it came about.
    pub sample: Sample,
}

/// An order that could not be carried out in full.
#[derive(Debug, Clone)]
pub struct GivenUp {
    /// Place of its order in the list of orders, and its place in the order.
    pub place: (usize, usize),
    /// Name that the structure would have had.
    pub id: String,
    /// What happened to the last draw.
    pub reason: String,
}

/// What came of all orders, in the order in which they were asked for.
#[derive(Debug, Default)]
pub struct Sampled {
    /// Structures.
    pub written: Vec<Written>,
    /// Structures whose every draw diverged.
    pub given_up: Vec<GivenUp>,
}

/// Carries out all orders; writes one CIF per structure into `folder`.
///
/// # Errors
/// If an order is impossible (nothing is written then), or a file cannot be written.
pub fn sample<M: ScoreNetwork>(
    sampler: &Sampler<'_, M>,
    orders: &[SamplingOrder],
    folder: &Path,
    progress: &mut dyn FnMut(&Progress),
) -> Result<Sampled, DruseError> {
    sample_shard(sampler, orders, None, folder, progress)
}

/// [`sample`] for the structures of a shard; all of them without one. Structures are counted over all orders.
///
/// # Errors
/// As [`sample`].
pub fn sample_shard<M: ScoreNetwork>(
    sampler: &Sampler<'_, M>,
    orders: &[SamplingOrder],
    shard: Option<Shard>,
    folder: &Path,
    progress: &mut dyn FnMut(&Progress),
) -> Result<Sampled, DruseError> {
    check_orders(orders)?;
    writable_folder(folder)?;
    let all: usize = orders.iter().map(|order| order.count).sum();
    let wanted = shard.map_or(all, |shard| shard.count(all));
    let mut done = 0.0;
    let mut sampled = Sampled::default();
    sampler.run_some::<DruseError>(
        orders,
        |number| shard.is_none_or(|shard| shard.has(number)),
        |structures| {
            done += structures;
            // Redraws make more draws than structures were asked for.
            progress(&Progress { done, total: done.max(wanted as f64), message: String::new() });
        },
        |outcome| {
            match outcome {
                Outcome::Sampled(sample) => {
                    let id = id_of(orders, sample.order, sample.index);
                    let file = folder.join(format!("{id}.cif"));
                    write_file(&file, cif_of(&sample, &id))?;
                    let positions = orders[sample.order].sites.assignment(sample.candidate).map(ToString::to_string);
                    sampled.written.push(Written { id, file, positions, sample: *sample });
                }
                Outcome::GivenUp { order, index, reason } => {
                    sampled.given_up.push(GivenUp { place: (order, index), id: id_of(orders, order, index), reason });
                }
            }
            Ok(())
        },
    )?;
    sampled.written.sort_by_key(|written| (written.sample.order, written.sample.index));
    sampled.given_up.sort_by_key(|lost| lost.place);
    Ok(sampled)
}

/// With the operations of the space group asked for; all atoms of a P 1 cell if they do not rebuild the structure.
pub(crate) fn cif_of(sample: &Sample, id: &str) -> String {
    let unit = standard_cell(sample).map_or_else(|| AsymmetricUnit::from_state(&sample.state, COINCIDENT), Ok);
    let rebuilds =
        |unit: &AsymmetricUnit| unit.expand().is_ok_and(|expanded| expanded.n_sites() == sample.structure.n_sites());
    match unit.ok().filter(rebuilds) {
        Some(unit) => io::to_cif_symmetric(&unit, id),
        None => io::to_cif(&sample.structure, id),
    }
}

/// The symmetry finder's choice of the cell, where a space group leaves one: triclinic and monoclinic cells come out of
/// the sampler as skewed as it happens. Wyckoff letters may then be those of an equivalent choice of origin and axes.
/// In the other systems the cell is as it must be, and the letters stay those that were asked for.
fn standard_cell(sample: &Sample) -> Option<AsymmetricUnit> {
    let group = sample.state.space_group;
    if !matches!(group.system(), CrystalSystem::Triclinic | CrystalSystem::Monoclinic) {
        return None;
    }
    let unit = AsymmetricUnit::from_structure(&sample.structure, COINCIDENT, Finder::Moyo).ok()?;
    (unit.space_group().number() == group.number()).then_some(unit)
}

pub(crate) fn id_of(orders: &[SamplingOrder], order: usize, index: usize) -> String {
    let wanted = &orders[order];
    format!("{}_{}_{order:04}_{index:03}", wanted.formula(), wanted.space_group)
}
