"""The fixed parts of a classifier's live page: style, body and script. Next: `live_page`."""

from __future__ import annotations

STYLE = """
:root { color-scheme: light dark; --ink: #1a1a1f; --paper: #fff; --soft: #eef0f5; --line: #c9cdd8;
  --strong: #3949ab; --for: 57, 73, 171; --against: 200, 80, 20; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8e9ef; --paper: #16171c; --soft: #24262e;
  --line: #444857; --strong: #9fa8ff; --for: 140, 150, 255; --against: 255, 140, 80; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 1200px; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.5rem; margin: 0 0 .25rem; } h2 { font-size: 1.1rem; margin: 1.5rem 0 .5rem; }
p { margin: .25rem 0 .75rem; max-width: 46rem; }
textarea { width: 100%; min-height: 7rem; font: inherit; padding: .6rem; border-radius: 6px;
  border: 1px solid var(--line); background: var(--soft); color: inherit; }
.columns { display: grid; gap: 0 2rem; } @media (min-width: 800px) { .columns {
  grid-template-columns: 1fr 1fr; } }
.class { display: grid; grid-template-columns: minmax(4rem, 9rem) 1fr 4.5rem; gap: .5rem;
  align-items: center; margin: .2rem 0; overflow-wrap: anywhere; }
.class b { font-weight: 600; } .class.top { color: var(--strong); font-weight: 600; }
.bar { height: .8rem; background: var(--soft); border-radius: 4px; overflow: hidden; }
.bar i { display: block; height: 100%; background: var(--strong); }
.class span:last-child { text-align: right; font-variant-numeric: tabular-nums; }
.controls { display: flex; flex-wrap: wrap; gap: .75rem; align-items: center; }
.controls input { flex: 1 1 12rem; accent-color: var(--strong); min-width: 0; }
button { font: inherit; padding: .3rem .9rem; border-radius: 6px; border: 1px solid var(--line);
  background: var(--soft); color: inherit; cursor: pointer; }
:focus-visible { outline: 3px solid var(--strong); outline-offset: 2px; }
#tokens { line-height: 2; overflow-wrap: anywhere; white-space: pre-wrap; }
#tokens span { padding: .1rem .15rem; border-radius: 3px; } #tokens .unread { opacity: .35; }
#tokens .unknown { text-decoration: underline dotted; }
canvas { width: 100%; height: 14rem; image-rendering: pixelated; border: 1px solid var(--line);
  border-radius: 4px; }
pre { background: var(--soft); padding: .75rem; border-radius: 6px; overflow-x: auto; }
@media print { button, .controls { display: none; } }
"""

BODY = """
<main>
<h1>%(title)s</h1>
<p>%(lead)s The network is inside this page: nothing that you type leaves it.</p>
<noscript><p><strong>This page computes with JavaScript, which is switched off here.</strong></p>
</noscript>
<label for="text"><strong>%(label)s</strong></label>
<textarea id="text" spellcheck="false">%(example)s</textarea>
<div class="controls" role="group" aria-label="How far the network has read">
<button id="play" type="button">Read step by step</button>
<input id="step" type="range" min="1" value="1" aria-label="steps read">
<span id="read"></span>
</div>
<div class="columns">
<section><h2>Probability of each class</h2><div id="classes" aria-live="polite"></div></section>
<section><h2>What each step counted</h2>
<p>For (blue) and against (orange) the most probable class: the derivative of its score with respect
to the step's input, times that input. Dotted: not in the vocabulary.</p>
<div id="tokens"></div></section>
</div>
<h2>Hidden state of the top layer</h2>
<p>A column for each step, a row for each unit: blue is positive, orange negative.</p>
<canvas id="state" role="img" aria-label="hidden state, units by steps"></canvas>
<h2>The equation of a step</h2>
<pre>%(equation)s</pre>
</main>
"""

