//! Archives: named arrays with metadata in one safetensors file.
//!
//! The metadata holds the SHA-256 of the arrays (names, shapes and values), so that a file that was cut, edited or
//! written by something else is told from a good one before anything is loaded. Files are written to a temporary name
//! in the same folder, flushed and renamed: a file under the checkpoint's name is always whole.

use std::collections::{BTreeMap, HashMap};
use std::io::Write;
use std::path::{Path, PathBuf};

use half::f16;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use sealed_file::write_atomically;
use sha2::{Digest, Sha256};

use crate::ArchiveError;

/// Entry of the file's metadata that holds ours, as one JSON object.
const METADATA_KEY: &str = "druse";
/// Metadata key of the SHA-256 over all arrays.
const HASH_KEY: &str = "sha256";
/// Metadata key of the writer's version.
const VERSION_KEY: &str = "druse_version";

/// Arrays of at least this many numbers are large.
const LARGE: usize = 4096;

/// The values of one array.
#[derive(Debug, Clone, PartialEq)]
pub enum ArchiveData {
    /// Half precision: weights of networks that are only used, not trained on.
    F16(Vec<f16>),
    /// Single precision.
    F32(Vec<f32>),
    /// Double precision.
    F64(Vec<f64>),
    /// Unsigned integers: counters, states of random generators.
    U64(Vec<u64>),
}

impl ArchiveData {
    /// The values in half precision, rounded to the nearest.
    pub fn half(values: &[f32]) -> Self {
        Self::F16(values.iter().map(|value| f16::from_f32(*value)).collect())
    }

    fn dtype(&self) -> Dtype {
        match self {
            Self::F16(_) => Dtype::F16,
            Self::F32(_) => Dtype::F32,
            Self::F64(_) => Dtype::F64,
            Self::U64(_) => Dtype::U64,
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::F16(_) => "f16",
            Self::F32(_) => "f32",
            Self::F64(_) => "f64",
            Self::U64(_) => "u64",
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::F16(values) => values.len(),
            Self::F32(values) => values.len(),
            Self::F64(values) => values.len(),
            Self::U64(values) => values.len(),
        }
    }

