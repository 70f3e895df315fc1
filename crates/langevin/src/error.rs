//! The error of this crate.

/// What can go wrong while sampling.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SamplingError {
    /// An order that cannot be carried out.
    #[error("order {index} ({order}): {reason}")]
    Order {
        /// Place of the order, from 0.
        index: usize,
        /// The order.
        order: String,
        /// What is wrong with it and what to change.
        reason: String,
    },
    /// The configuration makes no sense.
    #[error("sampler configuration: {0}")]
    Config(#[from] crystal_core::ConfigError),
    /// The model was trained for sites of the other mode.
    #[error(
        "order {index} ({order}) asks for {wanted}, but the model was trained for {trained}; take a checkpoint of that mode"
    )]
    Mode {
        /// Place of the order, from 0.
        index: usize,
        /// The order.
        order: String,
        /// What the order asks for.
        wanted: &'static str,
        /// What the model was trained for.
        trained: &'static str,
    },
    /// A graph could not be built.
    #[error(transparent)]
    Graph(#[from] multigraph::GraphError),
    /// A device failed while it worked.
    #[error("{0}; what was finished is written, start again with what is missing")]
    Device(#[from] tensor_ops::DeviceFailure),
    /// A batch does not fit the model.
    #[error(transparent)]
    Batch(#[from] crystal_states::StateError),
    /// A structure is not a crystal.
    #[error(transparent)]
    Crystal(#[from] crystal_core::CrystalError),
    /// The run was asked to stop.
    #[error("sampling was stopped; what was finished before is kept")]
    Stopped,
}
