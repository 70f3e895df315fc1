//! The report of a search: one HTML file.

use std::fmt::Write;
use std::path::Path;

use crystal_core::io;
use druse::output::write_file;
use druse::provenance::VERSION;
use report_page::{
    Crystal, GALLERY, GALLERY_HTML, NODES, Report, ReportError, VIEWER, escaped, fill, html_table, looks, plain_rows,
};
use serde_json::json;
use stability::{Diagram, Mark, ReferenceSet, phase_diagram};

use crate::run::bands_file;
use crate::verify::decomposition_text;
use crate::{Candidate, Found, Orders, SearchError, milli};

const SECTIONS: &str = include_str!("page/page.html");
const LINKS: [(&str, &str); 6] = [
    ("candidates", "Candidates"),
    ("diagram", "Phase diagram"),
    ("crystals", "Crystals"),
    ("phonons", "Phonons"),
    ("limits", "What it does not say"),
    ("search", "Search"),
];
const OWN_STYLE: &str = include_str!("page/page.css");
const PROGRAMS: [&str; 4] = [NODES, VIEWER, GALLERY, include_str!("page/page.js")];

/// Name of the report in the folder of a search.
pub const REPORT: &str = "report.html";

/// Tolerance at which the conventional cell that is drawn is found, Å.
const SYMPREC: f64 = 0.05;

const HEADERS: [&str; 11] = [
    "Candidate",
    "Space group",
    "Above the hull, meV/atom",
    "Heat of formation, kJ/mol",
    "Lowest frequency, THz",
    "Stable",
    "New",
    "Nearest known",
    "Prototype",
    "Samples",
    "Decomposes into",
];

/// Writes the report of a search into its folder.
///
/// # Errors
/// If the phase diagram cannot be drawn or the file not be written.
pub fn write_report(found: &Found, reference: &ReferenceSet, folder: &Path) -> Result<(), SearchError> {
    let html = page(found, reference, folder)?;
    Ok(write_file(&folder.join(REPORT), html)?)
}

fn page(found: &Found, reference: &ReferenceSet, folder: &Path) -> Result<String, SearchError> {
    let identity = &found.identity;
    let settings = &identity.settings;
    let crystals: Vec<Crystal> = found.candidates.iter().map(crystal).collect::<Result<_, _>>()?;
    let data = json!({ "crystals": crystals, "looks": looks(&crystals) });
    let threshold = format!("{}", phonon::STABLE_ABOVE_THZ).replace('-', "−");
    let known = identity.known.as_ref().map(|known| format!(", and not a structure of {known}")).unwrap_or_default();
    let text = serde_json::to_string_pretty(settings).map_err(|error| text_error(&error.into()))?;
    let certificate = found.candidates.first().map(|best| format!("candidates/{}.certificate.json", best.file_stem()));
    let verify = format!("druse verify {}", certificate.as_deref().unwrap_or("CERTIFICATE"));
    let values = [
        ("potential", escaped(&identity.potential.name)),
        ("reference", escaped(&identity.reference.name)),
        ("threshold", threshold),
        ("candidates", html_table(HEADERS, found.candidates.iter().map(|candidate| ("", cells(candidate))))),
        ("diagram", diagram(found, reference)?),
        ("gallery", GALLERY_HTML.trim_end().to_owned()),
        ("phonons", found.candidates.iter().map(|candidate| bands(candidate, folder)).collect()),
        ("known", escaped(&known)),
        ("again", escaped(&again(found))),
        ("verify", escaped(&verify)),
        ("counts", counts(found)),
        ("tools", tools(found, reference)),
        ("seconds", plain_rows(found.seconds.iter().map(|(stage, seconds)| (*stage, format!("{seconds:.1} s"))))),
        ("settings", escaped(&text)),
    ];
    let values: Vec<(&str, &str)> = values.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let sections = fill(SECTIONS, &values).map_err(|error| text_error(&error))?;
    let report = Report {
        title: &format!("{}: candidates", settings.system()),
        kicker: "Druse, report of a search",
        name: &settings.system(),
        heading: &heading(found),
        links: &LINKS,
        without_programs: "The crystals of this page are drawn by its own program, which needs JavaScript. Tables and \
                           pictures do not.",
        own_style: OWN_STYLE,
        sections: &sections,
        data: &data,
        programs: &PROGRAMS,
        version: VERSION,
    };
    report.html().map_err(|error| text_error(&error))
}

