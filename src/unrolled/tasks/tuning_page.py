"""The report of a search. In: a study. Out: a `Page`; next: `cli`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import optuna

from unrolled.report.blocks import Block, Figure, Page, Prose, Section, Table
from unrolled.report.figures import bars, curves
from unrolled.tasks.reporting import quoted
from unrolled.tasks.tuning import best_of, importance_of

LISTED = 20  # trials
STATES = {
    optuna.trial.TrialState.COMPLETE: "complete",
    optuna.trial.TrialState.PRUNED: "stopped early",
    optuna.trial.TrialState.FAIL: "failed",
    optuna.trial.TrialState.RUNNING: "running, or its process was ended",
    optuna.trial.TrialState.WAITING: "waiting",
}


def page_of(study: optuna.Study, names: Sequence[str], figure: str, command: str) -> Page:
    """The best trial, the importance of parameters, and all trials."""
    best, trials = best_of(study), study.get_trials(deepcopy=False)
    shown = figure.replace("_", " ")
    return Page(
        title="A search for parameters",
        lead=(
            f"Of {len(trials)} trials, number {best.number} has the lowest {shown}: "
            f"{best.value:.4g}. Test rows played no part in the choice; the report of the best run "
            "contains its test metrics."
        ),
        sections=[
            Section("The best parameters", [_best(best)]),
            Section("Importance of the parameters", _importance(study)),
            Section("The trials", [_over_time(trials, shown), _trials(trials, names, shown)]),
        ],
        command=command,
    )


def _best(best: optuna.trial.FrozenTrial) -> Table:
    rows = [[name, _cell(value)] for name, value in best.params.items()]
    return Table("best", "The trial with the lowest metric.", ["parameter", "value"], rows)


def _importance(study: optuna.Study) -> list[Block]:
    shares = importance_of(study)
    if not shares:
        return [Prose("There are too few complete trials to estimate importance.")]
    rows = [[name, f"{share:.0%}"] for name, share in shares.items()]
    panel = bars(shares, y_label="share of the variance")
    return [
        Figure("importance", "Importance of each parameter", panel, "a bar for each parameter",
               "The share of the variance between trials explained by this parameter (fANOVA). "
               "With few trials it is a rough estimate."),
        Table("shares", "The same as numbers.", ["parameter", "share"], rows),
    ]  # fmt: skip


def _over_time(trials: Sequence[optuna.trial.FrozenTrial], shown: str) -> Figure:
    done = [one for one in trials if one.value is not None and math.isfinite(one.value)]
    numbers = [float(one.number + 1) for one in done]
    values = [float(one.value or 0.0) for one in done]
    best = [min(values[: place + 1]) for place in range(len(values))]
    lines = {"each trial": (numbers, values), "the best so far": (numbers, best)}
    panel = curves(lines, x_label="trial", y_label=shown)
    return Figure("history", "Trial by trial", panel, f"{shown} by trial")


def _trials(trials: Sequence[optuna.trial.FrozenTrial], names: Sequence[str], shown: str) -> Table:
    def place(one: optuna.trial.FrozenTrial) -> tuple[bool, float]:
        is_complete = one.state == optuna.trial.TrialState.COMPLETE
        return not is_complete, math.inf if one.value is None else one.value

    rows = [
        [str(one.number), "" if one.value is None else f"{one.value:.4g}", STATES[one.state],
         *(_cell(one.params.get(name, "")) for name in names)]
        for one in sorted(trials, key=place)[:LISTED]
    ]  # fmt: skip
    many = f"The best {LISTED} of {len(trials)}." if len(trials) > LISTED else "The best first."
    return Table("trials", many, ["trial", shown, "state", *names], rows)


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return quoted(value, 40) if isinstance(value, str) and value else str(value)


def lines_of(best: optuna.trial.FrozenTrial, importance: Mapping[str, float]) -> list[str]:
    """The same for a terminal."""
    lines = [f"Best trial: {best.number} ({best.value:.4g})"]
    for name, value in best.params.items():
        share = f"  importance {importance[name]:.0%}" if name in importance else ""
        lines.append(
            f"  {name:<14} {value if not isinstance(value, float) else f'{value:.4g}'}{share}"
        )
    return lines
