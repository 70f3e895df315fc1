//! The network, the training step and the sampler on every GPU backend that is compiled in give what they give on the
//! processor.
//!
//! They are ignored unless `DRUSE_REQUIRE_GPU` is set, and then fail without a device.
#![cfg(all(any(feature = "wgpu", feature = "cuda"), feature = "cpu"))]

use burn::tensor::Device;
use crystal_core::{CrystalState, SiteMode, SpaceGroup, SpaceGroupNumber};
use crystal_states::{Draw, GraphBatch, LangevinStep, StateBatch, StateSet, compare_graphs};
use dimenetpp::{DimeNetPlusPlusConfig, ElementInput};
use druse_tests::{embedded_states, trained};
use langevin::{
    FewStep, Finishing, Method, OrderedSites, Outcome, Sampler, SamplerConfig, SamplingError, SamplingOrder, Selection,
};
use multigraph::{BatchedMultiGraph, GraphConfig};
use random_keys::{Purpose, RandomKey};
use score_model::{DenoisingObjective, ModelConfig, NoiseSchedule, ScoreNetwork, TrainingConfig};
use tensor_ops::device::gpu_devices;
use test_support::needs;
use training::{Exchange, Identity, OptimiserConfig, Trainer};
use wyckoff_assignment::WyckoffAssignment;

/// The sizes are odd on purpose: no width is a multiple of a kernel's tile.
fn network() -> DimeNetPlusPlusConfig {
    DimeNetPlusPlusConfig { emb: 20, out_emb: 18, int_emb: 9, basis_emb: 5, ..DimeNetPlusPlusConfig::small() }
}

fn devices() -> Vec<Device> {
    let devices = gpu_devices();
    assert!(!devices.is_empty(), "no GPU was found");
    devices
}

fn assert_close(found: &[f32], expected: &[f32], tolerance: f32) {
    let scale = expected.iter().fold(1e-3_f32, |largest, x| largest.max(x.abs()));
    assert_eq!(found.len(), expected.len());
    for (index, (a, b)) in found.iter().zip(expected).enumerate() {
        assert!((a - b).abs() <= tolerance * scale, "entry {index}: {a} and {b}, scale {scale}");
    }
}

#[needs(gpu)]
#[test]
fn gpu_estimates_like_the_processor() {
    let states = embedded_states(6, SiteMode::General);
    let graph = BatchedMultiGraph::from_states(&states, &GraphConfig::default()).expect("graphs");
    let estimate = |device: &Device| {
        let model = network().init(device);
        let batch = GraphBatch::new(&graph, &[0, 2, 4, 6, 8, 9], &model.basis(), device).expect("a batch");
        let estimate = model.forward(&batch);
        let values = |tensor: burn::Tensor<2>| tensor.into_data().iter::<f32>().collect::<Vec<f32>>();
        // Rows beyond the sites are padding.
        let position = estimate.position.narrow(0, 0, graph.n_sites());
        (values(position), values(estimate.lattice))
    };
    let expected = estimate(&Device::flex());
    for device in devices() {
        let found = estimate(&device);
        assert_close(&found.0, &expected.0, 1e-4);
        assert_close(&found.1, &expected.1, 1e-4);
    }
}

/// Noised states, as training meets them, with a structure on a special position and one that has no cell.
fn noised_states() -> Vec<CrystalState> {
    let clean = [embedded_states(40, SiteMode::General), embedded_states(40, SiteMode::Wyckoff)].concat();
    let schedule = NoiseSchedule::default();
    let set = StateSet::new(&clean, &Device::flex()).expect("a set");
    let draw = |index: usize| Draw {
        index,
        slot: index as u32,
        position_sigma: schedule.position_sigma(index % schedule.n_levels),
        lattice_sigma: if index.is_multiple_of(2) { schedule.lattice_sigma(index % schedule.n_levels) } else { 0.0 },
    };
    let draws: Vec<Draw> = (0..clean.len()).map(draw).collect();
    let noised = set.noised(&draws, RandomKey::new(1, Purpose::Training), 5).expect("noise").states.into_states();
    let mut states: Vec<CrystalState> = noised.into_iter().filter_map(Result::ok).collect();
    // Clean prototypes lie on special positions: their images are cosets of stabilisers.
    states.extend(clean.into_iter().take(12));
    let single = |x: f64| f64::from(x as f32);
    for state in &mut states {
        state.lattice_coords.iter_mut().for_each(|y| *y = single(*y));
        state.sites.iter_mut().for_each(|site| site.move_to(site.frac_coords().map(single)));
    }
    let mut collapsed = states[0].clone();
    collapsed.lattice_coords.fill(-200.0);
    states.push(collapsed);
    states
}

