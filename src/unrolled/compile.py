"""The pipeline, on one page: cell -> equation -> kernels.

    cell        a class with a `step`                               cells
    equation    traced, simplified, verified; its derivative        equations
    lowered     what weights alone decide is cut out                engines/plan/lower
    plan        stages, products, places; forward and backward      engines/plan
    kernel      vector code, compiled, kept on disk                 engines/cpu
    call        a batch through the kernels, forward and backward   engines/cpu/call

In: a cell, its class, or an `Equation`. Out: a `Program`; next: `layers` (torch) or `textbook`
(NumPy) runs it. Programs are kept for as long as the process lives: by equation, never by shape.
"""

from __future__ import annotations

import threading
from typing import Any

from unrolled.cells.base import equation
from unrolled.engines.cpu.program import Program

_programs: dict[tuple[str, int], Program] = {}
_lock = threading.Lock()


def program(cell: Any, bits: int) -> Program:
    """The kernels of a cell for float32 or float64; each is compiled when it is first run."""
    what = equation(cell)
    key = (what.json, bits)
    with _lock:
        if key not in _programs:
            _programs[key] = Program(what, bits)
        return _programs[key]
