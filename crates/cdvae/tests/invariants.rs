//! What must hold of the network whatever its weights, and of its training and its sampler.

#![cfg(feature = "cpu")]

use crystal_core::whole;
mod common;

use burn::Tensor;
use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Device, TensorData};
use cdvae::{
    CdvaeConfig, CdvaeObjective, CdvaeSampling, CdvaeTraining, Description, LOSS_NAMES, LatticeScaler, Levels,
    LossWeights, Trained, fit_scales, generate, measure,
};
use common::{crystals, said, shaken, small, structures, training};
use nalgebra::Vector3;
use training::{Identity, LossSource, Objective, Share, Trainer};

#[test]
fn origin_images_and_order_do_not_matter() {
    let device = Device::flex();
    let model = shaken(&small(), &device);
    let crystals = crystals();
    for state in crystals.states() {
        let expected = said(&model, std::slice::from_ref(state), &device);
        let mut moved = state.clone();
        for (site, k) in moved.sites.iter_mut().zip(0..) {
            let image = Vector3::new(f64::from(k % 3) - 1.0, 1.0, -f64::from(k % 2));
            site.move_to(site.frac_coords() + Vector3::new(0.31, -0.17, 0.42) + image);
        }
        expected.compare(&said(&model, &[moved], &device), "another origin and other images");
        let mut turned = state.clone();
        turned.sites.reverse();
        expected.reversed().compare(&said(&model, &[turned], &device), "another order");
    }
}

#[test]
fn turned_crystals_turn_the_score() {
    let device = Device::flex();
    let model = shaken(&small(), &device);
    for (structure, state) in structures().iter().zip(crystals().states()) {
        // Another cyclic order of the vectors: the cell in its standard orientation is turned.
        let rows = state.primitive_lattice().expect("a cell").rows();
        let lattice = crystal_core::Lattice::from_rows([rows[1], rows[2], rows[0]]).expect("a cell");
        let mut turned = state.clone();
        turned.lattice_coords = turned.coordinates().encode(&lattice);
        for site in &mut turned.sites {
            let x = site.frac_coords();
            site.move_to(Vector3::new(x[1], x[2], x[0]));
        }
        let (first, second) =
            (said(&model, std::slice::from_ref(state), &device), said(&model, &[turned.clone()], &device));
        let along = |said: &common::Said, state: &crystal_core::CrystalState, shift: usize| -> Vec<[f64; 3]> {
            let rows = state.primitive_lattice().expect("a cell").rows();
            let of = |score: &[f32; 3]| {
                let products: [f64; 3] = std::array::from_fn(|k| {
                    let row = rows[(k + shift) % 3];
                    row.iter().zip(score).map(|(a, b)| a * f64::from(*b)).sum()
                });
                products
            };
            said.score.iter().map(of).collect()
        };
        // Component k along vector k of the first is component k − 1 of the second.
        for (a, b) in along(&first, state, 0).iter().zip(along(&second, &turned, 2)) {
            a.iter().zip(b).for_each(|(a, b)| assert!((a - b).abs() < 2e-3, "{a} {b} of {}", structure.n_sites()));
        }
        first.compare_scalars(&second, "a turned crystal");
    }
}

#[test]
fn neighbours_in_a_batch_do_not_matter() {
    let device = Device::flex();
    let model = shaken(&small(), &device);
    let crystals = crystals();
    let together = said(&model, crystals.states(), &device);
    let mut first = 0;
    for (index, state) in crystals.states().iter().enumerate() {
        let alone = said(&model, std::slice::from_ref(state), &device);
        let n = state.sites.len();
        alone.compare(&together.part(index, first..first + n), "a crystal in a batch");
        first += n;
    }
}

/// Gradients of all parameters in the order of the visit, with their paths.
fn gradients<M: Module>(model: &M, gradients: &mut GradientsParams) -> Vec<(String, Vec<f32>)> {
    struct Collector<'a> {
        path: Vec<String>,
        gradients: &'a mut GradientsParams,
        found: Vec<(String, Vec<f32>)>,
    }
    impl ModuleVisitor for Collector<'_> {
        fn enter_module(&mut self, name: &str, _container_type: &str) {
            self.path.push(name.to_owned());
        }

        fn exit_module(&mut self, _name: &str, _container_type: &str) {
            self.path.pop();
        }

        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let gradient = self.gradients.remove::<D>(param.id);
            let values = gradient.map_or_else(
                || vec![0.0; param.val().shape().num_elements()],
                |gradient| gradient.into_data().iter::<f32>().collect(),
            );
            self.found.push((self.path.join("."), values));
        }
    }
    let mut collector = Collector { path: vec![], gradients, found: vec![] };
    model.visit(&mut collector);
    collector.found
}

