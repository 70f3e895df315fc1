//! The row of CDVAE, retrained here.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use burn::tensor::Device;
use cdvae::{CdvaeSampling, Trained};
use cgcnn::Weights;
use metrics::{Fingerprints, evaluate, table1_samples};
use serde_json::json;
use tensor_ops::has_kernels;

use super::Table1Config;
use super::kept::Keeper;
use super::reference::fingerprints_of;
use super::rows::Bootstrap;
use crate::cdvae::{generated, note_of};
use crate::generated::Generated;
use crate::published;
use crate::statistics::with_bootstrap;
use crate::table::Row;

/// Folder of its structures in that of the run.
pub(super) const FOLDER: &str = "cdvae";

/// The checkpoint that the repository ships, from its root.
const SHIPPED: &str = "assets/weights/cdvae-mp20.safetensors";

/// The checkpoint that was named, else that of the repository, if the program is run from there and it has one. On a
/// processor only the one that was named: 5 000 evaluations take hours there.
///
/// # Errors
/// If it cannot be read or is one of another model.
pub(super) fn checkpoint(named: Option<&Path>, seed: u64, device: &Device) -> Result<Option<Peer>> {
    let shipped = Path::new(SHIPPED);
    let path = named.or_else(|| (has_kernels(device) && shipped.is_file()).then_some(shipped));
    path.map(|path| Peer::load(path, seed, device)).transpose()
}

/// What the row says where it is not sampled.
pub(super) const NOT_SAMPLED: &str = "published figures only; measured where a device is named or --cdvae-checkpoint is \
     given (5 000 evaluations, hours on a processor)";

/// A trained CDVAE and how it is sampled.
pub(super) struct Peer {
    trained: Trained,
    sampling: CdvaeSampling,
    path: PathBuf,
}

impl Peer {
    /// Reads the checkpoint.
    ///
    /// # Errors
    /// If it cannot be read or is one of another model.
    pub(super) fn load(path: &Path, seed: u64, device: &Device) -> Result<Self> {
        let sampling = CdvaeSampling { seed, ..CdvaeSampling::default() };
        Ok(Self { trained: Trained::load(path, device)?, sampling, path: path.to_owned() })
    }

    /// As many structures as the other rows have, with their fingerprints; those of an earlier leg where it kept them.
    ///
    /// # Errors
    /// If the device fails, a file cannot be written, or what is kept is of another sampling.
    pub(super) fn sample(
        &self,
        config: &Table1Config,
        device: &Device,
        folder: &Path,
        cgcnn: &Weights,
        keeper: &mut Keeper<'_>,
    ) -> Result<(Generated, Vec<Fingerprints>)> {
        let (folder, n_samples) = (folder.join(FOLDER), config.n_samples);
        let of = json!({ "sampler": self.sampling, "count": n_samples, "network": self.trained.sha256 });
        let (generated, ()) = keeper.structures("CDVAE", &folder, of, || {
            Ok((generated(&self.trained, &self.sampling, n_samples, device, &folder)?, ()))
        })?;
        let fingerprints = fingerprints_of("CDVAE", &generated.structures, cgcnn);
        Ok((generated, fingerprints))
    }

    /// The paper's protocol: figures over the structures that are valid and have a fingerprint.
    ///
    /// # Errors
    /// If fewer than two structures are valid.
    pub(super) fn row(
        &self,
        bootstrap: Bootstrap,
        generated: &Generated,
        fingerprints: &[Fingerprints],
        reference: &[Fingerprints],
    ) -> Result<Row> {
        let usable = table1_samples(fingerprints, fingerprints.len());
        if usable.len() < 2 {
            bail!("CDVAE: {} of {} structures are valid; the figures need two", usable.len(), fingerprints.len());
        }
        let figures = evaluate(&usable, reference)?;
        let measured = with_bootstrap(&figures, &usable, reference, bootstrap.samples, bootstrap.seed)?;
        let note = format!(
            "{}; {} of {} structures valid; {} draws again, {} given up; ± is a bootstrap over the generated structures",
            note_of(&self.trained, &self.sampling, &self.path),
            usable.len(),
            fingerprints.len(),
            generated.redraws.iter().sum::<usize>(),
            generated.given_up,
        );
        Ok(Row {
            name: "CDVAE".to_owned(),
            published: Some(published::CDVAE),
            measured: Some(measured),
            n_samples: usable.len(),
            note,
        })
    }
}