fn text_error(error: &ReportError) -> SearchError {
    SearchError::Text { what: "the report", reason: error.to_string() }
}

fn heading(found: &Found) -> String {
    let counts = &found.counts;
    format!(
        "{} candidates out of {} sampled structures: {} relaxed, {} different, {} of them new, {} at most 0.1 eV/atom above the hull",
        found.candidates.len(),
        counts.sampled,
        counts.relaxed,
        counts.unique,
        counts.novel,
        counts.below_limit
    )
}

fn crystal(candidate: &Candidate) -> Result<Crystal, SearchError> {
    let stem = candidate.file_stem();
    let cif = io::to_cif_symmetric(&candidate.relaxed.unit.unit()?, &stem);
    let mut facts = vec![
        ("Above hull", milli(candidate.relaxed.energy_above_hull) + " meV/atom"),
        ("Formation", format!("{:.2} kJ/mol", candidate.formation_energy_kj_per_mol())),
        ("Decomposes", decomposition_text(&candidate.decomposition)),
        ("Frequency", frequency(candidate) + " THz"),
        ("New", yes_or_no(candidate.novelty.novel)),
    ];
    facts.extend(candidate.novelty.prototype.clone().map(|prototype| ("Prototype", prototype)));
    Ok(Crystal::new(&stem, &candidate.structure, SYMPREC, Some(cif)).with_facts(facts))
}

pub(crate) fn yes_or_no(value: bool) -> String {
    if value { "yes".to_owned() } else { "no".to_owned() }
}

fn frequency(candidate: &Candidate) -> String {
    candidate.min_frequency_thz().map_or_else(|| "–".to_owned(), |frequency| format!("{frequency:.2}"))
}

fn cells(candidate: &Candidate) -> [String; 11] {
    let dash = || "–".to_owned();
    [
        format!("{} {}", candidate.rank, candidate.formula),
        candidate.space_group.map_or_else(dash, |group| group.to_string()),
        milli(candidate.relaxed.energy_above_hull),
        format!("{:.2}", candidate.formation_energy_kj_per_mol()),
        frequency(candidate),
        candidate.dynamically_stable().map_or_else(dash, yes_or_no),
        yes_or_no(candidate.novelty.novel),
        candidate.novelty.nearest.as_ref().map_or_else(dash, |nearest| nearest.id.clone()),
        candidate.novelty.prototype.clone().unwrap_or_else(dash),
        candidate.times.to_string(),
        decomposition_text(&candidate.decomposition),
    ]
}

/// The phase diagram with the candidates: a picture of two and three elements, else a table.
fn diagram(found: &Found, reference: &ReferenceSet) -> Result<String, SearchError> {
    let settings = &found.identity.settings;
    let hull = reference.hull(settings.elements.iter().copied());
    let mark = |candidate: &Candidate| Mark {
        label: candidate.rank.to_string(),
        composition: crystal_core::Composition::of(&candidate.structure),
        energy_per_atom: candidate.energy_per_atom,
    };
    let marks: Vec<Mark> = found.candidates.iter().map(mark).collect();
    let caption = format!("potential: {}", found.identity.potential);
    Ok(match phase_diagram(&hull, &marks, &caption)? {
        Diagram::Svg(svg) => {
            let title = format!("Phase diagram of {}", settings.system());
            format!("<figure class=\"diagram\">{}</figure>", picture(&svg, &title))
        }
        Diagram::Table(rows) => format!("<pre>{}</pre>", escaped(&stability::table_text(&rows))),
    })
}

