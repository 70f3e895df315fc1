//! Distributions of generated structures beside those of the test split.

use crystal_core::whole;
use crystal_core::{SpaceGroup, Species};
use metrics::wasserstein_distance;
use serde::Serialize;

use crate::properties::Properties;

/// Bars of a histogram over a continuous quantity.
const N_BINS: usize = 36;
/// The axis ends at this quantile of the wider set; what lies beyond is counted beside the picture.
const AXIS_END: f64 = 0.995;
/// But no farther than this many times as far as the test split's goes: a few diverged cells must not flatten all
/// others.
const STRETCH: f64 = 2.0;
/// Space groups there are.
const N_GROUPS: usize = 230;

/// A distribution of both sets, ready to be drawn.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Distribution {
    /// Name in links.
    pub id: &'static str,
    /// What is shown.
    pub title: &'static str,
    /// Unit of the axis; empty for numbers and names.
    pub unit: &'static str,
    /// Where the bars stand.
    pub axis: Axis,
    /// Generated, then test.
    pub sets: [Shares; 2],
    /// 1-D Wasserstein distance of the two sets in the unit of the axis, where the quantity is a number.
    pub wasserstein: Option<f64>,
}

/// Where the bars of a distribution stand.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Axis {
    /// Bars of equal width side by side.
    Bins {
        /// Lower end of the first.
        start: f64,
        /// Width of each.
        width: f64,
        /// Whether each bar represents the whole number in its middle.
        whole: bool,
    },
    /// One bar per name.
    Names {
        /// The names.
        names: Vec<String>,
        /// What a name represents in words, if it does.
        meanings: Vec<String>,
    },
}

/// Shares of one set.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Shares {
    /// Structures that have the property.
    pub n: usize,
    /// Share of them in each bar.
    pub shares: Vec<f64>,
    /// Share of them beyond the axis.
    pub beyond: f64,
}

/// All distributions of the report.
pub fn compare(generated: &[Properties], test: &[Properties]) -> Vec<Distribution> {
    let number = |id, title, unit, value: fn(&Properties) -> Option<f32>| {
        let [generated, test] =
            [generated, test].map(|set| set.iter().filter_map(value).map(f64::from).collect::<Vec<f64>>());
        numbers(id, title, unit, &generated, &test)
    };
    let whole = |id, title, value: fn(&Properties) -> Option<usize>| {
        let [generated, test] = [generated, test].map(|set| set.iter().filter_map(value).collect::<Vec<usize>>());
        whole_numbers(id, title, &generated, &test)
    };
    vec![
        number("density", "Density", "g/cm³", |properties| properties.density),
        number("distance", "Shortest distance between two atoms", "Å", |properties| properties.shortest_distance),
        number("volume", "Volume per atom", "Å³", |properties| Some(properties.volume_per_atom)),
        whole("n-elements", "Elements per structure", |properties| Some(properties.elements.len())),
        whole("n-sites", "Non-equivalent sites", |properties| properties.n_sites),
        whole("n-atoms", "Atoms in the primitive cell", |properties| Some(properties.n_atoms)),
        elements(generated, test),
        space_groups(generated, test),
        number("a", "Length a", "Å", |properties| properties.cell.map(|cell| cell[0])),
        number("b", "Length b", "Å", |properties| properties.cell.map(|cell| cell[1])),
        number("c", "Length c", "Å", |properties| properties.cell.map(|cell| cell[2])),
        number("alpha", "Angle α", "°", |properties| properties.cell.map(|cell| cell[3])),
        number("beta", "Angle β", "°", |properties| properties.cell.map(|cell| cell[4])),
        number("gamma", "Angle γ", "°", |properties| properties.cell.map(|cell| cell[5])),
    ]
}

