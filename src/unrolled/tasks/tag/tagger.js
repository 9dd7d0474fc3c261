/** A tagger: words and their letters in, the best tags of each sentence and their chances out. */
const network = recurrent(run.layers), arrays = decoded(run.arrays);
const letterNetwork = run.letterLayers ? recurrent(run.letterLayers) : null;
const wordNumbers = new Map(run.words.map((word, number) => [word, number]));
const letterNumbers = new Map(run.letters.map((letter, number) => [letter, number]));
const UNKNOWN = 1, LONGEST = 24;  // letters of a word that are read: half of them from each end

const SPACE = "\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
const W = "[\\p{L}\\p{N}_]";
const WORD = new RegExp(`https?://[^${SPACE}]+|[@#]${W}+|${W}+(?:[-'\u2019.,:/&]${W}+)*(?:['\u2019]${W}+)?`
  + `|[^\\p{L}\\p{N}_${SPACE}]`, "gu");
const ENDS = new RegExp(`(?<=[.!?\u2026])["'\u201d\u2019)\\]]*[${SPACE}]+`
  + `(?=["'\u201c\u2018(\\[]?[A-Z\u00c0-\u00de\\p{Nd}])`, "gu");

/** The sentences of a text, each a list of words with their places in it. */
function sentencesIn(text) {
  const found = [];
  let first = 0;
  for (const line of text.split("\n")) {
    let begin = 0;
    for (const end of [...Array.from(line.matchAll(ENDS), one => one.index + one[0].length),
      line.length]) {
      const words = Array.from(line.slice(begin, end).matchAll(WORD), one => ({ word: one[0],
        begin: first + begin + one.index, end: first + begin + one.index + one[0].length }));
      if (words.length) found.push(words);
      begin = end;
    }
    first += line.length + 1;
  }
  return found;
}

function rowOf(table, size, number) {
  return table.subarray(number * size, (number + 1) * size);
}

/** A vector of a word's letters. */
function letterVector(word) {
  let letters = Array.from(word);
  if (letters.length > LONGEST) {
    letters = [...letters.slice(0, LONGEST / 2), ...letters.slice(-LONGEST / 2)];
  }
  const xs = letters.map(letter =>
    rowOf(arrays.letters, run.letterSize, letterNumbers.get(letter) ?? UNKNOWN));
  if (letterNetwork) {
    const [last] = letterNetwork.forward(xs).states, name = letterNetwork.cell.states[0];
    return [...last[0][name], ...last[1][name]];
  }
  const bias = arrays.convolution_bias, width = 3, size = run.letterSize;
  return Array.from(bias, (start, o) => Math.max(...xs.map((_, t) => {
    let sum = start;
    for (let w = 0; w < width; w++) {
      const x = xs[t + w - 1];
      if (!x) continue;
      for (let i = 0; i < size; i++) sum += arrays.convolution[(o * size + i) * width + w] * x[i];
    }
    return sum;
  })));
}

function wordVector(word) {
  const number = wordNumbers.get(word.toLowerCase()) ?? UNKNOWN;
  const vector = Array.from(rowOf(arrays.embedding, run.wordSize, number));
  return run.letterSize ? [...vector, ...letterVector(word)] : vector;
}

function logSum(values) {
  const top = Math.max(...values);
  return top + Math.log(values.reduce((sum, value) => sum + Math.exp(value - top), 0));
}

/** The best tags by Viterbi's algorithm, and how probable each of them is at its place. */
function tagWords(words) {
  const { outputs } = network.forward(words.map(wordVector)), K = run.tags.length;
  const scores = outputs.map(y => {
    const found = Float64Array.from(arrays.c);
    addProduct(found, arrays.V, y, K, y.length);
    return found;
  });
  const all = run.tags.map((_, k) => k), T = words.length, { first, after, last } = run;
  const move = (from, to) => after[from][to];
  let best = all.map(k => first[k] + scores[0][k]);
  const forward = [best], came = [];
  let sums = best;
  for (let t = 1; t < T; t++) {
    came.push(all.map(k => all.reduce((a, j) => best[j] + move(j, k) > best[a] + move(a, k) ? j : a)));
    const before = came.at(-1);
    best = all.map(k => best[before[k]] + move(before[k], k) + scores[t][k]);
    sums = all.map(k => logSum(all.map(j => sums[j] + move(j, k))) + scores[t][k]);
    forward.push(sums);
  }
  const whole = logSum(all.map(k => sums[k] + last[k]));
  const tags = [all.reduce((a, k) => best[k] + last[k] > best[a] + last[a] ? k : a)];
  for (let t = T - 1; t > 0; t--) tags.unshift(came[t - 1][tags[0]]);
  const sure = new Array(T);
  let backward = all.map(k => last[k]);
  for (let t = T - 1; t >= 0; t--) {
    sure[t] = Math.exp(forward[t][tags[t]] + backward[tags[t]] - whole);
    const later = backward;
    backward = all.map(j => logSum(all.map(k => move(j, k) + scores[t][k] + later[k])));
  }
  return { tags: tags.map(k => run.tags[k]), sure, outputs };
}