/// The bands of a candidate, or why there are none.
fn bands(candidate: &Candidate, folder: &Path) -> String {
    let title = format!("{} {} in {}", candidate.rank, candidate.formula, candidate.relaxed.unit.space_group);
    let text = match candidate.phonons.as_ref().map(|phonons| &phonons.outcome) {
        None => "not computed: the time ended before".to_owned(),
        Some(Err(reason)) => format!("none: {reason}"),
        Some(Ok(outcome)) => {
            let [a, b, c] = outcome.stability.supercell;
            let mut text =
                format!("supercell {a} × {b} × {c}, lowest frequency {:.3} THz", outcome.stability.min_frequency_thz);
            outcome.warnings.iter().for_each(|warning| {
                let _ = write!(text, "; {warning}");
            });
            text
        }
    };
    let svg = std::fs::read_to_string(folder.join(bands_file(candidate.relaxed.sample))).unwrap_or_default();
    let drawn = if svg.is_empty() { String::new() } else { picture(&svg, &format!("Phonon bands of {title}")) };
    let (title, text) = (escaped(&title), escaped(&text));
    format!("<figure><figcaption><h3>{title}</h3><p>{text}</p></figcaption>{drawn}</figure>\n")
}

/// An SVG as a picture, whose style the page does not touch.
fn picture(svg: &str, title: &str) -> String {
    let mut data = String::with_capacity(2 * svg.len());
    for byte in svg.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'/' | b':' | b'=' | b';' | b',' | b' ' => {
                data.push(char::from(byte));
            }
            other => {
                let _ = write!(data, "%{other:02X}");
            }
        }
    }
    format!("<img alt=\"{}\" src=\"data:image/svg+xml,{data}\">", escaped(title))
}

/// The command that gives the same list.
fn again(found: &Found) -> String {
    let settings = &found.identity.settings;
    let mut command = format!("druse find --system {} --seed {}", settings.system(), settings.seed);
    match &settings.orders {
        Orders::Prior { formula, .. } | Orders::Proposer { formula, .. } => {
            if !settings.proposes() {
                command += " --proposer prior";
            }
            if let Some(formula) = formula {
                let _ = write!(command, " --formula {}", formula.formula());
            }
        }
        // The command has no such orders: they are those of the paper's Table 3.
        Orders::Sites { .. } => {
            return format!("cargo xtask reproduce table3 --seed {} -- --system {}", settings.seed, settings.system());
        }
    }
    if let Some(space_group) = settings.space_group {
        let _ = write!(command, " --space-group {space_group}");
    }
    format!("{command} --rounds {} --top {} --out DIR", found.rounds, found.top)
}

fn counts(found: &Found) -> String {
    let counts = &found.counts;
    let cells = [
        ("rounds of 8 samples", found.rounds.to_string()),
        ("sampled", counts.sampled.to_string()),
        ("relaxed and put on the hull", counts.relaxed.to_string()),
        ("different", counts.unique.to_string()),
        ("different and new", counts.novel.to_string()),
        ("different, at most 0.1 eV/atom above the hull", counts.below_limit.to_string()),
    ];
    plain_rows(cells)
}

fn tools(found: &Found, reference: &ReferenceSet) -> String {
    let identity = &found.identity;
    let tool = |tool: &crate::Tool| format!("{}, SHA-256 {}", tool.name, tool.sha256);
    let cells = [
        ("network", tool(&identity.network)),
        ("proposer", identity.proposer.as_ref().map_or_else(|| "none".to_owned(), &tool)),
        ("potential", tool(&identity.potential)),
        ("reference of the hull", tool(&identity.reference)),
        ("its data", format!("{}, SHA-256 {}", reference.data().name, reference.data().sha256)),
        ("its relaxations", reference.settings().to_owned()),
        ("its corrections", format!("{:?}", reference.scheme())),
        ("known beside it", identity.known.as_ref().map_or_else(|| "nothing".to_owned(), tool)),
    ];
    plain_rows(cells)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_keep_their_content_and_end_no_attribute() {
        let picture = picture("<svg a=\"1\">é#%&</svg>", "a \"b\"");
        assert_eq!(
            picture,
            "<img alt=\"a &quot;b&quot;\" src=\"data:image/svg+xml,%3Csvg a=%221%22%3E%C3%A9%23%25%26%3C/svg%3E\">"
        );
    }

    #[test]
    fn the_programs_do_not_end_their_element() {
        assert!(PROGRAMS.iter().all(|program| report_page::may_stand_in_script(program)));
    }
}
