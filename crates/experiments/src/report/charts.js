"use strict";

// Charts as SVG in the colours of the style sheet, so that they follow the reader's light or dark scheme.

// At most `count` round numbers from `low` to `high`, both ends included where they are round.
function niceTicks(low, high, count) {
  const raw = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((width) => width >= raw * 0.999);
  const ticks = [];
  for (let index = Math.ceil(low / step - 1e-9); index * step <= high + step * 1e-9; index += 1) ticks.push(index * step);
  return ticks;
}

// As few digits as tell the ticks apart: 12 instead of 12.000000001.
function plainNumber(value) {
  return String(Number(value.toPrecision(6)));
}

function percent(share) {
  const value = 100 * share;
  return `${value >= 10 || value === 0 ? value.toFixed(0) : value.toPrecision(2)} %`;
}

function percentTick(share) {
  return `${plainNumber(100 * share)} %`;
}

// An empty picture with an area for the drawing inside of its margins.
function emptyChart(holder, width, height, label) {
  const area = { left: 46, right: width - 10, top: 12, bottom: height - 36 };
  const svg = svgNode(holder, "svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label });
  return { svg, area };
}

function yAxis(chart, top, format) {
  const { svg, area } = chart;
  const y = (value) => area.bottom - (value / top) * (area.bottom - area.top);
  for (const tick of niceTicks(0, top, 4)) {
    svgNode(svg, "line", { class: "grid", x1: area.left, x2: area.right, y1: y(tick), y2: y(tick) });
    svgNode(svg, "text", { x: area.left - 6, y: y(tick) + 4, "text-anchor": "end" }, format(tick));
  }
  return y;
}

function figureWithCaption(holder, id, title, caption, command, wide) {
  const figure = htmlNode(holder, "figure", { id, class: wide ? "wide" : "" });
  const words = htmlNode(figure, "figcaption", {});
  htmlNode(words, "h3", {}, title);
  if (caption) htmlNode(words, "p", {}, caption);
  const drawing = htmlNode(figure, "div", { class: "drawing" });
  const made = htmlNode(figure, "details", {});
  htmlNode(made, "summary", {}, "Made by");
  htmlNode(made, "code", {}, command);
  return drawing;
}

// A distribution over a number: bars for the generated structures, an outline for the test split.
function drawBins(holder, distribution) {
  const { start, width, whole } = distribution.axis.bins;
  const [generated, test] = distribution.sets;
  const used = generated.shares.map((share, index) => share + test.shares[index] > 0);
  const n = Math.max(used.lastIndexOf(true) + 1, 1);
  const chart = emptyChart(holder, 400, 230, distribution.title);
  const { svg, area } = chart;
  const x = (index) => area.left + ((area.right - area.left) * index) / n;
  const y = yAxis(chart, 1.08 * Math.max(...generated.shares, ...test.shares, 1e-3), percentTick);
  let outline = `M${x(0)} ${y(0)}`;
  for (let index = 0; index < n; index += 1) {
    const height = y(0) - y(generated.shares[index]);
    svgNode(svg, "rect", { class: "generated", x: x(index), y: y(0) - height, width: Math.max(x(index + 1) - x(index) - 0.6, 0.5), height });
    outline += `L${x(index)} ${y(test.shares[index])}L${x(index + 1)} ${y(test.shares[index])}`;
  }
  svgNode(svg, "path", { class: "test", d: `${outline}L${x(n)} ${y(0)}` });
  svgNode(svg, "line", { class: "axis", x1: area.left, x2: area.right, y1: y(0), y2: y(0) });
  const numbers = whole ? wholeTicks(start, n) : niceTicks(start, start + n * width, 6);
  for (const tick of numbers) {
    svgNode(svg, "text", { x: x((tick - start) / width), y: area.bottom + 16, "text-anchor": "middle" }, plainNumber(tick));
  }
  const unit = distribution.unit;
  svgNode(svg, "text", { x: (area.left + area.right) / 2, y: area.bottom + 32, "text-anchor": "middle" }, unit || "number");
  for (let index = 0; index < n; index += 1) {
    const low = start + index * width;
    const range = whole ? plainNumber(low + 0.5) : `${plainNumber(low)} to ${plainNumber(low + width)} ${unit}`;
    hoverText(svg, x(index), area, x(index + 1) - x(index), `${range}: generated ${percent(generated.shares[index])}, test ${percent(test.shares[index])}`);
  }
}

function wholeTicks(start, n) {
  const step = Math.max(1, Math.ceil(n / 12));
  const ticks = [];
  for (let value = 1; value < start + n; value += 1) if (step === 1 || value % step === 0) ticks.push(value);
  return ticks;
}

function hoverText(svg, x, area, width, text) {
  const target = svgNode(svg, "rect", { class: "hit", x, y: area.top, width, height: area.bottom - area.top });
  svgNode(target, "title", {}, text);
}

// A distribution over names: generated upwards, test downwards, so that both are read on one axis.
function drawMirrored(holder, distribution) {
  const { names, meanings } = distribution.axis.names;
  const [generated, test] = distribution.sets;
  const chart = emptyChart(holder, 1120, 320, distribution.title);
  const { svg, area } = chart;
  area.bottom += 26;
  const dense = names.length > 120;
  // Names that are closer together than they are wide take turns in two rows.
  const staggered = !dense && names.length > 45;
  const band = staggered ? 15 : 10;
  const middle = (area.top + area.bottom) / 2;
  const half = middle - area.top - band;
  const top = 1.05 * Math.max(...generated.shares, ...test.shares, 1e-3);
  const x = (index) => area.left + ((area.right - area.left) * index) / names.length;
  const barWidth = Math.max((x(1) - x(0)) * 0.78, 1.2);
  for (const tick of niceTicks(0, top, 3)) {
    for (const sign of [-1, 1]) {
      if (tick === 0 && sign === 1) continue;
      const y = middle + sign * (band + (tick / top) * half);
      const at = tick === 0 ? middle : y;
      if (tick > 0) svgNode(svg, "line", { class: "grid", x1: area.left, x2: area.right, y1: y, y2: y });
      svgNode(svg, "text", { x: area.left - 6, y: at + 4, "text-anchor": "end" }, percentTick(tick));
    }
  }
  names.forEach((name, index) => {
    const left = x(index) + (x(1) - x(0) - barWidth) / 2;
    const up = (generated.shares[index] / top) * half;
    const down = (test.shares[index] / top) * half;
    svgNode(svg, "rect", { class: "generated bar", x: left, y: middle - band - up, width: barWidth, height: up });
    svgNode(svg, "rect", { class: "test bar", x: left, y: middle + band, width: barWidth, height: down });
    if (!dense || Number(name) % 10 === 0) {
      const y = staggered ? middle + (index % 2 === 0 ? -1 : 10) : middle + 4;
      svgNode(svg, "text", { x: x(index + 0.5), y, "text-anchor": "middle", style: `font-size:${staggered ? 11 : 12}px` }, name);
    }
  });
  names.forEach((name, index) => {
    const meaning = meanings[index] ? ` (${meanings[index]})` : "";
    hoverText(svg, x(index), area, x(1) - x(0), `${name}${meaning}: generated ${percent(generated.shares[index])}, test ${percent(test.shares[index])}`);
  });
}

function captionOf(distribution) {
  const [generated, test] = distribution.sets;
  const parts = "names" in distribution.axis ? [`upwards ${generated.n} generated structures, downwards ${test.n} of the test split`] : [];
  if (distribution.wasserstein !== null) {
    parts.push(`Wasserstein distance ${Number(distribution.wasserstein.toPrecision(3))}${distribution.unit ? ` ${distribution.unit}` : ""}`);
  }
  const beyond = [["generated", generated], ["test", test]].filter(([, set]) => set.beyond > 0);
  if (beyond.length > 0) parts.push(`beyond the axis: ${beyond.map(([name, set]) => `${name} ${percent(set.beyond)}`).join(", ")}`);
  return parts.join("; ");
}

function drawDistribution(holder, distribution, command) {
  const mirrored = "names" in distribution.axis;
  const drawing = figureWithCaption(holder, `distribution-${distribution.id}`, distribution.title, captionOf(distribution), command, mirrored);
  (mirrored ? drawMirrored : drawBins)(drawing, distribution);
}

// The mean of each point and its neighbours on either side.
function runningMean(values, reach) {
  return values.map((_, centre) => {
    const window = values.slice(Math.max(0, centre - reach), centre + reach + 1);
    return window.reduce((sum, value) => sum + value, 0) / window.length;
  });
}

function drawLoss(holder, loss, command) {
  const averaged = loss.averaged > 1 ? `; each point is the mean of ${loss.averaged} steps` : "";
  const caption = `Mean squared error of the predicted noise${averaged}; the thick lines are running means`;
  const drawing = figureWithCaption(holder, "figure-loss", "Loss of positions and lattice", caption, command, true);
  const chart = emptyChart(drawing, 1120, 340, "Training loss against the step");
  const { svg, area } = chart;
  // A first step far above the rest would flatten all that follows.
  const top = 1.05 * Math.min(Math.max(...loss.position, ...loss.lattice, 1e-6), 2);
  const y = yAxis(chart, top, plainNumber);
  const x = (step) => area.left + ((area.right - area.left) * step) / loss.last;
  for (const tick of niceTicks(0, loss.last, 8)) {
    svgNode(svg, "text", { x: x(tick), y: area.bottom + 16, "text-anchor": "middle" }, plainNumber(tick));
  }
  svgNode(svg, "text", { x: (area.left + area.right) / 2, y: area.bottom + 32, "text-anchor": "middle" }, "step");
  svgNode(svg, "line", { class: "axis", x1: area.left, x2: area.right, y1: y(0), y2: y(0) });
  ["position", "lattice"].forEach((name, row) => {
    const path = (values) => values.map((value, index) => `${index ? "L" : "M"}${x(loss.step[index]).toFixed(1)} ${y(Math.min(value, top)).toFixed(1)}`).join("");
    svgNode(svg, "path", { class: `line faint ${name}`, d: path(loss[name]) });
    svgNode(svg, "path", { class: `line ${name}`, d: path(runningMean(loss[name], Math.max(1, Math.round(loss[name].length * 0.02)))) });
    svgNode(svg, "text", { class: name, x: area.right - 4, y: area.top + 12 + 18 * row, "text-anchor": "end" }, name);
  });
}
