//! Which products of features and harmonics a layer forms, in which order, and their coefficients.
//!
//! For degrees (a, b, c) with |a−b| ≤ c ≤ a+b and a+b+c even, `K_ijk = √(2c+1)·G_ijk/√(Σ G²)` with
//! `G_ijk = ⟨Y_ai Y_bj Y_ck⟩`, the mean over the sphere. A path (a, b, c) multiplies features of degree a with
//! harmonics of degree b; for an edge it is the matrix `T[i, k] = Σ_j K_ijk Y_bj` from components of the features to
//! components of the message.

use std::sync::LazyLock;

use super::harmonics::{N_HARMONICS, QUADRATURE, harmonics};

/// Degrees of features and messages.
pub(crate) const N_DEGREES: usize = 4;
/// Elements that the network tells apart: channels of the first layer's features.
pub(crate) const N_SPECIES: usize = 89;
/// Channels of the features of each degree.
pub(crate) const CHANNELS: [usize; N_DEGREES] = [128, 64, 32, 32];

/// The three kinds of layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum LayerKind {
    /// From elements to features of all degrees.
    First,
    /// From all degrees to all degrees.
    Middle,
    /// From all degrees to scalars.
    Last,
}

/// One product of features and harmonics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Path {
    /// Degree of the features.
    pub a: usize,
    /// Degree of the harmonics.
    pub b: usize,
    /// Degree of the message.
    pub c: usize,
    /// Number of channels.
    pub channels: usize,
    /// First output of the radial network.
    pub radial: usize,
    /// First channel in the message of degree c.
    pub slot: usize,
    /// First entry among the matrices of an edge; `(2a+1)·(2c+1)` of them, row by row.
    pub matrix: usize,
}

/// One coefficient: `matrix += value·Y[harmonic]`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Coefficient {
    /// Entry among the matrices of an edge.
    pub matrix: usize,
    /// Which harmonic.
    pub harmonic: usize,
    /// K.
    pub value: f64,
}

/// What a layer computes from its edges.
#[derive(Debug)]
pub(crate) struct Plan {
    /// The paths in the order of the radial network's outputs.
    pub paths: Vec<Path>,
    /// The coefficients, by entry.
    pub coefficients: Vec<Coefficient>,
    /// Channels of the features of each degree, 0 where there are none.
    pub inputs: [usize; N_DEGREES],
    /// Channels of the message of each degree, 0 where there is none.
    pub outputs: [usize; N_DEGREES],
    /// Outputs of the radial network.
    pub n_radial: usize,
    /// Entries of the matrices of an edge.
    pub n_matrix: usize,
}

/// Values of one row of features or messages of each degree.
pub(crate) fn widths(channels: &[usize; N_DEGREES]) -> [usize; N_DEGREES] {
    std::array::from_fn(|l| (2 * l + 1) * channels[l])
}

impl Plan {
    fn new(scalars: usize, n_inputs: usize, n_outputs: usize) -> Self {
        let mut inputs = CHANNELS;
        inputs[0] = scalars;
        inputs[n_inputs..].fill(0);
        let mut plan = Self {
            paths: Vec::new(),
            coefficients: Vec::new(),
            inputs,
            outputs: [0; N_DEGREES],
            n_radial: 0,
            n_matrix: 0,
        };
        for c in 0..n_outputs {
            for (a, &channels) in inputs.iter().enumerate().take(n_inputs) {
                for b in 0..N_DEGREES {
                    if a.abs_diff(b) <= c && c <= a + b && (a + b + c).is_multiple_of(2) {
                        plan.add(a, b, c, channels);
                    }
                }
            }
        }
        plan
    }

    fn add(&mut self, a: usize, b: usize, c: usize, channels: usize) {
        for (i, j, k, value) in coupling(a, b, c) {
            let matrix = self.n_matrix + i * (2 * c + 1) + k;
            self.coefficients.push(Coefficient { matrix, harmonic: b * b + j, value });
        }
        self.paths.push(Path {
            a,
            b,
            c,
            channels,
            radial: self.n_radial,
            slot: self.outputs[c],
            matrix: self.n_matrix,
        });
        self.n_radial += channels;
        self.outputs[c] += channels;
        self.n_matrix += (2 * a + 1) * (2 * c + 1);
    }
}

impl LayerKind {
    /// What a layer of this kind computes.
    pub fn plan(self) -> &'static Plan {
        static PLANS: LazyLock<[Plan; 3]> = LazyLock::new(|| {
            [
                Plan::new(N_SPECIES, 1, N_DEGREES),
                Plan::new(CHANNELS[0], N_DEGREES, N_DEGREES),
                Plan::new(CHANNELS[0], N_DEGREES, 1),
            ]
        });
        &PLANS[match self {
            Self::First => 0,
            Self::Middle => 1,
            Self::Last => 2,
        }]
    }
}

/// The entries of K that are not zero, as (i, j, k, value), sorted by i, then k, then j.
pub(crate) fn coupling(a: usize, b: usize, c: usize) -> Vec<(usize, usize, usize, f64)> {
    let mut entries = Vec::new();
    let values: Vec<([f64; N_HARMONICS], f64)> =
        QUADRATURE.iter().map(|(point, weight)| (harmonics::<f64>((*point).into()), *weight)).collect();
    for i in 0..=2 * a {
        for k in 0..=2 * c {
            for j in 0..=2 * b {
                let mean: f64 =
                    values.iter().map(|(y, weight)| weight * y[a * a + i] * y[b * b + j] * y[c * c + k]).sum();
                if mean.abs() > 1e-10 {
                    entries.push((i, j, k, mean));
                }
            }
        }
    }
    let norm = entries.iter().map(|(.., mean)| mean * mean).sum::<f64>().sqrt();
    let factor = ((2 * c + 1) as f64).sqrt() / norm;
    entries.iter_mut().for_each(|(.., value)| *value *= factor);
    entries
}
