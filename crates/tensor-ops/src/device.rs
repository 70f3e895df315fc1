//! The devices of this machine.

use burn::tensor::{Device, DeviceType};

/// Whether a device runs the kernels of this workspace: every device but the processor.
pub fn has_kernels(device: &Device) -> bool {
    #[cfg(feature = "cpu")]
    if *device == Device::flex() {
        return false;
    }
    let _ = device;
    cfg!(feature = "cube")
}

/// One device of each backend that is compiled in and has one on this machine.
///
/// # Panics
/// If `DRUSE_REQUIRE_GPU` is set and a backend has none.
pub fn available_devices() -> Vec<Device> {
    let cpu = Vec::<Device>::from([
        #[cfg(feature = "cpu")]
        Device::flex(),
    ]);
    cpu.into_iter().chain(gpu_devices()).collect()
}

/// [`available_devices`] without the processor.
///
/// # Panics
/// As [`available_devices`].
pub fn gpu_devices() -> Vec<Device> {
    let backends = Vec::<(&str, DeviceType)>::from([
        #[cfg(feature = "wgpu")]
        ("wgpu", DeviceType::Wgpu),
        #[cfg(feature = "cuda")]
        ("cuda", DeviceType::Cuda),
    ]);
    let first = |(name, backend): (&str, DeviceType)| {
        let device = Device::enumerate(backend).into_vec().into_iter().next();
        let required = std::env::var_os("DRUSE_REQUIRE_GPU").is_some_and(|value| !value.is_empty());
        assert!(device.is_some() || !required, "DRUSE_REQUIRE_GPU is set and there is no {name} device");
        device
    };
    backends.into_iter().filter_map(first).collect()
}
