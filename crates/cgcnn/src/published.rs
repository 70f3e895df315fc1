//! Checkpoints of the published PyTorch program (a dictionary with `state_dict` and `normalizer`).
//!
//! The pickle inside is read by `pytorch-reader`, which interprets tensors and plain values only and runs nothing.

use std::path::Path;

use burn::tensor::Device;
use crystal_states::N_DESCRIPTORS;
use pytorch_reader::{DType, PytorchReader};
use training::{TensorArchive, archive_into_module};

use crate::batch::N_GAUSSIANS;
use crate::{Cgcnn, CgcnnConfig, CgcnnError, Normaliser};

/// Reads a checkpoint onto a device.
///
/// # Errors
/// [`CgcnnError::Foreign`] if it is none, [`CgcnnError::PublishedArray`] if it holds another network.
pub(crate) fn read(path: &Path, device: &Device) -> Result<Cgcnn, CgcnnError> {
    let reader = PytorchReader::new(path)
        .map_err(|error| CgcnnError::Foreign { path: path.to_owned(), reason: error.to_string() })?;
    let file = File { path, reader };
    let config = CgcnnConfig {
        atom_width: file.shape("state_dict.embedding.weight")?[0],
        n_convolutions: (0..).take_while(|k| file.has(&format!("state_dict.convs.{k}.fc_full.weight"))).count(),
        feature_width: file.shape("state_dict.conv_to_fc.weight")?[0],
        seed: 0,
    };
    config.check()?;
    if file.has("state_dict.fcs.0.weight") {
        return Err(file.bad("state_dict.fcs.0.weight", "is there: a network with further layers after pooling"));
    }
    let arrays = file.arrays(&config)?;
    let normaliser = file.normaliser()?;
    Ok(archive_into_module(config.init(device), &arrays, path)?.with_normaliser(normaliser))
}

struct File<'a> {
    path: &'a Path,
    reader: PytorchReader,
}

