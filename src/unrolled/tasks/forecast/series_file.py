"""Stores series and their layout in a run as plain data. In, out: JSON; next: forecast."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from unrolled.data.times import TimeStep
from unrolled.data.timeseries import TimeSeries
from unrolled.data.windows import Layout
from unrolled.tasks.forecast.calibration import Calibration
from unrolled.tasks.forecast.linear_map import LinearMap
from unrolled.tasks.forecast.linear_path import MAP, OTHERS, PATHS, LinearPath
from unrolled.tasks.forecast.ridge import SO_FAR
from unrolled.tasks.forecast.shares import Shares
from unrolled.training.manifest import NotARun

DAMAGE = (KeyError, IndexError, TypeError, ValueError, AttributeError, OverflowError)
NO_MAP = ("past",)  # a run may have none
MOST_STEPS = 1_000_000  # of a season or a horizon


def layout_plain(layout: Layout, calibration: Calibration, shares: Shares) -> dict[str, Any]:
    """The layout, the calibration, and the shares of the methods."""
    arrays = {"shift": calibration.shift.tolist(), "counts": calibration.counts.tolist()}
    return {
        "layout": asdict(layout),
        "calibration": {**asdict(calibration), **arrays},
        "shares": {
            "share": shares.share.tolist(),
            "path": {"name": shares.path.name, "size": shares.path.size},
            "linear": _map_plain(shares.path.linear),
            "refitted": _map_plain(shares.path.refitted),
        },
    }


def _map_plain(linear: LinearMap | None) -> dict[str, Any] | None:
    if linear is None:
        return None
    return {name: value.tolist() for name, value in linear.arrays().items()}


def shares_from(data: Any, layout: Layout, path: Path) -> Shares:
    """Read the shares of a run."""
    try:
        kept = data["shares"]
        if "share" in kept and ("path" not in kept or "past" not in (kept["linear"] or NO_MAP)):
            raise NotARun(
                f"{path} was trained by an earlier version, with another linear map: train again"
            )
        share = np.asarray(kept["share"], float)
        if share.shape != (layout.horizon, 1 + len(OTHERS)) or not np.allclose(share.sum(1), 1):
            raise ValueError("shares")
        linear, refitted = (_map_from(kept[name], layout) for name in ("linear", "refitted"))
        name, size = kept["path"]["name"], float(kept["path"]["size"])
        needed = share[:, 1 + OTHERS.index(MAP)].any() or name == MAP
        if needed and linear is None:
            raise ValueError("a share of a missing linear map")
        if name not in PATHS or not 0 < size < math.inf:
            raise ValueError("an invalid linear path")
        return Shares(share, LinearPath(name, size, linear, refitted or linear))
    except DAMAGE as error:
        raise NotARun(f"{path} is damaged (vocabulary.json: {error!r}): copy it again") from error


def _map_from(kept: Any, layout: Layout) -> LinearMap | None:
    if kept is None:
        return None
    weight, past, bias = (np.asarray(kept[name], float) for name in ("weight", "past", "bias"))
    horizon = layout.horizon
    if weight.shape[1:] != (horizon,) or past.shape != (SO_FAR, horizon) or len(bias) != horizon:
        raise ValueError("a linear map of another shape")
    if not all(np.isfinite(one).all() for one in (weight, past, bias)):
        raise ValueError("a linear map that is not finite")
    return LinearMap(weight, past, bias)


def layout_from(data: Any, path: Path) -> tuple[Layout, Calibration]:
    try:
        kept = data["calibration"]
        shift, counts = np.asarray(kept["shift"], float), np.asarray(kept["counts"], int)
        calibration = Calibration(shift, counts, int(kept["size"]), int(kept["stride"]))
        if shift.ndim != 2 or counts.shape != shift.shape[:1] or not _fits(calibration):
            raise ValueError("calibration")
        return _checked_layout(Layout(**data["layout"])), calibration
    except DAMAGE as error:
        raise NotARun(f"{path} is damaged (vocabulary.json: {error!r}): copy it again") from error


def _fits(calibration: Calibration) -> bool:
    counts = 0 <= calibration.size <= 2**40 and 1 <= calibration.stride <= 2**40
    return counts and _are_numbers(calibration.shift)


def _are_numbers(values: Any) -> bool:
    """Whether all values are finite in float32; gaps are not allowed."""
    return not (np.abs(values) > np.finfo(np.float32).max).any()


def _checked_layout(layout: Layout) -> Layout:
    """Check that the numbers of a layout are valid and within bounds."""
    counts = (layout.horizon, layout.season)
    if not all(type(one) is int and 1 <= one <= MOST_STEPS for one in counts):
        raise ValueError(f"a horizon or season of {counts!r:.60}")
    if not all(type(one) is bool for one in (layout.level, layout.gaps, layout.logs)):
        raise ValueError("level, gaps and logs must be true or false")
    if not isinstance(layout.cycles, list) or not all(type(one) is str for one in layout.cycles):
        raise ValueError("cycles must be words")
    for means, scales in (
        (layout.known_means, layout.known_scales),
        (layout.past_means, layout.past_scales),
    ):
        if np.shape(means) != np.shape(scales) or np.ndim(means) != 1:
            raise ValueError("means and scales, one each")
        if not _are_numbers(np.array([*means, *scales])):
            raise ValueError("means and scales that are not finite in float32")
    return layout


def series_plain(
    series: Sequence[TimeSeries], learned: Sequence[int], tested: Sequence[int]
) -> list[dict[str, Any]]:
    """Series as plain data; a gap is null."""
    return [
        {
            "name": one.name,
            "first": str(one.first) if one.has_dates else int(one.first),
            "step": [one.step.count, one.step.unit],
            "learned": start,
            "tested": test,
            "values": [None if math.isnan(value) else value for value in one.values.tolist()],
            "known": one.known.tolist(),
            "past": one.past.tolist(),
        }
        for one, start, test in zip(series, learned, tested)
    ]


def series_from(data: Any, path: Path) -> tuple[list[TimeSeries], list[int], list[int]]:
    try:
        series = [_series(one) for one in data]
        learned, tested = ([int(one[name]) for one in data] for name in ("learned", "tested"))
        for one, start, test in zip(series, learned, tested):
            if not (0 <= start <= len(one) and 0 <= test <= len(one)):
                raise ValueError("a part that begins outside the series")
        return series, learned, tested
    except DAMAGE as error:
        raise NotARun(f"{path} is damaged (series.json: {error!r}): copy it again") from error


def _series(one: Any) -> TimeSeries:
    first = one["first"]
    start = np.datetime64(first, "us") if isinstance(first, str) else np.int64(first)
    values = np.array([np.nan if value is None else value for value in one["values"]], np.float64)
    known, past = np.array(one["known"], np.float64), np.array(one["past"], np.float64)
    step = TimeStep(int(one["step"][0]), str(one["step"][1]))
    if step.unit not in ("step", "second", "weekday", "month") or not 1 <= step.count < 2**40:
        raise ValueError(f"a step of {step.count!r} {step.unit!r:.20}")
    if np.isnat(start) if isinstance(first, str) else abs(int(start)) > 2**53:
        raise ValueError(f"a series that begins at {first!r:.40}")
    there = values[~np.isnan(values)] if values.ndim == 1 else values[:0]
    if not len(there) or not all(map(_are_numbers, (there, known, past))):
        raise ValueError("a series without values, or with numbers that are not finite in float32")
    if known.ndim != 2 or past.ndim != 2 or (past.shape[1] and len(past) != len(values)):
        raise ValueError("covariates of another length than their series")
    return TimeSeries(str(one["name"]), start, step, values, known, past)
