//! How the cost of sampling grows with the number of non-equivalent sites, and with the number of operations.

use anyhow::Result;
use burn::tensor::Device;
use crystal_core::{SitesPerElement, SpaceGroup, SpaceGroupNumber};
use langevin::{OrderedSites, SamplingOrder};

use super::{Measurement, sampling};

/// Structures per batch.
const BATCH: usize = 256;
/// Numbers of sites, in one group.
const SITES: [usize; 6] = [1, 2, 4, 8, 16, 32];
/// The group of the first curve: orthorhombic, 8 operations.
const GROUP: i64 = 62;
/// Groups of 1, 2, 4, 8, 12, 16, 24 and 48 operations, for four sites.
const GROUPS: [i64; 8] = [1, 2, 16, 47, 164, 123, 191, 221];
/// Elements that the sites are made of, in turn.
const ELEMENTS: [&str; 4] = ["O", "Ti", "Ba", "Si"];

/// Both curves.
pub(super) fn measure(device: &Device) -> Result<Vec<Measurement>> {
    let mut figures = Vec::new();
    for n_sites in SITES {
        let what = format!("sampling, {n_sites} sites, 8 operations");
        figures.push(sampling_of(&what, order(GROUP, n_sites)?, device)?);
    }
    for group in GROUPS {
        let n_operations = SpaceGroup::get(SpaceGroupNumber::new(group)?).primitive_operations().len();
        let what = format!("sampling, 4 sites, {n_operations} operations");
        figures.push(sampling_of(&what, order(group, 4)?, device)?);
    }
    Ok(figures)
}

fn sampling_of(what: &str, order: SamplingOrder, device: &Device) -> Result<Measurement> {
    sampling(what, &[order], BATCH, std::slice::from_ref(device))
}

fn order(group: i64, n_sites: usize) -> Result<SamplingOrder> {
    let of_element = |(k, element): (usize, &&str)| {
        let count = (n_sites + ELEMENTS.len() - 1 - k) / ELEMENTS.len();
        (count > 0).then(|| format!("{element}:{count}"))
    };
    let sites: Vec<String> = ELEMENTS.iter().enumerate().filter_map(of_element).collect();
    let sites: SitesPerElement = sites.join(",").parse()?;
    Ok(SamplingOrder { space_group: SpaceGroupNumber::new(group)?, sites: OrderedSites::General(sites), count: BATCH })
}
