"""One training step of the smallest network: by pencil, by the textbook, and by finite differences.

In: a seed. Out: all three, and the part of the page that shows them. Next: `page`.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from unrolled.cells import Elman
from unrolled.labs.bptt import pencil
from unrolled.report.blocks import Prose, Table
from unrolled.textbook import Evaluation, Network, numerical_gradients

Array = np.ndarray


@dataclass
class Worked:
    """One training step: by pencil, by `unrolled.textbook`, and by finite differences."""

    given: dict[str, Decimal]
    lines: dict[str, list[pencil.Line]]
    exact: Evaluation
    slopes: dict[str, Array]
    loss_after: float

    @property
    def pencil_gradients(self) -> dict[str, float]:
        rows = self.lines["sums"]
        return {weight: float(line.value) for weight, line in zip(pencil.WEIGHTS, rows)}

    def exact_gradient(self, weight: str) -> float:
        return float(self.exact.gradients[_named(weight)].item())

    @property
    def farthest(self) -> float:
        """The largest difference between the pencil and the run without rounding."""
        return max(
            abs(value - self.exact_gradient(weight))
            for weight, value in self.pencil_gradients.items()
        )


def work_by_hand(seed: int) -> Worked:
    given = pencil.draw(seed)
    lines = pencil.solve(given)
    network = Network(Elman, 1, 1, 1, loss="mean_squared_error")
    for weight in pencil.WEIGHTS:
        network.weights[_named(weight)][...] = float(given[weight])
    steps = range(1, pencil.STEPS + 1)
    xs, targets = (
        np.array([float(given[f"{kind}_{t}"]) for t in steps])[:, None, None] for kind in "xt"
    )
    exact, slopes = network.evaluate(xs, targets), numerical_gradients(network, xs, targets)
    for weight, line in zip(pencil.WEIGHTS, lines["update"][2:]):
        network.weights[_named(weight)][...] = float(line.value)
    return Worked(given, lines, exact, slopes, network.loss(xs, targets))


def _named(weight: str) -> str:
    return weight if weight in "Vc" else f"{weight}_l0"


def worked_blocks(worked: Worked) -> list[Prose | Table]:
    columns = ("line", "in numbers", "=", "rule")

    def table(part: str, caption: str) -> Table:
        return Table(f"hand-{part}", caption, columns, [line.row for line in worked.lines[part]])

    return [
        Prose(
            "The network has one input, one unit and one output. Each line uses only numbers that "
            "are printed above it, and its result is rounded to four decimals (half up) before it "
            "is used. With a pencil and a calculator that has tanh you get exactly the same "
            "digits. The loss of a step is $(y_{t} - y^{\\ast}_{t})^2$, where $y^{\\ast}_{t}$ is "
            "the target."
        ),
        _given(worked),
        Prose("**1. Forward**, from the first step to the last, then the **loss**."),
        table("forward", "forward in time"),
        Prose(
            r"**2. Backward**, from the last step to the first. $\delta W^{(t)}$ is the "
            r"contribution of step $t$. Look at each $\delta h_{t}$: it includes what the next "
            r"step passes back."
        ),
        table("backward", "backward through time"),
        Prose("**3. Sum** over time: one number for each weight."),
        table("sums", "the gradient"),
        Prose(
            f"**4. Clip and update.** If the norm of the gradient is over {pencil.LIMIT}, the "
            f"gradient is scaled down to it. Then {pencil.RATE} times the gradient is subtracted "
            "from the weights."
        ),
        table("update", "the new weights"),
        Prose("**5. Check.** The same step by `unrolled.textbook`, and by finite differences:"),
        _comparison(worked),
        Prose(
            f"With the new weights the loss is **{worked.loss_after:.4f}**; before, it was "
            f"{worked.exact.loss:.4f}. Training is this step, repeated."
        ),
    ]


def _given(worked: Worked) -> Table:
    symbols = {"t_": r"y^{\ast}_", "x_": "x_", "h_": "h_"}
    rows = []
    for name, value in worked.given.items():
        kind, _, place = name.partition("_")
        symbol = f"{symbols[kind + '_']}{{{place}}}" if place else name
        meaning = {"x": "input", "t": "target", "h": "initial state"}.get(kind, "weight")
        rows.append((f"${symbol}$", meaning, pencil.written(value)))
    caption = "the given numbers (drawn with the seed of this run)"
    return Table("given", caption, ("name", "", "value"), rows)


def _comparison(worked: Worked) -> Table:
    rows = [
        (
            rf"$\delta {weight}$",
            f"{value:.4f}",
            f"{worked.exact_gradient(weight):.8f}",
            f"{worked.slopes[_named(weight)].item():.8f}",
        )
        for weight, value in worked.pencil_gradients.items()
    ]
    return Table(
        "agreement",
        "the gradient three times: by pencil, without rounding, and by finite differences",
        ("derivative", "pencil", "unrolled.textbook", "(L(w + e) − L(w − e)) / 2e"),
        rows,
    )
