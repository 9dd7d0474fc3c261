/** Damped exponential smoothing with a season, as the forecaster averages it in. */
const ALPHAS = [0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.7, 0.9, 0.99], BETAS = [0, 0.02, 0.1, 0.3, 0.6];
const GAMMAS = [0.02, 0.1, 0.3, 0.6, 0.9], PHIS = [0.8, 0.9, 0.98];

/** Level, trend and the mean season before the first value. */
function beginning(values, length) {
  if (length === 1) return [values[0], 0, [0]];
  const count = Math.max(1, Math.min(Math.floor(values.length / length), 4));
  const rows = Array.from({ length: count }, (_, r) => Array.from({ length }, (_, k) =>
    values[(r * length + k) % Math.min(values.length, count * length)]));
  const means = rows.map(row => sum(row) / length);
  const slope = count > 1 ? (means.at(-1) - means[0]) / ((count - 1) * length) : 0;
  const pattern = Array.from({ length }, (_, k) => sum(rows.map((row, r) =>
    row[k] - means[r] - slope * (k - (length - 1) / 2))) / count);
  return [means[0] - slope * (length + 1) / 2, slope, pattern];
}

/** Runs one choice of constants; `after` is told level, trend and season of each step. */
function smoothAlong(values, length, [alpha, beta, gamma, phi], after) {
  let [level, trend, ring] = beginning(values, length);
  for (let t = 0; t < values.length; t++) {
    const before = level + phi * trend, error = values[t] - before - ring[t % length];
    level = before + alpha * error;
    trend = phi * trend + alpha * beta * error;
    if (length > 1) ring[t % length] += gamma * (1 - alpha) * error;
    after(t, level, trend, ring);
  }
}

/** phi + ... + phi^h. */
function damping(phi, h) {
  let found = 0;
  for (let k = 1; k <= h; k++) found += phi ** k;
  return found;
}

/** The squared errors of one choice so many steps ahead. */
function squaresOf(values, length, constants, lead) {
  const warm = Math.min(2 * length, Math.floor(values.length / 2)), damped = damping(constants[3], lead);
  const waiting = [];
  let found = 0;
  smoothAlong(values, length, constants, (t, level, trend, ring) => {
    if (t >= warm + lead) found += (values[t] - waiting[t]) ** 2;
    if (t >= warm) waiting[t + lead] = level + damped * trend + ring[(t + lead) % length];
  });
  return found;
}

/** (origin, h) -> the forecast, with the constants that were the best on the steps before `until`. */
function smoothed(one, until) {
  const key = `${until} of ${one.values.length}`;
  if (one.smoothed?.[key]) return one.smoothed[key];
  const length = until >= 2 * season ? season : 1, states = [];
  one.constants[until] ??= chosenConstants(one.values.slice(0, until), length);
  smoothAlong(one.values, length, one.constants[until], (t, level, trend, ring) =>
    states.push([level, trend, length > 1 ? ring.slice() : ring]));
  const phi = one.constants[until][3];
  const ahead = (origin, h) => {
    const [level, trend, ring] = states[origin];
    return level + damping(phi, h) * trend + ring[(origin + h) % length];
  };
  one.smoothed = { ...one.smoothed, [key]: ahead };
  return ahead;
}

function chosenConstants(known, length) {
  const recent = known.slice(-Math.max(4 * length, 2000)), grid = [];
  for (const alpha of ALPHAS) {
    for (const beta of BETAS) {
      for (const gamma of length > 1 ? GAMMAS : [0]) {
        for (const phi of PHIS) grid.push([alpha, beta, gamma, phi]);
      }
    }
  }
  const totals = grid.map(() => 0);
  for (const lead of new Set([1, horizon])) {
    const squares = grid.map(constants => squaresOf(recent, length, constants, lead));
    const least = Math.max(Math.min(...squares), 2.2250738585072014e-308);
    squares.forEach((square, place) => { totals[place] += square / least; });
  }
  return grid[totals.indexOf(Math.min(...totals))];
}
