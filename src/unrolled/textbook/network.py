"""A complete network: stacked recurrent layers, an output layer, a loss.

In: a cell of the library and sizes. Out: outputs, losses and the gradient of every weight, by name.
The output of a layer at each time step is the input of the layer above; the gradient takes the same
way back. Next: `fitting`, which trains the weights, and `prediction`, which uses them.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import Any, Literal

import numpy as np

from unrolled.cells.base import Cell, equation, hyperparameters_of
from unrolled.errors import ArgumentError
from unrolled.textbook import sequence
from unrolled.textbook.cell import Array, States, first_states, output_width, written_in
from unrolled.textbook.losses import find_loss
from unrolled.textbook.readout import Readout
from unrolled.textbook.sequence import Gradients, Trace

LayerStates = list[States]


@dataclass
class NetworkTrace:
    """A forward pass: the outputs (T, K, B), or (1, K, B) if only the last one counts."""

    outputs: Array
    layers: list[Trace]

    @property
    def states(self) -> LayerStates:
        """The final states of every layer, from which the next window can continue."""
        return [layer.states[-1] for layer in self.layers]


@dataclass
class Evaluation:
    """The loss of a batch, step by step and summed over time, and its gradients."""

    losses: Array
    gradients: dict[str, Array]
    trace: NetworkTrace
    layers: list[Gradients]

    @property
    def loss(self) -> float:
        return float(self.losses.sum())


class Network:
    """`Network(LSTM, input_size=3, hidden_size=8, output_size=2, num_layers=2, seed=0)`.

    `many_to="many"` has an output and a target at every time step, `many_to="one"` only at the
    last. `weights` has all weights: those of the layers end in `_l0`, `_l1` and so on, and V and c
    belong to the output layer. They are the arrays that the network computes with, so changing them
    in place changes the network. With `backend="compiled"` the layers run on the CPU engine, with
    the same results. Other arguments (`nonlinearity="relu"`) are passed to the cell.
    """

    def __init__(
        self,
        cell: type[Cell] | Cell,
        input_size: int,
        hidden_size: int,
        output_size: int,
        num_layers: int = 1,
        *,
        many_to: Literal["many", "one"] = "many",
        loss: str = "cross_entropy",
        seed: int | None = None,
        backend: Literal["numpy", "compiled"] = "numpy",
        **hyperparameters: Any,
    ) -> None:
        if many_to not in ("many", "one"):
            raise ArgumentError(f"many_to={many_to!r}: write many_to='many' or many_to='one'")
        if num_layers < 1:
            raise ArgumentError(f"num_layers={num_layers!r}: a network has at least one layer")
        self.backend, self._sequence = backend, _find_backend(backend)
        self.input_size, self.hidden_size, self.output_size = input_size, hidden_size, output_size
        self.many_to, self.loss_name, self.loss_function = many_to, loss, find_loss(loss)
        # each layer has its own random stream, so that no two layers start with the same weights
        seeds = np.random.SeedSequence(seed).generate_state(num_layers + 1).tolist()
        equation(cell)  # says so if this is not a cell
        if isinstance(cell, Cell):
            own = {name: getattr(cell, name) for name in hyperparameters_of(type(cell))}
            cell, hyperparameters = type(cell), own | hyperparameters
        self.layers: list[Cell] = []
        size = input_size
        for layer_seed in seeds[:-1]:
            self.layers.append(cell(size, hidden_size, seed=layer_seed, **hyperparameters))
            size = output_width(self.layers[-1])
        self.readout = Readout(size, output_size, seed=seeds[-1])

    def __repr__(self) -> str:
        cell = self.layers[0]
        lines = written_in(cell)
        if self.backend == "compiled":
            lines = f"compiled from the equation of {type(cell).__name__}"
        sizes = (
            counted(self.input_size, "input"),
            counted(self.hidden_size, "hidden unit"),
            counted(self.output_size, "output"),
            counted(len(self.layers), "layer"),
        )
        return f"Network({type(cell).__name__}, {', '.join(sizes)}; each step {lines})"

    @property
    def weights(self) -> dict[str, Array]:
        """Every weight by its name, layer by layer, then V and c."""
        return self._named([layer.weights for layer in self.layers], self.readout.weights)

    def first_states(self, batch: int) -> LayerStates:
        """The initial states of every layer: zeros, unless the cell declares others."""
        return [first_states(layer, batch) for layer in self.layers]

    def forward(self, xs: Array, states: LayerStates | None = None) -> NetworkTrace:
        """Run the sequence through layer after layer; `xs` has the axes (T, I, B)."""
        self._check_inputs(xs)
        traces: list[Trace] = []
        for layer, layer_states in zip(self.layers, states or self.first_states(xs.shape[2])):
            top = self.readout if layer is self.layers[-1] else None
            traces.append(self._sequence.forward(layer, xs, layer_states, top))
            xs = traces[-1].outputs
        return NetworkTrace(xs if self.many_to == "many" else xs[-1:], traces)

    def backward(
        self, trace: NetworkTrace, d_outputs: Array, keep_steps: bool = False
    ) -> list[Gradients]:
        """Backpropagate through the layers, from the top one to the bottom one."""
        steps = len(trace.layers[-1].states) - 1
        unseen = np.zeros((steps - len(d_outputs), *d_outputs.shape[1:]))
        derivatives = np.concatenate([unseen, d_outputs])
        layers: list[Gradients] = []
        for layer in reversed(trace.layers):
            layers.insert(0, self._sequence.backward(layer, derivatives, keep_steps=keep_steps))
            derivatives = layers[0].inputs
        return layers

    def evaluate(
        self,
        xs: Array,
        targets: Array,
        states: LayerStates | None = None,
        keep_steps: bool = False,
    ) -> Evaluation:
        """Forward, loss, backward: all that a training step needs."""
        trace = self.forward(xs, states)
        losses, d_outputs = self.loss_function(trace.outputs, targets)
        layers = self.backward(trace, d_outputs, keep_steps)
        gradients = self._named([layer.weights for layer in layers], layers[-1].readout)
        return Evaluation(losses, gradients, trace, layers)

    def loss(self, xs: Array, targets: Array, states: LayerStates | None = None) -> float:
        """The loss of the sequences, summed over time and averaged over the batch."""
        losses, _ = self.loss_function(self.forward(xs, states).outputs, targets)
        return float(losses.sum())

    @staticmethod
    def _named(layers: list[dict[str, Array]], readout: dict[str, Array]) -> dict[str, Array]:
        named = {
            f"{name}_l{number}": array
            for number, layer in enumerate(layers)
            for name, array in layer.items()
        }
        return named | readout

    def _check_inputs(self, xs: Array) -> None:
        if xs.ndim != 3 or xs.shape[1] != self.input_size or 0 in xs.shape:
            raise ArgumentError(
                f"the network takes sequences of shape (time, {self.input_size}, batch) with at "
                f"least one time step and one sequence, and got {xs.shape}: one sequence of "
                f"vectors, (time, {self.input_size}), becomes a batch with xs[:, :, None]"
            )


def counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _find_backend(name: str) -> ModuleType:
    """What runs a layer over a sequence: the `forward` and `backward` of a module."""
    if name == "numpy":
        return sequence
    if name == "compiled":
        from unrolled.textbook import compiled  # the engine is imported only when needed

        return compiled
    raise ArgumentError(f"backend={name!r}: write backend='numpy' or backend='compiled'")
