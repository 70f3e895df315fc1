"use strict";

// The sampler, beside the page, so that the page never waits for it.

importScripts("druse_web.js");

// The sampler calls this by name.
self.tellPage = (message) => postMessage(message);

const tell = (message) => postMessage(JSON.stringify(message));
let grower = null;

onmessage = ({ data }) => {
  const { order, group } = data;
  if (group) {
    tell({ kind: "positions", group, positions: JSON.parse(wasm_bindgen.wyckoff_positions(group)) });
    return;
  }
  try {
    grower.grow(JSON.stringify(order));
  } catch (error) {
    // A panic leaves the memory of the sampler as it was in the middle of its work: the page starts another worker.
    tell({ kind: "broken", text: String(error) });
  }
};

wasm_bindgen({ module_or_path: "druse_web_bg.wasm" }).then(() => {
  grower = new wasm_bindgen.Grower();
  tell({ kind: "ready", groups: JSON.parse(wasm_bindgen.space_groups()) });
}).catch((error) => tell({ kind: "unusable", text: String(error) }));
