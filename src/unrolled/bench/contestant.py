"""One way to do the work. Made by `peers`; next: `parity` checks it, `rounds` runs it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from unrolled.bench.problem import Array

OURS = "unrolled"
# The same where a peer prepares as much: with weights that are packed once; with an input that is
# written to where it is read.
FIXED, IN_PLACE = f"{OURS}, fixed", f"{OURS}, in place"


@dataclass(frozen=True)
class Contestant:
    """`run` is timed; it returns when the work is done."""

    run: Callable[[], object]
    # What it computes: "y" and "d_<weight>". None: a yardstick, which computes something else.
    results: Callable[[], dict[str, Array]] | None
    # How many steps, or runs, or products one call of `run` does: times are divided by it.
    repeats: int = 1