fn numbers(id: &'static str, title: &'static str, unit: &'static str, generated: &[f64], test: &[f64]) -> Distribution {
    let end_of = |values: &[f64]| {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        sorted.get(whole::count(sorted.len() as f64 * AXIS_END).min(sorted.len().saturating_sub(1))).copied()
    };
    let least = generated.iter().chain(test).copied().fold(f64::INFINITY, f64::min);
    let last = match (end_of(generated), end_of(test)) {
        (Some(end), Some(end_of_test)) => end.min(least + STRETCH * (end_of_test - least)).max(end_of_test),
        (end, end_of_test) => end.or(end_of_test).unwrap_or(f64::NEG_INFINITY),
    };
    let (start, width) = if least < last { nice_bins(least, last) } else { (least.min(last).max(0.0).floor(), 1.0) };
    let shares = |values: &[f64]| {
        // Right angles and other round values must not fall to either side by their last digit.
        shares_of(values.iter().map(|value| whole::count(((value - start) / width + 1e-6).floor().max(0.0))), N_BINS)
    };
    let sets = [shares(generated), shares(test)];
    let wasserstein = wasserstein_distance(generated, test).ok();
    Distribution { id, title, unit, axis: Axis::Bins { start, width, whole: false }, sets, wasserstein }
}

/// Start and width of at most [`N_BINS`] bins over a range, at round numbers.
fn nice_bins(least: f64, last: f64) -> (f64, f64) {
    // One bin less than there are: the first begins at a round number below `least`.
    let raw = (last - least) / (N_BINS - 1) as f64;
    let power = 10.0_f64.powf(raw.log10().floor());
    let width = [1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0]
        .iter()
        .map(|step| step * power)
        .find(|width| *width >= raw)
        .unwrap_or(10.0 * power);
    ((least / width).floor() * width, width)
}

fn whole_numbers(id: &'static str, title: &'static str, generated: &[usize], test: &[usize]) -> Distribution {
    let [highest, highest_of_test] = [generated, test].map(|set| set.iter().copied().max().unwrap_or(1));
    let highest = highest.min(whole::count(STRETCH * highest_of_test as f64)).max(highest_of_test);
    let shares = |values: &[usize]| shares_of(values.iter().map(|value| value.saturating_sub(1)), highest);
    let [as_f64, test_as_f64] =
        [generated, test].map(|set| set.iter().map(|value| *value as f64).collect::<Vec<f64>>());
    let axis = Axis::Bins { start: 0.5, width: 1.0, whole: true };
    let wasserstein = wasserstein_distance(&as_f64, &test_as_f64).ok();
    Distribution { id, title, unit: "", axis, sets: [shares(generated), shares(test)], wasserstein }
}

/// Shares of structures that contain each element.
fn elements(generated: &[Properties], test: &[Properties]) -> Distribution {
    let mut species: Vec<Species> =
        generated.iter().chain(test).flat_map(|properties| properties.elements.iter().copied()).collect();
    species.sort_unstable();
    species.dedup();
    let shares = |set: &[Properties]| {
        let with = |species: &Species| set.iter().filter(|properties| properties.elements.contains(species)).count();
        let shares = species.iter().map(|species| with(species) as f64 / set.len().max(1) as f64).collect();
        Shares { n: set.len(), shares, beyond: 0.0 }
    };
    let sets = [shares(generated), shares(test)];
    let names = species.iter().map(ToString::to_string).collect();
    let axis = Axis::Names { names, meanings: Vec::new() };
    Distribution {
        id: "elements",
        title: "Structures that contain each element",
        unit: "",
        axis,
        sets,
        wasserstein: None,
    }
}

fn space_groups(generated: &[Properties], test: &[Properties]) -> Distribution {
    let shares = |set: &[Properties]| {
        shares_of(
            set.iter().filter_map(|properties| properties.space_group).map(|number| usize::from(number) - 1),
            N_GROUPS,
        )
    };
    let sets = [shares(generated), shares(test)];
    let names = (1..=N_GROUPS).map(|number| number.to_string()).collect();
    let symbol = |number| SpaceGroup::from_number(number).map_or("", SpaceGroup::symbol).to_owned();
    let axis = Axis::Names { names, meanings: (1..=N_GROUPS as i64).map(symbol).collect() };
    Distribution { id: "space-groups", title: "Space groups", unit: "", axis, sets, wasserstein: None }
}

