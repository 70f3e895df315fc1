//! Growing what an order asks for.

use std::path::Path;
use std::sync::Arc;

use burn::tensor::Device;
use druse::crystal_core::{ConfigError, CrystalError};
use druse::langevin::SamplerConfig;
use druse::{Checkpoint, DeviceName, DruseError, Progress, checkpoint};

use crate::order::MOST;
use crate::{Order, Shown};

/// What the page is told while it waits.
#[derive(Debug)]
pub enum Told {
    /// Something that the user should know.
    Notice(String),
    /// How much is done.
    Progress(Progress),
    /// A structure.
    Grown(Box<Shown>),
}

/// Why an order cannot be carried out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WebError {
    /// An empty form.
    #[error("there is nothing to grow; write a formula such as SrTiO3, elements on Wyckoff positions, or paste a CIF")]
    Nothing,
    /// A full one.
    #[error("give one of the three: a formula, elements on Wyckoff positions, or a CIF")]
    TooMuch,
    /// Positions of no space group.
    #[error("Wyckoff positions need a space group; choose one")]
    NoGroup,
    /// A space group beside a template, which has its own.
    #[error("the template has its own space group; leave the choice open, or remove the template")]
    GroupOfTemplate,
    /// Noise on nothing.
    #[error("a noise level is for a template; paste a CIF, or leave the level out")]
    NoiseWithoutTemplate,
    /// None, or too many.
    #[error("{count} structures cannot be shown; ask for 1 to {MOST}")]
    Count {
        /// How many were asked for.
        count: usize,
    },
    /// A template with more than one structure.
    #[error("the CIF holds {count} structures; paste the data block of one")]
    Template {
        /// How many there are.
        count: usize,
    },
    /// The library refuses it.
    #[error(transparent)]
    Druse(#[from] DruseError),
    /// The template cannot be read.
    #[error(transparent)]
    Crystal(#[from] CrystalError),
    /// A number that makes no sense.
    #[error(transparent)]
    Config(#[from] ConfigError),
}

/// The network that grows, on the processor.
#[derive(Debug)]
pub struct Network {
    checkpoint: Checkpoint,
    device: Device,
}

impl Network {
    /// Reads the file of a network for sites on Wyckoff positions: all that a page asks for has some.
    ///
    /// # Errors
    /// If the file is damaged, or none of a network.
    pub fn read(file: &[u8]) -> Result<Self, DruseError> {
        let device = DeviceName::Cpu.open()?;
        Ok(Self { checkpoint: checkpoint::from_bytes(file, Path::new("the network's file"), &device)?, device })
    }
}

/// Grows what an order asks for, one structure after the other; `tell` hears of each as soon as it is there. Returns
/// how many there are: those whose every draw diverged are missing.
///
/// # Errors
/// [`WebError`]; what was told of before stays true.
pub fn grow(network: &Network, order: &Order, tell: &mut dyn FnMut(Told)) -> Result<usize, WebError> {
    let mut resolved = order.request()?.resolve()?;
    // One at a time, so that the first is there soon; a structure is the same in any batch.
    resolved.config = SamplerConfig { batch_size: 1, ..resolved.config };
    for notice in std::mem::take(&mut resolved.notices) {
        tell(Told::Notice(notice));
    }
    let mut count = 0;
    let tell = std::cell::RefCell::new(tell);
    network.checkpoint.sample_each(
        resolved,
        &network.device,
        &Arc::default(),
        &mut |progress| tell.borrow_mut()(Told::Progress(progress.clone())),
        &mut |grown| {
            count += 1;
            tell.borrow_mut()(Told::Grown(Box::new(Shown::of(&grown))));
        },
    )?;
    Ok(count)
}
