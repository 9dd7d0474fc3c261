"""A network that learns to add binary numbers. In: a seed and sizes. Out: a `Learned`.

The input is the bits of two numbers, lowest first, so the carry must be remembered. The network is
tested on new numbers, and on much longer ones than in training. Next: `page`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from unrolled.cells import Elman
from unrolled.labs.progress import Progress
from unrolled.report.blocks import Figure, Prose, Table
from unrolled.report.figures import curves, heat_map
from unrolled.report.numbers import percent
from unrolled.textbook import Batches, History, Momentum, Network, accuracy, fit

Array = np.ndarray

SEQUENCES, UNSEEN = 400, 200
BATCH = 50
LONGER = 5  # times the length in training
GOAL = 0.01  # loss per bit at which training stops
CLIP = 1.0


@dataclass
class Sums:
    """Pairs of binary numbers, lowest bit first, their sum, and the carry at each bit."""

    xs: Array
    targets: Array
    carries: Array


def binary_sums(pairs: int, bits: int, random: np.random.Generator) -> Sums:
    first, second = random.integers(0, 2, (2, bits, pairs))
    targets, carries = np.zeros_like(first), np.zeros_like(first)
    carry = np.zeros(pairs, dtype=int)
    for t in range(bits):
        total = first[t] + second[t] + carry
        targets[t], carry = total % 2, total // 2
        carries[t] = carry
    return Sums(np.stack([first, second], axis=1).astype(float), targets, carries)


@dataclass
class Learned:
    """A trained network, the history of its training, and its scores."""

    network: Network
    history: History
    seen: Sums
    longer: Sums
    shares: dict[str, tuple[int, float, float]]

    @property
    def whole_sums(self) -> float:
        """The share of the longest sums that are correct in every bit."""
        return list(self.shares.values())[-1][2]

    @property
    def new_bits(self) -> float:
        """The share of correct bits in new sums of the length in training."""
        return list(self.shares.values())[1][1]

    @property
    def without_carry(self) -> float:
        """The share of correct bits for a network that adds each pair of bits and forgets."""
        first, second = self.longer.xs[:, 0], self.longer.xs[:, 1]
        return float(((first + second) % 2 == self.longer.targets).mean())

    @property
    def network_size(self) -> int:
        """The number of weights of the network."""
        return sum(weight.size for weight in self.network.weights.values())

    @property
    def without_state(self) -> float:
        """The share of correct bits of the longest sums if the state is zero before every step."""
        xs = self.longer.xs
        steps, inputs, count = xs.shape
        alone = xs.swapaxes(0, 1).reshape(1, inputs, steps * count)  # each bit by itself
        scores = self.network.forward(alone).outputs[0]
        return float((scores.argmax(axis=0).reshape(steps, count) == self.longer.targets).mean())

    @property
    def remembers(self) -> bool:
        """Whether the network clearly does better than one without memory could."""
        return self.new_bits > 0.9

    @property
    def carry_unit(self) -> tuple[int, float]:
        """The unit that correlates most with the carry, and its correlation."""
        states = np.stack([s[0] for s in self.network.forward(self.longer.xs).layers[0].states[1:]])
        carries = self.longer.carries.ravel()
        units = states.swapaxes(0, 1).reshape(states.shape[1], -1)
        moving = [n for n, unit in enumerate(units) if unit.std() > 0]
        strength = {n: float(np.corrcoef(units[n], carries)[0, 1]) for n in moving}
        return max(strength.items(), key=lambda pair: abs(pair[1]))


def learn(seed: int, progress: Progress, hidden: int, bits: int, epochs: int) -> Learned:
    random = np.random.default_rng(seed)
    seen = binary_sums(SEQUENCES, bits, random)
    tests = {
        f"{bits} bits, seen": seen,
        f"{bits} bits, new": binary_sums(UNSEEN, bits, random),
        f"{LONGER * bits} bits, new": binary_sums(UNSEEN, LONGER * bits, random),
    }
    network = Network(Elman, 2, hidden, 2, seed=seed)
    with progress.stage("training", epochs) as done:
        history = fit(
            network,
            Batches(seen.xs, seen.targets, BATCH, seed),
            optimizer=Momentum(0.05, 0.9),
            epochs=epochs,
            goal=GOAL * bits,
            clip_norm=CLIP,
            progress=done,
        )
    shares = {name: (sums.xs.shape[2], *rights(network, sums)) for name, sums in tests.items()}
    return Learned(network, history, seen, list(tests.values())[-1], shares)


def rights(network: Network, sums: Sums) -> tuple[float, float]:
    """The share of bits that are correct, and of sums that are correct in every bit."""
    outputs = network.forward(sums.xs).outputs
    whole = (outputs.argmax(axis=1) == sums.targets).all(axis=0).mean()
    return accuracy(outputs, sums.targets), float(whole)


def task_blocks(learned: Learned, errors: dict[str, float]) -> list[Prose | Table]:
    history = learned.history
    bits = len(learned.seen.targets)
    weights = learned.network.weights
    return [
        Prose(
            f"The input is two binary numbers, one bit of each at every time step, lowest bit "
            f"first; the output is the bit of their sum. The training data are {SEQUENCES} pairs "
            f"of {bits} bits, the test data {UNSEEN} new pairs of {bits} bits and {UNSEEN} of "
            f"{LONGER * bits} bits. The loss is the cross-entropy, $L_{{t}} = -\\log p_{{t}}$ of "
            f"the correct bit, summed over the steps."
        ),
        Table(
            "weights",
            "every weight of the network, and the relative error of its gradient, compared with a "
            "finite difference of the loss after training",
            ("weight", "shape", "numbers", "relative error"),
            [
                (f"`{name}`", " × ".join(map(str, w.shape)), int(w.size), f"{errors[name]:.1e}")
                for name, w in weights.items()
            ],
        ),
        Prose(
            f"The optimizer is momentum with a learning rate of 0.05; batches have {BATCH} pairs, "
            f"and gradients are clipped to a norm of {CLIP:g}. Training ended: "
            f"*{history.stopped}*."
        ),
        Table(
            "results",
            "accuracy",
            ("sums of", "pairs", "correct bits", "sums correct in every bit"),
            [
                (name, pairs, percent(bits, 2), percent(sums))
                for name, (pairs, bits, sums) in learned.shares.items()
            ],
        ),
    ]


def picture_blocks(learned: Learned) -> list[Figure]:
    history = learned.history
    steps = np.arange(1, len(history.loss) + 1)
    bits = len(learned.seen.targets)
    return [
        Figure(
            "loss",
            "Learning to add",
            [
                curves(
                    {"loss per bit": (steps, np.array(history.loss) / bits)},
                    x_label="epoch", y_label="loss per bit (nats)", title="The loss falls",
                    levels={"guessing": float(np.log(2))}, log_y=True,
                ),
                curves(
                    {"largest norm": (steps, history.gradient_norm)},
                    x_label="epoch", y_label="norm of the gradient",
                    title="The gradient, before clipping", log_y=True,
                    levels={"clipped above": CLIP},
                ),
            ],
            alt=f"Two curves over {len(steps)} epochs: the loss per bit falls from "
            f"{history.loss[0] / bits:.2f} to {history.loss[-1] / bits:.4f}; the norm of the "
            f"gradient has its peak at {max(history.gradient_norm):.2g}.",
            caption=f"{history.clipped} of {len(history.updates)} updates were clipped.",
        ),
        _states_figure(learned),
    ]  # fmt: skip


def _states_figure(learned: Learned) -> Figure:
    one = learned.longer.xs[:, :, :1]
    states = np.stack([s[0][:, 0] for s in learned.network.forward(one).layers[0].states[1:]])
    shown = min(len(states), 40)
    carry = 2.0 * learned.longer.carries[:shown, 0] - 1.0
    unit, strength = learned.carry_unit
    caption = (
        f"One new sum. Over all new sums unit {unit} follows the carry most closely, with a "
        f"correlation of {strength:.2f}."
        if learned.remembers
        else "One new sum. The network has not learned to add, so its states are not interpreted."
    )
    return Figure(
        "states",
        "Where the carry is stored" if learned.remembers else "The states during one sum",
        heat_map(
            np.vstack([carry, states[:shown].T]),
            x_label="time step",
            y_label="",
            unit="state",
            rows=["carry", *(f"unit {n}" for n in range(states.shape[1]))],
            center=0.0,
            limits=(-1.0, 1.0),
            title="The states; in the first row, the carry (−1: no, 1: yes)",
        ),
        alt=f"A heat map over {shown} time steps of one new sum: in the first row the carry, in "
        f"the others the states of {states.shape[1]} units.",
        caption=caption,
    )
