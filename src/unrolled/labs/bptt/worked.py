"""One training step of the smallest network: by pencil, by the textbook, and as slopes.

In: a seed. Out: the three, side by side, and how they stand in the page. Next: `page`.
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
    """One training step: by pencil, by `unrolled.textbook`, and by measuring slopes."""

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
    columns = ("line", "with the numbers", "=", "which is")

    def table(part: str, caption: str) -> Table:
        return Table(f"hand-{part}", caption, columns, [line.row for line in worked.lines[part]])

    return [
        Prose(
            "One input, one unit, one output. Each line uses only numbers that stand above it, as "
            "they are printed, and its result is rounded to four decimals (a half upwards) before "
            "it is used again: with a pencil and a calculator that knows tanh you get the same "
            "digits, down to the last. The loss of a step is $(y_{t} - y^{\\ast}_{t})^2$, where "
            "$y^{\\ast}_{t}$ is the target."
        ),
        _given(worked),
        Prose("**1. Forward**, from the first step to the last, then the **loss**."),
        table("forward", "forward in time"),
        Prose(
            r"**2. Backward**, from the last step to the first. $\delta W^{(t)}$ is the share of "
            r"step $t$. Look at each $\delta h_{t}$: what the step after it hands back is added."
        ),
        table("backward", "backward through time"),
        Prose("**3. Sum** over time: one number for each weight."),
        table("sums", "the gradient"),
        Prose(
            f"**4. Clip and update.** If the norm of the gradient is over {pencil.LIMIT}, the "
            f"gradient is shortened to it; then each weight takes a step of {pencil.RATE} times it."
        ),
        table("update", "the new weights"),
        Prose("**5. Check.** The same step by `unrolled.textbook`, and by measuring the slope:"),
        _comparison(worked),
        Prose(
            f"With the new weights the loss is **{worked.loss_after:.4f}**; it was "
            f"{worked.exact.loss:.4f}. One step is done. All that follows is this, repeated."
        ),
    ]


def _given(worked: Worked) -> Table:
    symbols = {"t_": r"y^{\ast}_", "x_": "x_", "h_": "h_"}
    rows = []
    for name, value in worked.given.items():
        kind, _, place = name.partition("_")
        symbol = f"{symbols[kind + '_']}{{{place}}}" if place else name
        meaning = {"x": "input", "t": "target", "h": "first state"}.get(kind, "weight")
        rows.append((f"${symbol}$", meaning, pencil.written(value)))
    return Table("given", "what is given (drawn with this run's seed)", ("name", "", "value"), rows)


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
        "the gradient three times: with the pencil, without rounding, and as a slope of the loss",
        ("derivative", "pencil", "unrolled.textbook", "(L(w + e) − L(w − e)) / 2e"),
        rows,
    )
