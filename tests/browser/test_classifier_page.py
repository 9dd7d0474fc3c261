"""A classifier's page in Chromium: its answers are the classifier's, and they follow the reader."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import unrolled
from tests.browser.conftest import DESK, PHONE, Opened
from tests.tolerances import FIGURE, assert_agrees
from unrolled import Classifier, Regressor
from unrolled.errors import ArgumentError
from unrolled.tasks.classify.live_facts import folded
from unrolled.tasks.classify.live_page import live_part
from unrolled.tasks.live import alive, rounded

pytestmark = pytest.mark.drawn

HOUSES = [f"a house with {what} {n}" for n in range(20) for what in ("a garden", "an attic")]
TEXTS = ["A good day!", "bad", "good, good night", "a bad bad day", "don't", "good day"]
LABELS = ["yes", "no", "yes", "<no>", "yes", "</script>"]
ASKED = ["A bad night, good", "d", "DON'T _ ü good\x1fx_1", "", "𝒳𝒳 Straße É İ don't"]
ALONE = {"members": 1, "linear": False, "validation": 0.0}


def fitted(**options: Any) -> Classifier:
    settings = {"cell": "gru", "hidden": 5, "epochs": 1, **options}
    return Classifier(**settings).fit(TEXTS, LABELS)


def series(count: int, steps: int) -> list[Any]:
    generator = np.random.default_rng(steps)
    return [generator.normal(3, 2, size=(steps + n % 3, 2)).cumsum(0) for n in range(count)]


def answers(page: Any, asked: list[str]) -> list[Any]:
    """Of each input the probabilities, and what each step counted."""
    ask = "asked => asked.map(classify).map(f => [Array.from(f.chances), Array.from(f.counted)])"
    found: list[Any] = page.evaluate(ask, asked)
    return found


@pytest.mark.parametrize(
    "options",
    [
        {"tokens": "word", "members": 2},
        {"tokens": "char", "members": 2, "pooling": "attention", "int8": True},
        {"tokens": "word", "pooling": "last", "layers": 2, **ALONE},
        {"tokens": "char", "pooling": "mean", "bidirectional": False, "cell": "slstm", **ALONE},
    ],
    ids=str,
)
def test_the_answers_are_the_classifiers(
    tmp_path: Path, opened: Opened, options: dict[str, Any]
) -> None:
    int8 = options.get("int8", False)
    model = fitted(**{name: value for name, value in options.items() if name != "int8"})
    done = unrolled.export(model, tmp_path / "page.html", int8=int8)
    assert ("int8 weights move a probability by at most" in str(done)) == int8
    if int8:
        model.model_ = rounded(model.model_)
    found = answers(opened(tmp_path / "page.html"), ASKED)
    chances = np.array([one[0] for one in found])
    assert_agrees(chances, model.predict_proba(ASKED), tolerance=FIGURE)
    for (_, counted), text in zip(found, ASKED, strict=True):
        assert_agrees(np.array(counted), counted_by(model, text), tolerance=FIGURE)


def counted_by(model: Classifier, text: str) -> Any:
    """The derivative of the networks' mean score of the class by each step's input, times that."""
    best = int(model.predict_proba([text])[0].argmax())
    parts = []
    for network in model.model_.members:
        tokens = torch.from_numpy(model.encoder_.tokens.encode(text))[:, None]
        inputs = network.embed(tokens).detach().requires_grad_()
        y, states = network.recurrent(inputs)
        lengths = torch.tensor([len(tokens)])
        ends = network.pool.kind == "last"
        pooled = network._ends(states) if ends else network.pool(y, lengths)
        (model.model_.blend[0] * network.readout(pooled)[0, best]).backward()
        parts.append((inputs.grad * inputs).sum(-1)[:, 0].detach().double())
    return torch.stack(parts).mean(0)


def test_of_series_too(tmp_path: Path, opened: Opened) -> None:
    model = Classifier(hidden=4, epochs=1, members=2).fit(series(8, 70), [0, 1] * 4)
    unrolled.export(model, tmp_path / "page.html")
    asked = [*series(2, 40), np.array([[1.0, 2], [3, np.nan]])]
    words = ["\n".join(",".join(map(repr, row)) for row in one.tolist()) for one in asked]
    page = opened(tmp_path / "page.html")
    chances = np.array([one[0] for one in answers(page, words)])
    assert_agrees(chances, model.predict_proba(asked), tolerance=FIGURE)
    before = page.input_value("#text")
    page.focus("#series")
    page.keyboard.press("ArrowRight")
    for _ in range(5):
        page.keyboard.press("ArrowUp")
    box = page.locator("#series").bounding_box()
    page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 0.3 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 0.8 * box["height"])
    page.mouse.up()
    rows = [line.split(",") for line in page.input_value("#text").split("\n")]
    moved = [t for t, line in enumerate(before.split("\n")) if line.split(",") != rows[t]]
    assert len(moved) == 2
    shown = page.inner_text("#classes .top .share")
    assert shown == percent(model, np.array(rows, float))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Classifier:
    return fitted(tokens="word", members=2, out=tmp_path_factory.mktemp("runs") / "run")


def percent(model: Classifier, one: Any) -> str:
    """The probability of the first class, as a page says it."""
    return f"{100 * model.predict_proba([one])[0].max():.1f} %"


@pytest.mark.parametrize("width", [PHONE, DESK])
def test_a_report_answers_its_reader(run: Classifier, opened: Opened, width: int) -> None:
    page = opened(Path(run.out) / "report.html", width)
    assert page.input_value("#text") == TEXTS[0]
    for text in ("a bad night", "good good"):
        page.fill("#text", text)
        assert page.inner_text("#classes .top .share") == percent(run, text)
    assert page.inner_text("#read") == "2 of 2 steps read"
    page.focus("#step")
    page.keyboard.press("ArrowLeft")
    assert page.inner_text("#read") == "1 of 2 steps read"
    assert page.inner_text("#classes .top .share") == percent(run, "good")
    assert page.locator("#ngrams span").count() > 0


def test_without_javascript_a_report_is_what_it_was(run: Classifier, opened: Opened) -> None:
    page = opened(Path(run.out) / "report.html", java_script_enabled=False)
    assert not page.is_visible("#live")
    assert page.is_visible("#section-1")


def test_a_page_needs_no_server_and_cannot_cut_by_bpe(tmp_path: Path) -> None:
    unrolled.export(fitted(tokens="char", **ALONE), tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    assert "http" not in page.replace("http-equiv", "").replace("http://www.w3.org/", "")
    assert page.count("</script>") == 1
    model = fitted(tokens="bpe", **ALONE)
    with pytest.raises(ArgumentError, match="a page cannot tokenize by BPE"):
        unrolled.export(model, tmp_path / "bpe.html")
    sentence = alive(lambda: live_part(model))
    assert "cannot tokenize by BPE" in str(sentence)
    with pytest.raises(ArgumentError, match="html is a page of a fitted classifier"):
        unrolled.export(unrolled.GRU(2, 3), tmp_path / "layer.html")


def test_terms_are_folded_and_come_back() -> None:
    terms = ["a", "a b", "ab", "é", "𝒳", "𝒳𝒴", "x" * 50, "x" * 51]
    found, last = [], ""
    for line in json.loads(json.dumps(folded(terms))).split("\n"):
        units = last.encode("utf-16-le")[: 2 * int(line[0], 36)]
        last = units.decode("utf-16-le") + line[1:]
        found.append(last)
    assert found == terms


@pytest.mark.parametrize("width", [PHONE, DESK])
def test_a_number_with_its_interval(tmp_path: Path, opened: Opened, width: int) -> None:
    options = {"hidden": 4, "epochs": 1, "members": 2, "tokens": "word"}
    model = Regressor(**options).fit(HOUSES, [float(n % 4) for n in range(40)])
    unrolled.export(model, tmp_path / "page.html")
    page = opened(tmp_path / "page.html", width)
    asked = "a garden by the attic"
    found = page.evaluate("regress", asked)
    low, high = model.predict_interval([asked])
    expected = [model.predict([asked])[0], low[0], high[0]]
    said = np.array([found[name] for name in ("value", "low", "high")])
    assert_agrees(said, np.array(expected), tolerance=FIGURE)
    before = page.inner_text("#classes")
    page.fill("#text", asked)
    assert page.inner_text("#classes") != before
    assert "80 % interval" in page.inner_text("#classes")
