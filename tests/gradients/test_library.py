"""Every cell of the library, by central differences of its own step."""

import pytest

from unrolled import check_gradients
from unrolled.cells.library import variants

CELLS = dict(variants())


@pytest.mark.sweep
@pytest.mark.parametrize("name", CELLS)
def test_gradients_agree_with_central_differences(name: str) -> None:
    table = check_gradients(CELLS[name], seed=1, kernels=False)
    assert table.passed
    assert all(row.checked > 0 for row in table.rows)
    assert table.skipped <= 0.05 * (table.checked + table.skipped)


def test_every_array_has_a_row() -> None:
    table = check_gradients(CELLS["slstm"], kernels=False)
    names = [(row.kind, row.name) for row in table.rows]
    states = [("initial state", name) for name in ("h", "c", "n", "m")]
    weights = [("weight", f"{kind}_{gate}") for gate in "ifzo" for kind in "WUb"]
    assert names == [*weights, ("input", "x"), *states]
