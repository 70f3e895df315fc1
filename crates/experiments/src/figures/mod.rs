//! The paper's figures 4 to 7: what its section on the data shows, drawn from the data in use.

mod bars;
mod counts;
mod draw;

use std::path::PathBuf;

use anyhow::{Result, bail};
use datasets::{DataSet, LoadOptions, load, locate};
use druse::config::{read_ron, to_ron};
use druse::output::{writable_folder, write_file};
use druse::{DeviceName, Provenance};
use serde::{Deserialize, Serialize};

pub use counts::{Counts, ElementCounts};

/// What the command line chooses.
#[derive(Debug, Clone)]
pub struct FiguresOptions {
    /// Folder of the data; see `datasets::locate`.
    pub data: Option<PathBuf>,
    /// Folder that holds the runs.
    pub out: PathBuf,
    /// Name of the run's folder.
    pub name: String,
    /// What is counted.
    pub config: FiguresConfig,
}

/// What is counted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FiguresConfig {
    /// Structures of lower space-group number are left out. The paper's figures show the whole data set: 1.
    pub min_space_group: u8,
    /// Tolerance of the symmetry finder, Å.
    pub symprec: f64,
}

/// A picture with its numbers.
struct Figure {
    /// Name of its files without ending.
    stem: &'static str,
    svg: String,
    csv: String,
}

/// Draws the four figures and writes each as SVG and CSV, with configuration and provenance. Returns a summary.
///
/// # Errors
/// If the data cannot be read, the folder holds another run, or a file cannot be written.
pub fn run(options: &FiguresOptions) -> Result<String> {
    let FiguresConfig { min_space_group, symprec } = options.config;
    let settings = LoadOptions { min_space_group, symprec, progress: true, ..LoadOptions::default() };
    run_on(&load(&locate(options.data.as_deref()), &settings)?, options)
}

fn run_on(data: &DataSet, options: &FiguresOptions) -> Result<String> {
    let FiguresConfig { min_space_group, symprec } = options.config;
    let folder = options.out.join(&options.name);
    let config_file = folder.join("config.ron");
    // Figures may be drawn again into their folder; the files of a training or of a table must not be mixed with them.
    if config_file.exists() && read_ron::<FiguresConfig>(&config_file).is_err() {
        bail!("{}: a run of another experiment lies there; choose another --name", folder.display());
    }
    let counts = Counts::of(data.records());
    if counts.n_structures == 0 {
        bail!(
            "{}: no structure has a space group of {min_space_group} or more; choose a smaller --min-space-group",
            data.name
        );
    }
    writable_folder(&folder)?;
    write_file(&config_file, to_ron(&options.config)?)?;
    // Nothing here is random, and nothing is computed on a device.
    let provenance = Provenance::of(data, 0, DeviceName::Cpu);
    write_file(&folder.join("provenance.json"), serde_json::to_string_pretty(&provenance)? + "\n")?;
    let mut summary = format!("{}\n\n", counts.summary(&data.name));
    for figure in draw::all(&counts, &scope(&data.name, min_space_group, symprec))? {
        for (ending, text) in [("svg", &figure.svg), ("csv", &figure.csv)] {
            write_file(&folder.join(format!("{}.{ending}", figure.stem)), text)?;
        }
        summary += &format!("wrote {}\n", folder.join(figure.stem).with_extension("svg").display());
    }
    Ok(summary)
}

/// Which structures a caption speaks of.
fn scope(name: &str, min_space_group: u8, symprec: f64) -> String {
    let groups = if min_space_group <= 1 {
        "all space groups".to_owned()
    } else {
        format!("space groups {min_space_group} to 230")
    };
    format!("{name}, training, validation and test split, {groups}, symmetry at {symprec} Å")
}

#[cfg(test)]
mod tests {
    use super::*;
    use datasets::Source;

    fn options(out: &std::path::Path) -> FiguresOptions {
        FiguresOptions {
            data: None,
            out: out.to_owned(),
            name: "figures".to_owned(),
            config: FiguresConfig { min_space_group: 1, symprec: 0.1 },
        }
    }

    #[test]
    fn every_figure_has_its_files() {
        let settings = LoadOptions { cache_dir: None, ..LoadOptions::default() };
        let data = load(&Source::Embedded, &settings).expect("the embedded set");
        let out = tempfile::tempdir().expect("a folder");
        let summary = run_on(&data, &options(out.path())).expect("figures");
        for stem in
            ["figure4-crystal-families", "figure5-space-groups", "figure6-elements", "figure7-sites-per-element"]
        {
            let read = |ending: &str| std::fs::read_to_string(out.path().join(format!("figures/{stem}.{ending}")));
            let svg = read("svg").expect("a picture");
            assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"), "{stem}");
            assert!(read("csv").expect("a table").lines().count() > 1, "{stem}");
            assert!(summary.contains(stem));
        }
        let provenance = std::fs::read(out.path().join("figures/provenance.json")).expect("a file");
        assert!(serde_json::from_slice::<Provenance>(&provenance).is_ok());
        // Again into the same folder, but not over the files of another experiment.
        run_on(&data, &options(out.path())).expect("figures once more");
        std::fs::write(out.path().join("figures/config.ron"), "(steps: 3)").expect("a file");
        assert!(run_on(&data, &options(out.path())).expect_err("another run's folder").to_string().contains("--name"));
    }

    #[test]
    fn the_caption_says_what_is_counted() {
        assert_eq!(
            scope("mp_20", 1, 0.1),
            "mp_20, training, validation and test split, all space groups, symmetry at 0.1 Å"
        );
        assert!(scope("mp_20", 16, 0.1).contains("space groups 16 to 230"));
    }
}
