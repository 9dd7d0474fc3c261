"""Series and their layout as plain data, which a run keeps. In, out: JSON; next: forecast."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from unrolled.data.times import Step
from unrolled.data.timeseries import TimeSeries
from unrolled.data.windows import Layout
from unrolled.tasks.forecast.calibration import Calibration
from unrolled.training.run_folder import NotARun


def layout_plain(layout: Layout, calibration: Calibration) -> dict[str, Any]:
    """The layout, and what sets the quantiles right."""
    arrays = {"shift": calibration.shift.tolist(), "counts": calibration.counts.tolist()}
    return {"layout": asdict(layout), "calibration": {**asdict(calibration), **arrays}}


def layout_from(data: Any, path: Path) -> tuple[Layout, Calibration]:
    try:
        kept = data["calibration"]
        shift, counts = np.asarray(kept["shift"], float), np.asarray(kept["counts"], int)
        calibration = Calibration(shift, counts, int(kept["size"]), int(kept["stride"]))
        if shift.ndim != 2 or counts.shape != shift.shape[:1] or calibration.stride < 1:
            raise ValueError("calibration")
        return Layout(**data["layout"]), calibration
    except (KeyError, TypeError, ValueError) as error:
        raise NotARun(f"{path} is damaged (vocabulary.json: {error!r}): copy it again") from error


def series_plain(
    series: Sequence[TimeSeries], learnt: Sequence[int], tested: Sequence[int]
) -> list[dict[str, Any]]:
    """A gap is null."""
    return [
        {
            "name": one.name,
            "first": str(one.first) if one.has_dates else int(one.first),
            "step": [one.step.count, one.step.unit],
            "learnt": start,
            "tested": test,
            "values": [None if math.isnan(value) else value for value in one.values.tolist()],
            "known": one.known.tolist(),
            "past": one.past.tolist(),
        }
        for one, start, test in zip(series, learnt, tested)
    ]


def series_from(data: Any, path: Path) -> tuple[list[TimeSeries], list[int], list[int]]:
    try:
        series = [_series(one) for one in data]
        return series, [int(one["learnt"]) for one in data], [int(one["tested"]) for one in data]
    except (KeyError, TypeError, ValueError) as error:
        raise NotARun(f"{path} is damaged (series.json: {error!r}): copy it again") from error


def _series(one: Any) -> TimeSeries:
    first = one["first"]
    start = np.datetime64(first, "us") if isinstance(first, str) else np.int64(first)
    values = np.array([np.nan if value is None else value for value in one["values"]], np.float64)
    known, past = np.array(one["known"], np.float64), np.array(one["past"], np.float64)
    step = Step(int(one["step"][0]), str(one["step"][1]))
    return TimeSeries(str(one["name"]), start, step, values, known, past)
