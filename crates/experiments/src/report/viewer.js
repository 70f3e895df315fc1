"use strict";

// Crystals as shaded spheres, bonds and cell edges on a canvas, nearest drawn last.

// Size of the picture of a sphere, pixels; it is scaled to every size needed.
const SPRITE = 160;
// Pieces of a cell edge: each has its own place in the order of depth.
const EDGE_PIECES = 24;
// The eye stands this many radii of the crystal in front of its middle.
const EYE = 5;
// Neighbours are joined up to this multiple of the nearest distance of either, and of the sum of their covalent radii.
const BOND_REACH = 1.2;
const BOND_RADII = 1.15;
const BOND_WIDTH = 0.16;

function rgbOf(hex) {
  return [1, 3, 5].map((start) => parseInt(hex.slice(start, start + 2), 16));
}

// A colour mixed with white (amount above 0) or black (below).
function shade(hex, amount) {
  const target = amount > 0 ? 255 : 0;
  const mixed = rgbOf(hex).map((value) => Math.round(value + (target - value) * Math.abs(amount)));
  return `rgb(${mixed.join(",")})`;
}

const sprites = new Map();

function spriteOf(colour) {
  if (!sprites.has(colour)) {
    const canvas = document.createElement("canvas");
    canvas.width = SPRITE;
    canvas.height = SPRITE;
    const context = canvas.getContext("2d");
    const middle = SPRITE / 2;
    const light = context.createRadialGradient(middle * 0.68, middle * 0.62, 0, middle * 0.9, middle * 0.88, middle * 1.12);
    light.addColorStop(0, shade(colour, 0.78));
    light.addColorStop(0.18, shade(colour, 0.4));
    light.addColorStop(0.5, colour);
    light.addColorStop(0.85, shade(colour, -0.38));
    light.addColorStop(1, shade(colour, -0.6));
    context.fillStyle = light;
    context.beginPath();
    context.arc(middle, middle, middle - 1, 0, 2 * Math.PI);
    context.fill();
    context.lineWidth = 2;
    context.strokeStyle = shade(colour, -0.6);
    context.stroke();
    sprites.set(colour, canvas);
  }
  return sprites.get(colour);
}

function product(a, b) {
  return a.map((row) => [0, 1, 2].map((column) => row[0] * b[0][column] + row[1] * b[1][column] + row[2] * b[2][column]));
}

function turn(axis, angle) {
  const [c, s] = [Math.cos(angle), Math.sin(angle)];
  if (axis === "x") return [[1, 0, 0], [0, c, -s], [0, s, c]];
  if (axis === "y") return [[c, 0, s], [0, 1, 0], [-s, 0, c]];
  return [[c, -s, 0], [s, c, 0], [0, 0, 1]];
}

// The lattice vector c points up, a to the reader's right; both faces of the cell are seen a little from the side.
function firstView() {
  return product(turn("x", -Math.PI / 2 + 0.24), turn("z", -0.42));
}

class CrystalViewer {
  constructor(canvas, looks) {
    this.canvas = canvas;
    this.looks = looks;
    this.showBonds = true;
    this.crystal = null;
    this.reset(false);
    new ResizeObserver(() => this.draw()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
  }

  reset(draw = true) {
    this.view = firstView();
    this.zoom = 1;
    if (draw) this.draw();
  }

  show(crystal) {
    this.crystal = crystal;
    this.model = modelOf(crystal, this.looks);
    this.reset();
  }

  rotate(dx, dy) {
    this.view = product(turn("x", dy), product(turn("y", dx), this.view));
    this.draw();
  }

  zoomBy(factor) {
    this.zoom = Math.min(8, Math.max(0.4, this.zoom * factor));
    this.draw();
  }

  draw() {
    const { canvas, model } = this;
    const ratio = window.devicePixelRatio || 1;
    const [width, height] = [Math.round(canvas.clientWidth * ratio), Math.round(canvas.clientHeight * ratio)];
    if (!model || width === 0 || height === 0) return;
    if (canvas.width !== width || canvas.height !== height) {
      canvas.width = width;
      canvas.height = height;
    }
    const context = canvas.getContext("2d");
    context.clearRect(0, 0, width, height);
    const scale = (0.46 * Math.min(width, height) * this.zoom) / model.radius;
    const project = (point) => {
      const [x, y, z] = this.view.map((row) => row[0] * point[0] + row[1] * point[1] + row[2] * point[2]);
      const near = EYE / (EYE - z / model.radius);
      return { x: width / 2 + x * scale * near, y: height / 2 - y * scale * near, z, size: scale * near };
    };
    const style = getComputedStyle(canvas);
    const edge = style.getPropertyValue("--edge").trim();
    const items = [];
    for (const atom of model.atoms) items.push(this.sphere(context, project(atom.place), atom));
    for (const [from, to] of model.edges) items.push(this.edge(context, project(from), project(to), edge, ratio));
    if (this.showBonds) for (const half of model.bonds) items.push(this.bond(context, project(half.from), project(half.to), half));
    items.sort((a, b) => a.z - b.z);
    for (const item of items) item.paint();
    if (canvas.clientWidth > 220) this.names(context, project, style.getPropertyValue("--soft").trim(), ratio);
  }

  sphere(context, at, atom) {
    const radius = atom.radius * at.size;
    return { z: at.z, paint: () => context.drawImage(spriteOf(atom.colour), at.x - radius, at.y - radius, 2 * radius, 2 * radius) };
  }

  edge(context, from, to, colour, ratio) {
    const paint = () => {
      context.strokeStyle = colour;
      context.lineWidth = 1.3 * ratio;
      context.lineCap = "round";
      context.beginPath();
      context.moveTo(from.x, from.y);
      context.lineTo(to.x, to.y);
      context.stroke();
    };
    return { z: (from.z + to.z) / 2, paint };
  }

  bond(context, from, to, half) {
    const paint = () => {
      context.lineCap = "butt";
      const width = BOND_WIDTH * ((from.size + to.size) / 2);
      for (const [share, colour] of [[1, shade(half.colour, -0.5)], [0.72, half.colour], [0.26, shade(half.colour, 0.45)]]) {
        context.strokeStyle = colour;
        context.lineWidth = width * share;
        context.beginPath();
        context.moveTo(from.x, from.y);
        context.lineTo(to.x, to.y);
        context.stroke();
      }
    };
    return { z: (from.z + to.z) / 2, paint };
  }

  // The letters of the lattice vectors, a little beyond their ends.
  names(context, project, colour, ratio) {
    context.fillStyle = colour;
    context.font = `italic ${14 * ratio}px system-ui, sans-serif`;
    context.textAlign = "center";
    context.textBaseline = "middle";
    this.model.names.forEach(({ name, place }) => {
      const at = project(place);
      context.fillText(name, at.x, at.y);
    });
  }

  // Mouse, touch, wheel and keys.
  listen() {
    const { canvas } = this;
    const pointers = new Map();
    const spread = () => {
      const [a, b] = [...pointers.values()];
      return Math.hypot(a.x - b.x, a.y - b.y);
    };
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    });
    canvas.addEventListener("pointermove", (event) => {
      const last = pointers.get(event.pointerId);
      if (!last) return;
      const before = pointers.size === 2 ? spread() : 0;
      pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
      if (pointers.size === 1) this.rotate((event.clientX - last.x) * 0.01, (event.clientY - last.y) * 0.01);
      if (pointers.size === 2 && before > 0) this.zoomBy(spread() / before);
    });
    for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, (event) => pointers.delete(event.pointerId));
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.zoomBy(Math.exp(-event.deltaY * (event.deltaMode === 1 ? 0.05 : 0.0015)));
    }, { passive: false });
    canvas.addEventListener("dblclick", () => this.reset());
    const keys = {
      ArrowLeft: () => this.rotate(-0.12, 0), ArrowRight: () => this.rotate(0.12, 0),
      ArrowUp: () => this.rotate(0, -0.12), ArrowDown: () => this.rotate(0, 0.12),
      "+": () => this.zoomBy(1.15), "=": () => this.zoomBy(1.15), "-": () => this.zoomBy(1 / 1.15),
    };
    canvas.addEventListener("keydown", (event) => {
      if (!(event.key in keys) || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      keys[event.key]();
    });
  }
}

