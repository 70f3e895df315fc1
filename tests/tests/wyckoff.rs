//! Sites that stay on their Wyckoff positions: noise, training and sampling end to end.

use std::path::Path;

use burn::tensor::Device;
use crystal_core::whole;
use crystal_core::{
    AsymmetricUnit, Composition, CrystalState, Finder, Orbit, SiteMode, SpaceGroup, SpaceGroupNumber, Species,
    find_symmetry, io,
};
use crystal_states::{Draw, StateSet};
use dimenetpp::DimeNetPlusPlusConfig;
use druse_tests::{embedded_states, example, tiny_network, trained};
use langevin::{
    FewStep, Method, OrderedSites, Outcome, Sampler, SamplerConfig, SamplingError, SamplingOrder, Template,
};
use multigraph::GraphConfig;
use random_keys::{Purpose, RandomKey};
use score_model::{DenoisingObjective, LATTICE_LOSS, ModelConfig, TrainingConfig};
use training::{Identity, LossPoint, OptimiserConfig, Trainer};
use wyckoff_assignment::{AssignedSite, WyckoffAssignment};

/// Whether every site of a state has as many images as its position.
fn on_positions(state: &CrystalState) -> bool {
    let lattice = state.primitive_lattice().expect("a cell");
    state.sites.iter().all(|site| {
        let position = &state.space_group.wyckoff_positions()[site.position()];
        let orbit = Orbit::in_primitive_cell(state.space_group, &site.frac_coords(), &lattice, 1e-6);
        orbit.multiplicity() == position.multiplicity() / state.space_group.centring().order()
    })
}

#[test]
fn noise_keeps_sites_on_their_positions() {
    let clean = embedded_states(60, SiteMode::Wyckoff);
    assert!(clean.iter().all(on_positions));
    let bound =
        clean.iter().flat_map(|state| state.sites.iter().map(|site| site.free_coordinates(state.space_group).n_free()));
    assert!(
        bound.clone().any(|n_free| n_free == 0) && bound.clone().any(|n_free| n_free == 1),
        "the set has special positions"
    );
    let draws: Vec<Draw> = (0..clean.len())
        .map(|index| Draw { index, slot: whole::compact(index), position_sigma: 2.0, lattice_sigma: 1.0 })
        .collect();
    let noised = StateSet::new(&clean, &Device::flex())
        .expect("a set")
        .noised(&draws, RandomKey::new(3, Purpose::Training), 11)
        .expect("noise");
    let noise: Vec<f32> = noised.position_noise.into_data().iter::<f32>().collect();
    let (rows, _) = noise.as_chunks::<3>();
    let states: Vec<CrystalState> =
        noised.states.into_states().into_iter().map(|state| state.expect("a crystal")).collect();
    assert!(states.iter().all(on_positions));
    // Along the position the noise has variance 1 per degree of freedom, whatever the cell.
    let freedom: usize = bound.sum();
    let square: f32 = rows.iter().flatten().map(|x| x * x).sum();
    let (expected, spread) = (freedom as f32, (2.0 * freedom as f32).sqrt());
    assert!((square - expected).abs() < 4.0 * spread, "{square} for {freedom} degrees of freedom");
    for (row, site) in rows.iter().zip(clean.iter().flat_map(|state| state.sites.iter().map(move |site| (state, site))))
    {
        assert!(
            site.1.free_coordinates(site.0.space_group).n_free() > 0 || row.iter().all(|x| x.abs() < 1e-6),
            "fixed points get no noise"
        );
    }
}

#[test]
fn training_in_wyckoff_mode_learns() {
    let data = embedded_states(12, SiteMode::Wyckoff);
    let network =
        DimeNetPlusPlusConfig { emb: 16, out_emb: 16, int_emb: 8, basis_emb: 4, ..DimeNetPlusPlusConfig::small() };
    let optimiser = OptimiserConfig { steps: 120, batch_size: 12, learning_rate: 3e-3, ..OptimiserConfig::default() };
    let config = TrainingConfig { optimiser: optimiser.clone(), ..TrainingConfig::default() };
    let device = Device::flex();
    let mut trainer = Trainer::new(network.init(&device), optimiser, Identity::default(), &device).expect("a trainer");
    trainer.run(&DenoisingObjective::new(&data, &config), None, |_| true).expect("a run");
    let mean =
        |points: &[LossPoint]| points.iter().map(|point| point.parts[LATTICE_LOSS]).sum::<f32>() / points.len() as f32;
    let curve = trainer.curve();
    assert!(mean(&curve[80..]) < 0.9 * mean(&curve[..40]), "{} then {}", mean(&curve[..40]), mean(&curve[80..]));
}

