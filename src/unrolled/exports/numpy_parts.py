"""The parts of a NumPy script that are the same for every cell. Next: `numpy_script`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from unrolled.equations.lengths import formula
from unrolled.equations.text import number
from unrolled.errors import CellError

# Operation -> the function that a script defines for it, where NumPy has none.
HELPERS = {
    "sigmoid": '''
def sigmoid(x):
    """1 / (1 + exp(-x)), without overflow on either side."""
    small = np.exp(-np.abs(x))
    return np.where(x >= 0, 1 / (1 + small), small / (1 + small))
''',
    "relu": """
def relu(x):
    return np.maximum(x, 0)
""",
    "leaky_relu": """
def leaky_relu(x, slope):
    return np.where(x > 0, x, x * slope)
""",
    "softplus": '''
def softplus(x):
    """log(1 + exp(x)), without overflow."""
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))
''',
    "sum": '''
def sum_units(v):
    """The sum over the units of each sequence."""
    return np.sum(v, axis=0, keepdims=True)
''',
    "mean": '''
def mean_units(v):
    """The mean over the units of each sequence."""
    return np.mean(v, axis=0, keepdims=True)
''',
    "max": '''
def max_units(v):
    """The largest of the units of each sequence."""
    return np.max(v, axis=0, keepdims=True)
''',
    "min": '''
def min_units(v):
    """The smallest of the units of each sequence."""
    return np.min(v, axis=0, keepdims=True)
''',
    "softmax": '''
def softmax(v):
    """exp(v) over its sum, for each sequence."""
    raised = np.exp(v - np.max(v, axis=0, keepdims=True))
    return raised / np.sum(raised, axis=0, keepdims=True)
''',
    "concat": '''
def concat(a, b):
    """Two vectors, one below the other."""
    columns = max(a.shape[1], b.shape[1])
    return np.concatenate([np.broadcast_to(v, (len(v), columns)) for v in (a, b)])
''',
    "part": """
def part(v, start, units):
    return v[start : start + units]
