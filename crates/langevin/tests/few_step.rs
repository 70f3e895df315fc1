//! The few-step sampler against a model whose estimate is exact: cells and distances come out as they are distributed
//! in the data.

use burn::Tensor;
use burn::module::Module;
use burn::tensor::{Device, TensorData};
use crystal_core::whole;
use crystal_core::{LatticeCoordinates, SiteMode, SpaceGroup, SpaceGroupNumber};
use dimenetpp::DimeNetPlusPlusConfig;
use langevin::{
    FewStep, Method, Moves, OrderedSites, Outcome, Renewal, Sample, Sampler, SamplerConfig, SamplingError,
    SamplingOrder, Selection,
};
use multigraph::GraphConfig;
use nalgebra::Vector3;
use score_model::{
    BasisConfig, Description, GraphBatch, ModelConfig, NoiseSchedule, ScoreEstimate, ScoreNetwork, Trained,
};
use wyckoff_assignment::WyckoffAssignment;

/// Mean and variance of the lattice coordinate of the data that [`Exact`] knows.
const LATTICE: (f64, f64) = (-2.0, 0.25);

/// Enough levels that large steps are not a source of error.
fn fine() -> NoiseSchedule {
    NoiseSchedule { n_levels: 60, lattice_variance: (0.01, 36.0), ..NoiseSchedule::default() }
}

/// Edges that reach the next cell, which [`Exact`] needs.
fn wide() -> GraphConfig {
    GraphConfig { mean_degree: 120.0, ..GraphConfig::default() }
}

fn config(few_step: FewStep) -> SamplerConfig {
    SamplerConfig { method: Method::FewStep(few_step), seed: 3, ..SamplerConfig::default() }
}

fn order(space_group: i64, sites: &str, count: usize) -> SamplingOrder {
    let space_group = SpaceGroupNumber::new(space_group).expect("a space group");
    SamplingOrder { space_group, sites: OrderedSites::General(sites.parse().expect("a composition")), count }
}

/// What the models below read: lengths and directions need no more.
fn basis() -> BasisConfig {
    BasisConfig { n_radial: 1, n_spherical: 1, envelope_exponent: 5, n_gaussians: 1, n_levels: 60 }
}

/// A network with these noise levels and graphs.
fn trained<M>(model: M, schedule: NoiseSchedule, graph: GraphConfig) -> Trained<M> {
    let description = Description::untrained(schedule, graph, SiteMode::General);
    Trained { model, kind: "test", description, converted: false }
}

fn run<M: ScoreNetwork>(trained: &Trained<M>, config: SamplerConfig, orders: &[SamplingOrder]) -> (Vec<Sample>, f64) {
    let (mut samples, mut draws) = (Vec::new(), 0.0);
    let sampler = Sampler::new(trained, config, &Device::flex()).expect("a sampler");
    sampler
        .run::<SamplingError>(
            orders,
            |share| draws += share,
            |outcome| {
                if let Outcome::Sampled(sample) = outcome {
                    samples.push(*sample);
                }
                Ok(())
            },
        )
        .expect("a run");
    samples.sort_by_key(|sample| (sample.order, sample.index));
    (samples, draws)
}

/// Knows the noise of primitive cubic cells exactly, whose lattice coordinate is normally distributed in the data: the
/// shortest edge from a site to an image by translation alone is as long as the cell.
#[derive(Module, Debug)]
struct Exact {
    #[module(skip)]
    schedule: NoiseSchedule,
}

impl ScoreNetwork for Exact {
    fn basis(&self) -> BasisConfig {
        basis()
    }

