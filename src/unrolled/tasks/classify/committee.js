/** A classifier or regressor: its networks, its linear model, and what they say together. */
const members = run.members.map(({ layers, arrays, stride }) =>
  ({ network: recurrent(layers), stride, ...decoded(arrays) }));

/** A number for each step of the recurrent layers: [t][k]. */
function embedded(member, numbers) {
  const size = run.embedding;
  return numbers.map(n => member.embedding.subarray(n * size, (n + 1) * size));
}

function logSoftmax(scores) {
  const top = Math.max(...scores);
  const total = Math.log(scores.reduce((sum, score) => sum + Math.exp(score - top), 0));
  return scores.map(score => score - top - total);
}

/** What is averaged over networks, from a network's scores. */
const opinion = scores => run.aim === "class" ? logSoftmax(scores) : scores;

/** Probabilities, or the number, from what all of them say. */
function answered(scores) {
  if (run.aim === "class") return Array.from(logSoftmax(scores), Math.exp);
  if (run.aim === "labels") return Array.from(scores, score => 1 / (1 + Math.exp(-score)));
  return Array.from(scores, score => run.center + run.unit * score);
}

/** One vector for the sequence, and from a derivative by it those by each step's output. */
function pooled(member, ys) {
  const size = ys[0].length, count = ys.length, half = size / 2;
  const zeros = () => ys.map(() => new Float64Array(size));
  if (run.pooling === "last") {
    const both = member.network.layers[0].length === 2;
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
    const scores = ys.map(y => y.reduce((sum, value, k) => sum + value * member.query[k], 0));
    shares = logSoftmax(scores).map(Math.exp);
  }
  const mean = new Float64Array(size);
  ys.forEach((y, t) => y.forEach((value, k) => { mean[k] += shares[t] * value; }));
  return [mean, d => ys.map((y, t) => {
    // a step of attention counts by its value and by the share that it takes from the others
    const more = run.pooling === "attention"
      ? shares[t] * y.reduce((sum, value, k) => sum + d[k] * (value - mean[k]), 0) : 0;
    return Float64Array.from(y, (_, k) => shares[t] * d[k] + more * (member.query?.[k] ?? 0));
  })];
}

/** What one network says of a sequence, and how it came to it. */
function readBy(member, given) {
  const xs = run.kind === "series"
    ? member.stride ? front(member, given) : given : embedded(member, given);
  const { outputs, trace } = member.network.forward(xs);
  const [vector, back] = pooled(member, outputs);
  const scores = Float64Array.from(member.c);
  addProduct(scores, member.V, vector, scores.length, vector.length);
  const logScale = member.spread
    ? vector.reduce((sum, value, k) => sum + value * member.spread[k], member.spread[vector.length])
    : 0;
  return { xs, outputs, trace, back, width: vector.length, said: opinion(scores), logScale };
}

/** For each step the derivative of the score of a class by its input, times that input. */
function countedFor(member, { xs, trace, back, width }, number) {
  const d_vector = member.V.slice(number * width, (number + 1) * width);
  const d = member.network.backward(trace, back(d_vector));
  return d.inputs.map((dx, t) => dx.reduce((sum, value, k) => sum + value * xs[t][k], 0));
}

/**
 * A text, or a series xs[t][channel] as it is in the data: the probability of each class or label,
 * the most probable one, what each step counted for it (for a number in its own units), the outputs of the first network's recurrent
 * layers, and, of a text, what each n-gram of the linear model counted.
 */
function classify(input) {
  let given, tokens = null;
  if (run.kind === "series") given = scaled(input);
  else {
    tokens = cutText(input).slice(0, run.longest);
    given = tokens.length ? tokens.map(({ token }) => numberOf(token)) : [UNKNOWN];
  }
  const readings = members.map(member => readBy(member, given));
  const scores = run.classes.map((_, k) =>
    run.blend[0] * readings.reduce((sum, { said }) => sum + said[k], 0) / members.length);
  let beside = null;
  if (run.linear) {
    const rest = tokens ? input.slice(0, tokens.at(-1)?.end ?? input.length) : given;
    beside = run.linear.kind === "n-grams" ? ngramScores(rest) : convolutionScores(rest);
    beside.scores.forEach((score, k) => { scores[k] += run.blend[1] * score; });
  }
  const chances = answered(scores), unit = run.unit ?? 1;
  const best = chances.indexOf(Math.max(...chances));
  const parts = readings.map((reading, m) => countedFor(members[m], reading, best));
  const counted = parts[0].map((_, t) =>
    unit * run.blend[0] * parts.reduce((sum, one) => sum + one[t], 0) / members.length);
  const ngrams = beside?.counted?.(best)
    .map(([name, part]) => [name, unit * run.blend[1] * part]) ?? [];
  return { chances, best, counted, ngrams, outputs: readings[0].outputs, scale: scaleOf(readings) };
}

/** By what the quantiles of errors are multiplied for this input. */
function scaleOf(readings) {
  const [low, high] = run.logScales ?? [0, 0];
  const mean = readings.reduce((sum, { logScale }) => sum + logScale, 0) / readings.length;
  return Math.exp(Math.min(Math.max(mean, low), high));
}

/** The number of a text or a series, and the ends of its interval where they are calibrated. */
function regress(input) {
  const { chances: [value], scale } = classify(input);
  if (!run.errors) return { value };
  return { value, low: value + scale * run.errors[0], high: value + scale * run.errors[1] };
}
