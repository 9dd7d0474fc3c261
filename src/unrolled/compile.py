"""The pipeline, on one page: cell -> equation -> kernels.

    cell        a class with a `step`                               cells
    equation    traced, simplified, verified; its derivative        equations
    lowered     what depends on weights alone is taken out          engines/plan/lower
    plan        stages, products, places; forward and backward      engines/plan
    kernel      vector code, compiled, kept on disk                 engines/cpu
    call        a batch through the kernels, forward and backward   engines/cpu/call

In: a cell, its class, or an `Equation`. Out: a `Lowered` step; next: an engine (`engines/engine`)
makes a recurrence of it for `layers` (torch) or `textbook` (NumPy).
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any
from weakref import WeakValueDictionary

from unrolled.cells.base import equation
from unrolled.engines.cpu.engine import CPU
from unrolled.engines.cpu.machine.arrays import NumPyLibrary
from unrolled.engines.engine import Engine, Recurrence
from unrolled.engines.plan.lower import Lowered, has_whole_blocks, lower

# On NumPy's arrays. On torch's, `layers.parameterized` chooses.
NUMPY_KERNELS: Engine[Recurrence] = CPU(lambda bits: NumPyLibrary(f"float{bits}"))

_lowered: WeakValueDictionary[str, Lowered] = WeakValueDictionary()
_lock = threading.Lock()


def lowered(cell: Any, sizes: Mapping[str, int]) -> Lowered:
    """The lowered step that engines run: shared by equal equations, and kept (with its kernels) as
    long as one of them is alive. Of the `sizes` only those of blocks matter."""
    what = equation(cell)
    blocks = bool(what.blocks) and has_whole_blocks(what, sizes)
    key = f"{what.json} in blocks" if blocks else what.json
    with _lock:
        found = _lowered.get(key)
        if found is None:
            found = _lowered[key] = lower(what, blocks=blocks)
        what.__dict__.setdefault("lowered", {})[blocks] = found
        return found
