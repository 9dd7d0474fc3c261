"""Every operation of the language is in every engine, or taken apart before an engine sees it."""

from typing import Any

from unrolled.engines.cpu.code.pointwise import Pointwise
from unrolled.engines.torch.functions import TORCH
from unrolled.equations.ops import OPS

# What the plan takes apart, so that no group of values holds it: products and sums over units have
# places of their own (`rewrite`); a matrix is transposed as it is packed; outer products are done
# outside the kernel (`directions`); a number is spread where it is loaded; and what a weight of one
# number gathers over units and tokens is summed by the caller.
PLANNED = {"matmul", "transpose", "outer", "sum", "mean", "max", "min", "softmax", "spread",
           "block_diagonal", "diagonal_blocks", "concat", "part", "pad",
           "total"}  # fmt: skip


def missing(written: Any) -> set[str]:
    """The operations for which the CPU engine writes no code, nor the plan makes a place."""
    return {op for op in OPS if op not in PLANNED and not hasattr(written, f"_{op}")}


def test_the_cpu_engine_has_code_for_every_operation() -> None:
    assert missing(Pointwise) == set()


def test_what_is_planned_has_no_code_beside_it() -> None:
    assert {op for op in PLANNED if hasattr(Pointwise, f"_{op}")} == set()
    assert set(OPS) >= PLANNED


def test_the_torch_engine_has_every_operation_and_the_identity() -> None:
    assert set(TORCH) == {*OPS, "eye"}


def test_an_operation_without_code_is_noticed() -> None:
    class Less:
        """All of `Pointwise` but for the sine."""

    for op in OPS:
        if op not in PLANNED | {"sin"}:
            setattr(Less, f"_{op}", None)
    assert missing(Less) == {"sin"}
