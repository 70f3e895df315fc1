//! Launching the kernels of this folder, in order.

use burn::backend::TensorMetadata;
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::tensor::DType;
use burn_cubecl::CubeBackend;
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::ops::numeric::empty_device_contiguous_dtype;
use burn_cubecl::tensor::CubeTensor;
use crystal_core::whole;
use cubecl::prelude::*;
use multigraph::GraphConfig;

use super::geometry::{BASIS_WIDTH, GEOMETRY_WIDTH, geometry_kernel};
use super::ops::{DataTensors, DeviceMemory, GraphTensors, LayoutTensors, NoisedTensors, StateOps, StepNumbers};
use super::{cutoff, edges, halves, images, steps};
use crate::batch::Padding;
use crate::checks::VOLUME_PER_IMAGE;
use crate::edge_features::EDGE_WIDTH;
use crate::noise::LATTICE_ITEM;
use random_keys::RandomKey;
use tensor_ops::cube::{cubes, one_unit_each, output};

/// An uninitialised tensor of whole numbers beside `like`.
fn integers<const D: usize>(like: &CubeTensor, shape: [usize; D]) -> CubeTensor {
    empty_device_contiguous_dtype(like.client.clone(), like.device.clone(), shape.into(), DType::I32)
}

/// The running sums of `counts`, one longer, and the whole sum.
fn scan(counts: &CubeTensor) -> (CubeTensor, CubeTensor) {
    let n = counts.shape().num_elements();
    let offsets = integers(counts, [n + 1]);
    let total = integers(counts, [1]);
    cutoff::scan_kernel::launch(
        &counts.client,
        CubeCount::Static(1, 1, 1),
        CubeDim::new_1d(whole::compact(cutoff::SCAN_UNITS)),
        counts.clone().into_buffer_arg(),
        offsets.clone().into_buffer_arg(),
        total.clone().into_buffer_arg(),
        n,
    );
    (offsets, total)
}

/// A whole number that lies on the device: waits for it.
fn read(number: CubeTensor) -> usize {
    let bytes = number.client.read_one_unchecked(number.handle);
    i32::from_ne_bytes(bytes[..4].try_into().expect("one number was asked for")).max(0) as usize
}

