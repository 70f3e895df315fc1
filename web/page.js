"use strict";

// The form, the worker behind it, and the crystals as they come. The drawing is that of the reports: viewer.js and
// gallery.js.

const byId = (id) => document.getElementById(id);
const shown = [];
const thumbs = [];
let viewer = null;
let worker = null;
let current = -1;
let running = null;
let ready = false;
let started = 0;

function wayOf() {
  return document.querySelector("input[name=way]:checked").value;
}

// What the form says, as the sampler takes it; throws with the field where a number is none.
function orderOf() {
  const way = wayOf();
  const whole = (id, low, high) => {
    const text = byId(id).value.trim();
    const number = Number(text);
    if (text === "" || !Number.isSafeInteger(number) || number < low || number > high) {
      const range = high === Number.MAX_SAFE_INTEGER ? `${low} or more` : `${low} to ${high}`;
      const name = document.querySelector(`label[for=${id}]`).textContent;
      throw Object.assign(new Error(`${name}: ‘${text}’ is not a whole number, ${range}`), { id });
    }
    return number;
  };
  const order = { count: whole("count", 1, 100), seed: whole("seed", 0, Number.MAX_SAFE_INTEGER) };
  order.annealed = byId("sampler").value === "annealed";
  if (way === "template") {
    order.template = byId("template").value;
    order.noise = whole("noise", 0, 9);
  } else {
    order[way] = byId(way).value;
    if (byId("group").value !== "") order.space_group = Number(byId("group").value);
  }
  return order;
}

// The command that grows the same.
function commandOf(order) {
  const quoted = (text) => `'${text.trim().replaceAll("'", "'\\''")}'`;
  const words = ["druse sample"];
  if (order.template !== undefined) words.push("--template template.cif", `--noise ${order.noise}`);
  if (order.wyckoff !== undefined) words.push(`--wyckoff ${quoted(order.wyckoff)}`);
  if (order.formula !== undefined) words.push(`--formula ${quoted(order.formula)} --proposer prior`);
  if (order.space_group !== undefined) words.push(`--space-group ${order.space_group}`);
  words.push(`--count ${order.count}`, `--seed ${order.seed}`);
  if (!order.annealed) words.push("--sampler few-step");
  return `${words.join(" ")} --out grown`;
}

function say(text) {
  byId("status").textContent = text;
}

function complain(text, id) {
  byId("error").textContent = text;
  byId("error").hidden = text === "";
  for (const field of document.querySelectorAll("[aria-invalid]")) field.removeAttribute("aria-invalid");
  if (!id) return;
  byId(id).setAttribute("aria-invalid", "true");
  byId(id).focus();
}

function startWorker() {
  worker?.terminate();
  ready = false;
  byId("grow").disabled = true;
  worker = new Worker(`worker.js${location.search}`);
  worker.onmessage = ({ data }) => hear(JSON.parse(data));
  worker.onerror = (event) => {
    event.preventDefault();
    unusable(event.message || "the worker cannot be started");
  };
}

function unusable(reason) {
  say("");
  complain(`The sampler cannot run in this browser: ${reason}. A browser of 2022 or later can, if the page comes from `
    + "a server (cargo xtask web --serve) and not from a file.");
}

const answers = {
  ready({ groups, program }) {
    ready = true;
    document.documentElement.dataset.program = program;
    const select = byId("group");
    if (select.options.length === 1) {
      for (const { number, symbol } of groups) htmlNode(select, "option", { value: number }, `${number}  ${symbol}`);
      if (wayOf() === "formula") select.value = "225";
    }
    byId("grow").disabled = false;
    if (byId("status").textContent.startsWith("Loading")) say("Ready.");
    askForPositions();
  },
  positions({ group, positions }) {
    if (String(group) !== byId("group").value) return;
    byId("choices").replaceChildren();
    for (const { position, symmetry, coordinates } of positions) {
      const row = htmlNode(byId("choices"), "tr", {});
      htmlNode(row, "th", { scope: "row" }, position);
      htmlNode(row, "td", {}, symmetry);
      htmlNode(row, "td", {}, coordinates);
    }
    showFields();
  },
  notice({ text }) {
    complain(`Note: ${text}`);
  },
  progress({ done, total }) {
    byId("progress").value = total > 0 ? done / total : 0;
    say(`Growing: ${shown.length} of ${running.count} there, ${seconds()} s.`);
  },
  grown({ shown: one }) {
    add(one);
  },
  done({ count }) {
    finish(`${count} of ${running.count} grown in ${seconds()} s.`);
    if (count < running.count) complain("The others diverged in every draw; another seed may do better.");
  },
  error({ text }) {
    finish("");
    const field = running.template !== undefined ? "template" : running.wyckoff !== undefined ? "wyckoff" : "formula";
    complain(text, field);
  },
  broken({ text }) {
    finish("");
    complain(`The sampler failed and was started anew (${text}). Please report it with what the form says.`);
    startWorker();
  },
  unusable({ text }) {
    unusable(text);
  },
};

