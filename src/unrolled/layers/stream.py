"""One time step at a time, in microseconds. In: a `Stack`, initial states, the number of sequences.
Out: `Stream`; next: programs that need each output before the next input arrives.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

import torch
from torch import Tensor

from unrolled.equations.inputs import complete
from unrolled.errors import ArgumentError, ShapeError, UnrolledError
from unrolled.layers.checks import same_kind
from unrolled.layers.parameterized import KERNELS
from unrolled.layers.stack import Stack


class Stream:
    """A layer that runs one time step at a time, and keeps its states.

        stream = layer.stream()
        for x in sensor:          # a tensor (I,), or (B, I) for stream(batch=B)
            y = stream.step(x)    # (H,), or (B, H)

    Named inputs of the cell are given at each step, `stream.step(x, dt=0.5)`: a number, or a tensor
    (B, n), (B,) for one number per sequence, or (n,) for a single sequence.

    `stream.x` is a tensor of the same form to which you can write: `stream.step()` reads it,
    without any checks. From NumPy: `room = stream.x.numpy()`, then `room[:] = values`. A step that
    is called with x may overwrite it.

    The results are those of `layer(xs)` in evaluation mode (no dropout), up to the order in which
    sums are rounded. `y` is a buffer, which the next step overwrites: keep a `y.clone()`. There are
    no gradients. The stream copies the weights when it is created: call `stream.refresh()` after
    they have changed. Use a stream from one thread at a time.

    `stream.states` returns a copy of the states, and can be set, in the form that the layer
    returns: (layers, B, H), a tuple for more than one. `stream.reset()` restores the initial
    states.
    """

    def __init__(self, stack: Stack, start: Mapping[str, float], engine: str, batch: int) -> None:
        if isinstance(batch, bool) or not isinstance(batch, int) or batch < 1:
            raise ArgumentError(f"batch must be a positive integer, not {batch!r}")
        if stack.directions == 2:
            raise ArgumentError(
                "a bidirectional layer reads a sequence from its end, too, so it cannot run one "
                "step at a time: use a layer without bidirectional=True"
            )
        like = stack.parameters(0, False)[0]
        if stack.engine is not KERNELS:
            raise ArgumentError(
                f"a stream runs on the compiled kernels, but this layer (engine={engine!r}, "
                f"{like.dtype} on {like.device}) does not: layer(x[None], states) runs one step"
            )
        self.batch = batch
        self._stack, self._start, self._dtype = stack, start, like.dtype
        self._inputs, cell = stack.sizes["input_size"], stack.cell
        step_ = cell.lowered(stack.sizes).step
        self._shapes = {name: stack.sizes[s[0]] for name, s in step_.states.items()}
        self._carried = {name: n for name, n in self._shapes.items() if name in step_.carried}
        output = next(iter(self._shapes.values()))
        self._sizes = [stack.layer_sizes(layer, output) for layer in range(stack.num_layers)]
        recurrences = [cell.recurrence(KERNELS, like.dtype, sizes) for sizes in self._sizes]
        self._stepper = KERNELS.stepper(recurrences, self._inputs, batch)
        self._x: Tensor = self._stepper.x
        self._is_half = self._x.dtype is not like.dtype
        self._buffers = self._stepper.states
        self._equation = stack.cell.equation
        self._named = self._rooms()
        self._show(output)
        self._run_step = self._stepper.run
        self._prepare()
        self.reset()

    def _show(self, output: int) -> None:
        """What the user sees of the buffers: views, or in 16 bits tensors of the layer's dtype."""
        self._is_copied = self._stepper.is_widened or self._is_half
        y: Tensor = self._stepper.y[:, :output]
        room = self._x[:, : self._inputs]
        self._wide_x, self._wide_y = room, {2: y, 1: y[0]}  # views, which take long to make
        if self._is_half:  # what the user sees has the dtype of the layer
            y, room = (part.to(self._dtype, copy=True) for part in (y, room))
        self._given: dict[tuple[int, ...], Tensor] = {(self.batch, self._inputs): y}
        if self.batch == 1:
            room, y = room[0], y[0]
            self._given[self._inputs,] = y
        self._room: Tensor = room
        self._y = y

    def _rooms(self) -> dict[str, Tensor]:
        """Where the inputs beside the first are written, for either turn."""
        widths = {n: self._stack.sizes[s[0]] for n, s in self._equation.inputs.items()}
        return {n: buffer[:, :, : widths[n]] for n, buffer in self._stepper.named.items()}

    def step(self, x: Tensor | None = None, **named: Any) -> Tensor:
        """The output for the next input, x or `stream.x`; the next step overwrites the returned
        buffer. `named`: the cell's named inputs at this step."""
        if self._named or named:
            self._take(named)
        if x is None:
            if self._is_half:
                self._wide_x.copy_(self._room)
            self._run_step(self._address, self._own)
            return self._narrowed(self._y) if self._is_half else self._y
        y = self._given.get(x.shape) if isinstance(x, Tensor) else None
        if y is None or x.dtype is not self._dtype or not x.is_cpu:
            self._refuse(x)
        if self._is_copied or not x.is_contiguous():
            self._wide_x.copy_(x.detach())
            self._run_step(self._address, self._own)
            return self._narrowed(y) if self._is_half else y
        self._run_step(self._address, x.data_ptr())
        return y

    def _narrowed(self, y: Tensor) -> Tensor:
        """The output in the layer's dtype."""
        return y.copy_(self._wide_y[y.dim()])

    @torch.no_grad()
    def _take(self, named: Mapping[str, Any]) -> None:
        """Copy what stands beside the input, for either turn."""
        for name, value in complete(self._equation, named).items():
            room = self._named[name]
            given = value.detach() if isinstance(value, Tensor) else torch.tensor(float(value))
            if given.dim() == 1:  # a number for each sequence, or the units of the only one
                given = given[:, None] if self.batch > 1 else given[None]
            if given.shape not in ((), room.shape[1:], (self.batch, 1)):
                raise ShapeError(
                    f"the input {name} has the shape {tuple(given.shape)}, but a step of this "
                    f"stream takes a number, {tuple(room.shape[1:])} or, for one number per "
                    f"sequence, {(self.batch,)}"
                )
            room[...] = given

    @property
    def bytes_per_step(self) -> int:
        """The number of bytes of weights that a step reads; half as many in bfloat16."""
        return self._stepper.packed

    @property
    def x(self) -> Tensor:
        """The stream's input buffer, which `step()` reads: (I,) or (B, I)."""
        return self._room

    @x.setter
    def x(self, x: Any) -> None:
        given = torch.as_tensor(x, dtype=self._dtype).detach()
        if given.shape != self._room.shape:
            raise ShapeError(
                f"x of this stream has the shape {tuple(self._room.shape)}, not "
                f"{tuple(given.shape)}"
            )
        self._room.copy_(given)

    @property
    def states(self) -> Any:
        """The states after the last step, as the layer returns them; a copy."""
        turn = self._stepper.turn
        found = tuple(
            torch.stack([b[name][1 - turn, :, :n] for b in self._buffers]).to(self._dtype)
            for name, n in self._carried.items()
        )
        return found[0] if len(found) == 1 else found

    @states.setter
    def states(self, states: Any) -> None:
        given = [states] if isinstance(states, Tensor) else list(states)
        if len(given) != len(self._carried):
            raise ShapeError(
                f"states are {len(self._carried)} ({', '.join(self._carried)}), one tensor each, "
                f"and {len(given)} were given"
            )
        for (name, n), state in zip(self._carried.items(), given, strict=True):
            wanted = (len(self._buffers), self.batch, n)
            if tuple(state.shape) != wanted:
                raise ShapeError(
                    f"the state {name} has the shape {tuple(state.shape)}, but this stream needs "
                    f"{wanted}: layers, sequences, units"
                )
            same_kind(f"the state {name}", state, self._y)
        turn = self._stepper.turn
        with torch.no_grad():
            for (name, n), state in zip(self._carried.items(), given, strict=True):
                for buffers, part in zip(self._buffers, state, strict=True):
                    buffers[name][1 - turn, :, :n] = part

    def reset(self) -> None:
        """Restore the initial states."""
        self._stepper.turn = 0
        for buffers in self._buffers:
            for name, buffer in buffers.items():
                buffer[1].fill_(self._start.get(name, 0.0))

    def refresh(self) -> None:
        """Copy the layer's current weights; the states stay."""
        turn = self._stepper.turn
        self._prepare()
        self._stepper.turn = turn

    @torch.no_grad()
    def _prepare(self) -> None:
        """Pack the current weights."""
        stack = self._stack
        self._stepper.prepare([
            stack.cell.weights(stack.parameters(layer, False), sizes)
            for layer, sizes in enumerate(self._sizes)
        ])  # fmt: skip
        self._address, self._own = self._stepper.address, self._stepper.own

    def _refuse(self, x: Tensor) -> NoReturn:
        if not isinstance(x, Tensor) or x.shape not in self._given:
            found = f"shape {tuple(x.shape)}" if isinstance(x, Tensor) else f"{type(x).__name__}"
            wanted = " or ".join(str(shape) for shape in self._given)
            raise ShapeError(f"a step of this stream takes a tensor of shape {wanted}, not {found}")
        same_kind("the input", x, self._y)
        raise AssertionError("unreachable: a step refuses shapes, dtypes and devices")

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise UnrolledError(
            "a stream holds memory addresses and cannot be copied or pickled: make another with "
            "layer.stream(), and set its states: other.states = stream.states"
        )
