"""A step as a layer uses it. In: an equation, how parameters hold its weights. Out:
`Parameterized`, which gives an engine's recurrence and its weights; next: `stack`.

Which engine it is follows from device and dtype alone: the kernels ("cpu") or the same equation
under autograd ("torch"). Nothing else is known here of either.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

import torch
from torch import Tensor

from unrolled.compile import lowered
from unrolled.engines.cpu.engine import CPU
from unrolled.engines.engine import (
    Engine,
    Recurrence,
    Source,
    Sources,
    StreamingEngine,
    Traced,
)
from unrolled.engines.plan.lower import Lowered
from unrolled.engines.torch.engine import Torch, weight_of
from unrolled.engines.torch.graph import prelude
from unrolled.equations.equation import Equation
from unrolled.equations.reset import with_reset
from unrolled.errors import ShapeError
from unrolled.layers.library import of_bits
from unrolled.layers.observed import compile_time
from unrolled.layers.written import write

AnyEngine = Engine[Recurrence] | Engine[Traced]
KERNELS: StreamingEngine = CPU(of_bits)
AUTOGRAD: Engine[Traced] = Torch()


@compile_time
def engine_name(asked: str, device: torch.device, dtype: torch.dtype) -> str:
    """The name of who runs a layer."""
    return engine_for(asked, device, dtype).name


@compile_time
def engine_for(asked: str, device: torch.device, dtype: torch.dtype) -> AnyEngine:
    """Who runs a layer, from device and dtype alone."""
    return _engine_for(asked, device, dtype)


@functools.cache
def _engine_for(asked: str, device: torch.device, dtype: torch.dtype) -> AnyEngine:
    fits = KERNELS.runs(device.type, _name(dtype))
    if asked == "cpu" and not fits:
        raise ShapeError(
            f'engine="cpu" runs float32, float64, bfloat16 and float16 on the CPU, and this layer '
            f'is {dtype} on {device}: engine="torch" runs anywhere, and "auto" chooses'
        )
    return AUTOGRAD if asked == "torch" or not fits else KERNELS


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


class _Graphs:
    """What cells make of weights alone, by name: a compiler looks an attribute up when it is asked
    for, and a dictionary once."""


_GRAPHS, _names = _Graphs(), dict[str, str]()


class Packing(Protocol):
    """Where a step's weights begin in a direction's parameters."""

    def sources(self, sizes: Mapping[str, int]) -> Sources: ...


@dataclass(frozen=True, eq=False)
class Parameterized:
    """`packing`: None where there is a parameter for each weight of the cell."""

    equation: Equation
    packing: Packing | None = None
    _recurrences: dict[tuple[object, ...], Any] = field(default_factory=dict)
    _lowered: dict[tuple[int, ...], Lowered] = field(default_factory=dict)
    _state_sizes: dict[tuple[int, ...], tuple[tuple[str, int], ...]] = field(default_factory=dict)

    def lowered(self, sizes: Mapping[str, int]) -> Lowered:
        """What engines run: where a step has blocks, their size decides how."""
        blocks = tuple([sizes[size] for size in self.equation.blocks])
        found = self._lowered.get(blocks)
        if found is None:
            found = self._lowered[blocks] = lowered(self.equation, sizes)
        return found

    @cached_property
    def with_reset(self) -> Parameterized:
        """The same with one more input, which says where the state starts anew."""
        return Parameterized(with_reset(self.equation), self.packing)

    def recurrence(
        self, engine: AnyEngine, dtype: torch.dtype, sizes: dict[str, int], kept: str | None = None
    ) -> Any:
        """What runs the step with these sizes."""
        key = engine, dtype, kept, *sizes.values()
        found = self._recurrences.get(key)
        if found is None:
            if kept is not None and (engine is AUTOGRAD or dtype == torch.float64):
                runs = "autograd" if engine is AUTOGRAD else f"{_name(dtype)} on the kernels"
                raise ShapeError(
                    f"kept={kept!r} is for layers of float32, bfloat16 or float16 on the compiled "
                    f"kernels, and this layer runs as {runs}: leave kept= out"
                )
            found = engine.recurrence(
                self.lowered(sizes), sizes, self._sources(sizes), _name(dtype), kept or ""
            )
            self._recurrences[key] = found
        return found

    def _sources(self, sizes: dict[str, int]) -> Sources:
        if self.packing is not None:
            return self.packing.sources(sizes)
        return {weight: (Source(n),) for n, weight in enumerate(self.lowered(sizes).weights)}

    @compile_time
    def text(self, sizes: dict[str, int], resets: bool, kept: str | None = None) -> str:
        """The recurrence, as operators know it; `resets`: of `with_reset`."""
        cell = self.with_reset if resets else self
        return write(cell.equation, sizes, cell._sources(sizes), kept)

    def named(self, parameters: Sequence[Tensor], sizes: dict[str, int]) -> dict[str, Tensor]:
        """The cell's own weights by name."""
        if self.packing is None:
            return dict(zip(self.equation.weights, parameters, strict=True))
        sources, shapes = self.packing.sources(sizes), self.equation.weights
        return {name: weight_of(sources[name], parameters, sizes[shape[0]])
                for name, shape in shapes.items()}  # fmt: skip

    def weights(self, parameters: Sequence[Tensor], sizes: dict[str, int]) -> list[Tensor]:
        """What an engine is given for a direction's parameters. What the cell makes of weights
        alone is made here, for all engines, and autograd finds its way back through it."""
        if self.packing is not None:
            return [*parameters]
        step = self.lowered(sizes)
        if not step.prelude:
            return [*parameters]
        known = self.named(parameters, sizes)
        known |= prelude(step.prelude, known, sizes)
        return [known[name] for name in step.weights]

    def given(
        self, parameters: Sequence[Tensor], sizes: dict[str, int], resets: bool
    ) -> list[Tensor]:
        """The same for an operator; `resets`: of `with_reset`."""
        if torch.compiler.is_compiling():
            key = self._made(sizes, parameters[0].dtype, str(parameters[0].device), resets)
            return [*getattr(_GRAPHS, key)(*parameters)] if key else [*parameters]
        return (self.with_reset if resets else self).weights(parameters, sizes)

    @compile_time
    def _made(self, sizes: dict[str, int], dtype: torch.dtype, device: str, resets: bool) -> str:
        """What is made of weights alone, as a graph that compilers can read: its name."""
        cell = self.with_reset if resets else self
        if cell.packing is not None or not cell.lowered(sizes).prelude:
            return ""
        key = f"{dtype} {device} {self.text(sizes, resets)}"
        if key in _names:
            return _names[key]
        shapes = [[sizes[size] for size in shape] for shape in cell.equation.weights.values()]
        examples = [torch.ones(shape, dtype=dtype, device=device) for shape in shapes]
        from torch.fx.experimental.proxy_tensor import make_fx  # which takes long to import

        made = make_fx(lambda *parameters: cell.weights(parameters, sizes))(*examples)
        name = _names[key] = f"made_{len(_names)}"
        # make_fx's own module is not to be traced
        setattr(_GRAPHS, name, torch.fx.GraphModule(made, made.graph))
        return name

    @compile_time
    def state_sizes(self, sizes: dict[str, int]) -> tuple[tuple[str, int], ...]:
        """Each state's name, and how many units it has."""
        key = tuple(sizes.values())
        found = self._state_sizes.get(key)
        if found is None:
            states = self.equation.states.items()
            found = tuple((name, sizes[shape[0]]) for name, shape in states)
            self._state_sizes[key] = found
        return found

    def __reduce__(self) -> tuple[Any, ...]:
        return Parameterized, (self.equation, self.packing)  # a copy finds its own recurrences
