"""The three drop-ins against torch.nn, in every combination of their arguments and forms of input:
outputs, states, and every gradient; first values; `state_dict` both ways."""

import itertools
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pack_sequence

import unrolled
import unrolled.cells
from tests.tolerances import EXACT, FLOAT32, FLOAT64, assert_agrees

T, B, I, H = 5, 3, 4, 7
KINDS: list[tuple[str, dict[str, Any]]] = [
    ("RNN", {}),
    ("RNN", {"nonlinearity": "relu"}),
    ("GRU", {}),
    ("LSTM", {}),
    ("LSTM", {"proj_size": 3}),
]
NAMES = ["rnn", "relu", "gru", "lstm", "projected"]
FORMS = ["dense", "single", "sorted", "unsorted"]
OPTIONS = [
    dict(zip(("bias", "num_layers", "bidirectional", "batch_first"), values, strict=True))
    for values in itertools.product([True, False], [1, 2], [True, False], [True, False])
]


def pair(kind: str, seed: int = 0, **options: Any) -> tuple[nn.Module, nn.Module]:
    torch.manual_seed(seed)
    theirs = getattr(nn, kind)(I, H, **options)
    torch.manual_seed(seed)
    ours = getattr(unrolled, kind)(I, H, **options)
    return theirs, ours


def given(form: str, layer: nn.RNNBase, dtype: torch.dtype) -> tuple[Any, torch.Tensor, Any]:
    """What a layer is given, the tensor behind it (whose gradient is compared), and hx."""
    draw = torch.Generator().manual_seed(7)
    shape = (T, I) if form == "single" else (B, T, I) if layer.batch_first else (T, B, I)
    leaf = torch.randn(shape, generator=draw, dtype=dtype, requires_grad=True)
    x: Any = leaf
    if form in ("sorted", "unsorted"):
        lengths = torch.tensor([5, 4, 1] if form == "sorted" else [2, 5, 4])
        x = pack_padded_sequence(leaf, lengths, layer.batch_first, form == "sorted")
    depth = layer.num_layers * (2 if layer.bidirectional else 1)
    rows = () if form == "single" else (B,)
    sizes = [layer.proj_size or H, H][: 2 if layer.mode == "LSTM" else 1]
    hx = [torch.randn(depth, *rows, n, generator=draw, dtype=dtype) for n in sizes]
    return x, leaf, [h.requires_grad_() for h in hx]


def results(layer: Any, form: str, dtype: torch.dtype, with_hx: bool) -> dict[str, torch.Tensor]:
    x, leaf, hx = given(form, layer, dtype)
    state = tuple(hx) if len(hx) == 2 else hx[0]
    y, last = layer(x, state) if with_hx else layer(x)
    found = {"y": y}
    if isinstance(y, PackedSequence):
        assert isinstance(x, PackedSequence)
        for one, other in zip(y[1:], x[1:], strict=True):
            assert (one is None) == (other is None)
            assert one is None or torch.equal(one, other)
        found["y"] = y.data
    for number, state in enumerate(last if isinstance(last, tuple) else (last,)):
        found[f"last {number}"] = state
    draw = torch.Generator().manual_seed(8)
    values = list(found.values())
    d = [torch.randn(v.shape, generator=draw, dtype=dtype) for v in values]
    torch.autograd.backward(values, d)
    found["d x"] = leaf.grad
    for number, state in enumerate(hx if with_hx else []):
        found[f"d hx {number}"] = state.grad
    for name, p in layer.named_parameters():
        found[f"d {name}"], p.grad = p.grad, None
    return found


def assert_same(theirs: Any, ours: Any, tolerance: Any, what: str) -> None:
    assert list(theirs) == list(ours)
    for name in theirs:
        assert_agrees(ours[name], theirs[name], tolerance=tolerance, name=f"{name} ({what})")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("kind", "more"), KINDS, ids=NAMES)
def test_every_combination(kind: str, more: dict[str, Any], form: str) -> None:
    for options in OPTIONS:
        theirs, ours = (m.double() for m in pair(kind, **options, **more))
        assert ours.engine == "cpu"
        for with_hx in (True, False) if options["bias"] else (True,):
            expected = results(theirs, form, torch.float64, with_hx)
            found = results(ours, form, torch.float64, with_hx)
            assert_same(expected, found, FLOAT64, f"{options}, hx {with_hx}")


@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("kind", "more"), KINDS, ids=NAMES)
def test_float32_and_the_torch_engine(kind: str, more: dict[str, Any], form: str) -> None:
    options = {"num_layers": 2, "bidirectional": True, **more}
    theirs, ours = pair(kind, **options)
    expected = results(theirs, form, torch.float32, True)
    assert_same(expected, results(ours, form, torch.float32, True), FLOAT32, "cpu")
    slow = getattr(unrolled, kind)(I, H, engine="torch", **options)
    slow.load_state_dict(theirs.state_dict())
    assert slow.engine == "torch"
    assert_same(expected, results(slow, form, torch.float32, True), FLOAT32, "torch")