SCRIPT = r"""
const $ = id => document.getElementById(id);
let shown = null, timer = null;

function cut(text) {
  if (run.kind === "series") {
    return text.split("\n").filter(line => line.trim()).map(line => line.trim());
  }
  if (run.kind === "char") return Array.from(text);
  const words = /[\p{L}\p{N}]+(?:['’][\p{L}\p{N}]+)*|[^\p{L}\p{N}_\s]|_+/gu;
  return text.toLowerCase().match(words) ?? [];
}

const numbers = new Map((run.table ?? []).map((token, number) => [token, number]));
const table = run.embedding ? decoded({ table: run.embedding }).table : null;

function encoded(tokens) {
  if (run.kind === "series") {
    return tokens.map(line => {
      const values = line.split(/[\s,;]+/).map(Number);
      return run.mean.map((mean, c) => {
        const scaled = (values[c] - mean) / run.deviation[c];
        return Number.isFinite(scaled) ? scaled : 0;
      });
    });
  }
  const size = run.embedding.shape[1];
  const known = tokens.map(token => numbers.get(token) ?? 1);
  return (known.length ? known : [1]).map(n => table.subarray(n * size, (n + 1) * size));
}

const V = decoded({ V: run.V, c: run.c, ...(run.query ? { query: run.query } : {}) });

/** One vector for the sequence, and from a derivative by it those by each step's output. */
function pooled(ys) {
  const size = ys[0].length, count = ys.length, half = size / 2;
  const zeros = () => ys.map(() => new Float64Array(size));
  if (run.pooling === "last") {
    const both = layers[0].length === 2;
    const at = k => both && k >= half ? 0 : count - 1;
    return [Float64Array.from({ length: size }, (_, k) => ys[at(k)][k]), d => {
      const found = zeros();
      for (let k = 0; k < size; k++) found[at(k)][k] = d[k];
      return found;
    }];
  }
  if (run.pooling === "max") {
    const best = Array.from({ length: size }, (_, k) =>
      ys.reduce((at, y, t) => y[k] > ys[at][k] ? t : at, 0));
    return [Float64Array.from(best, (t, k) => ys[t][k]), d => {
      const found = zeros();
      best.forEach((t, k) => { found[t][k] = d[k]; });
      return found;
    }];
  }
  let shares = ys.map(() => 1 / count);
  if (run.pooling === "attention") {
    const scores = ys.map(y => y.reduce((sum, value, k) => sum + value * V.query[k], 0));
    const top = Math.max(...scores), powers = scores.map(score => Math.exp(score - top));
    const total = powers.reduce((a, b) => a + b);
    shares = powers.map(power => power / total);
  }
  const mean = new Float64Array(size);
  ys.forEach((y, t) => y.forEach((value, k) => { mean[k] += shares[t] * value; }));
  return [mean, d => ys.map((y, t) => {
    // a step of attention counts by its value and by the share that it takes from the others
    const more = run.pooling === "attention"
      ? shares[t] * y.reduce((sum, value, k) => sum + d[k] * (value - mean[k]), 0) : 0;
    return Float64Array.from(y, (_, k) => shares[t] * d[k] + more * (V.query?.[k] ?? 0));
  })];
}

/** Probabilities, hidden states and what each step counted for the most probable class. */
function classify(xs) {
  const { outputs, trace } = forward(xs);
  const [vector, back] = pooled(outputs);
  const classes = run.classes.length;
  const scores = Float64Array.from(V.c);
  addProduct(scores, V.V, vector, classes, vector.length);
  const top = Math.max(...scores), powers = scores.map(score => Math.exp(score - top));
  const total = powers.reduce((a, b) => a + b);
  const chances = powers.map(power => power / total);
  const best = chances.indexOf(Math.max(...chances));
  const d_vector = V.V.slice(best * vector.length, (best + 1) * vector.length);
  const d = backward(trace, back(d_vector));
  const counted = d.inputs.map((dx, t) => dx.reduce((sum, value, k) => sum + value * xs[t][k], 0));
  return { chances, best, counted, outputs };
}
window.classify = text => classify(encoded(cut(text).slice(0, run.longest)));

function draw(ys, count) {
  const canvas = $("state"), units = ys[0].length, steps = count;
  canvas.width = steps;
  canvas.height = units;
  const picture = canvas.getContext("2d");
  const image = picture.createImageData(steps, units);
  const style = getComputedStyle(document.documentElement);
  const colour = name => style.getPropertyValue(name).split(",").map(Number);
  const most = ys.reduce((a, y) => Math.max(a, ...y.map(Math.abs)), 1e-9);
  ys.forEach((y, t) => y.forEach((value, k) => {
    const [r, g, b] = colour(value >= 0 ? "--for" : "--against");
    image.data.set([r, g, b, 255 * Math.abs(value) / most], 4 * (k * steps + t));
  }));
  picture.putImageData(image, 0, 0);
}

function show() {
  const tokens = cut($("text").value).slice(0, run.longest);
  const slider = $("step");
  slider.max = Math.max(1, tokens.length);
  const read = Math.min(Number(slider.value), slider.max);
  const found = classify(encoded(tokens.slice(0, read)));
  $("read").textContent = `${Math.min(read, tokens.length)} of ${tokens.length} steps read`;
  const chances = found.chances;
  const order = Array.from(chances.keys()).sort((a, b) => chances[b] - chances[a]);
  $("classes").replaceChildren(...order.slice(0, 12).map(number => {
    const row = document.createElement("div"), name = document.createElement("span");
    const bar = document.createElement("div"), inside = document.createElement("i");
    const share = document.createElement("span");
    row.className = number === found.best ? "class top" : "class";
    name.textContent = run.classes[number];
    bar.className = "bar";
    inside.style.width = `${100 * found.chances[number]}%`;
    bar.append(inside);
    share.textContent = `${(100 * found.chances[number]).toFixed(1)} %`;
    row.append(name, bar, share);
    return row;
  }));
  const most = found.counted.reduce((a, c) => Math.max(a, Math.abs(c)), 1e-9);
  const between = run.kind === "char" ? "" : run.kind === "series" ? "\n" : " ";
  $("tokens").replaceChildren(...tokens.flatMap((token, t) => {
    const chip = document.createElement("span");
    chip.textContent = token;
    if (t >= read) chip.className = "unread";
    else {
      const counted = found.counted[t], name = counted >= 0 ? "--for" : "--against";
      chip.style.background = `rgba(var(${name}), ${(0.6 * Math.abs(counted) / most).toFixed(3)})`;
      chip.title = counted.toFixed(4);
      if (run.kind !== "series" && !numbers.has(token)) chip.className = "unknown";
    }
    return [chip, between];
  }));
  draw(found.outputs, Math.max(tokens.length, 1));
  document.body.dataset.best = run.classes[found.best];
}

function stop() {
  clearInterval(timer);
  timer = null;
  $("play").textContent = "Read step by step";
}

$("text").addEventListener("input", () => {
  stop();
  $("step").max = 1e9;
  $("step").value = Math.max(1, cut($("text").value).length);
  show();
});
$("step").addEventListener("input", () => { stop(); show(); });
$("play").addEventListener("click", () => {
  if (timer) return stop();
  const slider = $("step");
  if (Number(slider.value) >= Number(slider.max)) slider.value = 1;
  $("play").textContent = "Stop";
  timer = setInterval(() => {
    show();
    if (Number(slider.value) >= Number(slider.max)) return stop();
    slider.value = Number(slider.value) + 1;
  }, 250);
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
$("step").max = 1e9;
$("step").value = Math.max(1, cut($("text").value).length);
show();
"""
