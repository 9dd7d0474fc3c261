"""A generator's page in Chromium: its scores are the generator's, and it writes on."""

from pathlib import Path

import numpy as np
import pytest
import torch

import unrolled
from tests.browser.conftest import DESK, PHONE, Opened
from tests.tolerances import FIGURE, assert_agrees
from unrolled import Generator
from unrolled.errors import ArgumentError
from unrolled.tasks.live import rounded

TEXT = "to be or not to be, that is the question.\n" * 8
SMALL = {"epochs": 1, "hidden": 6, "embedding": 4, "window": 8, "batch_size": 4}


@pytest.fixture(scope="module")
def run() -> Generator:
    return Generator(**SMALL).fit(TEXT)


@torch.no_grad()
def scores(model: Generator, text: str) -> np.ndarray:
    tokens = torch.from_numpy(model.tokens_.encode(text or "\n"))[:, None]
    return model.model_(tokens)[0][-1, 0].double().numpy()


@pytest.mark.parametrize("width", [PHONE, DESK])
def test_a_page_writes_on(run: Generator, tmp_path: Path, opened: Opened, width: int) -> None:
    unrolled.export(run, tmp_path / "page.html")
    page = opened(tmp_path / "page.html", width)
    for prompt in ("to be", "Ü?", ""):
        assert_agrees(
            np.array(page.evaluate("scores", prompt)), scores(run, prompt), tolerance=FIGURE
        )
    page.fill("#text", "or not")
    page.fill("#temperature", "0")
    page.click("#hundred")
    wanted = run.generate_text("or not", 100, temperature=0.0)
    assert page.text_content("#written") == "or not" + wanted
    page.fill("#text", "Z")
    assert page.inner_text("#wrong") == "Not in the vocabulary: Z"
    same = [page.evaluate("generate('to', 30, 1, 7)") for _ in range(2)]
    other = page.evaluate("generate('to', 30, 1, 8)")
    assert same[0] == same[1] != other


def test_tied_tables_and_int8(tmp_path: Path, opened: Opened) -> None:
    model = Generator(**SMALL, tied=True, layers=2, cell="gru").fit(TEXT)
    done = unrolled.export(model, tmp_path / "page.html", int8=True)
    assert "int8 weights move a probability by at most" in str(done)
    model.model_ = rounded(model.model_)
    page = opened(tmp_path / "page.html")
    found = np.array(page.evaluate("scores", "to be"))
    assert_agrees(found, scores(model, "to be"), tolerance=FIGURE)


def test_bpe_is_refused(tmp_path: Path) -> None:
    model = Generator(**SMALL, tokens="bpe", vocabulary=300).fit(TEXT)
    with pytest.raises(ArgumentError, match=r"train the generator with tokens='char'"):
        unrolled.export(model, tmp_path / "page.html")
