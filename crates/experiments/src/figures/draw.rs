//! The four pictures and their tables of numbers.

use anyhow::Result;
use crystal_core::{CrystalSystem, SpaceGroup, Species};
use plotters::style::RGBColor;

use super::Figure;
use super::bars::{Bar, Label, Panel, Tick, grouped, headroom, picture};
use super::counts::{Counts, SYSTEMS, system_of};

const BLUE: RGBColor = RGBColor(46, 109, 164);
const TEAL: RGBColor = RGBColor(38, 138, 120);
/// Half the width of a bar on an axis of whole numbers.
const HALF: f64 = 0.4;
/// How many of the most frequent space groups are named in the picture.
const NAMED_GROUPS: usize = 14;

/// One colour per crystal system, in the order of [`SYSTEMS`]; told apart by people who do not see red or green as
/// well.
const SYSTEM_COLOURS: [RGBColor; 7] = [
    RGBColor(136, 136, 136),
    RGBColor(204, 121, 167),
    RGBColor(213, 94, 0),
    RGBColor(230, 159, 0),
    RGBColor(0, 158, 115),
    RGBColor(86, 180, 233),
    RGBColor(0, 90, 160),
];

/// All figures; `scope` says in the captions which structures are counted.
pub(super) fn all(counts: &Counts, scope: &str) -> Result<Vec<Figure>> {
    Ok(vec![families(counts, scope)?, space_groups(counts, scope)?, elements(counts, scope)?, sites(counts, scope)?])
}

fn percent(part: usize, whole: usize) -> String {
    format!("{:.1} %", 100.0 * part as f64 / whole.max(1) as f64)
}

fn colour_of(system: CrystalSystem) -> RGBColor {
    SYSTEM_COLOURS[SYSTEMS.iter().position(|known| *known == system).expect("all systems are listed")]
}

/// Figure 4. The hexagonal family is one bar of two systems.
fn families(counts: &Counts, scope: &str) -> Result<Figure> {
    let family = |system: CrystalSystem| match system {
        CrystalSystem::Trigonal => CrystalSystem::Hexagonal,
        other => other,
    };
    let systems = counts.systems();
    let total = counts.with_space_group();
    let mut names: Vec<CrystalSystem> = SYSTEMS.map(family).to_vec();
    names.dedup();
    let mut heights = vec![0; names.len()];
    let (mut bars, mut labels) = (Vec::new(), Vec::new());
    let mut csv = "family,system,structures\n".to_owned();
    for (system, structures) in SYSTEMS.into_iter().zip(systems) {
        let place = names.iter().position(|name| *name == family(system)).expect("every family is listed");
        let (x, bottom) = (place as f64, heights[place]);
        heights[place] += structures;
        let (bottom, top) = (bottom as f64, heights[place] as f64);
        bars.push(Bar { from: x - HALF, to: x + HALF, bottom, top, colour: colour_of(system) });
        csv += &format!("{},{system},{structures}\n", family(system));
        // The two systems of one family are told apart inside of its bar.
        if matches!(system, CrystalSystem::Trigonal | CrystalSystem::Hexagonal) && structures > 0 {
            let text = format!("{system}: {}", grouped(structures));
            labels.push(Label { x, y: (bottom + top) / 2.0, lift: -6, text, size: 12 });
        }
    }
    let top = headroom(heights.iter().copied().max().unwrap_or(0));
    for (place, height) in heights.iter().enumerate() {
        let text = format!("{} ({})", grouped(*height), percent(*height, total));
        labels.push(Label { x: place as f64, y: *height as f64, lift: 4, text, size: 14 });
    }
    let ticks = names.iter().enumerate().map(|(place, name)| Tick {
        x: place as f64,
        drop: 8,
        text: name.to_string(),
        size: 14,
    });
    let panel = Panel {
        x: -0.6..names.len() as f64 - 0.4,
        top,
        x_name: "crystal family".to_owned(),
        y_name: "structures".to_owned(),
        bars,
        labels,
        ticks: ticks.collect(),
    };
    let caption = format!("{} structures: {scope}", grouped(total));
    let svg = picture((980, 560), "Structures by crystal family", &caption, &[], &[panel])?;
    Ok(Figure { stem: "figure4-crystal-families", svg, csv })
}

