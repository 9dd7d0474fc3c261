"""Layers under `torch.func`, against torch.nn's in the same call."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, hessian, jacfwd, jacrev, jvp, vjp, vmap

import unrolled
from tests.tolerances import FLOAT64, assert_agrees
from unrolled import cells
from unrolled.errors import ArgumentError

T, B, I, H = 5, 3, 2, 4
Values = dict[str, Tensor]


def pair(kind: str, **options: Any) -> tuple[nn.Module, nn.Module]:
    torch.manual_seed(0)
    theirs = getattr(nn, kind)(I, H, dtype=torch.float64, **options)
    torch.manual_seed(0)
    return theirs, getattr(unrolled, kind)(I, H, dtype=torch.float64, **options)


LAYERS = [("LSTM", {"num_layers": 2, "bidirectional": True}), ("GRU", {"batch_first": True}),
          ("RNN", {}), ("LSTM", {"proj_size": 3})]  # fmt: skip
KINDS = pytest.mark.parametrize(("kind", "options"), LAYERS, ids=["lstm", "gru", "rnn", "proj"])


def values(layer: nn.Module) -> Values:
    return {name: parameter.detach() for name, parameter in layer.named_parameters()}


def loss(layer: nn.Module, weights: Values, x: Tensor) -> Tensor:
    y, last = functional_call(layer, weights, (x,))
    last = last[0] if isinstance(last, tuple) else last
    return torch.sin(y).sum() + (last**2).sum()


def same(one: Any, other: Any) -> None:
    flat, others = torch.utils._pytree.tree_leaves(one), torch.utils._pytree.tree_leaves(other)
    for a, b in zip(flat, others, strict=True):
        assert_agrees(a, b, tolerance=FLOAT64)


@KINDS
def test_grad_and_vjp(kind: str, options: dict[str, Any]) -> None:
    x = torch.randn(T, B, I, dtype=torch.float64)
    found = []
    for layer in pair(kind, **options):
        weights = values(layer)
        gradients = grad(lambda w, x, m=layer: loss(m, w, x), (0, 1))(weights, x)
        y, back = vjp(lambda x, m=layer, w=weights: functional_call(m, w, (x,))[0], x)
        found.append((gradients, y, back(torch.cos(y))))
    same(*found)


@KINDS
def test_a_gradient_for_each_sample_by_one_vmap(kind: str, options: dict[str, Any]) -> None:
    xs = torch.randn(6, T, I, dtype=torch.float64)  # one sequence each
    theirs, ours = pair(kind, **options)
    each = vmap(grad(lambda w, x: loss(ours, w, x)), (None, 0))(values(ours), xs)
    for number, x in enumerate(xs):
        expected = grad(lambda w, x: loss(theirs, w, x))(values(theirs), x)
        same({name: of_all[number] for name, of_all in each.items()}, expected)


def test_vmap_over_inputs_states_lengths_and_models() -> None:
    xs = torch.randn(2, 6, T, B, I, dtype=torch.float64)
    _, ours = pair("GRU", bidirectional=True)
    hx = torch.randn(2, B, H, dtype=torch.float64)
    with torch.no_grad():
        expected = torch.stack([ours(x, hx)[0] for x in xs.flatten(0, 1)]).unflatten(0, (2, 6))
        same(vmap(vmap(lambda x: ours(x, hx)[0]))(xs), expected)
        same(vmap(lambda x: ours(x, hx)[0], in_dims=2, out_dims=2)(xs[0].movedim(0, 2)),
             expected[0].movedim(0, 2))  # fmt: skip
        states = torch.randn(6, 2, B, H, dtype=torch.float64)
        expected = torch.stack([ours(xs[0, 0], h)[1] for h in states])
        same(vmap(lambda h: ours(xs[0, 0], h)[1])(states), expected)
    models = [pair("GRU")[1] for _ in range(3)]
    for number, model in enumerate(models):
        nn.init.constant_(model.bias_hh_l0, number)
    stacked, _ = torch.func.stack_module_state(models)
    found = vmap(lambda w: functional_call(models[0], w, (xs[0, 0],))[0])(stacked)
    same(found, torch.stack([model(xs[0, 0])[0] for model in models]))


def test_jacrev() -> None:
    x = torch.randn(T, 1, I, dtype=torch.float64)
    same(*(jacrev(lambda x, m=layer: m(x)[1][1])(x) for layer in pair("LSTM")))


@pytest.mark.parametrize("bptt", ["whole", 2, "recompute"])
def test_a_cell_of_ones_own_with_lengths(bptt: Any) -> None:
    torch.manual_seed(0)
    layer = unrolled.Recurrent(cells.PeepholeLSTM, I, H, dtype=torch.float64, bptt=bptt)
    x = torch.randn(T, B, I, dtype=torch.float64)
    lengths = [2, 5, 0]

    def of(weights: Values) -> Tensor:
        y, last, more = functional_call(layer, weights, (x,), {"lengths": lengths, "record": ["f"]})
        assert more["f"].shape == y.shape
        return torch.sin(y).sum() + last[1].sum()

    of(dict(layer.named_parameters())).backward()
    same(grad(of)(values(layer)), {name: p.grad for name, p in layer.named_parameters()})


def test_a_packed_sequence() -> None:
    """torch.nn's own layers do not take one here, but autograd does."""
    x = torch.randn(T, B, I, dtype=torch.float64)
    lengths = torch.tensor([2, 5, 4])
    packed = nn.utils.rnn.pack_padded_sequence(x, lengths, enforce_sorted=False)
    theirs, ours = pair("LSTM", bidirectional=True)

    def of(data: Tensor, layer: nn.Module = ours) -> Tensor:
        y, last = layer(packed._replace(data=data))
        return torch.sin(y.data).sum() + last[1][:, 0].sum()

    data = packed.data.clone().requires_grad_()
    of(data, theirs).backward()
    same(grad(of)(packed.data), data.grad)


