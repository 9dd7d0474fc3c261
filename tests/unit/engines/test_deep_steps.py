"""A step of very many operations one after another is refused in a sentence, or runs."""

from typing import Any

import pytest
import torch

from unrolled import Cell, Recurrent, UnrolledError, tanh


class Deep(Cell):
    def step(self, x: Any, h: Any) -> Any:
        value = self.W @ x + self.U @ h
        for _ in range(450):
            value = value + 0.01 * h * value
        return tanh(value)


def test_the_kernels_refuse_it_and_torch_runs_it() -> None:
    x = torch.ones(1, 1, 2)
    with pytest.raises(UnrolledError, match=r'one after another .* engine="torch"') as error:
        Recurrent(Deep, 2, 3)(x)
    assert "\n" not in str(error.value)
    assert Recurrent(Deep, 2, 3, engine="torch")(x)[0].isfinite().all()
