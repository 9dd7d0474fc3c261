"""Forecasts series. In: one or many series. Out: quantiles of the steps ahead; next: `cli`.

    model = Forecaster(horizon=24).fit(read_time_series("sales.csv", "date", "units"), test=0.2)
    model.backtest().figures            beside naive, seasonal naive and exponential smoothing
    model.forecast()[0].median          the next values

Series are split in time, never shuffled: the end of each series is the test set, and the tenth
before it is the validation set, which determines the kept weights. Backtests move the origin step
by step: the network reads each series once, and its state at each origin gives the forecast from
there.

The linear part is fitted directly: the network learns the difference between the future and a
linear map of the last values, and its forecasts are averaged with those of simple methods
(`shares`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from sklearn.base import RegressorMixin

from unrolled.cells.choosing import ChosenCell
from unrolled.data.notes import Notes
from unrolled.data.timeseries import TimeSeries
from unrolled.data.windows import Layout, Prepared, prepare
from unrolled.exports.export import Exported, Options
from unrolled.tasks import estimator as shared
from unrolled.tasks.estimator import Estimator, seeded
from unrolled.tasks.forecast.answer import Forecast
from unrolled.tasks.forecast.backtests import Backtest, judge
from unrolled.tasks.forecast.calibrated import Calibrated, of_past
from unrolled.tasks.forecast.calibration import Calibration
from unrolled.tasks.forecast.exporting import export_forecaster
from unrolled.tasks.forecast.given import as_series
from unrolled.tasks.forecast.job import EPOCHS, ForecastJob, Part, epochs_for
from unrolled.tasks.forecast.layout import (
    checked_quantiles,
    layout_of,
    parts_of,
    place_in,
    read_quantiles,
    refuse_other_columns,
    refuse_unknown_future,
)
from unrolled.tasks.forecast.linear_map import fit_map
from unrolled.tasks.forecast.linear_path import LinearPath, choose_path
from unrolled.tasks.forecast.live_page import live_part
from unrolled.tasks.forecast.model import ForecastNetwork
from unrolled.tasks.forecast.page import Findings, page_of
from unrolled.tasks.forecast.rolling import Roller
from unrolled.tasks.forecast.series_file import (
    layout_from,
    layout_plain,
    series_from,
    series_plain,
    shares_from,
)
from unrolled.tasks.forecast.shares import Shared, Shares, learn_shares, past_forecasts
from unrolled.tasks.forecast.stream import ForecastStream
from unrolled.tasks.live import alive
from unrolled.tasks.options import option
from unrolled.training import settings as checks
from unrolled.training.fabric import is_first_process
from unrolled.training.run_folder import RunFolder, json_text

SERIES = "series.json"
MODES = ("direct", "fed-back")
MOST_ORIGINS = 5_000  # of a series in a backtest, by default


@dataclass(kw_only=True, eq=False, repr=False)
class Forecaster(RegressorMixin, Estimator):
    """A recurrent network that forecasts series, with quantiles."""

    TASK: ClassVar[str] = "forecast"
    USUAL: ClassVar[int] = EPOCHS

    horizon: int = option(24, "steps to forecast", int)
    mode: str = option("direct", "forecast all steps at once, or feed each one back", choices=MODES)
    quantiles: Any = option((0.1, 0.5, 0.9), "quantiles to forecast, including 0.5", read_quantiles)
    season: int | None = option(
        None, "steps in a season (default: from the calendar, or estimated)", int
    )
    calendar: bool = option(True, "use the hour, the weekday and the time of year as inputs", bool)
    shared: bool = option(
        True, "start from a linear map; combine with it, the last value, smoothing and others", bool
    )
    window: int = option(128, "steps of truncated backpropagation", int)
    paths: int = option(100, "sample paths with --mode fed-back", int)
    epochs: int | None = option(
        None, f"maximum number of epochs (default: {EPOCHS}, fewer for much data)", int
    )
    batch_size: int = option(16, "windows per batch", int)
    patience: int | None = option(12, "stop after this many epochs without improvement", int)

    def check(self) -> ChosenCell:
        cell = super().check()
        for name in ("horizon", "window", "paths"):
            checks.count(name, getattr(self, name))
        checks.count("season", self.season, optional=True)
        checks.one_of("mode", self.mode, MODES)
        checked_quantiles(self.quantiles)
        return cell

    # -------------------------------------------------------------------------------- learning

    def start_from(self, before: Forecaster) -> None:
        """Let the next `fit` continue from the weights and inputs of a fitted forecaster."""
        self._before = before

    @property
    def before(self) -> Any:
        """The forecaster whose weights training starts from; None: new weights."""
        return getattr(self, "_before", None)

    def fit(
        self,
        X: Any,
        y: None = None,
        test: float = 0.0,
        *,
        data: dict[str, Any] | None = None,
        resume: bool = False,
    ) -> Forecaster:
        """Fit the forecaster to series; the last share `test` of each is kept for a backtest."""
        self.begin(data, resume)
        checks.share("test", test)
        self.series_ = as_series(X)
        steps_ahead = 1 if self.mode == "fed-back" else self.horizon
        parts, self.learned_, self.tested_ = parts_of(
            self.series_, steps_ahead, self.horizon, self.validation, test
        )
        notes = self.notes_
        said = len(notes)
        self.layout_ = self._layout(notes)
        for sentence in notes.sentences[said:]:
            self.watcher().note(sentence)
        self._kept: dict[Any, Prepared] = {}
        prepared = self._prepared(self.series_)
        if self.mode == "fed-back":
            prepared = [prepare(one.series, self._step_layout(), one.learned) for one in prepared]
        model = self._build()
        data = {**(data or {}), "notes": notes.sentences} if len(notes) else data or {}
        self.shares_ = Shares.of_network(self.horizon, self._path())
        self.calibration_ = self._uncalibrated()
        config = self.learn(self._job(model, prepared, parts), data, resume, test=test)
        self.calibration_ = self._calibrate()
        if self.run_ is not None and is_first_process():
            self.run_.write_json(shared.VOCABULARY, self._vocabulary())
        self.measured_: Backtest | None = None  # by the report, if there is one
        self.write_report(lambda: page_of(self._findings(config, test)))
        return self

    def _job(
        self, model: ForecastNetwork, prepared: list[Prepared], parts: dict[str, Part]
    ) -> ForecastJob:
        """The training job, with initial weights and the number of epochs."""
        job = ForecastJob(
            model, prepared, parts, self._levels(),
            window=self.window, batch_size=self.batch_size, seed=self.seed, path=self.shares_.path,
        )  # fmt: skip
        self.epochs_ = self.epochs or epochs_for(len(job.batches("train", 0)))
        if self.before is None:
            model.begin_at(job.usual_quantiles())
        else:
            model.load_state_dict(self.before.model_.state_dict())
        return job

    def _layout(self, notes: Notes) -> Layout:
        """The inputs of the network at a step, and their scales."""
        if self.before is not None:
            refuse_other_columns(self.series_, self.before.layout_)
            layout: Layout = self.before.layout_
            return layout
        return layout_of(
            self.series_, self.learned_, self.horizon, season=self.season, calendar=self.calendar,
            note=notes.say,
        )  # fmt: skip

    def _vocabulary(self) -> dict[str, Any]:
        """What a run stores besides the weights."""
        return layout_plain(self.layout_, self.calibration_, self.shares_)

    def _path(self) -> LinearPath:
        """The baseline path of the network; the seasonal naive one if it is not shared."""
        if not (self.validation and self.shared and self.mode == "direct"):
            return LinearPath()
        if self.before is not None:  # its weights belong to its path
            before: LinearPath = self.before.shares_.path
            return before
        return choose_path(self._prepared(self.series_))

    def _calibrate(self) -> Calibration:
        """The shares of the methods, and the calibration of the outer quantiles.

        Both are learned from forecasts of past parts; without a validation part, the forecast is
        that of the uncalibrated network.
        """
        if not self.validation:
            return self._uncalibrated()
        path, prepared = self.shares_.path, self._prepared(self.series_)
        if self.shared and path.linear is None:
            path = replace(path, linear=fit_map(prepared, self.learned_))
        parts = list(zip(self.learned_, self.tested_))
        past = past_forecasts(self._network_alone(), path, prepared, parts)
        if self.shared:
            found = learn_shares(past, self._levels(), path, self.horizon)
            said = ", ".join(f"{name} {share:.0%}" for name, share in found.mean().items() if share)
            self.watcher().note(f"shares of the forecast, from past parts: {said}")
            if path.linear is not None:
                path = replace(path, refitted=fit_map(prepared, self.tested_))
            self.shares_ = replace(found, path=path)
        return of_past(self._roller(), past)

    def _uncalibrated(self) -> Calibration:
        return Calibration.none(self.horizon, self._levels())

    def _levels(self) -> list[float]:
        return checked_quantiles(self.quantiles)

    def _step_layout(self) -> Layout:
        """The layout of one step of the network: for all steps ahead, or only the next one."""
        return replace(self.layout_, horizon=1 if self.mode == "fed-back" else self.horizon)

    def _build(self) -> ForecastNetwork:
        layout = self._step_layout()
        with seeded(self.seed):
            return ForecastNetwork(
                self.cell_, layout.inputs, layout.ahead, layout.horizon, len(self._levels()),
                hidden=self.hidden, layers=self.layers, dropout=self.dropout,
            )  # fmt: skip

    def _findings(self, config: dict[str, Any], test: float) -> Findings:
        """The findings of the report."""
        self.measured_ = backtest = self.backtest()
        part = "test" if test else "validation" if self.validation else "training"
        return Findings(
            config=config,
            cell=self.cell_,
            model=self.model_,
            state=self.state_,
            value=str(config["data"].get("what", "values")),
            series=self._prepared(self.series_),
            learned=self.learned_,
            tested=self.tested_,
            backtest=backtest,
            shares=self.shares_,
            part=part,
            futures=self.forecast() if self.knows_the_future() else [],
            notes=config["data"].get("notes", []),
            live=alive(lambda: live_part(self, str(config["data"].get("what", "the series")))),
            command=str(config["data"].get("command", "")),
        )

    # ---------------------------------------------------------------------------------- asking

    def knows_the_future(self) -> bool:
        """Whether the known covariates of the training data cover the forecast."""
        steps = self.horizon
        return all(
            not one.known.shape[1] or len(one.known) >= len(one) + steps
            for one in self._series(None)
        )

    def forecast(self, X: Any = None) -> list[Forecast]:
        """Forecast each of the given series, or by default the training series."""
        self.require_fitted("model_")
        series = self._series(X)
        refuse_unknown_future(series, self.horizon)
        network = Calibrated(self._roller(), self.calibration_)
        results = []
        for one, free in zip(self._prepared(series), self.after_learning(series)):
            end = len(one) - 1
            quantiles = network.forecast(one, np.array([end]), free)[0][0]
            median = quantiles[:, self._levels().index(0.5)]
            times = one.series.times(end + 1, end + 1 + self.horizon)
            results.append(Forecast(one.series.name, times, median, quantiles, self._levels()))
        return results

    def stream(self, X: Any = None) -> ForecastStream:
        """A stream of one series: the given one, or by default the first training series."""
        self.require_fitted("model_")
        one = self._series(X)[0]
        learned, known = self.after_learning([one])[0], self._places([one], self.tested_)[0]
        return ForecastStream(self, one, learned or None, known or None)

    def predict(self, X: Any = None) -> Any:
        """The medians: (H,) for one series, (series, H) for several."""
        medians = np.stack([one.median for one in self.forecast(X)])
        return medians[0] if len(medians) == 1 else medians

    def backtest(
        self, X: Any = None, start: int | Sequence[int] | None = None, stride: int | None = None
    ) -> Backtest:
        """Forecasts from every `stride`-th origin, from before step `start` on, with metrics.

        Default start: the beginning of the test set for training series, even in another file, and
        the middle of other series.
        Default stride: 1, or the horizon if steps are fed back; larger if there would be more than
        5,000 origins in a series.
        """
        self.require_fitted("model_")
        series = self._series(X)
        if start is None:
            start = self._first_judged(series)
        starts = [start] * len(series) if isinstance(start, int) else list(start)
        if stride is None:
            longest = max(len(one) - start for one, start in zip(series, starts))
            stride = max(self.horizon if self.mode == "fed-back" else 1, longest // MOST_ORIGINS)
        checks.count("stride", stride)
        tested = self._places(series, self.tested_)
        looks = any(start < test for start, test in zip(starts, tested))
        calibration = self.calibration_.unseen() if looks else self.calibration_
        shares = self.shares_.unseen() if looks else self.shares_
        network = Calibrated(self._roller(shares), calibration)
        free = self.after_learning(series)
        return judge(self._prepared(series, starts), network, free, starts, stride)

    def _first_judged(self, series: Sequence[TimeSeries]) -> list[int]:
        """The beginning of the test set, or of the validation set without a test set."""
        places = zip(series, self.after_learning(series), self._places(series, self.tested_))
        return [
            (test if test + self.horizon <= len(one) else learned) or len(one) // 2
            for one, learned, test in places
        ]

    def score(self, X: Any = None, y: None = None) -> float:
        """Minus the MASE of a backtest: above -1 is better than seasonal naive, 0 is perfect."""
        return -self.backtest(X).figures["network"]["mase"]

    def _series(self, X: Any) -> list[TimeSeries]:
        if X is None:
            return self.series_
        series = as_series(X)
        refuse_other_columns(series, self.layout_)
        return series

    def _prepared(
        self, series: Sequence[TimeSeries], starts: Sequence[int] | None = None
    ) -> list[Prepared]:
        """Prepare series: training series keep their scale; others are scaled by their known part.

        The known part is the part before the start, or the whole series if that is too short.
        """
        least, found = 2 * self.layout_.season, []
        places = zip(series, self.after_learning(series), self._places(series, self.tested_))
        for number, (one, learned, tested) in enumerate(places):
            start = starts[number] if starts else 0
            enough = start if start >= least else None
            known = min(tested, start or tested) or enough
            found.append(self._prepared_one(one, learned or enough, known))
        return found

    def _prepared_one(self, one: TimeSeries, learned: int | None, known: int | None) -> Prepared:
        """Training series are cached, since fitting simple methods to them is slow."""
        if id(one) not in set(map(id, self.series_)):
            return prepare(one, self.layout_, learned, known)
        key = id(one), learned, known
        if key not in self._kept:
            self._kept[key] = prepare(one, self.layout_, learned, known)
        return self._kept[key]

    def after_learning(self, series: Sequence[TimeSeries]) -> list[int]:
        """The first step of each series after its training part: 0 for a new name."""
        return self._places(series, self.learned_)

    def _places(self, series: Sequence[TimeSeries], steps: Sequence[int]) -> list[int]:
        """The position of a step of the training series in the given series of the same name.

        If there is only one series, it is compared with the training series whatever its name.
        """
        mine = {one.name: (one, step) for one, step in zip(self.series_, steps)}
        if len(mine) == len(series) == 1:
            mine[series[0].name] = (self.series_[0], steps[0])
        return [place_in(one, *mine[one.name]) if one.name in mine else 0 for one in series]

    def _roller(self, shares: Shares | None = None) -> Shared:
        return Shared(self._network_alone(), self.shares_ if shares is None else shares)

    def _network_alone(self) -> Roller:
        fed_back = self.mode == "fed-back"
        return Roller(self.model_, self._levels(), fed_back, self.paths, self.seed)

    # ------------------------------------------------------------------------------- exporting

    def export_as(self, kind: str, path: Path, options: Options) -> Exported:
        """Export the whole forecaster to another runtime; called by `unrolled.export`."""
        self.require_fitted("model_")
        return export_forecaster(self, kind, path, options)

    # ----------------------------------------------------------------------------------- a run

    def _files(self) -> dict[str, str]:
        series = series_plain(self.series_, self.learned_, self.tested_)
        return super()._files() | {SERIES: json_text(series)}

    def _recall(self, vocabulary: dict[str, Any], run: RunFolder) -> None:
        self.layout_, self.calibration_ = layout_from(vocabulary, run.path)
        self.series_, self.learned_, self.tested_ = series_from(run.read_json(SERIES), run.path)
        self._kept = {}
        self.shares_ = shares_from(vocabulary, self.layout_, run.path)
        if self.layout_.horizon != self.horizon:
            raise ValueError(f"its horizon is {self.layout_.horizon}, config.toml's {self.horizon}")
