/** What is made of a series before it is read: scales, convolutions, features of a linear model. */
function scaled(series) {
  return series.map(values => Float64Array.from(run.mean, (mean, c) => {
    const found = Math.fround((values[c] - mean) / run.deviation[c]);
    return Number.isFinite(found) ? found : 0;
  }));
}

/** Values, values from the series' own mean in units of its own deviation, and its differences. */
function views(xs) {
  const channels = xs[0].length, count = xs.length;
  const found = xs.map(x => {
    const wide = new Float64Array(3 * channels);
    wide.set(x);
    return wide;
  });
  for (let c = 0; c < channels; c++) {
    const mean = xs.reduce((sum, x) => sum + x[c], 0) / count;
    const spread = Math.sqrt(xs.reduce((sum, x) => sum + (x[c] - mean) ** 2, 0) / count);
    const own = xs.map(x => (x[c] - mean) / (spread + 1e-3));
    const changes = own.map((value, t) => t ? value - own[t - 1] : 0);
    const size = Math.sqrt(changes.reduce((sum, change) => sum + change * change, 0) / count);
    found.forEach((wide, t) => {
      wide[channels + c] = own[t];
      wide[2 * channels + c] = changes[t] / (size + 1e-3);
    });
  }
  return found;
}

/** A convolution over time, (outputs, inputs * width) weights, then layer norm and ReLU. */
function convolved(xs, weight, bias, scale, shift, stride) {
  const outputs = bias.length, inputs = xs[0].length;
  const width = weight.length / (outputs * inputs), side = Math.floor(width / 2);
  const found = [];
  for (let at = 0; at < xs.length; at += stride) {
    const y = Float64Array.from(bias);
    for (let o = 0; o < outputs; o++) {
      for (let w = 0; w < width; w++) {
        const x = xs[at + w - side];
        if (!x) continue;
        for (let i = 0; i < inputs; i++) y[o] += weight[(o * inputs + i) * width + w] * x[i];
      }
    }
    const mean = y.reduce((sum, value) => sum + value, 0) / outputs;
    const spread = y.reduce((sum, value) => sum + (value - mean) ** 2, 0) / outputs;
    found.push(y.map((value, o) =>
      Math.max(0, (value - mean) / Math.sqrt(spread + 1e-5) * scale[o] + shift[o])));
  }
  return found;
}

function front(m, xs) {
  const first = convolved(views(xs), m.first, m.first_bias, m.first_scale, m.first_shift, m.stride);
  const second = convolved(first, m.second, m.second_bias, m.second_scale, m.second_shift, 1);
  return first.map((y, t) => y.map((value, k) => value + second[t][k]));
}

/** All ways of choosing three of nine places, in order. */
const triples = [];
for (let a = 0; a < 9; a++) {
  for (let b = a + 1; b < 9; b++) {
    for (let c = b + 1; c < 9; c++) triples.push([a, b, c]);
  }
}

const linear = run.linear && decoded(run.linear.arrays);
const mixing = run.linear?.mixing ? new Uint8Array(bytesOf(run.linear.mixing)) : null;

function isMixed(place) {
  return mixing === null || mixing[place >> 3] >> (7 - place % 8) & 1;
}

/** Scores from how often fixed convolutions of the series and of its differences are exceeded. */
function convolutionScores(xs) {
  const steps = xs.length, channels = xs[0].length, classes = run.classes.length;
  const { dilations, thresholds } = run.linear;
  const columns = Array.from({ length: channels }, (_, c) => Float64Array.from(xs, x => x[c]));
  const both = [columns, columns.map(one => one.map((x, t) => t ? Math.fround(x - one[t - 1]) : 0))];
  const scores = Float64Array.from(linear.bias);
  const found = new Float64Array(steps);
  both.forEach((view, which) => dilations.forEach((dilation, number) => {
    const row = which * dilations.length + number;
    const at = (column, t) => t < 0 || t >= steps ? 0 : column[t];
    const sums = view.map(column => Float64Array.from({ length: steps }, (_, t) => {
      let sum = 0;
      for (let place = 0; place < 9; place++) sum += at(column, t + (place - 4) * dilation);
      return sum;
    }));
    const before = which * total(thresholds) + total(thresholds.slice(0, number));
    triples.forEach((triple, kernel) => {
      found.fill(0);
      for (let c = 0; c < channels; c++) {
        if (!isMixed((row * triples.length + kernel) * channels + c)) continue;
        const column = view[c], sum = sums[c];
        for (let t = 0; t < steps; t++) {
          let chosen = 0;
          for (const place of triple) chosen += at(column, t + (place - 4) * dilation);
          found[t] += 3 * chosen - sum[t];
        }
      }
      for (let n = 0; n < thresholds[number]; n++) {
        const feature = (before + n) * triples.length + kernel, bound = linear.thresholds[feature];
        let count = 0;
        for (let t = 0; t < steps; t++) count += Math.fround(found[t]) > bound;
        for (let k = 0; k < classes; k++) {
          scores[k] += count / steps * linear.weight[feature * classes + k];
        }
      }
    });
  }));
  return { scores };
}

function total(values) {
  return values.reduce((sum, value) => sum + value, 0);
}