    /// Little-endian bytes.
    fn bytes(&self) -> Vec<u8> {
        match self {
            Self::F16(values) => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
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
            Dtype::F16 => {
                Some(Self::F16(bytes.chunks_exact(2).map(|chunk| f16::from_le_bytes([chunk[0], chunk[1]])).collect()))
            }
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
    /// [`ArchiveError::MissingTensor`], [`ArchiveError::NumberType`].
    pub fn f32(&self, name: &str, path: &Path) -> Result<(&[usize], &[f32]), ArchiveError> {
        let tensor = self.get(name, path)?;
        match &tensor.data {
            ArchiveData::F32(values) => Ok((&tensor.shape, values)),
            other => Err(number_type(path, name, "f32", other)),
        }
    }

    /// The double-precision values of this name. `path` is named in the error.
    ///
    /// # Errors
    /// [`ArchiveError::MissingTensor`], [`ArchiveError::NumberType`].
    pub fn f64(&self, name: &str, path: &Path) -> Result<&[f64], ArchiveError> {
        match &self.get(name, path)?.data {
            ArchiveData::F64(values) => Ok(values),
            other => Err(number_type(path, name, "f64", other)),
        }
    }

    /// The integers of this name. `path` is named in the error.
    ///
    /// # Errors
    /// [`ArchiveError::MissingTensor`], [`ArchiveError::NumberType`].
    pub fn u64(&self, name: &str, path: &Path) -> Result<&[u64], ArchiveError> {
        match &self.get(name, path)?.data {
            ArchiveData::U64(values) => Ok(values),
            other => Err(number_type(path, name, "u64", other)),
        }
    }

    /// A metadata entry. `path` is named in the error.
    ///
    /// # Errors
    /// [`ArchiveError::Metadata`] if absent.
    pub fn metadata(&self, key: &str, path: &Path) -> Result<&str, ArchiveError> {
        self.metadata.get(key).map(String::as_str).ok_or_else(|| ArchiveError::Metadata {
            path: path.to_owned(),
            key: key.to_owned(),
            problem: "is missing".to_owned(),
        })
    }

    fn get(&self, name: &str, path: &Path) -> Result<&ArchiveTensor, ArchiveError> {
        self.tensors.get(name).ok_or_else(|| ArchiveError::MissingTensor {
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
        let tensors = self
            .tensors
            .iter()
            .filter_map(|(name, tensor)| Some((name.strip_prefix(&start)?.to_owned(), tensor.clone())));
        Self { tensors: tensors.collect(), metadata: self.metadata.clone() }
    }

    /// The same archive with its large single-precision arrays in half precision: for checkpoints of networks that are
    /// only used. Small ones stay, as they cost nothing: norms, biases, constants.
    #[must_use]
    pub fn with_large_in_half_precision(mut self) -> Self {
        for tensor in self.tensors.values_mut() {
            if let ArchiveData::F32(values) = &tensor.data
                && values.len() >= LARGE
            {
                tensor.data = ArchiveData::half(values);
            }
        }
        self
    }

    /// The same archive with what is in half precision in single precision.
    #[must_use]
    pub fn in_single_precision(mut self) -> Self {
        for tensor in self.tensors.values_mut() {
            if let ArchiveData::F16(values) = &tensor.data {
                tensor.data = ArchiveData::F32(values.iter().map(|value| value.to_f32()).collect());
            }
        }
        self
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

    /// The archive as the bytes of a file.
    ///
    /// # Errors
    /// [`ArchiveError::Write`] if the metadata cannot be written as JSON.
    pub fn to_bytes(&self) -> Result<Vec<u8>, ArchiveError> {
        let failed = |source| ArchiveError::Write { path: PathBuf::new(), source };
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
        let metadata = serde_json::to_string(&metadata).map_err(|error| failed(error.into()))?;
        safetensors::serialize(views, Some(HashMap::from([(METADATA_KEY.to_owned(), metadata)])))
            .map_err(|error| failed(std::io::Error::other(error)))
    }

    /// Writes the archive.
    ///
    /// # Errors
    /// [`ArchiveError::Write`]; then nothing new is under this name.
    pub fn save(&self, path: &Path) -> Result<(), ArchiveError> {
        let content = self.to_bytes()?;
        write_atomically(path, |file| file.write_all(&content))
            .map_err(|source| ArchiveError::Write { path: path.to_owned(), source })
    }

    /// Reads an archive and verifies its hash.
    ///
    /// # Errors
    /// [`ArchiveError::Read`], [`ArchiveError::Corrupt`], [`ArchiveError::Metadata`] or [`ArchiveError::Hash`].
    pub fn load(path: &Path) -> Result<Self, ArchiveError> {
        let content = std::fs::read(path).map_err(|source| ArchiveError::Read { path: path.to_owned(), source })?;
        Self::from_bytes(&content, path)
    }

    /// An archive from a file's content, its hash verified. `path` is named in the error.
    ///
    /// # Errors
    /// [`ArchiveError::Corrupt`], [`ArchiveError::Metadata`] or [`ArchiveError::Hash`].
    pub fn from_bytes(content: &[u8], path: &Path) -> Result<Self, ArchiveError> {
        let corrupt = |reason: String| ArchiveError::Corrupt { path: path.to_owned(), reason };
        let (_, header) = SafeTensors::read_metadata(content).map_err(|error| corrupt(error.to_string()))?;
        let foreign =
            |problem: String| ArchiveError::Metadata { path: path.to_owned(), key: METADATA_KEY.to_owned(), problem };
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
            return Err(ArchiveError::Hash { path: path.to_owned(), expected, found });
        }
        archive.metadata.remove(HASH_KEY);
        Ok(archive)
    }
}

fn number_type(path: &Path, name: &str, expected: &'static str, found: &ArchiveData) -> ArchiveError {
    ArchiveError::NumberType { path: path.to_owned(), name: name.to_owned(), expected, found: found.name().to_owned() }
}
