"""The report of a forecaster. In: the fitted parts and a backtest. Out: a `Page`; next: the run."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from unrolled.cells.choosing import ChosenCell
from unrolled.data.windows import Prepared
from unrolled.report.blocks import Block, Figure, Live, Page, Prose, Section, Table
from unrolled.report.figures import curves, forecast
from unrolled.report.numbers import counted
from unrolled.tasks.forecast.backtests import NETWORK, Backtest, Tried
from unrolled.tasks.forecast.model import ForecastNetwork
from unrolled.tasks.forecast.shares import Shares
from unrolled.tasks.live import with_reason
from unrolled.tasks.looking import Reading, norms_by_lag, read_closely
from unrolled.tasks.reporting import (
    every_parameter,
    inside,
    learning,
    quoted,
    the_cell,
    trained_on,
)
from unrolled.training.job import State

HISTORY = 3  # horizons of history in a figure
FUTURES = 4  # series whose future is drawn
LONGEST = 200  # steps with drawn states
FOR_LAGS = 20  # parts of series over which the derivative by lag is averaged
WORDS = {
    "mae": "MAE", "rmse": "RMSE", "smape": "sMAPE (%)", "mase": "MASE", "pinball": "pinball",
    "coverage": "coverage",
}  # fmt: skip


@dataclass(frozen=True)
class Findings:
    """The content of the page."""

    config: Mapping[str, Any]
    cell: ChosenCell
    model: ForecastNetwork
    state: State
    value: str  # what is forecast
    series: Sequence[Prepared]
    learned: Sequence[int]
    tested: Sequence[int]
    backtest: Backtest
    shares: Shares
    part: str  # the part of the backtest
    futures: Sequence[Any]  # `Forecast` of each series
    notes: Sequence[str]
    live: Live | str  # a sentence if the page has no network
    command: str


def page_of(found: Findings) -> Page:
    """The whole report."""
    weights = sum(weight.numel() for weight in found.model.parameters())
    horizon, step = found.series[0].layout.horizon, found.series[0].series.step
    mae = found.backtest.figures[NETWORK]["mae"]
    notes = with_reason(found.notes, found.live)
    return Page(
        title=f"A forecast of {found.value[:60]}",
        lead=(
            f"A recurrent network ({found.cell.name}) forecasts {horizon} steps of {step} ahead; "
            f"on the {found.part} set its mean absolute error is {mae:.4g}, "
            f"{_compared(found.backtest)}{_better(found.backtest)}."
        ),
        sections=[
            trained_on(found.config, _part_rows(found), notes),
            the_cell(found.cell, weights),
            learning(
                found.state.history,
                found.state.best_epoch,
                {"loss": "loss (pinball, scaled)", "mae": "mean absolute error"},
            ),
            _how_good(found),
            _pictures(found),
            _future(found),
            _inside(found),
            every_parameter(found.config),
        ],
        command=found.command,
        live=found.live if isinstance(found.live, Live) else None,
    )


def _compared(backtest: Backtest) -> str:
    gain, other = backtest.gain, "the seasonal naive method"
    if gain == -math.inf:
        return f"where {other} makes no error: each season repeats the one before exactly"
    return f"{abs(gain):.0%} {'less' if gain >= 0 else 'more'} than {other}"


def _better(backtest: Backtest) -> str:
    """The method that is more accurate than the network, if there is one."""
    errors = {method: figures["mae"] for method, figures in backtest.figures.items()}
    best = min(errors, key=lambda method: (errors[method], method != NETWORK))
    return (
        "" if best == NETWORK else f"; the method {best} is more accurate here ({errors[best]:.4g})"
    )


def _part_rows(found: Findings) -> list[list[Any]]:
    rows: list[list[Any]] = [["series", "from", "steps", "training", "validation", "test"]]
    for one, learned, tested in zip(found.series[:12], found.learned, found.tested):
        rows.append(
            [
                quoted(one.series.name, 40), shown_time(one.series.first), len(one), learned,
                tested - learned, len(one) - tested,
            ]
        )  # fmt: skip
    return rows


def shown_time(time: Any) -> str:
    """A time without zero seconds and without midnight."""
    text = str(time).replace("T", " ").removesuffix(".000000")
    return text.removesuffix(":00").removesuffix(" 00:00")


def _how_good(found: Findings) -> Section:
    backtest = found.backtest
    origins = sum(len(one.origins) for one in backtest.series)
    is_point = len(backtest.levels) == 1  # no interval
    words = {name: word for name, word in WORDS.items() if not (is_point and name == "coverage")}
    rows = [
        [method, *(f"{figures[name]:.4g}" for name in words if name != "coverage"),
         *([f"{figures['coverage']:.0%}"] if "coverage" in words else [])]
        for method, figures in backtest.figures.items()
    ]  # fmt: skip
    width = backtest.levels[-1] - backtest.levels[0]
    blocks: list[Block] = [
        Table(
            "figures",
            f"On the {found.part} set, from {counted(origins, 'origin')}. "
            + ("" if is_point else f"Coverage should be {width:.0%}; for all other figures, ")
            + ("Lower" if is_point else "lower")
            + " is better.",
            ["method", *words.values()],
            rows,
        ),
        Prose(_what_they_mean(found)),
        Prose(_what_is_shared(found)),
    ]
    if not is_point:
        blocks.append(Prose(_how_sure(found)))
    if len(next(iter(backtest.mae_by_step.values()))) > 1:
        panel = curves(backtest.mae_by_step, x_label="steps ahead", y_label="mean absolute error")
        blocks.append(
            Figure("by-step", "Error by steps ahead", panel, "mean absolute error by steps ahead",
                   "How fast the error of each method grows with the distance.")
        )  # fmt: skip
    return Section("Results", blocks)


def _what_they_mean(found: Findings) -> str:
    """Explanations of the metrics and methods."""
    season, step = found.series[0].layout.season, found.series[0].series.step
    back = f"the value {season} steps of {step} earlier" if season > 1 else "the last value too"
    return (
        "- MAE is the mean absolute error. RMSE gives more weight to large errors. sMAPE is the "
        "error relative to the size of the values.\n"
        "- MASE is the MAE divided by that of the seasonal naive method on the training data; "
        "values below 1 are better.\n"
        "- The pinball loss scores all quantiles, not only the median. Coverage is the fraction of "
        "actual values inside the interval.\n"
        f"- Naive repeats the last value, seasonal naive {back}. Smoothing is damped exponential "
        "smoothing with a season, a good classical method."
    )


def _what_is_shared(found: Findings) -> str:
    """A description of the averaged methods."""
    path, logs = found.shares.path.name, found.series[0].layout.logs
    start = f"The network starts from the method *{path}* and learns the difference between it and "
    start += "the future" + (", in logarithms, which change more evenly. " if logs else ". ")
    shares = {name: share for name, share in found.shares.mean().items() if share}
    if len(shares) < 2:
        return (
            f"{start}The forecast is that of the network alone: no other method has a weight in it."
        )
    said = ", ".join(f"{name} {share:.0%}" for name, share in shares.items())
    own = " of all series; the own map is one of each series alone" if "own map" in shares else ""
    return (
        f"{start}The forecast is a weighted average of several methods. The weights were chosen on "
        "the validation set and, if that is short, on the parts before it (over all steps: "
        f"{said}). *Network alone* is the network without the others, from where it starts. The "
        f"linear map predicts all steps ahead from the last values{own}. After that the maps and "
        "smoothing were fitted again, to everything before the test set."
    )


def _how_sure(found: Findings) -> str:
    """An explanation of the interval: calibration, its effect, its assumptions."""
    backtest = found.backtest
    before, after = backtest.as_said, backtest.figures[NETWORK]
    if before == after:
        return (
            f"Coverage: the interval contained {after['coverage']:.0%} of the actual values. It "
            "is not calibrated, since there were too few steps for that."
        )
    return (
        f"Coverage: before calibration, the interval contained {before['coverage']:.0%} of the "
        f"actual values (pinball {before['pinball']:.4g}), since a network is more certain about "
        "its training data than about the future. Both ends of the interval are therefore "
        "shifted, for each step ahead, by the errors of its latest forecasts, over a window as "
        f"long as the validation set. It then contained {after['coverage']:.0%} (pinball "
        f"{after['pinball']:.4g}).\n\nCalibration uses nothing after the origin of a forecast and "
        "leaves the median unchanged. It assumes that future errors resemble recent ones; errors "
        "on the validation set, which also selected the weights, are slightly too small. The "
        "intervals of the other methods come from their errors on the training data."
    )


def _pictures(found: Findings) -> Section:
    """The best, a typical and the worst origin."""
    backtest = found.backtest
    errors = [
        np.nan_to_num(np.nanmean(np.abs(one.actual - _median(one.forecasts[NETWORK], backtest)), 1))
        if not np.isnan(one.actual).all() else np.zeros(len(one.origins))
        for one in backtest.series
    ]  # fmt: skip
    places = [(s, n) for s, one in enumerate(errors) for n in range(len(one))]
    order = np.argsort(np.concatenate(errors), kind="stable")
    blocks: list[Block] = []
    for key, title, place in (
        ("best", "The best forecast", order[0]),
        ("usual", "A typical forecast", order[len(order) // 2]),
        ("worst", "The worst forecast", order[-1]),
    ):
        number, origin = places[int(place)]
        one = backtest.series[number]
        panel = _picture(found, found.series[number], one, origin)
        name = f"{quoted(one.name, 40)}, from {shown_time(one.times[origin])}{_band(backtest)}"
        blocks.append(Figure(key, title, panel, f"forecast and actual values: {title}", name))
    return Section("Forecasts and actual values", blocks)


def _band(backtest: Backtest) -> str:
    """A sentence on the shaded bands."""
    width = backtest.levels[-1] - backtest.levels[0]
    return (
        f". The band should cover {width:.0%} of future values." if len(backtest.levels) > 1 else ""
    )


def _median(forecasts: Any, backtest: Backtest) -> Any:
    return forecasts[..., backtest.levels.index(0.5)]


def _picture(found: Findings, series: Prepared, tried: Tried, number: int) -> Any:
    backtest, origin = found.backtest, int(tried.origins[number])
    horizon = series.layout.horizon
    start = max(0, origin + 1 - HISTORY * max(horizon, 8))
    times = series.series.times(origin + 1, origin + 1 + horizon)
    network = tried.forecasts[NETWORK][number]
    others = {
        method: (times, _median(tried.forecasts[method][number], backtest))
        for method in ("seasonal naive", "smoothing")
    }
    return forecast(
        (series.series.times(start, origin + 1), series.series.values[start : origin + 1]),
        (times, _median(network, backtest)),
        y_label=found.value,
        truth=(times, tried.actual[number]),
        intervals=intervals(network, backtest.levels),
        others=others,
    )


def intervals(quantiles: Any, levels: Sequence[float]) -> dict[str, tuple[Any, Any]]:
    """Pairs of quantiles, outermost first, by the share between them."""
    pairs = {}
    for low in range(len(levels) // 2):
        high = len(levels) - 1 - low
        share = levels[high] - levels[low]
        pairs[f"{share:.0%}"] = (quantiles[:, low], quantiles[:, high])
    return pairs


def _future(found: Findings) -> Section:
    blocks: list[Block] = []
    for number, (one, future) in enumerate(zip(found.series[:FUTURES], found.futures), 1):
        start = max(0, len(one) - HISTORY * max(len(future.times), 8))
        panel = forecast(
            (one.series.times(start, len(one)), one.series.values[start:]),
            (future.times, future.median),
            y_label=found.value,
            intervals=intervals(future.quantiles, future.levels),
        )
        last = shown_time(one.series.times(len(one) - 1, len(one))[0])
        name = f"{quoted(one.series.name, 40)} after {last}{_band(found.backtest)}"
        blocks.append(Figure(f"future-{number}", "What comes next", panel, "forecast", name))
    if not blocks:
        blocks.append(
            Prose("The known covariates end with the data, so there is no forecast beyond them.")
        )
    return Section("Forecast", blocks)


def _inside(found: Findings) -> Section:
    model, one = found.model.eval(), found.series[0]
    length = min(LONGEST, len(one))
    end = len(one)
    x = torch.from_numpy(one.inputs[end - length : end])[:, None]
    ahead = one.around(np.array([end - 1]))
    middle = found.backtest.levels.index(0.5)

    def score(y: Tensor) -> Tensor:
        told = torch.from_numpy(ahead[:, : model.horizon])[:, None]
        return model.heads(x[-1:], y[-1:], told)[0, 0, -1, middle]

    hidden, counted = read_closely(model.recurrent, x, score)
    shown = min(40, length)
    times = [shown_time(time) for time in one.series.times(end - shown, end)]
    title = f"The last {shown} steps of {one.series.name[:40]}"
    reading = Reading(title, times, hidden[-shown:], counted[-shown:])
    places = np.linspace(0, end - length, min(FOR_LAGS, end - length + 1)).astype(int)
    stretches = [torch.from_numpy(one.inputs[at : at + length])[:, None] for at in places]
    norms = norms_by_lag(model.recurrent, stretches, seed=0)
    return inside(
        [reading],
        norms,
        "the derivative of the median at the last step ahead with respect to the input, times the "
        "input.",
    )
