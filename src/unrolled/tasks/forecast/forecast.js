/** A forecaster: the network, what it shares its forecasts with, and quantiles that are calibrated. */
const network = recurrent(run.layers), heads = decoded(run.heads);
const maps = { early: mapOf(run.maps.early), late: mapOf(run.maps.late) };
const { horizon, season, level, gaps, levels, told, context, logs } = run;
const middle = levels.indexOf(0.5);
const CHUNK = 512;  // steps whose traces are held at once
const LEAST = 20, ENOUGH = 100, RATE = 0.005;  // of the calibration

function mapOf(kept) {
  if (!kept) return null;
  return { ...decoded(kept), back: kept.weight.shape[0] };
}

const sum = values => values.reduce((total, value) => total + value, 0);

/**
 * A series as the network sees it; `said` and `read` are kept between calls. The network has learned
 * from the steps before `learned`, plain methods may from those before `known`; `own` are its maps.
 */
function prepared(raw, seen, learned, known_before, calendar, own = {}) {
  const positive = raw.slice(0, learned).filter(value => value > 0);
  const floor = positive.length ? positive.reduce((a, b) => Math.min(a, b)) / 2 : 1;
  const values = raw.map(value => asSeen(value, floor));
  const known = values.slice(0, learned), mean = sum(known) / known.length;
  const spread = Math.sqrt(sum(known.map(value => (value - mean) ** 2)) / known.length) || 1;
  const lag = known.length > season ? season : 1;
  const changes = known.slice(lag).map((value, t) => Math.abs(value - known[t]));
  const unit = (changes.length ? sum(changes) / changes.length : 0) || spread;
  return { values, raw, floor, seen, learned, known: known_before, calendar, own, mean, spread, unit,
    ys: [], states: undefined, said: new Map(), constants: {} };
}

function asSeen(value, floor) {
  return logs ? Math.log(Math.max(value, floor)) : value;
}

function inputs(one, t) {
  const { values, unit } = one, around = Math.max(season, 2), at = k => values[Math.max(k, 0)];
  let mean = 0;
  for (let k = t - around + 1; k <= t; k++) mean += at(k) / around;
  const found = [(values[t] - at(t - season)) / unit, (values[t] - mean) / unit];
  if (level) found.push((values[t] - one.mean) / one.spread);
  if (gaps) found.push(one.seen[t] ? 0 : 1);
  for (let k = 0; k < told; k++) found.push(one.calendar[t * told + k]);
  return Float64Array.from(found);
}

/** Reads on from where it stopped. */
function readOn(one) {
  while (one.ys.length < one.values.length) {
    const first = one.ys.length, count = Math.min(CHUNK, one.values.length - first);
    const xs = Array.from({ length: count }, (_, k) => inputs(one, first + k));
    const { outputs, states } = network.forward(xs, one.states);
    outputs.forEach((y, k) => one.ys.push({ x: xs[k], y }));
    one.states = states;
  }
}

/** The same series, longer: what was read and said stays. */
function longer(one, more) {
  // where fewer than four seasons are known, smoothing begins otherwise with every new one
  const said = one.values.length < 4 * season ? new Map() : new Map(one.said);
  const values = [...one.values, ...more.map(value => asSeen(value, one.floor))];
  return { ...one, values, raw: [...one.raw, ...more], ys: [...one.ys], said,
    seen: [...one.seen, ...more.map(() => true)] };
}

function anchor(one, origin, h, length) {
  return one.values[Math.max(origin + h - length * Math.ceil(h / length), 0)];
}

/** y = W x + b. */
function linear(name, x) {
  const y = Float64Array.from(heads[`${name}_bias`]);
  addProduct(y, heads[name], x, y.length, x.length);
  return y;
}

/** The network alone, its distances from a linear path: [h][q]. */
function ofNetwork(one, origin, path) {
  const { x, y } = one.ys[origin], now = one.values[origin];
  const straight = linear("straight", x), all = linear("context", y);
  return Array.from({ length: horizon }, (_, k) => {
    const place = anchor(one, origin, k + 1, season);
    const before = anchor(one, origin - season, k + 1, season);
    const ahead = new Float64Array(told + 2);
    for (let c = 0; c < told; c++) ahead[c] = one.calendar[(origin + 1 + k) * told + c];
    ahead[told] = (place - now) / one.unit;
    ahead[told + 1] = (place - before) / one.unit;
    const known = linear("known", ahead);
    const merged = known.map((value, c) => Math.tanh(value + all[k * context + c]));
    const away = straight[k]
      + sum(ahead.map((value, c) => value * heads.straight_known[k * ahead.length + c]));
    return linear("readout", merged).map(value => value + away).sort()
      .map(distance => path(k) + distance * run.path.size * one.unit);
  });
}

