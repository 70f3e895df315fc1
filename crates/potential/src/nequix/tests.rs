//! The network against golden values, in double precision.

use burn::tensor::{DType, Device};
use crystal_core::whole;
use crystal_core::{Lattice, Site, Species, Structure};
use nalgebra::{Matrix3, Vector3};
use serde::Deserialize;

use super::batch::Batch;
use super::graph::{Elements, SiteGraph};
use super::harmonics::harmonics;
use super::network::Network;
use super::plan::{LayerKind, N_DEGREES, coupling};
use super::radial::{CUTOFF, N_COEFFICIENTS, N_INTERVALS, radial_functions};
use super::weights::Weights;
use test_support::{needs, shared};

/// A file of the golden folder of the potential.
fn golden(name: &str) -> String {
    std::fs::read_to_string(shared(&format!("golden/potential/{name}"))).expect("a readable file")
}

#[needs(shared)]
#[test]
fn coupling_coefficients_are_the_golden_ones() {
    #[derive(Deserialize)]
    struct Golden {
        #[serde(rename = "K")]
        tables: std::collections::BTreeMap<String, Vec<(usize, usize, usize, f64)>>,
    }
    let text = golden("coupling.json");
    let golden: Golden = serde_json::from_str(&text).expect("the golden file");
    let plan = LayerKind::Middle.plan();
    assert_eq!(plan.paths.len(), golden.tables.len());
    for path in &plan.paths {
        let mut found = coupling(path.a, path.b, path.c);
        let mut expected = golden.tables[&format!("{}{}{}", path.a, path.b, path.c)].clone();
        found.sort_by_key(|entry| (entry.0, entry.1, entry.2));
        expected.sort_by_key(|entry| (entry.0, entry.1, entry.2));
        assert_eq!(found.len(), expected.len(), "{path:?}");
        for (found, expected) in found.iter().zip(&expected) {
            assert_eq!((found.0, found.1, found.2), (expected.0, expected.1, expected.2));
            assert!((found.3 - expected.3).abs() < 1e-12, "{path:?}: {found:?}, {expected:?}");
        }
    }
}

#[test]
fn widths_of_the_layers() {
    for (kind, n_radial, outputs) in [
        (LayerKind::First, 356, [89, 89, 89, 89]),
        (LayerKind::Middle, 1312, [256, 352, 384, 320]),
        (LayerKind::Last, 256, [256, 0, 0, 0]),
    ] {
        assert_eq!((kind.plan().n_radial, kind.plan().outputs), (n_radial, outputs));
    }
    assert_eq!(LayerKind::Middle.plan().coefficients.len(), 353);
}

/// What the table loses against the radial network, in units of its largest output and slope.
#[test]
fn tables_are_as_exact_as_single_precision() {
    let weights = Weights::bundled().expect("the weights");
    for layer in &weights.layers {
        let network = &layer.radial;
        let table = network.table();
        let n = layer.kind.plan().n_radial;
        let spacing = CUTOFF / N_INTERVALS as f64;
        let (mut scale, mut worst) = ((0.0_f64, 0.0_f64), (0.0_f64, 0.0_f64));
        for k in 0..2000 {
            let distance = 0.5 + 5.4999 * f64::from(k) / 2000.0;
            let interval = (distance / spacing).floor();
            let t = distance / spacing - interval;
            let row = whole::count(interval) * N_COEFFICIENTS * n;
            for (p, (value, slope)) in network.evaluate(distance).into_iter().enumerate() {
                let c: [f64; 4] = std::array::from_fn(|k| table[row + k * n + p]);
                let found = c[0] + t * (c[1] + t * (c[2] + t * c[3]));
                let found_slope = (c[1] + t * (2.0 * c[2] + t * 3.0 * c[3])) / spacing;
                scale = (scale.0.max(value.abs()), scale.1.max(slope.abs()));
                worst = (worst.0.max((found - value).abs()), worst.1.max((found_slope - slope).abs()));
            }
        }
        eprintln!("{:?}: value {:.1e}, slope {:.1e}", layer.kind, worst.0 / scale.0, worst.1 / scale.1);
        assert!(worst.0 < 1e-8 * scale.0 && worst.1 < 3e-6 * scale.1);
    }
}

