"""Compare the results of contestants. In: the results of each. Out: their differences, or
`Disagreement`; next: `contest`, which does not time a contestant that disagrees.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from unrolled.bench.problem import Array

# Float32 rounds at 6e-8. A gradient is a sum over up to 25,088 tokens, each at the end of up to 784
# steps that were themselves rounded; library products add in another order. Relative to the largest
# number of its array, since small sums of large terms are no more accurate than those.
TOLERANCE = 2e-4

# Some gradients are zero because their terms cancel (the input gate's bias of SLSTM: to scale every
# input gate changes nothing). They are as accurate as those terms, so an array counts as no smaller
# than this share of the largest gradient.
CANCELLED = 0.01


class Disagreement(Exception):
    """Two contestants disagree on the result of the same problem."""


def differences(
    expected: Mapping[str, Array],
    actual: Mapping[str, Array],
    who: str,
    whose: str,
    tolerance: float = TOLERANCE,
) -> float:
    """The largest difference over all arrays, relative to the largest number of each."""
    if set(expected) != set(actual):
        odd = ", ".join(sorted(set(expected) ^ set(actual)))
        raise Disagreement(f"{who} and {whose} do not compute the same arrays: {odd}")
    gradients = [_largest(array) for name, array in expected.items() if name.startswith("d_")]
    least = CANCELLED * max(gradients, default=0.0)
    worst = 0.0
    for name, array in expected.items():
        other = actual[name]
        if other.shape != array.shape:
            raise Disagreement(
                f"{name} has the shape {other.shape} for {who} and {array.shape} for {whose}"
            )
        scale = max(_largest(array), least if name.startswith("d_") else 0.0) or 1.0
        difference = _largest(np.float64(other) - array) / scale
        if not difference <= tolerance:  # so that NaN fails
            raise Disagreement(
                f"{name} of {who} differs from that of {whose} by {difference:.2g} of its largest "
                f"number; {tolerance:g} is allowed"
            )
        worst = max(worst, difference)
    return worst


def _largest(array: Array) -> float:
    return float(np.abs(array).max(initial=0.0))


def compare(
    results: Mapping[str, Mapping[str, Array]], tolerance: float = TOLERANCE
) -> dict[str, float]:
    """Compare all with the first: name -> largest relative difference."""
    whose, *others = results
    return {who: differences(results[whose], results[who], who, whose, tolerance)
            for who in others}  # fmt: skip
