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

/// A configuration that trains in seconds.
pub const TINY: &str = "(
    model: DimeNetPlusPlus((
        emb: 8, out_emb: 8, int_emb: 4, basis_emb: 4, n_blocks: 1, n_spherical: 2, n_radial: 3, envelope_exponent: 5,
        n_before_skip: 1, n_after_skip: 1, n_dense_output: 1, n_levels: 4, n_gaussians: 4, seed: 1,
    )),
    training: (
        schedule: (n_levels: 4, position_variance: (0.001, 36.0), lattice_variance: (0.1, 36.0)),
        graph: (mean_degree: 12.0, min_degree: 4, max_mean_degree: 48, min_self_distance: 0.15),
        optimiser: (steps: 4, batch_size: 4, checkpoint_every: 2, read_every: 1),
    ),
)
";

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
