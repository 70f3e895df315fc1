//! Modules in archives.

use std::path::Path;

use burn::Tensor;
use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::TensorData;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{ArchiveError, TensorArchive};

/// Metadata key of the architecture.
const KIND_KEY: &str = "kind";
/// Metadata key of the architecture's configuration, JSON.
const CONFIG_KEY: &str = "config";

/// All float parameters of a module, by their path in it (`interactions.0.up.weight`).
pub fn module_to_archive<M: Module>(module: &M) -> TensorArchive {
    struct Collector {
        path: Vec<String>,
        archive: TensorArchive,
    }
    impl ModuleVisitor for Collector {
        fn enter_module(&mut self, name: &str, _container_type: &str) {
            self.path.push(name.to_owned());
        }

        fn exit_module(&mut self, _name: &str, _container_type: &str) {
            self.path.pop();
        }

        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let tensor = param.val();
            let shape = tensor.dims().to_vec();
            let values = tensor.into_data().iter::<f32>().collect();
            self.archive.insert_f32(self.path.join("."), shape, values);
        }
    }
    let mut collector = Collector { path: Vec::new(), archive: TensorArchive::default() };
    module.visit(&mut collector);
    collector.archive
}

/// The module with the values of the archive in its float parameters, on its device. Arrays that the module does not
/// have are ignored. `path` is named in the error.
///
/// # Errors
/// [`ArchiveError::MissingTensor`], [`ArchiveError::Shape`] or [`ArchiveError::NumberType`] for the first parameter
/// that does not fit.
pub fn archive_into_module<M: Module>(module: M, archive: &TensorArchive, path: &Path) -> Result<M, ArchiveError> {
    struct Loader<'a> {
        path: Vec<String>,
        archive: &'a TensorArchive,
        file: &'a Path,
        error: Option<ArchiveError>,
    }
    impl Loader<'_> {
        fn values(&self, expected: &[usize]) -> Result<Vec<f32>, ArchiveError> {
            let name = self.path.join(".");
            match self.archive.f32(&name, self.file) {
                Ok((shape, values)) if shape == expected => Ok(values.to_vec()),
                Ok((shape, _)) => Err(ArchiveError::Shape {
                    path: self.file.to_owned(),
                    name,
                    expected: expected.to_vec(),
                    found: shape.to_vec(),
                }),
                Err(ArchiveError::MissingTensor { path, name, .. }) => {
                    Err(ArchiveError::MissingTensor { path, name, expected: expected.to_vec() })
                }
                Err(error) => Err(error),
            }
        }
    }
    impl ModuleMapper for Loader<'_> {
        fn enter_module(&mut self, name: &str, _container_type: &str) {
            self.path.push(name.to_owned());
        }

        fn exit_module(&mut self, _name: &str, _container_type: &str) {
            self.path.pop();
        }

        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            if self.error.is_some() {
                return param;
            }
            let shape = param.lazy_shape().to_vec();
            match self.values(&shape) {
                Ok(values) => param.map(|tensor| {
                    // A new leaf that keeps the old one's role in training.
                    let loaded = Tensor::from_data(TensorData::new(values, shape), &tensor.device());
                    if tensor.is_require_grad() { loaded.require_grad() } else { loaded }
                }),
                Err(error) => {
                    self.error = Some(error);
                    param
                }
            }
        }
    }
    let mut loader = Loader { path: Vec::new(), archive, file: path, error: None };
    let module = module.map(&mut loader);
    match loader.error {
        Some(error) => Err(error),
        None => Ok(module),
    }
}

/// Configuration and parameters of a module, the parameters under the prefix `model`; `kind` names its architecture.
/// More arrays and metadata can be added before [`TensorArchive::save`].
///
/// # Errors
/// [`ArchiveError::Metadata`] if the configuration cannot be written as JSON.
pub fn described_archive<M: Module, C: Serialize>(
    module: &M,
    kind: &str,
    config: &C,
) -> Result<TensorArchive, ArchiveError> {
    let mut archive = TensorArchive::default();
    archive.absorb("model", module_to_archive(module));
    let config = serde_json::to_string(config).map_err(|error| ArchiveError::Metadata {
        path: Path::new("(unwritten)").to_owned(),
        key: CONFIG_KEY.to_owned(),
        problem: error.to_string(),
    })?;
    archive.metadata.insert(KIND_KEY.to_owned(), kind.to_owned());
    archive.metadata.insert(CONFIG_KEY.to_owned(), config);
    Ok(archive)
}

/// The configuration in an archive of a model of this kind.
///
/// # Errors
/// [`ArchiveError::Kind`] for another kind, [`ArchiveError::Metadata`] if entries are missing or unreadable.
pub fn archive_config<C: DeserializeOwned>(
    archive: &TensorArchive,
    kind: &str,
    path: &Path,
) -> Result<C, ArchiveError> {
    let found = archive.metadata(KIND_KEY, path)?;
    if found != kind {
        return Err(ArchiveError::Kind { path: path.to_owned(), expected: kind.to_owned(), found: found.to_owned() });
    }
    serde_json::from_str(archive.metadata(CONFIG_KEY, path)?).map_err(|error| ArchiveError::Metadata {
        path: path.to_owned(),
        key: CONFIG_KEY.to_owned(),
        problem: format!("is unreadable: {error}"),
    })
}

/// The name of the architecture in an archive.
///
/// # Errors
/// [`ArchiveError::Metadata`] if there is none.
pub fn archive_kind<'a>(archive: &'a TensorArchive, path: &Path) -> Result<&'a str, ArchiveError> {
    archive.metadata(KIND_KEY, path)
}
