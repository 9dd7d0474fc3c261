"""What the numbers say. In: the numbers of a run. Out: discussion, answers, and what was found.

Each sentence is chosen by the measurement; where a number contradicts the theory, it says so.
"""

from __future__ import annotations

import numpy as np

from unrolled.labs.memory.measure import Learned, Measured, attention, reach
from unrolled.labs.memory.problems import ADDING, COPYING, Problem
from unrolled.report.blocks import Question
from unrolled.report.numbers import number, percent

GATED = ("GRU", "LSTM")


def score_words(problem: Problem, score: float) -> str:
    return percent(score) if problem is COPYING else number(score, 3)


def reaches(measured: Measured, problem: Problem) -> dict[str, int]:
    """Cell -> the longest lag up to which it solved every lag."""
    return {name: reach(runs) for name, runs in measured.runs[problem.name].items()}


def joined(names: list[str]) -> str:
    """a, b and c."""
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]


def found(measured: Measured) -> list[str]:
    lines = []
    for problem in (ADDING, COPYING):
        told = ", ".join(
            f"{name} {lag or 'none'}" for name, lag in reaches(measured, problem).items()
        )
        lines.append(f"{problem.name}, longest lag learned: {told}")
    return lines


def discussion(measured: Measured) -> str:
    return "\n\n".join(
        [
            *(_ranking(measured, problem) for problem in (ADDING, COPYING)),
            _prediction(measured),
            _limits(measured),
        ]
    )


def _ranking(measured: Measured, problem: Problem) -> str:
    lags = measured.lags[problem.name]
    by_reach = reaches(measured, problem)
    groups: dict[int, list[str]] = {}
    for name, lag in by_reach.items():
        groups.setdefault(lag, []).append(name)
    told = "; ".join(
        f"{joined(names)} {_as_far_as(lag, lags, len(names) > 1)}"
        for lag, names in sorted(groups.items(), reverse=True)
    )
    late = [
        f"{name} at lag {one.lag}"
        for name, runs in measured.runs[problem.name].items()
        for one in runs
        if one.solved and one.lag > by_reach[name]
    ]
    luck = (
        f" {joined(late)} was learned despite failing at a shorter lag: runs vary." if late else ""
    )
    return f"**{problem.name.capitalize()}.** {told} ([@{problem.name}-scores]).{luck}"


def _as_far_as(lag: int, lags: list[int], many: bool) -> str:
    if lag == 0:
        return f"did not solve even the shortest lag, {lags[0]}"
    if lag == lags[-1]:
        return f"solved every lag up to {lag}, the longest that was tried"
    return f"learned up to lag {lag} and failed at {lags[lags.index(lag) + 1]}"


def _prediction(measured: Measured) -> str:
    """The theory says that gated cells remember longer; did they?"""
    parts = []
    for problem in (ADDING, COPYING):
        by_reach = reaches(measured, problem)
        plain = max(lag for name, lag in by_reach.items() if name not in GATED)
        winners = [name for name in GATED if by_reach[name] > plain]
        losers = [name for name in GATED if by_reach[name] <= plain]
        if not losers:
            parts.append(f"in {problem.name}, both gated cells reach further than the other two")
        elif winners:
            parts.append(
                f"in {problem.name}, {joined(winners)} does, but {joined(losers)} does **not**"
            )
        else:
            parts.append(f"in {problem.name}, it does **not**: neither gated cell reaches further")
    lstm, gru = (
        sum(reaches(measured, problem)[name] for problem in (ADDING, COPYING))
        for name in ("LSTM", "GRU")
    )
    between = (
        "The GRU reaches further than the LSTM here, which the theory does not predict"
        if gru > lstm
        else "The LSTM reaches further than the GRU"
        if lstm > gru
        else "The LSTM and the GRU reach equally far"
    )
    return (
        f"**Does a gate help, as the theory says?** In this run: "
        f"{'; '.join(parts)} ([@adding-scores], [@copying-scores]). {between}."
    )


def _limits(measured: Measured) -> str:
    return (
        f"**What this does not show.** Each run had {measured.updates} updates and "
        f"{measured.hidden} units: *failed* means not within these. A cell that fails here may "
        "learn with more updates; the curves show whether its loss was still falling, or had not "
        "started to ([@adding-curves], [@copying-curves]). Results vary with the seed, often by "
        "one lag: try another with the command at the end of this page."
    )


def quickest(measured: Measured) -> tuple[str, Learned]:
    """Of the runs that solved the longest lag of adding that anyone solved, the shortest."""
    runs = [(name, one) for name, all_lags in measured.runs["adding"].items() for one in all_lags]
    return min(runs, key=lambda pair: (not pair[1].solved, -pair[1].lag, pair[1].updates))


def marked_share(measured: Measured, one: Learned) -> float:
    """The share of all |dL/dx| that lies on the two marked numbers, over some new sequences."""
    random = np.random.default_rng(one.lag)
    shares = []
    for _ in range(20):
        xs, targets = ADDING.draw(one.lag, 1, random)
        seen = attention(one.network, xs, targets)
        total = seen.sum()
        shares.append(float(seen[xs[:, 1, 0] > 0].sum() / total) if total > 0 else 0.0)
    return float(np.mean(shares))


def questions(measured: Measured) -> list[Question]:
    return [*_about_adding(measured), *_about_cells(measured)]


def _about_adding(measured: Measured) -> list[Question]:
    name, best = quickest(measured)
    share = marked_share(measured, best)
    elman = measured.runs["adding"]["Elman"][-1]
    return [
        Question(
            "How can you be sure that a network adds, rather than guesses?",
            f"Always guessing the mean sum gives a squared error of {number(ADDING.guessing, 3)}; "
            f"solved means a tenth of that. And in the {name} at lag {best.lag}, "
            f"{percent(share, 0)} of the derivative of the loss with respect to the {best.lag} "
            "numbers falls on the two marked ones.",
            ["adding-scores", "looks"],
        ),
        Question(
            "What does the simple network do at a lag that it cannot learn?",
            f"At lag {elman.lag} its squared error ends at {number(elman.score, 3)}; "
            f"guessing the mean gives {number(ADDING.guessing, 3)}: "
            + (
                "it learned the mean of the sums, and nothing about individual ones."
                if not elman.solved and elman.score > 0.75 * ADDING.guessing
                else "it learned part of the task."
                if not elman.solved
                else "it solved every lag that was tried."
            ),
            ["adding-curves", "adding-scores"],
        ),
    ]


def _about_cells(measured: Measured) -> list[Question]:
    irnn = reaches(measured, ADDING)["IRNN"], reaches(measured, ADDING)["Elman"]
    rates = {cell: runs[0].rate for cell, runs in measured.runs["adding"].items()}
    return [
        Question(
            "Can a simple network be helped without gates?",
            "The IRNN is the simple network with rectified units and the identity for its first "
            "$U$, so that its state persists by default. In adding it reaches lag "
            f"{irnn[0] or 'none'}, the Elman network {irnn[1] or 'none'}: "
            + ("it helps." if irnn[0] > irnn[1] else "in this run it did not help."),
            ["adding-scores", "irnn"],
        ),
        Question(
            "Is the comparison fair?",
            "All cells have the same number of units and updates and see the same sequences, but a "
            "gated cell has more weights. The learning rate was chosen for each cell from two, at "
            "the shortest lag: "
            + ", ".join(f"{cell} {rate:g}" for cell, rate in rates.items())
            + ". A rate that suits a short lag need not suit a long one.",
            ["runs"],
        ),
    ]
