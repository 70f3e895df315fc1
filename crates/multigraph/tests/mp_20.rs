//! Noised crystals of MP-20: the graph's size, and neighbours for every site. Needs the shared data.

use crystal_core::{AsymmetricUnit, CrystalState, Finder, Lattice, Site, SiteMode, Structure};
use multigraph::{GraphConfig, MultiGraph, build};
use nalgebra::Vector3;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use test_support::{needs, shared};

/// The first `count` structures above space group 15 of the validation split.
fn read(count: usize) -> Vec<CrystalState> {
    let file = std::fs::File::open(shared("data/mp_20/val.csv.zst")).expect("a readable file");
    let text = std::io::read_to_string(zstd::Decoder::new(file).expect("a zstd stream")).expect("text");
    let numbers = |text: &str| text.split(' ').map(|x| x.parse::<f64>().expect("a number")).collect::<Vec<_>>();
    let parse = |line: &str| {
        let fields = line.split(',').collect::<Vec<_>>();
        if fields[2].parse::<u8>().expect("a space group") <= 15 {
            return None;
        }
        let lattice = numbers(fields[4]);
        let rows = [0, 3, 6].map(|row| [lattice[row], lattice[row + 1], lattice[row + 2]]);
        let coords = numbers(fields[6]);
        let sites = fields[5].split(' ').zip(coords.chunks(3)).map(|(symbol, coords)| Site {
            species: symbol.parse().expect("an element"),
            frac_coords: Vector3::from_column_slice(coords),
        });
        let structure =
            Structure::new(Lattice::from_rows(rows).expect("a cell"), sites.collect()).expect("a structure");
        Some(AsymmetricUnit::from_structure(&structure, 0.1, Finder::default()).ok()?.to_state(SiteMode::General))
    };
    text.lines().skip(1).filter_map(parse).take(count).collect()
}

/// Adds noise of this variance (Å²) to each Cartesian coordinate: uniform, which is as good here.
fn noised(state: &CrystalState, variance: f64, rng: &mut ChaCha8Rng) -> CrystalState {
    let half_width = (3.0 * variance).sqrt();
    let displacements = state
        .sites
        .iter()
        .map(|_| Vector3::from_fn(|_, _| half_width * (2.0 * rng.random::<f64>() - 1.0)))
        .collect::<Vec<_>>();
    let mut state = state.clone();
    let lattice = state.primitive_lattice().expect("a cell");
    state.displace(&lattice, &displacements);
    state
}

#[needs(shared)]
#[test]
fn noised_crystals_keep_their_neighbours() {
    let states = read(300);
    assert_eq!(states.len(), 300);
    let config = GraphConfig::default();
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    for variance in [0.0, 0.001, 0.1, 1.0, 36.0] {
        let graphs = states
            .iter()
            .map(|state| build(&noised(state, variance, &mut rng), &config).expect("a graph"))
            .collect::<Vec<_>>();
        let (mut n_sites, mut bare, mut lonely) = (0, 0, 0);
        for graph in &graphs {
            for site in 0..graph.n_sites() {
                let targets = &graph.targets[graph.offsets[site] as usize..graph.offsets[site + 1] as usize];
                n_sites += 1;
                bare += usize::from(targets.is_empty());
                lonely += usize::from(graph.n_sites() > 1 && targets.iter().all(|target| *target as usize == site));
            }
        }
        let mut edges = graphs.iter().map(MultiGraph::n_edges).collect::<Vec<_>>();
        edges.sort_unstable();
        let total = edges.iter().sum::<usize>();
        println!(
            "σ² = {variance} Å²: {:.0} edges per structure (median {}, 99 % {}, most {}), mean degree {:.1}; of {n_sites} sites {bare} \
             without edges, {lonely} without other sites; mean cut-off {:.2} Å",
            total as f64 / graphs.len() as f64,
            edges[edges.len() / 2],
            edges[edges.len() * 99 / 100],
            edges[edges.len() - 1],
            total as f64 / n_sites as f64,
            graphs.iter().map(|graph| graph.cutoff).sum::<f64>() / graphs.len() as f64,
        );
        assert_eq!(bare, 0, "σ² = {variance}");
        assert!(lonely * 100 <= n_sites, "σ² = {variance}: {lonely} of {n_sites}");
    }
}
