"""The page of lab `cell`. In: the measurements. Out: lines, and the sections of a page."""

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

WATCHED = "U_f"  # the weight of which one element is shown


def found(measured: Measured) -> list[str]:
    lags = measured.by_lag()
    last = measured.steps - 1
    return [
        f"the loss is {measured.whole.loss:.4f}, the sum of {measured.steps} steps",
        f"the sum of the gradients of the {measured.steps} losses differs from the gradient of "
        f"their sum by at most {measured.sum_error:.1e}",
        f"a step contributes {lags[0]:.3g} on average to the gradient of its own loss, and "
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
        Section("A whole sequence", _sequence(measured)),
        Section("The derivative of each loss, and their sum", _derivatives(measured)),
        Section("Where the gradient comes from", _pictures(measured)),
        Section("Code to read", _code()),
        Section("Discussion", [Prose(_discussion(measured))]),
        Section("Questions and answers", _questions(measured)),
    ]


AIM = """
Look at a single time step of an LSTM: every value of the forward pass, and every derivative of the
backward pass. Then run the cell over a sequence with a loss at each step, and see which step each
part of the gradient comes from.
"""


def _theory() -> list[Prose | Math]:
    lstm = equation(LSTM)
    return [
        Prose(
            "The LSTM has two states: the output $h_{t}$ and the memory $c_{t}$. Three gates "
            "between 0 and 1 control them: $i$ determines how much of the new value $g$ is "
            "written, $f$ how much of the old $c$ is kept, and $o$ how much of $c$ is output."
        ),
        Math(lstm.latex, "lstm", "the LSTM as unrolled prints it"),
        Math(
            r"y_{t} = V h_{t} + c, \qquad L_{t} = (y_{t} - y^{\ast}_{t})^2, \qquad "
            r"L = \sum_{t} L_{t}",
            "loss",
            "an output and a loss at every step (here c is the bias of the output)",
        ),
        Prose(
            "From these equations unrolled derives the backward step. Read it from the top: each "
            "line uses only the lines above it, the values that the forward step stored in its "
            r"*cache*, and two derivatives from outside: $\delta h_{t}$, and the $\delta c$ of the "
            "next step."
        ),
        Math(lstm.backward.latex, "lstm-back", "the derived backward step"),
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
            f"In the first step the input is $x_{{1}}$ = ({inputs}), and both states are zero. "
            f"`lstm.cell_forward` computes {_below('lstm')} line by line:"
        ),
        Table(
            "cache",
            "the cache after the first step: every value, unit by unit",
            ("value", *(f"unit {n}" for n in range(hidden))),
            [(f"${n}_{{1}}$", *_vector(cache.values[n])) for n in names],
        ),
        Prose(
            f"Check one value by hand: the old $c$ is zero, so the new $c$ of unit 0 is "
            f"$i \\cdot g$ = {i:.4f} · ({g:.4f}) = {c:.4f}. The output is "
            f"{measured.step.y.item():.4f}, the target {measured.targets[0].item():.4f}."
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
            "Suppose that only the loss of this step counts. Its derivative with respect to the "
            f"output is $2 (y_{{1}} - y^{{\\ast}}_{{1}})$ = {step.d_y.item():.4f}. Multiplied by "
            "$V^{\\top}$, this gives the derivative with respect to $h_{1}$, from which "
            "`lstm.cell_backward` computes [@lstm-back]:"
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
        return rf"${bare.removesuffix('_prev')}_{{0}}$, the previous state"
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
            "`forward` calls this step in a loop: the states that one step returns are passed to "
            "the next, and every cache is kept for the backward pass."
        ),
        Table(
            "sequence",
            f"{measured.steps} time steps; the sum of the losses is {measured.whole.loss:.4f}",
            ("step", "norm of h", "norm of c", "output", "target", "loss"),
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
    rows.append(("sum", f"{sum(single):.6f}", "–"))
    rows.append(("all at once", f"{whole[WATCHED].flat[0]:.6f}", f"{global_norm(whole):.6f}"))
    return [
        Prose(
            "The loss is a sum, so its gradient is a sum. Here `backward` is called once for every "
            "step, with the derivative of *that* loss alone, and once for all losses together."
        ),
        Table(
            "derivatives",
            "the derivative of each loss with respect to one number, the first of $U_{f}$, and the "
            "norm of its gradient with respect to all weights of the cell",
            ("loss of step", "its derivative", "norm of the gradient"),
            rows,
        ),
        Prose(
            f"Over all weights, the sum of the gradients differs from the gradient of the sum by "
            f"at most {measured.sum_error:.1e}. The norms do not add up, because the gradients "
            f"point in different directions: {percent(measured.cancelled)} of their lengths cancel."
        ),
        Table(
            "check",
            "the gradient of the sum, compared with finite differences",
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
            "There is a second sum inside the first. The loss of step $t$ depends on *every* use "
            "of the weights up to step $t$, so its gradient is the sum of the contributions of "
            "steps 1 to $t$."
        ),
        Figure(
            "shares",
            "How much each step contributes to the gradient of each loss",
            [
                heat_map(
                    shares, x_label="contribution of step", y_label="loss of step", unit="norm",
                    rows=steps, columns=steps, title="Loss by loss",
                ),
                curves(
                    {"mean contribution": (np.arange(measured.steps), lags)},
                    x_label="steps between use and loss", y_label="norm", log_y=True,
                    title="Mean over all losses",
                ),
            ],
            alt=f"A triangle: rows are the losses of steps 1 to {measured.steps}, columns the "
            f"steps that contribute. And the mean by distance, from {lags[0]:.3g} to "
            f"{lags[-1]:.3g}.",
            caption="Above the diagonal it is empty: no step affects an earlier loss.",
        ),
    ]  # fmt: skip


def _code() -> list[Prose | Code]:
    return [
        Prose("The code that ran here. The whole network is one file, `unrolled.textbook.lstm`."),
        code_of(lstm.cell_forward, "one step forward, with its cache"),
        code_of(lstm.cell_backward, "one step backward"),
        code_of(Readout, "the output layer, with its derivatives"),
        code_of(forward, "forward over a sequence"),
        code_of(backward, "backward over a sequence"),
        code_of(one_step, "how this lab calls them for one step"),
    ]


def _discussion(measured: Measured) -> str:
    lags = measured.by_lag()
    far, near = lags[-1], lags[0]
    falls = all(later <= earlier for earlier, later in pairwise(lags))
    way = "falls with every step of distance" if falls else "does **not** fall with every step"
    factor = (far / near) ** (1 / (measured.steps - 1)) if near > 0 and measured.steps > 1 else 1.0
    lstm = equation(LSTM)
    return f"""
One step has {len(lstm.locals)} lines forward ([@lstm]) and {len(lstm.backward.locals)} backward
([@lstm-back]); a sequence is the same in a loop. The gradient of the sum of the losses is the sum
of their gradients, here up to {measured.sum_error:.1e} ([@derivatives]). It agrees with finite
differences up to a relative error of {max(measured.errors.values()):.1e} ([@check]).

The contribution of a step to the gradient of a later loss {way} ([@shares]): over
{measured.steps - 1} steps from {near:.3g} to {far:.3g}, a factor of {factor:.2f} per step. This
LSTM is untrained, with random weights. The lab `gradients` measures how the factor depends on the
cell and its weights.
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
            "The backward step uses the values of the forward step: the derivative of a sigmoid "
            "is $f (1 - f)$, and that of a product is the other factor. Without the cache all of "
            "them would have to be computed again.",
            ("cache", "lstm-back"),
        ),
        Question(
            "In the first step the forget gate has no derivative. Why?",
            "It is multiplied by the old $c$, which is zero at the start, so it changes nothing: "
            f"the largest derivative with respect to the sum inside it is {forgotten:.4f}. In "
            f"later steps it matters: the gradient of the whole loss with respect to $U_{{f}}$ "
            f"has a norm of {later:.3g}.",
            ("back", "derivatives"),
        ),
        Question(
            "What is special about the path through $c$?",
            f"From $c_{{1}}$ back to $c_{{0}}$ the derivative is only multiplied by the forget "
            f"gate, with no weight and no tanh in between. For unit 0 the ratio of the two "
            f"derivatives is {ratio:.4f}, and $f$ is {cache.values['f'][0, 0]:.4f}.",
            ("back", "cache"),
        ),
        Question(
            "Why is the triangle empty above its diagonal?",
            "The loss of step $t$ is computed before step $t + 1$ uses any weight, so later steps "
            "cannot affect it.",
            ("shares",),
        ),
        Question(
            "Which steps matter most for a loss?",
            f"Here the step itself, which contributes {lags[0]:.3g} on average; one step earlier "
            f"it is {lags[1]:.3g}, and {measured.steps - 1} steps earlier {lags[-1]:.3g}."
            if lags[0] == max(lags)
            else f"Here not the step itself: the largest mean contribution, {max(lags):.3g}, comes "
            f"from {lags.index(max(lags))} steps earlier; its own is {lags[0]:.3g}.",
            ("shares",),
        ),
    ]
