//! The kernels as an extension of burn's backends: what only GPU backends offer. On a processor `multigraph` builds
//! graphs.

use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Backend, ExtensionType, backend_extension};
use multigraph::GraphConfig;

use random_keys::RandomKey;

/// What the kernels look up. S structures, N sites, I images.
#[derive(Debug, Clone, ExtensionType)]
pub struct LayoutTensors<B: Backend> {
    /// `[S, 12]`.
    pub structures: IntTensor<B>,
    /// `[N]`.
    pub site_structure: IntTensor<B>,
    /// Row of each site's Wyckoff position among those of all space groups, `[N]`.
    pub site_position: IntTensor<B>,
    /// `[I]`.
    pub image_site: IntTensor<B>,
    /// Atomic number − 1 of each site, `[N]`.
    pub elements: IntTensor<B>,
    /// Wyckoff positions of all space groups, `[rows, 31]`, flat.
    pub positions: FloatTensor<B>,
    /// Operations of all space groups, `[rows, 16]`.
    pub operations: IntTensor<B>,
    /// Products of all space groups.
    pub products: IntTensor<B>,
    /// `[6, 3, 3]`, flat.
    pub centrings: FloatTensor<B>,
    /// Two words per structure that tell its random numbers apart, `[S, 2]`.
    pub streams: IntTensor<B>,
}

/// A graph and what the network reads of it. E rows of edges and N of sites, some of which may be padding.
#[derive(Debug, Clone, ExtensionType)]
pub struct GraphTensors<B: Backend> {
    /// `[E, 11]`.
    pub edges: FloatTensor<B>,
    /// Cut-off, factor of the spherical functions, number of edges, `[S, 3]`.
    pub scalars: FloatTensor<B>,
    /// `[S, 72]`.
    pub geometry: FloatTensor<B>,
    /// 0 for structures that can go on, `[S]`.
    pub status: IntTensor<B>,
    /// `[N]`.
    pub elements: IntTensor<B>,
    /// `[N]`.
    pub levels: IntTensor<B>,
    /// `[N]`.
    pub site_structure: IntTensor<B>,
    /// `[E]`.
    pub source: IntTensor<B>,
    /// `[E]`.
    pub target: IntTensor<B>,
    /// `[E]`.
    pub reverse: IntTensor<B>,
    /// `[E]`.
    pub edge_structure: IntTensor<B>,
    /// 0, 1, …, `[E]`.
    pub order: IntTensor<B>,
    /// First edge out of each site, `[N + 1]`.
    pub source_offsets: IntTensor<B>,
    /// First edge of each structure, `[S + 1]`.
    pub edge_offsets: IntTensor<B>,
    /// `[N + 1]`.
    pub target_offsets: IntTensor<B>,
    /// `[E]`.
    pub target_order: IntTensor<B>,
    /// `[E + 1]`.
    pub reverse_offsets: IntTensor<B>,
    /// `[E]`.
    pub reverse_order: IntTensor<B>,
}

/// Noised structures.
#[derive(Debug, Clone, ExtensionType)]
pub struct NoisedTensors<B: Backend> {
    /// `[S, 6]`.
    pub lattice_coords: FloatTensor<B>,
    /// `[N, 3]`.
    pub frac_coords: FloatTensor<B>,
    /// ε of the lattice coordinates, `[S, 6]`.
    pub lattice_noise: FloatTensor<B>,
    /// ε of the positions, `[N, 3]`.
    pub position_noise: FloatTensor<B>,
}

/// Where a data set lies, and what a batch takes of it. D structures of M sites, S structures in the batch.
#[derive(Debug, Clone, ExtensionType)]
pub struct DataTensors<B: Backend> {
    /// `[D, 6]`, flat.
    pub lattice_coords: FloatTensor<B>,
    /// `[M, 3]`, flat.
    pub frac_coords: FloatTensor<B>,
    /// Structure of the data that each of the batch is, `[S]`.
    pub index: IntTensor<B>,
    /// Its first site in the data, `[S]`.
    pub first_site: IntTensor<B>,
    /// Standard deviations of position and lattice noise, `[S, 2]`, flat.
    pub sigmas: FloatTensor<B>,
}

/// One Langevin step: `x ← x + drift·ε̂ + noise·z`, z standard normal.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepNumbers {
    /// Whose random numbers.
    pub key: RandomKey,
    /// Which step of the run.
    pub draw: u32,
    /// Factor of the estimate.
    pub drift: f32,
    /// Factor of the noise.
    pub noise: f32,
}

/// The memory of a device.
#[derive(Debug, Clone, ExtensionType)]
pub struct DeviceMemory<B: Backend> {
    /// The tensor that says which device is meant.
    pub on: FloatTensor<B>,
    /// Bytes, if the runtime tells.
    pub bytes: Option<u64>,
}

/// What a GPU backend offers beyond the operations of `tensor_ops`.
#[backend_extension(Cube: cfg(feature = "cube"))]
pub trait StateOps: Backend {
    /// The multigraphs of S structures; lattice_coords `[S, 6]`, frac_coords `[N, 3]`, status `[S]`, levels `[S]`.
    fn state_graph(
        lattice_coords: FloatTensor<Self>,
        frac_coords: FloatTensor<Self>,
        status: IntTensor<Self>,
        levels: IntTensor<Self>,
        #[extension_type] layout: LayoutTensors<Self>,
        n_pairs: usize,
        config: GraphConfig,
    ) -> GraphTensors<Self>;

    /// frac_coords and estimate `[N, 3]` → moved coordinates `[N, 3]`.
    fn position_step(
        frac_coords: FloatTensor<Self>,
        estimate: FloatTensor<Self>,
        geometry: FloatTensor<Self>,
        status: IntTensor<Self>,
        #[extension_type] layout: LayoutTensors<Self>,
        step: StepNumbers,
    ) -> FloatTensor<Self>;

    /// lattice_coords and estimate `[S, 6]` → moved coordinates `[S, 6]`.
    fn lattice_step(
        lattice_coords: FloatTensor<Self>,
        estimate: FloatTensor<Self>,
        status: IntTensor<Self>,
        #[extension_type] layout: LayoutTensors<Self>,
        step: StepNumbers,
    ) -> FloatTensor<Self>;

    /// Structures of a data set with the noise of training step `stream`.
    fn noised_states(
        #[extension_type] data: DataTensors<Self>,
        #[extension_type] layout: LayoutTensors<Self>,
        key: RandomKey,
        stream: u64,
        least_volume: f32,
    ) -> NoisedTensors<Self>;

    /// How much memory the device has on which `on` lies.
    fn device_memory(on: FloatTensor<Self>) -> DeviceMemory<Self>;
}
