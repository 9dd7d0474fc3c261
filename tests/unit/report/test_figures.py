"""Figures: every kind can be drawn, is the same for the same data, and holds what it was given."""

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from matplotlib.figure import Figure

from tests.tolerances import FLOAT64, assert_agrees
from unrolled.errors import ArgumentError
from unrolled.report import figures
from unrolled.report.drawing import SERIES, WIDE, Panel, draw

pytestmark = pytest.mark.drawn

DAYS = np.datetime64("2024-01-01") + np.arange(30)


def panels() -> dict[str, Panel]:
    random = np.random.default_rng(0)
    heights = random.normal(size=30)
    return {
        "curves": figures.curves(
            {"train": heights, "test <1>": heights + 1},
            x_label="epoch",
            y_label="loss (nats)",
            bands={"train": (heights - 1, heights + 1)},
            marks={"kept": 4},
            levels={"guessing": 0.7},
        ),
        "log": figures.curves(
            {"a": ([1, 10, 100], [1e-9, 1, 1e5])}, x_label="x", y_label="y", log_x=True, log_y=True
        ),
        "lags": figures.gradient_by_lag({"Elman": 0.5 ** np.arange(9.0)}, y_label="norm"),
        "bars": figures.bars({"LSTM": 0.9, "RNN": 0.8}, y_label="accuracy", errors={"LSTM": 0.1}),
        "heat": figures.heat_map(
            random.normal(size=(3, 50)), x_label="step", y_label="unit", unit="activation"
        ),
        "signed": figures.heat_map(
            [[-1.0, np.nan], [0.5, 2.0]], x_label="x", y_label="y", unit="weight",
            center=0, show_values=True, columns=["a", "b"], rows=["c", "d"],
        ),
        "steps": figures.steps([0.1, 0.9], names=["a", "<b>"], x_label="step", y_label="share"),
        "confusion": figures.confusion_matrix([[5, 1], [0, 0]], ["$yes$", "日本\0"]),
        "forecast": figures.forecast(
            (DAYS[:20], heights[:20]), (DAYS[20:], heights[20:]), truth=(DAYS[20:], heights[20:]),
            intervals={"80 %": (heights[20:] - 1, heights[20:] + 1)},
            others={"naive": (DAYS[20:], heights[20:])}, y_label="sales (units)",
        ),
    }  # fmt: skip


@pytest.mark.parametrize("kind", list(panels()))
def test_every_kind_is_drawn_twice_and_the_same_again(kind: str) -> None:
    drawing = draw(panels()[kind])
    assert draw(panels()[kind]) == drawing
    widths = [float(re.search(r'width="([\d.]+)pt"', svg)[1]) for svg in vars(drawing).values()]  # type: ignore[index]
    assert widths[0] == points(WIDE) > widths[1]
    for svg in (drawing.wide, drawing.narrow, drawing.file("A <title>", "in words")):
        ET.fromstring(svg.partition("?>\n")[2] or svg)
        assert "<metadata" not in svg


def test_a_lone_epoch_has_whole_numbers_beside_it() -> None:
    axes = Figure().subplots()
    figures.curves({"train": [0.5], "test": [0.6]}, x_label="epoch", y_label="loss").paint(axes)
    assert axes.get_xlim() == (0, 2)
    assert all(float(place).is_integer() for place in axes.get_xticks())


def points(inches: float) -> float:
    return round(inches * 72, 6)


def test_words_stay_words() -> None:
    svg = draw(panels()["curves"]).wide
    for word in ("train", "test &lt;1&gt;", "epoch", "loss (nats)", "kept", "guessing"):
        assert word in svg


def test_a_class_name_is_printed_as_it_is() -> None:
    svg = draw(panels()["confusion"]).wide
    assert "$yes$" in svg
    assert "日本␣" in svg


def test_other_data_give_another_picture() -> None:
    one = draw(figures.bars({"a": 1.0}, y_label="y"))
    assert draw(figures.bars({"a": 2.0}, y_label="y")) != one