def both_engines(form: str, bptt: Any = "whole") -> tuple[nn.Module, nn.Module]:
    if form == "drop-in":
        ours: nn.Module = pair("LSTM")[1]
        other: nn.Module = unrolled.LSTM(I, H, dtype=torch.float64, engine="torch")
    else:
        torch.manual_seed(0)
        made = {"dtype": torch.float64, "bptt": bptt}
        ours = unrolled.Recurrent(cells.AntisymmetricRNN, I, H, **made)
        other = unrolled.Recurrent(cells.AntisymmetricRNN, I, H, engine="torch", **made)
    other.load_state_dict(ours.state_dict())
    return ours, other


# what torch loads for forward mode is deprecated by torch
forward_mode = pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")


@forward_mode
@pytest.mark.parametrize("form", ["drop-in", "made of weights"])
@pytest.mark.parametrize("lengths", [None, [3, 0, 2]])
def test_jvp_jacfwd_and_second_derivatives(form: str, lengths: Any) -> None:
    """Against the same equation under torch's own autograd."""
    x = torch.randn(3, B, I, dtype=torch.float64)
    found = []
    for layer in both_engines(form):
        weights = values(layer)

        def of(weights: Values, x: Tensor, layer: nn.Module = layer) -> Tensor:
            y, last = functional_call(layer, weights, (x,), {"lengths": lengths})
            last = last[0] if isinstance(last, tuple) else last
            return torch.sin(y).sum() + (last**2).sum()

        moving = {name: torch.cos(value) for name, value in weights.items()}
        hvp = jvp(grad(of, (0, 1)), (weights, x), (moving, torch.cos(x)))
        back = grad(lambda w, x, of=of: grad(of, 1)(w, x).square().sum(), (0, 1))(weights, x)
        forward = grad(lambda w, x, of=of, m=moving: jvp(of, (w, x), (m, torch.cos(x)))[1], (0, 1))(
            weights, x
        )
        found.append((hvp, back, forward, jacfwd(of, 1)(weights, x), hessian(of, 1)(weights, x)))
    same(*found)


@forward_mode
@pytest.mark.parametrize("bptt", [2, "recompute"])
def test_second_derivatives_of_a_cut_sequence(bptt: Any) -> None:
    x = torch.randn(5, B, I, dtype=torch.float64)
    found = []
    ours, other = both_engines("made of weights", bptt)
    if bptt == "recompute":  # torch.func takes no checkpoints
        other = both_engines("made of weights")[1]
    for layer in (ours, other):

        def of(x: Tensor, layer: nn.Module = layer) -> Tensor:
            return torch.sin(layer(x)[0]).sum()

        found.append(
            (
                jvp(grad(of), (x,), (torch.cos(x),)),
                grad(lambda x, of=of: grad(of)(x).square().sum())(x),
            )
        )
    same(*found)


def test_measured_derivatives_are_refused_in_a_sentence() -> None:
    layer = unrolled.Recurrent(cells.Elman, I, H)
    with pytest.raises(ArgumentError, match="call the layer itself"):
        vmap(lambda x: layer(x, record=["d_h"]))(torch.randn(2, T, B, I))