impl StateOps for CubeBackend {
    fn state_graph(
        lattice_coords: FloatTensor<Self>,
        frac_coords: FloatTensor<Self>,
        status: IntTensor<Self>,
        levels: IntTensor<Self>,
        layout: LayoutTensors<Self>,
        n_pairs: usize,
        config: GraphConfig,
    ) -> GraphTensors<Self> {
        let [lattice_coords, frac_coords, status, levels] =
            [lattice_coords, frac_coords, status, levels].map(into_contiguous);
        let (n_structures, n_sites) = (lattice_coords.shape()[0], frac_coords.shape()[0]);
        let n_images = layout.image_site.shape()[0];
        let client = lattice_coords.client.clone();
        let like = &lattice_coords;
        let arg = |tensor: &CubeTensor| tensor.clone().into_buffer_arg();

        let geometry = output(like, [n_structures, GEOMETRY_WIDTH]);
        let basis = integers(like, [n_structures, BASIS_WIDTH]);
        let new_status = integers(like, [n_structures]);
        let (count, dim) = one_unit_each(like, n_structures);
        geometry_kernel::launch(
            &client,
            count,
            dim,
            arg(&lattice_coords),
            arg(&layout.structures),
            arg(&layout.centrings),
            arg(&status),
            arg(&geometry),
            arg(&basis),
            arg(&new_status),
            n_structures,
            whole::single(VOLUME_PER_IMAGE.0),
            whole::single(VOLUME_PER_IMAGE.1),
            whole::single(config.coincidence),
        );
        let settled = output(like, [n_sites, 3]);
        let masks = integers(like, [n_sites, 2]);
        let (count, dim) = one_unit_each(like, n_sites);
        images::sites_kernel::launch(
            &client,
            count,
            dim,
            arg(&frac_coords),
            arg(&layout.structures),
            arg(&layout.site_structure),
            arg(&layout.operations),
            arg(&layout.products),
            arg(&geometry),
            arg(&settled),
            arg(&masks),
            arg(&new_status),
            n_sites,
        );
        let image_coords = output(like, [n_images, 3]);
        let kept = integers(like, [n_images]);
        let (count, dim) = one_unit_each(like, n_images);
        images::images_kernel::launch(
            &client,
            count,
            dim,
            arg(&settled),
            arg(&layout.structures),
            arg(&layout.site_structure),
            arg(&layout.image_site),
            arg(&layout.operations),
            arg(&layout.products),
            arg(&masks),
            arg(&basis),
            arg(&image_coords),
            arg(&kept),
            n_images,
        );
        let scalars = output(like, [n_structures, 3]);
        let degrees = integers(like, [n_sites]);
        let pair_counts = integers(like, [n_pairs]);
        let (no_vectors, no_translations) = (output(like, [1]), integers(like, [1]));
        let whole = |number: usize| i32::try_from(number).unwrap_or(i32::MAX);
        cutoff::cutoff_kernel::launch(
            &client,
            cubes(like, n_structures),
            CubeDim::new_1d(whole::compact(cutoff::CUTOFF_UNITS)),
            arg(&layout.structures),
            arg(&geometry),
            arg(&image_coords),
            arg(&kept),
            arg(&new_status),
            arg(&scalars),
            arg(&degrees),
            arg(&pair_counts),
            arg(&no_vectors),
            arg(&no_translations),
            n_structures,
            whole::single(config.mean_degree),
            whole(config.min_degree),
            whole(config.max_mean_degree),
            whole::single(config.min_self_distance),
        );
        let (offsets, total) = scan(&degrees);

        // The one number that the host must know: how much memory the edges take.
        let n_edges = read(total);
        let (site_rows, edge_rows) = Padding::Rounded.sizes(n_sites, n_edges);
        let pair_starts = integers(like, [n_pairs + 1]);
        let [edge_site, edge_image] = [(); 2].map(|()| integers(like, [edge_rows]));
        let (vectors, translations) = (output(like, [edge_rows, 3]), integers(like, [edge_rows, 3]));
        edges::fill_kernel::launch(
            &client,
            cubes(like, n_sites),
            CubeDim::new_1d(whole::compact(edges::FILL_UNITS)),
            arg(&layout.structures),
            arg(&layout.site_structure),
            arg(&geometry),
            arg(&image_coords),
            arg(&pair_counts),
            arg(&offsets),
            arg(&scalars),
            arg(&pair_starts),
            arg(&edge_site),
            arg(&edge_image),
            arg(&vectors),
            arg(&translations),
            n_sites,
            n_pairs,
            whole::single(config.min_self_distance),
        );
        let edge_inputs = output(like, [edge_rows, EDGE_WIDTH]);
        let [source, target, reverse, edge_structure, order] = [(); 5].map(|()| integers(like, [edge_rows]));
        let (count, dim) = one_unit_each(like, edge_rows);
        edges::rows_kernel::launch(
            &client,
            count,
            dim,
            arg(&layout.structures),
            arg(&layout.site_structure),
            arg(&layout.operations),
            arg(&layout.products),
            arg(&masks),
            arg(&settled),
            arg(&geometry),
            arg(&basis),
            arg(&pair_starts),
            arg(&edge_site),
            arg(&edge_image),
            arg(&vectors),
            arg(&translations),
            arg(&edge_inputs),
            arg(&source),
            arg(&target),
            arg(&reverse),
            arg(&edge_structure),
            arg(&order),
            n_structures,
            n_sites,
            n_edges,
            edge_rows,
        );
        let [elements, site_levels, site_structure] = [(); 3].map(|()| integers(like, [site_rows]));
        let source_offsets = integers(like, [site_rows + 1]);
        let edge_offsets = integers(like, [n_structures + 1]);
        let (count, dim) = one_unit_each(like, site_rows.max(n_structures) + 1);
        edges::site_rows_kernel::launch(
            &client,
            count,
            dim,
            arg(&layout.structures),
            arg(&layout.site_structure),
            arg(&layout.elements),
            arg(&levels),
            arg(&offsets),
            arg(&elements),
            arg(&site_levels),
            arg(&site_structure),
            arg(&source_offsets),
            arg(&edge_offsets),
            n_structures,
            n_sites,
            site_rows,
            n_edges,
            edge_rows,
        );

        let counts = integers(like, [site_rows]);
        let (count, dim) = one_unit_each(like, site_rows);
        edges::incoming_counts_kernel::launch(
            &client,
            count,
            dim,
            arg(&layout.structures),
            arg(&layout.site_structure),
            arg(&offsets),
            arg(&target),
            arg(&counts),
            n_sites,
            site_rows,
        );
        let (target_offsets, _) = scan(&counts);
        let target_order = integers(like, [edge_rows]);
        let (count, dim) = one_unit_each(like, n_sites);
        edges::incoming_kernel::launch(
            &client,
            count,
            dim,
            arg(&layout.structures),
            arg(&layout.site_structure),
            arg(&offsets),
            arg(&target),
            arg(&target_offsets),
            arg(&target_order),
            n_sites,
        );
        let (reverse_offsets, reverse_order) = (integers(like, [edge_rows + 1]), integers(like, [edge_rows]));
        let (count, dim) = one_unit_each(like, edge_rows + 1);
        edges::reversed_kernel::launch(
            &client,
            count,
            dim,
            arg(&source),
            arg(&reverse),
            arg(&target_offsets),
            arg(&target_order),
            arg(&reverse_offsets),
            arg(&reverse_order),
            n_edges,
            edge_rows,
        );
        GraphTensors {
            edges: edge_inputs,
            scalars,
            geometry,
            status: new_status,
            elements,
            levels: site_levels,
            site_structure,
            source,
            target,
            reverse,
            edge_structure,
            order,
            source_offsets,
            edge_offsets,
            target_offsets,
            target_order,
            reverse_offsets,
            reverse_order,
        }
    }

