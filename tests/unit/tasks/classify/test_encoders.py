"""What a classifier takes as sequences: lists, arrays, columns and frames."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from unrolled.errors import ArgumentError
from unrolled.tasks.classify.encoders import as_inputs

TEXTS = ["a film", "another", "a third"]
NUMBERS = np.arange(12.0).reshape(3, 4)


@pytest.mark.parametrize(
    "X",
    [
        np.array(TEXTS),
        pd.Series(TEXTS),
        pl.Series(TEXTS),
        pd.DataFrame({"text": TEXTS}),
        pl.DataFrame({"text": TEXTS}),
    ],
)
def test_texts(X: Any) -> None:
    assert as_inputs(X) == TEXTS


@pytest.mark.parametrize(
    "X",
    [
        NUMBERS,
        NUMBERS.tolist(),
        pd.DataFrame(NUMBERS, columns=list("abcd")),
        pl.DataFrame(NUMBERS, schema=list("abcd")),
        pl.Series(NUMBERS.tolist()),
    ],
)
def test_a_row_of_numbers_is_a_series_of_one_channel(X: Any) -> None:
    found = as_inputs(X)
    assert [one.shape for one in found] == [(4, 1)] * 3
    assert np.array_equal(np.stack(found)[:, :, 0], NUMBERS)


def test_texts_and_numbers_in_one_frame_are_refused() -> None:
    with pytest.raises(ArgumentError, match="neither text nor numbers"):
        as_inputs(pd.DataFrame({"text": TEXTS, "n": [1, 2, 3]}))