/// The module with `factor` times these numbers added to its parameters.
fn moved<M: Module>(model: &M, direction: &[(String, Vec<f32>)], factor: f32) -> M {
    struct Mover<'a> {
        direction: std::slice::Iter<'a, (String, Vec<f32>)>,
        factor: f32,
    }
    impl ModuleMapper for Mover<'_> {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            let (_, values) = self.direction.next().expect("as many as parameters");
            param.map(|old| {
                let shape = old.dims();
                let device = old.device();
                let step = Tensor::from_data(TensorData::new(values.clone(), shape), &device);
                (old.detach() + step.mul_scalar(self.factor)).detach().require_grad()
            })
        }
    }
    model.clone().map(&mut Mover { direction: direction.iter(), factor })
}

#[test]
fn gradients_agree_with_finite_differences() {
    let device = Device::flex().autodiff();
    let crystals = crystals();
    let scaler = LatticeScaler::of(&crystals);
    let none = LossWeights { position: 0.0, element: 0.0, lattice: 0.0, number: 0.0, composition: 0.0, kl: 0.0 };
    let cases = [
        ("position", LossWeights { position: 1.0, ..none }),
        ("element", LossWeights { element: 1.0, ..none }),
        ("lattice", LossWeights { lattice: 1.0, ..none }),
        ("number", LossWeights { number: 1.0, ..none }),
        ("composition", LossWeights { composition: 1.0, ..none }),
        ("kl", LossWeights { kl: 1.0, ..none }),
    ];
    let model = shaken(&small(), &device);
    for (name, weights) in cases {
        let training = CdvaeTraining { weights, ..training() };
        let objective = CdvaeObjective::new(&crystals, scaler, &training);
        let mut source = objective.on_device(&device).expect("crystals");
        let losses = source.losses(&model, 0, Share::WHOLE).expect("losses");
        let part = LOSS_NAMES.iter().position(|part| *part == name).expect("a part");
        let parts: Vec<f32> = losses.parts.into_data().iter::<f32>().collect();
        assert_eq!(parts[0], parts[part], "{name}");
        let mut found = GradientsParams::from_grads(losses.total.backward(), &model);
        let found = gradients(&model, &mut found);
        let norm = found.iter().flat_map(|(_, values)| values).map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
        assert!(norm > 0.0 && norm.is_finite(), "{name}: {norm}");
        // Along the gradient, where the difference is largest beside the rounding.
        let mut at = |sign: f32| -> f64 {
            let step = (sign * 2e-3) / whole::single(norm);
            let losses = source.losses(&moved(&model, &found, step), 0, Share::WHOLE).expect("losses");
            losses.total.into_data().iter::<f64>().next().expect("a number")
        };
        let difference = (at(1.0) - at(-1.0)) / 4e-3;
        assert!((difference / norm - 1.0).abs() < 3e-2, "{name}: {difference} against {norm}");
        // Constants get none, and no gradient flows through the draw of the elements.
        let still = |path: &str| {
            found.iter().any(|(found, values)| found.starts_with(path) && values.iter().any(|x| *x != 0.0))
        };
        assert!(!still("decoder.scales"), "{name}: scale constants are constants");
        if matches!(name, "position" | "element") {
            assert!(!still("composition"), "{name}: the draw of the elements has a gradient");
        }
    }
}

