"use strict";

// The gallery of crystals: one in the large picture, all in small ones, with facts and files.

// Side of a small picture of a crystal, CSS pixels.
const THUMB = 150;

function cellOf(lattice) {
  const length = (vector) => Math.hypot(...vector);
  const angle = (u, v) => {
    const cosine = (u[0] * v[0] + u[1] * v[1] + u[2] * v[2]) / (length(u) * length(v));
    return (Math.acos(Math.min(1, Math.max(-1, cosine))) * 180) / Math.PI;
  };
  const [a, b, c] = lattice;
  return {
    lengths: [a, b, c].map((vector) => length(vector).toFixed(3)).join(", "),
    angles: [angle(b, c), angle(a, c), angle(a, b)].map((value) => value.toFixed(2).replace(/\.00$/, "")).join(", "),
  };
}

// A formula with its numbers set low.
function writeFormula(node, formula) {
  node.replaceChildren();
  for (const part of formula.split(/(\d+)/)) {
    if (/^\d+$/.test(part)) htmlNode(node, "sub", {}, part);
    else node.append(part);
  }
}

// The symbol of a space group, its screw axes and inversions as they are printed: `P 6_3/m`, `F m -3 m`.
function writeSymbol(node, symbol) {
  for (const part of symbol.split(/(_\d|-\d)/)) {
    if (/^_\d$/.test(part)) htmlNode(node, "sub", {}, part[1]);
    else if (/^-\d$/.test(part)) htmlNode(node, "span", { class: "bar" }, part[1]);
    else node.append(part);
  }
}

function groupOf(crystal) {
  return crystal.found ? `${crystal.found[1]} (${crystal.found[0]})` : "none found";
}

function factsOf(crystal) {
  const cell = cellOf(crystal.lattice);
  const facts = [["Name", crystal.id], ["Space group", groupOf(crystal)]];
  if (crystal.asked !== null) facts.push(["Asked for", `space group ${crystal.asked}`]);
  facts.push(["a, b, c", `${cell.lengths} Å`], ["α, β, γ", `${cell.angles} °`]);
  facts.push(["Atoms", `${crystal.n_atoms} in the ${crystal.found ? "conventional" : "sampled"} cell`]);
  if (crystal.density !== null) facts.push(["Density", `${crystal.density.toFixed(2)} g/cm³`]);
  if (crystal.shortest !== null) facts.push(["Shortest", `${crystal.shortest.toFixed(3)} Å`]);
  // What else a page says of its crystals.
  for (const [term, fact] of crystal.facts ?? []) facts.push([term, fact]);
  return facts;
}

// The viewer; none, and a word in its place, where the browser cannot draw it.
function viewerIn(stage, looks) {
  try {
    return new CrystalViewer(stage, looks);
  } catch {
    stage.replaceChildren();
    stage.removeAttribute("tabindex");
    stage.removeAttribute("aria-label");
    stage.setAttribute("role", "note");
    htmlNode(stage, "p", {}, "The crystals cannot be drawn here: this browser does not offer WebGL, or it is turned off. The facts and the CIF files are there all the same.");
    for (const id of ["reset", "bonds"]) document.getElementById(id).hidden = true;
    return null;
  }
}

// What the buttons below the picture do, and small pictures again when the colours of the page change.
function listenTo(viewer, takePictures) {
  viewer.listen();
  document.getElementById("reset").addEventListener("click", () => viewer.reset());
  document.getElementById("bonds").addEventListener("click", (event) => {
    viewer.showBonds = !viewer.showBonds;
    event.currentTarget.setAttribute("aria-pressed", String(viewer.showBonds));
    viewer.draw();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", takePictures);
}

// A crystal's place in the gallery; `choose` is called with it when it is clicked.
function thumbOf(crystal, index, drawn, choose) {
  const gallery = document.getElementById("gallery");
  const thumb = htmlNode(gallery, "a", { class: "thumb", id: `crystal-${index}`, href: `#crystal-${index}` });
  if (drawn) htmlNode(thumb, "canvas", { "aria-hidden": "true" });
  writeFormula(htmlNode(thumb, "strong", {}), crystal.formula);
  writeSymbol(htmlNode(thumb, "span", {}), crystal.found ? crystal.found[1] : "no group found");
  thumb.addEventListener("click", (event) => {
    event.preventDefault();
    choose(thumb);
  });
  return thumb;
}

// Small pictures are taken of the one viewer: browsers allow few canvases that draw with WebGL.
function picturesOf(viewer, crystals, thumbs) {
  viewer.picture(crystals, THUMB, (picture, index) => {
    const canvas = thumbs[index].querySelector("canvas");
    [canvas.width, canvas.height] = [picture.width, picture.height];
    canvas.getContext("2d").drawImage(picture, 0, 0);
  });
}

// The crystal in the large picture, with its facts, the colours of its elements and its CIF.
function present(viewer, crystal, facts, looks) {
  const byId = (id) => document.getElementById(id);
  if (viewer) {
    viewer.show(crystal);
    byId("stage").setAttribute("aria-label", `${crystal.formula}, ${groupOf(crystal)}; the arrow keys turn it`);
  }
  writeFormula(byId("crystal-name"), crystal.formula);
  byId("crystal-facts").replaceChildren();
  for (const [term, fact] of facts) {
    htmlNode(byId("crystal-facts"), "dt", {}, term);
    const place = htmlNode(byId("crystal-facts"), "dd", {});
    if (term === "Space group") writeSymbol(place, fact);
    else place.append(fact);
  }
  byId("crystal-legend").replaceChildren();
  for (const symbol of crystal.elements) {
    const item = htmlNode(byId("crystal-legend"), "li", {});
    htmlNode(item, "span", { class: "ball" }).style.background = looks[symbol].colour;
    item.append(symbol);
  }
  offer("download", `${crystal.id}.cif`, "chemical/x-cif", crystal.cif);
}

function offer(id, name, type, text) {
  const link = document.getElementById(id);
  link.download = name;
  link.href = `data:${type};charset=utf-8,${encodeURIComponent(text)}`;
}

function startGallery(crystals, looks) {
  const byId = (id) => document.getElementById(id);
  if (crystals.length === 0) {
    byId("viewer").hidden = true;
    htmlNode(byId("gallery"), "p", {}, "There is no structure to show.");
    return;
  }
  const viewer = viewerIn(byId("stage"), looks);
  let current = 0;
  const thumbs = crystals.map((crystal, index) => thumbOf(crystal, index, viewer, (thumb) => {
    select(index);
    history.replaceState(null, "", thumb.hash);
  }));

  function select(index) {
    current = (index + crystals.length) % crystals.length;
    present(viewer, crystals[current], factsOf(crystals[current]), looks);
    thumbs.forEach((thumb, place) => thumb.setAttribute("aria-current", String(place === current)));
  }

  // A link to a crystal of this page, given by hand or by the address.
  function follow() {
    const found = /^#crystal-(\d+)$/.exec(location.hash);
    if (!found || Number(found[1]) >= crystals.length) return;
    select(Number(found[1]));
    byId("viewer").scrollIntoView();
  }

  byId("previous").addEventListener("click", () => select(current - 1));
  byId("next").addEventListener("click", () => select(current + 1));
  if (viewer) {
    const takePictures = () => picturesOf(viewer, crystals, thumbs);
    listenTo(viewer, takePictures);
    takePictures();
  }
  addEventListener("hashchange", follow);
  select(0);
  follow();
}
