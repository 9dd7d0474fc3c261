/** The linear model of texts: TF-IDF of words (one, two) and of characters within words (2 to 5). */
const halves = [run.linear.words, run.linear.characters].map(unfolded);
const linear = decoded(run.linear.arrays);
const rarity = (() => {
  const values = new Float32Array(bytesOf(run.linear.rarities));
  return Float64Array.from(new Uint32Array(bytesOf(run.linear.rarity)), place => values[place]);
})();

/** Terms in order; each line says how much of the one before it begins with. */
function unfolded(text) {
  const places = new Map();
  let last = "";
  for (const line of text ? text.split("\n") : []) {
    last = last.slice(0, parseInt(line[0], 36)) + line.slice(1);
    places.set(last, places.size);
  }
  return places;
}

const WORD_OR_SIGN = new RegExp(`[${LETTER}_]+|[^${LETTER}_${SPACE}]`, "gu");
const SPACES = new RegExp(`[${SPACE}]+`, "u");

function wordTerms(text) {
  const words = text.match(WORD_OR_SIGN) ?? [];
  return words.concat(words.slice(1).map((word, t) => `${words[t]} ${word}`));
}

function characterTerms(text) {
  const found = [];
  for (const word of text.split(SPACES)) {
    if (!word) continue;
    const letters = Array.from(` ${word} `);
    for (let size = 2; size <= 5; size++) {
      for (let at = 0; at === 0 || at + size <= letters.length; at++) {
        found.push(letters.slice(at, at + size).join(""));
      }
      if (size >= letters.length) break;  // a short word is counted whole, once
    }
  }
  return found;
}

function ngramScores(text) {
  const small = text.toLowerCase();
  const classes = run.classes.length, scores = Float64Array.from(linear.bias);
  const parts = [];
  let first = 0;
  for (const [half, terms] of [wordTerms(small), characterTerms(small)].entries()) {
    const counts = new Map();
    for (const term of terms) {
      if (halves[half].has(term)) counts.set(term, (counts.get(term) ?? 0) + 1);
    }
    const found = [];
    let square = 0;
    for (const [term, count] of counts) {
      const place = first + halves[half].get(term);
      const value = (1 + Math.log(count)) * rarity[place];
      square += value * value;
      found.push([term, place, value]);
    }
    for (const [term, place, value] of found) {
      const share = value / Math.sqrt(square);
      parts.push([term, place, share]);
      for (let k = 0; k < classes; k++) scores[k] += share * linear.weight[place * classes + k];
    }
    first += halves[half].size;
  }
  const counted = k => parts.map(([term, place, share]) =>
    [term, share * linear.weight[place * classes + k]]);
  return { scores, counted };
}
