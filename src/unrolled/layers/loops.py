"""A hint for users who call a cell in a loop where a layer would do. In: calls of a cell. Out: a
`LoopWarning`, once in a process; next: the user.

A layer would do where the steps are cut from one tensor, so that all are known before the first,
and each call is given the state that the last one has returned.
"""

from __future__ import annotations

import warnings
from typing import Any

from torch import Tensor, nn

from unrolled.errors import LoopWarning
from unrolled.layers.observed import is_observed

STEPS = 16  # of a loop: fewer are no loss worth a word
LAST = "_last_call"  # a cell's attribute: which tensor, which state, how many steps


class Watch:
    """Whether cells are still looked at: until the hint has been given."""

    is_on = True

    def look(self, cell: nn.Module, x: Tensor, states: Any, result: Any) -> None:
        """At one call; no tensor is kept, but numbers that tell them apart."""
        whole = x._base
        if whole is None:
            return
        given = states[0] if isinstance(states, tuple | list) else states
        found = result[0] if isinstance(result, tuple) else result
        before, state, steps = cell.__dict__.get(LAST, (0, 0, 0))
        goes_on = given is not None and before == id(whole) and state == id(given)
        steps = steps + 1 if goes_on else 1
        cell.__dict__[LAST] = id(whole), id(found), steps
        if steps == STEPS and not is_observed():
            self.is_on = False
            name = type(cell).__name__
            warnings.warn(
                f"{name} has taken {STEPS} steps of one tensor in a loop: "
                f"unrolled.{name.removesuffix('Cell')} runs all of them in one call, many times as "
                f"fast; warnings.simplefilter('ignore', unrolled.LoopWarning) silences this",
                LoopWarning,
                stacklevel=5,
            )


WATCH = Watch()