function along(from, to, share) {
  return from.map((value, axis) => value + (to[axis] - value) * share);
}

function distance(a, b) {
  return Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);
}

// What is drawn of a crystal, around the middle of its cell.
function modelOf(crystal, looks) {
  const [a, b, c] = crystal.lattice;
  const corner = (i, j, k) => [0, 1, 2].map((axis) => (i - 0.5) * a[axis] + (j - 0.5) * b[axis] + (k - 0.5) * c[axis]);
  const origin = corner(0, 0, 0);
  const atoms = crystal.atoms.map(([element, x, y, z, nearest]) => {
    const look = looks[crystal.elements[element]];
    // Between the radii of a model of balls and sticks and the true ones: large atoms stay larger, small ones are still seen.
    return { place: [origin[0] + x, origin[1] + y, origin[2] + z], nearest, covalent: look.radius, radius: 0.24 + 0.3 * look.radius, colour: look.colour };
  });
  const edges = [];
  for (const axis of [0, 1, 2]) {
    for (const [u, v] of [[0, 0], [0, 1], [1, 0], [1, 1]]) {
      const end = (share) => corner(...[0, 1, 2].map((other) => (other === axis ? share : other === (axis + 1) % 3 ? u : v)));
      for (let piece = 0; piece < EDGE_PIECES; piece += 1) {
        const [from, to] = [end(piece / EDGE_PIECES), end((piece + 1) / EDGE_PIECES)];
        // Painted in order of depth, a piece inside of a sphere would show on it.
        const middle = along(from, to, 0.5);
        if (!atoms.some((atom) => distance(atom.place, middle) < 0.95 * atom.radius)) edges.push([from, to]);
      }
    }
  }
  const names = [["a", [1, 0, 0]], ["b", [0, 1, 0]], ["c", [0, 0, 1]]].map(([name, ends], index) => {
    const vector = crystal.lattice[index];
    const beyond = 0.9 / Math.hypot(...vector);
    return { name, place: corner(...ends).map((value, axis) => value + vector[axis] * beyond) };
  });
  const corners = [0, 1].flatMap((i) => [0, 1].flatMap((j) => [0, 1].map((k) => corner(i, j, k))));
  const radius = Math.max(...corners.map((point) => Math.hypot(...point)), ...atoms.map((atom) => Math.hypot(...atom.place) + atom.radius));
  return { atoms, edges, bonds: bondsOf(atoms), names, radius };
}

// Two halves for each pair of neighbours, from the surface of an atom to the middle.
function bondsOf(atoms) {
  const halves = [];
  atoms.forEach((first, index) => {
    for (const second of atoms.slice(index + 1)) {
      const length = distance(first.place, second.place);
      const reach = Math.min(BOND_REACH * Math.min(first.nearest, second.nearest), BOND_RADII * (first.covalent + second.covalent));
      if (length < 0.4 || length > reach) continue;
      const middle = along(first.place, second.place, 0.5);
      for (const [atom, other] of [[first, second], [second, first]]) {
        const share = Math.min((0.8 * atom.radius) / length, 0.5);
        halves.push({ from: along(atom.place, other.place, share), to: middle, colour: atom.colour });
      }
    }
  });
  return halves;
}