/// One carbon, or nothing else, on every position of every group: what comes out has that formula and that symmetry.
#[test]
fn samples_of_every_group_have_formula_and_symmetry() {
    let species = |number: i64| Species::from_atomic_number(number).expect("an element");
    let orders: Vec<SamplingOrder> = SpaceGroupNumber::all()
        .map(|space_group| {
            let positions = SpaceGroup::get(space_group).wyckoff_positions();
            // The most special position, and one with some freedom.
            let free = positions.iter().rposition(|position| position.n_free() > 0).expect("the general position");
            let mut sites = vec![(species(11), positions.len() - 1), (species(17), free)];
            sites.dedup_by_key(|(_, position)| *position);
            let sites = sites.into_iter().map(|(species, position)| AssignedSite { species, position });
            let assignment = WyckoffAssignment::new(SpaceGroup::get(space_group), sites).expect("an assignment");
            SamplingOrder { space_group, sites: OrderedSites::Wyckoff(assignment), count: 1 }
        })
        .collect();
    let config = SamplerConfig {
        method: Method::FewStep(FewStep { evaluations: 10, ..FewStep::default() }),
        ..SamplerConfig::default()
    };
    let model = trained(tiny_network().with_seed(2).init(&Device::flex()), SiteMode::Wyckoff);
    let sampler = Sampler::new(&model, config, &Device::flex()).expect("a sampler");
    let mut samples = Vec::new();
    let mut lost = Vec::new();
    let collect = |outcome| {
        match outcome {
            Outcome::Sampled(sample) => samples.push(*sample),
            Outcome::GivenUp { order, reason, .. } => lost.push((orders[order].space_group, reason)),
        }
        Ok::<(), SamplingError>(())
    };
    sampler.run(&orders, |_| (), collect).expect("a run");
    assert!(lost.is_empty() && samples.len() == 230, "{} lost: {lost:?}", lost.len());
    let mut looked_at = 0;
    for sample in &samples {
        let order = &orders[sample.order];
        let group = SpaceGroup::get(order.space_group);
        let OrderedSites::Wyckoff(assignment) = &order.sites else { unreachable!("made above") };
        assert_eq!(
            Composition::of(&sample.structure),
            assignment.primitive_composition(),
            "group {}",
            order.space_group
        );
        // An untrained network may put atoms on one another: no file keeps them apart, and no symmetry can be found
        // there.
        let Some((_, _, distance)) = sample.structure.closest_pair() else { continue };
        if distance < 0.1 {
            continue;
        }
        let unit = AsymmetricUnit::from_state(&sample.state, 1e-3).expect("a unit");
        let cif = io::to_cif_symmetric(&unit, "sample");
        let read = io::read_bytes(cif.as_bytes(), io::Format::Cif, Path::new("sample.cif"));
        let atoms = match &read[0].structure {
            Ok(structure) => structure.n_sites(),
            Err(error) => panic!("group {}: {error}\n{cif}", order.space_group),
        };
        assert_eq!(atoms, sample.structure.n_sites() * group.centring().order());
        let Ok(found) = find_symmetry(&sample.structure, 1e-3, Finder::Moyo) else { continue };
        looked_at += 1;
        let (order_found, order_wanted) =
            (SpaceGroup::get(found.number).primitive_operations().len(), group.primitive_operations().len());
        // The point group of a supergroup holds the one of the group.
        assert!(order_found % order_wanted == 0, "group {} asked for, {} found", order.space_group, found.number);
    }
    assert!(looked_at > 150, "{looked_at}");
}

/// Noise on sites in general position separates all images, so that it makes no difference there whether coincident
/// ones are kept; it does where sites stay on their positions.
#[test]
fn images_coincide_only_on_positions() {
    let kept = GraphConfig { coincidence: 0.0, ..GraphConfig::default() };
    let edges = |mode: SiteMode| {
        let clean = embedded_states(60, mode);
        let draw = |index: usize| Draw {
            index,
            slot: whole::compact(index),
            position_sigma: 0.001_f64.sqrt(),
            lattice_sigma: 0.0,
        };
        let draws: Vec<Draw> = (0..clean.len()).map(draw).collect();
        let set = StateSet::new(&clean, &Device::flex()).expect("a set");
        let noised = set.noised(&draws, RandomKey::new(3, Purpose::Training), 11).expect("noise").states.into_states();
        let noised: Vec<CrystalState> = noised.into_iter().map(|state| state.expect("a crystal")).collect();
        let count = |config: &GraphConfig| {
            noised.iter().map(|state| multigraph::build(state, config).expect("a graph").vectors).collect::<Vec<_>>()
        };
        (count(&GraphConfig::default()), count(&kept))
    };
    let (one, all) = edges(SiteMode::General);
    assert_eq!(one, all);
    let (one, all) = edges(SiteMode::Wyckoff);
    let differ = one.iter().zip(&all).filter(|(one, all)| one != all).count();
    assert!(differ > 30, "{differ} of 60");
}

#[test]
fn a_template_takes_no_order_of_other_sites() {
    let state = embedded_states(1, SiteMode::Wyckoff).remove(0);
    let model = trained(example(2, &Device::flex()), SiteMode::Wyckoff);
    let config = SamplerConfig { steps_per_level: 1, ..SamplerConfig::default() };
    let template = Template { state: state.clone(), level: 1 };
    let sampler = Sampler::from_template(&model, config, template, &Device::flex()).expect("a sampler");
    let sites = state.sites.iter().map(|site| AssignedSite { species: site.species(), position: site.position() });
    let assignment =
        |sites: &Vec<AssignedSite>| WyckoffAssignment::new(state.space_group, sites.clone()).expect("an assignment");
    let order = |candidates: &[Vec<AssignedSite>]| SamplingOrder {
        space_group: state.space_group.number(),
        sites: OrderedSites::of_candidates(candidates.iter().map(assignment).collect()),
        count: 1,
    };
    let own: Vec<AssignedSite> = sites.collect();
    let mut other = own.clone();
    other[0].species = Species::from_atomic_number(94).expect("plutonium");
    let run = |order| sampler.run::<SamplingError>(&[order], |_| (), |_| Ok(()));
    run(order(std::slice::from_ref(&own))).expect("what the template has");
    for candidates in [vec![other.clone()], vec![own, other]] {
        let error = run(order(&candidates)).expect_err("another element").to_string();
        assert!(error.contains("the template has other sites"), "{error}");
    }
}
