//! How far a piece of work is.

/// What a callback is told again and again.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// How much is done, in the unit of `total`.
    pub done: f64,
    /// How much there is; it may grow when something has to be repeated.
    pub total: f64,
    /// A few words on the state of the work, such as the losses; may be empty.
    pub message: String,
}
