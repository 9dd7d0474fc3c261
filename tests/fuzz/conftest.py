"""How many cases are tried, and where failures go."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest

CASES = 40  # for each reader, command and file in `make test`


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--fuzz", type=int, default=CASES, help="cases for each thing that is fuzzed")
    parser.addoption("--fuzz-from", type=int, default=0, help="the first case's number")


@pytest.fixture
def cases(request: pytest.FixtureRequest) -> Iterator[Any]:
    """Numbers, each with its own generator of chance; the last number is said where one fails."""
    first, count = request.config.getoption("--fuzz-from"), request.config.getoption("--fuzz")
    return ((number, random.Random(f"{request.node.name} {number}"))
            for number in range(first, first + count))  # fmt: skip
