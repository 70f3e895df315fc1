//! Checkpoints: named arrays with metadata in one safetensors file.
//!
//! The metadata holds the SHA-256 of the arrays (names, shapes and values), so that a file that was cut, edited or written by something else
//! is told from a good one before anything is loaded. Files are written to a temporary name in the same folder, flushed and renamed: a
//! file under the checkpoint's name is always whole.

use std::collections::{BTreeMap, HashMap};
use std::io::Write;
use std::path::Path;

use burn::Tensor;
use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::TensorData;
use crystal_core::io::write_atomically;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use crate::error::CheckpointError;
use crate::model::ScoreModel;

/// Entry of the file's metadata that holds ours, as one JSON object.
const METADATA_KEY: &str = "druse";
/// Metadata key of the SHA-256 over all arrays.
const HASH_KEY: &str = "sha256";
/// Metadata key of the writer's version.
const VERSION_KEY: &str = "druse_version";
/// Metadata key of the architecture.
const KIND_KEY: &str = "kind";
/// Metadata key of the architecture's configuration, JSON.
const CONFIG_KEY: &str = "config";

/// The values of one array.
#[derive(Debug, Clone, PartialEq)]
pub enum ArchiveData {
    /// Single precision.
    F32(Vec<f32>),
    /// Double precision.
    F64(Vec<f64>),
    /// Unsigned integers: counters, states of random generators.
    U64(Vec<u64>),
}

impl ArchiveData {
    fn dtype(&self) -> Dtype {
        match self {
            Self::F32(_) => Dtype::F32,
            Self::F64(_) => Dtype::F64,
            Self::U64(_) => Dtype::U64,
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::F32(_) => "f32",
            Self::F64(_) => "f64",
            Self::U64(_) => "u64",
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::F32(values) => values.len(),
            Self::F64(values) => values.len(),
            Self::U64(values) => values.len(),
        }
    }

    /// Little-endian bytes.
    fn bytes(&self) -> Vec<u8> {
        match self {
            Self::F32(values) => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
            Self::F64(values) => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
            Self::U64(values) => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
        }
    }

    fn from_bytes(dtype: Dtype, bytes: &[u8]) -> Option<Self> {
        let (words, pairs) = (bytes.chunks_exact(4), bytes.chunks_exact(8));
        let word = |chunk: &[u8]| <[u8; 4]>::try_from(chunk).expect("chunks of four");
        let pair = |chunk: &[u8]| <[u8; 8]>::try_from(chunk).expect("chunks of eight");
        match dtype {
            Dtype::F32 => Some(Self::F32(words.map(|chunk| f32::from_le_bytes(word(chunk))).collect())),
            Dtype::F64 => Some(Self::F64(pairs.map(|chunk| f64::from_le_bytes(pair(chunk))).collect())),
            Dtype::U64 => Some(Self::U64(pairs.map(|chunk| u64::from_le_bytes(pair(chunk))).collect())),
            _ => None,
        }
    }
}

/// One named array.
#[derive(Debug, Clone, PartialEq)]
pub struct ArchiveTensor {
    /// Lengths of the axes, row-major; the product is the number of values.
    pub shape: Vec<usize>,
    /// The values.
    pub data: ArchiveData,
}

/// Named arrays and metadata, as in a file.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TensorArchive {
    /// The arrays, by name.
    pub tensors: BTreeMap<String, ArchiveTensor>,
    /// Free text by key. The hash and the writer's version are added by [`TensorArchive::save`].
    pub metadata: BTreeMap<String, String>,
}

impl TensorArchive {
    /// Adds a single-precision array.
    pub fn insert_f32(&mut self, name: impl Into<String>, shape: Vec<usize>, values: Vec<f32>) {
        self.tensors.insert(name.into(), ArchiveTensor { shape, data: ArchiveData::F32(values) });
    }

    /// Adds a double-precision vector.
    pub fn insert_f64(&mut self, name: impl Into<String>, values: Vec<f64>) {
        let tensor = ArchiveTensor { shape: vec![values.len()], data: ArchiveData::F64(values) };
        self.tensors.insert(name.into(), tensor);
    }

    /// Adds a vector of integers.
    pub fn insert_u64(&mut self, name: impl Into<String>, values: Vec<u64>) {
        let tensor = ArchiveTensor { shape: vec![values.len()], data: ArchiveData::U64(values) };
        self.tensors.insert(name.into(), tensor);
    }

    /// The single-precision array of this name. `path` is named in the error.
    ///
    /// # Errors
    /// [`CheckpointError::MissingTensor`], [`CheckpointError::NumberType`].
    pub fn f32(&self, name: &str, path: &Path) -> Result<(&[usize], &[f32]), CheckpointError> {
        let tensor = self.get(name, path)?;
        match &tensor.data {
            ArchiveData::F32(values) => Ok((&tensor.shape, values)),
            other => Err(number_type(path, name, "f32", other)),
        }
    }

