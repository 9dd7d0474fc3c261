/** One cell on a page: a sequence, the step and its derived backward step, line by line. */
const { layers, cell, forward, backward } = recurrent(run.layers);
const { sizes, weights } = layers[0][0];
const MOST_STEPS = 100;
let xs = [], named = {}, trace = [], d = null, arriving = [], loss = 0;

// ------------------------------------------------------------------------------- what is computed
/** Reads the sequence, and carries the derivative of the loss back through it. */
function compute() {
  const found = forward(xs, undefined, named);
  trace = found.trace[0][0];
  const outputs = found.outputs, every = $("loss").value === "every";
  const counts = t => every || t === outputs.length - 1;
  loss = outputs.reduce((sum, y, t) => sum + (counts(t) ? y.reduce((a, b) => a + b, 0) : 0), 0);
  d = backward(found.trace, outputs.map((y, t) => y.map(() => counts(t) ? 1 : 0)));
  const steps = d.steps[0][0];
  arriving = outputs.map((y, t) => {
    const here = {};
    cell.states.forEach((name, s) => {
      const width = trace[t].states[name].length, later = steps[t + 1]?.[`d_${name}_prev`];
      here[cell.cotangents[s]] = Float64Array.from({ length: width }, (_, k) =>
        (later ? later[later.length === 1 ? 0 : k] : 0) + (s === 0 && counts(t) ? 1 : 0));
    });
    return here;
  });
}

window.computed = () => ({
  loss,
  outputs: trace.map(({ states }) => Array.from(states[cell.states[0]])),
  gradients: Object.fromEntries(cell.weights.map(name =>
    [name, Array.from(d.weights[0][0][name])])),
  inputs: d.inputs.map(one => Array.from(one)),
  named: Object.fromEntries(Object.entries(d.named).map(([name, steps]) =>
    [name, steps.map(one => Array.from(one))])),
});

/** The value of a line at a step; undefined where it has none. */
function valueOf(line, t) {
  if (line.kind === "forward") return trace[t].values[line.name];
  if (line.kind === "arrives") return arriving[t][line.name];
  return d.steps[0][0][t][line.name];
}

// -------------------------------------------------------------------------------- where it stands
const ahead = run.lines.filter(line => line.kind === "forward");
const behind = run.lines.filter(line => line.kind !== "forward");

/** The line that is being computed: all lines of the first step, of the second, and back again. */
function position() {
  const at = Number($("step").value), there = ahead.length * xs.length;
  if (at < there) {
    return { back: false, t: Math.floor(at / ahead.length), line: ahead[at % ahead.length] };
  }
  const rest = at - there, t = xs.length - 1 - Math.floor(rest / behind.length);
  return { back: true, t, line: behind[rest % behind.length] };
}

function isKnown(line, t, now) {
  if (line.kind === "forward") {
    if (now.back || t < now.t) return true;
    return t === now.t && ahead.indexOf(line) <= ahead.indexOf(now.line);
  }
  if (!now.back || t < now.t) return false;
  return t > now.t || behind.indexOf(line) <= behind.indexOf(now.line);
}

// ------------------------------------------------------------------------------------ what is seen
function makeLines() {
  for (const line of run.lines) {
    const row = element("div", "line"), code = element("code", "", line.text);
    line.row = row;
    line.picture = element("canvas");
    line.picture.setAttribute("role", "img");
    line.numbers = element("output");
    row.append(code, line.picture, line.numbers);
    $(line.kind === "forward" ? "forward" : "backward").append(row);
  }
}

function showRow(line, now) {
  const current = line === now.line;
  line.row.classList.toggle("now", current);
  if (current) line.row.setAttribute("aria-current", "step");
  else line.row.removeAttribute("aria-current");
  const here = isKnown(line, now.t, now) ? valueOf(line, now.t) : undefined;
  line.row.classList.toggle("pending", here === undefined);
  line.numbers.textContent = here === undefined ? "" : matrixText(line, here);
  const value = valueOf(line, 0);
  line.picture.hidden = value === undefined;
  if (value === undefined) return;
  if (line.columns > 1 || line.isMatrix) {  // what this step adds to the derivative of a matrix
    const rows = here ? rowsOf(here, line.columns) : [[0]];
    showHeat(line.picture, rows, line.columns);
  } else {  // a row for each unit, a column for each step; what is not computed yet is blank
    const rows = Array.from(value, (_, k) => xs.map((_, t) =>
      isKnown(line, t, now) ? valueOf(line, t)[k] : 0));
    showHeat(line.picture, rows, xs.length);
  }
  line.picture.setAttribute("aria-label", `${line.name}, ${line.isMatrix ? "as a matrix"
    : "units by steps"}`);
}

