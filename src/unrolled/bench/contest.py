"""One problem, several contestants. In: a problem and makers. Out: a `Record`; next: `suites`.

First all results are compared, then the contestants are timed, interleaved. A contestant that
disagrees is not timed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from unrolled.bench import parity, peers
from unrolled.bench.contestant import Contestant
from unrolled.bench.machine import Load
from unrolled.bench.problem import SHAPES, Problem, Shape
from unrolled.bench.record import Record
from unrolled.bench.rounds import take_turns

Maker = Callable[[], Contestant]


@dataclass(frozen=True)
class Settings:
    """How a run measures."""

    shapes: tuple[Shape, ...] = SHAPES
    cells: tuple[str, ...] | None = None  # None: all that a suite has
    threads: int = 2
    rounds: int = 7
    least: float = 0.1  # seconds a sample
    input_gradient: bool = False
    quick: bool = False
    compile_limit: float | None = None  # seconds for torch.compile; None: not asked for
    data: tuple[str, ...] = ()  # sets of jobs; (): all
    rows: int | None = None  # that jobs of classification learn from at most; None: all
    tell: Callable[[str], None] = field(default=lambda line: None)

    def chosen(self, cells: Sequence[str]) -> list[str]:
        """Those of a suite's cells that were asked for."""
        return [cell for cell in cells if self.cells is None or cell in self.cells]

    def problems(self, cells: Sequence[str], **options: Any) -> list[Problem]:
        """Every cell at every shape."""
        chosen = self.chosen(cells)
        return [Problem(cell, shape, **options) for cell in chosen for shape in self.shapes]


def hold(
    settings: Settings,
    suite: str,
    cell: str,
    shape: Shape | None,
    makers: Mapping[str, Maker],
    left_out: Mapping[str, str] | None = None,
    references: Mapping[str, Maker] | None = None,
    tolerance: float = parity.TOLERANCE,
) -> Record:
    """Create, compare, time. All contestants are compared with the first; if they solve different
    problems, each is compared with its own reference, which is not timed.
    """
    what = f"{cell} {shape}" if shape else cell
    settings.tell(f"{suite}: {what}")
    record = Record(suite, cell, shape, left_out=dict(left_out or {}))
    contestants = {name: make() for name, make in makers.items()}
    try:
        record.parity = _parity(contestants, references or {}, tolerance)
    except parity.Disagreement as found:
        record.disagreement = f"{suite}, {what}: {found}"
        return record
    with Load() as load:
        record.samples = take_turns(contestants, settings.rounds, settings.least)
    record.others = load.others
    return record


def _parity(
    contestants: Mapping[str, Contestant], references: Mapping[str, Maker], tolerance: float
) -> dict[str, float]:
    results = {name: c.results() for name, c in contestants.items() if c.results is not None}
    if not references:
        return parity.compare(results, tolerance)
    found: dict[str, float] = {}
    for name, make in references.items():
        expected = make().results
        assert expected is not None, "a reference computes something"
        found |= parity.compare({f"the reference of {name}": expected(), name: results[name]})
    return found


def against(
    settings: Settings,
    suite: str,
    work: str,
    problem: Problem,
    names: Sequence[str],
    ours: Mapping[str, Maker],
) -> Record:
    """Ours, and the named peers that are installed; the others are reported by name."""
    present, left_out = peers.present(names)
    makers = {name: partial(peers.maker(name, work), problem, settings.threads) for name in present}
    # the first is whom everybody is compared with: a peer, where there is one
    return hold(settings, suite, problem.cell, problem.shape, {**makers, **ours}, left_out)
