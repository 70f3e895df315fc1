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

// A module of one function: (1 + 2^-12)^2 - (1 + 2^-11) by the relaxed instruction for a*b + c. A browser that lacks it
// refuses the module; rounded once, the result is 2^-24, rounded twice it is 0.
const PROBE = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 125, 3, 2, 1, 0, 7, 5, 1, 1, 102, 0, 0, 10, 31, 1, 29, 0,
  67, 0, 8, 128, 63, 253, 19, 67, 0, 8, 128, 63, 253, 19, 67, 0, 16, 128, 191, 253, 19, 253, 133, 2, 253, 31, 0, 11,
]);

function roundsOnce() {
  // What the tests ask for.
  if (self.location.search === "?plain" || !WebAssembly.validate(PROBE)) return false;
  return new WebAssembly.Instance(new WebAssembly.Module(PROBE)).exports.f() === 2 ** -24;
}

async function bytesOf(file) {
  const response = await fetch(file);
  if (!response.ok) throw new Error(`${file}: ${response.status} ${response.statusText}`);
  return new Uint8Array(await response.arrayBuffer());
}

async function start() {
  const program = roundsOnce() ? "druse_web_bg.wasm" : "druse_web_plain.wasm";
  const [network] = await Promise.all([
    bytesOf("mp20-wyckoff.safetensors"),
    wasm_bindgen({ module_or_path: program }),
  ]);
  grower = new wasm_bindgen.Grower(network);
  tell({ kind: "ready", program, groups: JSON.parse(wasm_bindgen.space_groups()) });
}

start().catch((error) => tell({ kind: "unusable", text: String(error) }));