#[needs(gpu)]
#[test]
fn gpu_graphs_are_those_of_the_processor() {
    let states = noised_states();
    let key = RandomKey::new(2, Purpose::Sampling);
    let streams: Vec<u64> = (0..states.len() as u64).collect();
    let levels: Vec<usize> = (0..states.len()).map(|structure| structure % 10).collect();
    let basis = network().basis();
    for device in devices() {
        let batch = |place: &Device, config: &GraphConfig| {
            let mut batch = StateBatch::new(&states, &streams, key, place).expect("a batch");
            batch.graph_batch(&levels, &basis, config).expect("graphs")
        };
        let n_sites = states.iter().map(|state| state.sites.len()).sum();
        // All images kept: many edges lie on one another, and which of them is whose reverse is then free.
        let all = GraphConfig { coincidence: 0.0, ..GraphConfig::default() };
        let comparison = compare_graphs(&batch(&Device::flex(), &all), &batch(&device, &all), states.len(), n_sites);
        assert_eq!(comparison.different, 0, "{comparison:?}");
        assert!(comparison.edges > 5_000 && comparison.vector_error < 1e-5, "{comparison:?}");
        let one = GraphConfig::default();
        let comparison = compare_graphs(&batch(&Device::flex(), &one), &batch(&device, &one), states.len(), n_sites);
        assert!(comparison.edges > 5_000, "{comparison:?}");
        assert_eq!(comparison.different, 0, "{comparison:?}");
        // On special positions many neighbours lie at one distance, and a cut-off may pass through them.
        assert!(comparison.other_cutoffs <= 1 && comparison.on_cutoff <= 48, "{comparison:?}");
        assert!(comparison.vector_error < 1e-5 && comparison.reverse_error < 1e-5, "{comparison:?}");
        assert!(comparison.lattice_error < 1e-4, "{comparison:?}");
    }
}

#[needs(gpu)]
#[test]
fn gpu_noises_and_steps_like_the_processor() {
    let clean = [embedded_states(20, SiteMode::General), embedded_states(40, SiteMode::Wyckoff)].concat();
    let draws: Vec<Draw> =
        (0..60).map(|index| Draw { index, slot: index as u32, position_sigma: 0.3, lattice_sigma: 0.2 }).collect();
    let key = RandomKey::new(9, Purpose::Training);
    let moved = |device: &Device| {
        let noised = StateSet::new(&clean, device).expect("a set").noised(&draws, key, 77).expect("noise");
        let noise = [noised.position_noise.clone(), noised.lattice_noise.clone()];
        let mut states = noised.states;
        states.graph_batch(&[3; 60], &network().basis(), &GraphConfig::default()).expect("graphs");
        let [position, lattice] = noise.clone();
        states.step_positions(position, LangevinStep { drift: -0.1, noise: 0.2, draw: 4 });
        states.step_lattices(lattice, LangevinStep { drift: -0.1, noise: 0.2, draw: 5 });
        let noise: Vec<f32> =
            noise.into_iter().flat_map(|tensor| tensor.into_data().iter::<f32>().collect::<Vec<_>>()).collect();
        (noise, states.into_states())
    };
    let (expected_noise, expected) = moved(&Device::flex());
    for device in devices() {
        let (noise, states) = moved(&device);
        assert_close(&noise, &expected_noise, 1e-5);
        for (state, expected) in states.iter().zip(&expected) {
            let (Ok(state), Ok(expected)) = (state, expected) else { panic!("{state:?} {expected:?}") };
            for (y, expected) in state.lattice_coords.iter().zip(&expected.lattice_coords) {
                assert!((y - expected).abs() < 1e-4, "{y} {expected}");
            }
            for (site, expected) in state.sites.iter().zip(&expected.sites) {
                let offset = (site.frac_coords() - expected.frac_coords()).map(|x| x - x.round());
                assert!(offset.amax() < 1e-5, "{offset}");
            }
        }
    }
}

