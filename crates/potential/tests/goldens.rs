//! Energies, forces and stress against golden values of the published implementation.

mod common;

use burn::tensor::Device;
use common::goldens;
use potential::{Nequix, Potential, Weights};
use tensor_ops::device::available_devices;
use test_support::{needs, shared};

fn weights(name: &str) -> Weights {
    Weights::load(&shared(&format!("weights/nequix/{name}.safetensors"))).expect("a weights file")
}

/// Names one golden structure in how many is compared: a GPU that a processor stands in for takes seconds for each.
const EVERY: &str = "DRUSE_GOLDENS_EVERY";

/// Compares the lines of a golden file; prints the largest deviations.
fn compare(name: &str, potential: &Nequix, tolerances: [f64; 3]) {
    let every: usize = std::env::var(EVERY).map_or(1, |every| every.parse().expect("a number of structures"));
    let goldens: Vec<_> = goldens(&format!("efs_{name}.jsonl")).into_iter().step_by(every).collect();
    let structures: Vec<_> = goldens.iter().map(common::Golden::structure).collect();
    let start = std::time::Instant::now();
    let found = potential.evaluate(&structures).expect("the device works");
    let seconds = start.elapsed().as_secs_f64();
    let energies = potential.energies(&structures).expect("the device works");
    let mut worst = [0.0_f64; 3];
    for ((golden, found), energy) in goldens.iter().zip(&found).zip(&energies) {
        let found = found.as_ref().expect("a structure that can be evaluated");
        let deviations = golden.deviations(found);
        for ((worst, deviation), tolerance) in worst.iter_mut().zip(deviations).zip(tolerances) {
            assert!(deviation < tolerance, "{name}, {} {}: {deviations:?}", golden.id, golden.geometry);
            *worst = worst.max(deviation);
        }
        assert_eq!(*energy.as_ref().expect("an energy"), found.energy, "{}", golden.id);
    }
    let atoms: usize = structures.iter().map(|structure| structure.n_sites()).sum();
    eprintln!("{name}: {} structures, {atoms} atoms in {seconds:.2} s, largest deviations {worst:?}", structures.len());
}

#[needs(shared)]
#[test]
fn single_precision_on_every_device() {
    for device in available_devices() {
        for name in ["nequix-oam-1-pft", "nequix-oam-1", "nequix-mp-1-pft"] {
            let weights = weights(name);
            compare(name, &Nequix::new(&weights, &device), [1e-5, 1e-4, 1e-5]);
        }
    }
}

#[needs(shared)]
#[test]
#[cfg(feature = "cpu")]
fn double_precision_on_the_processor() {
    for name in ["nequix-oam-1-pft", "nequix-oam-1", "nequix-mp-1-pft"] {
        let weights = weights(name);
        compare(name, &Nequix::double_precision(&weights, &Device::flex()), [1e-9, 1e-9, 1e-9]);
    }
}
