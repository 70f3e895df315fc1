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
    /// The mean of the stabiliser's matrices at each site, which what the edges send is multiplied by; `None` where
    /// every edge of every site is there.
    pub projections: Option<Images>,
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

/// The edges of one graph by their senders: first place of each image, one more for the end, and the edges' places.
type BySender = (Vec<usize>, Vec<usize>);

/// `n` values, of which `write` gives each of consecutive parts its own: written in parallel, as the pages of a large
/// buffer cost more than what is written there.
fn filled<T, I>(parts: &[I], length: impl Fn(&I) -> usize, write: impl Fn(&I, &mut [T]) + Sync) -> Vec<T>
where
    T: Copy + Default + Send,
    I: Sync,
{
    let lengths: Vec<usize> = parts.iter().map(length).collect();
    let mut values = vec![T::default(); lengths.iter().sum()];
    let mut rest = values.as_mut_slice();
    let mut work = Vec::with_capacity(parts.len());
    for (part, length) in parts.iter().zip(lengths) {
        let (own, after) = rest.split_at_mut(length);
        work.push((part, own));
        rest = after;
    }
    work.into_par_iter().for_each(|(part, own)| write(part, own));
    values
}

/// As [`upload`], of parts that are made and rounded in parallel.
fn upload_parts<const D: usize, I: Sync>(
    parts: &[I],
    length: impl Fn(&I) -> usize,
    values: impl Fn(&I) -> Vec<f64> + Sync,
    shape: [usize; D],
    device: &Device,
    dtype: DType,
) -> Tensor<D> {
    if dtype == DType::F64 {
        return upload(parts.iter().flat_map(values).collect(), shape, device, dtype);
    }
    #[allow(clippy::cast_possible_truncation, reason = "rounding to single precision is what is meant")]
    let narrow = |part: &I, own: &mut [f32]| {
        own.iter_mut().zip(values(part)).for_each(|(own, value)| *own = value as f32);
    };
    let all: Vec<f32> = filled(parts, length, narrow);
    let length = [all.len()];
    Tensor::<1>::from_data(TensorData::new(all, length), (device, dtype)).reshape(shape)
}

/// The matrices of the images' operations, one row each.
fn rotations_of_images(graph: &SiteGraph) -> Vec<f64> {
    let matrices: Vec<[f64; N_ROTATION]> = graph.rotations.iter().map(rotation_matrices).collect();
    graph.images.iter().flat_map(|image| matrices[image.operation]).collect()
}

/// The means of the matrices of the sites' stabilisers, one row each.
fn projections_of_sites(graph: &SiteGraph) -> Vec<f64> {
    let mut rows = vec![0.0; graph.n_sites() * N_ROTATION];
    let matrices: Vec<[f64; N_ROTATION]> = graph.rotations.iter().map(rotation_matrices).collect();
    for (row, stabiliser) in rows.chunks_exact_mut(N_ROTATION).zip(&graph.stabilisers) {
        for &operation in stabiliser {
            row.iter_mut().zip(matrices[operation]).for_each(|(sum, entry)| *sum += entry / stabiliser.len() as f64);
        }
    }
    rows
}

/// A graph and how many sites, images and edges stand before it in the batch.
struct Placed<'a> {
    graph: &'a SiteGraph,
    by_sender: BySender,
    site_0: usize,
    image_0: usize,
    edge_0: usize,
}

impl Placed<'_> {
    /// Places in the batch of `places` in the graph.
    fn write<'b>(first: usize, places: impl IntoIterator<Item = &'b usize>, out: &mut [i32]) {
        out.iter_mut().zip(places).for_each(|(out, place)| *out = index(place + first));
    }
}

