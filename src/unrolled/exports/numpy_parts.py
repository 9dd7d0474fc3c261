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