fn shares_of(bins: impl Iterator<Item = usize>, n_bins: usize) -> Shares {
    let mut counts = vec![0_usize; n_bins + 1];
    for bin in bins {
        counts[bin.min(n_bins)] += 1;
    }
    let n = counts.iter().sum::<usize>();
    // Five digits are more than any picture shows, and keep the page small.
    let share = |count: usize| (count as f64 / n.max(1) as f64 * 1e5).round() / 1e5;
    let beyond = share(counts[n_bins]);
    Shares { n, shares: counts[..n_bins].iter().map(|count| share(*count)).collect(), beyond }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bins(distribution: &Distribution) -> (f64, f64) {
        match distribution.axis {
            Axis::Bins { start, width, .. } => (start, width),
            Axis::Names { .. } => panic!("{} has names", distribution.id),
        }
    }

    #[test]
    fn every_value_is_in_a_bin_or_beyond() {
        let generated: Vec<f64> = (0..400).map(|index| 1.0 + 0.01 * f64::from(index)).collect();
        let test = vec![3.0; 10];
        let mut far = generated.clone();
        far.push(1e6);
        let distribution = numbers("density", "Density", "g/cm³", &far, &test);
        for set in &distribution.sets {
            let sum: f64 = set.shares.iter().sum::<f64>() + set.beyond;
            assert!((sum - 1.0).abs() < 1e-3, "{set:?}");
        }
        assert!(distribution.sets[0].beyond > 0.0 && distribution.sets[1].beyond == 0.0);
        let (start, width) = bins(&distribution);
        assert!(start <= 1.0 && start + width * N_BINS as f64 > 4.9 && width < 0.3, "{start} {width}");
    }

    #[test]
    fn round_values_fall_into_the_bin_that_begins_there() {
        let distribution = numbers("alpha", "Angle α", "°", &[90.0 - 1e-12, 60.0], &[90.0, 120.0]);
        let (start, width) = bins(&distribution);
        let bin = whole::count(((90.0 - start) / width).round());
        assert_eq!([distribution.sets[0].shares[bin], distribution.sets[1].shares[bin]], [0.5, 0.5]);
    }

    #[test]
    fn a_few_exploded_cells_do_not_stretch_the_axis() {
        let test: Vec<f64> = (0..100).map(|index| 0.1 * f64::from(index)).collect();
        let distribution = numbers("a", "a", "Å", &[1.0, 500.0], &test);
        let (start, width) = bins(&distribution);
        assert!(start + width * N_BINS as f64 <= 25.0, "{start} {width}");
        assert_eq!(distribution.sets[0].beyond, 0.5);
        assert_eq!(whole_numbers("n-atoms", "Atoms", &[1, 400], &[20]).sets[0].shares.len(), 40);
    }

    #[test]
    fn sets_of_one_value_and_empty_sets_can_be_drawn() {
        let (start, width) = bins(&numbers("a", "a", "Å", &[4.0], &[4.0]));
        assert!((start, width) == (4.0, 1.0));
        let (start, width) = bins(&numbers("a", "a", "Å", &[], &[]));
        assert!(start.is_finite() && width.is_finite());
        assert_eq!(numbers("a", "a", "Å", &[], &[1.0]).wasserstein, None);
    }

    #[test]
    fn whole_numbers_stand_in_the_middle_of_their_bars() {
        let distribution = whole_numbers("n-elements", "Elements", &[1, 3, 3, 3], &[2]);
        assert_eq!(bins(&distribution), (0.5, 1.0));
        assert_eq!(distribution.sets[0].shares, [0.25, 0.0, 0.75]);
        assert_eq!(distribution.sets[1].shares, [0.0, 1.0, 0.0]);
    }
}