#[derive(Deserialize)]
struct Intermediates {
    structures: Vec<Trace>,
}

#[derive(Deserialize)]
struct Trace {
    name: String,
    numbers: Vec<i64>,
    cell: [[f64; 3]; 3],
    positions: Vec<[f64; 3]>,
    edges: TraceEdges,
    edge_sample: EdgeSample,
    layers: Vec<TraceLayer>,
    readout_raw: Vec<f64>,
    atom_energies: Vec<f64>,
    energy: f64,
    forces: Vec<[f64; 3]>,
    stress: [[f64; 3]; 3],
}

#[derive(Deserialize)]
struct TraceEdges {
    i: Vec<usize>,
    j: Vec<usize>,
    shift: Vec<[f64; 3]>,
}

#[derive(Deserialize)]
struct EdgeSample {
    radial: Vec<Vec<f64>>,
    harmonics: Vec<Vec<f64>>,
}

#[derive(Deserialize)]
struct TraceLayer {
    radial_first_edge: Vec<f64>,
    after_pre: std::collections::BTreeMap<String, Summary>,
    aggregated: std::collections::BTreeMap<String, Summary>,
    before_norm: std::collections::BTreeMap<String, Summary>,
    output: std::collections::BTreeMap<String, Vec<Vec<Vec<f64>>>>,
}

#[derive(Deserialize)]
struct Summary {
    sum: f64,
    sumsq: f64,
    first_atom_first3: Vec<Vec<f64>>,
}

fn assert_close(found: f64, expected: f64, scale: f64, what: &str) {
    assert!((found - expected).abs() <= 1e-10 * scale.max(1e-3), "{what}: {found} against {expected}");
}

/// The golden summary of `[atoms·(2l+1), channels]`.
fn check_summary(found: &burn::Tensor<2>, l: usize, expected: &Summary, what: &str) {
    let channels = found.dims()[1];
    let values: Vec<f64> = found.clone().into_data().iter::<f64>().collect();
    let scale = expected.sumsq.sqrt();
    assert_close(values.iter().sum(), expected.sum, scale * (values.len() as f64).sqrt(), what);
    assert_close(values.iter().map(|x| x * x).sum(), expected.sumsq, expected.sumsq, what);
    for (channel, components) in expected.first_atom_first3.iter().enumerate() {
        for (m, component) in components.iter().enumerate().take(2 * l + 1) {
            assert_close(values[m * channels + channel], *component, scale, what);
        }
    }
}

