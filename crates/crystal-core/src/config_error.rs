//! A configuration that makes no sense.

/// A field of a configuration with a value that cannot be meant. Configurations of every crate are checked by
/// `fn check(&self) -> Result<(), ConfigError>`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} = {value}: expected {expected}")]
pub struct ConfigError {
    /// The field, with the fields that contain it: `training.batch_size`.
    pub field: String,
    /// Its value.
    pub value: String,
    /// What is allowed.
    pub expected: String,
}

impl ConfigError {
    /// An error of this field.
    pub fn new(field: &str, value: impl std::fmt::Debug, expected: impl Into<String>) -> Self {
        Self { field: field.to_owned(), value: format!("{value:?}"), expected: expected.into() }
    }

    /// `Ok` if the condition holds, else [`Self::new`].
    ///
    /// # Errors
    /// If `valid` is false.
    pub fn unless(valid: bool, field: &str, value: impl std::fmt::Debug, expected: &str) -> Result<(), Self> {
        if valid { Ok(()) } else { Err(Self::new(field, value, expected)) }
    }

    /// `Ok` for a finite number above 0.
    ///
    /// # Errors
    /// For any other number.
    pub fn unless_positive(field: &str, value: f64) -> Result<(), Self> {
        Self::unless(value > 0.0 && value.is_finite(), field, value, "a finite number above 0")
    }

    /// `Ok` for a finite number that is not negative.
    ///
    /// # Errors
    /// For any other number.
    pub fn unless_not_negative(field: &str, value: f64) -> Result<(), Self> {
        Self::unless(value >= 0.0 && value.is_finite(), field, value, "a finite number, 0 or more")
    }

    /// `Ok` for a number from 0 to below 1, as decays of means and dropouts are.
    ///
    /// # Errors
    /// For any other number.
    pub fn unless_below_one(field: &str, value: f64) -> Result<(), Self> {
        Self::unless((0.0..1.0).contains(&value), field, value, "a number from 0 to below 1")
    }

    /// As [`Self::unless_below_one`] for Adam's two.
    ///
    /// # Errors
    /// If one is another number.
    pub fn unless_both_below_one(field: &str, values: (f32, f32)) -> Result<(), Self> {
        let both = [values.0, values.1].iter().all(|value| (0.0..1.0).contains(value));
        Self::unless(both, field, values, "two numbers from 0 to below 1")
    }

    /// The same error of a field of `parent`.
    #[must_use]
    pub fn of(mut self, parent: &str) -> Self {
        self.field = format!("{parent}.{}", self.field);
        self
    }
}
