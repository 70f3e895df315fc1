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
        let narrow: Vec<f32> = values.into_par_iter().map(|value| value as f32).collect();
        TensorData::new(narrow, length)
    };
    Tensor::<1>::from_data(data, (device, dtype)).reshape(shape)
}

/// A place in a buffer.
fn index(place: usize) -> i32 {
    i32::try_from(place).expect("batches are far smaller")
}

/// Whole numbers, uploaded.
pub(crate) fn upload_indices(values: impl Iterator<Item = usize>, device: &Device) -> Tensor<1, Int> {
    upload_places(values.map(index).collect(), device)
}

fn upload_places(values: Vec<i32>, device: &Device) -> Tensor<1, Int> {
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

/// What one graph adds to a batch, its places counted from the batch's beginning.
struct Part {
    offsets: Vec<i32>,
    sender: Vec<i32>,
    order: Vec<i32>,
    sender_offsets: Vec<i32>,
    image_site: Vec<i32>,
    image_offsets: Vec<i32>,
    image_species: Vec<i32>,
    vectors: Vec<f64>,
}

impl Part {
    /// `site_0`, `image_0`, `edge_0`: how many are before this graph.
    fn of(graph: &SiteGraph, [site_0, image_0, edge_0]: [usize; 3]) -> Self {
        let from = |first: usize, places: &[usize]| places.iter().map(|place| index(place + first)).collect();
        let (sender_offsets, order) = group(&graph.sender, graph.images.len());
        let sites: Vec<usize> = graph.images.iter().map(|image| image.site).collect();
        let (image_offsets, _) = group(&sites, graph.n_sites());
        Self {
            offsets: from(edge_0, &graph.offsets[1..]),
            sender: from(image_0, &graph.sender),
            order: from(edge_0, &order),
            sender_offsets: from(edge_0, &sender_offsets[1..]),
            image_offsets: from(image_0, &image_offsets[1..]),
            image_species: sites.iter().map(|&site| index(graph.species[site])).collect(),
            image_site: from(site_0, &sites),
            vectors: graph.vectors.iter().flat_map(|vector| [vector.x, vector.y, vector.z]).collect(),
        }
    }
}

impl Batch {
    /// Uploads graphs, at least one site in all.
    pub fn new(graphs: &[&SiteGraph], device: &Device, dtype: DType) -> Self {
        let mut next = [0; 3];
        let starts: Vec<[usize; 3]> = graphs
            .iter()
            .map(|graph| {
                let start = next;
                next[0] += graph.n_sites();
                next[1] += graph.images.len();
                next[2] += graph.n_edges();
                start
            })
            .collect();
        let [n_sites, n_images, n_edges] = next;
        let parts: Vec<Part> = graphs.par_iter().zip(&starts).map(|(graph, start)| Part::of(graph, *start)).collect();
        let places = |first: &[i32], of: fn(&Part) -> &Vec<i32>| {
            let mut all = first.to_vec();
            parts.iter().for_each(|part| all.extend_from_slice(of(part)));
            upload_places(all, device)
        };
        let vectors = || parts.iter().map(|part| part.vectors.as_slice()).collect::<Vec<_>>().concat();
        let distances = if dtype == DType::F64 {
            graphs.iter().flat_map(|graph| &graph.vectors).map(|vector| vector.norm()).collect()
        } else {
            Vec::new()
        };
        let images = graphs.iter().any(|graph| graph.is_symmetric()).then(|| {
            let all: Vec<_> = graphs.iter().flat_map(|graph| &graph.images).collect();
            let mut rotations = vec![0.0; n_images * N_ROTATION];
            rotations
                .par_chunks_mut(N_ROTATION)
                .zip(all)
                .for_each(|(row, image)| row.copy_from_slice(&rotation_matrices(&image.rotation)));
            Images {
                rotations: upload(rotations, [n_images, N_ROTATION], device, dtype),
                site: places(&[], |part| &part.image_site),
                offsets: places(&[0], |part| &part.image_offsets),
            }
        });
        let species = graphs.iter().flat_map(|graph| graph.species.iter().copied());
        let multiplicity: Vec<f64> = graphs.iter().flat_map(|graph| graph.multiplicity.iter().copied()).collect();
        Self {
            edges: Edges {
                // A batch without any edge keeps one row that no site refers to.
                vectors: if n_edges == 0 {
                    upload(vec![1.0; 3], [1, 3], device, dtype)
                } else {
                    upload(vectors(), [n_edges, 3], device, dtype)
                },
                sender: if n_edges == 0 { upload_places(vec![0], device) } else { places(&[], |part| &part.sender) },
                offsets: places(&[0], |part| &part.offsets),
                order: if n_edges == 0 { upload_places(vec![0], device) } else { places(&[], |part| &part.order) },
                sender_offsets: places(&[0], |part| &part.sender_offsets),
            },
            images,
            image_species: places(&[], |part| &part.image_species),
            site_species: upload_indices(species, device),
            multiplicity: upload(multiplicity, [n_sites, 1], device, dtype),
            distances,
        }
    }
}