/** A linear map of the last values, and of all before them, from an origin: h -> the forecast. */
function mapped({ weight, past, bias, back }, one, origin) {
  const now = one.values[origin], window = Float64Array.from({ length: back }, (_, k) =>
    (one.values[Math.max(origin + 1 - back + k, 0)] - now) / one.unit);
  const mean = (sum(one.values.slice(0, origin + 1)) / (origin + 1) - now) / one.unit;
  return k => {
    let value = bias[k] + mean * past[k];
    for (let j = 0; j < back; j++) value += window[j] * weight[j * horizon + k];
    return now + one.unit * value;
  };
}

/**
 * The network averaged with the other methods, in their shares: [h][q]. From before `one.known` the
 * others know what comes before `early` alone, so that their errors are not of what they learned.
 */
function together(one, origin, early) {
  const kept = one.said.get(origin);
  if (kept) return kept;
  const when = origin < one.known - 1 ? "early" : "late";
  const until = when === "early" ? early : one.known;
  const points = { seasonal: k => anchor(one, origin, k + 1, season),
    naive: k => anchor(one, origin, k + 1, 1), smooth: k => smoothed(one, until)(origin, k + 1) };
  points.map = maps[when] ? mapped(maps[when], one, origin) : points.seasonal;
  points.own = one.own[when] ? mapped(one.own[when], one, origin) : points.seasonal;
  const found = ofNetwork(one, origin, points[run.path.name]);
  found.forEach((quantiles, k) => {
    let point = run.share[k][0] * quantiles[middle];
    run.methods.forEach((name, place) => {
      const share = run.share[k][1 + place];
      if (share) point += share * points[name](k);
    });
    const shift = point - quantiles[middle];
    for (let q = 0; q < quantiles.length; q++) quantiles[q] += shift;
  });
  one.said.set(origin, found);
  return found;
}

/** What comes after the end, calibrated by what came of earlier forecasts: [h][q]. */
function forecast(one, free) {
  readOn(one);
  const end = one.values.length - 1, { stride, size } = run.calibration;
  const first = Math.max(end - size * stride, free - 1, 0), origins = [];
  for (let origin = end - stride; origin >= first; origin -= stride) origins.unshift(origin);
  origins.push(end);
  const early = Math.min(one.learned, origins[0] + 1);
  const said = origins.map(origin => together(one, origin, early));
  const found = said.at(-1).map(quantiles => Array.from(quantiles));
  for (let k = 0; k < horizon; k++) {
    // how many of the origins' forecasts of this step had come true at each origin
    const known = origins.map(origin => origins.filter(other => other + k + 1 <= origin).length);
    for (let q = 0; q < levels.length; q++) {
      if (q === middle) continue;
      const errors = origins.map((origin, n) => {
        const step = origin + 1 + k;
        return step <= end && one.seen[step] ? (one.values[step] - said[n][k][q]) / one.unit : NaN;
      });
      const of_all = run.calibration.shift[k][q], count = run.calibration.counts[k];
      found[k][q] += one.unit * lastShift(errors, known, levels[q], size, of_all, count);
    }
    for (let q = middle - 1; q >= 0; q--) found[k][q] = Math.min(found[k][q], found[k][q + 1]);
    for (let q = middle + 1; q < levels.length; q++) {
      found[k][q] = Math.max(found[k][q], found[k][q - 1]);
    }
  }
  return logs ? found.map(quantiles => quantiles.map(Math.exp)) : found;
}

/** The shift of one quantile at the last origin, by the errors that were known at each. */
function lastShift(errors, known, target, size, of_all, count) {
  const needed = Math.max(LEAST, Math.min(ENOUGH, count, size)), recent = [], ascending = [], shifts = [];
  let aim = target, learned = 0;
  const place = value => {
    let low = 0, high = ascending.length;
    while (low < high) {
      const half = (low + high) >> 1;
      if (ascending[half] < value) low = half + 1; else high = half;
    }
    return low;
  };
  for (const until of known) {
    for (; learned < until; learned++) {
      const error = errors[learned];
      if (Number.isNaN(error)) continue;
      if (recent.length >= needed) aim += RATE * (target - (error <= shifts[learned] ? 1 : 0));
      recent.push(error);
      ascending.splice(place(error), 0, error);
      if (recent.length > size) ascending.splice(place(recent.shift()), 1);
    }
    shifts.push(recent.length >= needed ? conformal(ascending, aim) : of_all);
  }
  return shifts.at(-1);
}

function conformal(ascending, aim) {
  const count = ascending.length;
  const place = aim > 0.5
    ? count - Math.floor((count + 1) * (1 - aim) + 1e-9)
    : Math.floor((count + 1) * aim + 1e-9) - 1;
  return ascending[Math.min(Math.max(place, 0), count - 1)];
}
