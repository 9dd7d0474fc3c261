"""Plots. In: numbers by name. Out: panels; next: `drawing` converts them to SVG.

Every series has its own color, dash pattern and (for few points) marker, so that color is not the
only distinction; every axis has a label with its unit. matplotlib is imported only when something
is drawn.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from unrolled.errors import ArgumentError
from unrolled.report.drawing import FAINT, INK, LINES, MARKERS, SERIES, Panel

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Series = Mapping[str, Any]

SMALLEST = 6.5  # font size in points of the text beside a cell: 9 pixels on a phone
FEW = 30  # points up to which each has a marker
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def curves(
    series: Series,
    *,
    x: Sequence[float] | None = None,
    x_label: str,
    y_label: str,
    title: str = "",
    log_x: bool = False,
    log_y: bool = False,
    bands: Mapping[str, tuple[Any, Any]] | None = None,
    marks: Mapping[str, float] | None = None,
    levels: Mapping[str, float] | None = None,
    y_range: tuple[float, float] | None = None,
) -> Panel:
    """Lines by name. A series is its y values (at `x`, or 1, 2, 3 ...) or a pair (x, y).

    `bands` contains (lower, upper) for the series of the same name; `marks` are vertical lines by
    name (the kept epoch), `levels` horizontal ones (the result of guessing).
    """
    lines = {name: _points(name, values, x) for name, values in series.items()}
    named = len(lines) > 1 or bool(marks or levels)  # a single line needs no legend

    def paint(axes: Axes) -> None:
        for number, (name, (at, heights)) in enumerate(lines.items()):
            style = _style(number, len(at))
            if bands and name in bands:
                lower, upper = (np.asarray(edge, float) for edge in bands[name])
                axes.fill_between(at, lower, upper, color=style["color"], alpha=0.2, lw=0)
            axes.plot(at, heights, label=_legend(name) if named else None, **style)
        _lines_across(axes, marks or {}, levels or {})
        if y_range:  # before the scales, whose ticks depend on it
            axes.set_ylim(*y_range)
        _scales(axes, log_x, log_y)
        axes.set(xlabel=x_label, ylabel=y_label)
        if not log_x and all(float(place).is_integer() for at, _ in lines.values() for place in at):
            _whole_numbers(axes.xaxis)
            if all(len(at) == 1 for at, _ in lines.values()):  # a single point has no scale
                axes.set_xlim(0, 2 * max(at[0] for at, _ in lines.values()) or 1)

    return Panel(paint, title)


def gradient_by_lag(norms: Series, *, y_label: str, title: str = "") -> Panel:
    """The norm of a derivative by lag, on a logarithmic axis; zeros interrupt the line.

    Lag 0 is the last time step: heights[k] belongs to the state k steps before it.
    """
    series = {
        name: (np.arange(len(heights)), np.where(np.asarray(heights) > 0, heights, np.nan))
        for name, heights in norms.items()
    }
    label = "lag (steps back from the loss)"
    return curves(series, x_label=label, y_label=y_label, title=title, log_y=True)


def bars(
    values: Mapping[str, float],
    *,
    y_label: str,
    title: str = "",
    errors: Mapping[str, float] | None = None,
    levels: Mapping[str, float] | None = None,
    digits: int = 3,
) -> Panel:
    """A horizontal bar for each name, with its value beside it."""
    names = [_short(name) for name in values]
    lengths = np.asarray(list(values.values()), float)

    def paint(axes: Axes) -> None:
        places = np.arange(len(names))[::-1]
        spread = [errors.get(name, 0.0) for name in values] if errors else None
        axes.barh(places, lengths, xerr=spread, color=SERIES[0], ecolor=INK, height=0.62)
        axes.set_yticks(places, names)
        for place, length in zip(places, lengths, strict=True):
            axes.annotate(
                f"{length:.{digits}g}", (length, place), (4, 0), textcoords="offset points",
                va="center", ha="left",
            )  # fmt: skip
        axes.margins(x=0.18)
        _lines_across(axes, levels or {}, {})
        axes.set(xlabel=y_label)
        axes.grid(axis="y", visible=False)

    height = 0.9 + 0.28 * len(names)
    return Panel(paint, title, height, height)


def heat_map(
    values: Any,
    *,
    x_label: str,
    y_label: str,
    unit: str,
    title: str = "",
    columns: Sequence[Any] | None = None,
    rows: Sequence[Any] | None = None,
    center: float | None = None,
    limits: tuple[float, float] | None = None,
    show_values: bool = False,
    digits: int = 2,
) -> Panel:
    """Numbers as colors, with the first row on top; `center` selects a diverging color map.

    `columns` and `rows` name the cells; without them they are numbered. NaN stays empty.
    """
    grid = np.asarray(values, float)
    if grid.ndim != 2 or 0 in grid.shape:
        raise ArgumentError(f"a heat map needs rows and columns, not the shape {grid.shape}")

    def paint(axes: Axes) -> None:
        low, high = limits or _limits(grid, center)
        colours = "cividis" if center is None else "PuOr_r"
        image = axes.imshow(grid, cmap=colours, vmin=low, vmax=high, aspect="auto")
        axes.grid(visible=False)
        _name_cells(axes.xaxis, columns, grid.shape[1], turn=True)
        _name_cells(axes.yaxis, rows, grid.shape[0])
        axes.set(xlabel=x_label, ylabel=y_label)
        bar = axes.figure.colorbar(image, ax=axes, label=unit, pad=0.02, fraction=0.06)
        bar.outline.set_visible(False)
        if show_values:
            _write_values(axes, grid, (low, high), digits, dark_ends=center is not None)

    height = min(6.5, 1.2 + 0.24 * max(6, grid.shape[0]))
    return Panel(paint, title, height, height)


def paths(
    points: Mapping[str, Any],
    height: Callable[[Any], float],
    *,
    x_range: tuple[float, float],
    y_range: tuple[float, float],
    target: tuple[float, float],
    x_label: str,
    y_label: str,
    title: str = "",
) -> Panel:
    """Paths by name over the contour lines of a landscape, and a star at its lowest point.

    Each path is an array of points (x, y); `height` gives the landscape at a point.
    """

    def paint(axes: Axes) -> None:
        xs, ys = np.linspace(*x_range, 90), np.linspace(*y_range, 90)
        heights = np.array([[height(np.array([x, y])) for x in xs] for y in ys])
        levels = np.geomspace(max(heights.min(), 1e-2), heights.max(), 14)
        axes.contour(xs, ys, heights, levels=levels, colors=FAINT, linewidths=0.8)
        for number, (name, path) in enumerate(points.items()):
            style = _style(number, len(path)) | {"marker": ""}
            axes.plot(*np.asarray(path).T, label=name, **style)
        axes.plot(*target, marker="*", color=INK, markersize=11, linestyle="")
        axes.grid(visible=False)
        axes.set(xlabel=x_label, ylabel=y_label, xlim=x_range, ylim=y_range)

    return Panel(paint, title, 3.2, 3.2)


def steps(
    values: Any, *, names: Sequence[Any], x_label: str, y_label: str, title: str = ""
) -> Panel:
    """A vertical bar for each step of a sequence, above the step's name."""
    heights = np.asarray(values, float)

    def paint(axes: Axes) -> None:
        axes.bar(np.arange(len(heights)), heights, color=SERIES[0], width=0.8)
        axes.set_xlim(-0.5, len(heights) - 0.5)
        _name_cells(axes.xaxis, names, len(heights), turn=True)
        axes.grid(axis="x", visible=False)
        axes.set(xlabel=x_label, ylabel=y_label)

    return Panel(paint, title, 2.1, 2.3)


