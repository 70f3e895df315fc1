//! What is sampled depends on the seed and the order, never on the batch; an explosion costs one structure a redraw,
//! not the batch.

use burn::Tensor;
use burn::module::Module;
use burn::tensor::Device;
use crystal_core::{Composition, SiteMode, SpaceGroup, SpaceGroupNumber, Structure};
use druse_tests::{example, order, tiny_network, trained};
use example_model::ExampleModel;
use langevin::{OrderedSites, Outcome, Sample, Sampler, SamplerConfig, SamplingError, SamplingOrder, Selection};
use score_model::{BasisConfig, GraphBatch, ModelConfig, ScoreEstimate, ScoreNetwork, Trained};
use wyckoff_assignment::WyckoffAssignment;

fn config(batch_size: usize) -> SamplerConfig {
    SamplerConfig { steps_per_level: 2, batch_size, seed: 5, ..SamplerConfig::default() }
}

/// A small network with random weights.
fn network(mode: SiteMode) -> Trained<impl ScoreNetwork> {
    trained(tiny_network().init(&Device::flex()), mode)
}

fn run<M: ScoreNetwork>(model: &Trained<M>, config: SamplerConfig, orders: &[SamplingOrder]) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    let sampler = Sampler::new(model, config, &Device::flex()).expect("a sampler");
    sampler
        .run::<SamplingError>(
            orders,
            |_| (),
            |outcome| {
                outcomes.push(outcome);
                Ok(())
            },
        )
        .expect("a run");
    outcomes
}

fn samples(outcomes: Vec<Outcome>) -> Vec<Sample> {
    let mut samples: Vec<Sample> = outcomes
        .into_iter()
        .filter_map(|outcome| match outcome {
            Outcome::Sampled(sample) => Some(*sample),
            Outcome::GivenUp { .. } => None,
        })
        .collect();
    samples.sort_by_key(|sample| (sample.order, sample.index));
    samples
}

#[test]
fn the_nth_structure_is_the_same_in_every_batch() {
    let model = network(SiteMode::General);
    let orders =
        [order(225, "Na:1,Cl:1", 2), order(62, "Ca:1,Ti:1,O:2", 2), order(194, "Mg:1,Zn:2", 1), order(1, "Si:2", 1)];
    let together: Vec<Structure> =
        samples(run(&model, config(64), &orders)).into_iter().map(|sample| sample.structure).collect();
    assert_eq!(together.len(), 6);
    for batch_size in [1, 2, 5] {
        let apart: Vec<Structure> =
            samples(run(&model, config(batch_size), &orders)).into_iter().map(|sample| sample.structure).collect();
        assert_eq!(apart, together, "batches of {batch_size}");
    }
    let other_seed = samples(run(&model, SamplerConfig { seed: 6, ..config(64) }, &orders));
    assert_ne!(other_seed[0].structure, together[0]);
}

#[test]
fn the_most_plausible_candidate_is_kept() {
    let model = network(SiteMode::General);
    let orders = [order(225, "Na:1,Cl:1", 3), order(62, "Ca:1,Ti:1,O:2", 2), order(194, "Mg:1,Zn:2", 1)];
    let of = |candidates: usize, batch_size: usize| {
        let selection = Some(Selection { candidates, levels: 3, noises: 2 });
        samples(run(&model, SamplerConfig { selection, ..config(batch_size) }, &orders))
    };
    let error = |sample: &Sample| sample.denoising_error.expect("told");
    let (one, six) = (of(1, 64), of(6, 64));
    let plain = samples(run(&model, config(64), &orders));
    assert!(plain.iter().zip(&one).all(|(a, b)| a.structure == b.structure && a.denoising_error.is_none()));
    assert_eq!((one.len(), six.len()), (6, 6));
    for (one, six) in one.iter().zip(&six) {
        assert_eq!((one.order, one.index), (six.order, six.index));
        // The first candidate is the structure that is drawn without a choice.
        assert_eq!(six.candidate == 0, one.structure == six.structure);
        assert!(error(six) <= error(one) && error(six) > 0.0, "{} {}", error(six), error(one));
    }
    assert!(six.iter().any(|sample| sample.candidate > 0), "of six draws the first is not always the best");
    for batch_size in [1, 4, 7] {
        let apart = of(6, batch_size);
        assert!(apart.iter().zip(&six).all(|(a, b)| a.structure == b.structure && a.candidate == b.candidate));
        assert!(apart.iter().zip(&six).all(|(a, b)| (error(a) / error(b) - 1.0).abs() < 1e-4));
    }
}

