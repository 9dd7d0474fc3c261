"""One time step at a time, in microseconds. In: a `Stack`, first states, how many sequences. Out:
`Stream`; next: whoever has a new input now and wants the output before the next one comes.

Everything that a call of the kernels needs is laid out once: packed weights, scratch, and two rows
for each state, as if the sequence had two steps and began again after them: step 0 starts from the
row that step 1 has left. So a call says which step it is, sets the input's address and calls one
kernel a layer, on the thread it is called on; the top layer's stores its output once more, for the
user.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import torch
from torch import Tensor

from unrolled.engines.cpu import schedule
from unrolled.engines.cpu.forward import Forward, forward_frame
from unrolled.engines.cpu.run import Run, padded
from unrolled.engines.cpu.script import Script, address_of
from unrolled.engines.cpu.threads import Launch, Launches
from unrolled.errors import ArgumentError, ShapeError, UnrolledError
from unrolled.layers.autograd import Task
from unrolled.layers.checks import same_kind
from unrolled.layers.direction import engine_for
from unrolled.layers.stack import Stack

_KERNEL = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)


class Stream:
    """A layer that is given one time step at a time, and remembers its states.

        stream = layer.stream()
        for x in sensor:          # a tensor (I,), or (B, I) for stream(batch=B)
            y = stream.step(x)    # (H,), or (B, H)

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
        like = next(iter(stack.parameters(0, False).values()))
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
        self._is_widened = program.equation.input_is_hidden and wide != self._inputs
        if self._is_widened:  # read unit by unit: in whole vectors
            self._x = torch.zeros(batch, wide, dtype=self._dtype)
        first = next(iter(self._shapes))
        self._result = torch.zeros(batch, widths[first], dtype=self._dtype)
        self._y = self._result[:, : self._shapes[first]]
        self._y_address = self._result.data_ptr()
        # from one step's rows to the next one's: both steps share the user's rows
        self._input_row = self._x.nbytes
        self._output_row = self._result.nbytes
        self._given = {(batch, self._inputs): self._y}
        if batch == 1:
            self._given[self._inputs,] = self._y[0]
        self.reset()
        self.refresh()

    def step(self, x: Tensor) -> Tensor:
        """The output for one more input; the returned buffer is overwritten by the next step."""
        y = self._given.get(x.shape) if isinstance(x, Tensor) else None
        if y is None or x.dtype is not self._dtype or not x.is_cpu:
            self._refuse(x)
        turn = self._turn
        if self._is_widened or not x.is_contiguous():
            self._x[:, : self._inputs] = x
            x = self._x
        self._input.value = x.data_ptr() - turn * self._input_row
        self._output.value = self._y_address - turn * self._output_row
        for kernel, words, first in self._kernels:
            first.value = turn
            kernel(words, 0, 1)
        self._turn = 1 - turn
        return y

    @property
    def states(self) -> Any:
        """The states after the last step, as the layer returns them; a copy."""
        found = tuple(
            torch.stack([buffers[name][1 - self._turn, :, :n] for buffers in self._buffers])
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
        with torch.no_grad():
            for (name, n), state in zip(self._shapes.items(), given, strict=True):
                for buffers, part in zip(self._buffers, state, strict=True):
                    buffers[name][1 - self._turn, :, :n] = part

    def reset(self) -> None:
        """Go back to the first states."""
        self._turn = 0
        for buffers in self._buffers:
            for name, buffer in buffers.items():
                buffer[1].fill_(self._start.get(name, 0.0))

    def refresh(self) -> None:
        """Take over the layer's weights as they now are; the states stay."""
        with torch.no_grad():
            # kept: single numbers among the weights are read where they are
            self._runs = [self._run(layer) for layer in range(self._stack.num_layers)]
            self._prepare()

    def _run(self, layer: int) -> Run:
        stack = self._stack
        inputs = self._inputs if layer == 0 else next(iter(self._shapes.values()))
        sizes = {**stack.sizes, "input_size": inputs}
        parameters = stack.parameters(layer, False)
        program = stack.wiring.program(self._dtype)
        packing, given = stack.wiring.given(program, parameters, sizes)
        alone = schedule.dense(2, self.batch, 1)
        return Task(program, packing, alone, sizes).prepare(given)

    def _prepare(self) -> None:
        """Pack the weights, and lay out every kernel's words."""
        output = next(iter(self._shapes))
        self._kernels, self._kept = [], []
        for layer, run in enumerate(self._runs):
            is_top = layer == len(self._runs) - 1
            below = self._x if layer == 0 else self._buffers[layer - 1][output]
            frame = forward_frame(run, below.shape[-1], (output,) if is_top else (), inside=True)
            script = frame.write(run.fit, run.schedule, 1)
            leases = run.library.lease(script.passing), run.library.lease(script.packed)
            known = dict.fromkeys(frame.given, 0)
            known |= zip(frame.given, run.addresses[1:], strict=False)
            known |= zip(frame.passing, leases[0].addresses, strict=True)
            known |= zip(frame.packed, leases[1].addresses, strict=True)
            known |= {"x": below.data_ptr(), f"record {output}": self._result.data_ptr()}
            for name, buffer in self._buffers[layer].items():
                known[f"initial {name}"] = buffer[1].data_ptr()
                known[run.fit.state_at(name)] = buffer[0].data_ptr()
            words = script.words([0, *known.values()])
            packing, launch = script.launches.each[0], self._launch(frame, script)
            run.library.parallel(Launches([packing]), address_of(words))
            word = self._word(frame, words, launch)
            word("steps").value = 1
            kernel = _KERNEL(launch.function)
            self._kernels.append((kernel, address_of(words) + launch.arguments, word("first")))
            self._kept.append((words, leases))
            if layer == 0:
                self._input = word(f"at {run.fit.input_name}")
            self._output = word(f"at record {output}")

    @staticmethod
    def _launch(frame: Forward, script: Script) -> Launch:
        return next(n for n in script.launches.each if n.function == frame.kernel.address)

    @staticmethod
    def _word(frame: Forward, words: Any, launch: Launch) -> Callable[[str], ctypes.c_int64]:
        """A kernel's words by name; one that it does not have is set in vain."""

        def word(name: str) -> ctypes.c_int64:
            position = frame.position.get(name)
            if position is None:
                return ctypes.c_int64()
            return ctypes.c_int64.from_buffer(words, launch.arguments + 8 * position)

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
