//! The rows of PGCGM, retrained here.

use std::path::Path;

use ::pgcgm::finish::Rounding;
use ::pgcgm::{ElementDraws, Sampler, Wanted, Weights, group_index, published_counts};
use anyhow::{Result, bail};
use burn::tensor::Device;
use cgcnn::Weights as Cgcnn;
use crystal_core::{SpaceGroupNumber, Structure, io};
use druse::output::{writable_folder, write_json};
use metrics::{Fingerprints, evaluate, table1_samples};
use serde_json::json;

use super::kept::Keeper;
use super::reference::{Reference, fingerprints_of};
use super::rows::Bootstrap;
use crate::further::Further;
use crate::generated::Generated;
use crate::listing;
use crate::pgcgm::{DRAWS_EACH, Drawn, draw, in_words};
use crate::published::{self, Figures};
use crate::sameness::Sameness;
use crate::statistics::with_bootstrap;
use crate::table::Row;

/// Where a trained checkpoint of ours is kept, from the root of the repository.
const SHIPPED: &str = "assets/weights/pgcgm-mp20.safetensors";

/// The checkpoint that was named, else that of the repository, if the program is run from there and it has one.
///
/// # Errors
/// If it cannot be read.
pub(crate) fn weights(named: Option<&Path>, device: &Device) -> Result<Option<Weights>> {
    let shipped = Path::new(SHIPPED);
    let path = named.or_else(|| shipped.is_file().then_some(shipped));
    Ok(path.map(|path| Weights::load(path, device)).transpose()?)
}

/// What the rows are measured with.
pub(crate) struct Measuring<'a> {
    pub(crate) weights: &'a Weights,
    pub(crate) n_samples: usize,
    pub(crate) reference: &'a Reference,
    pub(crate) cgcnn: &'a Cgcnn,
    /// The training split, where it is at hand.
    pub(crate) training: Option<&'a [Structure]>,
    pub(crate) bootstrap: Bootstrap,
    pub(crate) device: &'a Device,
    /// The run's, where crystals lie.
    pub(crate) folder: &'a Path,
    /// Where results go.
    pub(crate) out: &'a Path,
}

/// Draws and measures: elements drawn uniformly against the whole split and against its structures in the 20 groups;
/// then elements of training crystals. Each set of crystals lies in its own folder.
///
/// # Errors
/// If too few crystals are left, or a file cannot be written.
pub(crate) fn measured_rows(with: &Measuring<'_>, keeper: &mut Keeper<'_>) -> Result<(Vec<Row>, Vec<Further>)> {
    let (mut rows, mut further) = (vec![], vec![]);
    let own = in_own_groups(with.reference);
    for (name, folder, elements) in
        [("PGCGM", "pgcgm", ElementDraws::Uniform), ("PGCGM, known triples", "pgcgm-known", ElementDraws::Training)]
    {
        let sampled = sampled(with, keeper, name, folder, elements)?;
        let is_published = elements == ElementDraws::Uniform;
        let against = |set: &[Fingerprints], name: String, published, note: String| -> Result<Row> {
            let figures = evaluate(&sampled.usable, set)?;
            let Bootstrap { samples, seed } = with.bootstrap;
            let measured = with_bootstrap(&figures, &sampled.usable, set, samples, seed)?;
            let n_samples = sampled.usable.len();
            Ok(Row { name, published, measured: Some(measured), n_samples, note })
        };
        let published = |figures: Figures<f64>| is_published.then_some(figures);
        let whole = &with.reference.structures;
        rows.push(against(whole, name.to_owned(), published(published::PGCGM), sampled.note.clone())?);
        if own.len() >= 2 {
            let note = format!("the same crystals against the {} structures in its 20 space groups", own.len());
            let name = format!("{name}, its space groups");
            rows.push(against(&own, name, published(published::PGCGM_OWN_GROUPS), note)?);
        }
        further.push(sampled.further);
    }
    Ok((rows, further))
}

struct Sampled {
    usable: Vec<Fingerprints>,
    further: Further,
    note: String,
}

fn sampled(
    with: &Measuring<'_>,
    keeper: &mut Keeper<'_>,
    name: &str,
    folder: &str,
    elements: ElementDraws,
) -> Result<Sampled> {
    let (weights, seed) = (with.weights, with.bootstrap.seed);
    let (folder, out) = (with.folder.join(folder), with.out.join(folder));
    let of = json!({ "seed": seed, "count": with.n_samples, "elements": elements, "network": weights.sha256 });
    let (generated, (draws, yields)) = keeper.structures(name, &folder, of, || {
        let most_draws = DRAWS_EACH * with.n_samples as u64;
        let wanted = Wanted { count: with.n_samples, most_draws, rounding: Rounding::default() };
        let Drawn { named, space_groups, draws, yields } =
            draw(&Sampler::new(weights, elements, seed, with.device), wanted)?;
        writable_folder(&folder)?;
        io::write_all(&folder.join("generated.jsonl"), &named)?;
        write_json(&folder.join("yield.json"), &json!({ "draws": draws, "yield": yields }))?;
        let (ids, structures): (Vec<String>, Vec<Structure>) = named.into_iter().unzip();
        let redraws = vec![0; structures.len()];
        Ok((Generated { ids, structures, space_groups, redraws, given_up: 0 }, (draws, yields)))
    })?;
    let structures = &generated.structures;
    let found = fingerprints_of(name, structures, with.cgcnn);
    let usable = table1_samples(&found, found.len());
    if usable.len() < 2 {
        bail!(
            "{}: {} valid crystals of {} draws; the figures need two: train it longer, or measure without it",
            weights.path,
            usable.len(),
            draws
        );
    }
    let same = Sameness::of(structures, with.training)?;
    writable_folder(&out)?;
    listing::write(&out, &generated, &found, &same)?;
    // Nothing diverges and is drawn again; what is rejected is told by the yield.
    let further =
        Further { redrawn: None, ..Further::of(name, &generated, &same, &found, &with.reference.structures)? };
    let drawn_elements = match elements {
        ElementDraws::Uniform => "elements drawn uniformly, as published",
        ElementDraws::Training => "elements of random training crystals",
    };
    let note = format!(
        "retrained on {} crystals of MP-20's training split, not on the published {} of MP, OQMD and ICSD, from which \
         the published figures are; checkpoint {} (SHA-256 {}…); {drawn_elements}; {} draws, {}; {} of {} crystals \
         valid; ± is a bootstrap over the crystals{}",
        weights.triples.len(),
        published_counts().iter().sum::<u32>(),
        weights.path,
        &weights.sha256[..12],
        draws,
        in_words(&yields),
        usable.len(),
        found.len(),
        keeper.note(name),
    );
    Ok(Sampled { usable, further, note })
}

/// The reference's structures whose space group is one of the 20.
pub(crate) fn in_own_groups(reference: &Reference) -> Vec<Fingerprints> {
    let is_own = |number: Option<u8>| {
        let number = number.and_then(|number| SpaceGroupNumber::new(i64::from(number)).ok());
        number.is_some_and(|number| group_index(number).is_some())
    };
    let pairs = reference.structures.iter().zip(&reference.properties);
    pairs.filter(|(_, properties)| is_own(properties.space_group)).map(|(one, _)| one.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_thirds_of_the_test_split_are_in_the_groups() {
        let reference = Reference::compiled_in().expect("compiled in");
        assert_eq!(reference.structures.len(), reference.properties.len());
        assert!((5000..5100).contains(&in_own_groups(&reference).len()), "5041 by the files' own groups");
    }
}
