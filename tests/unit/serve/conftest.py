"""A server in this process, with one run of each kind."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests import served
from unrolled.serve.app import Application
from unrolled.serve.limits import Limits
from unrolled.serve.metrics import Metrics
from unrolled.serve.runs import Runs

LIMITS = Limits(body=100_000, length=400, items=8, tokens=50, sessions=3)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The runs, which no test changes."""
    place = tmp_path_factory.mktemp("runs")
    made: dict[str, Callable[[], Any]] = {
        "opinions": served.classifier, "waves": served.classifier_of_series,
        "sales": served.forecaster, "book": served.generator, "names": served.tagger,
    }  # fmt: skip
    for name, make in made.items():
        served.keep(make(), place / name)
    return place


@pytest.fixture(scope="session")
def application(folder: Path) -> Application:
    return Application(
        Runs({path.name: path for path in sorted(folder.iterdir())}, LIMITS, Metrics()), LIMITS
    )


@pytest.fixture(scope="session")
def client(application: Application) -> Iterator[TestClient]:
    with TestClient(application.asgi) as found:
        yield found
