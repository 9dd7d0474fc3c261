"""What all reports share: the source, and which steps of a long sequence are drawn."""

import numpy as np
import pytest

from unrolled.report.blocks import Figure, Page, Prose
from unrolled.report.page import render
from unrolled.tasks.looking import Reading
from unrolled.tasks.reporting import STEPS_SHOWN, inside, trained_on

ROWS = [["part", "sequences"], ["train", 3]]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({}, "The data were passed in Python."),
        ({"source": "builtin:co2"}, "Source: `builtin:co2`."),
        (
            {"source": "/home/me/in box.csv", "text": "Message", "label": "Kind"},
            "Source: `in box.csv`, columns: text `Message`; label `Kind`.",
        ),
        ({"source": "s.csv", "value": ["a", "b"]}, "Source: `s.csv`, columns: value `a`, `b`."),
    ],
)
def test_the_source_is_said(data, said):
    assert trained_on({"data": data}, ROWS, ()).blocks[0] == Prose(said)


def test_a_note_is_printed_as_it_is():
    section = trained_on({"data": {}}, ROWS, ["the column '*a*' of `b`_[@c]"])
    assert "the column '*a*' of `b`_[@c]" in render(Page("t", "l", [section]))


@pytest.mark.drawn
def test_of_a_long_sequence_the_steps_that_counted_most_are_drawn():
    counted = np.zeros(100)
    counted[50:60] = 0.1
    hidden = np.random.default_rng(0).normal(size=(100, 5))
    words = [f"word{number}" for number in range(100)]
    section = inside([Reading("A text", words, hidden, counted)], np.ones(4), "so.")
    drawn = next(block for block in section.blocks if isinstance(block, Figure))
    first = 60 - STEPS_SHOWN
    assert drawn.title == f"A text, steps {first + 1} to 60 of 100"
    page = render(Page("t", "l", [section]))
    assert "word59" in page
    assert "word60" not in page


def test_of_a_short_sequence_all_steps_are_drawn():
    reading = Reading("A text", ["a", " ", "b"], np.eye(3), np.full(3, 1 / 3))
    section = inside([reading], np.ones(3), "so.")
    assert next(b.title for b in section.blocks if isinstance(b, Figure)) == "A text"


@pytest.mark.drawn
@pytest.mark.parametrize(("channels", "shown"), [(2, "channel 2"), (9, "channel")])
def test_a_series_is_drawn_beside_what_was_held_in_mind(channels, shown):
    """As it was given: lines while they can be told apart, else the rows of a picture."""
    names = [str(step + 1) for step in range(60)]
    counted = np.full(60, 1e-3)
    counted[30:40] = 0.1
    values = np.random.default_rng(0).normal(size=(60, channels))
    reading = Reading("series 7", names, np.eye(60)[:, :4], counted, values)
    drawn = [b for b in inside([reading], np.ones(4), "so.").blocks if isinstance(b, Figure)]
    first = int(drawn[0].title.split("steps ")[1].split()[0])
    assert drawn[0].title == f"Input: series 7, steps {first} to {first + 23} of 60"
    assert [one.title for one in drawn[1:3]] == [
        "Hidden state", "Contribution of each step"
    ]  # fmt: skip
    assert first <= 31 <= first + 23
    assert shown in render(Page("t", "l", [inside([reading], np.ones(4), "so.")]))
