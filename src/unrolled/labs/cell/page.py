"""What lab `cell` has to say. In: what was measured. Out: lines, and the sections of a page."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from unrolled.cells import LSTM
from unrolled.cells.base import equation
from unrolled.labs.cell.measuring import Measured, one_step
from unrolled.report.blocks import (
    Code,
    Figure,
    Math,
    Prose,
    Question,
    Section,
    Table,
    code_of,
)
from unrolled.report.figures import curves, heat_map
from unrolled.report.numbers import percent
from unrolled.textbook import Readout, backward, forward, lstm
from unrolled.textbook.clipping import global_norm

WATCHED = "U_f"  # of this weight one number is followed


def found(measured: Measured) -> list[str]:
    lags = measured.by_lag()
    last = measured.steps - 1
    return [
        f"the loss is {measured.whole.loss:.4f}, the sum of {measured.steps} steps",
        f"the gradients of the {measured.steps} losses, added up, differ from the gradient of "
        f"their sum by at most {measured.sum_error:.1e}",
        f"a step adds {lags[0]:.3g} on average to the gradient of its own loss, and "
        f"{lags[-1]:.3g} to that of the loss {last} steps later",
        f"the gradient check: largest relative error {max(measured.errors.values()):.1e}",
    ]


def sections(measured: Measured) -> list[Section]:
    """The page, from the aim to the answers."""
    return [
        Section("Aim", [Prose(AIM)]),
        Section("Theory", _theory()),
        Section("One step forward: the cache", _forward(measured)),
        Section("One step backward", _backward(measured)),
        Section("Many cells in a row", _sequence(measured)),
        Section("The derivative of each loss, and their sum", _derivatives(measured)),
        Section("Where the gradient comes from", _pictures(measured)),
        Section("Code to read", _code()),
        Section("Discussion", [Prose(_discussion(measured))]),
        Section("Questions and answers", _questions(measured)),
    ]


AIM = """
Take one cell, an LSTM, and watch a single time step: every value on the way forward, every
derivative on the way back. Then put the cells in a row, give each step a loss of its own, and see
from which step each part of the gradient comes.
"""


def _theory() -> list[Prose | Math]:
    lstm = equation(LSTM)
    return [
        Prose(
            "The LSTM has two states: $h_{t}$, which it shows, and $c_{t}$, which it keeps. Three "
            "gates between 0 and 1 decide: $i$, how much of the new $g$ is written, $f$, how much "
            "of the old $c$ is kept, and $o$, how much of $c$ is shown."
        ),
        Math(lstm.latex, "lstm", "the LSTM as unrolled prints it"),
        Math(
            r"y_{t} = V h_{t} + c, \qquad L_{t} = (y_{t} - y^{\ast}_{t})^2, \qquad "
            r"L = \sum_{t} L_{t}",
            "loss",
            "an output and a loss at every step (here c is the bias of the output)",
        ),
        Prose(
            "From these equations unrolled has derived the step backwards. Read it from the top: "
            "each line uses only what stands above it, what the forward step has left in its "
            r"*cache*, and the two derivatives that arrive: $\delta h_{t}$ and the $\delta c$ of "
            "the step after it."
        ),
        Math(lstm.backward.latex, "lstm-back", "the derived step backwards"),
    ]  # fmt: skip


def _vector(array: np.ndarray) -> list[str]:
    return [f"{round(number, 4) + 0.0:.4f}" for number in array[:, 0]]  # no minus zero


def _forward(measured: Measured) -> list[Prose | Table]:
    cache = measured.step.cache
    hidden = len(cache.next_states[0])
    names = ("i", "f", "g", "o", "c", "h")
    i, g, c = (cache.values[name][0, 0] for name in "igc")
    inputs = ", ".join(f"{number:.4f}" for number in cache.x_t[:, 0])
    return [
        Prose(
            f"The first step. The input is $x_{{1}}$ = ({inputs}), both states are zero, and "
            f"`lstm.cell_forward` computes line by line what {_below('lstm')} says:"
        ),
        Table(
            "cache",
            "the cache after the first step: every value, unit by unit",
            ("value", *(f"unit {n}" for n in range(hidden))),
            [(f"${n}_{{1}}$", *_vector(cache.values[n])) for n in names],
        ),
        Prose(
            f"Check one: the old $c$ is zero, so unit 0 keeps $i \\cdot g$ = {i:.4f} · ({g:.4f}) = "
            f"{c:.4f}. The output is {measured.step.y.item():.4f}, the target "
            f"{measured.targets[0].item():.4f}."
        ),
    ]


def _below(key: str) -> str:
    return f"[@{key}]"


def _backward(measured: Measured) -> list[Prose | Table]:
    step = measured.step
    hidden = len(step.cache.next_states[0])
    values = step.gradients.values
    names = [n for n, v in values.items() if np.shape(v) == (hidden, 1) and n[:4] != "d_b_"]
    return [
        Prose(
            "Suppose that only the loss of this step counted. Its derivative with respect to the "
            f"output is $2 (y_{{1}} - y^{{\\ast}}_{{1}})$ = {step.d_y.item():.4f}, so that with "
            "respect to $h_{1}$ is $V^{\\top}$ times that, and `lstm.cell_backward` goes through "
            "[@lstm-back]:"
        ),
        Table(
            "back",
            "every derivative of the first step, unit by unit",
            ("derivative with respect to", *(f"unit {n}" for n in range(hidden))),
            [(_symbol(name), *_vector(values[name])) for name in names],
        ),
    ]


def _symbol(name: str) -> str:
    bare = name.removeprefix("d_")
    if bare.startswith("net_"):
        return rf"the sum inside ${bare.removeprefix('net_')}$"
    if bare.endswith("_prev"):
        return rf"${bare.removesuffix('_prev')}_{{0}}$, the state before"
    return rf"${bare}_{{1}}$"


def _sequence(measured: Measured) -> list[Prose | Table]:
    trace = measured.whole.trace.layers[0]
    rows = []
    for t in range(measured.steps):
        h, c = (np.linalg.norm(state) for state in trace.states[t + 1])
        y, target = trace.outputs[t].item(), measured.targets[t].item()
        rows.append((t + 1, f"{h:.4f}", f"{c:.4f}", f"{y:.4f}", f"{target:.4f}",
                     f"{measured.whole.losses[t]:.4f}"))  # fmt: skip
    return [
        Prose(
            "`forward` is that step in a loop: the states that one step returns go into the next, "
            "and every cache is kept for the way back."
        ),
        Table(
            "sequence",
            f"{measured.steps} cells in a row; the losses add up to {measured.whole.loss:.4f}",
            ("step", "size of h", "size of c", "output", "target", "loss"),
            rows,
        ),
    ]


def _derivatives(measured: Measured) -> list[Prose | Table]:
    single = measured.single(WATCHED)
    whole = measured.whole.layers[0].weights
    rows: list[tuple[str, ...]] = [
        (str(t + 1), f"{single[t]:.6f}", f"{global_norm(part.weights):.6f}")
        for t, part in enumerate(measured.parts)
    ]
    rows.append(("sum of these", f"{sum(single):.6f}", "–"))
    rows.append(("all at once", f"{whole[WATCHED].flat[0]:.6f}", f"{global_norm(whole):.6f}"))
    return [
        Prose(
            "The loss is a sum, so its gradient is a sum. Here `backward` is called once for every "
            "step, with the derivative of *that* loss alone; and once for all of them."
        ),
        Table(
            "derivatives",
            "the derivative of each loss by one number, the first of $U_{f}$, and the norm of its "
            "gradient of all weights of the cell",
            ("loss of step", "its derivative", "norm of the gradient"),
            rows,
        ),
        Prose(
            f"Over all weights the sum differs from the gradient of the sum by at most "
            f"{measured.sum_error:.1e}. The norms do not add up, for the losses pull in different "
            f"directions: {percent(measured.cancelled)} of their lengths cancel."
        ),
        Table(
            "check",
            "the gradient of the sum beside the slope of the loss",
            ("weight", "relative error"),
            [(f"`{name}`", f"{error:.1e}") for name, error in measured.errors.items()],
        ),
    ]


def _pictures(measured: Measured) -> list[Prose | Figure]:
    shares = np.where(np.tri(measured.steps) > 0, measured.shares, np.nan)
    steps = [str(t + 1) for t in range(measured.steps)]
    lags = measured.by_lag()
    return [
        Prose(
            "There is a second sum inside the first. The loss of step $t$ depends on the weights "
            "through *every* use of them up to $t$, so each of its derivatives is made of the "
            "shares of the steps 1 to $t$."
        ),
        Figure(
            "shares",
            "Which step adds how much to the gradient of which loss",
            [
                heat_map(
                    shares, x_label="share of step", y_label="loss of step", unit="norm",
                    rows=steps, columns=steps, title="Loss by loss",
                ),
                curves(
                    {"mean share": (np.arange(measured.steps), lags)},
                    x_label="steps between use and loss", y_label="norm", log_y=True,
                    title="Mean over all losses",
                ),
            ],
            alt=f"A triangle: rows are the losses of steps 1 to {measured.steps}, columns the "
            f"steps whose use of the weights it is. And the mean by distance, from {lags[0]:.3g} "
            f"to {lags[-1]:.3g}.",
            caption="What is above the diagonal is empty: no step can change a loss before it.",
        ),
    ]  # fmt: skip


def _code() -> list[Prose | Code]:
    return [
        Prose(
            "The code that has run here. The whole network is one file, `unrolled.textbook.lstm`."
        ),
        code_of(lstm.cell_forward, "one step forward, with its cache"),
        code_of(lstm.cell_backward, "one step backward"),
        code_of(Readout, "the output layer, with its derivatives"),
        code_of(forward, "the cells in a row"),
        code_of(backward, "and back"),
        code_of(one_step, "how this lab has called them for one step"),
    ]


def _discussion(measured: Measured) -> str:
    lags = measured.by_lag()
    far, near = lags[-1], lags[0]
    falls = all(later <= earlier for earlier, later in pairwise(lags))
    way = (
        "falls with every step of distance" if falls else "does **not** fall with every single step"
    )
    factor = (far / near) ** (1 / (measured.steps - 1)) if near > 0 and measured.steps > 1 else 1.0
    lstm = equation(LSTM)
    return f"""
