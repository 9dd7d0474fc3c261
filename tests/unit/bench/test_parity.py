"""Contestants that do not compute the same are found out."""

import re

import numpy as np
import pytest

from unrolled.bench.parity import CANCELLED, TOLERANCE, Disagreement, compare
from unrolled.bench.problem import Array

Y = np.linspace(-2, 2, 12, dtype=np.float32).reshape(3, 4)


def test_the_same_is_the_same() -> None:
    assert compare({"a": {"y": Y}, "b": {"y": Y.copy()}, "c": {"y": Y.copy()}}) == {
        "b": 0.0,
        "c": 0.0,
    }


def test_rounding_is_told_and_allowed() -> None:
    found = compare({"a": {"y": Y}, "b": {"y": Y * np.float32(1 + TOLERANCE / 2)}})
    assert 0.9 * TOLERANCE / 2 < found["b"] < 1.1 * TOLERANCE / 2


WRONG = {
    "more than rounding": Y * np.float32(1 + 2 * TOLERANCE),
    "one element": Y + np.eye(3, 4, dtype=np.float32) * np.float32(2.5 * TOLERANCE),
    "not a number": np.where(Y > 1, np.nan, Y),
    "infinite": np.where(Y > 1, np.inf, Y),
    "zero": np.zeros_like(Y),
    "swapped": Y[::-1],
    "another shape": Y.T,
    "one step missing": Y[:2],
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG.keys())
def test_the_wrong_result_is_refused_by_name(wrong: Array) -> None:
    with pytest.raises(Disagreement, match=r"y (of b|has the shape .* for b)"):
        compare({"a": {"y": Y}, "b": {"y": wrong}})


def test_an_array_that_only_one_computes_is_refused() -> None:
    with pytest.raises(Disagreement, match=re.escape("do not compute the same arrays: d_U")):
        compare({"a": {"y": Y, "d_U": Y}, "b": {"y": Y}})


def test_a_gradient_that_cancels_is_as_accurate_as_its_terms() -> None:
    noise = np.full(3, CANCELLED * TOLERANCE, np.float32)
    expected = {"d_U": Y, "d_b": np.zeros(3, np.float32)}
    compare({"a": expected, "b": {"d_U": Y, "d_b": noise}})
    with pytest.raises(Disagreement, match="d_b of b"):
        compare({"a": expected, "b": {"d_U": Y, "d_b": 3 * noise}})
    small = np.full(3, 1e-3, np.float32)
    with pytest.raises(Disagreement, match="y of b"):  # an output has no such excuse
        compare({"a": {"y": small, "d_U": Y}, "b": {"y": small + noise, "d_U": Y}})