function hear(message) {
  answers[message.kind](message);
}

function seconds() {
  return ((performance.now() - started) / 1000).toFixed(1);
}

function finish(text) {
  byId("grow").disabled = false;
  byId("stop").disabled = true;
  byId("progress").value = shown.length > 0 ? 1 : 0;
  say(text);
}

function grow() {
  complain("");
  try {
    running = orderOf();
  } catch (error) {
    complain(error.message, error.id);
    return;
  }
  shown.length = thumbs.length = 0;
  current = -1;
  byId("gallery").replaceChildren();
  for (const id of ["viewer", "sites"]) byId(id).hidden = true;
  byId("none").hidden = false;
  byId("command").textContent = commandOf(running);
  byId("grow").disabled = true;
  byId("stop").disabled = false;
  byId("progress").value = 0;
  started = performance.now();
  say("Growing …");
  worker.postMessage({ order: running });
}

function halt() {
  const there = shown.length;
  startWorker();
  finish(`Stopped with ${there} of ${running.count}.`);
  byId("grow").disabled = true;
}

// A crystal that has come: into the gallery, and into the large picture if it is the first.
function add(one) {
  const index = shown.push(one) - 1;
  const { crystal } = one;
  byId("none").hidden = true;
  for (const id of ["viewer", "sites"]) byId(id).hidden = false;
  viewer ??= startViewer(one.looks);
  if (viewer) Object.assign(viewer.looks, one.looks);
  thumbs.push(thumbOf(crystal, index, viewer, () => select(index)));
  if (viewer) picturesOf(viewer, [crystal], [thumbs[index]]);
  if (current < 0) select(0);
}

function startViewer(looks) {
  const made = viewerIn(byId("stage"), { ...looks });
  if (!made) return false;
  listenTo(made, () => picturesOf(made, shown.map(({ crystal }) => crystal), thumbs));
  return made;
}

function select(index) {
  current = (index + shown.length) % shown.length;
  const { crystal, looks, poscar, positions, space_group: asked, found, redraws } = shown[current];
  const named = (number) => (number === null ? "none" : String(number));
  const facts = factsOf({ ...crystal, asked });
  facts.push(["At 0.01 Å", named(found[0])], ["At 0.1 Å", named(found[1])]);
  if (redraws > 0) facts.push(["Redraws", String(redraws)]);
  present(viewer, crystal, facts, looks);
  byId("rows").replaceChildren();
  for (const { element, position, symmetry, frac_coords: coordinates } of positions) {
    const row = htmlNode(byId("rows"), "tr", {});
    htmlNode(row, "th", { scope: "row" }, element);
    const cells = [position, symmetry, ...coordinates.map((value) => value.toFixed(4))];
    for (const text of cells) htmlNode(row, "td", {}, text);
  }
  offer("poscar", `${crystal.id}.vasp`, "text/plain", poscar);
  thumbs.forEach((thumb, place) => thumb.setAttribute("aria-current", String(place === current)));
}

function showFields() {
  const way = wayOf();
  for (const field of document.querySelectorAll("[data-way]")) {
    field.hidden = !field.dataset.way.split(" ").includes(way);
  }
  byId("positions-of-group").hidden = way !== "wyckoff" || !byId("choices").hasChildNodes();
}

function askForPositions() {
  byId("choices").replaceChildren();
  showFields();
  // A worker that grows answers when it is done.
  if (ready && byId("group").value !== "") worker.postMessage({ group: Number(byId("group").value) });
}

byId("form").addEventListener("submit", (event) => {
  event.preventDefault();
  if (!byId("grow").disabled) grow();
});
byId("stop").addEventListener("click", halt);
byId("previous").addEventListener("click", () => select(current - 1));
byId("next").addEventListener("click", () => select(current + 1));
byId("group").addEventListener("change", askForPositions);
for (const way of document.querySelectorAll("input[name=way]")) way.addEventListener("change", showFields);
byId("file").addEventListener("change", async (event) => {
  const [file] = event.target.files;
  if (file) byId("template").value = await file.text();
});
showFields();
startWorker();
