/** What is asked of a forecaster: what comes after a series that it learned from, or after others. */

/** A series of `run.series`, as `forecast` takes it. */
function learnedFrom(series) {
  const values = Array.from(new Float64Array(bytesOf(series.values)));
  const seen = Array.from(new Uint8Array(bytesOf(series.seen)), Boolean);
  const calendar = new Float32Array(bytesOf(series.calendar));
  const own = { early: mapOf(series.own?.early), late: mapOf(series.own?.late) };
  return prepared(values, seen, series.learned, series.known, calendar, own);
}

/** That series with the values that came since: itself, and its quantiles [h][q]. */
function askedAfter(series, base, more) {
  if (more.length > series.more) {
    throw new RangeError(`at most ${series.more} new values: train again with more`);
  }
  const one = more.length ? longer(base, more) : base;
  return { one, quantiles: forecast(one, series.learned) };
}

/** A series of its own. */
function askedAlone(values) {
  if (values.length < 2) throw new RangeError("a series of its own takes two values or more");
  if (logs && !values.some(value => value > 0)) {
    throw new RangeError("this forecaster works on logarithms: one value at least is above 0");
  }
  if (!run.alone) {
    throw new RangeError("this forecaster knows its own series alone: give the values since its end");
  }
  const count = values.length;
  const one = prepared(values, values.map(() => true), count, count, new Float32Array(0));
  return { one, quantiles: forecast(one, 0) };
}

const bases = new Map();  // of series that were asked about

/** [h][q], in the order of `run.levels`: after series number `which` and the values since its end. */
function forecastAfter(more = [], which = 0) {
  const series = run.series[which];
  if (!bases.has(which)) bases.set(which, learnedFrom(series));
  return askedAfter(series, bases.get(which), more).quantiles;
}

/** The same after a series of its own, oldest value first. */
const forecastOf = values => askedAlone(values).quantiles;
