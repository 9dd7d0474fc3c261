"""What the page shows. In: the numbers of a run. Out: sections; next: `words` talks about them."""

from __future__ import annotations

import numpy as np

from unrolled.cells import GRU, IRNN, LSTM
from unrolled.cells.base import equation
from unrolled.labs.memory import measure, problems
from unrolled.labs.memory.measure import BATCH, CELLS, RATES, TESTED, Learned, Measured, attention
from unrolled.labs.memory.problems import ADDING, COPYING, Problem
from unrolled.labs.memory.words import marked_share, quickest, score_words
from unrolled.report.blocks import Code, Figure, Math, Prose, Table, code_of
from unrolled.report.drawing import Panel
from unrolled.report.figures import curves, heat_map
from unrolled.report.numbers import number, percent

AIM = """
To find, for each of several cells, the lag at which it no longer learns. Two problems are used that
cannot be solved without memory and have no other difficulty (Hochreiter & Schmidhuber 1997):

- **adding**: a list of random numbers, two of them marked, one in each half. The target at the end
  is their sum.
- **copying**: two symbols, then a stretch of blanks, then a signal. At the signal the two symbols
  must be repeated in order.
"""


def theory() -> list[Prose | Math]:
    return [
        Prose(
            "To learn what to keep, the derivative of the loss must travel from the end back to "
            "the step at which it was seen. In the simple network each step multiplies it by "
            "$U^{\\top}$ and by a slope below one, so it vanishes with the lag (lab `gradients` "
            "measures that). Two ways out are compared. The IRNN starts with the identity for $U$ "
            "and with units that do not flatten out:"
        ),
        Math(equation(IRNN).latex, "irnn"),
        Prose("The gated cells carry their state over by a gate that can learn to stay open:"),
        Math(equation(GRU).latex, "gru", "GRU: $z_t$ near 1 keeps $h_{t-1}$."),
        Math(equation(LSTM).latex, "lstm", "LSTM: $f_t$ near 1 keeps $c_{t-1}$."),
        Prose(
            "The prediction: the simple network fails first, the gated cells last; what a half-"
            "open gate lets through after $k$ steps is $f^k$, so even they have a limit until the "
            "gate has learned to open."
        ),
    ]


def steps(measured: Measured) -> list[Prose | Table]:
    xs, targets = measured.sequence
    return [
        Prose(
            f"1. Draw {BATCH} new sequences; none is used twice, so nothing can be memorized.\n"
            "2. Forward, loss, backward through time; the norm of the gradient is clipped at "
            f"{measure.CLIP:g}; one step of Adam.\n"
            f"3. Every {measure.EVERY} updates, score the network on {TESTED} unseen "
            f"sequences. Stop when it has solved the problem, or after "
            f"{measured.updates} updates.\n"
            "4. Start again with a new network at the next lag; stop after two failures in a "
            "row.\n\n"
            "*Solved* means: in adding, a tenth of the squared error of guessing "
            f"({number(ADDING.guessing, 3)}); in copying, {percent(COPYING.solved_at, 0)} of the "
            f"symbols correct (guessing scores {percent(COPYING.guessing, 0)}). The learning rate "
            f"is {RATES[0]:g} or {RATES[1]:g}, whichever was better for the cell at the shortest "
            "lag.\n\nOne sequence of the adding problem, from this run:"
        ),
        Table(
            "sequence",
            f"One sequence of {len(xs)} steps. The marked numbers add up to "
            f"{number(float(targets[0, 0, 0]))}.",
            ["step", "number", "mark"],
            [[t, float(x), "x" if mark else ""] for t, (x, mark) in enumerate(xs[:, :, 0], 1)],
        ),
    ]


def code() -> list[Prose | Code]:
    return [
        Prose("The problems:"),
        code_of(problems.adding),
        code_of(problems.copying),
        Prose("And the training of one network:"),
        code_of(measure.learn),
    ]


