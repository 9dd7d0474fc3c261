"""The pipeline, on one page: cell -> equation -> kernels.

    cell        a class with a `step`                               cells
    equation    traced, simplified, verified; its derivative        equations
    lowered     what weights alone decide is cut out                engines/plan/lower
    plan        stages, products, places; forward and backward      engines/plan
    kernel      vector code, compiled, kept on disk                 engines/cpu
    call        a batch through the kernels, forward and backward   engines/cpu/call

In: a cell, its class, or an `Equation`. Out: a `Lowered` step; next: an engine (`engines/engine`)
makes a recurrence of it for `layers` (torch) or `textbook` (NumPy).
"""

from __future__ import annotations

import threading
from typing import Any

from unrolled.cells.base import equation
from unrolled.engines.plan.lower import Lowered, lower

_lowered: dict[str, Lowered] = {}
_lock = threading.Lock()


def lowered(cell: Any) -> Lowered:
    """The step that a cell's engines run; kept for as long as the process lives."""
    what = equation(cell)
    with _lock:
        if what.json not in _lowered:
            _lowered[what.json] = lower(what)
        return _lowered[what.json]
