"""A NumPy script over time: the sequence, its check, its training. In: an equation. Out: three
texts; next: `numpy_script`.
"""

from __future__ import annotations

from unrolled.equations.equation import Equation

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

# What is written otherwise where a step has more inputs than one, ...
SEVERAL = {
    "in range(len(xs)):": "in range(len(xs[0])):",
    "step(weights, xs[t], states)": "step(weights, tuple(one[t] for one in xs), states)",
    "np.stack(d_xs)": "tuple(np.stack(one) for one in zip(*d_xs))",
    'xs = generator.normal(size=(time, SIZES["input_size"], batch))': (
        'values = generator.normal(size=(time, SIZES["input_size"], batch))\n'
        "    xs = (values, *beside(generator, time, batch))"
    ),
    '("x", xs, d_xs)': "*zip(INPUTS, xs, d_xs)",
    "xs, targets = waves(generator, time, batch)": (
        "values, targets = waves(generator, time, batch)\n"
        "        xs = (values, *beside(generator, time, batch))"
    ),
}

# ... where its output is not a state, ...
WITH_OUTPUT = {
    "states, cache = step": "(y, *states), cache = step",
    "ys.append(states[0])": "ys.append(y)",
    "return np.stack(ys), states, caches": "return np.stack(ys), tuple(states), caches",
    """        # the first state is the output: it is used at this step and by the next one
        d_states = (d_states[0] + d_ys[t], *d_states[1:])
""": "",
    "caches[t], *d_states)": "caches[t], d_ys[t], *d_states)",
}

# ... and where some weights stay as drawn.
WITH_FIXED = {"for name in weights]": "for name in weights if name not in FIXED]"}

BESIDE = '''
INPUTS = ({names})


def beside(generator, time, batch):
    """The inputs beside x: positive numbers around 1, as times and shares are."""
    return (
{arrays}
    )


'''


def over_time(equation: Equation, width: str) -> list[str]:
    """The three parts; `width` is how many numbers an output has."""
    parts = [SEQUENCE, CHECK, TRAINING]
    changes = dict(WITH_FIXED) if equation.fixed else {}
    if equation.output is not None:
        changes |= {**WITH_OUTPUT, "len(first_states(SIZES, 1)[0])": width}
    if equation.named_inputs:
        changes |= SEVERAL
        parts[0] = _beside(equation) + parts[0].lstrip()
    for old, new in changes.items():
        assert any(old in part for part in parts), f"no part of a script says {old!r}"
        parts = [part.replace(old, new) for part in parts]
    return parts


def _beside(equation: Equation) -> str:
    arrays = [
        f"        generator.uniform(0.1, 1.9, (time, {_length(shape[0])}, batch)),"
        for shape in equation.named_inputs.values()
    ]
    names = ", ".join(f'"{name}"' for name in equation.inputs)
    return BESIDE.format(names=names, arrays="\n".join(arrays)).lstrip()


def _length(size: str) -> str:
    return size if size == "1" else f'SIZES["{size}"]'
