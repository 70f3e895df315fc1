//! Features of images: those of the site, turned by the matrices of the operation that makes the image. Any number of
//! channels, any matrices: with means of matrices the rows of a site are projected.

#[cfg(feature = "cube")]
pub(crate) mod cube;
#[cfg(feature = "cpu")]
pub(crate) mod flex;
#[cfg(test)]
pub(crate) mod reference;

/// Where the matrix of each degree begins in a row; that of degree 0 is 1 and not stored.
pub(crate) const STARTS: [usize; 4] = [0, 0, 9, 34];
