"""Outputs and gradients, too, hold NaN until a kernel has written them."""

import math
from collections.abc import Iterator

import pytest
import torch

from unrolled.layers.library import TorchLibrary


@pytest.fixture(scope="session", autouse=True)
def _results_are_poisoned() -> Iterator[None]:
    def empty(self: TorchLibrary, *shape: int) -> torch.Tensor:
        return torch.full(shape, math.nan, dtype=self.dtype)

    def like(tensor: torch.Tensor) -> torch.Tensor:
        return torch.full_like(tensor, math.nan, requires_grad=False)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TorchLibrary, "empty", empty)
        patch.setattr(TorchLibrary, "like", staticmethod(like))
        yield
