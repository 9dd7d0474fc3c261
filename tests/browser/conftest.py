"""Chromium for the tests of pages: whatever goes wrong in a page fails the test that opened it."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

PHONE, DESK = 390, 1280
Opened = Callable[..., Any]


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("not installed: chromium")
    sync = pytest.importorskip("playwright.sync_api", reason="not installed: playwright")
    with sync.sync_playwright() as play:
        found = play.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture
def opened(browser: Any) -> Iterator[Opened]:
    """Opens a file at a width; at the end no page may have complained or asked for anything."""
    pages, wrong, asked = [], [], []

    def open_page(path: Path, width: int = DESK, **options: Any) -> Any:
        page = browser.new_page(viewport={"width": width, "height": 900}, **options)
        pages.append(page)
        page.on("console", lambda message: wrong.append(message.text))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(path.as_uri())
        asked.remove(path.as_uri())
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width, f"the page is {wide} pixels wide, on a screen of {width}"
        return page

    yield open_page
    for page in pages:
        page.close()
    assert not wrong
    assert not asked, "a request has left the page"
