"""The index of the documentation's search."""

import importlib.util
from pathlib import Path
from types import ModuleType

PATH = Path(__file__).parents[2] / "docs" / "searching.py"


def searching() -> ModuleType:
    spec = importlib.util.spec_from_file_location("searching", PATH)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_sections_are_found_with_their_words_and_no_markup() -> None:
    page = (
        '<h1 id="cells">Cells<a href="#cells">¶</a></h1><p>An <code>LSTM</code>&amp;more</p>'
        '<h2 id="words">Words</h2><p>one</p><p>two</p><script>hidden()</script>'
    )
    assert searching().sections(page, "cells.html", "Cells") == [
        {"url": "cells.html#cells", "title": "Cells", "page": "Cells", "text": "An LSTM&more"},
        {"url": "cells.html#words", "title": "Words", "page": "Cells", "text": "one two"},
    ]
