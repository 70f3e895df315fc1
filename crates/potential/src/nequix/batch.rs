//! Graphs of many structures as one, on a device.

use burn::Tensor;
use burn::tensor::{DType, Device, Int, TensorData};
use rayon::prelude::*;

use super::graph::SiteGraph;
use super::harmonics::{N_ROTATION, rotation_matrices};
use crate::ops::{Edges, Images};

/// Floats of either precision, uploaded flat: rows of a matrix that is uploaded may be padded, and the kernels count on
/// dense ones.
pub(crate) fn upload<const D: usize>(values: Vec<f64>, shape: [usize; D], device: &Device, dtype: DType) -> Tensor<D> {
    let length = [values.len()];
    let data = if dtype == DType::F64 {
        TensorData::new(values, length)
    } else {
        #[allow(clippy::cast_possible_truncation, reason = "rounding to single precision is what is meant")]
        let narrow: Vec<f32> = values.into_iter().map(|value| value as f32).collect();
        TensorData::new(narrow, length)
    };
    Tensor::<1>::from_data(data, (device, dtype)).reshape(shape)
}

/// Whole numbers, uploaded.
pub(crate) fn upload_indices(values: impl Iterator<Item = usize>, device: &Device) -> Tensor<1, Int> {
    let values: Vec<i32> = values.map(|value| i32::try_from(value).expect("batches are far smaller")).collect();
    let shape = [values.len()];
    Tensor::from_data(TensorData::new(values, shape), (device, DType::I32))
}

/// Several graphs as one.
pub(crate) struct Batch {
    pub edges: Edges,
    /// How images are made; `None` if every image is its site.
    pub images: Option<Images>,
    /// Element of each site, `[N]`.
    pub site_species: Tensor<1, Int>,
    /// Element of each image, `[I]`.
    pub image_species: Tensor<1, Int>,
    /// Multiplicities, `[N, 1]`.
    pub multiplicity: Tensor<2>,
    /// Lengths of the edges, Å; only where the radial network is evaluated exactly.
    pub distances: Vec<f64>,
}

/// First position of each of `n` groups, and the positions of `keys` by group.
fn group(keys: &[usize], n: usize) -> (Vec<usize>, Vec<usize>) {
    let mut offsets = vec![0; n + 1];
    keys.iter().for_each(|&key| offsets[key + 1] += 1);
    for k in 0..n {
        offsets[k + 1] += offsets[k];
    }
    let mut next = offsets.clone();
    let mut order = vec![0; keys.len()];
    for (position, &key) in keys.iter().enumerate() {
        order[next[key]] = position;
        next[key] += 1;
    }
    (offsets, order)
}

impl Batch {
    /// Uploads graphs, at least one site in all.
    pub fn new(graphs: &[&SiteGraph], device: &Device, dtype: DType) -> Self {
        let (mut site_0, mut image_0, mut edge_0) = (0, 0, 0);
        let (mut offsets, mut sender, mut image_site, mut image_offsets) =
            (vec![0], Vec::new(), Vec::new(), Vec::new());
        for graph in graphs {
            offsets.extend(graph.offsets[1..].iter().map(|offset| offset + edge_0));
            sender.extend(graph.sender.iter().map(|image| image + image_0));
            image_site.extend(graph.images.iter().map(|image| image.site + site_0));
            site_0 += graph.n_sites();
            image_0 += graph.images.len();
            edge_0 += graph.n_edges();
        }
        image_offsets.extend(group(&image_site, site_0).0);
        let (sender_offsets, order) = group(&sender, image_0);
        let vectors: Vec<f64> =
            graphs.iter().flat_map(|graph| &graph.vectors).flat_map(|vector| [vector.x, vector.y, vector.z]).collect();
        let distances = if dtype == DType::F64 {
            graphs.iter().flat_map(|graph| &graph.vectors).map(|vector| vector.norm()).collect()
        } else {
            Vec::new()
        };
        let indices = |values: Vec<usize>| upload_indices(values.into_iter(), device);
        let images = graphs.iter().any(|graph| graph.is_symmetric()).then(|| {
            let all: Vec<_> = graphs.iter().flat_map(|graph| &graph.images).collect();
            let rotations: Vec<f64> =
                all.par_iter().flat_map_iter(|image| rotation_matrices(&image.rotation)).collect();
            Images {
                rotations: upload(rotations, [image_0, N_ROTATION], device, dtype),
                site: indices(image_site.clone()),
                offsets: indices(image_offsets.clone()),
            }
        });
        let species: Vec<usize> = graphs.iter().flat_map(|graph| graph.species.iter().copied()).collect();
        let multiplicity: Vec<f64> = graphs.iter().flat_map(|graph| graph.multiplicity.iter().copied()).collect();
        Self {
            edges: Edges {
                // A batch without any edge keeps one row that no site refers to.
                vectors: if edge_0 == 0 {
                    upload(vec![1.0; 3], [1, 3], device, dtype)
                } else {
                    upload(vectors, [edge_0, 3], device, dtype)
                },
                sender: if edge_0 == 0 { indices(vec![0]) } else { indices(sender) },
                offsets: indices(offsets),
                order: if edge_0 == 0 { indices(vec![0]) } else { indices(order) },
                sender_offsets: indices(sender_offsets),
            },
            images,
            image_species: indices(image_site.iter().map(|&site| species[site]).collect()),
            site_species: indices(species),
            multiplicity: upload(multiplicity, [site_0, 1], device, dtype),
            distances,
        }
    }
}