impl Batch {
    /// Uploads graphs, at least one site in all.
    pub fn new(graphs: &[&SiteGraph], device: &Device, dtype: DType) -> Self {
        let by_senders: Vec<BySender> =
            graphs.par_iter().map(|graph| group(&graph.sender, graph.images.len())).collect();
        let (mut site_0, mut image_0, mut edge_0) = (0, 0, 0);
        let placed: Vec<Placed<'_>> = graphs
            .iter()
            .zip(by_senders)
            .map(|(&graph, by_sender)| {
                let placed = Placed { graph, by_sender, site_0, image_0, edge_0 };
                (site_0, image_0, edge_0) =
                    (site_0 + graph.n_sites(), image_0 + graph.images.len(), edge_0 + graph.n_edges());
                placed
            })
            .collect();
        let (n_sites, n_images, n_edges) = (site_0, image_0, edge_0);
        let places = |length: fn(&Placed<'_>) -> usize, write: fn(&Placed<'_>, &mut [i32])| {
            upload_places(filled(&placed, length, write), device)
        };
        let images_of: fn(&Placed<'_>) -> usize = |of| of.graph.images.len();
        let sites_of: fn(&Placed<'_>) -> usize = |of| of.graph.n_sites();
        let edges_of: fn(&Placed<'_>) -> usize = |of| of.graph.n_edges();
        // A running sum begins with 0; the places of the ends follow.
        let ends = |length: fn(&Placed<'_>) -> usize, write: fn(&Placed<'_>, &mut [i32])| {
            let mut all = filled(&placed, length, write);
            all.insert(0, 0);
            upload_places(all, device)
        };
        let distances = if dtype == DType::F64 {
            graphs.iter().flat_map(|graph| &graph.vectors).map(|vector| vector.norm()).collect()
        } else {
            Vec::new()
        };
        let symmetric = graphs.iter().any(|graph| graph.is_symmetric());
        let matrices = |rows: fn(&SiteGraph) -> usize, of: fn(&SiteGraph) -> Vec<f64>, n_rows: usize| {
            upload_parts(
                graphs,
                move |graph| rows(graph) * N_ROTATION,
                |graph| of(graph),
                [n_rows, N_ROTATION],
                device,
                dtype,
            )
        };
        let images = symmetric.then(|| Images {
            rotations: matrices(|graph| graph.images.len(), rotations_of_images, n_images),
            site: places(images_of, |of, out| {
                Placed::write(of.site_0, of.graph.images.iter().map(|image| &image.site), out);
            }),
            offsets: ends(sites_of, |of, out| {
                let ends = of.graph.images.chunk_by(|a, b| a.site == b.site).scan(0, |end, images| {
                    *end += images.len();
                    Some(*end)
                });
                out.iter_mut().zip(ends).for_each(|(out, end)| *out = index(of.image_0 + end));
            }),
        });
        let projections = symmetric.then(|| Images {
            rotations: matrices(|graph| graph.n_sites(), projections_of_sites, n_sites),
            site: upload_indices(0..n_sites, device),
            offsets: upload_indices(0..=n_sites, device),
        });
        let species = graphs.iter().flat_map(|graph| graph.species.iter().copied());
        let multiplicity: Vec<f64> = graphs.iter().flat_map(|graph| graph.multiplicity.iter().copied()).collect();
        // A batch without any edge keeps one row that no site refers to.
        let edges = if n_edges == 0 {
            Edges {
                vectors: upload(vec![1.0; 4], [1, 4], device, dtype),
                sender: upload_places(vec![0], device),
                order: upload_places(vec![0], device),
                offsets: upload_places(vec![0; n_sites + 1], device),
                sender_offsets: upload_places(vec![0; n_images + 1], device),
            }
        } else {
            Edges {
                vectors: upload_parts(
                    graphs,
                    |graph| 4 * graph.n_edges(),
                    |graph| {
                        let edges = graph.vectors.iter().zip(&graph.weights);
                        edges.flat_map(|(vector, weight)| [vector.x, vector.y, vector.z, *weight]).collect()
                    },
                    [n_edges, 4],
                    device,
                    dtype,
                ),
                sender: places(edges_of, |of, out| Placed::write(of.image_0, &of.graph.sender, out)),
                order: places(edges_of, |of, out| Placed::write(of.edge_0, &of.by_sender.1, out)),
                offsets: ends(|of| of.graph.n_sites(), |of, out| Placed::write(of.edge_0, &of.graph.offsets[1..], out)),
                sender_offsets: ends(images_of, |of, out| Placed::write(of.edge_0, &of.by_sender.0[1..], out)),
            }
        };
        Self {
            edges,
            images,
            projections,
            image_species: places(images_of, |of, out| {
                let species = of.graph.images.iter().map(|image| &of.graph.species[image.site]);
                Placed::write(0, species, out);
            }),
            site_species: upload_indices(species, device),
            multiplicity: upload(multiplicity, [n_sites, 1], device, dtype),
            distances,
        }
    }
}
