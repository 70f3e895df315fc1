"use strict";

// One crystal, drawn by 3Dmol.js. Here stands what that library cannot know: our colours, which atoms are joined, and the first view.

// Neighbours are joined up to this multiple of the nearest distance of either, and of the sum of their covalent radii.
const BOND_REACH = 1.2;
const BOND_RADII = 1.15;
const BOND_RADIUS = 0.09;
// Radius of the cell's edges as a share of the crystal's: in the large picture and in the small ones.
const EDGE_SHARE = 0.0045;
const SMALL_EDGE_SHARE = 0.012;
// Place of the camera on its axis (Å) and height of its field of view (degrees).
const CAMERA = 150;
const FIELD = 20;
// The ball around the crystal fills this share of the picture's height or width.
const FILLED = 0.95;
// Nearest and farthest place of the eye, Å from the middle.
const NEAREST = 4;
const FARTHEST = 600;

class CrystalViewer {
  // Throws if the browser cannot draw with WebGL.
  constructor(stage, looks) {
    this.stage = stage;
    this.looks = looks;
    this.showBonds = true;
    this.showNames = true;
    this.gl = $3Dmol.createViewer(stage, {
      // As the one cell of a grid it draws on its canvas, not on a hidden one whose pictures it hands over: those cannot be copied everywhere.
      rows: 1, cols: 1, row: 0, col: 0,
      // Twice as fine and then smoothed by the browser: smooths the balls too, and is the cheaper way without a graphics card.
      antialias: false, upscale: true,
      backgroundColor: this.colour("--stage"), disableFog: true, lowerZoomLimit: NEAREST, upperZoomLimit: FARTHEST,
    });
    this.gl.setCameraParameters({ fov: FIELD, z: CAMERA });
  }

  colour(name) {
    return getComputedStyle(this.stage).getPropertyValue(name).trim();
  }

  show(crystal) {
    this.crystal = crystal;
    this.place = placeOf(crystal, this.looks);
    this.draw();
    this.reset();
  }

  get edgeShare() {
    return this.showNames ? EDGE_SHARE : SMALL_EDGE_SHARE;
  }

  // The crystal in the colours of now; the view stays.
  draw() {
    const { gl, crystal, looks } = this;
    gl.removeAllModels();
    gl.removeAllShapes();
    gl.removeAllLabels();
    const model = gl.addModel();
    model.addAtoms(atomsOf(crystal, looks));
    for (const symbol of crystal.elements) {
      const { colour, radius } = looks[symbol];
      const style = { sphere: { radius: ballOf(radius), color: colour } };
      if (this.showBonds) style.stick = { radius: BOND_RADIUS, color: colour };
      model.setStyle({ elem: symbol }, style);
    }
    const edge = { color: this.colour("--edge"), radius: this.edgeShare * this.place.radius };
    for (const [start, end] of edgesOf(crystal.lattice)) gl.addCylinder({ start: pointOf(start), end: pointOf(end), ...edge });
    if (this.showNames) this.names();
    gl.render();
  }

  // The lattice vector c points up, a to the reader's right; both faces of the cell are seen a little from the side.
  reset() {
    const { gl, stage, place } = this;
    const first = product(turn([1, 0, 0], -Math.PI / 2 + 0.24), turn([0, 0, 1], -0.42));
    const shape = Math.min(1, stage.clientWidth / stage.clientHeight);
    const distance = place.radius / (FILLED * shape * Math.sin((FIELD * Math.PI) / 360));
    gl.setSlab(-2 * place.radius, 2 * place.radius);
    gl.setView([...place.middle.map((value) => -value), CAMERA - distance, first.x, first.y, first.z, first.w]);
  }

  // The letters of the lattice vectors, a little beyond their ends.
  names() {
    const { gl, crystal, place } = this;
    const style = { fontColor: this.colour("--soft"), fontSize: 18, showBackground: false, alignment: "center" };
    ["a", "b", "c"].forEach((name, index) => {
      const vector = crystal.lattice[index];
      const beyond = 1 + (0.08 * place.radius + 0.8) / Math.hypot(...vector);
      gl.addLabel(name, { ...style, position: pointOf(vector.map((value) => value * beyond)) });
    });
  }

  // Calls `take` with the canvas after each crystal was drawn in a small square, then draws the one that was shown.
  picture(crystals, side, take) {
    const { gl, stage, crystal } = this;
    gl.clear();
    gl.setBackgroundColor(this.colour("--stage"));
    stage.style.width = stage.style.height = `${side}px`;
    gl.resize();
    this.showNames = false;
    crystals.forEach((other, index) => {
      this.show(other);
      take(gl.getCanvas(), index);
    });
    this.showNames = true;
    stage.style.width = stage.style.height = "";
    gl.clear();
    gl.resize();
    if (crystal) this.show(crystal);
  }