function rowsOf(values, columns) {
  const rows = [];
  for (let at = 0; at < values.length; at += columns) {
    rows.push(Array.from(values.slice(at, at + columns)));
  }
  return rows;
}

function matrixText(line, values) {
  return rowsOf(values, line.isMatrix ? line.columns : values.length)
    .map(row => row.map(value => shortNumber(value, 3)).join("  ")).join("\n");
}

function show() {
  const slider = $("step");
  slider.max = (ahead.length + behind.length) * xs.length - 1;
  if (Number(slider.value) > Number(slider.max)) slider.value = slider.max;
  const now = position();
  $("where").textContent = `${now.back ? "backward" : "forward"}, time step ${now.t + 1} of `
    + `${xs.length}: ${now.line.name}`;
  $("sum").textContent = shortNumber(loss, 5);
  for (const line of run.lines) showRow(line, now);
  showInput(now.t);
  $("x").textContent = Array.from(xs[now.t], value => shortNumber(value)).join("  ");
  const old = cell.states.map(name =>
    `${name}_prev = ${Array.from(trace[now.t].old[name], v => shortNumber(v, 3)).join("  ")}`);
  const beside = Object.entries(trace[now.t].named).map(([name, one]) =>
    `${name} = ${Array.from(one, v => shortNumber(v, 3)).join("  ")}`);
  $("old").textContent = [...beside, ...old].join("\n");
  document.body.dataset.line = now.line.name;
}

function showInput(t) {
  const svg = $("series"), width = Math.max(300, svg.clientWidth || 640), height = 170;
  const left = 40, bottom = 22, most = Math.max(2, ...xs.flatMap(x => Array.from(x, Math.abs)));
  scale = { x: axis(1, Math.max(2, xs.length), left + 8, width - 14),
    y: held ? scale.y : axis(-most, most, height - bottom, 8), width };
  showFrame(svg, scale.x, scale.y, width, height, left, bottom);
  for (let c = 0; c < xs[0].length; c++) {
    const points = xs.map((x, step) =>
      `${scale.x.place(step + 1).toFixed(1)},${scale.y.place(x[c]).toFixed(1)}`);
    svg.append(drawn("polyline", { points: points.join(" "), class: `line-${c % 6}` }));
  }
  const at = scale.x.place(t + 1);
  svg.append(drawn("line", { x1: at, x2: at, y1: 8, y2: height - bottom, class: "cursor" }));
  svg.append(drawn("circle", { cx: at, cy: scale.y.place(xs[t][0]), r: 5 }));
}

// ------------------------------------------------------------------------------------ the sequence
let scale = null, held = false;

function rowsIn(text, wide) {
  return wide === 1 ? text.split(/[\s,;]+/).filter(Boolean).map(one => [Number(one)])
    : text.split("\n").filter(line => line.trim())
      .map(line => line.trim().split(/[\s,;]+/).map(Number));
}

/** What the cell takes by name, for so many steps; one row stands for all. */
function typedBeside(steps) {
  const found = {};
  for (const [name, wide] of Object.entries(run.named)) {
    const rows = rowsIn($(`named-${name}`).value, wide);
    const numbers = wide === 1 ? "a number" : `${wide} numbers`;
    const wrong = rows.findIndex(row => row.length !== wide || !row.every(Number.isFinite));
    if (wrong >= 0 || (rows.length !== 1 && rows.length < steps)) {
      $("wrong").textContent = wrong >= 0 ? `${name}: row ${wrong + 1} is not ${numbers}.`
        : `${name} is ${numbers} for all steps, or for each of the ${steps}.`;
      return null;
    }
    found[name] = Array.from({ length: steps }, (_, t) => rows[rows.length === 1 ? 0 : t]);
  }
  return found;
}

function typed() {
  const wide = run.inputs, rows = rowsIn($("text").value, wide);
  const wrong = rows.findIndex(row => row.length !== wide || !row.every(Number.isFinite));
  if (wrong >= 0 || !rows.length || rows.length > MOST_STEPS) {
    $("wrong").textContent = wrong >= 0
      ? `Step ${wrong + 1} is not ${wide === 1 ? "a number" : `${wide} numbers`}.`
      : `A sequence has 1 to ${MOST_STEPS} steps.`;
    return null;
  }
  $("wrong").textContent = "";
  return rows.map(row => Float64Array.from(row));
}

