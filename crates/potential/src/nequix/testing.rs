//! What tests of the operations need of the network.

use burn::Tensor;
use burn::tensor::{DType, Device};

pub(crate) use super::batch::{upload, upload_indices};
use super::network::Coefficients;
use super::plan::LayerKind;
use crate::ops::LayerTables;

/// A layer's coefficients with any table.
pub(crate) fn tables(kind: LayerKind, table: Tensor<3>, device: &Device, dtype: DType) -> LayerTables {
    Coefficients::new(kind, device, dtype).with(table)
}