""",
    "pad": '''
def pad(v, start, units):
    """So many rows, zero but for those of v."""
    padded = np.zeros((units, *v.shape[1:]))
    padded[start : start + len(v)] = v
    return padded
''',
    "block_diagonal": '''
def block_diagonal(blocks, count):
    """Square blocks, one above the other, as the diagonal of a matrix."""
    rows, size = blocks.shape
    of_row, of_column = np.arange(rows)[:, None] // size, np.arange(rows)[None] // size
    return np.where(of_row == of_column, np.tile(blocks, (1, count)), 0.0)
''',
    "diagonal_blocks": '''
def diagonal_blocks(matrix, count):
    """The blocks along the diagonal of a matrix, one above the other."""
    size = len(matrix) // count
    parts = [matrix[i : i + size, i : i + size] for i in range(0, len(matrix), size)]
    return np.concatenate(parts)
''',
    "spread": '''
def spread(v, units):
    """The same number for each unit."""
    return np.broadcast_to(v, (units, v.shape[-1]))
''',
}

SEQUENCE = '''
def forward(weights, xs, states):
    """The step over a sequence (time, input_size, batch): outputs, last states, what was kept."""
    ys, caches = [], []
    for t in range(len(xs)):
        states, cache = step(weights, xs[t], states)
        ys.append(states[0])
        caches.append(cache)
    return np.stack(ys), states, caches


def backward(weights, caches, d_ys, d_states):
    """Backpropagation through time: derivatives with respect to weights, inputs, first states."""
    d_weights = {name: np.zeros_like(weight) for name, weight in weights.items()}
    d_xs = [None] * len(caches)
    for t in reversed(range(len(caches))):
        # the first state is the output: it is used at this step and by the next one
        d_states = (d_states[0] + d_ys[t], *d_states[1:])
        d_step, d_xs[t], d_states = step_backward(weights, caches[t], *d_states)
        for name, d in d_step.items():
            d_weights[name] += d
    return d_weights, np.stack(d_xs), d_states


def zeros_like(states):
    return tuple(np.zeros_like(state) for state in states)
'''

CHECK = '''
def check_gradients(time=4, batch=2, epsilon=1e-6, seed=0):
    """The largest difference between the derived gradients and finite differences."""
    generator = np.random.default_rng(seed)
    weights = initial_weights(SIZES, generator)
    xs = generator.normal(size=(time, SIZES["input_size"], batch))
    start = first_states(SIZES, batch)
    ys, _, caches = forward(weights, xs, start)
    d_ys = generator.normal(size=ys.shape)
    d_weights, d_xs, _ = backward(weights, caches, d_ys, zeros_like(start))
    worst = 0.0
    tried = [(name, weights[name], d_weights[name]) for name in weights]
    for name, array, derived in [*tried, ("x", xs, d_xs)]:
        slopes = np.zeros_like(array)
        for place in np.ndindex(array.shape):
            old = array[place]
            array[place] = old + epsilon
            above = np.sum(d_ys * forward(weights, xs, start)[0])
            array[place] = old - epsilon
            below = np.sum(d_ys * forward(weights, xs, start)[0])
            array[place] = old
            slopes[place] = (above - below) / (2 * epsilon)
        error = np.abs(slopes - derived).max() / max(1.0, np.abs(slopes).max())
        print(f"d_{name}: largest difference {error:.1e}")
        worst = max(worst, error)
    return worst
'''

TRAINING = '''
def waves(generator, time, batch):
    """Sine waves of several speeds, a channel each: the target is channel 0, one step ahead."""
    speeds = generator.uniform(0.3, 0.6, (1, SIZES["input_size"], batch))
    phases = generator.uniform(0, 2 * np.pi, (1, SIZES["input_size"], batch))
    values = np.sin(speeds * np.arange(time + 1)[:, None, None] + phases)
    return values[:-1], values[1:, :1]


def train(updates=300, rate=0.01, time=20, batch=16, clip=1.0, seed=0):
    """Learn the next value of a wave, by Adam; the losses of all updates."""
    generator = np.random.default_rng(seed)
    weights = initial_weights(SIZES, generator)
    width = len(first_states(SIZES, 1)[0])
    # the output layer: one number from the units of the first state
    weights["output.V"] = generator.uniform(-0.3, 0.3, (1, width))
    weights["output.b"] = np.zeros((1, 1))
    means = {name: np.zeros_like(weight) for name, weight in weights.items()}
    squares = {name: np.zeros_like(weight) for name, weight in weights.items()}
    losses = []
    for update in range(1, updates + 1):
        xs, targets = waves(generator, time, batch)
        start = first_states(SIZES, batch)
        hs, _, caches = forward(weights, xs, start)
        errors = weights["output.V"] @ hs + weights["output.b"] - targets
        losses.append(float(np.mean(errors**2)))
        d_errors = 2 * errors / errors.size
        d_hs = weights["output.V"].T @ d_errors
        gradients, _, _ = backward(weights, caches, d_hs, zeros_like(start))
        gradients["output.V"] = np.einsum("tkb,thb->kh", d_errors, hs)
        gradients["output.b"] = d_errors.sum(axis=(0, 2))[:, None]
        norm = np.sqrt(sum(np.sum(g**2) for g in gradients.values()))
        for name, gradient in gradients.items():
            gradient = gradient * min(1.0, clip / max(norm, 1e-12))
            means[name] = 0.9 * means[name] + 0.1 * gradient
            squares[name] = 0.999 * squares[name] + 0.001 * gradient**2
            mean, square = means[name] / (1 - 0.9**update), squares[name] / (1 - 0.999**update)
            weights[name] = weights[name] - rate * mean / (np.sqrt(square) + 1e-8)
        if update == 1 or update % 50 == 0:
            print(f"update {update}: loss {losses[-1]:.4f}")
    return losses


if __name__ == "__main__":
    print("gradients against finite differences")
    worst = check_gradients()
    print("the gradients are right" if worst < 1e-5 else "THE GRADIENTS ARE WRONG")
    print("training on waves")
    train()
'''


def draw_lines(name: str, shape: Sequence[str], rule: Any) -> list[str]:
    """The lines that give one weight its first value, by the cell's rule."""
    shape = [formula(size) for size in shape]
    numbers = ", ".join(shape)
    if len(shape) == 1:
        numbers += ", 1"  # a column
    target, size = f'weights["{name}"] =', f"({numbers})" if shape else "()"
    if isinstance(rule, int | float):
        return [f"{target} np.full({size}, {float(rule)!r})"]
    if callable(rule) or (isinstance(rule, tuple | list) and rule[0] != "uniform"):
        raise CellError(
            f"a NumPy script draws first values by a number, a range, or a rule with a name, and "
            f"{name} has {rule!r}: write the cell with another rule for the script"
        )
    if isinstance(rule, tuple | list):
        low, high = (number(float(bound)) for bound in rule[1:])
        return [f"{target} generator.uniform({low}, {high}, {size})"]
    if rule == "identity":
        return [f"{target} np.eye({numbers})"]
    if rule == "glorot":
        bound = f"np.sqrt(6 / ({shape[0]} + {shape[1]}))"
        return [f"{target} generator.uniform(-{bound}, {bound}, {size})"]
    if rule == "orthogonal":
        return [
            f"q, r = np.linalg.qr(generator.normal(size=(max({numbers}), min({numbers}))))",
            "q = q * np.sign(np.diag(r))",
            f"{target} q if {shape[0]} >= {shape[1]} else q.T",
        ]
    drawn = f"generator.uniform(-bound, bound, {size})"
    return [f"{target} {drawn}" if shape else f"{target} np.array({drawn})"]
