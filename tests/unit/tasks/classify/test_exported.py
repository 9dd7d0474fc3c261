"""Runs that predict numbers or several labels, in other runtimes: what the run itself predicts."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import unrolled
from tests.tolerances import FIGURE, FLOAT32, assert_agrees
from tests.unit.exports.test_c_runs import FORWARD, scores
from unrolled import Classifier, Regressor
from unrolled.tasks.classify.ngrams import NGrams

WORDS = ("a house by the sea", "a garden", "an attic and a sea", "a small house", "sea sea")
ASKED = ["a house, by the garden", "sea", "unknown things"]
SMALL = {"hidden": 4, "embedding": 4, "epochs": 1, "members": 2, "tokens": "word"}


@pytest.fixture(scope="module")
def numbers() -> Regressor:
    texts = [f"{WORDS[n % 5]} {'garden' * (n % 3 == 0)}" for n in range(160)]
    model = Regressor(**SMALL).fit(texts, [100.0 * (n % 5) + n for n in range(160)])
    assert float(model.model_.log_scales.abs().max()) > 0  # intervals differ from row to row
    return model


@pytest.fixture(scope="module")
def labels() -> Classifier:
    sets = [["sea"], [], ["attic", "sea"], ["house"], ["sea", "house"]]
    return Classifier(**SMALL).fit([*WORDS] * 6, sets * 6)


def in_onnx(path: Path, given: dict[str, Any]) -> list[Any]:
    pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    run = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    found: list[Any] = run.run(None, given)
    return found


def in_node(module: Path, call: str) -> Any:
    node = shutil.which("node")
    if node is None:
        pytest.skip("not installed: node")
    script = (
        f"import * as m from {json.dumps(str(module))};"
        f"console.log(JSON.stringify({json.dumps(ASKED)}.map({call})));"
    )
    command = [node, "--input-type=module", "-e", script]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return json.loads(done.stdout)


def one_text(model: Any, text: str, words: dict[str, Any]) -> dict[str, Any]:
    """The inputs of a graph for one text, as the documentation says."""
    rarity = torch.tensor(words["rarity"])
    row = NGrams.from_dict(words["ngrams"]).features([text], rarity).tocoo()
    tokens = model.encoder_.tokens.encode(text)
    return {
        "tokens": tokens[None], "lengths": np.array([len(tokens)]),
        "ngrams": row.col[None].astype(np.int64), "shares": row.data[None].astype(np.float32),
    }  # fmt: skip


def test_numbers_in_onnx(tmp_path: Path, numbers: Regressor) -> None:
    done = unrolled.export(numbers, tmp_path / "prices.onnx")
    assert "gives numbers" in str(done)
    words = json.loads((tmp_path / "prices.vocabulary.json").read_text())
    low, high = numbers.predict_interval(ASKED)
    for n, value in enumerate(numbers.predict(ASKED)):
        found = in_onnx(tmp_path / "prices.onnx", one_text(numbers, ASKED[n], words))
        expected = [np.float32([one]) for one in (value, low[n], high[n])]
        for one, other in zip(found, expected, strict=True):
            assert_agrees(one, other, tolerance=FLOAT32)


def test_labels_in_onnx(tmp_path: Path, labels: Classifier) -> None:
    unrolled.export(labels, tmp_path / "labels.onnx")
    words = json.loads((tmp_path / "labels.vocabulary.json").read_text())
    for text, chances in zip(ASKED, labels.predict_proba(ASKED)):
        (found,) = in_onnx(tmp_path / "labels.onnx", one_text(labels, text, words))
        assert_agrees(found[0], chances.astype(np.float32), tolerance=FLOAT32)


@pytest.mark.parametrize("int8", [False, True])
def test_numbers_in_javascript(tmp_path: Path, numbers: Regressor, int8: bool) -> None:
    done = unrolled.export(numbers, tmp_path / "prices.mjs", int8=int8)
    assert ("int8 weights move a number by at most" in str(done)) == int8
    if int8:
        return
    found = in_node(tmp_path / "prices.mjs", "m.regress")
    low, high = numbers.predict_interval(ASKED)
    expected = zip(numbers.predict(ASKED), low, high)
    for one, ends in zip(found, expected, strict=True):
        assert_agrees([one[name] for name in ("value", "low", "high")], ends, tolerance=FIGURE)


def test_labels_in_javascript(tmp_path: Path, labels: Classifier) -> None:
    unrolled.export(labels, tmp_path / "labels.mjs")
    found = in_node(tmp_path / "labels.mjs", "text => m.classify(text).chances")
    assert_agrees(np.array(found), labels.predict_proba(ASKED), tolerance=FIGURE)


def test_a_page_is_small_beside_its_weights(tmp_path: Path, numbers: Regressor) -> None:
    unrolled.export(numbers, tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text()
    begin = text.index('const run = {"')
    _, end = json.JSONDecoder().raw_decode(text, begin + len("const run = "))
    assert len(text.encode()) - (end - begin) < 80_000
    assert "src=" not in text.replace("src=data", "")


def test_numbers_of_series_in_onnx_and_in_c(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    series = [draw.normal(5, 2, (6, 2)) for _ in range(8)]
    options = {**FORWARD, "cell": "mgu"}
    model = Regressor(**options).fit(series, [float(one.sum()) for one in series])
    (expected,) = model.predict(series[:1])
    unrolled.export(model, tmp_path / "sums.onnx")
    given = {"values": np.float32(series[0])[None], "lengths": np.array([6])}
    (found,) = in_onnx(tmp_path / "sums.onnx", given)  # no rows were set aside for an interval
    assert_agrees(found[0], np.float32(expected), tolerance=FLOAT32)
    assert "the output is the number" in str(unrolled.export(model, tmp_path / "run.c"))
    steps = " ".join(
        f"run_scale((float[]){{{a!r}f, {b!r}f}}, x); run_step(&state, x, y);"
        for a, b in series[0].tolist()
    )
    assert_agrees(scores(tmp_path, steps, "-lm"), np.float32([expected]), tolerance=FLOAT32)
