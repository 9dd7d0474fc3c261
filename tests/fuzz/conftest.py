"""How many cases are tried, and where failures go."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.made_up import bars, chatter, moving, names_in_sentences, opinions, tones, tune
from unrolled.tasks import estimator
from unrolled.tasks.caption.captioner import Captioner
from unrolled.tasks.classify.classifier import Classifier
from unrolled.tasks.compose.composer import Composer
from unrolled.tasks.forecast.forecaster import Forecaster
from unrolled.tasks.generate.generator import Generator
from unrolled.tasks.tag.tagger import Tagger
from unrolled.tasks.transcribe.transcriber import Transcriber
from unrolled.tasks.translate.translator import Translator

TINY = {"hidden": 3, "epochs": 1, "batch_size": 8}
CASES = 20  # for each reader, command and file in `make test`


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--fuzz", type=int, default=CASES, help="cases for each thing that is fuzzed")
    parser.addoption("--fuzz-from", type=int, default=0, help="the first case's number")


@pytest.fixture
def cases(request: pytest.FixtureRequest) -> Iterator[Any]:
    """Numbers, each with its own generator of chance; the last number is said where one fails."""
    first, count = request.config.getoption("--fuzz-from"), request.config.getoption("--fuzz")
    return ((number, random.Random(f"{request.node.name} {number}"))
            for number in range(first, first + count))  # fmt: skip


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("runs")
    X, y = opinions(30)
    with pytest.MonkeyPatch.context() as patch:  # a report takes longer than the rest
        patch.setattr(estimator, "render", lambda page: "")
        Classifier(out=place / "classify", tokens="bpe", vocabulary=300, members=2,
                   **TINY).fit(X, y)  # fmt: skip
        Generator(out=place / "generate", window=8, **TINY).fit(chatter(300))
        Forecaster(out=place / "forecast", horizon=2, **TINY).fit(np.arange(40) % 7.0)
        Tagger(out=place / "tag", **TINY).fit(*names_in_sentences(24))
        Transcriber(out=place / "transcribe", bands=5, channels=4, beam=2, **TINY).fit(
            *tones(12), rate=4_000
        )
        Translator(out=place / "translate", beam=2, longest=6, **TINY).fit(
            X, [text[-9:] for text in X]
        )
        Classifier(out=place / "clips", members=1, **TINY).fit(*moving(16))
        Captioner(out=place / "caption", embedding=3, channels=4, beam=2, longest=6,
                  target_tokens="word", **TINY).fit(*bars(16))  # fmt: skip
        Composer(out=place / "compose", units=2, steps=1, transpose=0, **TINY).fit(
            [tune(number) for number in range(6)]
        )
    return place
