//! Rows by index, and sums of rows by index: each other's transposes.

mod backend;
mod backward;
#[cfg(feature = "cube")]
mod cube;
#[cfg(feature = "cpu")]
mod flex;
pub mod reference;

use burn::Tensor;
use burn::backend::Dispatch;
use burn::tensor::{DType, Device, Int, TensorData};

pub use backend::RowOps;

/// A map from M rows to S targets, with its transpose in compressed form: the rows that map to target s are
/// `order[offsets[s]..offsets[s + 1]]`, in ascending order.
#[derive(Debug, Clone)]
pub struct RowIndex {
    /// Target of each row, `[M]`.
    pub index: Tensor<1, Int>,
    /// First entry of each target in `order`, `[S + 1]`.
    pub offsets: Tensor<1, Int>,
    /// Rows sorted by target, `[M]`.
    pub order: Tensor<1, Int>,
}

/// A [`RowIndex`] before it is uploaded.
#[derive(Debug, Clone, Default)]
pub struct HostRowIndex {
    index: Vec<i32>,
    offsets: Vec<i32>,
    order: Vec<i32>,
}

impl HostRowIndex {
    /// See [`sorted_rows`].
    ///
    /// # Panics
    /// If an entry of `index` is not a target: the caller made the index and checks what a user gives.
    pub fn new(index: &[u32], n_targets: usize) -> Self {
        let (offsets, order) = sorted_rows(index, n_targets);
        Self { index: index.iter().map(|&target| target as i32).collect(), offsets, order }
    }

    /// The index on a device.
    pub fn upload(self, device: &Device) -> RowIndex {
        let upload = |values: Vec<i32>| {
            let shape = [values.len()];
            Tensor::<1, Int>::from_data(TensorData::new(values, shape), (device, DType::I32))
        };
        RowIndex { index: upload(self.index), offsets: upload(self.offsets), order: upload(self.order) }
    }
}

/// First entry of each target, and the rows sorted by target: a counting sort, linear in rows + targets.
///
/// # Panics
/// If an entry of `index` is not a target.
pub fn sorted_rows(index: &[u32], n_targets: usize) -> (Vec<i32>, Vec<i32>) {
    let mut offsets = vec![0_i32; n_targets + 1];
    for &target in index {
        offsets[target as usize + 1] += 1;
    }
    for s in 0..n_targets {
        offsets[s + 1] += offsets[s];
    }
    let mut next = offsets.clone();
    let mut order = vec![0_i32; index.len()];
    for (row, &target) in index.iter().enumerate() {
        let slot = &mut next[target as usize];
        order[*slot as usize] = i32::try_from(row).expect("an index tensor holds fewer than 2^31 rows");
        *slot += 1;
    }
    (offsets, order)
}

impl RowIndex {
    /// Uploads `index` and its transpose.
    ///
    /// # Panics
    /// If an entry of `index` is not a target.
    pub fn new(index: &[u32], n_targets: usize, device: &Device) -> Self {
        HostRowIndex::new(index, n_targets).upload(device)
    }

    /// Number of rows M.
    pub fn n_rows(&self) -> usize {
        self.index.dims()[0]
    }

    /// Number of targets S.
    pub fn n_targets(&self) -> usize {
        self.offsets.dims()[0] - 1
    }
}

/// Row `index[m]` of `x` for each m.
///
/// # Shapes
/// - x: `[S, C]`
/// - output: `[M, C]`
pub fn gather_rows(x: Tensor<2>, rows: &RowIndex) -> Tensor<2> {
    Tensor::from_dispatch(<Dispatch as RowOps>::gather_rows(
        x.into_dispatch(),
        rows.index.clone().into_dispatch(),
        rows.offsets.clone().into_dispatch(),
        rows.order.clone().into_dispatch(),
    ))
}

/// Sum of the rows of `x` that map to each target; zero for a target without rows.
///
/// # Shapes
/// - x: `[M, C]`
/// - output: `[S, C]`
pub fn segment_sum(x: Tensor<2>, rows: &RowIndex) -> Tensor<2> {
    Tensor::from_dispatch(<Dispatch as RowOps>::segment_sum(
        x.into_dispatch(),
        rows.index.clone().into_dispatch(),
        rows.offsets.clone().into_dispatch(),
        rows.order.clone().into_dispatch(),
    ))
}