#[needs(gpu)]
#[test]
fn gpu_trains_like_the_processor() {
    let data = embedded_states(8, SiteMode::General);
    let curve = |device: &Device, helpers: &[Device]| {
        let optimiser = OptimiserConfig { steps: 4, batch_size: 4, learning_rate: 1e-3, ..OptimiserConfig::default() };
        let config = TrainingConfig { optimiser: optimiser.clone(), ..TrainingConfig::default() };
        let network = DimeNetPlusPlusConfig { elements: ElementInput::Descriptors, ..network() };
        let trainer = Trainer::new(network.init(device), optimiser, Identity::default(), device).expect("a trainer");
        let mut trainer = trainer.with_helpers(helpers, Exchange::Host);
        trainer.run(&DenoisingObjective::new(&data, &config), None, |_| true).expect("a run");
        trainer.curve().iter().flat_map(|point| point.parts.clone()).collect::<Vec<f32>>()
    };
    let expected = curve(&Device::flex(), &[]);
    for device in devices() {
        assert_close(&curve(&device, &[]), &expected, 1e-3);
        // One device can take both shares of a batch.
        assert_close(&curve(&device, std::slice::from_ref(&device)), &expected, 1e-3);
    }
}

/// Structures on positions with freedom whose images often come too close: many draws are made again, which a GPU does
/// several at a time.
#[needs(gpu)]
#[test]
fn gpu_samples_choose_and_draw_again_like_the_processor() {
    let order = |number: i64, positions: &str| {
        let space_group = SpaceGroupNumber::new(number).expect("a space group");
        let assignment = WyckoffAssignment::parse(SpaceGroup::get(space_group), positions).expect("an assignment");
        SamplingOrder { space_group, sites: OrderedSites::Wyckoff(assignment), count: 8 }
    };
    let orders = [order(225, "Na@24e Cl@4a"), order(62, "Cu@8d Si@4c"), order(167, "O@18e")];
    let config = SamplerConfig {
        method: Method::FewStep(FewStep { evaluations: 4, ..FewStep::default() }),
        finishing: Finishing { merge_distance: 1.5, ..Finishing::default() },
        selection: Some(Selection { candidates: 2, levels: 2, noises: 1 }),
        max_redraws: 3,
        ..SamplerConfig::default()
    };
    type Fate = (usize, usize, Option<(usize, usize)>);
    let sampled = |device: &Device| {
        let model = trained(network().init(device), SiteMode::Wyckoff);
        let mut fates: Vec<(Fate, f64)> = Vec::new();
        let sampler = Sampler::new(&model, config.clone(), device).expect("a sampler");
        let collect = |outcome| {
            fates.push(match outcome {
                Outcome::Sampled(sample) => {
                    let drawn = Some((sample.candidate, sample.redraws));
                    ((sample.order, sample.index, drawn), sample.denoising_error.expect("told"))
                }
                Outcome::GivenUp { order, index, .. } => ((order, index, None), 1.0),
            });
            Ok::<(), SamplingError>(())
        };
        sampler.run(&orders, |_| (), collect).expect("a run");
        fates.sort_by_key(|(fate, _)| *fate);
        fates
    };
    let expected = sampled(&Device::flex());
    let redrawn = expected.iter().filter(|((.., drawn), _)| drawn.is_some_and(|(_, redraws)| redraws > 0)).count();
    assert!(expected.len() == 24 && redrawn >= 3, "{expected:?}");
    for device in devices() {
        let found = sampled(&device);
        for ((fate, error), (other, other_error)) in found.iter().zip(&expected) {
            assert_eq!(fate, other);
            assert!((error / other_error - 1.0).abs() < 1e-2, "{fate:?}: {error} {other_error}");
        }
    }
}
