"""A forecaster that runs in a page. In: a fitted forecaster. Out: `Live`.

The user enters values that follow a series, or a separate series, and the page draws the forecast
with its intervals. It equals that of `unrolled forecast`, including the methods averaged with the
network and the calibration by the latest errors. Next: the run's report, and
`Forecaster.export_as`.
"""

from __future__ import annotations

import html
from typing import Any

import numpy as np

from unrolled.data.calendar import features
from unrolled.data.windows import Prepared
from unrolled.errors import ArgumentError
from unrolled.exports.javascript import encoded, layers_of, packed
from unrolled.exports.network import network_of
from unrolled.report.blocks import Live
from unrolled.tasks.forecast.baselines import OWN, own_map
from unrolled.tasks.forecast.linear_map import LinearMap
from unrolled.tasks.forecast.linear_path import MAP, OTHERS
from unrolled.tasks.forecast.model import CONTEXT
from unrolled.tasks.live import LARGE, arrays_of, rounded, script_of, source, weights_of

MORE = 1_000  # new values after the end of a series that a page accepts
MOST_SERIES, MOST_VALUES = 12, 200_000  # in a page

BODY = """
<p>Paste the values that came next, or drop a CSV file here: the network inside this page reads them
and says what comes after. Nothing that you type leaves it.</p>
<p id="which-part"><label for="which">Series</label> <select id="which"></select></p>
<label for="text">New values of {value}, oldest first; of a CSV file, the last column</label>
<textarea id="text" spellcheck="false"></textarea>
<div class="controls">
<label for="file">or a file</label> <input id="file" type="file" accept=".csv,.txt,.tsv">
{alone}<span id="count" role="status"></span>
</div>
<p id="wrong" class="wrong" role="alert"></p>
<svg id="drawn" role="img" aria-label="the series, and what comes next with its intervals"></svg>
<p class="hint">Blue: the last values; orange: the median of what comes, and the intervals between
the quantiles {levels}. Steps are counted from the last value. {precision}</p>
<details><summary>The numbers</summary><div class="wide-one" tabindex="0" role="group">
<table><thead><tr id="levels"><th scope="col">step</th></tr></thead>
<tbody id="rows"></tbody></table></div></details>
"""
WORDS = {MAP: "map", OWN: "own", "naive": "naive", "seasonal naive": "seasonal",
         "smoothing": "smooth"}  # fmt: skip
ALONE = '<label><input id="alone" type="checkbox"> they are a separate series</label>\n'


def live_part(
    model: Any, value: str = "the series", int8: bool | None = None
) -> tuple[Live, float | None]:
    """The live part, and the change due to int8 in units of the series; `model` is fitted."""
    _refuse(model)
    if int8 is None:
        int8 = weights_of(model.model_) > LARGE
    moved = moved_by_int8(model) if int8 else None
    precision = "The weights are those of the run, in float32."
    if moved is not None:
        precision = (
            "The weights are stored as int8, which moved a forecast by at most "
            f"{moved:.2g} of the typical difference between a value and the one a season before."
        )
    body = BODY.format(
        value=html.escape(value[:60]),
        levels=", ".join(map(str, model._levels())),
        alone=ALONE if _may_be_alone(model) else "",
        precision=precision,
    )
    script = forecaster_script(model, int8) + source("forecast", "page.js")
    return Live("Try it", body, script), moved


def forecaster_script(model: Any, int8: bool) -> str:
    """JavaScript with `forecastAfter(more, which)` and `forecastOf(values)`."""
    _refuse(model)
    parts = [source("forecast", name) for name in ("forecast.js", "smoothing.js", "asking.js")]
    return script_of(network_of(model.model_.recurrent), _facts(model, int8), *parts)


def takes_covariates(model: Any) -> bool:
    """Whether it must be given columns beside the series."""
    return bool(model.layout_.known_means or model.layout_.past_means)


