"""The checks of a layer's arguments. In: the user's values. Out: nothing, or an error."""

from __future__ import annotations

import difflib
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from unrolled.equations.equation import Equation
from unrolled.equations.verify import varies
from unrolled.errors import ArgumentError, CellError, ShapeError

ENGINES = ("auto", "cpu", "torch")


def arguments(
    input_size: int,
    hidden_size: int,
    num_layers: int,
    dropout: float,
    engine: str,
    bptt: str | int,
    proj_size: int,
    kept: str | None,
) -> None:
    """The arguments of a layer's constructor that are the same for every cell."""
    for name, size in (("input_size", input_size), ("hidden_size", hidden_size)):
        if isinstance(size, bool) or not isinstance(size, int) or size < 1:
            raise ShapeError(f"{name} must be a positive integer, not {size!r}")
    if isinstance(num_layers, bool) or not isinstance(num_layers, int) or num_layers < 1:
        raise ShapeError(f"num_layers must be a positive integer, not {num_layers!r}")
    if isinstance(dropout, bool) or not 0 <= dropout <= 1:
        raise ArgumentError(f"dropout must be between 0 and 1, not {dropout!r}")
    if not isinstance(proj_size, int) or proj_size < 0:
        raise ShapeError(f"proj_size must be an integer, 0 for none, not {proj_size!r}")
    extras(engine, bptt, kept)


def extras(engine: str, bptt: str | int, kept: str | None) -> None:
    """The arguments that torch.nn's layers do not have."""
    if engine not in ENGINES:
        raise ArgumentError(f"engine must be one of {', '.join(ENGINES)}, not {engine!r}")
    is_window = isinstance(bptt, int) and not isinstance(bptt, bool) and bptt >= 1
    if bptt not in ("whole", "recompute") and not is_window:
        raise ArgumentError(
            f'bptt must be "whole", "recompute", or the number of steps of a window, not {bptt!r}'
        )
    if kept not in (None, "bfloat16"):
        raise ArgumentError(f'kept must be "bfloat16" or None, not {kept!r}')


def has_weights(found: Equation) -> None:
    """A layer needs a weight: its dtype and device are those of its parameters."""
    if not found.weights:
        raise CellError(
            f"{found.name} has no weights, so a layer of it has nothing to learn: use a weight in "
            f"its step, such as self.W @ x"
        )


def stackable(found: Equation, inputs: int, hidden: int, output: int, num_layers: int) -> None:
    """A cell that combines its input with a state unit by unit can only be stacked on layers with
    as many outputs; so can one with a state or a named input of the size of its input."""
    as_wide = [n for n, shape in (found.states | found.named_inputs).items()
               if shape == ("input_size",)]  # fmt: skip
    if as_wide and num_layers > 1 and output != inputs:
        raise ShapeError(
            f"{as_wide[0]} of {found.name} has the size of the input, but the input of the second "
            f"layer has {output} numbers, not {inputs}: take one layer of {found.name}, and put "
            f"other layers on top"
        )
    if found.input_is_hidden and num_layers > 1 and output != hidden:
        raise ShapeError(
            f"{found.name} combines its input with a state unit by unit, so the input of every "
            f"layer must have hidden_size = {hidden} numbers, but the layer below has {output} "
            f"outputs: take one layer, or one direction"
        )


def can_be_written(x: Any, lengths: Any) -> None:
    """Whether `torch.onnx.export` may follow the call."""
    if lengths is not None or isinstance(x, PackedSequence):
        raise ArgumentError(
            "torch.onnx.export would write the lengths of this example into the file: call the "
            "layer without lengths, or use unrolled.export, which supports any lengths"
        )


def states(given: Any) -> list[Any]:
    """Initial states, one tensor or several."""
    if isinstance(given, tuple | list):
        return list(given)
    if isinstance(given, Tensor):
        return [given]
    raise ShapeError(
        f"the initial states must be a tensor, or a tuple with a tensor for each state, not "
        f"{given!r}"
    )


def input(x: Tensor, input_size: int, like: Tensor) -> None:
    """x's last axis, dtype and device."""
    if x.shape[-1] != input_size:
        raise ShapeError(
            f"the input has {x.shape[-1]} numbers per step (its shape is {tuple(x.shape)}), but "
            f"this layer has input_size={input_size}"
        )
    same_kind("the input", x, like)


