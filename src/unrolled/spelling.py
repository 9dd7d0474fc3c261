"""Suggestions for unknown names. In: a name, the existing names. Out: half a sentence; next: the
package itself, and `equations/symbols`.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection

# What other packages have a word for, and how a step says it.
SAID = {
    "absolute": "`from unrolled import abs`", "swish": "`from unrolled import silu`",
    "power": "exp(exponent * log(base)), or ** with a constant,", "square": "x**2",
    "chunk": "`from unrolled import split`", "array_split": "`from unrolled import split`",
    "cat": "`from unrolled import concat`", "concatenate": "`from unrolled import concat`",
    "clip": "minimum(maximum(x, low), high)", "clamp": "minimum(maximum(x, low), high)",
    "reciprocal": "1 / x", "log1p": "log(1 + x)", "expm1": "exp(x) - 1",
    "heaviside": "where(x > 0, 1.0, 0.0)", "relu6": "minimum(relu(x), 6.0)",
    "amax": "`from unrolled import max`", "amin": "`from unrolled import min`",
    "hardswish": "x * hardsigmoid(x)", "mish": "x * tanh(softplus(x))",
    "softsign": "x / (1 + abs(x))", "logsigmoid": "-softplus(-x)",
    "tan": "sin(x) / cos(x)", "sinh": "(exp(x) - exp(-x)) / 2", "cosh": "(exp(x) + exp(-x)) / 2",
    "rsqrt": "1 / sqrt(x)", "sigmoid_": "`from unrolled import sigmoid`",
    "normalize": "v / sqrt(sum(v**2))", "var": "mean((v - mean(v)) ** 2)",
    "std": "sqrt(mean((v - mean(v)) ** 2))", "norm": "sqrt(sum(v**2))", "dot": "sum(a * b)",
}  # fmt: skip


def instead_of(name: str, known: Collection[str]) -> str:
    """How to write it, or the closest existing name; empty if neither is known."""
    if name in SAID:
        return f"write {SAID[name].rstrip(',')}"
    plain = {one.lower(): one for one in known}
    near = difflib.get_close_matches(name.lower().strip("_"), plain, n=1, cutoff=0.75)
    return f"did you mean {plain[near[0]]!r}?" if near else ""
