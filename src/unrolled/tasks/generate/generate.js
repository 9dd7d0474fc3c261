/** A language model: a token in, the scores of the next one out. */
const network = recurrent(run.layers), arrays = decoded(run.arrays);
const SPECIAL = 2;  // tokens that are never to be chosen

/** What was read so far: states and the scores of the next token. */
function begin() {
  return { states: network.firstStates(), scores: null, output: null };
}

function read({ states }, number) {
  const size = run.embedding, x = arrays.embedding.subarray(number * size, (number + 1) * size);
  const done = network.forward([x], states);
  let output = done.outputs[0];
  if (arrays.narrow) {
    const narrow = new Float64Array(size);
    addProduct(narrow, arrays.narrow, output, size, output.length);
    output = narrow;
  }
  const scores = Float64Array.from(arrays.c);
  addProduct(scores, run.tied ? arrays.embedding : arrays.V, output, scores.length, output.length);
  return { states: done.states, scores, output: done.outputs[0] };
}

function readText(text, after = () => {}) {
  let state = begin();
  for (const { token } of cutText(text || "\n")) {
    state = read(state, numberOf(token));
    after(state);
  }
  return state;
}

/** The probability of each token, the special ones left out. */
function chancesOf(scores, temperature) {
  const sayable = Array.from(scores, (score, k) => k < SPECIAL ? -Infinity : score);
  const top = Math.max(...sayable);
  if (temperature === 0) {
    const best = sayable.indexOf(top);
    return sayable.map((_, k) => k === best ? 1 : 0);
  }
  const powers = sayable.map(score => Math.exp((score - top) / temperature));
  const total = powers.reduce((a, b) => a + b);
  return powers.map(power => power / total);
}

/** Random numbers between 0 and 1 that a seed repeats (mulberry32). */
function randomFrom(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let found = Math.imul(state ^ (state >>> 15), 1 | state);
    found = (found + Math.imul(found ^ (found >>> 7), 61 | found)) ^ found;
    return ((found ^ (found >>> 14)) >>> 0) / 4294967296;
  };
}

function draw(chances, random) {
  let left = random();
  for (let k = 0; k < chances.length; k++) {
    left -= chances[k];
    if (left < 0) return k;
  }
  return chances.lastIndexOf(Math.max(...chances));
}

/** A continuation of the prompt, token by token. */
function* generate(prompt, temperature, random, after = () => {}) {
  let state = readText(prompt, after);
  for (;;) {
    const chances = chancesOf(state.scores, temperature);
    const number = draw(chances, random);
    yield { token: run.table[number], chances };
    state = read(state, number);
    after(state);
  }
}
