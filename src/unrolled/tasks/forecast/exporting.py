"""Exports a whole forecaster. In: a fitted one, a format, a path. Out: its files.

Next: `unrolled.export`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from unrolled.errors import ArgumentError
from unrolled.exports.export import NO_INT8, Exported, Options
from unrolled.files import write_whole
from unrolled.tasks.forecast.linear_path import LinearPath
from unrolled.tasks.forecast.live_page import (
    forecaster_script,
    live_part,
    moved_by_int8,
    takes_covariates,
)
from unrolled.tasks.live import write_alone, write_module
from unrolled.training.run_folder import json_text


def export_forecaster(model: Any, kind: str, path: Path, options: Options) -> Exported:
    """`model` is a fitted `Forecaster`."""
    if kind == "html":
        return _page(model, path, options.int8)
    if kind == "js":
        return _module(model, path, options.int8)
    if kind != "onnx":
        raise ArgumentError(
            "C computes one time step at a time, and a whole forecaster needs the history of its "
            f"series: {_instead(model)}; its recurrent layers can be exported: "
            f"unrolled.export(model.model_.recurrent, {str(path)!r})"
        )
    if options.int8:
        raise ArgumentError(NO_INT8)
    return _graph(model, path)


def _is_shared(model: Any) -> bool:
    """Whether other methods than the network have a part in a forecast."""
    return bool(model.shares_.used()) or model.shares_.path != LinearPath()


def _instead(model: Any) -> str:
    """What this forecaster can be exported to, or how one is trained that can."""
    if model.mode == "fed-back":
        return "train one with mode='direct' (--mode direct), and export it to html or js"
    formats = [] if takes_covariates(model) else ["html", "js"]
    formats += [] if _is_shared(model) else ["onnx"]
    if not formats:
        return "train it with shared=False (--no-shared), and export it to onnx"
    return f"export it to {' or '.join(formats)}"


def _page(model: Any, path: Path, int8: bool) -> Exported:
    live, moved = live_part(model, int8=int8 or None)
    lead = (
        f"A recurrent network forecasts {model.horizon} steps of {model.series_[0].step} ahead, "
        "with intervals."
    )
    return write_alone(path, lead, model.cell_, live, _rounding(moved))


def _rounding(moved: float | None) -> list[str]:
    if moved is None:
        return []
    return [f"int8 weights move a forecast by at most {moved:.2g} of a typical seasonal change"]


def _module(model: Any, path: Path, int8: bool) -> Exported:
    script = forecaster_script(model, int8)
    doc = "forecastAfter(values since, which) and forecastOf(series) are [step][run.levels]."
    notes = _rounding(moved_by_int8(model) if int8 else None)
    return write_module(path, doc, script, "forecastAfter, forecastOf, run", notes)


def _graph(model: Any, path: Path) -> Exported:
    if model.mode == "fed-back":
        raise ArgumentError(
            "a forecaster with mode='fed-back' draws sample paths, which a graph cannot do: "
            "export one with mode='direct'"
        )
    if _is_shared(model):
        raise ArgumentError(
            "this forecaster averages its network with other methods, which a graph lacks: "
            "train it with shared=False (--no-shared)"
            + (
                ""
                if takes_covariates(model)
                else ", or export it to html or js, which include them"
            )
        )
    from unrolled.tasks.forecast.onnx_graph import forecaster_model

    levels = model._levels()
    graph = forecaster_model(model.model_, model.layout_, model.calibration_, levels)
    layout = path.with_suffix(".layout.json")
    plain = {"quantiles": levels, **model._vocabulary()}
    write_whole(layout, json_text(plain))
    write_whole(path, graph.SerializeToString())
    more = " and the known features of each step" if model.layout_.told else ""
    return Exported((path, layout), (f"it takes values{more}, and gives quantiles",))
