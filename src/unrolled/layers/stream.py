"""One time step at a time, in microseconds. In: a `Stack`, first states, how many sequences. Out:
`Stream`; next: whoever has a new input now and wants the output before the next one comes.

Everything that the kernels need is laid out once: packed weights, scratch, and two rows for each
state, as if the sequence had two steps and began again after them. A step is one call of compiled
code (`engines/cpu/machine/steps`), on the thread it is called on; the top layer's kernel stores its
output once more, for the user.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import torch
from torch import Tensor

from unrolled.engines.cpu.call.forward import Forward, forward_frame
from unrolled.engines.cpu.call.run import Run, padded
from unrolled.engines.cpu.call.script import Script
from unrolled.engines.cpu.machine.launches import Launch, Launches
from unrolled.engines.cpu.machine.steps import Shared, Steps, step
from unrolled.engines.plan import schedule
from unrolled.errors import ArgumentError, ShapeError, UnrolledError
from unrolled.layers.autograd import Task
from unrolled.layers.checks import same_kind
from unrolled.layers.direction import engine_for
from unrolled.layers.stack import Stack


class Stream:
    """A layer that is given one time step at a time, and remembers its states.

        stream = layer.stream()
        for x in sensor:          # a tensor (I,), or (B, I) for stream(batch=B)
            y = stream.step(x)    # (H,), or (B, H)

    `stream.x`, a tensor of that form, is there to be written to: `stream.step()` reads it, and
    has nothing to check. From NumPy: `room = stream.x.numpy()`, then `room[:] = values`. A step
    with an x of its own may overwrite it.

    The results are those of `layer(xs)` in evaluation mode (no dropout), up to the order in which
    sums are rounded. `y` is the stream's own buffer, which the next step overwrites: keep a
    `y.clone()`. No gradients. The weights are those of the moment when the stream was made: call
    `stream.refresh()` after they have changed. A stream serves one thread at a time.

    `stream.states` reads (a copy) and sets the states, in the form that the layer returns:
    (layers, B, H), a tuple for more than one. `stream.reset()` goes back to the first ones.
    """

    def __init__(self, stack: Stack, start: Mapping[str, float], engine: str, batch: int) -> None:
        if isinstance(batch, bool) or not isinstance(batch, int) or batch < 1:
            raise ArgumentError(f"batch is the number of sequences, 1 or more, not {batch!r}")
        if stack.directions == 2:
            raise ArgumentError(
                "a bidirectional layer reads a sequence from its end, too, so it cannot be given "
                "one step at a time: a stream needs a layer without bidirectional=True"
            )
        like = stack.parameters(0, False)[0]
        if engine_for(engine, like) != "cpu":
            raise ArgumentError(
                f"a stream runs on the compiled kernels, and this layer (engine={engine!r}, "
                f"{like.dtype} on {like.device}) does not: layer(x[None], states) does one step"
            )
        self.batch = batch
        self._stack, self._start, self._dtype = stack, start, like.dtype
        program = stack.wiring.program(like.dtype)
        self._shapes = {name: stack.sizes[s[0]] for name, s in program.lowered.step.states.items()}
        widths = {name: padded(n, program.lanes) for name, n in self._shapes.items()}
        self._buffers = [
            {n: torch.zeros(2, batch, width, dtype=self._dtype) for n, width in widths.items()}
            for _ in range(stack.num_layers)
        ]
        self._inputs = stack.sizes["input_size"]
        self._x = torch.zeros(batch, self._inputs, dtype=self._dtype)
        wide = padded(self._inputs, program.lanes)
        self._is_widened = program.reads_input_by_unit and wide != self._inputs
        if self._is_widened:  # read unit by unit: in whole vectors
            self._x = torch.zeros(batch, wide, dtype=self._dtype)
        first = next(iter(self._shapes))
        self._result = torch.zeros(batch, widths[first], dtype=self._dtype)
        y = self._result[:, : self._shapes[first]]
        room = self._x[:, : self._inputs]
        self._given = {(batch, self._inputs): y}
        if batch == 1:
            room, y = room[0], y[0]
            self._given[self._inputs,] = y
        self._room, self._y = room, y
        self._own = self._x.data_ptr()
        self._run_step = step()
        self._prepare()
        self.reset()

    def step(self, x: Tensor | None = None) -> Tensor:
        """The output for one more input, or for what `stream.x` holds; the returned buffer is
        overwritten by the next step."""
        if x is None:
            self._run_step(self._address, self._own)
            return self._y
        y = self._given.get(x.shape) if isinstance(x, Tensor) else None
        if y is None or x.dtype is not self._dtype or not x.is_cpu:
            self._refuse(x)
        if self._is_widened or not x.is_contiguous():
            self._x[:, : self._inputs] = x.detach()
            x = self._x
        self._run_step(self._address, x.data_ptr())
        return y

    @property
    def x(self) -> Tensor:
        """What `step()` reads: the stream's own, (I,) or (B, I)."""
        return self._room

    @x.setter
    def x(self, x: Any) -> None:
        given = torch.as_tensor(x, dtype=self._dtype).detach()
        if given.shape != self._room.shape:
            raise ShapeError(
                f"x of this stream has the shape {tuple(self._room.shape)}, and what is given has "
                f"{tuple(given.shape)}"
            )
        self._room.copy_(given)

    @property
    def states(self) -> Any:
        """The states after the last step, as the layer returns them; a copy."""
        turn = self._steps.turn
        found = tuple(
            torch.stack([buffers[name][1 - turn, :, :n] for buffers in self._buffers])
            for name, n in self._shapes.items()
        )
        return found[0] if len(found) == 1 else found

    @states.setter
    def states(self, states: Any) -> None:
        given = [states] if isinstance(states, Tensor) else list(states)
        if len(given) != len(self._shapes):
            raise ShapeError(
                f"states are {len(self._shapes)} ({', '.join(self._shapes)}), one tensor each, and "
                f"{len(given)} were given"
            )
        for (name, n), state in zip(self._shapes.items(), given, strict=True):
            wanted = (len(self._buffers), self.batch, n)
            if tuple(state.shape) != wanted:
                raise ShapeError(
                    f"the state {name} has the shape {tuple(state.shape)}, and this stream wants "
                    f"{wanted}: layers, sequences, units"
                )
            same_kind(f"the state {name}", state, self._y)
        turn = self._steps.turn
        with torch.no_grad():
            for (name, n), state in zip(self._shapes.items(), given, strict=True):
                for buffers, part in zip(self._buffers, state, strict=True):
                    buffers[name][1 - turn, :, :n] = part

    def reset(self) -> None:
        """Go back to the first states."""
        self._steps.turn = 0
        for buffers in self._buffers:
            for name, buffer in buffers.items():
                buffer[1].fill_(self._start.get(name, 0.0))

    def refresh(self) -> None:
        """Take over the layer's weights as they now are; the states stay."""
        turn = self._steps.turn
        self._prepare()
        self._steps.turn = turn

    def _run(self, layer: int) -> Run:
        stack = self._stack
        inputs = self._inputs if layer == 0 else next(iter(self._shapes.values()))
        sizes = {**stack.sizes, "input_size": inputs}
        parameters = stack.parameters(layer, False)
        program = stack.wiring.program(self._dtype)
        packing, given = stack.wiring.given(program, parameters, sizes)
        alone = schedule.dense(2, self.batch, 1)
        return Task(program, packing, alone, sizes).prepare(given)

    @torch.no_grad()
    def _prepare(self) -> None:
        """Pack the weights as they now are, and lay out every kernel's words."""
        # kept: single numbers among the weights are read where they are
        self._runs = [self._run(layer) for layer in range(self._stack.num_layers)]
        first = next(iter(self._shapes))
        nobody = ctypes.c_int64()
        self._unread = ctypes.addressof(nobody)
        kernels, self._kept = [], [nobody]
        for layer, run in enumerate(self._runs):
            is_top = layer == len(self._runs) - 1
            below = self._x if layer == 0 else self._buffers[layer - 1][first]
            frame = forward_frame(run, below.shape[-1], (first,) if is_top else (), inside=True)
            script = frame.write(run.fit, run.schedule, 1)
            lease = run.library.lease(script.room)
            *leased, words = lease.addresses
            known = dict.fromkeys(frame.given, 0)
            known |= zip(frame.given, run.addresses, strict=False)
            known |= zip([*frame.passing, *frame.packed], leased, strict=True)
            known |= {"x": below.data_ptr(), f"record {first}": self._result.data_ptr()}
            for name, buffer in self._buffers[layer].items():
                known[f"initial {name}"] = buffer[1].data_ptr()
                known[run.fit.state_at(name)] = buffer[0].data_ptr()
            packing = Launches(script.all.each[:1], script.words)
            run.library.parallel(packing, words, *known.values())
            launch = self._launch(frame, script)
            word = self._word(frame, words + launch.arguments)
            ctypes.c_int64.from_address(word("steps")).value = 1
            kernels.append((launch.function, words + launch.arguments, word("first")))
            self._kept.append(lease)
            if layer == 0:
                x = Shared(word(f"at {run.fit.input_name}"), self._x.nbytes)
            y = Shared(word(f"at record {first}"), self._result.nbytes)
        self._steps = Steps(x, y, self._result.data_ptr(), kernels)
        self._address = self._steps.address

    @staticmethod
    def _launch(frame: Forward, script: Script) -> Launch:
        return next(n for n in script.all.each if n.function == frame.kernel.address)

    def _word(self, frame: Forward, words: int) -> Callable[[str], int]:
        """Where a kernel's words lie, by name; one that it does not have is set in vain."""

        def word(name: str) -> int:
            position = frame.position.get(name)
            return self._unread if position is None else words + 8 * position

        return word

    def _refuse(self, x: Tensor) -> NoReturn:
        if not isinstance(x, Tensor) or x.shape not in self._given:
            found = f"shape {tuple(x.shape)}" if isinstance(x, Tensor) else f"{type(x).__name__}"
            wanted = " or ".join(str(shape) for shape in self._given)
            raise ShapeError(f"a step of this stream takes a tensor of shape {wanted}, not {found}")
        same_kind("the input", x, self._y)
        raise AssertionError("unreachable: a step refuses shapes, dtypes and devices")

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise UnrolledError(
            "a stream holds addresses in this process and cannot be copied or pickled: make "
            "another with layer.stream(), and give it the states: other.states = stream.states"
        )
