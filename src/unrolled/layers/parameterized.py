"""The step of a layer. In: an equation, and how parameters hold its weights. Out: `Parameterized`,
which returns an engine's recurrence and its weights; next: `stack`.

The engine depends only on device and dtype: the kernels ("cpu") or the same equation under autograd
("torch"). Nothing else about engines is known here.
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
    """The name of the engine that runs a layer."""
    return engine_for(asked, device, dtype).name


@compile_time
def engine_for(asked: str, device: torch.device, dtype: torch.dtype) -> AnyEngine:
    """The engine that runs a layer, from device and dtype alone."""
    return _engine_for(asked, device, dtype)


@functools.cache
def _engine_for(asked: str, device: torch.device, dtype: torch.dtype) -> AnyEngine:
    fits = KERNELS.runs(device.type, _name(dtype))
    if asked == "cpu" and not fits:
        raise ShapeError(
            f'engine="cpu" runs float32, float64, bfloat16 and float16 on the CPU, but this layer '
            f'is {dtype} on {device}: engine="torch" runs anywhere, and "auto" chooses'
        )
    return AUTOGRAD if asked == "torch" or not fits else KERNELS


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


class _Graphs:
    """Graphs of values that depend on weights alone, by name: a compiler looks up an attribute at
    each use, but a dictionary only once."""


_GRAPHS, _names = _Graphs(), dict[str, str]()


class Packing(Protocol):
    """Where the weights of a step begin in the parameters of a direction."""

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
        """The lowered step for engines; if it has blocks, it depends on their size."""
        blocks = tuple([sizes[size] for size in self.equation.blocks])
        found = self._lowered.get(blocks)
        if found is None:
            found = self._lowered[blocks] = lowered(self.equation, sizes)
        return found

    @cached_property
    def with_reset(self) -> Parameterized:
        """The same with another input, which says where the state is reset."""
        return Parameterized(with_reset(self.equation), self.packing)

    def recurrence(
        self, engine: AnyEngine, dtype: torch.dtype, sizes: dict[str, int], kept: str | None = None
    ) -> Any:
        """The engine's recurrence for these sizes."""
        key = engine, dtype, kept, *sizes.values()
        found = self._recurrences.get(key)
        if found is None:
            if kept is not None and (engine is AUTOGRAD or dtype == torch.float64):
                runs = "autograd" if engine is AUTOGRAD else f"{_name(dtype)} on the kernels"
                raise ShapeError(
                    f"kept={kept!r} is for layers of float32, bfloat16 or float16 on the compiled "
                    f"kernels, but this layer runs as {runs}: leave kept= out"
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
        """The recurrence as text, for operators; with `resets`, that of `with_reset`."""
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
        """The weights that an engine gets for a direction's parameters. Values that depend on
        weights alone are computed here, for all engines, under autograd."""
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
        """The same for an operator; with `resets`, those of `with_reset`."""
        if torch.compiler.is_compiling():
            key = self._made(sizes, parameters[0].dtype, str(parameters[0].device), resets)
            return [*getattr(_GRAPHS, key)(*parameters)] if key else [*parameters]
        return (self.with_reset if resets else self).weights(parameters, sizes)

    @compile_time
    def _made(self, sizes: dict[str, int], dtype: torch.dtype, device: str, resets: bool) -> str:
        """The name of the graph of values that depend on weights alone, for compilers."""
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
        """Each state's name and number of units."""
        key = tuple(sizes.values())
        found = self._state_sizes.get(key)
        if found is None:
            states = self.equation.states.items()
            found = tuple((name, sizes[shape[0]]) for name, shape in states)
            self._state_sizes[key] = found
        return found

    def __reduce__(self) -> tuple[Any, ...]:
        return Parameterized, (self.equation, self.packing)  # a copy finds its own recurrences