def confusion_matrix(counts: Any, classes: Sequence[str], *, title: str = "") -> Panel:
    """Rows: true classes; columns: predicted classes; color: share of the row."""
    table = np.asarray(counts, float)
    if table.shape != (len(classes), len(classes)):
        raise ArgumentError(f"{len(classes)} classes need {len(classes)} rows and columns, "
                            f"not {table.shape}")  # fmt: skip
    totals = table.sum(axis=1, keepdims=True)
    shares = np.divide(table, totals, out=np.zeros_like(table), where=totals > 0)

    def paint(axes: Axes) -> None:
        image = axes.imshow(shares, cmap="cividis", vmin=0, vmax=1, aspect="auto")
        axes.grid(visible=False)
        _name_cells(axes.xaxis, classes, len(classes), turn=True)
        _name_cells(axes.yaxis, classes, len(classes))
        axes.set(xlabel="predicted", ylabel="true")
        bar = axes.figure.colorbar(image, ax=axes, label="share of the true class", pad=0.02)
        bar.outline.set_visible(False)
        if len(classes) <= 15:
            _write_values(
                axes, shares, (0.0, 1.0), 0, text=[[f"{n:.0f}" for n in r] for r in table]
            )

    height = min(7.0, 1.7 + 0.3 * max(4, len(classes)))
    return Panel(paint, title, height, height)