def result(measured: Measured) -> list[Prose | Figure | Table]:
    blocks: list[Prose | Figure | Table] = []
    for problem in (ADDING, COPYING):
        blocks += [_scores(measured, problem), _curves(measured, problem)]
    blocks.append(_looks(measured))
    blocks.append(
        Table(
            "runs",
            "Every run: the learning rate, the number of updates, and the score on unseen "
            "sequences.",
            ["problem", "cell", "lag", "rate", "updates", "score", "solved"],
            [
                [problem.name, name, one.lag, f"{one.rate:g}", one.updates,
                 score_words(problem, one.score), "yes" if one.solved else "no"]
                for problem in (ADDING, COPYING)
                for name, runs in measured.runs[problem.name].items()
                for one in runs
            ],
        )
    )  # fmt: skip
    return blocks


def _scores(measured: Measured, problem: Problem) -> Figure:
    lags, runs = measured.lags[problem.name], measured.runs[problem.name]
    grid = np.full((len(CELLS), len(lags)), np.nan)
    for row, name in enumerate(CELLS):
        for column, one in enumerate(runs[name]):
            grid[row, column] = one.score
    limits = (0.0, problem.guessing) if problem is ADDING else (problem.guessing, 1.0)
    better = (
        "Dark is good: an error near zero." if problem is ADDING
        else "Bright is good: everything is copied."
    )  # fmt: skip
    return Figure(
        f"{problem.name}-scores",
        f"{problem.name.capitalize()}: the score at each lag",
        heat_map(
            grid, x_label="lag (steps)", y_label="cell", unit=problem.unit,
            columns=[str(lag) for lag in lags], rows=list(CELLS), limits=limits,
            show_values=True, digits=3 if problem is ADDING else 2,
        ),
        "A table of scores: cells in rows, lags in columns, getting worse to the right.",
        f"{better} Solved is {'below' if problem is ADDING else 'above'} "
        f"{number(problem.solved_at, 2)}; the scale ends at the score of guessing, and the numbers "
        "are those of [@runs]. White: not tried, after two failures.",
    )  # fmt: skip


def _curves(measured: Measured, problem: Problem) -> Figure:
    return Figure(
        f"{problem.name}-curves",
        f"{problem.name.capitalize()}: learning curves",
        [_panel(name, runs, problem) for name, runs in measured.runs[problem.name].items()],
        "Four panels of training loss over updates, a line for each lag.",
        "Moving average over 20 updates. A line that ends early has solved its problem.",
    )


def _panel(name: str, runs: list[Learned], problem: Problem) -> Panel:
    unit = "squared error" if problem is ADDING else "nats a sequence"
    return curves(
        {f"lag {one.lag}": _smooth(one.losses) for one in runs},
        x_label="update", y_label=f"loss ({unit})", title=name, log_y=True,
    )  # fmt: skip


def _smooth(losses: list[float], width: int = 20) -> tuple[np.ndarray, np.ndarray]:
    width = min(width, len(losses))
    means = np.convolve(losses, np.full(width, 1 / width), "valid")
    return np.arange(len(means)) + width, means


def _looks(measured: Measured) -> Figure:
    name, one = quickest(measured)
    xs, targets = ADDING.draw(one.lag, 1, np.random.default_rng(one.lag))
    first, second = np.flatnonzero(xs[:, 1, 0]) + 1
    return Figure(
        "looks",
        f"Where the {name} looks at lag {one.lag}",
        curves(
            {"|∂L/∂x|": attention(one.network, xs, targets)},
            x_label="step", y_label="|∂L/∂x| of the number", title="",
            marks={"first mark": float(first), "second mark": float(second)},
        ),
        "A curve with two peaks where the marks are, if the network has learned to add.",
        "How much the loss of one sequence depends on each number. Over twenty sequences "
        f"{percent(marked_share(measured, one), 0)} of it falls on the two marked ones.",
    )  # fmt: skip
