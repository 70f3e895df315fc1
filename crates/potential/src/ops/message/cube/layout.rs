//! What the kernels know when they are compiled: which unit serves which channel, and what each path reads and writes.

use crate::nequix::{LayerKind, N_DEGREES, Path};

/// Components of all messages that a channel of the features can make: those of degree 2 make most.
pub(super) const MAX_COMPONENTS: usize = 31;
/// Units of a plane: degrees begin at multiples of it, so that a plane has one of them.
const PLANE: usize = 32;

/// First unit of each degree of the features.
pub(super) fn first_unit(kind: LayerKind, degree: usize) -> usize {
    kind.plan().inputs[..degree].iter().map(|channels| channels.next_multiple_of(PLANE)).sum()
}

/// Units of a cube.
pub(super) fn n_units(kind: LayerKind) -> usize {
    first_unit(kind, N_DEGREES)
}

fn paths(kind: LayerKind, degree: usize) -> impl Iterator<Item = &'static Path> {
    kind.plan().paths.iter().filter(move |path| path.a == degree)
}

/// Number of paths from features of a degree.
pub(super) fn n_paths(kind: LayerKind, degree: usize) -> usize {
    paths(kind, degree).count()
}

/// The n-th path from features of a degree.
pub(super) fn path(kind: LayerKind, degree: usize, n: usize) -> Path {
    *paths(kind, degree).nth(n).expect("below the number of paths")
}

/// First of the components that the n-th path from features of a degree makes.
pub(super) fn first_component(kind: LayerKind, degree: usize, n: usize) -> usize {
    paths(kind, degree).take(n).map(|path| 2 * path.c + 1).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_components_have_a_register() {
        for kind in [LayerKind::First, LayerKind::Middle, LayerKind::Last] {
            for degree in 0..N_DEGREES {
                assert!(first_component(kind, degree, n_paths(kind, degree)) <= MAX_COMPONENTS);
            }
        }
        assert_eq!(n_units(LayerKind::Middle), 256);
    }
}