function reread() {
  const found = typed(), beside = found && typedBeside(found.length);
  if (!beside) return;
  xs = found;
  named = beside;
  compute();
  show();
}

function move(t, value) {
  xs[t][0] = Number(value.toFixed(2));
  $("text").value = xs.map(x => Array.from(x).join(", ")).join(run.inputs === 1 ? " " : "\n");
  reread();
}

function goTo(t) {
  $("step").value = t * ahead.length + ahead.length - 1;
  show();
}

function watchInput() {
  const svg = $("series");
  const draw = event => {
    const box = svg.getBoundingClientRect(), zoom = scale.width / box.width;
    const t = Math.round(scale.x.value((event.clientX - box.left) * zoom)) - 1;
    const step = Math.min(Math.max(t, 0), xs.length - 1);
    move(step, scale.y.value((event.clientY - box.top) * zoom));
    goTo(step);
  };
  svg.addEventListener("pointerdown", event => {
    held = true;
    svg.setPointerCapture(event.pointerId);
    draw(event);
  });
  svg.addEventListener("pointermove", event => { if (held) draw(event); });
  const release = () => { held = false; show(); };
  svg.addEventListener("pointerup", release);
  svg.addEventListener("pointercancel", release);
  svg.addEventListener("keydown", event => {
    const up = { ArrowUp: 0.1, ArrowDown: -0.1 }[event.key];
    const along = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!up && !along) return;
    event.preventDefault();
    const { t } = position();
    if (up) move(t, xs[t][0] + up);
    else goTo(Math.min(Math.max(t + along, 0), xs.length - 1));
  });
  $("text").addEventListener("input", reread);
  $("loss").addEventListener("input", reread);
  for (const field of document.querySelectorAll("textarea.named")) {
    field.addEventListener("input", () => { reread(); tellAll(); });
  }
}

// ------------------------------------------------------------------------------------- the weights
function makeWeights() {
  for (const { name, shape } of run.weights) {
    const part = element("details"), summary = element("summary");
    summary.append(element("code", "", name), ` ${shape.join(" \u00d7 ") || "one number"}`);
    const grid = element("div", "weights"), values = weights[name];
    values.forEach((value, at) => {
      const columns = shape[1] ?? 1, row = Math.floor(at / columns) + 1;
      const place = !shape.length ? "" : shape.length > 1 ? `${row},${at % columns + 1}` : `${row}`;
      const label = element("label", "", `${name}${place && `[${place}]`}`);
      const slider = element("input"), number = element("output");
      Object.assign(slider, { type: "range", min: -3, max: 3, step: 0.01, value });
      slider.id = `${name}-${at}`;
      label.htmlFor = slider.id;
      const tell = () => {
        const derivative = d ? d.weights[0][0][name][at] : 0;
        number.textContent = `${shortNumber(values[at], 3)}, d ${shortNumber(derivative, 3)}`;
      };
      slider.addEventListener("input", () => {
        values[at] = Number(slider.value);
        reread();
        tellAll();
      });
      told.push(tell);
      const line = element("div", "weight");
      line.append(label, slider, number);
      grid.append(line);
    });
    part.append(summary, grid);
    $("weights").append(part);
  }
}

const told = [];
const tellAll = () => told.forEach(tell => tell());

makeLines();
makeWeights();
watchInput();
/** Where somebody goes through the lines, the one that is computed stays in sight. */
const follow = () => {
  show();
  position().line.row.scrollIntoView({ block: "nearest" });
};
makePlayer($("play"), $("step"), follow, "Play");
const by = lines => () => {
  const { back } = position(), whole = back ? behind.length : ahead.length;
  $("step").value = Number($("step").value) + Math.sign(lines) * (Math.abs(lines) === 1 ? 1 : whole);
  follow();
};
$("line-before").addEventListener("click", by(-1));
$("line-after").addEventListener("click", by(1));
$("step-before").addEventListener("click", by(-2));
$("step-after").addEventListener("click", by(2));
addEventListener("resize", show);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
reread();
tellAll();
$("text").addEventListener("input", tellAll);
$("loss").addEventListener("input", tellAll);
