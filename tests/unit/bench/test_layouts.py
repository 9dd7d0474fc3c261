"""Users' layouts hold every weight of a cell once, and give it back."""

import numpy as np
import pytest

from tests.tolerances import EXACT, assert_agrees
from unrolled.bench import layouts
from unrolled.bench.layouts import Layout, join, split
from unrolled.bench.problem import Problem, Shape

ALL = [
    pytest.param(cell, layout, id=f"{cell} {kind}")
    for kind in ("JOINED", "TORCH_NN", "ONNX")
    for cell, layout in getattr(layouts, kind).items()
]


@pytest.mark.parametrize(("cell", "layout"), ALL)
def test_joined_weights_come_apart_again(cell: str, layout: Layout) -> None:
    weights = Problem(cell, Shape(2, 3, 5, 4)).weights
    back = split(layout, join(layout, weights))
    assert set(back) == set(weights)
    for name, weight in weights.items():
        assert_agrees(back[name], weight, tolerance=EXACT, name=name)


def test_a_missing_second_bias_is_zero() -> None:
    weights = Problem("GRU", Shape(2, 3, 5, 4)).weights
    joined = join(layouts.TORCH_NN["GRU"], weights)
    assert_agrees(joined["bias_hh_l0"][:8], np.zeros(8, np.float32), tolerance=EXACT)
    assert_agrees(joined["bias_hh_l0"][8:], weights["c_n"], tolerance=EXACT)
