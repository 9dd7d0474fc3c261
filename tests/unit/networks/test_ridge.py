"""Ridge regression against its equation, and left-out scores against leaving rows out."""

import pytest
import torch

from tests.tolerances import FLOAT32, assert_agrees
from unrolled.networks import ridge
from unrolled.networks.ridge import fit_ridge


@pytest.mark.parametrize("shape", [(12, 30), (40, 7)], ids=["dual", "primal"])
def test_left_out_scores_are_those_of_a_fit_without_the_row(monkeypatch, shape):
    draw = torch.Generator().manual_seed(0)
    rows, count = shape[0], 3
    z = torch.randn(shape, generator=draw).double()
    classes = torch.randint(count, (rows,), generator=draw)
    monkeypatch.setattr(ridge, "PENALTIES", torch.tensor([0.3], dtype=torch.float64))
    z = z - z.mean(0)
    z = z / z.std(0, unbiased=False)
    targets = 2.0 * torch.nn.functional.one_hot(classes, count).double() - 1.0
    found = fit_ridge(z.float(), targets)
    small = min(shape)
    values = torch.linalg.eigvalsh(z @ z.T if rows <= shape[1] else z.T @ z)
    assert len(values) == small
    penalty = 0.3 * values.mean()
    for row in (0, rows - 1):
        kept = torch.arange(rows) != row
        x, y = z[kept], targets[kept]
        centre, base = x.mean(0), y.mean(0)
        gram = (x - centre).T @ (x - centre) + penalty * torch.eye(shape[1])
        weight = torch.linalg.solve(gram, (x - centre).T @ (y - base))
        expected = (z[row] - centre) @ weight + base
        assert_agrees(found.left_out[row], expected.float(), tolerance=FLOAT32)


def test_scores_of_new_rows_tell_the_classes_apart():
    draw = torch.Generator().manual_seed(1)
    classes = torch.arange(60) % 3
    x = torch.randn(60, 8, generator=draw)
    x[:, :3] += 4 * torch.nn.functional.one_hot(classes, 3)
    targets = torch.nn.functional.one_hot(classes, 3).double()
    found = fit_ridge(x[:45], targets[:45])
    scores = x[45:] @ found.weight + found.bias
    assert (scores.argmax(1) == classes[45:]).all()


def test_a_feature_that_never_changes_counts_for_nothing():
    x = torch.tensor([[1.0, 5.0], [2.0, 5.0], [3.0, 5.0], [4.0, 5.0]])
    found = fit_ridge(x, torch.tensor([[-1.0], [-1.0], [1.0], [1.0]]).double())
    assert not found.weight[1].any()
