"""What lab `deep` has to say. In: what was measured. Out: lines, and the sections of a page."""

from __future__ import annotations

import numpy as np

from unrolled.cells import Elman
from unrolled.cells.base import equation
from unrolled.labs.deep.measuring import (
    BATCH,
    DEPTHS,
    KINDS,
    LEARNED,
    RATE,
    RATES,
    REPEATS,
    SEQUENCES,
    STEPS,
    TEST,
    Measured,
    Trained,
    parities,
)
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
from unrolled.report.drawing import Panel
from unrolled.report.figures import curves, heat_map
from unrolled.report.numbers import counted, percent
from unrolled.textbook import Network

GUESS = float(np.log(2))


def found(measured: Measured) -> list[str]:
    chosen = measured.chosen
    return [
        *(
            f"{kind}, {counted(depth, 'layer')} of {runs[0].hidden} units "
            f"({runs[0].weights} weights): learned in {measured.reliability(depth, kind)} of "
            f"{REPEATS} runs, mean test accuracy {percent(_mean(runs))}"
            for (kind, depth), runs in measured.compared.items()
        ),
        f"the search chose {_described(chosen)}: {percent(chosen.test)} on the test data",
    ]


def _mean(runs: list[Trained]) -> float:
    return float(np.mean([one.test for one in runs]))


def _described(one: Trained) -> str:
    return f"{counted(one.depth, 'layer')} of {one.hidden} units at a rate of {one.rate:g}"


def sections(measured: Measured) -> list[Section]:
    """The page, from the aim to the answers."""
    return [
        Section("Aim", [Prose(AIM)]),
        Section("Theory", _theory()),
        Section("The algorithm, with this run's numbers", _algorithm(measured)),
        Section("Code to read", _code()),
        Section("Shallow and deep, tanh and sigmoid", _comparison(measured)),
        Section("A small search", _search(measured)),
        Section("Discussion", [Prose(_discussion(measured))]),
        Section("Questions and answers", _questions(measured)),
    ]


AIM = """
Put recurrent layers on top of one another, each fed by the states of the one below, and find out
what that brings and what it costs. So that the comparison is fair, the deep networks are narrower:
all have nearly the same number of weights. Then search for a good learning rate, size and depth.
"""


def _theory() -> list[Prose | Math]:
    return [
        Prose("Each layer is the simple recurrent network, as unrolled prints it:"),
        Math(equation(Elman).latex, "layer", "one layer; in this lab also with a sigmoid"),
        Prose("In a deep network the input of a layer is the state of the one below it:"),
        Math(
            r"\begin{aligned} h^{(1)}_{t} &= \tanh(W^{(1)} x_{t} + U^{(1)} h^{(1)}_{t-1} + "
            r"b^{(1)}) \\ h^{(2)}_{t} &= \tanh(W^{(2)} h^{(1)}_{t} + U^{(2)} h^{(2)}_{t-1} + "
            r"b^{(2)}) \\ y_{t} &= V h^{(2)}_{t} + c \end{aligned}",
            "deep",
            "two layers",
        ),
        Prose(
            "A shallow network has one nonlinearity between an input and the output of the same "
            "step; with more layers a value can be computed in several stages. On the way back the "
            "gradient passes all of them, and each multiplies it by the slope of its nonlinearity: "
            "at most 1 for tanh, at most 0.25 for the sigmoid."
        ),
    ]


def _algorithm(measured: Measured) -> list[Prose | Table]:
    bits, odd = measured.example
    shown = range(10)
    return [
        Prose(
            f"The task: a row of {STEPS} random bits; at every step, is the number of ones among "
            f"the last {measured.window} odd? A single wrong bit makes the answer wrong, so "
            f"nothing short of remembering all {measured.window} helps. An example:"
        ),
        Table(
            "example",
            "the first steps of one sequence",
            ("", *(str(t + 1) for t in shown)),
            [
                ("bit", *(f"{(bits[t] + 1) / 2:.0f}" for t in shown)),
                ("odd", *(str(odd[t]) for t in shown)),
            ],
        ),
        Prose(
            f"1. {SEQUENCES} sequences are for learning, {TEST} for choosing, {TEST} for the last "
            f"word.\n"
            f"2. Adam at a rate of {RATE:g}, batches of {BATCH}, gradients clipped at a norm of "
            f"1.\n"
            f"3. The same for each of {REPEATS} seeds; a run counts as *learned* when its loss a "
            f"step on data it has not seen is below {LEARNED:g} (a guess costs {GUESS:.3f})."
        ),
    ]


def _code() -> list[Prose | Code]:
    return [
        Prose("The task, and the two passes of a deep network."),
        code_of(parities, "the task"),
        code_of(Network.forward, "forward: the outputs of a layer are the inputs of the next"),
        code_of(Network.backward, "backward: what a layer's input gets is handed down"),
    ]


