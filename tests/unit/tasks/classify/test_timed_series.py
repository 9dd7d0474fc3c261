"""Series whose rows have times: what the cell is given, and the command line from end to end."""

from pathlib import Path

import numpy as np
import pytest

from tests.tolerances import FLOAT32, assert_agrees
from unrolled.cells import CfC
from unrolled.cli import main
from unrolled.data.series import read_series
from unrolled.errors import DataError, InputError
from unrolled.tasks.classify.classifier import Classifier
from unrolled.tasks.classify.timed_series import TimedEncoder

SMALL = {"hidden": 4, "epochs": 1, "members": 1, "linear": False, "convolutions": False}
WORDS = ["--hidden", "4", "--epochs", "1", "--members", "2", "--no-linear", "--quiet"]


def series(count: int = 24, gaps: bool = False) -> tuple[list[np.ndarray], list[str]]:
    """A channel and the time since the first row; the class is how fast time passes."""
    draw = np.random.default_rng(0)
    X, y = [], []
    for number in range(count):
        passed = draw.exponential(1 + number % 2 * 4, 5 + number % 3)
        passed[0] = 0
        values = draw.normal(size=len(passed))
        if gaps:
            values[number % 3] = np.nan
        X.append(np.column_stack([values, passed.cumsum()]))
        y.append("slow" if number % 2 else "fast")
    return X, y


def said(model: Classifier, X: list[np.ndarray]) -> np.ndarray:
    return model.predict_proba(X).astype(np.float32)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same as rows with dates, in no order."""
    X, y = series()
    rows = [
        f"s{n},{np.datetime64('2024-01-01T00:00:00') + int(3600 * time)},{value:.4f},{label}"
        for n, (one, label) in enumerate(zip(X, y, strict=True))
        for value, time in one
    ]
    path = tmp_path_factory.mktemp("timed") / "rows.csv"
    path.write_text("\n".join(["id,when,value,label", *rows[::-1]]) + "\n")
    return path


def test_times_are_scaled_by_the_usual_one_and_missing_values_are_held() -> None:
    one = np.array([[np.nan, 5.0], [1.0, 7.0], [np.nan, 11.0], [3.0, 13.0]])
    encoder = TimedEncoder.fit_times([one], ("dt",))
    notes: list[str] = []
    found = encoder.encode([one], notes.append)[0]
    assert_agrees(found[:, 1], np.array([1, 1, 2, 1], np.float32), tolerance=FLOAT32)
    assert_agrees(found[:, 0], np.array([0, -1, -1, 1], np.float32), tolerance=FLOAT32)
    assert notes == ["2 of 4 values were missing: the value before is used"]


def test_a_cell_with_a_mask_is_told_what_was_observed_and_how_long_ago() -> None:
    one = np.array([[np.nan, 0.0], [1.0, 2.0], [np.nan, 4.0], [np.nan, 8.0], [3.0, 10.0]])
    encoder = TimedEncoder.fit_times([one], ("mask", "delta"))
    found = encoder.encode([one], lambda note: None)[0]
    assert encoder.inputs == 6
    assert found[:, 2].tolist() == [0, 1, 0, 0, 1]
    assert found[:, 4].tolist() == [0, 1, 1, 3, 4]  # since the row at which it was last observed
    assert found[:, 3].tolist() == [1] * 5


@pytest.mark.parametrize("convolutions", [False, True])
def test_the_cell_is_given_the_time_between_rows(convolutions: bool) -> None:
    X, y = series()
    model = Classifier(cell=CfC, timed=True, **SMALL | {"convolutions": convolutions}).fit(X, y)
    member = model.model_.members[0].eval()
    x, lengths = model.encoder_.encode(X[:1], lambda note: None).batch(np.array([0]))
    seen = member.inputs(x, lengths)
    expected, _ = member.recurrent.recurrent(seen[..., :-1], dt=seen[..., -1])
    assert_agrees(member.recurrent(seen)[0].detach(), expected.detach(), tolerance=FLOAT32)
    unlike, _ = member.recurrent.recurrent(seen[..., :-1])
    assert (unlike - expected).abs().max() > 1e-3
    later = X[0] * [1.0, 1.0] + [[0.0, 9.0]]  # all rows later by the same: nothing changes
    assert_agrees(said(model, [later]), said(model, X[:1]), tolerance=FLOAT32)


def test_padding_does_not_change_the_answer() -> None:
    X, y = series(gaps=True)
    model = Classifier(cell="grud", timed=True, **SMALL).fit(X, y)
    alone = np.concatenate([said(model, [one]) for one in X[:3]])
    assert_agrees(said(model, X[:3]), alone, tolerance=FLOAT32)


def test_a_run_is_trained_resumed_asked_and_measured(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    asked = ["--label", "label", "--series", "id", "--times", "when", "--cell", "ltc", *WORDS]
    assert main(["train", "classify", str(table), *asked, "--out", str(run)]) == 0
    assert main(["train", "--resume", str(run), "--epochs", "2", "--quiet"]) == 0
    told = str(tmp_path / "told.csv")
    assert main(["predict", str(run), str(table), "--explain", "--out", told]) == 0
    assert main(["evaluate", str(run), str(table)]) == 0
    assert "accuracy" in capsys.readouterr().out
    X, _ = series()
    model = Classifier.load(run)
    assert model.encoder_.usual > 600  # seconds, as dates have it
    hours = [one * [1.0, 3600.0] for one in X]
    names = model.predict(hours)
    lines = Path(told).read_text().splitlines()[1:]
    assert dict(line.split(",")[::4][:2] for line in lines) == {
        f"s{number}": label for number, label in enumerate(names)
    }
    assert main(["export", str(run), "--to", "js", "--out", str(tmp_path / "m.mjs")]) != 0
    assert "this run reads series with times" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--times", "when", "--cell", "gru"], "GRU has none: choose --cell cfc"),
        (["--times", "hour", "--cell", "cfc"], "has no column 'hour' for --times"),
        (["--times", "when", "--time", "id", "--cell", "cfc"], "already orders the rows"),
    ],
)
def test_what_has_no_sense_is_refused(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], sentence: str
) -> None:
    asked = ["--series", "id", *words, *WORDS, "--out", str(tmp_path / "run")]
    assert main(["train", "classify", str(table), *asked]) != 0
    assert sentence in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_times_that_go_back_are_refused() -> None:
    X, y = series()
    X[3] = X[3][::-1]
    with pytest.raises(InputError, match="the times of a series, in its last column, decrease"):
        Classifier(cell=CfC, timed=True, **SMALL).fit(X, y)


def test_a_row_that_is_a_whole_series_has_no_times(tmp_path: Path) -> None:
    (tmp_path / "wide.csv").write_text("label,x1,x2\na,1,2\nb,3,4\n")
    with pytest.raises(DataError, match="--times names the time of each step"):
        read_series(tmp_path / "wide.csv", "label", times="x1")