def scatter(x: Any, y: Any, *, x_label: str, y_label: str, title: str = "") -> Panel:
    """Points, and the diagonal."""

    def paint(axes: Axes) -> None:
        ends = [min(x.min(), y.min()), max(x.max(), y.max())]
        axes.plot(ends, ends, color="0.6", lw=1)
        axes.plot(x, y, ls="", marker="o", ms=3, alpha=0.6, color=_style(0, len(x))["color"])
        axes.set(xlabel=x_label, ylabel=y_label)

    return Panel(paint, title)


def forecast(
    history: tuple[Any, Any],
    prediction: tuple[Any, Any],
    *,
    y_label: str,
    x_label: str = "time",
    truth: tuple[Any, Any] | None = None,
    intervals: Mapping[str, tuple[Any, Any]] | None = None,
    others: Mapping[str, tuple[Any, Any]] | None = None,
    title: str = "",
) -> Panel:
    """Past, actual and predicted values; every series is a pair (times, values).

    `intervals` are (lower, upper) at the times of the prediction, widest first, by name ("80 %");
    `others` are predictions for comparison.
    """

    def paint(axes: Axes) -> None:
        axes.plot(*_pair(history), color=INK, lw=1.2, label="history")
        if truth is not None:
            axes.plot(*_pair(truth), color=INK, lw=1.2, ls=":", label="actual values")
        times, heights = _pair(prediction)
        for number, (name, (lower, upper)) in enumerate((intervals or {}).items()):
            shade = 0.16 + 0.14 * number
            axes.fill_between(
                times, lower, upper, color=SERIES[0], alpha=shade, lw=0, label=_legend(name)
            )
        axes.plot(times, heights, color=SERIES[0], label="forecast")
        for number, (name, other) in enumerate((others or {}).items(), 1):
            style = _style(number, FEW + 1)
            axes.plot(*_pair(other), label=_legend(name), **style | {"lw": 1.2})
        axes.set(xlabel=x_label, ylabel=y_label)
        if np.issubdtype(np.asarray(times).dtype, np.datetime64):
            _short_dates(axes)

    return Panel(paint, title)


# ------------------------------------------------------------------------------------------- parts


def _points(name: str, values: Any, x: Sequence[float] | None) -> tuple[Any, Any]:
    if isinstance(values, tuple):
        at, heights = (np.asarray(part, float) for part in values)
    else:
        heights = np.asarray(values, float)
        at = np.arange(1.0, len(heights) + 1) if x is None else np.asarray(x, float)
    if at.shape != heights.shape:
        raise ArgumentError(f"the curve {name!r} has {at.size} x and {heights.size} y values")
    return at, heights