def test_inline_ids_are_the_figures_own_and_colours_the_pages() -> None:
    drawing = draw(panels()["curves"])
    text = drawing.inline("loss", "Loss", "It falls.")
    ids = re.findall(r'\bid="([^"]+)"', text)
    assert len(ids) == len(set(ids)) > 10
    assert all(name.startswith(("loss-wide-", "loss-narrow-")) for name in ids)
    for target in re.findall(r'url\(#([^)]+)\)|href="#([^"]+)"', text):
        assert next(filter(None, target)) in ids
    assert SERIES[0] not in text
    assert "var(--series-0)" in text
    assert text.count("<title>Loss</title><desc>It falls.</desc>") == 2


def test_a_file_is_coloured_for_white_paper() -> None:
    text = draw(panels()["curves"]).file("Loss", "It falls.")
    assert SERIES[0] in text
    assert "var(" not in text


def test_two_panels_stand_side_by_side_and_below_each_other() -> None:
    pair = [panels()["curves"], panels()["log"]]
    one, two = draw(pair[0]), draw(pair)
    height = re.compile(r'height="([\d.]+)pt"')
    tall = [float(height.search(svg)[1]) for svg in (one.wide, two.wide, one.narrow, two.narrow)]  # type: ignore[index]
    assert tall[0] == tall[1]
    assert tall[3] > 1.9 * tall[2]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1, "1"),
        (10, "10"),
        (0.01, "10⁻²"),
        (1e7, "10⁷"),
        (0, ""),
        (0.05, "0.05"),
        (0.1 * 2, "0.2"),
        (500, "500"),
        (2e-5, "2·10⁻⁵"),
        (1000 * 1.0000000001, "10³"),
    ],
)
def test_ticks(value: float, expected: str) -> None:
    assert figures.log_tick(value) == expected


def test_zeros_break_a_logarithmic_line() -> None:
    panel = figures.gradient_by_lag({"a": [1.0, 0.0, 0.01], "b": [1.0, 0.5, 0.1]}, y_label="norm")
    assert draw(panel).wide != draw(
        figures.gradient_by_lag({"a": [1.0, 0.1, 0.01], "b": [1.0, 0.5, 0.1]}, y_label="norm")
    ).wide  # fmt: skip


def test_what_does_not_fit_is_said() -> None:
    with pytest.raises(ArgumentError, match="the curve 'a' has 2 x and 3 y values"):
        figures.curves({"a": ([1, 2], [1, 2, 3])}, x_label="x", y_label="y")
    with pytest.raises(ArgumentError, match="2 classes need 2 rows and columns"):
        figures.confusion_matrix([[1]], ["a", "b"])
    with pytest.raises(ArgumentError, match="a heat map needs rows and columns"):
        figures.heat_map([1.0, 2.0], x_label="x", y_label="y", unit="")


def test_a_logarithmic_axis_has_ticks_for_the_range_that_was_asked_for() -> None:
    panel = figures.curves(
        {"loss": [0.7, 0.1]}, x_label="epoch", y_label="loss", log_y=True, y_range=(5e-5, 1.5)
    )
    axes = Figure().subplots()
    panel.paint(axes)
    ticks = [tick for tick in axes.get_yticks() if 5e-5 <= tick <= 1.5]
    assert_agrees(ticks, [1e-4, 1e-3, 0.01, 0.1, 1.0], tolerance=FLOAT64)


@pytest.mark.exhaustive
@pytest.mark.parametrize("unit", ["s", "m", "h", "D", "M"])
def test_every_stretch_of_time_has_ticks(unit: str) -> None:
    """Warnings are errors: a stretch that matplotlib has no interval for would fail here."""
    for count in range(8, 200, 3):
        times = np.datetime64("2024-01-01", unit) + np.arange(count)
        future = times[-1] + 1 + np.arange(4)
        panel = figures.forecast((times, np.zeros(count)), (future, np.ones(4)), y_label="v")
        axes = Figure().subplots()
        panel.paint(axes)
        first, last = axes.get_xlim()
        assert sum(first <= tick <= last for tick in axes.get_xticks()) >= 2
