"""The parts of a JavaScript module that are the same for every network. Next: `javascript`."""

from __future__ import annotations

FUNCTIONS = {
    "sigmoid": """
function sigmoid(x) {
  const small = Math.exp(-Math.abs(x));
  return x >= 0 ? 1 / (1 + small) : small / (1 + small);
}
""",
    "softplus": """
function softplus(x) {
  return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
}
""",
    "relu": """
function relu(x) {
  return Math.max(x, 0);
}
""",
    "leaky_relu": """
function leaky_relu(x, slope) {
  return x > 0 ? x : x * slope;
}
""",
}

PRODUCTS = """
/** y += W v, for a matrix of so many rows and columns, row after row. */
function addProduct(y, W, v, rows, columns) {
  for (let k = 0, at = 0; k < rows; k++) {
    let sum = 0;
    for (let j = 0; j < columns; j++, at++) sum += W[at] * v[j];
    y[k] += sum;
  }
}

/** y += W^T v. */
function addTransposedProduct(y, W, v, rows, columns) {
  for (let k = 0, at = 0; k < rows; k++) {
    for (let j = 0; j < columns; j++, at++) y[j] += W[at] * v[k];
  }
}
"""

DECODE = """
function bytesOf(base64) {
  return Uint8Array.from(atob(base64), c => c.charCodeAt(0)).buffer;
}

/** Arrays by name, from base64; int8 rows times their scales. */
function decoded(weights) {
  const found = {};
  for (const name in weights) {
    const { shape, f8, f4, i1, scale } = weights[name];
    if (i1 === undefined) {
      found[name] = Float64Array.from(
        f8 === undefined ? new Float32Array(bytesOf(f4)) : new Float64Array(bytesOf(f8)));
    } else {
      const scales = new Float32Array(bytesOf(scale));
      found[name] = Float64Array.from(new Int8Array(bytesOf(i1)),
        (whole, at) => whole * scales[Math.floor(at / shape[1])]);
    }
  }
  return found;
}
"""

