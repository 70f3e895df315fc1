//! The scale constants γ: each makes what comes after it as large as its reference. GemNet fits them once and keeps
//! them; the published ones were fitted on another kind of data and another width, so ours are fitted before training.

use burn::Tensor;
use crystal_core::whole;
use crystal_states::GraphBatch;

/// Smallest variance that is divided by.
const LEAST_VARIANCE: f32 = 1e-12;

/// Where the constants come from.
#[allow(clippy::large_enum_variant, reason = "one lives on the stack for the time of a forward pass")]
pub(crate) enum Scaling<'a> {
    /// The fitted ones, `[n_scales]`.
    Fixed(Tensor<1>),
    /// They are measured.
    Fit(&'a mut ScaleFit),
}

/// What rows of a tensor are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rows {
    Edges,
    Atoms,
}

impl Scaling<'_> {
    /// `then(γ·weight)` with the constant number `place`: its rows `rows` are made as large as those of the edges in
    /// `reference`. What `then` makes must be proportional to the weight.
    pub(crate) fn apply(
        &mut self,
        place: usize,
        weight: Tensor<2>,
        reference: &Tensor<2>,
        rows: Rows,
        then: impl Fn(Tensor<2>) -> Tensor<2>,
    ) -> Tensor<2> {
        match self {
            Scaling::Fixed(scales) => then(weight * scales.clone().narrow(0, place, 1).reshape([1, 1])),
            Scaling::Fit(fit) => {
                let plain = then(weight);
                let scale = fit.measure(place, reference, &plain, rows);
                plain * scale
            }
        }
    }
}

/// Collects constants over batches; the fitted one is the geometric mean.
#[derive(Debug, Default)]
pub(crate) struct ScaleFit {
    edges: Option<Tensor<2>>,
    atoms: Option<Tensor<2>>,
    logarithms: Vec<f64>,
    n_batches: usize,
}

impl ScaleFit {
    pub(crate) fn new(n_scales: usize) -> Self {
        Self { logarithms: vec![0.0; n_scales], ..Self::default() }
    }

    pub(super) fn begin(&mut self, batch: &GraphBatch, sites: Tensor<2>) {
        // What has no envelope is padding, or at the cut-off.
        self.edges = Some(batch.envelope.clone().greater_elem(0.0).float());
        self.atoms = Some(sites);
        self.n_batches += 1;
    }

    fn measure(&mut self, place: usize, reference: &Tensor<2>, found: &Tensor<2>, rows: Rows) -> f32 {
        let mask = |rows| match rows {
            Rows::Edges => self.edges.clone(),
            Rows::Atoms => self.atoms.clone(),
        };
        let variance =
            |values: &Tensor<2>, rows| mean_variance(values.clone(), mask(rows).expect("begin has set the masks"));
        let scale = (variance(reference, Rows::Edges) / variance(found, rows).max(LEAST_VARIANCE)).sqrt();
        let scale = if scale.is_finite() && scale > 0.0 { scale } else { 1.0 };
        self.logarithms[place] += f64::from(scale).ln();
        scale
    }

    /// The constants.
    pub(crate) fn finish(&self) -> Vec<f32> {
        let n = self.n_batches.max(1) as f64;
        self.logarithms.iter().map(|sum| whole::single((sum / n).exp())).collect()
    }
}

/// The variance of each column over the rows that count, averaged over the columns.
pub(crate) fn mean_variance(values: Tensor<2>, mask: Tensor<2>) -> f32 {
    let values = values.without_autodiff();
    let count = mask.clone().sum().reshape([1, 1]);
    let mean = (values.clone() * mask.clone()).sum_dim(0) / count.clone();
    let squares = (values - mean).square() * mask;
    let variance = squares.sum_dim(0) / count;
    variance.mean().into_data().iter::<f32>().next().unwrap_or(0.0)
}