/// Figure 5.
fn space_groups(counts: &Counts, scope: &str) -> Result<Figure> {
    let mut csv = "space_group,symbol,system,structures\n".to_owned();
    for number in 1..=230_u8 {
        let group = SpaceGroup::from_number(i64::from(number))?;
        let structures = counts.space_groups.get(&number).copied().unwrap_or(0);
        csv += &format!("{number},{},{},{structures}\n", group.symbol(), group.system());
    }
    let bar = |(number, structures): (&u8, &usize)| {
        let x = f64::from(*number);
        Bar {
            from: x - HALF,
            to: x + HALF,
            bottom: 0.0,
            top: *structures as f64,
            colour: colour_of(system_of(*number)),
        }
    };
    let mut by_count: Vec<(u8, usize)> =
        counts.space_groups.iter().map(|(number, structures)| (*number, *structures)).collect();
    by_count.sort_by_key(|(number, structures)| (std::cmp::Reverse(*structures), *number));
    let highest = by_count.first().map_or(0, |(_, structures)| *structures);
    let mut labels: Vec<Label> = Vec::new();
    for (number, structures) in by_count.iter().take(NAMED_GROUPS) {
        let taller = |mut beside: std::ops::RangeInclusive<u8>| {
            beside.any(|other| counts.space_groups.get(&other).is_some_and(|height| height > structures))
        };
        // A number of three digits is four units of the axis wide: away from a taller bar beside its own, it stands
        // clear of it.
        let shift = match (taller(number.saturating_sub(2)..=number - 1), taller(number + 1..=number + 2)) {
            (false, false) => 0.0,
            (true, false) => 1.4,
            (false, true) => -1.4,
            (true, true) => continue,
        };
        let (x, y) = (f64::from(*number) + shift, *structures as f64);
        let touches = |other: &Label| (other.x - x).abs() < 4.5 && (other.y - y).abs() < 0.04 * highest as f64;
        if !labels.iter().any(touches) {
            labels.push(Label { x, y, lift: 2, text: number.to_string(), size: 12 });
        }
    }
    let numbers =
        (10..=230).step_by(10).map(|number| Tick { x: f64::from(number), drop: 6, text: number.to_string(), size: 12 });
    let systems = SYSTEMS.iter().zip(counts.systems()).filter(|(_, structures)| *structures > 0);
    let legend: Vec<_> = systems.map(|(system, _)| (system.to_string(), colour_of(*system))).collect();
    let panel = Panel {
        x: 0.0..231.0,
        top: headroom(highest),
        x_name: "number of the space group".to_owned(),
        y_name: "structures".to_owned(),
        bars: counts.space_groups.iter().map(bar).collect(),
        labels,
        ticks: numbers.collect(),
    };
    let caption = format!(
        "{} structures in {} of 230 space groups: {scope}",
        grouped(counts.with_space_group()),
        counts.space_groups.len()
    );
    let svg = picture((1400, 560), "Structures by space group", &caption, &legend, &[panel])?;
    Ok(Figure { stem: "figure5-space-groups", svg, csv })
}

/// Figure 6: structures that contain each element, and its atoms.
fn elements(counts: &Counts, scope: &str) -> Result<Figure> {
    let rows = counts.elements.iter().map(|(species, element)| {
        format!("{},{species},{},{},{}\n", species.atomic_number(), element.structures, element.atoms, element.sites)
    });
    let csv = format!("atomic_number,element,structures,atoms,non_equivalent_sites\n{}", rows.collect::<String>());
    let panel = |y_name: &str, colour: RGBColor, value: fn(&super::ElementCounts) -> usize, whole: usize| {
        let x = |species: &Species| f64::from(species.atomic_number());
        let mut by_count: Vec<_> = counts.elements.iter().map(|(species, element)| (species, value(element))).collect();
        by_count.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let highest = by_count.first().map_or(0, |(_, count)| *count);
        let last = counts.elements.keys().next_back().map_or(1, |species| species.atomic_number());
        let label = |(species, count): &(&Species, usize)| Label {
            x: x(species),
            y: *count as f64,
            lift: 3,
            text: percent(*count, whole),
            size: 11,
        };
        // Neighbours in the table stand closer than a share is wide: only the most frequent element is given its own.
        let labels = by_count.iter().take(1).map(label).collect();
        let mut ticks: Vec<Tick> = counts
            .elements
            .keys()
            .map(|species| Tick { x: x(species), drop: 4, text: species.to_string(), size: 11 })
            .collect();
        let tens = (10..=last).step_by(10);
        ticks.extend(tens.map(|number| Tick { x: f64::from(number), drop: 22, text: number.to_string(), size: 12 }));
        Panel {
            x: 0.0..f64::from(last) + 1.0,
            top: headroom(highest),
            x_name: "atomic number".to_owned(),
            y_name: y_name.to_owned(),
            bars: by_count
                .iter()
                .map(|(species, count)| Bar {
                    from: x(species) - HALF,
                    to: x(species) + HALF,
                    bottom: 0.0,
                    top: *count as f64,
                    colour,
                })
                .collect(),
            labels,
            ticks,
        }
    };
    let atoms = counts.elements.values().map(|element| element.atoms).sum();
    let panels = [
        panel("structures with the element", BLUE, |element| element.structures, counts.n_structures),
        panel("atoms in the cells", TEAL, |element| element.atoms, atoms),
    ];
    let caption = format!(
        "{} structures, {} atoms in the cells as the data give them, {} elements: {scope}",
        grouped(counts.n_structures),
        grouped(atoms),
        counts.elements.len()
    );
    let svg = picture((1640, 860), "Structures and atoms by element", &caption, &[], &panels)?;
    Ok(Figure { stem: "figure6-elements", svg, csv })
}