@pytest.mark.parametrize(("kind", "more"), KINDS, ids=NAMES)
def test_wide_layers(kind: str, more: dict[str, Any]) -> None:
    """Widths of whole vectors, inputs that are multiplied outside the kernel, and jobs."""
    torch.manual_seed(0)
    theirs = getattr(nn, kind)(32, 48, 2, **more).double()
    ours = getattr(unrolled, kind)(32, 48, 2, **more).double()
    ours.load_state_dict(theirs.state_dict())
    found = []
    for layer in (theirs, ours):
        x = torch.randn(6, 8, 32, generator=torch.Generator().manual_seed(1)).double()
        x.requires_grad_()
        y, last = layer(x)
        d = torch.randn(y.shape, generator=torch.Generator().manual_seed(2)).double()
        last = last if isinstance(last, tuple) else (last,)
        ((y * d).sum() + sum((2 * h).sum() for h in last)).backward()
        grads = {name: p.grad for name, p in layer.named_parameters()}
        found.append({"y": y, "d x": x.grad, **grads})
    assert_same(*found, FLOAT64, kind)


@pytest.mark.parametrize(("kind", "more"), KINDS, ids=NAMES)
def test_first_values_and_state_dict(kind: str, more: dict[str, Any]) -> None:
    for options in OPTIONS:
        theirs, ours = pair(kind, seed=3, **options, **more)
        assert_same(theirs.state_dict(), ours.state_dict(), EXACT, str(options))
        assert repr(ours) == repr(theirs)
        other, another = pair(kind, seed=4, **options, **more)
        other.load_state_dict(ours.state_dict())
        another.load_state_dict(theirs.state_dict())
        assert_same(theirs.state_dict(), other.state_dict(), EXACT, "to torch.nn")
        assert_same(theirs.state_dict(), another.state_dict(), EXACT, "from torch.nn")


@pytest.mark.parametrize("p", [0.3, 1.0])
@pytest.mark.parametrize(("kind", "more"), KINDS, ids=NAMES)
def test_dropout(kind: str, more: dict[str, Any], p: float) -> None:
    """The same masks from the same seed: one number for each output of a layer below."""
    theirs, ours = (m.double() for m in pair(kind, num_layers=3, dropout=p, **more))
    torch.manual_seed(5)
    expected = results(theirs, "dense", torch.float64, True)
    torch.manual_seed(5)
    found = results(ours, "dense", torch.float64, True)
    assert_same(expected, found, FLOAT64, f"p {p}")
    theirs.eval(), ours.eval()
    expected = results(theirs, "dense", torch.float64, True)
    assert_same(expected, results(ours, "dense", torch.float64, True), FLOAT64, "eval")


def test_dropout_is_drawn_anew_and_keeps_the_mean() -> None:
    torch.manual_seed(0)
    layer = unrolled.Recurrent(unrolled.cells.IndRNN, 6, 6, num_layers=2, dropout=0.25)
    with torch.no_grad():
        for name, parameter in layer.named_parameters():
            parameter.fill_(1.0 if name == "W_l1" else 0.0)
            if name == "W_l1":
                parameter.copy_(torch.eye(6))
            if name == "b_l0":
                parameter.fill_(1.0)
        y, _ = layer(torch.zeros(1, 4000, 6))
        again, _ = layer(torch.zeros(1, 4000, 6))
    assert not torch.equal(y, again)
    assert set(y.unique().tolist()) == {0.0, torch.tensor(1 / 0.75).item()}
    share = (y == 0).double().mean()
    assert 0.23 < share < 0.27  # 24,000 drawings: the standard deviation is 0.003


@pytest.mark.parametrize(("kind", "more"), KINDS, ids=NAMES)
def test_ragged_is_what_packing_gives(kind: str, more: dict[str, Any]) -> None:
    theirs, ours = (m.double() for m in pair(kind, num_layers=2, bidirectional=True, **more))
    x = torch.randn(T, B, I, dtype=torch.float64)
    lengths = [2, 5, 3]
    packed, last = theirs(pack_sequence([x[:n, b] for b, n in enumerate(lengths)], False))
    expected, _ = nn.utils.rnn.pad_packed_sequence(packed)
    y, found = ours(x, lengths=lengths)
    assert_agrees(y, expected, tolerance=FLOAT64)
    for mine, other in zip(
        found if isinstance(found, tuple) else (found,),
        last if isinstance(last, tuple) else (last,),
        strict=True,
    ):
        assert_agrees(mine, other, tolerance=FLOAT64)