    /// The double-precision values of this name. `path` is named in the error.
    ///
    /// # Errors
    /// [`CheckpointError::MissingTensor`], [`CheckpointError::NumberType`].
    pub fn f64(&self, name: &str, path: &Path) -> Result<&[f64], CheckpointError> {
        match &self.get(name, path)?.data {
            ArchiveData::F64(values) => Ok(values),
            other => Err(number_type(path, name, "f64", other)),
        }
    }

    /// The integers of this name. `path` is named in the error.
    ///
    /// # Errors
    /// [`CheckpointError::MissingTensor`], [`CheckpointError::NumberType`].
    pub fn u64(&self, name: &str, path: &Path) -> Result<&[u64], CheckpointError> {
        match &self.get(name, path)?.data {
            ArchiveData::U64(values) => Ok(values),
            other => Err(number_type(path, name, "u64", other)),
        }
    }

    /// A metadata entry. `path` is named in the error.
    ///
    /// # Errors
    /// [`CheckpointError::Metadata`] if absent.
    pub fn metadata(&self, key: &str, path: &Path) -> Result<&str, CheckpointError> {
        self.metadata.get(key).map(String::as_str).ok_or_else(|| CheckpointError::Metadata {
            path: path.to_owned(),
            key: key.to_owned(),
            problem: "is missing".to_owned(),
        })
    }

    fn get(&self, name: &str, path: &Path) -> Result<&ArchiveTensor, CheckpointError> {
        self.tensors.get(name).ok_or_else(|| CheckpointError::MissingTensor {
            path: path.to_owned(),
            name: name.to_owned(),
            expected: Vec::new(),
        })
    }

    /// Moves all arrays of `other` here, `prefix.` before their names. Metadata is not moved.
    pub fn absorb(&mut self, prefix: &str, other: Self) {
        self.tensors.extend(other.tensors.into_iter().map(|(name, tensor)| (format!("{prefix}.{name}"), tensor)));
    }

    /// The arrays whose name begins with `prefix.`, without it; with the metadata.
    pub fn part(&self, prefix: &str) -> Self {
        let start = format!("{prefix}.");
        let tensors =
            self.tensors.iter().filter_map(|(name, tensor)| Some((name.strip_prefix(&start)?.to_owned(), tensor.clone())));
        Self { tensors: tensors.collect(), metadata: self.metadata.clone() }
    }

