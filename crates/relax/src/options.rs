//! What is relaxed, how, and when it is done.

use std::str::FromStr;

use crate::RelaxError;

/// Which degrees of freedom a crystal has.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Mode {
    /// Those of the Wyckoff positions and of the lattice of the crystal system: the space group is kept exactly.
    Symmetric {
        /// Tolerance, Å, at which the group of a crystal given as a structure is found.
        symprec: f64,
    },
    /// All of them, in the cell as given.
    Free {
        /// A kick before the first step, so that forces that symmetry sets to zero cannot hide an instability.
        rattle: Option<Rattle>,
    },
}

/// Random displacements and strain. Crystal n of a run depends on the seed and on n alone.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rattle {
    /// Standard deviation of each Cartesian coordinate, Å.
    pub displacement: f64,
    /// Standard deviation of each of the six components of the logarithmic strain.
    pub strain: f64,
    /// Seed of the run.
    pub seed: u64,
}

impl Rattle {
    /// 0.05 Å and 1 %.
    pub fn with_seed(seed: u64) -> Self {
        Self { displacement: 0.05, strain: 0.01, seed }
    }
}

/// What the cell may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CellFreedom {
    /// Change volume and shape.
    #[default]
    Free,
    /// Change its shape at constant volume.
    ConstantVolume,
    /// Nothing.
    Fixed,
}

impl FromStr for CellFreedom {
    type Err = RelaxError;

    fn from_str(text: &str) -> Result<Self, RelaxError> {
        match text {
            "free" => Ok(Self::Free),
            "constant-volume" => Ok(Self::ConstantVolume),
            "fixed" => Ok(Self::Fixed),
            other => Err(RelaxError::word(other, "a freedom of the cell", "free, constant-volume or fixed")),
        }
    }
}

/// The optimiser.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Method {
    /// Limited-memory quasi-Newton steps.
    #[default]
    Lbfgs,
    /// Damped dynamics.
    Fire,
}

impl FromStr for Method {
    type Err = RelaxError;

    fn from_str(text: &str) -> Result<Self, RelaxError> {
        match text {
            "lbfgs" => Ok(Self::Lbfgs),
            "fire" => Ok(Self::Fire),
            other => Err(RelaxError::word(other, "an optimiser", "lbfgs or fire")),
        }
    }
}

/// Beyond these a crystal has diverged.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// Lowest and highest energy, eV/atom.
    pub energy_per_atom: [f64; 2],
    /// Least distance between two atoms, Å.
    pub distance: f64,
    /// Largest factor, up or down, between the volume and that of the start.
    pub volume_factor: f64,
}

impl Default for Limits {
    /// −20 to +10 eV/atom, 0.5 Å, a factor of 5.
    fn default() -> Self {
        Self { energy_per_atom: [-20.0, 10.0], distance: 0.5, volume_factor: 5.0 }
    }
}

/// How crystals are relaxed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Options {
    /// Degrees of freedom.
    pub mode: Mode,
    /// What the cell may do.
    pub cell: CellFreedom,
    /// Target pressure, GPa; acts if the volume may change.
    pub pressure_gpa: f64,
    /// Largest force of a converged crystal, eV/Å.
    pub fmax: f64,
    /// Largest component of the stress, less the target, of a converged crystal, GPa.
    pub smax_gpa: f64,
    /// Steps at most; a step is one evaluation after that of the start.
    pub max_steps: usize,
    /// The optimiser.
    pub method: Method,
    /// Where divergence begins.
    pub limits: Limits,
    /// Sites in one batch: atoms in the free mode, non-equivalent sites in the symmetric one; `None`: what keeps the
    /// potential's device busy. A larger crystal makes a batch alone.
    pub batch_sites: Option<usize>,
    /// Batches in flight: with two, one is on the device while the steps of the other are computed.
    pub batches: usize,
}

impl Default for Options {
    /// Symmetric at 0.01 Å, zero pressure, 0.02 eV/Å and 0.1 GPa, 500 steps, two batches that suit the device.
    fn default() -> Self {
        Self {
            mode: Mode::Symmetric { symprec: 0.01 },
            cell: CellFreedom::Free,
            pressure_gpa: 0.0,
            fmax: 0.02,
            smax_gpa: 0.1,
            max_steps: 500,
            method: Method::default(),
            limits: Limits::default(),
            batch_sites: None,
            batches: 2,
        }
    }
}

impl Options {
    /// Checks the ranges.
    ///
    /// # Errors
    /// [`RelaxError::Option`].
    pub fn check(&self) -> Result<(), RelaxError> {
        let positive = |name, value: f64| {
            if value > 0.0 && value.is_finite() {
                Ok(())
            } else {
                Err(RelaxError::Option { name, value, cure: "a positive number" })
            }
        };
        positive("fmax", self.fmax)?;
        positive("smax_gpa", self.smax_gpa)?;
        if !self.pressure_gpa.is_finite() {
            return Err(RelaxError::Option { name: "pressure_gpa", value: self.pressure_gpa, cure: "a finite number" });
        }
        if let Mode::Symmetric { symprec } = self.mode {
            positive("symprec", symprec)?;
        }
        if let Mode::Free { rattle: Some(rattle) } = self.mode {
            for (name, value) in [("rattle.displacement", rattle.displacement), ("rattle.strain", rattle.strain)] {
                if !(0.0..1.0).contains(&value) {
                    return Err(RelaxError::Option { name, value, cure: "a number from 0 to 1" });
                }
            }
        }
        Ok(())
    }
}