RUN = """
for (const directions of layers) {
  for (const direction of directions) direction.weights = decoded(direction.weights);
}
if (readout) Object.assign(readout, decoded(readout));

/** The network: its cell, and for each layer and direction sizes and weights, to read or change. */
export const network = { cell, layers, readout };

/** The states before the first step: [layer][direction], an array of numbers by name. */
export function firstStates() {
  return layers.map(directions => directions.map(({ sizes }) => {
    const states = {};
    cell.states.forEach((name, i) => {
      states[name] = new Float64Array(sizes[cell.widths[i]] ?? 1).fill(cell.start[i]);
    });
    return states;
  }));
}

function statesOf(values, old) {
  const found = {};
  for (const name of cell.states) {
    found[name] = add(new Float64Array(old[name].length), values[name]);
  }
  return found;
}

function joined(arrays) {
  const found = new Float64Array(arrays.reduce((count, array) => count + array.length, 0));
  let at = 0;
  for (const array of arrays) {
    found.set(array, at);
    at += array.length;
  }
  return found;
}

/** What the cell is given by name at each step: one number for all steps, or for each step a number
    or an array. What is not given has its default. */
function namedInputs(given, count) {
  const all = { ...cell.defaults, ...given };
  return Array.from({ length: count }, (_, t) => {
    const found = {};
    for (const [name, size] of Object.entries(cell.named)) {
      if (all[name] === undefined) throw new Error(`the cell needs ${name} at each step`);
      const value = typeof all[name] === "number" ? all[name] : all[name][t];
      const width = layers[0][0].sizes[size] ?? 1;
      found[name] = typeof value === "number" ? new Float64Array(width).fill(value)
        : Float64Array.from(value);
      if (found[name].length !== width) throw new Error(`${name} has ${width} numbers a step`);
    }
    return found;
  });
}

/**
 * A sequence, xs[t] an array of numbers, through all layers: outputs[t], the last states as
 * firstStates gives them, and trace[layer][direction] with the input, the old states and every
 * named value of each step. Whole sequences in, where a layer is bidirectional. `given` has what
 * the cell takes by name: { dt: 1 }, or an array with a number or an array for each step.
 */
export function forward(xs, states = firstStates(), given = {}) {
  const trace = [], last = [], named = namedInputs(given, xs.length);
  let sequence = xs.map(x => Float64Array.from(x));
  layers.forEach((directions, layer) => {
    trace.push([]);
    last.push([]);
    directions.forEach(({ sizes, weights }, reverse) => {
      const steps = new Array(sequence.length);
      let old = states[layer][reverse];
      for (let i = 0; i < sequence.length; i++) {
        const t = reverse ? sequence.length - 1 - i : i;
        const values = step(sizes, weights, sequence[t], old, named[t]);
        const states = statesOf(values, old);
        steps[t] = { x: sequence[t], named: named[t], old, values, states };
        old = states;
      }
      trace[layer].push(steps);
      last[layer].push(old);
    });
    const first = cell.states[0];
    sequence = sequence.map((_, t) => joined(trace[layer].map(steps => steps[t].states[first])));
  });
  const outputs = readout ? sequence.map(readOut) : sequence;
  return { outputs, states: last, trace };
}

function readOut(h) {
  const y = Float64Array.from(readout.c);
  addProduct(y, readout.V, h, y.length, h.length);
  return y;
}

/**
 * Backpropagation through time. d_outputs[t] is the derivative of the loss with respect to the top
 * layer's output (before the readout), d_states that with respect to the last states. Returns
 * inputs[t], named[name][t] of what the cell takes by name, states and weights[layer][direction] by
 * name, and steps[layer][direction][t] with every derivative by name.
 */
export function backward(trace, d_outputs, d_states = null) {
  const weights = [], steps = [], d_first = [], named = {};
  for (const name in cell.named) {
    named[name] = trace[0][0].map(one => new Float64Array(one.named[name].length));
  }
  let d_sequence = d_outputs.map(d => Float64Array.from(d));
  for (let layer = layers.length - 1; layer >= 0; layer--) {
    const count = d_sequence.length;
    const d_inputs = trace[layer][0].map(({ x }) => new Float64Array(x.length));
    weights[layer] = [];
    steps[layer] = [];
    d_first[layer] = [];
    let offset = 0;
    layers[layer].forEach((direction, reverse) => {
      const run = trace[layer][reverse];
      const width = direction.sizes[cell.widths[0]] ?? 1;
      const gradients = {};
      for (const name of cell.weights) {
        gradients[name] = new Float64Array(direction.weights[name].length);
      }
      const d = {};
      cell.states.forEach((name, i) => {
        const size = direction.sizes[cell.widths[i]] ?? 1;
        const last = d_states ? d_states[layer][reverse][name] : { length: size };
        d[name] = Float64Array.from(last, value => value ?? 0);
      });
      steps[layer].push(new Array(count));
      for (let i = 0; i < count; i++) {
        const t = reverse ? i : count - 1 - i;
        const arriving = {};
        cell.states.forEach((name, s) => {
          arriving[cell.cotangents[s]] = d[name];
        });
        for (let k = 0; k < width; k++) d[cell.states[0]][k] += d_sequence[t][offset + k];
        const { x, old, values, named: beside } = run[t];
        const found = stepBackward(
          direction.sizes, direction.weights, x, old, values, arriving, beside);
        for (const name of cell.weights) add(gradients[name], found[`d_${name}`]);
        add(d_inputs[t], found[`d_${cell.input}`]);
        for (const name in named) add(named[name][t], found[`d_${name}`]);
        for (const name of cell.states) {
          d[name] = add(new Float64Array(old[name].length), found[`d_${name}_prev`]);
        }
        steps[layer][reverse][t] = found;
      }
      offset += width;
      weights[layer].push(gradients);
      d_first[layer].push(d);
    });
    d_sequence = d_inputs;
  }
  return { inputs: d_sequence, named, states: d_first, weights, steps };
}

/** total += array, where one number may stand for all. */
function add(total, array) {
  for (let k = 0; k < total.length; k++) total[k] += array[array.length === 1 ? 0 : k];
  return total;
}
"""
