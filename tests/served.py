"""Small runs to be served: fitted in a moment, and kept without their reports."""

from pathlib import Path
from typing import Any

import numpy as np

from tests.made_up import chatter, names_in_sentences, opinions, waves
from unrolled import Classifier, Forecaster, Generator, Tagger
from unrolled.tasks.estimator import Estimator, config_of
from unrolled.tasks.runs import ESTIMATORS

SMALL: dict[str, Any] = {"hidden": 4, "epochs": 1}


def seasonal(count: int = 80) -> Any:
    """A series with a season of four steps."""
    steps = np.arange(count)
    return 10 + np.sin(np.pi * steps / 2) + np.random.default_rng(0).normal(0, 0.1, count)


def classifier(seed: int = 0) -> Classifier:
    model = Classifier(**SMALL, members=1, linear=False, tokens="word", seed=seed)
    return model.fit(*opinions(24))


def classifier_of_series() -> Classifier:
    model = Classifier(**SMALL, members=1, linear=False, convolutions=False)
    return model.fit(*waves(12))


def forecaster(**options: Any) -> Forecaster:
    return Forecaster(**{**SMALL, "horizon": 6, "season": 4, **options}).fit(seasonal())


def generator() -> Generator:
    return Generator(**SMALL, window=8).fit(chatter(400))


def tagger() -> Tagger:
    return Tagger(**SMALL).fit(*names_in_sentences(20))


TASKS = {name: task for task, name in ESTIMATORS.items()}


def keep(model: Estimator, path: Path) -> Path:
    """The run of a fitted estimator."""
    model.out = path
    config = config_of(TASKS[type(model).__name__], model, model.cell_, data={})
    run = model.open_run(config, resume=False)
    assert run is not None
    run.write_weights(model.model_.state_dict())
    return path
