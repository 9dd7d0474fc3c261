"""Every cell of the library, on both engines, in both dtypes, over a spread of shapes, against the
user's own step on arrays: outputs, final states and every gradient."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch

from tests.agreement.oracle import TOLERANCES, assert_all_agree, draw_case, found_by, layer_of
from unrolled import Equation, equation
from unrolled.cells.library import variants

CELLS = dict(variants())
# (T, B, I, H): small inputs go into the kernel, others through a product of matrices outside
SHAPES = [
    (5, 3, 2, 7),
    (4, 2, 11, 17),
    (3, 16, 32, 16),
    (1, 1, 1, 1),
    (6, 1, 9, 8),
    (2, 7, 8, 3),
    (0, 3, 4, 5),
    (4, 0, 3, 5),
]
MANY = (9, 6, 12, 48)  # enough work for as many jobs as there are threads
# planned just as others are: their kernels are compiled for one dtype, and both directions at once
ALIKE = {"mut1", "mut2", "mut3", "janet", "star", "brc", "nbrc", "nas", "unicornn", "lightru"}
PADDED = [(0, 5), (2, 4), (3, 3), (0, 0), (1, 5), (5, 5)]  # lengths of any order, on any side


def fitting(cell: Any, shape: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    steps, rows, inputs, hidden = shape
    return steps, rows, hidden if equation(cell).input_is_hidden else inputs, hidden


def stands_on_any(found: Equation) -> bool:
    """Whether a layer of the cell can stand on one of another width."""
    as_wide = ("input_size",) in (found.states | found.named_inputs).values()
    return not found.input_is_hidden and not as_wide


@pytest.fixture(params=[1, 2])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


@pytest.mark.sweep
@pytest.mark.parametrize(
    ("name", "dtype"),
    [(n, d) for n in CELLS for d in TOLERANCES if n not in ALIKE or d is torch.float32],
    ids=str,
)
def test_shapes(name: str, dtype: torch.dtype) -> None:
    for number, shape in enumerate(SHAPES):
        shape = fitting(CELLS[name], shape)
        case = draw_case(CELLS[name], shape, dtype=dtype, seed=number)
        expected = case.expected()
        for engine in ("cpu", "torch"):
            layer = layer_of(case, dtype, engine=engine)
            assert layer.engine == engine
            found = found_by(layer, case, dtype)
            assert_all_agree(found, expected, TOLERANCES[dtype], f"{engine} {shape}")


@pytest.mark.sweep
@pytest.mark.parametrize("name", [n for n in CELLS if n not in ALIKE])
def test_jobs(name: str, threads: int) -> None:
    case = draw_case(CELLS[name], fitting(CELLS[name], MANY), dtype=torch.float32, seed=3)
    found = found_by(layer_of(case, torch.float32), case, torch.float32)
    assert_all_agree(found, case.expected(), TOLERANCES[torch.float32], f"{threads} threads")


@pytest.mark.sweep
@pytest.mark.parametrize(
    ("name", "directions"), [(n, d) for n in CELLS for d in (1, 2) if n not in ALIKE or d == 2]
)
def test_ragged(name: str, directions: int) -> None:
    shape = fitting(CELLS[name], (5, len(PADDED), 3, 5))
    case = draw_case(CELLS[name], shape, directions=directions, spans=PADDED, seed=1)
    expected = case.expected()
    for engine in ("cpu", "torch"):
        layer = layer_of(case, torch.float64, engine=engine)
        found = found_by(layer, case, torch.float64, PADDED)
        assert_all_agree(found, expected, TOLERANCES[torch.float64], engine)


@pytest.mark.sweep
@pytest.mark.parametrize(
    "name", [n for n, c in CELLS.items() if n not in ALIKE and stands_on_any(equation(c))]
)
def test_layers_and_directions(name: str) -> None:
    case = draw_case(CELLS[name], (4, 2, 3, 5), num_layers=2, directions=2, seed=2)
    found = found_by(layer_of(case, torch.float64), case, torch.float64)
    assert_all_agree(found, case.expected(), TOLERANCES[torch.float64])
