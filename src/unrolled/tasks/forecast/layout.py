"""Prepares the training of a forecaster: checks series, splits them, chooses the inputs.

In: the user's series. Out: `TimeSeries`, parts, a `Layout`, or an error; next: forecast.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from unrolled.data.calendar import cycles_of, season_of
from unrolled.data.seasons import found_season
from unrolled.data.times import TimeStep
from unrolled.data.timeseries import TimeSeries
from unrolled.data.windows import Layout, drifts
from unrolled.errors import ArgumentError, DataError
from unrolled.tasks.forecast.job import Part

MEDIAN = 0.5
CLEARLY = 0.03  # mean gain in log-likelihood per step that is required for logarithms


def read_quantiles(text: str) -> tuple[float, ...]:
    """`0.1,0.5,0.9` from the command line."""
    try:
        return tuple(float(word) for word in text.split(","))
    except ValueError:
        raise ArgumentError(f"--quantiles must look like 0.1,0.5,0.9, not {text!r}") from None


def checked_quantiles(quantiles: Any) -> list[float]:
    """Check quantiles: ascending, between 0 and 1, including the median."""
    try:
        levels = [float(one) for one in quantiles]
    except (TypeError, ValueError):
        raise ArgumentError(f"quantiles must be between 0 and 1, not {quantiles!r}") from None
    if not levels or levels != sorted(set(levels)) or not 0 < levels[0] <= levels[-1] < 1:
        raise ArgumentError(
            f"quantiles must ascend between 0 and 1, as in (0.1, 0.5, 0.9), not {quantiles!r}"
        )
    if MEDIAN not in levels:
        raise ArgumentError(f"the quantiles must include 0.5, the forecast ({quantiles!r})")
    return levels


def parts_of(
    series: Sequence[TimeSeries], ahead: int, horizon: int, validation: float, test: float
) -> tuple[dict[str, Part], list[int], list[int]]:
    """The parts of each series, and the first steps of validation and test.

    An origin is evaluated if its whole horizon (`ahead` steps) is in the part. `horizon` is that of
    a backtest.
    """
    learned, tested = [], []
    for one in series:
        length = len(one)
        held = max(round(length * test), horizon) if test else 0
        start = length - held
        seen = max(round(start * validation), ahead) if validation else 0
        if start - seen <= ahead:
            raise DataError(
                f"the series {one.name!r} has {length:,} steps: too few to learn {horizon} steps "
                f"ahead with {seen} for validation and {held} for the test; use "
                "more steps, or a smaller horizon"
            )
        learned.append(start - seen)
        tested.append(start)
    parts = {"train": Part([0] * len(series), [end - 2 for end in learned], learned)}
    if validation:
        parts["validation"] = _part(learned, tested, ahead)
    if test:
        parts["test"] = _part(tested, [len(one) for one in series], ahead)
    return parts, learned, tested


def _part(begin: list[int], end: list[int], ahead: int) -> Part:
    first = [start - 1 for start in begin]
    return Part(first, [max(stop - 1 - ahead, start - 1) for start, stop in zip(begin, end)], end)


def layout_of(
    series: Sequence[TimeSeries],
    learned: Sequence[int],
    horizon: int,
    *,
    season: int | None,
    calendar: bool,
    note: Callable[[str], None] = lambda text: None,
) -> Layout:
    """The inputs of the network, from the training parts.

    The default season is that of the calendar or, without one, is estimated from the data.
    """
    steps = {(one.step.count, one.step.unit) for one in series}
    if len(steps) > 1:
        names = ", ".join(f"{one.name!r} has {one.step}" for one in series[:3])
        raise DataError(f"all series must have the same step, but {names}: see --every")
    widths = {(one.known.shape[1], one.past.shape[1]) for one in series}
    if len(widths) > 1:
        raise DataError("all series must have the same covariates")
    step = series[0].step
    fewest = min(learned)
    pasts = [one.without_gaps()[:end] for one, end in zip(series, learned)]
    if season is None:
        season = season_of(step)
        if season == 1:
            season = _season_of_data(pasts, step, note)
    known = np.concatenate([one.known[:end] for one, end in zip(series, learned)])
    past = np.concatenate([one.past[:end] for one, end in zip(series, learned)])
    dated = all(one.has_dates for one in series)
    return Layout(
        horizon=horizon,
        season=season if 2 * season <= fewest else 1,
        cycles=cycles_of(step, fewest) if calendar and dated else [],
        level=sum(map(drifts, pasts)) <= len(pasts) / 2,
        gaps=any(np.isnan(one.values[:end]).any() for one, end in zip(series, learned)),
        known_means=known.mean(0).tolist(),
        known_scales=_scales(known),
        past_means=past.mean(0).tolist(),
        past_scales=_scales(past),
        logs=better_in_logs(pasts, season if 2 * season <= fewest else 1),
    )


def better_in_logs(pasts: Sequence[Any], season: int) -> bool:
    """Whether the changes of the series are more uniform in logarithms.

    The criterion is the Laplace likelihood of seasonal changes with the transformation of Box and
    Cox (1964): mean |change of log y| times the geometric mean of y is compared with mean |change
    of y|. It must be clearly smaller, since logarithms also amplify small values.
    """
    if any((values <= 0).any() for values in pasts):
        return False
    found = []
    for values in pasts:
        changes = np.abs(values[season:] - values[:-season])
        if changes.any():
            logs = np.log(values)
            in_logs = np.abs(logs[season:] - logs[:-season]).mean() * np.exp(logs.mean())
            found.append(math.log(in_logs / changes.mean()))
    return bool(found) and float(np.mean(found)) < -CLEARLY


def _season_of_data(pasts: Sequence[Any], step: TimeStep, note: Callable[[str], None]) -> int:
    found = found_season(pasts)
    if found is None:
        return 1
    note(
        f"the season was estimated as {found.steps} steps of {step}, where the autocorrelation "
        f"is highest ({found.correlation:.2f}); --season N sets another, "
        "--season 1 none"
    )
    return found.steps


def _scales(columns: Any) -> list[float]:
    """Standard deviations; 1 for a constant column."""
    return [float(one) or 1.0 for one in columns.std(0)]


def refuse_other_columns(series: Sequence[TimeSeries], layout: Layout) -> None:
    """Refuse series that lack what the training series had."""
    for one in series if layout.logs else ():
        if not (one.values > 0).any():
            raise DataError(
                f"the series {one.name!r} has no value above 0, and the forecaster uses "
                "logarithms, since all training values were positive"
            )
    known, past = len(layout.known_means), len(layout.past_means)
    for one in series:
        if (one.known.shape[1], one.past.shape[1]) != (known, past):
            raise DataError(
                f"the series {one.name!r} has {one.known.shape[1]} known and "
                f"{one.past.shape[1]} past covariates, and the forecaster was trained with "
                f"{known} and {past}"
            )
        if layout.cycles and not one.has_dates:
            raise DataError(
                f"the series {one.name!r} has no dates, and the forecaster was trained with the "
                f"{' and the '.join(layout.cycles)}"
            )


def place_in(other: TimeSeries, one: TimeSeries, step: int) -> int:
    """The position of a step of a series in another one with the same values, or else 0."""
    if other is one:
        return step
    if other.has_dates != one.has_dates or other.step != one.step:
        return 0
    times = other.times(0, len(other))
    _, theirs, ours = np.intersect1d(times, one.times(0, len(one)), return_indices=True)
    alike = np.isclose(other.values[theirs], one.values[ours], equal_nan=True)
    if alike.sum() <= len(alike) / 2:  # a few may have been corrected since
        return 0
    return int(np.searchsorted(times, one.times(step, step + 1)[0]))


def refuse_unknown_future(series: Sequence[TimeSeries], horizon: int) -> None:
    """Refuse known covariates that do not cover the forecast."""
    for one in series:
        missing = len(one) + horizon - len(one.known)
        if one.known.shape[1] and missing > 0:
            raise DataError(
                f"the known covariates of {one.name!r} end {missing} steps before the forecast: "
                "add rows with their values and an empty value for each step ahead, or name them "
                "with --past"
            )