    fn forward(&self, batch: &GraphBatch) -> ScoreEstimate {
        let numbers = |tensor: Tensor<2>| tensor.into_data().iter::<f64>().collect::<Vec<f64>>();
        let n_scalars = batch.scalars.dims()[1];
        // Column 0 of the scalars is 0 between a site and its translated images, column 2 is ln(d/5 Å).
        let log = |row: &[f64]| if row[0] == 0.0 { row[2] } else { f64::INFINITY };
        let logs: Vec<f64> = numbers(batch.scalars.clone()).chunks(n_scalars).map(log).collect();
        let structures: Vec<i64> = batch.edge_structure.index.clone().into_data().iter::<i64>().collect();
        // One site per structure.
        let levels: Vec<i64> = batch.levels.index.clone().into_data().iter::<i64>().collect();
        let mut rows = vec![0.0; levels.len() * LatticeCoordinates::MAX];
        for (structure, row) in rows.chunks_mut(LatticeCoordinates::MAX).enumerate() {
            let own =
                logs.iter().zip(&structures).filter(|(_, owner)| **owner == structure as i64).map(|(log, _)| *log);
            let length = 5.0 * own.fold(f64::INFINITY, f64::min).exp();
            let y = 10.0 * (length / 10.0).exp_m1().ln();
            let sigma = self.schedule.lattice_sigma(usize::try_from(levels[structure]).expect("a level"));
            row[0] = sigma * (y - LATTICE.0) / (LATTICE.1 + sigma * sigma);
        }
        let rows: Vec<f32> = rows.into_iter().map(whole::single).collect();
        let lattice =
            Tensor::from_data(TensorData::new(rows, [levels.len(), LatticeCoordinates::MAX]), &batch.scalars.device());
        let position = Tensor::zeros([levels.len(), 3], &batch.scalars.device());
        ScoreEstimate { position, lattice }
    }
}

#[test]
fn cells_of_a_normal_distribution_are_reproduced() {
    let model = trained(Exact { schedule: fine() }, fine(), wide());
    for (moves, evaluations) in [(Moves::Together, 60), (Moves::InTurn, 120)] {
        let few_step = FewStep { evaluations, moves, predictor: Renewal::Ancestral, ..FewStep::default() };
        let config = SamplerConfig {
            // Start and fresh noise as the distribution wants them, not at low temperature.
            initial_lattice_sigma: (36.0_f64 + LATTICE.1).sqrt(),
            lattice_temperature: 1.0,
            ..config(few_step)
        };
        let (samples, _) = run(&model, config, &[order(195, "Po:1", 200)]);
        let coordinates: Vec<f64> = samples.iter().map(|sample| sample.state.lattice_coords[0]).collect();
        let mean = coordinates.iter().sum::<f64>() / coordinates.len() as f64;
        let variance = coordinates.iter().map(|y| (y - mean).powi(2)).sum::<f64>() / coordinates.len() as f64;
        // Standard errors: 0.035, and 10 % of the variance.
        assert!((mean - LATTICE.0).abs() < 0.12, "{moves:?}: mean {mean}");
        assert!((variance / LATTICE.1 - 1.0).abs() < 0.35, "{moves:?}: variance {variance}");
    }
}

/// Sees no noise, and counts how often it was asked.
#[derive(Module, Debug)]
struct Still {
    #[module(skip)]
    evaluations: Counter,
}

/// A count that can be raised through a shared model.
#[derive(Debug, Clone, Default)]
struct Counter(std::sync::Arc<std::sync::atomic::AtomicUsize>);

impl ScoreNetwork for Still {
    fn basis(&self) -> BasisConfig {
        basis()
    }

    fn forward(&self, batch: &GraphBatch) -> ScoreEstimate {
        self.evaluations.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let n_sites = batch.levels.index.dims()[0];
        ScoreEstimate {
            position: Tensor::zeros([n_sites, 3], &batch.scalars.device()),
            lattice: batch.free_mask.zeros_like(),
        }
    }
}

