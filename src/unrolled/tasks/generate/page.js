/** The reader's side of a generator's page. */
const SHOWN = 80;  // steps of the picture of the state
let timer = null, source = null, states = [], written = 0;

window.scores = text => Array.from(readText(text).scores);
window.generate = (prompt, count, temperature, seed) => {
  const found = generate(prompt, temperature, randomFrom(seed));
  return Array.from({ length: count }, () => found.next().value.token).join("");
};

const temperature = () => Number($("temperature").value);

function remember({ output }) {
  states.push(output);
  if (states.length > SHOWN) states.shift();
}

function showState() {
  const units = states[0]?.length ?? 0;
  showHeat($("state"), Array.from({ length: units }, (_, k) => states.map(y => y[k])), SHOWN);
}

function showNext(chances) {
  const names = run.table.map(token => token === "\n" ? "\u21b5" : token === " " ? "\u2423" : token);
  showBars($("next"), names, chances);
}

function stop() {
  clearInterval(timer);
  timer = null;
  $("write").textContent = "Write on";
}

/** Reads the prompt anew; what comes next is drawn when somebody asks for it. */
function restart() {
  stop();
  states = [];
  source = null;
  const prompt = $("text").value, state = readText(prompt, remember);
  const unknown = [...new Set(cutText(prompt).map(one => one.token))]
    .filter(token => !tokenNumbers.has(token));
  $("wrong").textContent = unknown.length ? `Not in the vocabulary: ${unknown.join(" ")}` : "";
  $("written").replaceChildren(element("b", "", prompt));
  written = 0;
  showNext(chancesOf(state.scores, temperature()));
  showState();
}

function begun() {
  states = [];
  return generateWith($("text").value, randomFrom(Number($("seed").value)));
}

/** The temperature is that of the slider at each step. */
function* generateWith(prompt, random) {
  let state = readText(prompt, remember);
  for (;;) {
    const chances = chancesOf(state.scores, temperature());
    const number = draw(chances, random);
    yield run.table[number];
    state = read(state, number);
    remember(state);
    showNext(chancesOf(state.scores, temperature()));
  }
}

function step(count) {
  source ??= begun();
  let text = "";
  for (let k = 0; k < count; k++) text += source.next().value;
  written += count;
  $("written").append(text);
  $("count").textContent = `${written} characters written`;
  showState();
}

$("write").addEventListener("click", () => {
  if (timer) return stop();
  $("write").textContent = "Stop";
  timer = setInterval(() => step(1), 30);
});
$("one").addEventListener("click", () => { stop(); step(1); });
$("hundred").addEventListener("click", () => { stop(); step(100); });
$("text").addEventListener("input", restart);
$("seed").addEventListener("input", restart);
$("again").addEventListener("click", restart);
$("temperature").addEventListener("input", () => {
  $("degree").textContent = temperature().toFixed(2);
  if (!source) restart();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", showState);
$("degree").textContent = temperature().toFixed(2);
restart();
