//! CPU loops. Parallel over output rows, never over a sum: the bits do not depend on the number of threads.

use burn::backend::TensorMetadata;
use burn::backend::flex::FlexTensor;
use rayon::prelude::*;

use crate::flex::{MIN_ROWS, floats, indices, tensor};

/// `out[m, c] = x[index[m], c]`.
pub(crate) fn gather_rows(x: &FlexTensor, index: &FlexTensor) -> FlexTensor {
    let columns = x.shape()[1];
    let values = floats(x);
    let index = indices(index);
    let mut output = vec![0.0; index.len() * columns];
    output.par_chunks_mut(columns).zip(index.par_iter()).with_min_len(MIN_ROWS).for_each(|(row, &from)| {
        let start = from as usize * columns;
        row.copy_from_slice(&values[start..start + columns]);
    });
    tensor(output, [index.len(), columns])
}

/// `out[s, c] = Σ x[order[k], c]`, k over `offsets[s]..offsets[s + 1]`, in ascending order.
pub(crate) fn segment_sum(x: &FlexTensor, offsets: &FlexTensor, order: &FlexTensor) -> FlexTensor {
    let columns = x.shape()[1];
    let values = floats(x);
    let offsets = indices(offsets);
    let order = indices(order);
    let n_segments = offsets.len() - 1;
    let rows_per_segment = order.len() / n_segments.max(1);
    let mut output = vec![0.0; n_segments * columns];
    output
        .par_chunks_mut(columns)
        .zip(offsets.par_windows(2))
        .with_min_len((MIN_ROWS / (rows_per_segment + 1)).max(1))
        .for_each(|(sum, range)| {
            for &row in &order[range[0] as usize..range[1] as usize] {
                let start = row as usize * columns;
                for (total, value) in sum.iter_mut().zip(&values[start..start + columns]) {
                    *total += value;
                }
            }
        });
    tensor(output, [n_segments, columns])
}
