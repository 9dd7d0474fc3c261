"""Weights that do not change for a while. In: a model. Out: `fixed_weights`, inside which each of
its layers packs its weights only once; next: `stack`, which uses the packed weights.

Kernels read weights in their own order. Normally every call packs them again, since they may have
been changed in ways that cannot be detected.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from unrolled.errors import ArgumentError

Packs = dict[Any, Any]


class Fixed:
    """One layer's weights while they are fixed: what they were, and how they lie packed, for each
    of its directions."""

    def __init__(self) -> None:
        self._found: dict[int, tuple[list[tuple[int, int]], Packs | None]] = {}
        self.alone: Any = None  # what reads one sequence, once it has been asked for

    def packs(self, place: int, parameters: Sequence[Tensor]) -> Packs | None:
        """The packed weights of a direction, which must be unchanged; None if they are computed at
        each call,
        by a parametrization."""
        now = [
            # what was made in inference mode counts no versions
            (parameter.data_ptr(), 0 if parameter.is_inference() else parameter._version)
            for parameter in parameters
        ]
        if place not in self._found:
            are_there = all(isinstance(parameter, nn.Parameter) for parameter in parameters)
            self._found[place] = now, {} if are_there else None
        before, packs = self._found[place]
        if packs is not None and before != now:
            raise ArgumentError(
                "a weight of this layer was changed inside `with unrolled.fixed_weights(...)`, "
                "where the layer keeps using the old value: change it outside, and enter again"
            )
        return packs

    def __reduce__(self) -> tuple[Any, ...]:
        return type(None), ()  # the copy of a layer has weights of its own, and they are not fixed


class Fixable:
    """A layer whose weights can be fixed."""

    fixed: Fixed | None = None


@contextmanager
def fixed_weights(model: nn.Module) -> Iterator[None]:
    """A context in which the weights of a model do not change, so that each layer packs them once.

        with unrolled.fixed_weights(model), torch.no_grad():
            for batch in batches:
                answer(model(batch))

    Args:
        model: A module that contains layers of this project.

    Raises:
        ArgumentError: There is no such layer; or, at a call inside, a weight was changed.

    This pays off for few or short sequences, or large layers, where a call spends part of its time
    on packing the weights for the kernels. If a weight is changed inside, the next call raises an
    error, unless it was changed through `.data`, which cannot be detected. The packed weights take
    as much memory as the weights, until the end of the context.
    """
    layers = [module for module in model.modules() if isinstance(module, Fixable)]
    if not layers:
        raise ArgumentError(
            f"{type(model).__name__} has none of unrolled's layers, to which fixed_weights "
            f"applies: unrolled.convert(model) replaces those of torch.nn"
        )
    before = [layer.fixed for layer in layers]
    for layer in layers:
        layer.fixed = Fixed()
    try:
        yield
    finally:
        for layer, fixed in zip(layers, before, strict=True):
            layer.fixed = fixed
