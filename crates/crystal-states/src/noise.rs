//! Steps and noise as they are asked for, on either side.

/// First item of the random numbers of a lattice in training; positions take one item per site.
pub(crate) const LATTICE_ITEM: u32 = 1 << 31;
/// How often a noised lattice is drawn before the last draw is kept, whatever its volume.
pub(crate) const MAX_LATTICE_DRAWS: u32 = 1000;

/// One step of a Langevin process: `x ← x + drift·ε̂ + noise·z`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LangevinStep {
    /// Factor of the network's estimate: −α/(2σ).
    pub drift: f64,
    /// Factor of the noise: T·√α.
    pub noise: f64,
    /// Which step of the run this is; the random numbers depend on it.
    pub draw: u32,
}

/// Which structure of the set gets how much noise.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Draw {
    /// Index in the set.
    pub index: usize,
    /// Tells the random numbers of the draws of one stream apart.
    pub slot: u32,
    /// Standard deviation of the position noise, Å.
    pub position_sigma: f64,
    /// Standard deviation of the lattice noise; 0 leaves the lattice.
    pub lattice_sigma: f64,
}