def same_kind(what: str, tensor: Tensor, like: Tensor) -> None:
    if tensor.device != like.device:
        raise ShapeError(
            f"{what} is on {tensor.device} and the layer on {like.device}: move one of them with "
            f".to({str(like.device)!r})"
        )
    if tensor.dtype != like.dtype:
        cure = f"convert it with .to({like.dtype})"
        if tensor.is_floating_point():
            cure = f"convert one of them, as in x.to({like.dtype}) or layer.to({tensor.dtype})"
        raise ShapeError(f"{what} is {tensor.dtype} and the layer {like.dtype}: {cure}")


class Expected:
    """What a layer's parameters must be: of the original shapes, and all of one dtype and device.
    Users may replace them, and kernels rely on their addresses."""

    def __init__(self, layer: nn.Module) -> None:
        held = (*layer.named_parameters(), *layer.named_buffers())
        self._shapes = {name: tensor.shape for name, tensor in held}
        self._fine: dict[str, list[Any]] = {}  # by the first name: what was found right last time

    def take(self, layer: nn.Module, names: Sequence[str]) -> list[Tensor]:
        """A layer's parameters by name."""
        known = layer._parameters  # without those that are made of others: a parametrization
        found: list[Any] = [known[n] if n in known else getattr(layer, n) for n in names]
        if torch.compiler.is_compiling():  # which sees to it that shapes stay as they are
            return found
        kinds = [*map(_KIND, found)]
        if kinds != self._fine.get(names[0]):
            self._check(names, found)
            self._fine[names[0]] = kinds
        return found

    def _check(self, names: Sequence[str], found: Sequence[Tensor]) -> None:
        dtype, device = found[0].dtype, found[0].device
        for name, tensor in zip(names, found, strict=True):
            if tensor.shape != self._shapes[name]:
                raise ShapeError(
                    f"the parameter {name} has the shape {tuple(tensor.shape)}, but this layer was "
                    f"made with {tuple(self._shapes[name])}"
                )
            if tensor.dtype is not dtype or tensor.device != device:
                raise ShapeError(
                    f"the parameter {name} is {tensor.dtype} on {tensor.device}, but another one "
                    f"is {dtype} on {device}: convert them, layer.to({str(device)!r}, {dtype})"
                )


_KIND = operator.attrgetter("shape", "dtype", "device")


def record(found: Equation, names: Sequence[str], num_layers: int) -> tuple[str, ...]:
    """Check names of values of the step, which may end in the number of a layer."""
    if not names:
        return ()
    names = (names,) if isinstance(names, str) else tuple(names)
    fixed = _of_weights(found)
    values = [name for name in found.locals if name not in fixed]
    possible = [*values, *(f"d_{state}" for state in found.states)]
    for name in names:
        base, found_layer, layer = name.rpartition("_l")
        is_of_layer = found_layer and layer.isdigit() and base in possible
        if name in fixed or (found_layer and layer.isdigit() and base in fixed):
            raise ArgumentError(
                f"record={name!r}: {name if name in fixed else base} depends on weights alone, so "
                f"it is the same at every step: compute it once, from the layer's parameters"
            )
        if name not in possible and not (is_of_layer and int(layer) < num_layers):
            near = difflib.get_close_matches(name, possible, n=1)
            hint = f" (did you mean {near[0]!r}?)" if near else ""
            raise ArgumentError(
                f"record={name!r}: {found.name} computes no such value{hint}; it has "
                f"{', '.join(possible)} (d_... is the norm of a derivative), and "
                f"{possible[0]}_l0 for the lowest layer"
            )
    return names


def _of_weights(found: Equation) -> set[str]:
    """The named values that no step changes."""
    return {name for name, node in found.locals.items()
            if name not in found.results and not varies(node)}  # fmt: skip


def refuse_probes(names: Sequence[str]) -> None:
    """Refuse names whose values would have to be returned by a compiled or transformed program."""
    for name in names:
        if name.startswith("d_"):
            raise ArgumentError(
                f"record={name!r} is measured during backward, which does not work in a layer that "
                f"is compiled, exported or transformed: call the layer itself"
            )


def numpy_generator() -> np.random.Generator:
    """NumPy's generator, seeded from torch's, so that `torch.manual_seed` decides."""
    return np.random.default_rng(int(torch.randint(2**62, (1,)).item()))