def _style(number: int, points: int) -> dict[str, Any]:
    turn = number % len(SERIES)
    style = {"color": SERIES[turn], "linestyle": LINES[(number + number // len(SERIES)) % 6]}
    if points <= FEW:
        style["marker"] = MARKERS[turn]
    return style


def _pair(series: tuple[Any, Any]) -> tuple[Any, Any]:
    times, heights = (np.asarray(part) for part in series)
    return times, heights


def _lines_across(axes: Axes, marks: Mapping[str, float], levels: Mapping[str, float]) -> None:
    for number, (name, place) in enumerate(marks.items()):
        axes.axvline(place, color=INK, lw=1.1, ls=LINES[(number + 1) % 4], label=_legend(name))
    for number, (name, place) in enumerate(levels.items()):
        axes.axhline(place, color=INK, lw=1.1, ls=LINES[(number + 3) % 4], label=_legend(name))


def _scales(axes: Axes, log_x: bool, log_y: bool) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    for axis, wanted, scale in (
        (axes.xaxis, log_x, axes.set_xscale),
        (axes.yaxis, log_y, axes.set_yscale),
    ):
        if wanted:
            scale("log")
            low, high = axis.get_view_interval()
            few = high < 300 * low  # within two powers of ten, powers alone are too few ticks
            axis.set_major_locator(LogLocator(subs=(1, 2, 5) if few else (1,), numticks=8))
            axis.set_major_formatter(FuncFormatter(log_tick))
            axis.set_minor_formatter(NullFormatter())


def log_tick(value: float, place: int | None = None) -> str:
    """A tick label of a logarithmic axis: 0.02, 0.1, 50, or 10⁻⁷ for extreme values."""
    if value <= 0:
        return ""
    exponent = math.floor(math.log10(value) + 1e-9)
    first = round(value / 10**exponent)
    if -3 < exponent < 3 and (first > 1 or abs(exponent) < 2):
        return f"{value:g}"
    power = "10" + str(exponent).translate(SUPERSCRIPTS)
    return power if first == 1 else f"{first}·{power}"


def _whole_numbers(axis: Any) -> None:
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator(integer=True))


def _short_dates(axes: Axes) -> None:
    import matplotlib.dates
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    make_locator: Any = AutoDateLocator  # untyped in matplotlib
    locator = make_locator(minticks=3, maxticks=6)
    for unit, longest in (("MONTHLY", 12), ("HOURLY", 24), ("MINUTELY", 60), ("SECONDLY", 60)):
        # its default intervals have gaps: 31 months are too many half-years and too few years
        steps = locator.intervald[getattr(matplotlib.dates, unit)]
        locator.intervald[getattr(matplotlib.dates, unit)] = [*steps, longest]
    axes.xaxis.set_major_locator(locator)
    make_formatter: Any = ConciseDateFormatter
    axes.xaxis.set_major_formatter(make_formatter(locator))


def _limits(grid: Any, center: float | None) -> tuple[float, float]:
    """The range of the colors, symmetric around a center."""
    known = grid[np.isfinite(grid)]
    if known.size == 0:
        return 0.0, 1.0
    if center is None:
        low, high = float(known.min()), float(known.max())
        return (low, high) if high > low else (low, low + 1.0)
    reach = float(np.abs(known - center).max()) or 1.0
    return center - reach, center + reach


def _name_cells(axis: Any, names: Sequence[Any] | None, count: int, turn: bool = False) -> None:
    """Label the cells as large as possible; if there is no room, only every n-th."""
    if names is None:
        _whole_numbers(axis)
        return
    if len(names) != count:
        raise ArgumentError(f"{count} rows or columns of a heat map have {len(names)} names")
    labels = [_short(str(name)) for name in names]
    longest = max(map(len, labels))
    upright = turn and longest * count > 36 and longest > 3
    if upright:  # a low figure needs room for its bars
        labels = [_short(str(name), 12) for name in names]
    figure = axis.axes.figure
    points = 72 * figure.bbox.width / figure.dpi
    room = 0.75 * points / count if turn else 14.0  # for each cell
    size = min(9.0, room / (1.0 if upright or not turn else 0.7 * longest + 0.3))
    every = 1 if size >= SMALLEST else math.ceil(SMALLEST / size)
    axis.set_ticks(range(0, count, every), labels[::every], rotation=90 if upright else 0)
    axis.set_tick_params(labelsize=max(size, SMALLEST))


def _legend(name: str) -> str:
    """A name for a legend, from which matplotlib omits names that begin with an underscore."""
    return f"\N{WORD JOINER}{name}" if name.startswith("_") else name


def _short(name: str, most: int = 22) -> str:
    """A truncated name beside an axis, without characters that XML forbids."""
    name = "".join(letter if letter.isprintable() else "␣" for letter in name)
    return name if len(name) <= most else name[: most - 1] + "…"


def _write_values(
    axes: Axes,
    grid: Any,
    limits: tuple[float, float],
    digits: int,
    dark_ends: bool = False,
    text: list[list[str]] | None = None,
) -> None:
    """Write the number of each cell, in a color that is readable on it."""
    low, high = limits
    for (row, column), value in np.ndenumerate(grid):
        if not np.isfinite(value):
            continue
        share = (value - low) / (high - low)
        dark = abs(share - 0.5) > 0.35 if dark_ends else share < 0.55
        words = text[row][column] if text else f"{value:.{digits}f}"
        # they are on the color of a cell, so they must not follow the dark theme of the page
        colour = "#fefefe" if dark else "#101010"
        axes.text(column, row, words, ha="center", va="center", color=colour, fontsize=8)
