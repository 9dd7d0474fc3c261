"""The one comparison fails where it should, and nobody brings another."""

import re
from pathlib import Path

import numpy as np
import pytest

from tests import tolerances
from tests.tolerances import EXACT, FLOAT32, FLOAT64, Tolerance, assert_agrees

TESTS = Path(__file__).parents[1]
OTHERS = re.compile(
    r"\b((allclose|assert_allclose|assert_close|isclose|approx)\s*\(|(rtol|atol)\s*=)"
)

nan, inf = np.nan, np.inf
ONE = np.array([1.0, 2.0])


@pytest.mark.parametrize(
    ("actual", "expected", "tolerance", "what"),
    [
        (np.array([1.0, nan]), ONE, FLOAT64, "NaN"),
        (ONE, np.array([1.0, nan]), FLOAT64, "NaN"),
        (np.array([nan]), np.array([nan]), FLOAT64, "NaN"),
        (ONE[:, None], ONE, FLOAT64, "shape"),
        (ONE[:1], ONE, FLOAT64, "shape"),
        (ONE.astype(np.float32), ONE, FLOAT64, "dtype"),
        (ONE, ONE, FLOAT32, "dtype"),
        (ONE, ONE.astype(np.float32), FLOAT64, "too coarse"),
        (ONE.astype(np.float32), ONE, EXACT, "dtype"),
        (np.array([1.0, inf]), ONE, FLOAT64, "infinities"),
        (np.array([1.0, -inf]), np.array([1.0, inf]), FLOAT64, "infinities"),
        (np.array([1.0, 2.0 + 1e-8]), ONE, FLOAT64, "1 of 2 differ"),
        (np.nextafter(ONE, 9), ONE, EXACT, "2 of 2 differ"),
        (np.array([1, 2]), np.array([1, 3]), EXACT, "is not"),
    ],
)
def test_it_fails(
    actual: np.ndarray, expected: np.ndarray, tolerance: Tolerance, what: str
) -> None:
    with pytest.raises(AssertionError, match=what):
        assert_agrees(actual, expected, tolerance=tolerance)


def test_it_passes() -> None:
    assert_agrees(ONE, ONE.copy(), tolerance=EXACT)
    assert_agrees(ONE + 1e-13, ONE, tolerance=FLOAT64)
    assert_agrees(ONE.astype(np.float32), ONE, tolerance=FLOAT32)
    assert_agrees(np.array([inf, 1.0]), np.array([inf, 1.0]), tolerance=FLOAT64)
    assert_agrees(np.array([nan, 1.0]), np.array([nan, 1.0]), tolerance=EXACT, same_nan=True)
    assert_agrees(np.zeros((0, 3)), np.zeros((0, 3)), tolerance=EXACT)


def test_same_nan_still_compares_where() -> None:
    with pytest.raises(AssertionError, match="NaN elsewhere"):
        assert_agrees(np.array([nan, 1]), np.array([1, nan]), tolerance=EXACT, same_nan=True)


def test_each_tolerance_has_a_reason() -> None:
    named = [value for value in vars(tolerances).values() if isinstance(value, Tolerance)]
    assert len(named) >= 3
    assert all(len(tolerance.reason) > 20 for tolerance in named)


def test_nobody_else_compares_with_a_tolerance() -> None:
    found = [
        f"{path.relative_to(TESTS)}:{number}: {line.strip()}"
        for path in sorted(TESTS.rglob("*.py"))
        if path.name not in ("tolerances.py", "test_tolerances.py")
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if OTHERS.search(line)
    ]
    assert found == [], "use tests.tolerances.assert_agrees"
