//! The table as Markdown.

use comfy_table::{Table, presets::ASCII_MARKDOWN};
use crystal_core::LatticeParameters;

use super::score::{Ceiling, Rebuilt, Row};
use super::targets::Target;

/// What the paper rebuilt after relaxation by DFT, on its own list.
const PUBLISHED: &str = "paper (its own list, DFT)";

pub(super) fn markdown(targets: &[Target], ceiling: &Ceiling, rows: &[Row], samples: usize) -> String {
    let mut text = format!("{}\n", summary(targets, ceiling, rows));
    for (id, reason) in &ceiling.failed {
        text += &format!("\nThe target {id} could not be relaxed: {reason}");
    }
    for row in rows {
        text += &format!(
            "\n\n## {}\n\n{} structures sampled. Cells: conventional; best: the sample nearest to the target.\n\n{}",
            capitalised(row.kind.described()),
            row.sampled,
            details(targets, row, samples)
        );
    }
    text + "\n"
}

/// Rebuilt targets, row by row.
fn summary(targets: &[Target], ceiling: &Ceiling, rows: &[Row]) -> Table {
    let mut table = Table::new();
    table.load_preset(ASCII_MARKDOWN).set_header([
        "given",
        "as sampled",
        "relaxed in the group",
        "then free",
        "free, 0.2/0.3/5°",
        "of known types, free",
        "of new types, free",
    ]);
    let n = targets.len();
    let n_known = targets.iter().filter(|target| target.has_known_type).count();
    let known = |index: usize| targets[index].has_known_type;
    let of = |part: usize, whole: usize| format!("{part} of {whole}");
    for row in rows {
        let [loose, strict] = row.rebuilt(|_| true);
        table.add_row([
            row.kind.described().to_owned(),
            of(loose[0], n),
            of(loose[1], n),
            of(loose[2], n),
            of(strict[2], n),
            of(row.rebuilt(known)[0][2], n_known),
            of(row.rebuilt(|index| !known(index))[0][2], n - n_known),
        ]);
    }
    let [loose, strict] = ceiling.count(|_| true);
    let symmetric = ceiling.kept.iter().filter(|kept| kept[0][0]).count();
    table.add_row([
        "ceiling: the targets themselves, relaxed".to_owned(),
        of(n, n),
        of(symmetric, n),
        of(loose, n),
        of(strict, n),
        of(ceiling.count(known)[0], n_known),
        of(ceiling.count(|index| !known(index))[0], n - n_known),
    ]);
    table.add_row([PUBLISHED, "–", "–", "11 of 36", "–", "–", "–"]);
    table
}

fn details(targets: &[Target], row: &Row, samples: usize) -> Table {
    let mut table = Table::new();
    table.load_preset(ASCII_MARKDOWN).set_header([
        "target",
        "group",
        "type known",
        "right formula",
        "match: sampled / group / free",
        "best rms",
        "best cell, Å",
        "target's cell, Å",
        "paper: MP",
        "paper: sample",
    ]);
    for (target, rebuilt) in targets.iter().zip(&row.targets) {
        let Rebuilt { same_formula, matches: [[sampled, group, free], _], best, .. } = rebuilt;
        let dash = || "–".to_owned();
        let printed = |of: fn(&super::targets::Printed) -> &String| {
            target.paper.as_ref().map_or_else(dash, |paper| of(paper).clone())
        };
        table.add_row([
            format!("{} ({})", target.formula.formula(), target.id),
            target.space_group.number().get().to_string(),
            if target.has_known_type { "yes".to_owned() } else { "no".to_owned() },
            format!("{same_formula} of {samples}"),
            format!("{sampled} / {group} / {free}"),
            best.as_ref().map_or_else(dash, |best| format!("{:.3}", best.rms)),
            best.as_ref().and_then(|best| best.conventional.as_ref()).map_or_else(dash, cell),
            cell(&target.conventional),
            printed(|paper| &paper.lattice_materials_project),
            printed(|paper| &paper.lattice_sampled),
        ]);
    }
    table
}

/// Lengths of a cell; those that differ.
fn cell(parameters: &LatticeParameters) -> String {
    let LatticeParameters { a, b, c, .. } = parameters;
    let mut lengths = vec![*a];
    for length in [*b, *c] {
        if lengths.iter().all(|known| (known - length).abs() > 1e-3) {
            lengths.push(length);
        }
    }
    lengths.iter().map(|length| format!("{length:.3}")).collect::<Vec<_>>().join(", ")
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