    fn position_step(
        frac_coords: FloatTensor<Self>,
        estimate: FloatTensor<Self>,
        geometry: FloatTensor<Self>,
        status: IntTensor<Self>,
        layout: LayoutTensors<Self>,
        step: StepNumbers,
    ) -> FloatTensor<Self> {
        let [frac_coords, estimate] = [frac_coords, estimate].map(into_contiguous);
        let n_sites = frac_coords.shape()[0];
        let moved = output(&frac_coords, [n_sites, 3]);
        let (count, dim) = one_unit_each(&frac_coords, n_sites);
        let [key_0, key_1] = step.key.words();
        steps::position_step_kernel::launch(
            &moved.client,
            count,
            dim,
            frac_coords.into_buffer_arg(),
            estimate.into_buffer_arg(),
            geometry.into_buffer_arg(),
            status.into_buffer_arg(),
            layout.structures.into_buffer_arg(),
            layout.site_structure.into_buffer_arg(),
            layout.site_position.into_buffer_arg(),
            layout.positions.into_buffer_arg(),
            layout.streams.into_buffer_arg(),
            moved.clone().into_buffer_arg(),
            n_sites,
            key_0,
            key_1,
            step.draw,
            step.drift,
            step.noise,
        );
        moved
    }

    fn lattice_step(
        lattice_coords: FloatTensor<Self>,
        estimate: FloatTensor<Self>,
        status: IntTensor<Self>,
        layout: LayoutTensors<Self>,
        step: StepNumbers,
    ) -> FloatTensor<Self> {
        let [lattice_coords, estimate] = [lattice_coords, estimate].map(into_contiguous);
        let shape = lattice_coords.shape();
        let moved = output(&lattice_coords, shape.clone());
        let (count, dim) = one_unit_each(&lattice_coords, shape[0]);
        let [key_0, key_1] = step.key.words();
        steps::lattice_step_kernel::launch(
            &moved.client,
            count,
            dim,
            lattice_coords.into_buffer_arg(),
            estimate.into_buffer_arg(),
            status.into_buffer_arg(),
            layout.structures.into_buffer_arg(),
            layout.streams.into_buffer_arg(),
            moved.clone().into_buffer_arg(),
            shape[0],
            key_0,
            key_1,
            step.draw,
            step.drift,
            step.noise,
        );
        moved
    }

    fn noised_states(
        data: DataTensors<Self>,
        layout: LayoutTensors<Self>,
        key: RandomKey,
        stream: u64,
        least_volume: f32,
    ) -> NoisedTensors<Self> {
        let (n_structures, n_sites) = (data.index.shape()[0], layout.site_structure.shape()[0]);
        let like = &data.lattice_coords;
        let client = like.client.clone();
        let arg = |tensor: &CubeTensor| tensor.clone().into_buffer_arg();
        let ([key_0, key_1], [step_0, step_1]) = (key.words(), halves(stream));
        let [lattice_coords, lattice_noise] = [(); 2].map(|()| output(like, [n_structures, 6]));
        let [frac_coords, position_noise] = [(); 2].map(|()| output(like, [n_sites, 3]));
        let (count, dim) = one_unit_each(like, n_structures);
        steps::lattice_noise_kernel::launch(
            &client,
            count,
            dim,
            arg(like),
            arg(&data.index),
            arg(&layout.structures),
            arg(&data.sigmas),
            arg(&layout.streams),
            arg(&lattice_coords),
            arg(&lattice_noise),
            n_structures,
            key_0,
            key_1,
            step_0,
            step_1,
            LATTICE_ITEM,
            least_volume,
        );
        let (count, dim) = one_unit_each(like, n_sites);
        steps::position_noise_kernel::launch(
            &client,
            count,
            dim,
            arg(like),
            arg(&data.frac_coords),
            arg(&data.index),
            arg(&data.first_site),
            arg(&layout.structures),
            arg(&layout.site_structure),
            arg(&layout.site_position),
            arg(&layout.positions),
            arg(&layout.centrings),
            arg(&data.sigmas),
            arg(&layout.streams),
            arg(&frac_coords),
            arg(&position_noise),
            n_sites,
            key_0,
            key_1,
            step_0,
            step_1,
        );
        NoisedTensors { lattice_coords, frac_coords, lattice_noise, position_noise }
    }

    fn device_memory(on: FloatTensor<Self>) -> DeviceMemory<Self> {
        let bytes = on.client.properties().memory.max_memory();
        DeviceMemory { on, bytes }
    }
}