#[test]
fn a_few_crystals_are_learned_and_a_run_goes_on() {
    let device = Device::flex();
    let crystals = crystals();
    let scaler = LatticeScaler::of(&crystals);
    let config = CdvaeConfig { seed: 1, ..small() };
    let mut training = training();
    training.optimiser.steps = 60;
    let objective = CdvaeObjective::new(&crystals, scaler, &training);
    let model = fit_scales(config.init(&device), &objective, &device).expect("constants");
    assert!(model.scales().iter().all(|scale| *scale > 0.0 && (scale - 1.0).abs() > 1e-4), "{:?}", model.scales());
    let again = fit_scales(config.init(&device), &objective, &device).expect("constants");
    assert_eq!(model.scales(), again.scales());
    let before = measure(&model, &crystals, &scaler, &training, &device).expect("losses");
    let run = |steps: u64| {
        let mut trainer =
            Trainer::new(model.clone(), training.optimiser.clone(), Identity::default(), &device).expect("a training");
        trainer.run(&objective, None, |curve| (curve.len() as u64) < steps).expect("steps");
        trainer
    };
    let whole = run(60);
    let after = measure(whole.average(), &crystals, &scaler, &training, &device).expect("losses");
    assert!(after.iter().all(|loss| loss.is_finite()), "{after:?}");
    for part in [0, 2, 3, 4, 5] {
        assert!(after[part] < 0.8 * before[part], "{}: {} → {}", LOSS_NAMES[part], before[part], after[part]);
    }
    // In two legs.
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("training.state");
    let first = run(20);
    assert_eq!(first.step(), 20);
    first.save(&path).expect("a state");
    let mut second =
        Trainer::resume(config.init(&device), training.optimiser.clone(), Identity::default(), &device, &path)
            .expect("the state");
    second.run(&objective, None, |_| true).expect("steps");
    assert_eq!(second.curve(), whole.curve());
    for (kept, fitted) in second.average().scales().iter().zip(model.scales()) {
        assert!((kept / fitted - 1.0).abs() < 1e-5, "constants move: {fitted} → {kept}");
    }
}

fn untrained(config: &CdvaeConfig, device: &Device) -> Trained {
    let crystals = crystals();
    let description = Description {
        scaler: LatticeScaler::of(&crystals),
        steps: 0,
        n_crystals: crystals.len(),
        crystals_sha256: crystals.sha256().to_owned(),
        training: serde_json::Value::Null,
        losses: serde_json::Value::Null,
        provenance: vec![],
    };
    Trained::new(shaken(config, device), description)
}

#[test]
fn checkpoints_come_back_and_foreign_ones_are_refused() {
    let device = Device::flex();
    let trained = untrained(&small(), &device);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("cdvae.safetensors");
    trained.save(&path).expect("a file");
    let read = Trained::load(&path, &device).expect("the same");
    assert_eq!(read.model.config(), trained.model.config());
    let description = &read.description;
    for (read, written) in description.scaler.means.iter().zip(trained.description.scaler.means) {
        assert!((read / written - 1.0).abs() < 1e-12, "{read} {written}");
    }
    assert_eq!(description.crystals_sha256, trained.description.crystals_sha256);
    assert_eq!(read.model.scales(), trained.model.scales());
    let states = crystals();
    said(&trained.model, states.states(), &device).compare(&said(&read.model, states.states(), &device), "a reload");
    let mut content = std::fs::read(&path).expect("bytes");
    let last = content.len() - 1;
    content[last] ^= 1;
    std::fs::write(&path, content).expect("a file");
    let error = Trained::load(&path, &device).expect_err("damaged").to_string();
    assert!(error.contains("cdvae.safetensors") && error.contains("corrupt"), "{error}");
}

#[test]
fn a_sampled_crystal_does_not_depend_on_its_batch() {
    let device = Device::flex();
    let mut config = small();
    // Short steps: long ones through random weights are chaotic, and roundings would show.
    config.levels = Levels { count: 4, position: (0.01, 0.1), ..config.levels };
    let short = CdvaeSampling { steps_per_level: 2, step_size: 1e-6, seed: 3, ..CdvaeSampling::default() };
    let trained = untrained(&config, &device);
    let sample = |batch_size: usize, count: usize| {
        let sampling = CdvaeSampling { batch_size, ..short.clone() };
        generate(&trained, &sampling, count, &device, |_| ()).expect("crystals")
    };
    let (together, alone) = (sample(8, 4), sample(1, 4));
    assert_eq!(together.crystals.len() + together.given_up.len(), 4);
    assert!(!together.crystals.is_empty(), "{together:?}");
    assert_eq!(together.crystals.len(), alone.crystals.len());
    for (a, b) in together.crystals.iter().zip(&alone.crystals) {
        assert_eq!((a.index, a.redraws), (b.index, b.redraws));
        for (x, y) in a.structure.sites().iter().zip(b.structure.sites()) {
            assert_eq!(x.species, y.species);
            let away = (x.frac_coords - y.frac_coords).map(|x| x - x.round());
            assert!(away.norm() < 1e-3, "{away}");
        }
    }
    // Another seed, another crystal.
    let sampling = CdvaeSampling { seed: 4, ..short };
    let other = generate(&trained, &sampling, 4, &device, |_| ()).expect("crystals");
    let first = |set: &cdvae::GeneratedSet| set.crystals.first().map(|crystal| crystal.structure.clone());
    assert_ne!(first(&other), first(&together));
}
