/** The reader's side of a classifier's page. */
const isSeries = run.kind === "series";
const linesOf = text => text.split("\n").filter(line => line.trim());
const numbersOf = line => line.trim().split(/[\s,;]+/).map(Number);

function typed() {
  const text = $("text").value;
  if (!isSeries) return text;
  const rows = linesOf(text).map(numbersOf);
  return rows.length ? rows : [run.mean];
}

function stepsOf(input) {
  return isSeries ? input.map((_, t) => ({ token: String(t + 1), end: t + 1 })) : cutText(input);
}

const isNumber = run.aim === "number";
const asInput = text => isSeries ? linesOf(text).map(numbersOf) : text;
window.classify = text => classify(asInput(text));
window.regress = text => regress(asInput(text));

function showNumber(value, scale) {
  const made = element("p", "number-large", shortNumber(value, 5));
  const shown = [made];
  if (run.errors) {
    const [low, high] = run.errors.map(error => shortNumber(value + scale * error, 5));
    shown.push(element("p", "hint", `${Math.round(100 * run.level)} % interval: ${low} to ${high}`));
  }
  $("classes").replaceChildren(...shown);
}

function chip(text, counted, most, title = counted.toFixed(4)) {
  const made = element("span", "", text);
  const name = counted >= 0 ? "--for" : "--against";
  made.style.background = `rgba(${getComputedStyle(document.documentElement)
    .getPropertyValue(name)}, ${(0.6 * Math.abs(counted) / most).toFixed(3)})`;
  made.title = title;
  return made;
}

function show() {
  const input = typed(), all = stepsOf(input), steps = all.slice(0, run.longest ?? all.length);
  const slider = $("step");
  slider.max = Math.max(1, steps.length);
  const read = Math.min(Number(slider.value), steps.length);
  const found = classify(read ? input.slice(0, steps[read - 1].end) : input);
  $("read").textContent = `${read} of ${steps.length} steps read`;
  if (isNumber) showNumber(found.chances[0], found.scale);
  else showBars($("classes"), run.classes, found.chances);
  // where convolutions read first, one step of the network is several of the series
  const stride = isSeries ? Math.max(1, run.members[0].stride) : 1;
  const most = found.counted.reduce((a, c) => Math.max(a, Math.abs(c)), 1e-9);
  const between = run.kind === "char" ? "" : " ";
  $("tokens").replaceChildren(...steps.flatMap(({ token }, t) => {
    if (t % stride) return [];
    if (t >= read) return [element("span", "unread", token), between];
    const made = chip(token, found.counted[Math.floor(t / stride)] ?? 0, most);
    if (!isSeries && !tokenNumbers.has(token)) made.className = "unknown";
    return [made, between];
  }));
  const parts = found.ngrams.sort((a, b) => Math.abs(b[1]) - Math.abs(a[1])).slice(0, 12);
  $("ngrams-part").hidden = !parts.length;
  const strongest = Math.abs(parts[0]?.[1] ?? 1) || 1;
  $("ngrams").replaceChildren(...parts.flatMap(([name, counted]) =>
    [chip(`\u201c${name}\u201d`, counted, strongest), " "]));
  const units = found.outputs[0].length;
  showHeat($("state"), Array.from({ length: units }, (_, k) => found.outputs.map(y => y[k])),
    Math.max(1, Math.ceil(steps.length / stride)));
  if (isSeries) showSeries(input, read);
  document.body.dataset.best = run.classes[found.best];
}

function readAll() {
  stop();
  $("step").max = 1e9;
  $("step").value = Math.max(1, stepsOf(typed()).length);
  show();
}

// ------------------------------------------------------------------------------ a series to move
let scale = null;

function showSeries(series, read) {
  const svg = $("series"), width = Math.max(300, svg.clientWidth || 640);
  const height = Math.max(180, Math.round(0.32 * width)), left = 46, bottom = 22;
  const flat = series.flat().filter(Number.isFinite);
  const low = Math.min(...flat), high = Math.max(...flat), room = 0.12 * (high - low || 1);
  const x = axis(1, Math.max(2, series.length), left + 6, width - 8);
  const y = scale?.held ? scale.y : axis(low - room, high + room, height - bottom, 8);
  scale = { x, y, width, held: scale?.held ?? false };
  showFrame(svg, x, y, width, height, left, bottom);
  const chosen = Number($("channel").value), step = chosenStep(series);
  for (let c = 0; c < run.mean.length; c++) {
    const xs = series.map((_, t) => t + 1), ys = series.map(row => Number.isFinite(row[c]) ? row[c]
      : run.mean[c]);
    showLine(svg, x, y, xs, ys, `line-${c % 6} pale`);
    showLine(svg, x, y, xs.slice(0, read), ys.slice(0, read),
      `line-${c % 6}${c === chosen ? "" : " pale"}`);
  }
  const value = series[step][chosen];
  svg.append(drawn("line", { x1: x.place(step + 1), x2: x.place(step + 1), y1: 8,
    y2: height - bottom, class: "cursor" }));
  svg.append(drawn("circle", { cx: x.place(step + 1), cy: y.place(value), r: 6 }));
  if (document.activeElement !== $("value")) $("value").value = shortNumber(value, 5);
  $("point").max = series.length;
}

function chosenStep(series) {
  return Math.min(Math.max(1, Math.round(Number($("point").value)) || 1), series.length) - 1;
}

function move(value) {
  const series = typed(), row = series[chosenStep(series)];
  row[Number($("channel").value)] = Number(shortNumber(value, 5));
  $("text").value = series.map(values => values.join(", ")).join("\n");
  readAll();
}

function watchSeries() {
  $("channel").replaceChildren(...run.mean.map((_, c) => {
    const option = element("option", "", String(c + 1));
    option.value = c;
    return option;
  }));
  $("point").value = Math.ceil(typed().length / 2);
  const svg = $("series");
  const at = event => {
    const box = svg.getBoundingClientRect(), zoom = scale.width / box.width;
    const step = Math.round(scale.x.value((event.clientX - box.left) * zoom));
    return [step, scale.y.value((event.clientY - box.top) * zoom)];
  };
  svg.addEventListener("pointerdown", event => {
    scale.held = true;
    svg.setPointerCapture(event.pointerId);
    const [step, value] = at(event);
    $("point").value = Math.min(Math.max(step, 1), typed().length);
    move(value);
  });
  svg.addEventListener("pointermove", event => { if (scale.held) move(at(event)[1]); });
  const release = () => { if (scale) scale.held = false; show(); };
  svg.addEventListener("pointerup", release);
  svg.addEventListener("pointercancel", release);
  svg.addEventListener("keydown", event => {
    const series = typed(), step = chosenStep(series), channel = Number($("channel").value);
    const by = { ArrowUp: 1, ArrowDown: -1 }[event.key];
    const along = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!by && !along) return;
    event.preventDefault();
    if (along) {
      $("point").value = Math.min(Math.max(1, step + 1 + along), series.length);
      show();
    } else move(series[step][channel] + by * run.deviation[channel] / 10);
  });
  $("point").addEventListener("input", show);
  $("channel").addEventListener("input", show);
  $("value").addEventListener("input", () => {
    if ($("value").value !== "") move(Number($("value").value));
  });
  addEventListener("resize", show);
}

const stop = makePlayer($("play"), $("step"), show, "Read step by step");
if (isSeries) watchSeries();
$("text").addEventListener("input", readAll);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
readAll();
