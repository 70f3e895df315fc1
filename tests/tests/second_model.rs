//! A model of another crate trains and samples like the built-in one, and passes the conformance suite.

use burn::tensor::Device;
use crystal_core::SiteMode;
use druse_tests::{TinyModel, embedded_states, order};
use langevin::{Outcome, Sampler, SamplerConfig};
use score_model::{Trainer, TrainingConfig};

#[test]
fn trains_and_samples() {
    let device = Device::flex();
    let config = TrainingConfig { steps: 5, batch_size: 4, ..TrainingConfig::default() };
    let mut trainer = Trainer::new(TinyModel::new(1, &device), config, &device).expect("a trainer");
    trainer.run(&embedded_states(8, SiteMode::General), None, |_| true).expect("a run");
    assert_eq!(trainer.curve().len(), 5);

    let orders = [order(139, "Fe:1,Nd:1,Si:1", 2)];
    let sampler = Sampler::new(trainer.average(), SamplerConfig { steps_per_level: 2, ..SamplerConfig::default() }, &device);
    let mut sampled = 0;
    sampler
        .expect("a sampler")
        .run::<langevin::SamplingError>(
            &orders,
            |_| (),
            |outcome| {
                sampled += usize::from(matches!(outcome, Outcome::Sampled(_)));
                Ok(())
            },
        )
        .expect("a run");
    assert_eq!(sampled, 2);
}

#[test]
fn passes_the_conformance_suite() {
    let device = Device::flex();
    score_model::conformance::check(&TinyModel::new(3, &device), &device).expect("a conforming model");
}
