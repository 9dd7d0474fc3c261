"""The server in Chromium: a run's live page computes in the browser, and reaches nothing else."""

import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import uvicorn

from tests import served
from tests.browser.conftest import DESK, PHONE
from tests.tolerances import FIGURE, assert_agrees
from unrolled import Classifier
from unrolled.serve.app import Application
from unrolled.serve.limits import Limits
from unrolled.serve.metrics import Metrics
from unrolled.serve.orders import listen
from unrolled.serve.runs import Runs


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """A server in a thread of this process, with two runs, and where the classifier lies."""
    folder = tmp_path_factory.mktemp("runs")
    places = {
        "opinions": served.keep(served.classifier(), folder / "opinions"),
        "book": served.keep(served.generator(), folder / "book"),
    }
    app = Application(Runs(places, Limits(), Metrics()), Limits())
    config = uvicorn.Config(app.asgi, ws="none", lifespan="on", log_level="error")
    server, listening = uvicorn.Server(config), listen("127.0.0.1", 0)
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    yield f"http://127.0.0.1:{port_of(listening)}", places["opinions"]
    server.should_exit = True
    thread.join()
    listening.close()


def port_of(listening: socket.socket) -> int:
    port: int = listening.getsockname()[1]
    return port


@pytest.mark.parametrize("width", [PHONE, DESK])
def test_pages(browser: Any, address: tuple[str, Path], width: int) -> None:
    where, run = address
    asked: list[str] = []
    wrong: list[str] = []
    page = browser.new_page(viewport={"width": width, "height": 900})
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: wrong.append(message.text))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.goto(f"{where}/")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.click("text=opinions")
    page.wait_for_url(f"{where}/runs/opinions")  # until it is loaded, its scripts with it
    assert asked == [f"{where}/", f"{where}/runs/opinions"]
    found = page.evaluate("text => Array.from(window.classify(text).chances)", "a good film")
    expected = Classifier.load(run).predict_proba(["a good film"])[0]
    assert_agrees(np.array(found), expected, tolerance=FIGURE)
    page.goto(f"{where}/runs/book")
    page.goto(f"{where}/docs")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert not wrong
    assert len(asked) == 4, asked
    page.goto(f"{where}/runs/opinions")  # a stranger's page could not ask the server anything
    blocked = page.evaluate("fetch('/health').then(() => 'answered', () => 'blocked')")
    assert blocked == "blocked"
    page.close()
