"""`convert` replaces torch.nn's layers inside a model, and says what it left."""

from typing import Any

import torch
from torch import nn

import unrolled
from tests.tolerances import FLOAT32, assert_agrees


class Mine(nn.LSTM):
    """A class of one's own may compute something else."""


class Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(10, 4)
        self.parts = nn.ModuleList([nn.GRU(4, 6, bidirectional=True), nn.RNN(12, 5, 2)])
        self.top = nn.Sequential(nn.LSTM(5, 7, bias=False, batch_first=False))
        self.same = self.top[0]
        self.cell, self.mine = nn.GRUCell(3, 3), Mine(2, 2)
        self.ready = unrolled.GRU(2, 2)
        self.head = nn.Linear(7, 2)

    def forward(self, symbols: torch.Tensor) -> torch.Tensor:
        x = self.embedding(symbols)
        for part in self.parts:
            x, _ = part(x)
        return self.head(self.top(x)[0])


def train(model: Any, optimizer: Any, symbols: torch.Tensor, steps: int) -> None:
    for _ in range(steps):
        optimizer.zero_grad()
        model(symbols).square().sum().backward()
        optimizer.step()


def test_in_place_with_the_same_parameters() -> None:
    torch.manual_seed(0)
    model = Model()
    symbols = torch.randint(10, (6, 3))
    expected, before = model(symbols), dict(model.named_parameters())
    converted, report = unrolled.convert(model)
    assert converted is model
    assert [type(p) for p in model.parts] == [unrolled.GRU, unrolled.RNN]
    assert type(model.top[0]) is unrolled.LSTM
    assert model.same is model.top[0]
    after = dict(model.named_parameters())
    assert list(after) == list(before)
    assert all(after[name] is before[name] for name in before)
    assert_agrees(model(symbols), expected, tolerance=FLOAT32)
    assert type(model.cell) is unrolled.GRUCell
    assert set(report.replaced) == {"parts.0", "parts.1", "top.0", "same", "cell"}
    assert report.replaced["top.0"] == "torch.nn.LSTM by unrolled.LSTM"
    assert set(report.left) == {"mine", "ready"}
    assert "left mine: Mine is a class of its own" in str(report)
    assert "unrolled.GRU runs them in one" in report.replaced["cell"]
    assert "already" in report.left["ready"]


def test_an_optimizer_goes_on() -> None:
    torch.manual_seed(0)
    symbols = torch.randint(10, (6, 3))
    found = []
    for is_converted in (False, True):
        torch.manual_seed(1)
        model = Model()
        optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
        train(model, optimizer, symbols, 2)
        if is_converted:
            unrolled.convert(model)
        train(model, optimizer, symbols, 2)
        found.append(model.state_dict())
    for name in found[0]:
        assert_agrees(found[1][name], found[0][name], tolerance=FLOAT32, name=name)


def test_a_bare_layer_returns_its_replacement() -> None:
    layer = nn.LSTM(3, 4, 2, bidirectional=True, batch_first=True).eval()
    seen: list[int] = []
    layer.register_forward_hook(lambda *_: seen.append(1))
    made, report = unrolled.convert(layer)
    assert type(made) is unrolled.LSTM
    assert made.batch_first
    assert not made.training
    assert made.engine == "cpu"
    assert str(report) == "replaced the model: torch.nn.LSTM by unrolled.LSTM"
    x = torch.randn(2, 5, 3)
    assert_agrees(made(x)[0], layer(x)[0], tolerance=FLOAT32)
    assert len(seen) == 2


def test_nothing_to_do_is_said() -> None:
    model, report = unrolled.convert(nn.Linear(2, 2))
    assert type(model) is nn.Linear
    assert str(report) == "no recurrent layer found: nothing replaced"
    assert report.replaced == report.left == {}