def _comparison(measured: Measured) -> list[Prose | Table | Figure]:
    rows = []
    for (kind, depth), runs in measured.compared.items():
        after = [str(one.learned_after or "–") for one in runs]
        rows.append(
            (kind, depth, runs[0].hidden, f"{measured.reliability(depth, kind)} of {REPEATS}",
             percent(_mean(runs)), runs[0].weights, depth * STEPS, ", ".join(after))
        )  # fmt: skip
    return [
        Table(
            "compared",
            "shallow and deep at nearly the same number of weights",
            ("", "layers", "units each", "learned", "test accuracy", "weights", "cells in a row",
             "after epoch"),
            rows,
        ),
        Figure(
            "curves",
            "Learning, layer by layer",
            [_learning(measured, kind) for kind in KINDS],
            alt="The loss on unseen data over the epochs for one, two and three layers, with tanh "
            "and with the sigmoid. " + "; ".join(found(measured)[:-1]),
            caption=f"Lines: the mean of {REPEATS} seeds; bands: from the best to the worst.",
        ),
        Table(
            "norms",
            "the norm of the gradient that reaches each layer before training (three layers, the "
            "first seed)",
            ("", *(f"layer {n}" for n in range(1, max(DEPTHS) + 1)), "lowest / highest"),
            [
                (kind, *norms, f"{norms[0] / norms[-1]:.3g}")
                for kind in KINDS
                for norms in [measured.compared[kind, max(DEPTHS)][0].first_norms]
            ],
        ),
    ]  # fmt: skip


def _learning(measured: Measured, kind: str) -> Panel:
    lines, bands = {}, {}
    for depth in DEPTHS:
        all_curves = np.array([one.curve for one in measured.compared[kind, depth]])
        name = counted(depth, "layer")
        lines[name] = all_curves.mean(axis=0)
        bands[name] = (all_curves.min(axis=0), all_curves.max(axis=0))
    lowest = min(one.curve.min() for runs in measured.compared.values() for one in runs)
    return curves(
        lines, x_label="epoch", y_label="loss a step (nats)", title=kind, log_y=True,
        bands=bands, levels={"a guess": GUESS}, y_range=(0.5 * lowest, 1.5),
    )  # fmt: skip


def _search(measured: Measured) -> list[Prose | Table | Figure]:
    chosen = measured.chosen
    sizes = sorted({one.hidden for one in measured.search})
    panels = []
    for depth in DEPTHS:
        grid = [
            [100 * _find(measured, depth, size, rate).validation for size in sizes]
            for rate in RATES
        ]
        panels.append(
            heat_map(
                grid, x_label="units in each layer", y_label="learning rate", unit="accuracy (%)",
                rows=[f"{rate:g}" for rate in RATES], columns=[str(size) for size in sizes],
                limits=(50.0, 100.0), show_values=True, digits=0, title=counted(depth, "layer"),
            )
        )  # fmt: skip
    best = sorted(measured.search, key=lambda one: (-one.validation, one.weights))[:5]
    return [
        Prose(
            f"Every combination of {len(RATES)} learning rates, {len(sizes)} sizes and "
            f"{len(DEPTHS)} depths, with tanh and one seed. The accuracy on the validation data "
            f"decides; the test data are looked at once, for the one that was chosen."
        ),
        Figure(
            "search",
            "The search",
            panels,
            alt="Three heat maps of the accuracy, one for each depth, over learning rate and size.",
            caption=f"Half of the answers are right by guessing: 50 % is the darkest colour. "
            f"Chosen: {_described(chosen)}.",
        ),
        Table(
            "best",
            "the five best; of equals the one with fewer weights comes first",
            ("layers", "units each", "rate", "weights", "validation accuracy"),
            [(one.depth, one.hidden, f"{one.rate:g}", one.weights, percent(one.validation, 2))
             for one in best],
        ),
        Prose(
            f"The chosen network, {_described(chosen)}, gets **{percent(chosen.test, 2)}** of the "
            f"test data right."
        ),
    ]  # fmt: skip


def _find(measured: Measured, depth: int, size: int, rate: float) -> Trained:
    return next(
        one for one in measured.search if (one.depth, one.hidden, one.rate) == (depth, size, rate)
    )


def _discussion(measured: Measured) -> str:
    return f"""
**What depth brings.** {brings(measured)} ([@compared], [@curves])

**What it costs.** With as many weights the arithmetic is nearly the same, but {max(DEPTHS)} layers
make {max(DEPTHS) * STEPS} cells that wait for one another where one layer makes {STEPS}
([@compared]), and the gradient has further to go: {_reaches(measured)} ([@norms]).

**The search.** {_searched(measured)} ([@search], [@best])
"""


def brings(measured: Measured) -> str:
    """One sentence for both nonlinearities where it is the same, else one for each."""
    first, second = (_brings(measured, kind) for kind in KINDS)
    if first == second:
        return f"With {KINDS[0]} and {KINDS[1]} alike, {first}"
    return f"With {KINDS[0]}, {first} With {KINDS[1]}, {second}"


