"""Predicts a number from a text or a numeric series. In: sequences, numbers. Out: predictions.

    model = Regressor(epochs=5)
    model.fit(texts, prices)
    model.predict(["a house by the sea"])
    low, high = model.predict_interval(["a house by the sea"])

The networks are trained on the squared error. Intervals are calibrated on the errors that the model
makes on rows by networks that were not trained on them (split conformal prediction), and are wider
for rows whose errors are larger (`scales`). `Reader` says how the networks learn; next: `cli`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from sklearn.base import RegressorMixin

from unrolled.cells.choosing import ChosenCell
from unrolled.data.labels import quantile_names
from unrolled.errors import ArgumentError, InputError
from unrolled.exports.export import Exported, Options
from unrolled.literal import because
from unrolled.networks.aims import Number
from unrolled.report.blocks import Live
from unrolled.tasks.classify.encoders import as_inputs
from unrolled.tasks.classify.exporting import export_reader
from unrolled.tasks.classify.figures import numbers_measured
from unrolled.tasks.classify.job import TargetedSequences
from unrolled.tasks.classify.live_page import live_part
from unrolled.tasks.classify.opinions import chances
from unrolled.tasks.classify.reader import Reader
from unrolled.tasks.classify.scales import learn_scales, scales_of
from unrolled.tasks.conformal import LEAST, conformal
from unrolled.tasks.options import option
from unrolled.tasks.tokens import DamagedVocabulary
from unrolled.training.run_folder import RunFolder

NARROWEST, WIDEST = 0.02, 0.98  # levels of intervals
SHOWN = (0.5, 0.8, 0.9)  # in the report


class NotCalibrated(ArgumentError):
    """An interval was requested, but too few rows were set aside for calibration."""


@dataclass(kw_only=True, eq=False, repr=False)
class Regressor(RegressorMixin, Reader):
    """A recurrent network that reads a sequence and predicts a number."""

    TASK: ClassVar[str] = "regress"
    several: ClassVar[bool] = False

    interval: float = option(0.8, "level of the prediction intervals", float)

    def check(self) -> ChosenCell:
        cell = super().check()
        self._checked_level(self.interval)
        return cell

    # -------------------------------------------------------------------------------- learning

    def _learn_targets(self, y: Any, count: int) -> Any:
        targets = self._known_targets(y, count, "y")
        if self.before is not None:
            self._aim_at(self.before.aim_)
            self.target_ = self.before.target_
            return targets
        center, unit = float(targets.mean()), float(targets.std())
        if not unit > 0:
            raise InputError(f"every number is {targets[0, 0]:g}: there is nothing to learn")
        self._aim_at(Number(center, unit))
        self.target_ = str(getattr(y, "name", None) or "the target")
        return targets

    def _known_targets(self, y: Any, count: int, whose: str) -> Any:
        if y is None:
            raise InputError(
                "Regressor requires y to be passed, but the target y is None: give a number for "
                "each sequence"
            )
        try:
            targets = np.asarray(y, np.float64).reshape(-1, 1)
        except (TypeError, ValueError) as error:
            raise InputError(f"a value of {whose} is not a number ({because(error)})") from None
        if len(targets) != count:
            raise InputError(
                f"there are {count} sequences and {len(targets)} numbers: give one each"
            )
        lost = np.flatnonzero(~np.isfinite(targets[:, 0]))
        if len(lost):
            value = targets[lost[0], 0]
            raise InputError(f"row {lost[0] + 1} of {whose} is {value}: leave it out")
        return targets

    def _strata(self, targets: Any) -> list[str]:
        return quantile_names(targets[:, 0])

    def _outputs(self) -> list[Any]:
        return [self.target_]

    def _calibrate(self, data: TargetedSequences) -> None:
        """Store the quantiles of the out-of-fold errors."""
        errors = (data.targets - chances(self.model_, data))[:, 0]
        if len(errors) >= LEAST:
            errors = np.sort(errors / learn_scales(self.model_, data, errors)).tolist()
            levels = np.arange(1, len(self.model_.errors) + 1) / (len(self.model_.errors) + 1)
            found = [conformal(errors, float(level)) for level in levels]
            self.model_.errors.copy_(torch.tensor(found))

    def _live(self, raw: Any) -> tuple[Live, Any]:
        return live_part(self, raw)

    @property
    def level(self) -> float | None:
        return self.interval

    def _intervals(self, said: Any, data: TargetedSequences) -> dict[float, Any]:
        if self.model_.error_range(self.interval) is None:
            return {}
        scales = scales_of(self.model_, data.sequences)[:, None]
        return {level: self._ends(said, level, scales) for level in sorted({*SHOWN, self.interval})}

    # ---------------------------------------------------------------------------------- asking

    def predict(self, X: Sequence[Any]) -> Any:
        """A number for each sequence."""
        return self.answers(X, self.watcher().note)[:, 0]

    def predict_interval(self, X: Sequence[Any], level: float | None = None) -> tuple[Any, Any]:
        """The low and high end of an interval for each sequence; `level` defaults to `interval`."""
        self.require_fitted("model_")
        return self.interval_of(X, self.predict(X), level)

    def interval_of(
        self, X: Sequence[Any], said: Any, level: float | None = None
    ) -> tuple[Any, Any]:
        """The same, of predictions that were made for these sequences."""
        level = self._checked_level(self.interval if level is None else level)
        scales = 1.0
        if len(said):
            sequences = self.encoder_.encode(as_inputs(X), lambda note: None)
            scales = scales_of(self.model_, sequences)
        return self._ends(said, level, scales)

    def _ends(self, said: Any, level: float, scales: Any) -> tuple[Any, Any]:
        errors = self.model_.error_range(level)
        if errors is None:
            raise NotCalibrated(
                f"there are no intervals: fewer than {LEAST} rows were set aside for calibration"
            )
        return said + scales * errors[0], said + scales * errors[1]

    @staticmethod
    def _checked_level(level: float) -> float:
        if not isinstance(level, (int, float)) or not NARROWEST <= level <= WIDEST:
            raise ArgumentError(
                f"the level of an interval must be between {NARROWEST} and {WIDEST}, not {level!r}"
            )
        return float(level)

    def evaluate(self, X: Sequence[Any], y: Sequence[Any]) -> dict[str, Any]:
        """MAE, RMSE, R2, and the coverage and width of the intervals, if they are calibrated."""
        self.require_fitted("model_")
        inputs = as_inputs(X)
        data = self._encode_labelled(inputs, y)
        said = self._chances(data, inputs)
        found = {**numbers_measured(said, data.targets), "rows": len(data)}
        if self.model_.error_range(self.interval) is not None:
            scales = scales_of(self.model_, data.sequences)[:, None]
            low, high = self._ends(said, self.interval, scales)
            inside = (low <= data.targets) & (data.targets <= high)
            found |= {"interval": self.interval, "coverage": float(inside.mean()),
                      "width": float((high - low).mean())}  # fmt: skip
        return found

    # ---------------------------------------------------------------------------------- a run

    def export_as(self, kind: str, path: Path, options: Options) -> Exported:
        """Export the whole regressor to another runtime; called by `unrolled.export`."""
        self.require_fitted("model_")
        return export_reader(self, kind, path, options)

    def _targets_plain(self) -> dict[str, Any]:
        assert isinstance(self.aim_, Number)
        return {"target": self.target_, "center": self.aim_.center, "unit": self.aim_.unit}

    def _read_targets(self, vocabulary: dict[str, Any], run: RunFolder) -> None:
        try:
            center, unit = float(vocabulary["center"]), float(vocabulary["unit"])
            if not (np.isfinite(center) and 0 < unit < np.inf):
                raise ValueError("unit")
        except (KeyError, TypeError, ValueError) as error:
            raise DamagedVocabulary(
                f"{run.path}: its vocabulary does not describe its targets "
                f"({because(error)}): copy the run again"
            ) from error
        self._aim_at(Number(center, unit))
        self.target_ = str(vocabulary.get("target", "the target"))
