"""unrolled's export to C, compiled with gcc -O3 for this processor: one step per call.

Called from Python like the others, each step by ctypes; or from C, as in firmware.
"""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from unrolled import cells
from unrolled.bench.contestant import Contestant
from unrolled.bench.problem import Array, Problem
from unrolled.exports.export import export

FLAGS = ("-std=c99", "-O3", "-march=native", "-shared", "-fPIC")
DRIVER = """
#include "step.h"
static step_state state;
void begin(void) { step_init(&state); }
void one(const float *x, float *y) { step_step(&state, x, y); }
void all(const float *x, float *y, int steps)
{
    step_init(&state);
    for (int t = 0; t < steps; t++)
        step_step(&state, x + t * STEP_INPUTS, y + t * STEP_OUTPUTS);
}
"""


def missing() -> str | None:
    """Why it cannot run here."""
    return None if shutil.which("gcc") else "gcc is not installed"


def compiled(problem: Problem, libm: bool) -> Any:
    """The problem's cell as a library."""
    shape = problem.shape
    cell = getattr(cells, problem.cell)(shape.I, shape.H, seed=0)
    for name, weight in problem.weights.items():
        setattr(cell, name, weight)
    with TemporaryDirectory(prefix="unrolled-") as name:
        folder = Path(name)
        export(cell, folder / "step.c", libm=libm)
        (folder / "driver.c").write_text(DRIVER)
        command = ["gcc", *FLAGS, "driver.c", "step.c", "-o", "step.so", "-lm"]
        subprocess.run(command, cwd=folder, check=True)
        return ctypes.CDLL(str(folder / "step.so"))


def stream(problem: Problem, libm: bool = True, from_c: bool = False) -> Contestant:
    library = compiled(problem, libm)
    xs = np.ascontiguousarray(problem.x[:, 0])
    y = np.zeros((len(xs), problem.shape.H), np.float32)
    whole = partial(library.all, _place(xs), _place(y), len(xs))
    calls = [(_place(x), _place(one)) for x, one in zip(xs, y, strict=True)]

    def by_step() -> None:
        library.begin()
        step = library.one
        for given, to in calls:
            step(given, to)

    run = whole if from_c else by_step

    def results() -> dict[str, Array]:
        run()
        return {"y": y[:, None].copy()}

    return Contestant(run, results, repeats=len(xs))


def _place(array: Array) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)
