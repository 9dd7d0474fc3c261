"""A classifier's page in Chromium: its answers are the classifier's, and nothing goes wrong."""

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import unrolled
from tests.tolerances import FIGURE, assert_agrees
from unrolled import Classifier
from unrolled.errors import ArgumentError

TEXTS = ["A good day!", "bad", "good, good night", "a bad bad day", "don't", "good day"]
LABELS = ["yes", "no", "yes", "<no>", "yes", "</script>"]


def seen(page: Path, asked: list[str]) -> tuple[list[Any], str]:
    """What the page computes for each text, and what the browser says."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("not installed: chromium")
    ask = (
        "<pre id='asked'></pre><script>document.getElementById('asked').textContent = "
        f"JSON.stringify({json.dumps(asked)}.map(text => window.classify(text)))</script></body>"
    )
    page.write_text(page.read_text().replace("</body>", ask))
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=2000",
               f"--user-data-dir={page.parent / 'profile'}", "--enable-logging=stderr",
               "--dump-dom", page.as_uri()]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    found = re.search(r'<pre id="asked">(.*?)</pre>', done.stdout, re.DOTALL)
    assert found is not None
    return json.loads(html.unescape(found[1])), done.stderr


def numbers(values: Any) -> Any:
    """Arrays of JavaScript, which come as objects."""
    rows = [list(one.values()) if isinstance(one, dict) else one for one in values]
    return np.array(rows, np.float64)


@pytest.mark.parametrize(
    "options",
    [
        {"pooling": "max", "tokens": "char"},
        {"pooling": "attention", "tokens": "word", "cell": "mgu"},
        {"pooling": "last", "layers": 2, "tokens": "word"},
        {"pooling": "mean", "bidirectional": False, "tokens": "char", "cell": "slstm"},
    ],
    ids=str,
)
def test_texts(tmp_path: Path, options: dict[str, Any]) -> None:
    settings = {"cell": "gru", "hidden": 5, "epochs": 1, "validation": 0.0, "members": 1}
    model = Classifier(**{**settings, "linear": False, **options}).fit(TEXTS, LABELS)
    unrolled.export(model, tmp_path / "page.html")
    asked = ["A bad night, good", "d", "DON'T _ ü good"]
    found, said = seen(tmp_path / "page.html", asked)
    assert "CONSOLE" not in said
    expected = model.predict_proba(asked)
    assert_agrees(numbers([one["chances"] for one in found]), expected, tolerance=FIGURE)
    for one, text in zip(found, asked, strict=True):
        assert_agrees(numbers(one["counted"]), counted(model, text), tolerance=FIGURE)


def counted(model: Classifier, text: str) -> Any:
    """The derivative of the most probable class's score by each step's input, times the input."""
    network = model.model_.members[0]
    tokens = torch.from_numpy(model.encoder_.tokens.encode(text))[:, None]
    inputs = network.embed(tokens).detach().requires_grad_()
    y, states = network.recurrent(inputs)
    lengths = torch.tensor([len(tokens)])
    ends = network.pool.kind == "last"
    pooled = network._ends(states) if ends else network.pool(y, lengths)
    (model.model_.blend[0] * network.readout(pooled).max()).backward()
    return (inputs.grad * inputs).sum(-1)[:, 0].detach().double()


def test_series(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    series = [generator.normal(3, 2, size=(4 + n % 3, 2)) for n in range(8)]
    plain = {"linear": False, "convolutions": False, "members": 1}
    model = Classifier(hidden=4, epochs=1, validation=0.0, **plain).fit(series, [0, 1] * 4)
    unrolled.export(model, tmp_path / "page.html")
    found, said = seen(tmp_path / "page.html", ["1, 2\n3; 4.5\n-1e0 2\n", "1,x"])
    assert "CONSOLE" not in said
    expected = model.predict_proba([[[1, 2], [3, 4.5], [-1, 2]], [[1, np.nan]]])
    assert_agrees(numbers([one["chances"] for one in found]), expected, tolerance=FIGURE)


def test_a_page_needs_no_server_and_cannot_cut_by_bpe(tmp_path: Path) -> None:
    model = Classifier(
        hidden=2, epochs=1, validation=0.0, tokens="char", members=1, linear=False
    ).fit(TEXTS, LABELS)
    unrolled.export(model, tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    assert "http" not in page.replace("http-equiv", "")
    assert page.count("</script>") == 1
    model = Classifier(
        hidden=2, epochs=1, validation=0.0, tokens="bpe", members=1, linear=False
    ).fit(TEXTS, LABELS)
    with pytest.raises(ArgumentError, match="a page cannot cut texts by BPE"):
        unrolled.export(model, tmp_path / "bpe.html")
    with pytest.raises(ArgumentError, match="html is a page of a fitted classifier"):
        unrolled.export(unrolled.GRU(2, 3), tmp_path / "layer.html")
