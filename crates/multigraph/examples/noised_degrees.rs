//! Edges per structure when the crystals of MP-20 (validation split, space group above 15) are noised: what a choice of [`GraphConfig`]
//! costs, and how many sites are left without a neighbour of another site.
//!
//! `cargo run --release -p multigraph --example noised_degrees -- FOLDER [COUNT]`, FOLDER being the one with `mp_20/val.csv.zst`.

use std::error::Error;
use std::fs::File;
use std::path::Path;
use std::time::Instant;

use crystal_core::{AsymmetricUnit, CrystalState, Finder, Lattice, Site, Structure};
use multigraph::{GraphConfig, MultiGraph, build};
use nalgebra::Vector3;
use rand::RngExt;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("name the folder with mp_20/val.csv.zst")?;
    let count = arguments.next().map_or(Ok(500), |count| count.parse())?;
    let states = read(&Path::new(&folder).join("mp_20/val.csv.zst"), count)?;
    let sites = states.iter().map(|state| state.sites.len()).sum::<usize>();
    let operations = states.iter().map(|state| state.space_group.operations().len()).sum::<usize>();
    let per = |total: usize| total as f64 / states.len() as f64;
    println!("{} structures, {:.2} sites and {:.1} operations each", states.len(), per(sites), per(operations));
    println!(
        "  K  min  max   σ²/Å² | edges/structure: mean p50 p99 max | mean degree | sites without: edges, other sites | r_c/Å | µs"
    );
    for (mean_degree, min_degree, max_mean_degree) in [(40.0, 12, 400), (40.0, 16, 400), (30.0, 12, 400), (40.0, 24, 400)] {
        let config = GraphConfig { mean_degree, min_degree, max_mean_degree, ..GraphConfig::default() };
        for variance in [0.0, 0.001, 0.1, 1.0, 36.0] {
            print!("{mean_degree:3} {min_degree:4} {max_mean_degree:4} {variance:7} | ");
            report(&states, &config, variance)?;
        }
    }
    Ok(())
}

/// Noises all states and prints one line.
fn report(states: &[CrystalState], config: &GraphConfig, variance: f64) -> Result<(), Box<dyn Error>> {
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let mut noised = states.to_vec();
    for state in &mut noised {
        let lattice = state.primitive_lattice()?;
        let mut normal =
            || -> f64 { (-2.0 * (1.0 - rng.random::<f64>()).ln()).sqrt() * (std::f64::consts::TAU * rng.random::<f64>()).cos() };
        let noise = (0..state.sites.len()).map(|_| Vector3::from_fn(|_, _| variance.sqrt() * normal())).collect::<Vec<_>>();
        state.displace(&lattice, &noise);
    }
    let cpu = || {
        std::fs::read_to_string("/proc/thread-self/schedstat")
            .ok()
            .and_then(|t| t.split(' ').next()?.parse::<f64>().ok())
            .unwrap_or(0.0)
            * 1e-9
    };
    let _ = Instant::now();
    let start = cpu();
    let graphs = noised.iter().map(|state| build(state, config)).collect::<Result<Vec<_>, _>>()?;
    let seconds = cpu() - start;

    let mut edges = graphs.iter().map(MultiGraph::n_edges).collect::<Vec<_>>();
    edges.sort_unstable();
    let total = edges.iter().sum::<usize>() as f64;
    let (mut n_sites, mut bare, mut with_others, mut lonely) = (0, 0, 0, 0);
    for graph in &graphs {
        for site in 0..graph.n_sites() {
            let targets = &graph.targets[graph.offsets[site] as usize..graph.offsets[site + 1] as usize];
            n_sites += 1;
            bare += usize::from(targets.is_empty());
            if graph.n_sites() > 1 {
                with_others += 1;
                lonely += usize::from(targets.iter().all(|target| *target as usize == site));
            }
        }
    }
    println!(
        "{:7.0} {:6} {:6} {:6} | {:6.1} | {:6.3} % {:6.3} % | {:5.2} | {:6.1}",
        total / graphs.len() as f64,
        edges[edges.len() / 2],
        edges[edges.len() * 99 / 100],
        edges[edges.len() - 1],
        total / n_sites as f64,
        100.0 * bare as f64 / n_sites as f64,
        100.0 * lonely as f64 / with_others.max(1) as f64,
        graphs.iter().map(|graph| graph.cutoff).sum::<f64>() / graphs.len() as f64,
        seconds * 1e6 / graphs.len() as f64,
    );
    Ok(())
}

/// The first `count` structures above space group 15.
fn read(path: &Path, count: usize) -> Result<Vec<CrystalState>, Box<dyn Error>> {
    let text = std::io::read_to_string(zstd::Decoder::new(File::open(path)?)?)?;
    let mut states = Vec::with_capacity(count);
    for line in text.lines().skip(1) {
        if states.len() == count {
            break;
        }
        let fields = line.split(',').collect::<Vec<_>>();
        let numbers = |text: &str| text.split(' ').map(str::parse).collect::<Result<Vec<f64>, _>>();
        if fields[2].parse::<u8>()? <= 15 {
            continue;
        }
        let lattice = numbers(fields[4])?;
        let rows = [0, 3, 6].map(|row| [lattice[row], lattice[row + 1], lattice[row + 2]]);
        let sites = fields[5]
            .split(' ')
            .zip(numbers(fields[6])?.chunks(3))
            .map(|(symbol, coords)| Ok(Site { species: symbol.parse()?, frac_coords: Vector3::from_column_slice(coords) }))
            .collect::<Result<Vec<_>, crystal_core::CrystalError>>()?;
        let structure = Structure::new(Lattice::from_rows(rows)?, sites)?;
        match AsymmetricUnit::from_structure(&structure, 0.1, Finder::default()) {
            Ok(unit) => states.push(unit.to_state()),
            Err(error) => eprintln!("{}: {error}", fields[0]),
        }
    }
    Ok(states)
}