def _refuse(model: Any) -> None:
    if model.mode == "fed-back":
        raise ArgumentError(
            "a forecaster with mode='fed-back' draws sample paths, which a page cannot do: "
            "train one with mode='direct' (--mode direct)"
        )
    if takes_covariates(model):
        raise ArgumentError(
            "this forecaster uses covariates, which a page does not support: export it to onnx "
            "(trained with --no-shared), use unrolled forecast, or train it without --known and "
            "--past"
        )


def _facts(model: Any, int8: bool) -> dict[str, Any]:
    """The data that the scripts call `run`."""
    network, layout, calibration = model.model_, model.layout_, model.calibration_
    path = model.shares_.path
    heads = {"straight_known": network.straight_known}
    for name in ("context", "known", "readout", "straight"):
        layer = getattr(network, name)
        heads |= {name: layer.weight, f"{name}_bias": layer.bias}
    chosen: list[Any] = []
    total = 0
    for one in model._prepared(model.series_)[:MOST_SERIES]:
        total += len(one)
        if not chosen or total <= MOST_VALUES:
            chosen.append(one)
    return {
        "horizon": layout.horizon, "season": layout.season, "level": bool(layout.level),
        "gaps": bool(layout.gaps), "told": layout.told, "context": CONTEXT,
        "levels": model._levels(),
        "layers": layers_of(network_of(network.recurrent), int8),
        "heads": arrays_of(heads, int8),
        "maps": {"early": _map(path.linear), "late": _map(path.refitted)},
        "methods": [WORDS[name] for name in OTHERS],
        "share": model.shares_.share.tolist(),
        "path": {"name": WORDS[path.name], "size": path.size},
        "logs": bool(layout.logs),
        "calibration": {"shift": calibration.shift.tolist(), "counts": calibration.counts.tolist(),
                        "size": calibration.size, "stride": calibration.stride},
        "alone": _may_be_alone(model),
        "series": [_series(one, _has_own_maps(model)) for one in chosen],
    }  # fmt: skip


def _may_be_alone(model: Any) -> bool:
    """Whether it can forecast other series: without dates and without maps for each series."""
    return not (model.layout_.cycles or _has_own_maps(model))


def _has_own_maps(model: Any) -> bool:
    return OWN in model.shares_.used() or model.shares_.path.name == OWN


def _map(linear: LinearMap | None) -> dict[str, Any] | None:
    return None if linear is None else encoded(linear.arrays())


def _series(one: Prepared, has_own_map: bool) -> dict[str, Any]:
    """The values, and the calendar and names of all steps that a page may need."""
    length = len(one) + MORE + one.layout.horizon
    times = one.series.times(0, length)
    calendar = features(times, one.layout.cycles)
    return {
        "name": one.series.name,
        "values": packed(one.series.without_gaps(), "<f8"),
        "seen": packed(one.seen, "u1"),
        "learned": int(one.learned),
        "known": int(one.known),
        "own": {
            when: _map(own_map(one, until))
            for when, until in (("early", one.learned), ("late", one.known))
            if has_own_map
        },
        "calendar": packed(calendar, "<f4"),
        "times": [_named(time) for time in times[len(one) :]],
        "more": MORE,
    }


def _named(time: Any) -> str:
    """A readable time: the day, and the time of day unless it is midnight."""
    if not isinstance(time, np.datetime64):
        return str(time)
    text = str(time.astype("datetime64[s]"))
    return text.removesuffix("T00:00:00").replace("T", " ")


def moved_by_int8(model: Any) -> float:
    """The largest change of a forecast due to int8, in units of the series."""
    whole = model.model_
    exact = model.forecast()
    try:
        model.model_ = rounded(whole)
        other = model.forecast()
    finally:
        model.model_ = whole
    off: float = max(
        float(np.abs(one.seen_as(a.quantiles) - one.seen_as(b.quantiles)).max()) / one.scale.unit
        for a, b, one in zip(exact, other, model._prepared(model.series_))
    )
    return off
