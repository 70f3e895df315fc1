//! Random numbers by key and counter.
//!
//! A number depends on a seed, on what it is for ([`Purpose`]) and on where it is used (a structure, a step, an item),
//! never on what was drawn before. A structure gets the same noise in every batch, on every device and after every
//! restart.
//!
//! ```
//! use random_keys::{Purpose, RandomKey};
//!
//! let key = RandomKey::new(7, Purpose::Sampling);
//! assert_eq!(key.normal(0, 1, 2), key.normal(0, 1, 2));
//! assert_ne!(key.normal(0, 1, 2), key.normal(1, 1, 2));
//! ```

mod generator;
mod key;

pub use generator::KeyedGenerator;
pub use key::{MULTIPLIERS, Purpose, ROUNDS, RandomKey, WEYL};