/// Figure 7.
fn sites(counts: &Counts, scope: &str) -> Result<Figure> {
    let pairs: usize = counts.sites_per_element.values().sum();
    let rows = counts.sites_per_element.iter().map(|(sites, pairs)| format!("{sites},{pairs}\n"));
    let csv = format!("non_equivalent_sites,structure_element_pairs\n{}", rows.collect::<String>());
    let highest = counts.sites_per_element.values().copied().max().unwrap_or(0);
    let last = counts.sites_per_element.keys().copied().max().unwrap_or(1);
    let label = |(sites, pairs_here): (&u32, &usize)| {
        let (x, y) = (f64::from(*sites), *pairs_here as f64);
        let count = Label { x, y, lift: 4, text: grouped(*pairs_here), size: 12 };
        // The share stands above the count where it says something.
        let share = Label { x, y, lift: 20, text: percent(*pairs_here, pairs), size: 12 };
        if *pairs_here * 1000 >= pairs { vec![count, share] } else { vec![count] }
    };
    let bar = |(sites, pairs): (&u32, &usize)| {
        let x = f64::from(*sites);
        Bar { from: x - HALF, to: x + HALF, bottom: 0.0, top: *pairs as f64, colour: BLUE }
    };
    let panel = Panel {
        x: 0.4..f64::from(last.max(6)) + 0.6,
        top: headroom(highest),
        x_name: "non-equivalent sites of one element in one structure".to_owned(),
        y_name: "structure–element pairs".to_owned(),
        bars: counts.sites_per_element.iter().map(bar).collect(),
        labels: counts.sites_per_element.iter().flat_map(label).collect(),
        ticks: (1..=last)
            .map(|sites| Tick { x: f64::from(sites), drop: 8, text: sites.to_string(), size: 13 })
            .collect(),
    };
    let caption = format!(
        "{} pairs of a structure and one of its elements, {} structures: {scope}",
        grouped(pairs),
        grouped(counts.n_structures - counts.not_reduced)
    );
    let svg = picture((1180, 560), "Non-equivalent sites per element", &caption, &[], &[panel])?;
    Ok(Figure { stem: "figure7-sites-per-element", svg, csv })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::counts::tests::records;

    /// The texts of a picture.
    fn texts(svg: &str) -> Vec<&str> {
        svg.split("<text")
            .skip(1)
            .filter_map(|part| part.split('>').nth(1)?.split("</text").next())
            .map(str::trim)
            .collect()
    }

    fn figures() -> Vec<Figure> {
        all(&Counts::of(&records()), "hand-made").expect("four figures")
    }

    #[test]
    fn families_hold_their_names_and_counts() {
        let figure = &figures()[0];
        let texts = texts(&figure.svg);
        for text in
            ["triclinic", "monoclinic", "orthorhombic", "tetragonal", "hexagonal", "cubic", "2 (100.0 %)", "0 (0.0 %)"]
        {
            assert!(texts.contains(&text), "{text} in {texts:?}");
        }
        assert!(figure.csv.ends_with("hexagonal,trigonal,0\nhexagonal,hexagonal,0\ncubic,cubic,2\n"), "{}", figure.csv);
    }

    #[test]
    fn space_groups_name_the_frequent_ones() {
        let figure = &figures()[1];
        assert!(texts(&figure.svg).contains(&"221"));
        assert_eq!(figure.csv.lines().count(), 231);
        assert!(figure.csv.contains("\n221,P m -3 m,cubic,2\n"), "{}", figure.csv);
    }

    #[test]
    fn every_element_stands_in_both_panels() {
        let figure = &figures()[2];
        let texts = texts(&figure.svg);
        for symbol in ["O", "Cl", "Ti", "Sr", "Cs"] {
            assert_eq!(texts.iter().filter(|text| **text == symbol).count(), 2, "{symbol}");
        }
        assert!(figure.csv.contains("\n8,O,2,5,1\n"), "{}", figure.csv);
    }

    #[test]
    fn sites_have_their_counts() {
        let figure = &figures()[3];
        assert!(texts(&figure.svg).contains(&"100.0 %"));
        assert_eq!(figure.csv, "non_equivalent_sites,structure_element_pairs\n1,5\n");
    }

    #[test]
    fn no_text_leaves_the_picture() {
        for figure in figures() {
            let size = |name: &str| -> f64 {
                let rest = figure.svg.split(&format!("{name}=\"")).nth(1).expect("a size");
                rest.split('"').next().expect("a number").parse().expect("a number")
            };
            let (width, height) = (size("width"), size("height"));
            for part in figure.svg.split("<text").skip(1) {
                let value = |name: &str| -> f64 {
                    let rest = part.split(&format!(" {name}=\"")).nth(1).expect("a coordinate");
                    rest.split('"').next().expect("a number").parse().expect("a number")
                };
                assert!(
                    (0.0..=width).contains(&value("x")) && (0.0..=height).contains(&value("y")),
                    "{}: {part}",
                    figure.stem
                );
            }
        }
    }
}