fn check_trace(trace: &Trace, weights: &Weights, network: &Network) {
    let lattice = Lattice::from_rows(trace.cell).expect("a cell");
    let site = |(number, position): (&i64, &[f64; 3])| Site {
        species: Species::from_atomic_number(*number).expect("an element"),
        frac_coords: lattice.to_fractional(&Vector3::from(*position)),
    };
    let sites = trace.numbers.iter().zip(&trace.positions).map(site).collect();
    let structure = Structure::new(lattice, sites).expect("a structure");
    let elements = Elements { identity: &weights.identity, known: &weights.elements };
    let graph = SiteGraph::of_structure(&structure, &elements).expect("a graph");
    assert_eq!(graph.n_edges(), trace.edges.i.len());
    let (device, dtype) = network.place();
    let batch = Batch::new(&[&graph], device, dtype);
    let (energies, records) = network.forward(&batch);

    for edge in 0..trace.edge_sample.radial.len() {
        let shift = Vector3::from(trace.edges.shift[edge]);
        let (i, j) = (trace.edges.i[edge], trace.edges.j[edge]);
        let vector =
            Vector3::from(trace.positions[j]) - Vector3::from(trace.positions[i]) + lattice.to_cartesian(&shift);
        for (found, expected) in radial_functions(vector.norm()).iter().zip(&trace.edge_sample.radial[edge]) {
            assert_close(found.0, *expected, 1.0, "radial functions");
        }
        for (found, expected) in
            harmonics::<f64>(vector.normalize().into()).iter().zip(&trace.edge_sample.harmonics[edge])
        {
            assert_close(*found, *expected, 1.0, "harmonics");
        }
        if edge == 0 {
            for (layer, golden) in weights.layers.iter().zip(&trace.layers) {
                let found = layer.radial.evaluate(vector.norm());
                for (found, expected) in found.iter().zip(&golden.radial_first_edge) {
                    assert_close(found.0 * weights.avg_neighbors.sqrt(), *expected, 1.0, "radial network");
                }
            }
        }
    }
    for (t, (record, layer)) in records.iter().zip(&trace.layers).enumerate() {
        let what = |part: &str, l: usize| format!("{}, layer {t}, {part}, degree {l}", trace.name);
        for l in 0..N_DEGREES {
            let key = l.to_string();
            for (part, tensor, golden) in [
                ("features", &record.features[l], &layer.after_pre),
                ("messages", &record.messages[l], &layer.aggregated),
                ("sums", &record.sums[l], &layer.before_norm),
            ] {
                if let Some(golden) = golden.get(&key) {
                    check_summary(tensor, l, golden, &what(part, l));
                }
            }
            let Some(golden) = layer.output.get(&key) else { continue };
            let values: Vec<f64> = record.outputs[l].clone().into_data().iter::<f64>().collect();
            let channels = golden[0].len();
            for (atom, golden) in golden.iter().enumerate() {
                for (channel, golden) in golden.iter().enumerate() {
                    for (m, golden) in golden.iter().enumerate() {
                        let found = values[(atom * (2 * l + 1) + m) * channels + channel];
                        assert_close(found, *golden, 1.0, &what("outputs", l));
                    }
                }
            }
        }
    }

    let energies: Vec<f64> = energies.into_data().iter::<f64>().collect();
    let site_energies: Vec<f64> =
        energies.iter().zip(&graph.species).map(|(energy, species)| energy + weights.atom_energies[*species]).collect();
    let by_vectors: Vec<f64> = network.backward(&batch, records).into_data().iter::<f64>().collect();
    let gradients: Vec<Vector3<f64>> = by_vectors.chunks_exact(3).map(Vector3::from_column_slice).collect();
    let found = graph.evaluation(&site_energies, &gradients).expect("finite values");
    let scale = energies[0] / trace.readout_raw[0];
    for (k, energy) in energies.iter().enumerate() {
        assert_close(*energy, trace.readout_raw[k] * scale, 1.0, "read-out");
        assert_close(site_energies[k], trace.atom_energies[k], 1.0, "atomic energies");
    }
    assert_close(found.energy, trace.energy, 1.0, "energy");
    for (found, expected) in found.forces.iter().zip(&trace.forces) {
        assert!((found - Vector3::from(*expected)).amax() < 1e-10, "forces of {}: {found} {expected:?}", trace.name);
    }
    let stress = Matrix3::from_row_slice(trace.stress.as_flattened());
    assert!((found.stress - stress).amax() < 1e-11, "stress of {}: {} {stress}", trace.name, found.stress);
}

#[needs(shared)]
#[test]
#[cfg(feature = "cpu")]
fn intermediate_values_are_the_golden_ones() {
    let text = golden("intermediates.json");
    let golden: Intermediates = serde_json::from_str(&text).expect("the golden file");
    let weights = Weights::bundled().expect("the weights");
    let network = Network::new(&weights, &Device::flex(), DType::F64);
    for trace in &golden.structures {
        check_trace(trace, &weights, &network);
    }
}