#[test]
fn candidates_stand_on_positions_of_their_own() {
    let model = network(SiteMode::Wyckoff);
    let space_group = SpaceGroupNumber::new(62).expect("a space group");
    let assignment = |text: &str| WyckoffAssignment::parse(SpaceGroup::get(space_group), text).expect("an assignment");
    let choice = ["Cu@8d Si@4c", "Cu@4c*2 Si@4c", "Cu@4a Cu@4b Si@4c"].map(assignment).to_vec();
    let orders = [SamplingOrder { space_group, sites: OrderedSites::of_candidates(choice), count: 6 }];
    let of = |candidates: usize, batch_size: usize| {
        let selection = Some(Selection { candidates, levels: 3, noises: 2 });
        samples(run(&model, SamplerConfig { selection, ..config(batch_size) }, &orders))
    };
    let chosen = of(7, 64);
    assert_eq!(chosen.len(), 6);
    let mut drawn = [0; 3];
    for sample in &chosen {
        let positions: Vec<_> = sample.state.sites.iter().map(|site| (site.species(), site.position())).collect();
        let own = orders[0].sites.assignment(sample.candidate).expect("positions");
        assert_eq!(positions, own.sites().iter().map(|site| (site.species, site.position)).collect::<Vec<_>>());
        assert_eq!(Composition::of(&sample.structure), "Cu:8,Si:4".parse().expect("a composition"));
        drawn[sample.candidate % 3] += 1;
    }
    assert!(drawn.iter().filter(|n| **n > 0).count() > 1, "{drawn:?}");
    for batch_size in [1, 5] {
        let apart = of(7, batch_size);
        assert!(apart.iter().zip(&chosen).all(|(a, b)| a.structure == b.structure && a.candidate == b.candidate));
    }
}

#[test]
fn fewer_structures_of_an_order_are_a_prefix_of_more() {
    let model = trained(example(2, &Device::flex()), SiteMode::General);
    let few = samples(run(&model, config(8), &[order(166, "Bi:1,Te:1", 2)]));
    let many = samples(run(&model, config(8), &[order(166, "Bi:1,Te:1", 5)]));
    for (a, b) in few.iter().zip(&many) {
        assert_eq!(a.structure, b.structure);
    }
}

/// Estimates nonsense for every structure of more than one site.
#[derive(Module, Debug)]
struct Exploding {
    inner: ExampleModel,
}

impl ScoreNetwork for Exploding {
    fn basis(&self) -> BasisConfig {
        self.inner.basis()
    }

    fn forward(&self, batch: &GraphBatch) -> ScoreEstimate {
        let estimate = self.inner.forward(batch);
        let sites_of: Vec<i64> = batch.site_structure.index.clone().into_data().iter::<i64>().collect();
        let crowded = |structure: i64| sites_of.iter().filter(|other| **other == structure).count() > 1;
        let poison: Vec<f32> =
            sites_of.iter().map(|structure| if crowded(*structure) { f32::NAN } else { 0.0 }).collect();
        let shape = [poison.len(), 1];
        let poison = Tensor::<2>::from_data(burn::tensor::TensorData::new(poison, shape), &estimate.position.device());
        ScoreEstimate { position: estimate.position + poison, lattice: estimate.lattice }
    }
}

#[test]
fn an_explosion_does_not_spoil_its_batch() {
    let inner = example(2, &Device::flex());
    let model = trained(Exploding { inner: inner.clone() }, SiteMode::General);
    let orders = [order(221, "Po:1", 2), order(221, "Cs:1,Cl:1", 1), order(229, "Fe:1", 1)];
    let outcomes = run(&model, SamplerConfig { max_redraws: 2, ..config(8) }, &orders);
    let given_up: Vec<(usize, usize)> = outcomes
        .iter()
        .filter_map(|outcome| match outcome {
            Outcome::GivenUp { order, index, reason } => {
                assert!(reason.contains("number"), "{reason}");
                Some((*order, *index))
            }
            Outcome::Sampled(_) => None,
        })
        .collect();
    assert_eq!(given_up, [(1, 0)]);
    let healthy = samples(run(&trained(inner, SiteMode::General), config(8), &orders));
    for sample in samples(outcomes) {
        let twin =
            healthy.iter().find(|other| (other.order, other.index) == (sample.order, sample.index)).expect("a twin");
        assert_eq!(sample.structure, twin.structure);
    }
}

#[test]
fn impossible_orders_are_refused_before_anything_runs() {
    let model = trained(example(2, &Device::flex()), SiteMode::General);
    let sampler = Sampler::new(&model, config(8), &Device::flex()).expect("a sampler");
    let outcome = sampler.run::<SamplingError>(
        &[order(1, "Si:1", 1), order(1, "Si:1", 0)],
        |_| panic!("nothing runs"),
        |_| Ok(()),
    );
    assert!(matches!(outcome, Err(SamplingError::Order { index: 1, .. })), "{outcome:?}");
    let bad = SamplerConfig { steps_per_level: 0, ..config(8) };
    assert!(matches!(Sampler::new(&model, bad, &Device::flex()), Err(SamplingError::Config(_))));
}