#[test]
fn evaluations_are_as_many_as_asked_for() {
    let evaluated = Counter::default();
    let network = Still { evaluations: evaluated.clone() };
    let model = trained(network, NoiseSchedule::default(), GraphConfig::default());
    let schedule = &model.description.schedule;
    for moves in [Moves::Together, Moves::InTurn] {
        for evaluations in [4, 16, 32] {
            let config = config(FewStep { evaluations, moves, ..FewStep::default() });
            assert_eq!(config.evaluations_per_structure(schedule), evaluations);
            let (samples, draws) = run(&model, config, &[order(195, "Po:1", 3)]);
            assert_eq!(samples.len(), 3);
            assert_eq!(evaluated.0.swap(0, std::sync::atomic::Ordering::Relaxed), evaluations);
            assert!((draws - 3.0).abs() < 1e-9, "progress comes to one per structure: {draws}");
        }
    }
    assert_eq!(SamplerConfig::default().evaluations_per_structure(schedule), 1600);
    let selection = Selection { candidates: 3, levels: 2, noises: 5 };
    let chosen =
        SamplerConfig { selection: Some(selection), ..config(FewStep { evaluations: 4, ..FewStep::default() }) };
    assert_eq!(chosen.evaluations_per_structure(schedule), 3 * (4 + 2 * 2 * 5));
    let (samples, draws) = run(&model, chosen, &[order(195, "Po:1", 3)]);
    // One batch of nine draws; then, positions noised and both noised in one batch, two levels five times.
    assert_eq!(evaluated.0.swap(0, std::sync::atomic::Ordering::Relaxed), 4 + 2 * 5);
    assert!(samples.len() == 3 && (draws - 3.0).abs() < 1e-9, "{draws}");
}

#[test]
fn batches_do_not_matter() {
    let network =
        DimeNetPlusPlusConfig { emb: 8, out_emb: 8, int_emb: 4, basis_emb: 4, ..DimeNetPlusPlusConfig::small() };
    let model = trained(network.init(&Device::flex()), NoiseSchedule::default(), GraphConfig::default());
    let orders = [order(225, "Na:1,Cl:1", 2), order(62, "Ca:1,Ti:1,O:2", 2), order(1, "Si:2", 1)];
    let sampled = |batch_size: usize, moves: Moves| {
        let few_step = FewStep { evaluations: 12, moves, ..FewStep::default() };
        let (samples, _) = run(&model, SamplerConfig { batch_size, ..config(few_step) }, &orders);
        samples.into_iter().map(|sample| sample.structure).collect::<Vec<_>>()
    };
    for moves in [Moves::Together, Moves::InTurn] {
        let together = sampled(64, moves);
        assert_eq!(together.len(), 5);
        for batch_size in [1, 2] {
            assert_eq!(sampled(batch_size, moves), together, "batches of {batch_size}");
        }
    }
}

/// Draws both sites toward a distance of 2.5 Å between their nearest images, without error.
#[derive(Module, Debug)]
struct Pair {
    #[module(skip)]
    distance: f64,
}

const DISTANCE: f64 = 2.5;

impl ScoreNetwork for Pair {
    fn basis(&self) -> BasisConfig {
        basis()
    }

    fn forward(&self, batch: &GraphBatch) -> ScoreEstimate {
        let numbers = |tensor: Tensor<2>| tensor.into_data().iter::<f64>().collect::<Vec<f64>>();
        let integers = |tensor: Tensor<1, burn::tensor::Int>| tensor.into_data().iter::<i64>().collect::<Vec<i64>>();
        let n_scalars = batch.scalars.dims()[1];
        let lengths: Vec<f64> =
            numbers(batch.scalars.clone()).chunks(n_scalars).map(|row| 5.0 * row[2].exp()).collect();
        let directions = numbers(batch.directions.clone());
        let (source, target) = (integers(batch.source.index.clone()), integers(batch.target.index.clone()));
        let levels = integers(batch.levels.index.clone());
        let mut rows = Vec::new();
        for (site, level) in levels.iter().enumerate() {
            let sigma = NoiseSchedule::default().position_sigma(usize::try_from(*level).expect("a level"));
            let out = (0..lengths.len()).filter(|edge| source[*edge] == site as i64 && target[*edge] != site as i64);
            let nearest = out.min_by(|a, b| lengths[*a].total_cmp(&lengths[*b])).expect("a neighbour");
            let direction = Vector3::from_row_slice(&directions[3 * nearest..3 * nearest + 3]);
            // Either site does half of the way.
            let noise = direction * (self.distance - lengths[nearest]) / (2.0 * sigma);
            rows.extend(noise.iter().map(|x| whole::single(*x)));
        }
        let position = Tensor::from_data(TensorData::new(rows, [levels.len(), 3]), &batch.scalars.device());
        ScoreEstimate { position, lattice: batch.free_mask.zeros_like() }
    }
}

