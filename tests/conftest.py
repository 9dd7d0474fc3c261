"""Options of the test run."""

import os
import sys
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.figures import draw_figures
from unrolled.engines.cpu import recurrence
from unrolled.engines.cpu.call.bind import Template
from unrolled.engines.cpu.call.call import Call
from unrolled.engines.cpu.call.verify import verify
from unrolled.engines.cpu.machine.memory import poisoned
from unrolled.engines.cpu.program import Kernel

# Tests start dozens of processes: without bytecode each would compile the whole program anew.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# Tests never time anything, and how long drawing takes is a matter of what else the machine does.
settings.register_profile("unrolled", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unrolled")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="write what tests/golden compares with, instead of comparing",
    )


# A cell with one state, with gates, with two states, with constants and a normalization, with named
# inputs: of a sweep over all cells these are in `make test`, and the others in `make exhaustive`.
REPRESENTATIVE = {"elman", "gru", "lstm", "layernormlstm", "lmu", "phasedlstm"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("sweep") and isinstance(item, pytest.Function):
            values = item.callspec.params
            cell = values.get("name", values.get("cell"))
            name = cell if isinstance(cell, str) else cell.__name__
            if name.lower() not in REPRESENTATIVE:
                item.add_marker(pytest.mark.exhaustive)


@pytest.hookimpl(tryfirst=True)  # before any fixture trains something and writes its report
def pytest_runtest_setup(item: pytest.Item) -> None:
    draw_figures(item.get_closest_marker("drawn") is not None)


@pytest.fixture(scope="session", autouse=True)
def _kernels_of_the_tests(request: pytest.FixtureRequest) -> Iterator[None]:
    """Compiled kernels are kept between runs, apart from the user's own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UNROLLED_DEBUG", "1")  # the net under the command line hides nothing here
        patch.setenv("UNROLLED_CACHE", str(request.config.cache.mkdir("unrolled")))
        yield


@pytest.fixture(scope="session", autouse=True)
def _memory_is_poisoned() -> Iterator[None]:
    """What a kernel reads before anybody has written it is NaN in every test."""
    with poisoned():
        yield


@pytest.fixture(scope="session", autouse=True)
def _calls_are_verified() -> Iterator[None]:
    """Every call that is made in a test is checked before it runs."""

    def verified(call: Call, kernel: Kernel, bits: int) -> Template:
        verify(call)
        return Template(call, kernel, bits)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recurrence, "Template", verified)
        yield
