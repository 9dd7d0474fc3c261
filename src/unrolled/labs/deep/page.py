"""The page of lab `deep`. In: the measurements. Out: lines, and the sections of a page."""

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
Stack recurrent layers, each reading the states of the one below, and measure what that gains and
what it costs. For a fair comparison the deep networks are narrower, so that all have nearly the
same number of weights. Then search for a good learning rate, size and depth.
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
            "step; with more layers a value can be computed in several stages. In the backward "
            "pass the gradient passes through all layers, and each multiplies it by the slope of "
            "its nonlinearity: at most 1 for tanh, at most 0.25 for the sigmoid."
        ),
    ]


def _algorithm(measured: Measured) -> list[Prose | Table]:
    bits, odd = measured.example
    shown = range(10)
    return [
        Prose(
            f"The input is a sequence of {STEPS} random bits. The task at every step: is the "
            f"number of ones among the last {measured.window} bits odd? Every single bit changes "
            f"the answer, so the network must remember all {measured.window}. An example:"
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
            f"1. Draw {SEQUENCES} training sequences, {TEST} for validation, and {TEST} for the "
            f"final test.\n"
            f"2. Train with Adam at a learning rate of {RATE:g}, in batches of {BATCH}, with "
            f"gradients clipped to a norm of 1.\n"
            f"3. Repeat with each of {REPEATS} seeds. A run has *learned* the task if its loss per "
            f"step on the validation data falls below {LEARNED:g} (guessing has {GUESS:.3f})."
        ),
    ]


def _code() -> list[Prose | Code]:
    return [
        Prose("The task, and the two passes of a deep network."),
        code_of(parities, "the task"),
        code_of(Network.forward, "forward: the outputs of a layer are the inputs of the next"),
        code_of(
            Network.backward, "backward: the gradient of a layer's input goes to the one below"
        ),
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
            "shallow and deep networks with nearly the same number of weights",
            ("", "layers", "units each", "learned", "test accuracy", "weights",
             "sequential steps", "after epoch"),
            rows,
        ),
        Figure(
            "curves",
            "Training with one, two and three layers",
            [_learning(measured, kind) for kind in KINDS],
            alt="The loss on unseen data over the epochs for one, two and three layers, with tanh "
            "and with the sigmoid. " + "; ".join(found(measured)[:-1]),
            caption=f"Lines: mean of {REPEATS} seeds. Bands: from the best to the worst.",
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
        lines, x_label="epoch", y_label="loss per step (nats)", title=kind, log_y=True,
        bands=bands, levels={"guessing": GUESS}, y_range=(0.5 * lowest, 1.5),
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
            f"Train every combination of {len(RATES)} learning rates, {len(sizes)} sizes and "
            f"{len(DEPTHS)} depths, with tanh and one seed. Choose by the accuracy on the "
            f"validation data; use the test data once, for the chosen network."
        ),
        Figure(
            "search",
            "The search",
            panels,
            alt="Three heat maps of the accuracy, one for each depth, over learning rate and size.",
            caption=f"The darkest color is 50 %, the accuracy of guessing. "
            f"Chosen: {_described(chosen)}.",
        ),
        Table(
            "best",
            "the five best; ties are broken by fewer weights",
            ("layers", "units each", "rate", "weights", "validation accuracy"),
            [(one.depth, one.hidden, f"{one.rate:g}", one.weights, percent(one.validation, 2))
             for one in best],
        ),
        Prose(
            f"The chosen network, {_described(chosen)}, answers **{percent(chosen.test, 2)}** of "
            f"the test data correctly."
        ),
    ]  # fmt: skip


def _find(measured: Measured, depth: int, size: int, rate: float) -> Trained:
    return next(
        one for one in measured.search if (one.depth, one.hidden, one.rate) == (depth, size, rate)
    )


def _discussion(measured: Measured) -> str:
    return f"""
**What depth gains.** {brings(measured)} ([@compared], [@curves])

**What it costs.** With equal numbers of weights the arithmetic is nearly the same. But
{max(DEPTHS)} layers need {max(DEPTHS) * STEPS} steps one after another, one layer only {STEPS}
([@compared]), and the gradient passes through more layers: {_reaches(measured)} ([@norms]).

**The search.** {_searched(measured)} ([@search], [@best])
"""


def brings(measured: Measured) -> str:
    """One sentence for both nonlinearities if it is the same, else one for each."""
    first, second = (_brings(measured, kind) for kind in KINDS)
    if first == second:
        return f"With both {KINDS[0]} and {KINDS[1]}, {first}"
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
            f"no network of any depth learned the task in these epochs; the test accuracy is "
            f"{', '.join(shares)}, and that of guessing 50 %."
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
        f"every depth learned it in {first} of {REPEATS} runs, on average after this many epochs: "
        f"{times}."
    )


def _reaches(measured: Measured) -> str:
    ratios = {
        kind: measured.compared[kind, max(DEPTHS)][0].first_norms[0]
        / measured.compared[kind, max(DEPTHS)][0].first_norms[-1]
        for kind in KINDS
    }
    times = ", ".join(f"{ratio:.2g} times with {kind}" for kind, ratio in ratios.items())
    return f"relative to the top layer, the norm of the gradient in the lowest of three is {times}"


def _searched(measured: Measured) -> str:
    chosen = measured.chosen
    spread = {
        depth: np.ptp([one.validation for one in measured.search if one.depth == depth])
        for depth in DEPTHS
    }
    good = sum(one.validation > 0.99 for one in measured.search)
    return (
        f"{good} of {len(measured.search)} networks classified more than 99 % of the validation "
        f"data correctly; the smallest of the best is {_described(chosen)}. The worst and the best "
        "choice of rate and size differ by "
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
            "Otherwise they would have more weights, and it would not be clear whether depth or "
            f"size helped. Here the numbers of weights are between {min(sizes)} and {max(sizes)}.",
            ("compared",),
        ),
        Question(
            "Tanh or sigmoid?",
            f"With {ahead} {counts[ahead]} of {total} runs learned the task, with the other one "
            f"{min(counts.values())}. The slope of the sigmoid is at most 0.25, so less of the "
            f"gradient gets through: at the start its norm in the lowest of three layers is "
            f"{norms['sigmoid'][0]:.2g}, and {norms['tanh'][0]:.2g} with tanh."
            if len(set(counts.values())) > 1
            else f"Here both learned equally often, in {counts['tanh']} of {total} runs.",
            ("compared", "norms"),
        ),
        Question(
            "Which learning rate is best?",
            f"On average over sizes and depths {best_rate:g}. The mean validation accuracy is "
            + ", ".join(f"{percent(float(value))} at {rate:g}" for rate, value in by_rate.items())
            + ". The best rate depends on size and depth, so all three are searched together.",
            ("search",),
        ),
        Question(
            "Why are different data used for the choice and for the final test?",
            f"The best of {len(measured.search)} networks on a data set was partly lucky on it. "
            f"The chosen one has {percent(measured.chosen.validation, 2)} on the validation data, "
            f"and {percent(measured.chosen.test, 2)} on data that played no part in the choice.",
            ("best", "search"),
        ),
    ]