One step is {len(lstm.locals)} lines forward ([@lstm]) and {len(lstm.backward.locals)} back
([@lstm-back]); a sequence is the same in a loop. The derivative of the sum of the losses is the
sum of their derivatives, here to {measured.sum_error:.1e} ([@derivatives]), and it agrees with the
slope of the loss to {max(measured.errors.values()):.1e} ([@check]).

What a step adds to the gradient of a later loss {way} ([@shares]): over
{measured.steps - 1} steps from {near:.3g} to {far:.3g}, a factor of {factor:.2f} a step. This is an
untrained LSTM with random weights; how the factor depends on the cell and its weights is what the
lab `gradients` measures.
"""


def _questions(measured: Measured) -> list[Question]:
    cache, back = measured.step.cache, measured.step.gradients.values
    forgotten = float(np.abs(back["d_net_f"]).max())
    later = float(np.linalg.norm(measured.whole.layers[0].weights["U_f"]))
    ratio = back["d_c_prev"][0, 0] / back["d_c"][0, 0]
    lags = measured.by_lag()
    return [
        Question(
            "What is the cache for?",
            "The step backwards uses the values of the step forwards: the derivative of a sigmoid "
            "is $f (1 - f)$, that of a product is the other factor. Without the cache all would "
            "have to be computed a second time.",
            ("cache", "lstm-back"),
        ),
        Question(
            "In the first step the forget gate has no derivative. Why?",
            "It is multiplied by the old $c$, which is zero at the start, so it changes nothing: "
            f"the largest derivative with respect to the sum inside it is {forgotten:.4f}. In "
            f"later steps it counts: the gradient of $U_{{f}}$ for the whole loss has the norm "
            f"{later:.3g}.",
            ("back", "derivatives"),
        ),
        Question(
            "What is special about the way through $c$?",
            f"From $c_{{1}}$ back to $c_{{0}}$ the derivative is only multiplied by the forget "
            f"gate, with no weight and no tanh in between: for unit 0 the ratio of the two is "
            f"{ratio:.4f}, and $f$ is {cache.values['f'][0, 0]:.4f}.",
            ("back", "cache"),
        ),
        Question(
            "Why is the triangle empty above its diagonal?",
            "Because time has a direction: the loss of step $t$ was computed before step $t + 1$ "
            "used any weight.",
            ("shares",),
        ),
        Question(
            "Which steps matter most for a loss?",
            f"Here the step itself with {lags[0]:.3g} on average; one step before it adds "
            f"{lags[1]:.3g}, and {measured.steps - 1} steps before it {lags[-1]:.3g}."
            if lags[0] == max(lags)
            else f"Here not the step itself: the largest mean share, {max(lags):.3g}, is that of "
            f"{lags.index(max(lags))} steps before it; its own is {lags[0]:.3g}.",
            ("shares",),
        ),
    ]