    /// SHA-256 over names, types, shapes and values, as hexadecimal text.
    pub fn hash(&self) -> String {
        let mut hasher = Sha256::new();
        for (name, tensor) in &self.tensors {
            hasher.update(format!("{name}\0{}\0{:?}\0", tensor.data.name(), tensor.shape));
            hasher.update(tensor.data.bytes());
        }
        hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Writes the archive.
    ///
    /// # Errors
    /// [`CheckpointError::Write`]; then nothing new is under this name.
    pub fn save(&self, path: &Path) -> Result<(), CheckpointError> {
        let write = |source| CheckpointError::Write { path: path.to_owned(), source };
        let bytes: Vec<(&String, &ArchiveTensor, Vec<u8>)> =
            self.tensors.iter().map(|(name, tensor)| (name, tensor, tensor.data.bytes())).collect();
        let views = bytes.iter().map(|(name, tensor, bytes)| {
            assert_eq!(tensor.shape.iter().product::<usize>(), tensor.data.len(), "shape of '{name}'");
            let view = TensorView::new(tensor.data.dtype(), tensor.shape.clone(), bytes);
            (name.as_str(), view.expect("the length was checked"))
        });
        let mut metadata = self.metadata.clone();
        metadata.insert(HASH_KEY.to_owned(), self.hash());
        metadata.insert(VERSION_KEY.to_owned(), env!("CARGO_PKG_VERSION").to_owned());
        // The format's map is unordered: all in one entry, so that the same archive gives the same bytes.
        let metadata = serde_json::to_string(&metadata).map_err(|error| write(error.into()))?;
        let content = safetensors::serialize(views, Some(HashMap::from([(METADATA_KEY.to_owned(), metadata)])))
            .map_err(|error| write(std::io::Error::other(error)))?;

        write_atomically(path, |file| file.write_all(&content)).map_err(write)
    }

    /// Reads an archive and verifies its hash.
    ///
    /// # Errors
    /// [`CheckpointError::Read`], [`CheckpointError::Corrupt`], [`CheckpointError::Metadata`] or [`CheckpointError::Hash`].
    pub fn load(path: &Path) -> Result<Self, CheckpointError> {
        let content = std::fs::read(path).map_err(|source| CheckpointError::Read { path: path.to_owned(), source })?;
        Self::from_bytes(&content, path)
    }

    /// An archive from a file's content, its hash verified. `path` is named in the error.
    ///
    /// # Errors
    /// [`CheckpointError::Corrupt`], [`CheckpointError::Metadata`] or [`CheckpointError::Hash`].
    pub fn from_bytes(content: &[u8], path: &Path) -> Result<Self, CheckpointError> {
        let corrupt = |reason: String| CheckpointError::Corrupt { path: path.to_owned(), reason };
        let (_, header) = SafeTensors::read_metadata(content).map_err(|error| corrupt(error.to_string()))?;
        let foreign =
            |problem: String| CheckpointError::Metadata { path: path.to_owned(), key: METADATA_KEY.to_owned(), problem };
        let metadata = header.metadata().as_ref().and_then(|metadata| metadata.get(METADATA_KEY));
        let metadata = metadata.ok_or_else(|| foreign("is missing".to_owned()))?;
        let metadata: BTreeMap<String, String> =
            serde_json::from_str(metadata).map_err(|error| foreign(format!("is unreadable: {error}")))?;
        let file = SafeTensors::deserialize(content).map_err(|error| corrupt(error.to_string()))?;
        let mut archive = Self { tensors: BTreeMap::new(), metadata };
        for (name, view) in file.tensors() {
            let data = ArchiveData::from_bytes(view.dtype(), view.data())
                .ok_or_else(|| corrupt(format!("tensor '{name}' holds {:?}", view.dtype())))?;
            archive.tensors.insert(name, ArchiveTensor { shape: view.shape().to_vec(), data });
        }
        let expected = archive.metadata(HASH_KEY, path)?.to_owned();
        let found = archive.hash();
        if expected != found {
            return Err(CheckpointError::Hash { path: path.to_owned(), expected, found });
        }
        archive.metadata.remove(HASH_KEY);
        Ok(archive)
    }
}

fn number_type(path: &Path, name: &str, expected: &'static str, found: &ArchiveData) -> CheckpointError {
    CheckpointError::NumberType { path: path.to_owned(), name: name.to_owned(), expected, found: found.name().to_owned() }
}

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

/// The module with the values of the archive in its float parameters, on its device. Arrays that the module does not have are ignored. `path` is
/// named in the error.
///
/// # Errors
/// [`CheckpointError::MissingTensor`], [`CheckpointError::Shape`] or [`CheckpointError::NumberType`] for the first parameter that does not fit.
pub fn archive_into_module<M: Module>(module: M, archive: &TensorArchive, path: &Path) -> Result<M, CheckpointError> {
    struct Loader<'a> {
        path: Vec<String>,
        archive: &'a TensorArchive,
        file: &'a Path,
        error: Option<CheckpointError>,
    }
    impl Loader<'_> {
        fn values(&self, expected: &[usize]) -> Result<Vec<f32>, CheckpointError> {
            let name = self.path.join(".");
            match self.archive.f32(&name, self.file) {
                Ok((shape, values)) if shape == expected => Ok(values.to_vec()),
                Ok((shape, _)) => Err(CheckpointError::Shape {
                    path: self.file.to_owned(),
                    name,
                    expected: expected.to_vec(),
                    found: shape.to_vec(),
                }),
                Err(CheckpointError::MissingTensor { path, name, .. }) => {
                    Err(CheckpointError::MissingTensor { path, name, expected: expected.to_vec() })
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

/// Metadata and parameters of a model; more arrays and metadata can be added before [`TensorArchive::save`].
///
/// # Errors
/// [`CheckpointError::Metadata`] if the configuration cannot be written as JSON.
pub fn model_to_archive<M: ScoreModel, C: Serialize>(model: &M, config: &C) -> Result<TensorArchive, CheckpointError> {
    described_archive(model, model.kind(), config)
}

/// As [`model_to_archive`], for a module that is no score model: `kind` names its architecture.
///
/// # Errors
/// As [`model_to_archive`].
pub fn described_archive<M: Module, C: Serialize>(module: &M, kind: &str, config: &C) -> Result<TensorArchive, CheckpointError> {
    let mut archive = TensorArchive::default();
    archive.absorb("model", module_to_archive(module));
    let config = serde_json::to_string(config).map_err(|error| CheckpointError::Metadata {
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
/// [`CheckpointError::Kind`] for another kind, [`CheckpointError::Metadata`] if entries are missing or unreadable.
pub fn archive_config<C: DeserializeOwned>(archive: &TensorArchive, kind: &str, path: &Path) -> Result<C, CheckpointError> {
    let found = archive.metadata(KIND_KEY, path)?;
    if found != kind {
        return Err(CheckpointError::Kind { path: path.to_owned(), expected: kind.to_owned(), found: found.to_owned() });
    }
    serde_json::from_str(archive.metadata(CONFIG_KEY, path)?).map_err(|error| CheckpointError::Metadata {
        path: path.to_owned(),
        key: CONFIG_KEY.to_owned(),
        problem: format!("is unreadable: {error}"),
    })
}

/// The model with the parameters of an archive made by [`model_to_archive`].
///
/// # Errors
/// As [`archive_into_module`].
pub fn archive_into_model<M: ScoreModel>(model: M, archive: &TensorArchive, path: &Path) -> Result<M, CheckpointError> {
    archive_into_module(model, &archive.part("model"), path)
}