def _brings(measured: Measured, kind: str) -> str:
    by_depth = {depth: measured.reliability(depth, kind) for depth in DEPTHS}
    first, best = by_depth[1], max(by_depth.values())
    epochs = {
        depth: [one.learned_after for one in measured.compared[kind, depth] if one.learned_after]
        for depth in DEPTHS
    }
    if best == 0:
        shares = [
            f"{percent(_mean(measured.compared[kind, depth]))} ({counted(depth, 'layer')})"
            for depth in DEPTHS
        ]
        return (
            f"no network of any depth learned the task in these epochs; the share of correct "
            f"answers on the test data is {', '.join(shares)}, where guessing has 50 %."
        )
    if best > first:
        deep = max(by_depth, key=lambda depth: (by_depth[depth], -depth))
        return (
            f"one layer learned the task in {first} of {REPEATS} runs, "
            f"{deep} layers in {by_depth[deep]}."
        )
    if best > min(by_depth[depth] for depth in DEPTHS[1:]):
        return (
            f"depth did **not** help: one layer learned it in {first} of {REPEATS} "
            f"runs, {' and '.join(f'{d} layers in {by_depth[d]}' for d in DEPTHS[1:])}."
        )
    times = ", ".join(f"{np.mean(epochs[d]):.0f} ({counted(d, 'layer')})" for d in DEPTHS)
    return (
        f"every depth learned it in {first} of {REPEATS} runs; epochs it took on average: {times}."
    )


def _reaches(measured: Measured) -> str:
    ratios = {
        kind: measured.compared[kind, max(DEPTHS)][0].first_norms[0]
        / measured.compared[kind, max(DEPTHS)][0].first_norms[-1]
        for kind in KINDS
    }
    told = ", ".join(f"{ratio:.2g} with {kind}" for kind, ratio in ratios.items())
    return f"the lowest of three layers gets a gradient whose norm is {told}, relative to the top"


def _searched(measured: Measured) -> str:
    chosen = measured.chosen
    spread = {
        depth: np.ptp([one.validation for one in measured.search if one.depth == depth])
        for depth in DEPTHS
    }
    good = sum(one.validation > 0.99 for one in measured.search)
    return (
        f"{good} of {len(measured.search)} networks classified more than 99 % of the validation "
        f"data correctly; the smallest of the best is {_described(chosen)}. Between the worst and "
        "the best choice of rate and size lie "
        + ", ".join(
            f"{counted(round(100 * s), 'point')} with {counted(d, 'layer')}"
            for d, s in spread.items()
        )
        + "."
    )


def _questions(measured: Measured) -> list[Question]:
    norms = {kind: measured.compared[kind, max(DEPTHS)][0].first_norms for kind in KINDS}
    by_rate = {
        rate: np.mean([one.validation for one in measured.search if one.rate == rate])
        for rate in RATES
    }
    best_rate = max(by_rate, key=lambda rate: by_rate[rate])
    counts = {kind: sum(measured.reliability(d, kind) for d in DEPTHS) for kind in KINDS}
    total = REPEATS * len(DEPTHS)
    sizes = [runs[0].weights for runs in measured.compared.values()]
    ahead = max(counts, key=lambda kind: counts[kind])
    return [
        Question(
            "Why are the deep networks narrower?",
            "Otherwise they would have more weights, and one would not know whether depth or size "
            f"had helped. Here the counts lie between {min(sizes)} and {max(sizes)}.",
            ("compared",),
        ),
        Question(
            "Tanh or sigmoid?",
            f"{ahead.capitalize()} learned in {counts[ahead]} of {total} runs, the other in "
            f"{min(counts.values())}. The slope of the sigmoid is at most 0.25, so less of the "
            f"gradient comes through: to the lowest of three layers {norms['sigmoid'][0]:.2g} at "
            f"the start, against {norms['tanh'][0]:.2g} with tanh."
            if len(set(counts.values())) > 1
            else f"Here both learned equally often, in {counts['tanh']} of {total} runs.",
            ("compared", "norms"),
        ),
        Question(
            "Which learning rate is best?",
            f"Averaged over sizes and depths {best_rate:g}, with "
            f"{percent(float(by_rate[best_rate]))} of the validation data right: "
            + ", ".join(f"{percent(float(value))} at {rate:g}" for rate, value in by_rate.items())
            + ". It depends on size and depth, which is why they are searched together.",
            ("search",),
        ),
        Question(
            "Why is the choice made on other data than the final test?",
            f"Among {len(measured.search)} networks the best on a set is partly lucky on that set. "
            f"The chosen one has {percent(measured.chosen.validation, 2)} there and "
            f"{percent(measured.chosen.test, 2)} on data that had no part in the choice.",
            ("best", "search"),
        ),
    ]
