//! The registry of architectures: one line per model.

use std::path::Path;

use ::training::{TensorArchive, archive_kind};
use burn::tensor::Device;
use crystal_core::ConfigError;
use score_model::{AnyModel, ModelConfig, Trained};
use serde::{Deserialize, Serialize};

use crate::DruseError;

/// Work that is done with the configuration of any architecture.
pub trait ArchitectureVisitor {
    /// What comes of it.
    type Output;

    /// Does the work.
    fn visit<C: ModelConfig>(self, config: &C) -> Self::Output;
}

macro_rules! architectures {
    ($($(#[$doc:meta])* $name:ident($config:ty)),+ $(,)?) => {
        /// The configuration of a model of any architecture that this build knows. In RON: `DimeNetPlusPlus((emb: 64,
        /// …))`.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        pub enum Architecture {
            $($(#[$doc])* $name($config),)+
        }

        impl Architecture {
            /// Names of all architectures, as stored in checkpoints.
            pub const KINDS: &'static [&'static str] = &[$(<$config as ModelConfig>::KIND),+];

            /// Does work with the configuration.
            pub fn visit<V: ArchitectureVisitor>(&self, visitor: V) -> V::Output {
                match self {
                    $(Self::$name(config) => visitor.visit(config),)+
                }
            }

            /// The same with another seed of the initial parameters.
            #[must_use]
            pub fn with_seed(&self, seed: u64) -> Self {
                match self {
                    $(Self::$name(config) => Self::$name(config.with_seed(seed)),)+
                }
            }

            /// The trained model in an archive, and its configuration. `path` is named in the error.
            ///
            /// # Errors
            /// [`DruseError::UnknownKind`], and [`DruseError::Model`] if the archive is damaged or incomplete.
            pub fn load(archive: &TensorArchive, path: &Path, device: &Device) -> Result<(AnyModel, Self), DruseError> {
                let kind = archive_kind(archive, path).map_err(score_model::ScoreModelError::from)?;
                $(
                    if kind == <$config as ModelConfig>::KIND {
                        let (trained, config) = Trained::load::<$config>(archive, path, device)?;
                        return Ok((trained.into_any(), Self::$name(config)));
                    }
                )+
                Err(Self::unknown(kind, path))
            }

            /// The archive as this release writes it, from one of any layout that it reads; the parameters stay as they
            /// are, bit by bit. `path` is named in the error.
            ///
            /// # Errors
            /// As [`Self::load`].
            pub fn rewritten(archive: &TensorArchive, path: &Path, device: &Device) -> Result<TensorArchive, DruseError> {
                let kind = archive_kind(archive, path).map_err(score_model::ScoreModelError::from)?;
                $(
                    if kind == <$config as ModelConfig>::KIND {
                        let (trained, config) = Trained::load::<$config>(archive, path, device)?;
                        return Ok(trained.archive(&config, path)?);
                    }
                )+
                Err(Self::unknown(kind, path))
            }
        }
    };
}

architectures! {
    /// DimeNet++ with outputs on edges, the network of the paper.
    DimeNetPlusPlus(dimenetpp::DimeNetPlusPlusConfig),
    /// The model of the tutorial.
    Example(example_model::ExampleConfig),
}

impl Architecture {
    fn unknown(kind: &str, path: &Path) -> DruseError {
        DruseError::UnknownKind { path: path.to_owned(), found: kind.to_owned(), known: Self::KINDS.join(", ") }
    }

    /// Name of the architecture.
    pub fn kind(&self) -> &'static str {
        struct Kind;
        impl ArchitectureVisitor for Kind {
            type Output = &'static str;

            fn visit<C: ModelConfig>(self, _: &C) -> &'static str {
                C::KIND
            }
        }
        self.visit(Kind)
    }

    /// Whether the numbers make sense.
    ///
    /// # Errors
    /// [`ConfigError`] for the first field that does not.
    pub fn check(&self) -> Result<(), ConfigError> {
        struct Check;
        impl ArchitectureVisitor for Check {
            type Output = Result<(), ConfigError>;

            fn visit<C: ModelConfig>(self, config: &C) -> Self::Output {
                config.check()
            }
        }
        self.visit(Check)
    }

    /// Number of noise levels that the network tells apart.
    pub fn n_levels(&self) -> usize {
        struct Levels;
        impl ArchitectureVisitor for Levels {
            type Output = usize;

            fn visit<C: ModelConfig>(self, config: &C) -> usize {
                config.n_levels()
            }
        }
        self.visit(Levels)
    }
}
