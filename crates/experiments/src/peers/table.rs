//! The table as Markdown.

use comfy_table::{Table, presets::ASCII_MARKDOWN};

use super::Row;
use crate::table::Measured;
use crate::table1::reference::Reference;

pub(super) fn markdown(rows: &[Row], reference: &Reference, origins: &[String]) -> String {
    let mut table = Table::new();
    table.load_preset(ASCII_MARKDOWN).set_header([
        "samples",
        "n",
        "valid structure, %",
        "valid composition, %",
        "COV-P",
        "COV-R",
        "FD CrystalNN",
        "FD CGCNN",
        "unique, %",
        "novel, %",
        "≤ 0, %",
        "≤ 0.1 eV/atom, %",
        "S.U.N., %",
        "M.S.U.N., %",
        "dynamically stable",
    ]);
    let dash = || "–".to_owned();
    let percent = |share: f64| format!("{:.1}", 100.0 * share);
    let figure =
        |figure: Option<Measured>| figure.map_or_else(dash, |Measured { value, std }| format!("{value:.3} ± {std:.3}"));
    for row in rows {
        let stability = row.stability.as_ref();
        let of = |value: fn(&super::Stability) -> f64| stability.map_or_else(dash, |found| percent(value(found)));
        let phonons = stability.and_then(|found| found.dynamically_stable);
        table.add_row([
            row.name.clone(),
            row.n.to_string(),
            percent(row.structure_validity),
            percent(row.composition_validity),
            figure(row.figures.cov_p),
            figure(row.figures.cov_r),
            figure(row.figures.fd_crystalnn),
            figure(row.figures.fd_cgcnn),
            percent(row.uniqueness),
            row.novelty.map_or_else(dash, percent),
            of(|found| found.stable),
            of(|found| found.up_to_0_1),
            of(|found| found.sun),
            of(|found| found.msun),
            phonons.map_or_else(dash, |(stable, of)| format!("{stable} of {of}")),
        ]);
    }
    let files = rows.iter().map(|row| {
        let hash = row.sha256.as_ref().map_or_else(|| "a folder".to_owned(), |hash| format!("SHA-256 `{hash}`"));
        let unreadable = match row.unreadable {
            0 => String::new(),
            n => format!("; {n} of {} entries are no structures and count as failures", row.n),
        };
        format!("- {}: {hash}{unreadable}\n", row.name)
    });
    let origins: String = origins.iter().map(|text| format!("> {text}\n")).collect();
    format!(
        "{table}\n\nCoverage and Fréchet distances are of the valid structures against all {} structures of the test split of {}; ± is \
         a bootstrap over the samples. Shares are of all samples. Unique and novel of the first columns: as sampled, StructureMatcher \
         with stol 0.5, ltol 0.3 and 10°, against the training split. The last five columns: after relaxation by the potential, \
         from the runs of `stability --generated`.\n\n{}\n{origins}",
        reference.structures.len(),
        reference.data,
        files.collect::<String>(),
    )
}
