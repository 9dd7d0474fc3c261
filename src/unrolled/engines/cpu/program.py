"""A cell's kernels, planned and compiled on first use.

In: a lowered step and the size of its numbers. Out: `Program`, whose kernels have an address; next:
`engine` makes calls of them. A kernel is kept by the step and the machine, never by a shape.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, fields
from functools import cached_property
from weakref import WeakValueDictionary

from llvmlite import ir

from unrolled.engines.cpu.code import emit, half_tiles
from unrolled.engines.cpu.code.arguments import Words
from unrolled.engines.cpu.code.tiles import Tiles, tiles
from unrolled.engines.cpu.machine import jit
from unrolled.engines.cpu.machine.target import host
from unrolled.engines.plan import anew, directions
from unrolled.engines.plan.directions import Inputs
from unrolled.engines.plan.lower import Graphs, Lowered, backward_graphs, narrow
from unrolled.engines.plan.plan import Place, Plan
from unrolled.engines.plan.verify import verify
from unrolled.equations.nodes import Apply, topological
from unrolled.errors import PlanError

MOST_OPERATIONS = 1_000  # of a step: compiling these takes about ten seconds; cells have dozens


@dataclass(frozen=True)
class Stored:
    """What is stored in bfloat16: values that forward stores for backward; matrices."""

    kept: bool = False
    weights: bool = False

    def __str__(self) -> str:
        return "".join(f" half {f.name}" for f in fields(self) if getattr(self, f.name))


WHOLE = Stored()


@dataclass(frozen=True, eq=False)
class Kernel:
    """Machine code, the plan it follows, and where its arguments stand among the words."""

    plan: Plan
    words: Words
    kernels: jit.Kernels
    tiles: Tiles

    @property
    def address(self) -> int:
        return self.kernels.address("run")

    @property
    def waits(self) -> int:
        """The number of barriers of a team at each step."""
        stages = self.plan.stages
        return len(stages) + sum(bool(s.reductions or s.scalars.stores) for s in stages)


class Program:
    """One step for one type of number."""

    def __init__(self, lowered: Lowered, bits: int) -> None:
        self.lowered = lowered
        self.bits = bits
        self.lanes = host().lanes(bits)
        self._json = lowered.step.json
        self._forwards: dict[tuple[object, ...], tuple[directions.ForwardPlan, Kernel]] = {}
        self._backwards: dict[tuple[object, ...], tuple[directions.BackwardPlan, Kernel]] = {}
        self._lock = threading.Lock()
        self._refuse_too_long()

    @cached_property
    def narrow(self) -> Lowered:
        """The step as the kernels compute it."""
        return narrow(self.lowered)

    @cached_property
    def graphs(self) -> Graphs:
        return backward_graphs(self.narrow)

    @cached_property
    def halves(self) -> frozenset[Place]:
        """What forward can keep in bfloat16."""
        return directions.halves(self.narrow, self.graphs)

    def forward_plan(
        self, *, inside: bool, record: tuple[str, ...], keep: bool = True, stored: Stored = WHOLE,
        resets: bool = False,
    ) -> directions.ForwardPlan:  # fmt: skip
        """What the forward kernel is compiled from."""
        graphs = self.graphs if keep else None
        halved = self.halves if keep and stored.kept else frozenset()
        made = directions.plan_forward(self.narrow, graphs, record, inside=inside, halved=halved)
        return anew.forward(made, self.narrow.step) if resets else made

    def forward(
        self, *, inside: bool = False, record: tuple[str, ...] = (), keep: bool = True,
        stored: Stored = WHOLE, resets: bool = False,
    ) -> tuple[directions.ForwardPlan, Kernel]:  # fmt: skip
        """The forward kernel; `inside` computes the input's products in the loop, and `keep` stores
        what backward needs; with `resets` states may be reset before a step."""
        with self._lock:
            key = inside, record, keep, stored, resets
            if key not in self._forwards:
                made = self.forward_plan(
                    inside=inside, record=record, keep=keep, stored=stored, resets=resets
                )
                what = f"forward {inside} {record} {keep}{stored}{_said(resets)}"
                self._forwards[key] = made, self._compile(made.plan, what, stored, descending=False)
            return self._forwards[key]

    def backward(
        self, norms: tuple[str, ...] = (), inputs: Inputs = Inputs.OUTSIDE, stored: Stored = WHOLE,
        *, resets: bool = False,
    ) -> tuple[directions.BackwardPlan, Kernel]:  # fmt: skip
        """The backward kernel; `norms` names states whose derivative it measures."""
        with self._lock:
            key = norms, inputs, stored, resets
            if key not in self._backwards:
                halved = self.halves if stored.kept else frozenset()
                made = directions.plan_backward(self.narrow, self.graphs, norms, inputs, halved)
                made = anew.backward(made, self.narrow.step) if resets else made
                what = f"backward {norms} {inputs}{stored}{_said(resets)}"
                self._backwards[key] = made, self._compile(made.plan, what, stored, descending=True)
            return self._backwards[key]

    def _refuse_too_long(self) -> None:
        """Said before it is planned: the compiler of machine code takes ever longer for each."""
        step = self.lowered.step
        nodes = topological(node for _, node in step.statements)
        count = sum(isinstance(node, Apply) for node in nodes)
        if count > MOST_OPERATIONS:
            raise PlanError(
                f"the step of {step.name} computes {count:,} operations, and the compiled kernels "
                f'take up to {MOST_OPERATIONS:,}: make the layer with engine="torch", which runs '
                f"it, or split the step"
            )

    def _compile(self, plan: Plan, what: str, stored: Stored, *, descending: bool) -> Kernel:
        verify(plan, self.narrow.weights)
        half = stored.weights

        def build() -> ir.Module:
            return emit.write(plan, self.bits, host(), descending=descending, half=half)

        loaded = jit.load(f"{what} {self.bits} {self._json}", build, ("run",))
        found = half_tiles.half_tiles() if half else tiles(self.bits)
        return Kernel(plan, Words(plan), loaded, found)


def _said(resets: bool) -> str:
    return " resets" if resets else ""


_programs: WeakValueDictionary[tuple[str, int], Program] = WeakValueDictionary()
_lock = threading.Lock()


def program(lowered: Lowered, bits: int) -> Program:
    """The kernels of a step for float32 or float64; each is compiled when it is first run. They
    belong to the step, whatever the shapes, and are unloaded when nobody holds it any more."""
    key = lowered.step.json, bits
    with _lock:
        found = _programs.get(key)
        if found is None:
            found = _programs[key] = Program(lowered, bits)
        lowered.__dict__[f"program of {bits} bits"] = found
        return found