#[test]
fn the_last_step_leaves_no_noise() {
    let model = trained(Pair { distance: DISTANCE }, NoiseSchedule::default(), GraphConfig::default());
    let distances = |denoise: bool| {
        let few_step = FewStep { evaluations: 16, denoise, ..FewStep::default() };
        // Cells of 10·ln 2 Å, which stay as they are.
        let config = SamplerConfig { initial_lattice_sigma: 0.0, lattice_temperature: 0.0, ..config(few_step) };
        let (samples, _) = run(&model, config, &[order(1, "Cs:1,Cl:1", 6)]);
        samples.iter().map(|sample| sample.structure.closest_pair().expect("two atoms").2).collect::<Vec<f64>>()
    };
    let sharp = distances(true);
    assert!(sharp.iter().all(|distance| (distance - DISTANCE).abs() < 1e-4), "{sharp:?}");
    let blurred = distances(false);
    assert!(blurred.iter().any(|distance| (distance - DISTANCE).abs() > 1e-3), "{blurred:?}");
}

#[test]
fn a_network_of_the_other_mode_is_refused() {
    let model = trained(Pair { distance: DISTANCE }, NoiseSchedule::default(), GraphConfig::default());
    let group = SpaceGroupNumber::new(225).expect("a space group");
    let assignment = WyckoffAssignment::parse(SpaceGroup::get(group), "Na@4a Cl@4b").expect("an assignment");
    let order = SamplingOrder { space_group: group, sites: OrderedSites::Wyckoff(assignment), count: 1 };
    let sampler = Sampler::new(&model, config(FewStep::default()), &Device::flex()).expect("a sampler");
    let error = sampler.run::<SamplingError>(&[order], |_| (), |_| Ok(())).expect_err("general positions only");
    assert!(matches!(error, SamplingError::Mode { index: 0, .. }), "{error}");
    assert!(error.to_string().contains("checkpoint"), "{error}");
}

#[test]
fn several_devices_grow_the_same_structures() {
    let schedule = fine();
    let model = || trained(Exact { schedule: schedule.clone() }, schedule.clone(), wide());
    let orders = [order(221, "Po:1", 5), order(1, "Po:2", 2)];
    let config = SamplerConfig {
        selection: Some(Selection { candidates: 2, ..Selection::default() }),
        ..config(FewStep { evaluations: 8, ..FewStep::default() })
    };
    let (alone, _) = run(&model(), config.clone(), &orders);
    let devices = [Device::flex(), Device::flex(), Device::flex()];
    let models = [model(), model(), model()];
    let sampler = Sampler::on_devices(&models, &config, &devices).expect("a sampler");
    let (mut shared, mut draws) = (Vec::new(), 0.0);
    let take = |outcome| {
        if let Outcome::Sampled(sample) = outcome {
            shared.push(*sample);
        }
        Ok(())
    };
    sampler.run::<SamplingError>(&orders, |share| draws += share, take).expect("a run");
    shared.sort_by_key(|sample| (sample.order, sample.index));
    let told = |samples: &[Sample]| -> Vec<_> {
        let of = |sample: &Sample| (sample.order, sample.index, sample.candidate, sample.structure.clone());
        samples.iter().map(of).collect()
    };
    assert_eq!(told(&shared), told(&alone));
    assert!(draws >= shared.len() as f64 - 1e-9, "{draws}");

    // The first error of the caller ends the run on all devices.
    let mut seen = 0;
    let refuse = |_| {
        seen += 1;
        Err(SamplingError::Stopped)
    };
    let ended = sampler.run::<SamplingError>(&orders, |_| (), refuse);
    assert!(matches!(ended, Err(SamplingError::Stopped)), "{ended:?}");
    assert_eq!(seen, 1);
}