  // About an axis of the screen, radians.
  rotate(axis, angle) {
    const [x, y, z, far, ...rest] = this.gl.getView();
    const to = product(turn(axis, angle), new $3Dmol.Quaternion(...rest));
    this.gl.setView([x, y, z, far, to.x, to.y, to.z, to.w]);
  }

  // What 3Dmol.js leaves open; mouse and touch are its own.
  listen() {
    const { stage } = this;
    const keys = {
      ArrowLeft: () => this.rotate([0, 1, 0], -0.12), ArrowRight: () => this.rotate([0, 1, 0], 0.12),
      ArrowUp: () => this.rotate([1, 0, 0], -0.12), ArrowDown: () => this.rotate([1, 0, 0], 0.12),
      "+": () => this.gl.zoom(1.15), "=": () => this.gl.zoom(1.15), "-": () => this.gl.zoom(1 / 1.15),
    };
    stage.addEventListener("keydown", (event) => {
      if (!(event.key in keys) || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      keys[event.key]();
    });
    // In place of the library's own, which turns about where the wheel is fast.
    stage.addEventListener("wheel", (event) => {
      event.preventDefault();
      event.stopPropagation();
      this.gl.zoom(Math.exp(-event.deltaY * (event.deltaMode === 1 ? 0.05 : 0.0015)));
    }, { passive: false, capture: true });
    // The library keeps the click from moving the focus.
    stage.addEventListener("mousedown", () => stage.focus({ preventScroll: true }));
    stage.addEventListener("dblclick", () => this.reset());
  }
}

function turn(axis, angle) {
  return new $3Dmol.Quaternion(...axis.map((value) => value * Math.sin(angle / 2)), Math.cos(angle / 2));
}

function product(left, right) {
  return new $3Dmol.Quaternion().multiplyQuaternions(left, right);
}

// Between the radii of a model of balls and sticks and the true ones: large atoms stay larger, small ones are still seen.
function ballOf(radius) {
  return 0.24 + 0.3 * radius;
}

// Middle of the cell and radius of the ball around all that is drawn, Å.
function placeOf(crystal, looks) {
  const corners = [0, 1].flatMap((i) => [0, 1].flatMap((j) => [0, 1].map((k) => sum(crystal.lattice, [i, j, k]))));
  const middle = sum(crystal.lattice, [0.5, 0.5, 0.5]);
  const far = (point, more) => Math.hypot(...point.map((value, axis) => value - middle[axis])) + more;
  const ofAtoms = crystal.atoms.map(([element, ...place]) => far(place.slice(0, 3), ballOf(looks[crystal.elements[element]].radius)));
  return { middle, radius: Math.max(...corners.map((corner) => far(corner, 0)), ...ofAtoms) };
}

function sum(vectors, shares) {
  return [0, 1, 2].map((axis) => vectors.reduce((total, vector, index) => total + shares[index] * vector[axis], 0));
}

function pointOf([x, y, z]) {
  return { x, y, z };
}

// Both ends of the twelve edges of a cell.
function edgesOf(lattice) {
  return [0, 1, 2].flatMap((axis) => [[0, 0], [0, 1], [1, 0], [1, 1]].map(([u, v]) => [0, 1].map((end) => {
    const shares = [0, 0, 0];
    [shares[axis], shares[(axis + 1) % 3], shares[(axis + 2) % 3]] = [end, u, v];
    return sum(lattice, shares);
  })));
}

// The atoms as 3Dmol.js takes them, each with those it is joined to.
function atomsOf(crystal, looks) {
  const atoms = crystal.atoms.map(([element, x, y, z]) => ({ elem: crystal.elements[element], x, y, z, bonds: [], bondOrder: [] }));
  const nearest = crystal.atoms.map((atom) => atom[4]);
  atoms.forEach((first, i) => {
    for (let j = i + 1; j < atoms.length; j += 1) {
      const second = atoms[j];
      const length = Math.hypot(first.x - second.x, first.y - second.y, first.z - second.z);
      const radii = looks[first.elem].radius + looks[second.elem].radius;
      if (length < 0.4 || length > Math.min(BOND_REACH * Math.min(nearest[i], nearest[j]), BOND_RADII * radii)) continue;
      for (const [atom, other] of [[first, j], [second, i]]) {
        atom.bonds.push(other);
        atom.bondOrder.push(1);
      }
    }
  });
  return atoms;
}
