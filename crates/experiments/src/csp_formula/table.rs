//! The tables.

use comfy_table::{Table, presets::ASCII_MARKDOWN};

use super::Task;
use super::score::Row;

pub(super) fn markdown(rows: &[Row], task: &Task, proposed: f64, by_energy: bool) -> String {
    let n = task.entries.len();
    let percent = |share: f64| {
        let error = (share * (1.0 - share) / n.max(1) as f64).sqrt();
        format!("{:.1} ± {:.1}", 100.0 * share, 100.0 * error)
    };
    let mut table = Table::new();
    table.load_preset(ASCII_MARKDOWN).set_header([
        "chosen by",
        "one structure, %",
        "RMSE",
        "METRe, %",
        "cRMSE",
        "best of 3, %",
        "best of 5, %",
        "best of 20, %",
    ]);
    for row in rows {
        let [three, five, twenty] = row.among.map(percent);
        table.add_row([
            row.name.clone(),
            percent(row.match_rate),
            row.rmse.map_or_else(|| "–".to_owned(), |rmse| format!("{rmse:.3}")),
            percent(row.metre),
            format!("{:.3}", row.crmse),
            three,
            five,
            twenty,
        ]);
    }
    let mut split = Table::new();
    let bins = rows.first().map(|row| row.by_free_parameters.as_slice()).unwrap_or_default();
    let heads = bins.iter().map(|(name, n, ..)| format!("{name} ({n})"));
    split.load_preset(ASCII_MARKDOWN).set_header(["one / of 20, %".to_owned()].into_iter().chain(heads));
    for row in rows {
        let cells = row.by_free_parameters.iter().map(|(_, n, one, twenty)| match n {
            0 => "–".to_owned(),
            _ => format!("{:.1} / {:.1}", 100.0 * one, 100.0 * twenty),
        });
        split.add_row([row.name.clone()].into_iter().chain(cells).collect::<Vec<_>>());
    }
    let energy = "\n(*) The potential has seen the Materials Project's structures, those of MP-20's test split among them, in its \
                  training: these rows are no fair figures of prediction.\n";
    format!(
        "{table}\n\nBy free parameters of the true positions (structures):\n{split}\n\n\
         A match is StructureMatcher's (stol 0.5, ltol 0.3, angle 10°, primitive cells, scaled). One structure: the first choice \
         for each question against each of its structures. METRe: as many structures as the formula has entries, each compared \
         with every entry of the reduced formula; cRMSE: the mean of the smallest distance, 0.5 without a match. Best of k: one of the \
         first k choices matches. ± is the standard error of a share of {n} structures. True group and positions are among \
         the proposals tried for {:.1} % of the structures.\n{}",
        100.0 * proposed,
        if by_energy { energy } else { "" },
    )
}
