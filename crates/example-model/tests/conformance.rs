//! The properties that every score model must have.

use example_model::ExampleConfig;
use score_model::conformance::check_model;
use tensor_ops::device::available_devices;

#[test]
fn the_model_conforms() {
    for device in available_devices() {
        if let Err(error) = check_model(&ExampleConfig::default(), &device) {
            panic!("{device:?}: {error}");
        }
    }
}
