//! What the tests of all crates share. A crate uses it as a dev-dependency:
//!
//! - [`needs`]: a test that cannot run here is reported as `ignored`, with the reason, and never as passed;
//! - [`shared`]: files of the data outside the workspace;
//! - [`robustness`]: damaged files for readers, programs killed on their way;
//! - [`GoldenSet`] and [`golden_tests`]: tests that run on the committed golden values always, and on the large set
//!   where it is there.

mod golden;
pub mod robustness;
mod shared;

pub use golden::{Crystal, GoldenSet};
pub use shared::shared;
pub use test_support_macros::needs;

/// Makes two tests of each function that takes a [`GoldenSet`]: `committed::NAME` and `shared::NAME`, which needs the
/// shared data.
///
/// ```
/// use test_support::{GoldenSet, golden_tests};
///
/// fn counts_match(golden: GoldenSet) {
///     let sets: Vec<serde_json::Value> = golden.read("structures");
///     assert!(sets.len() >= 40);
/// }
///
/// golden_tests!(counts_match);
/// ```
#[macro_export]
macro_rules! golden_tests {
    ($($name:ident),+ $(,)?) => {
        /// On the golden values that are committed.
        mod committed {
            $(
                #[test]
                fn $name() {
                    super::$name($crate::GoldenSet::Committed);
                }
            )+
        }

        /// On the large set.
        mod shared {
            $(
                #[$crate::needs(shared)]
                #[test]
                fn $name() {
                    super::$name($crate::GoldenSet::Shared);
                }
            )+
        }
    };
}
