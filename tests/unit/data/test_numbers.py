"""Gaps in columns of numbers."""

from typing import Any

import numpy as np

from unrolled.data.numbers import filled, held, is_switch

NAN = np.nan


def assert_same(found: Any, expected: list[float]) -> None:
    assert found.tolist() == expected


def test_a_gap_is_drawn_straight() -> None:
    assert_same(filled(np.array([NAN, 1.0, NAN, NAN, 4.0, 7.0])), [1.0, 1.0, 2.0, 3.0, 4.0, 7.0])
    assert_same(filled(np.array([NAN, NAN])), [0.0, 0.0])


def test_between_two_values_there_is_none() -> None:
    holiday = np.array([NAN, 1.0, NAN, NAN, 0.0, NAN, 1.0, NAN])
    assert is_switch(holiday)
    assert_same(filled(holiday), [1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 1.0, 1.0])
    assert not is_switch(np.array([0.0, 1.0, 2.0, NAN]))


def test_what_holds_was_known_before() -> None:
    values = np.array([NAN, 3.0, NAN, NAN, 9.0, NAN])
    assert_same(held(values), [0.0, 3.0, 3.0, 3.0, 9.0, 9.0])
    for end in range(1, len(values)):  # the same whatever comes later
        assert_same(held(values[:end]), held(values)[:end].tolist())