impl File<'_> {
    fn has(&self, name: &str) -> bool {
        self.reader.get(name).is_some()
    }

    fn bad(&self, name: &str, problem: impl Into<String>) -> CgcnnError {
        CgcnnError::PublishedArray { path: self.path.to_owned(), name: name.to_owned(), problem: problem.into() }
    }

    /// Shape of a matrix.
    fn shape(&self, name: &str) -> Result<[usize; 2], CgcnnError> {
        let tensor = self.reader.get(name).ok_or_else(|| self.bad(name, "is missing"))?;
        tensor.shape().try_into().map_err(|_| self.bad(name, format!("has shape {:?}, not two axes", tensor.shape())))
    }

    /// Values of a single-precision array of this shape.
    fn values(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, CgcnnError> {
        let tensor = self.reader.get(name).ok_or_else(|| self.bad(name, "is missing"))?;
        if tensor.shape() != shape {
            return Err(self.bad(name, format!("has shape {:?}, not {shape:?}", tensor.shape())));
        }
        if tensor.dtype() != DType::F32 {
            return Err(self.bad(name, format!("holds {:?}, not F32", tensor.dtype())));
        }
        let bytes = tensor.read().map_err(|error| self.bad(name, format!("cannot be read: {error}")))?;
        let values: Vec<f32> =
            bytes.chunks_exact(4).map(|chunk| f32::from_ne_bytes(chunk.try_into().expect("chunks of four"))).collect();
        match values.iter().all(|value| value.is_finite()) {
            true => Ok(values),
            false => Err(self.bad(name, "has a value that is not finite")),
        }
    }

    /// Two numbers in the file of the paper, two arrays in those of later versions of the program.
    fn normaliser(&self) -> Result<Normaliser, CgcnnError> {
        const KEY: &str = "normalizer";
        let normaliser = if self.has("normalizer.mean") {
            Normaliser { mean: self.scalar("normalizer.mean")?, std: self.scalar("normalizer.std")? }
        } else {
            PytorchReader::load_config(self.path, Some(KEY))
                .map_err(|error| self.bad(KEY, format!("holds no mean and standard deviation: {error}")))?
        };
        match normaliser.mean.is_finite() && normaliser.std.is_finite() && normaliser.std > 0.0 {
            true => Ok(normaliser),
            false => Err(self.bad(KEY, format!("makes no sense: {normaliser:?}"))),
        }
    }

    /// A number, stored with one axis or none.
    fn scalar(&self, name: &str) -> Result<f64, CgcnnError> {
        let shape: &[usize] = match self.reader.get(name).map(|tensor| tensor.shape().len()) {
            Some(1) => &[1],
            _ => &[],
        };
        Ok(f64::from(self.values(name, shape)?[0]))
    }

    /// Our arrays from theirs: PyTorch stores a dense layer as `[output, input]`, we as `[input, output]`; their one
    /// dense layer of a convolution is three here (centre, neighbour, edge), and its bias is taken off the mean of the
    /// batch norm that follows.
    fn arrays(&self, config: &CgcnnConfig) -> Result<TensorArchive, CgcnnError> {
        let CgcnnConfig { atom_width: width, feature_width, .. } = *config;
        let mut arrays = TensorArchive::default();
        self.dense(&mut arrays, "embedding", "embedding", [N_DESCRIPTORS, width])?;
        self.dense(&mut arrays, "conv_to_fc", "features", [width, feature_width])?;
        self.dense(&mut arrays, "fc_out", "output", [feature_width, 1])?;
        for k in 0..config.n_convolutions {
            let from = |part: &str| format!("state_dict.convs.{k}.{part}");
            let to = |part: &str| format!("convolutions.{k}.{part}");
            let n_input = 2 * width + N_GAUSSIANS;
            let joint = transposed(&self.values(&from("fc_full.weight"), &[2 * width, n_input])?, n_input);
            let mut rest = joint.as_slice();
            for (part, n_rows) in [("centre", width), ("neighbour", width), ("edge", N_GAUSSIANS)] {
                let (rows, others) = rest.split_at(n_rows * 2 * width);
                arrays.insert_f32(to(&format!("{part}.weight")), vec![n_rows, 2 * width], rows.to_vec());
                rest = others;
            }
            let bias = self.values(&from("fc_full.bias"), &[2 * width])?;
            for (norm, name, n) in [("bn1", "edge_norm", 2 * width), ("bn2", "atom_norm", width)] {
                for (theirs, ours) in
                    [("weight", "gamma"), ("bias", "beta"), ("running_mean", "mean"), ("running_var", "variance")]
                {
                    let mut values = self.values(&from(&format!("{norm}.{theirs}")), &[n])?;
                    if (norm, ours) == ("bn1", "mean") {
                        values.iter_mut().zip(&bias).for_each(|(mean, bias)| *mean -= bias);
                    }
                    if ours == "variance" && values.iter().any(|value| *value < 0.0) {
                        return Err(self.bad(&from(&format!("{norm}.{theirs}")), "has a negative variance"));
                    }
                    arrays.insert_f32(to(&format!("{name}.{ours}")), vec![n], values);
                }
            }
        }
        Ok(arrays)
    }

    fn dense(
        &self,
        arrays: &mut TensorArchive,
        from: &str,
        to: &str,
        [n_input, n_output]: [usize; 2],
    ) -> Result<(), CgcnnError> {
        let weight = self.values(&format!("state_dict.{from}.weight"), &[n_output, n_input])?;
        let bias = self.values(&format!("state_dict.{from}.bias"), &[n_output])?;
        arrays.insert_f32(format!("{to}.weight"), vec![n_input, n_output], transposed(&weight, n_input));
        arrays.insert_f32(format!("{to}.bias"), vec![n_output], bias);
        Ok(())
    }
}

/// The transpose of a row-major matrix with rows of this length.
fn transposed(matrix: &[f32], row_length: usize) -> Vec<f32> {
    (0..row_length).flat_map(|column| matrix.chunks_exact(row_length).map(move |row| row[column])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transposes() {
        assert_eq!(transposed(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 3), [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
    }
}
