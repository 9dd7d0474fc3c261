/** What live pages share: elements, bars, heat maps, lines. */
const $ = id => document.getElementById(id);

function element(tag, className = "", text = "") {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== "") made.textContent = text;
  return made;
}

const NAMESPACE = "http://www.w3.org/2000/svg";

function drawn(tag, attributes, text = "") {
  const made = document.createElementNS(NAMESPACE, tag);
  for (const name in attributes) made.setAttribute(name, attributes[name]);
  if (text !== "") made.textContent = text;
  return made;
}

/** A color of the style sheet, "r, g, b". */
function colorOf(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).split(",").map(Number);
}

function shortNumber(value, digits = 4) {
  if (!Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e6)) return value.toExponential(2);
  return String(Number(value.toPrecision(digits)));
}

/** A row for each class, the most probable ones first. */
function showBars(target, names, chances) {
  const order = Array.from(chances.keys()).sort((a, b) => chances[b] - chances[a]);
  target.replaceChildren(...order.slice(0, 12).map((number, place) => {
    const row = element("div", place ? "bar-row" : "bar-row top");
    const bar = element("span", "bar"), inside = element("i");
    inside.style.width = `${100 * chances[number]}%`;
    bar.append(inside);
    row.append(element("span", "", names[number]), bar,
      element("span", "share", `${(100 * chances[number]).toFixed(1)} %`));
    return row;
  }));
}

/** rows[k][t] as a picture: blue is positive, orange negative. */
function showHeat(canvas, rows, columns) {
  canvas.width = Math.max(columns, 1);
  canvas.height = rows.length;
  const picture = canvas.getContext("2d");
  const image = picture.createImageData(canvas.width, canvas.height);
  const up = colorOf("--for"), down = colorOf("--against");
  let most = 1e-12;
  for (const row of rows) for (const value of row) most = Math.max(most, Math.abs(value));
  rows.forEach((row, k) => row.forEach((value, t) => {
    const [r, g, b] = value >= 0 ? up : down;
    image.data.set([r, g, b, 255 * Math.abs(value) / most], 4 * (k * canvas.width + t));
  }));
  picture.putImageData(image, 0, 0);
}

/** The scale of an axis: from data to the picture, with some round numbers. */
function axis(low, high, from, to) {
  if (!(high > low)) [low, high] = [low - 1, high + 1];
  const rough = (high - low) / 4, power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map(one => one * power).find(one => one >= rough);
  const ticks = [];
  for (let at = Math.ceil(low / step); at * step <= high; at++) ticks.push(at * step);
  const place = value => from + (value - low) / (high - low) * (to - from);
  const value = place => low + (place - from) / (to - from) * (high - low);
  return { place, value, ticks };
}

/** A frame with the ticks of both axes; x and y as `axis` gives them. */
function showFrame(svg, x, y, width, height, left, bottom) {
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.replaceChildren();
  for (const value of y.ticks) {
    const at = y.place(value);
    svg.append(drawn("line", { x1: left, x2: width - 4, y1: at, y2: at, class: "grid" }));
    svg.append(drawn("text", { x: left - 4, y: at + 4, class: "tick end" }, shortNumber(value)));
  }
  for (const value of x.ticks) {
    const at = x.place(value), kind = at > width - 20 ? "tick end" : "tick middle";
    svg.append(drawn("text", { x: Math.min(at, width - 2), y: height - bottom + 14, class: kind },
      shortNumber(value)));
  }
}

function showLine(svg, x, y, xs, ys, className) {
  const points = ys.map((value, t) => `${x.place(xs[t]).toFixed(1)},${y.place(value).toFixed(1)}`);
  svg.append(drawn("polyline", { points: points.join(" "), class: className }));
}

/** A button that lets a slider run to its end, step by step. */
function makePlayer(button, slider, show, name) {
  let timer = null;
  const stop = () => {
    clearInterval(timer);
    timer = null;
    button.textContent = name;
  };
  button.textContent = name;
  button.addEventListener("click", () => {
    if (timer) return stop();
    if (Number(slider.value) >= Number(slider.max)) slider.value = slider.min;
    button.textContent = "Stop";
    show();
    timer = setInterval(() => {
      if (Number(slider.value) >= Number(slider.max)) return stop();
      slider.value = Number(slider.value) + 1;
      show();
    }, 250);
  });
  slider.addEventListener("input", () => { stop(); show(); });
  return stop;
}

$("live").hidden = false;
