"""What a person sees: the epoch line, a bar on a terminal alone, JSON for programs."""

import io
import json

import pytest

from unrolled.training.job import Shown
from unrolled.training.progress import Ahead, Beside, Json, Lines, Quiet, duration

LINE = (
    Shown("train", "loss", "Train Loss"),
    Shown("train", "accuracy", "Train Acc", "{:.1%}"),
    Shown("test", "accuracy", "Test Acc", "{:.1%}"),
)
RECORD = {"epoch": 5, "train_loss": 0.12241, "train_accuracy": 0.9521, "test_accuracy": 0.9468}


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_the_epoch_line():
    out = io.StringIO()
    Lines(out, io.StringIO()).epoch(RECORD, LINE, Ahead(5))
    assert out.getvalue() == (
        "Epoch [5/5], Train Loss: 0.1224, Train Acc: 95.2%, Test Acc: 94.7%\n"
    )


def test_figures_that_are_not_there_are_left_out():
    out = io.StringIO()
    Lines(out, io.StringIO()).epoch({"epoch": 1, "train_loss": 1.0}, LINE, Ahead(3))
    assert out.getvalue() == "Epoch [1/3], Train Loss: 1.0000\n"


def test_the_last_line_is_that_of_the_kept_model():
    out = io.StringIO()
    Lines(out, io.StringIO()).kept(RECORD, LINE)
    assert out.getvalue() == "Kept epoch 5, Test Acc: 94.7%\n"


def test_no_terminal_no_bar():
    bar = io.StringIO()
    Lines(io.StringIO(), bar).step(1, 0.5, 0.7, Ahead(3, 12.0))
    assert bar.getvalue() == ""


def test_a_bar_is_drawn_and_wiped_before_a_line():
    out, bar = io.StringIO(), Terminal()
    lines = Lines(out, bar)
    lines.step(2, 0.5, 0.7, Ahead(3, 200.0))
    assert "[2/3] ##########.......... loss 0.7000, 3 min 20 s left" in bar.getvalue()
    lines.epoch(RECORD, LINE, Ahead(5))
    assert bar.getvalue().endswith("\r")


def test_a_second_training_moves_the_bar_and_says_one_thing(capsys):
    out, bar = io.StringIO(), Terminal()
    beside = Beside(Lines(out, bar), "without order")
    beside.step(2, 0.5, 0.7, Ahead(3))
    assert "[2/3]" in bar.getvalue()
    beside.epoch(RECORD, LINE, Ahead(5))
    beside.kept(RECORD, LINE)
    assert out.getvalue() == ""
    assert capsys.readouterr().err == "note: without order: Test Acc: 94.7%\n"
    assert bar.getvalue().endswith("\r")


def test_json_is_one_object_a_line_and_strict(capsys):
    Json().epoch({**RECORD, "train_loss": float("nan")}, LINE, Ahead(5))
    read = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert read["event"] == "epoch"
    assert read["train_loss"] is None
    assert read["test_accuracy"] == 0.9468


def test_quiet_says_only_notes(capsys):
    quiet = Quiet()
    quiet.epoch(RECORD, LINE, Ahead(5))
    quiet.kept(RECORD, LINE)
    quiet.step(1, 0.5, 0.1, Ahead(2))
    assert capsys.readouterr() == ("", "")
    quiet.note("the disk is full")
    assert "the disk is full" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (59.6, "1 min 0 s"), (7500, "2 h 5 min")],
)
def test_duration(seconds, text):
    assert duration(seconds) == text
