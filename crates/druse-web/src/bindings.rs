//! What the worker of the page calls, and what it is called with. Texts are JSON.

// Its feature is what asks the browser for random numbers, where a dependency wants any.
use getrandom as _;
use serde_json::json;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::{Network, Order, Told, groups, grow, positions};

#[wasm_bindgen]
extern "C" {
    /// Defined by the worker: hands a message to the page.
    #[wasm_bindgen(js_name = tellPage)]
    fn tell_page(message: &str);
}

fn tell(message: &serde_json::Value) {
    tell_page(&message.to_string());
}

/// The network, read once.
#[wasm_bindgen]
pub struct Grower(Network);

#[wasm_bindgen]
impl Grower {
    /// Reads a network's file.
    ///
    /// # Errors
    /// The message, if it cannot be read.
    #[wasm_bindgen(constructor)]
    pub fn new(network: &[u8]) -> Result<Grower, String> {
        console_error_panic_hook::set_once();
        Network::read(network).map(Self).map_err(|error| sentence(&error))
    }

    /// Carries out an [`Order`] and tells the page of progress, notices and structures; the last message is that it is
    /// done, or why not.
    pub fn grow(&self, order: &str) {
        let order = serde_json::from_str::<Order>(order).map_err(|error| format!("the form is not an order: {error}"));
        let told = |told: Told| match told {
            Told::Notice(text) => tell(&json!({ "kind": "notice", "text": text })),
            Told::Progress(progress) => {
                tell(&json!({ "kind": "progress", "done": progress.done, "total": progress.total }));
            }
            Told::Grown(shown) => tell(&json!({ "kind": "grown", "shown": shown })),
        };
        let outcome = order.and_then(|order| grow(&self.0, &order, &mut { told }).map_err(|error| sentence(&error)));
        match outcome {
            Ok(count) => tell(&json!({ "kind": "done", "count": count })),
            Err(text) => tell(&json!({ "kind": "error", "text": text })),
        }
    }
}

/// An error with what is behind it.
fn sentence(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let further = error.to_string();
        if !text.contains(&further) {
            text = format!("{text}: {further}");
        }
        source = error.source();
    }
    text
}

/// All space groups: `[{"number", "symbol"}]`.
#[wasm_bindgen]
pub fn space_groups() -> String {
    json!(groups()).to_string()
}

/// The Wyckoff positions of a space group: `[{"position", "symmetry", "coordinates"}]`; none of a group that there is
/// not.
#[wasm_bindgen]
pub fn wyckoff_positions(space_group: u8) -> String {
    json!(positions(space_group.into()).unwrap_or_default()).to_string()
}
