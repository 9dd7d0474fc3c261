/** The reader's side of a forecaster's page. */
let base = null, latest = null;

function startFrom(series) {
  base = learnedFrom(series);
  base.series = series;
}

/** Numbers of a text: each line's last column; what is none is named. */
function numbersIn(text) {
  const lines = text.split(/\r?\n/).map(line => line.trim()).filter(Boolean);
  const cells = lines.length === 1 ? lines[0].split(/[\s,;]+/).filter(Boolean)
    : lines.map(line => line.split(/[,;\t]/).map(cell => cell.trim()).filter(Boolean).at(-1) ?? "");
  if (lines.length > 1 && Number.isNaN(Number(cells[0]))) cells.shift();  // names of columns
  const wrong = cells.find(cell => cell === "" || !Number.isFinite(Number(cell)));
  if (wrong !== undefined) throw new RangeError(`\u201c${wrong}\u201d is not a number`);
  return cells.map(Number);
}

/** After the end of the series, or for a series of its own: [h][q]. */
function asked(more, alone) {
  const found = alone ? askedAlone(more) : askedAfter(base.series, base, more);
  latest = found.one;
  return found.quantiles;
}
window.forecast = (text, alone = false) => asked(numbersIn(text), alone);

function show() {
  const alone = $("alone")?.checked ?? false;
  let found;
  try {
    found = asked(numbersIn($("text").value), alone);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    $("wrong").textContent = `${error.message}. Write one number on each line.`;
    return;
  }
  $("wrong").textContent = "";
  const count = latest.values.length, first = alone ? 0 : base.values.length;
  $("count").textContent = alone ? `${count} values` : `${count - first} new values`;
  drawForecast(found, count);
  const name = k => alone ? `+${k + 1}` : base.series.times[count - first + k];
  const rows = found.map((quantiles, k) => {
    const row = element("tr");
    row.append(element("td", "", name(k)),
      ...quantiles.map(value => element("td", "number", shortNumber(value, 5))));
    return row;
  });
  $("rows").replaceChildren(...rows);
}

function drawForecast(found, count) {
  const svg = $("drawn"), width = Math.max(300, svg.clientWidth || 640);
  const height = Math.max(200, Math.round(0.36 * width)), left = 52, bottom = 22;
  const shown = Math.min(count, Math.max(5 * horizon, 60)), first = count - shown;
  const past = latest.raw.slice(first), flat = [...past, ...found.flat()];
  const low = Math.min(...flat), high = Math.max(...flat), room = 0.06 * (high - low || 1);
  const x = axis(1 - shown, horizon, left + 6, width - 14);
  const y = axis(low - room, high + room, height - bottom, 8);
  showFrame(svg, x, y, width, height, left, bottom);
  const ahead = Array.from({ length: horizon + 1 }, (_, k) => k), last = past.at(-1);
  const line = q => [last, ...found.map(quantiles => quantiles[q])];
  for (let q = 0; q < middle; q++) {
    const upper = line(levels.length - 1 - q), lower = line(q);
    const points = [...ahead.map(k => [k, lower[k]]), ...ahead.map(k => [k, upper[k]]).reverse()];
    svg.append(drawn("polygon", { class: "band",
      points: points.map(([t, v]) => `${x.place(t)},${y.place(v)}`).join(" ") }));
  }
  showLine(svg, x, y, past.map((_, t) => t + 1 - shown), past, "line-0");
  const fresh = count - (($("alone")?.checked ?? false) ? 0 : base.values.length);
  if (fresh > 0 && fresh < count) {
    const at = x.place(Math.max(0.5 - fresh, 1 - shown));
    svg.append(drawn("line", { x1: at, x2: at, y1: 8, y2: height - bottom, class: "cursor" }));
  }
  showLine(svg, x, y, ahead, line(middle), "line-1");
}

let waiting = null;
const soon = () => {
  clearTimeout(waiting);
  waiting = setTimeout(show, 150);
};
$("text").addEventListener("input", soon);
$("alone")?.addEventListener("input", show);
$("which").replaceChildren(...run.series.map((series, number) => {
  const option = element("option", "", series.name);
  option.value = number;
  return option;
}));
$("which-part").hidden = run.series.length < 2;
$("which").addEventListener("input", () => {
  startFrom(run.series[Number($("which").value)]);
  show();
});
const drop = $("live");
drop.addEventListener("dragover", event => event.preventDefault());
const take = async file => {
  if (!file) return;
  $("text").value = await file.text();
  show();
};
drop.addEventListener("drop", event => {
  event.preventDefault();
  take(event.dataTransfer.files[0]);
});
$("file").addEventListener("change", () => take($("file").files[0]));
addEventListener("resize", show);
$("levels").append(...levels.map(one => {
  const head = element("th", "number", String(one));
  head.scope = "col";
  return head;
}));
startFrom(run.series[0]);
show();
