"""A classifier's run as one ONNX graph gives the classifier's own probabilities."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import unrolled
from tests.tolerances import FLOAT32, assert_agrees
from unrolled import Classifier
from unrolled.cli import main
from unrolled.errors import ArgumentError
from unrolled.tasks.classify.ngrams import NGrams

pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

TEXTS = ["a good day", "bad", "good good night", "a bad bad day", "night", "good day"]
LABELS = ["yes", "no", "yes", "no", "yes", "yes"]


def answers(path: Path, given: dict[str, Any]) -> Any:
    run = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (found,) = run.run(None, given)
    return found


@pytest.mark.parametrize(
    "options",
    [
        {"pooling": "max", "members": 2, "validation": 0.5},
        {"pooling": "mean", "bidirectional": False},
        {"pooling": "attention", "cell": "mgu"},
        {"pooling": "last", "layers": 2},
        {"pooling": "last", "cell": "slstm", "bidirectional": False},
    ],
    ids=str,
)
def test_texts(tmp_path: Path, options: dict[str, Any]) -> None:
    settings = {"cell": "gru", "hidden": 5, "epochs": 1, "validation": 0.0, "tokens": "char"}
    model = Classifier(**{**settings, "linear": False, **options}).fit(TEXTS, LABELS)
    done = unrolled.export(model, tmp_path / "texts.onnx")
    words = json.loads((tmp_path / "texts.vocabulary.json").read_text())
    assert done.files == (tmp_path / "texts.onnx", tmp_path / "texts.vocabulary.json")
    asked = ["a bad night, good", "d", "goo"]
    numbers = {token: number for number, token in enumerate(words["encoder"]["table"])}
    rows = [[numbers.get(letter, 1) for letter in text] for text in asked]
    tokens = np.zeros((3, max(map(len, rows))), np.int64)
    for row, target in zip(rows, tokens, strict=True):
        target[: len(row)] = row
    lengths = np.array([len(row) for row in rows])
    found = answers(tmp_path / "texts.onnx", {"tokens": tokens, "lengths": lengths})
    expected = model.predict_proba(asked)
    assert_agrees(found, expected.astype(np.float32), tolerance=FLOAT32)
    assert words["classes"] == model.classes_.tolist()


def test_series_and_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    generator = np.random.default_rng(0)
    series = [generator.normal(3, 2, size=(4 + n % 3, 2)) for n in range(8)]
    plain = {"linear": False, "convolutions": False}
    model = Classifier(
        hidden=4, epochs=1, validation=0.0, batch_size=4, out=tmp_path / "run", **plain
    ).fit(series, [0, 1] * 4)
    assert main(["export", str(tmp_path / "run"), "--to", "onnx"]) == 0
    path = tmp_path / "run" / "export" / "run.onnx"
    assert f"wrote {path}" in capsys.readouterr().out
    values = np.zeros((2, 5, 2), np.float32)
    values[0], values[1, :3] = generator.normal(size=(5, 2)), generator.normal(size=(3, 2))
    values[0, 1, 1] = np.nan
    found = answers(path, {"values": values, "lengths": np.array([5, 3])})
    expected = model.predict_proba([values[0], values[1, :3]])
    assert_agrees(found, expected.astype(np.float32), tolerance=FLOAT32)


def test_series_of_a_default_run(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    series = [generator.normal(3, 2, (66 + n % 3, 2)).cumsum(0) for n in range(8)]
    model = Classifier(hidden=4, epochs=1, members=2).fit(series, [0, 1] * 4)
    unrolled.export(model, tmp_path / "series.onnx")
    asked = [generator.normal(3, 2, (steps, 2)).cumsum(0) for steps in (40, 31)]
    values = np.zeros((2, 40, 2), np.float32)
    values[0], values[1, :31] = asked
    given = {"values": values, "lengths": np.array([40, 31])}
    expected = model.predict_proba(asked).astype(np.float32)
    assert_agrees(answers(tmp_path / "series.onnx", given), expected, tolerance=FLOAT32)


def test_texts_of_a_default_run(tmp_path: Path) -> None:
    model = Classifier(hidden=4, epochs=1, members=2, tokens="char").fit(TEXTS, LABELS)
    unrolled.export(model, tmp_path / "texts.onnx")
    words = json.loads((tmp_path / "texts.vocabulary.json").read_text())
    rarity = torch.tensor(words["rarity"])
    row = NGrams.from_dict(words["ngrams"]).features(["a bad night"], rarity).tocoo()
    given = {
        "tokens": model.encoder_.tokens.encode("a bad night")[None],
        "lengths": np.array([11]),
        "ngrams": np.array([[*row.col, 0]], np.int64),
        "shares": np.array([[*row.data, 0]], np.float32),
    }
    expected = model.predict_proba(["a bad night"]).astype(np.float32)
    assert_agrees(answers(tmp_path / "texts.onnx", given), expected, tolerance=FLOAT32)


def test_what_a_classifier_cannot_become_is_said(tmp_path: Path) -> None:
    model = Classifier(hidden=2, epochs=1, validation=0.0, linear=False).fit(TEXTS, LABELS)
    with pytest.raises(ArgumentError, match="its recurrent layers can be"):
        unrolled.export(model, tmp_path / "texts.c")
    with pytest.raises(ArgumentError, match="option of layers and cells"):
        unrolled.export(model, tmp_path / "texts.onnx", lengths=True)
    with pytest.raises(unrolled.UnrolledError, match="call fit first"):
        unrolled.export(Classifier(), tmp_path / "texts.onnx")
