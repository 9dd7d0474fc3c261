"""The layers as modules: copied, stored, moved and frozen as torch.nn's are."""

import copy
import io
import os
import pickle
import signal
import threading
from typing import Any

import pytest
import torch
from torch import nn

import unrolled
from tests.tolerances import EXACT, FLOAT32, assert_agrees
from unrolled.cells import SLSTM, CfC, FastGRNN, IndRNN, LayerNormLSTM, PeepholeLSTM
from unrolled.errors import UnrolledError
from unrolled.layers.batch import ragged

LAYERS = {
    "LSTM": lambda **more: unrolled.LSTM(3, 5, 2, bidirectional=True, **more),
    "GRU": lambda **more: unrolled.GRU(3, 5, **more),
    "RNN": lambda **more: unrolled.RNN(3, 5, nonlinearity="relu", **more),
    "Recurrent": lambda **more: unrolled.Recurrent(PeepholeLSTM, 3, 5, 2, **more),
}
each_layer = pytest.mark.parametrize("make", LAYERS.values(), ids=LAYERS)


def sequence(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*(shape or (4, 2, 3)), generator=torch.Generator().manual_seed(seed))


def through_pickle(layer: nn.Module) -> Any:
    return pickle.loads(pickle.dumps(layer))  # noqa: S301


def through_a_file(layer: nn.Module) -> Any:
    file = io.BytesIO()
    torch.save(layer, file)
    file.seek(0)
    return torch.load(file, weights_only=False)


@pytest.mark.parametrize("copied", [copy.deepcopy, through_pickle, through_a_file])
@each_layer
def test_a_copy_computes_the_same_and_is_apart(make: Any, copied: Any) -> None:
    layer = make()
    layer(sequence())[0].sum().backward()  # with gradients, and kernels that have run
    other = copied(layer)
    assert type(other) is type(layer)
    assert torch.equal(other(sequence())[0], layer(sequence())[0])
    with torch.no_grad():
        next(other.parameters()).add_(1)
    assert not torch.equal(other(sequence())[0], layer(sequence())[0])


@each_layer
def test_a_state_dict_is_plain_weights(make: Any) -> None:
    layer, other, file = make(), make(), io.BytesIO()
    torch.save(layer.state_dict(), file)
    file.seek(0)
    other.load_state_dict(torch.load(file, weights_only=True))
    assert torch.equal(other(sequence())[0], layer(sequence())[0])


def test_parameters_are_called_by_the_users_names() -> None:
    layer = unrolled.Recurrent(PeepholeLSTM, 3, 5, 2, bidirectional=True)
    names = {f"{w}_l{n}{r}" for w in layer.equation.weights for n in "01" for r in ("", "_reverse")}
    assert set(dict(layer.named_parameters())) == names
    assert layer.W_i_l1.shape == (5, 10)
    bare = unrolled.Recurrent(PeepholeLSTM, 3, 5, bias=False)
    assert not any(name.startswith("b_") for name, _ in bare.named_parameters())
    assert any(name.startswith("W_") for name, _ in bare.named_parameters())


def test_no_bias_is_a_bias_of_zero() -> None:
    bare = unrolled.Recurrent(PeepholeLSTM, 3, 5, 2, bias=False)
    full = unrolled.Recurrent(PeepholeLSTM, 3, 5, 2)
    missing, unexpected = full.load_state_dict(bare.state_dict(), strict=False)
    assert not unexpected
    with torch.no_grad():
        for name in missing:
            full.get_parameter(name).zero_()
    assert_agrees(bare(sequence())[0], full(sequence())[0], tolerance=FLOAT32)


def test_a_vector_that_is_more_than_a_bias_stays() -> None:
    """A layer norm's shift is added to no product, and an IndRNN's u is a factor."""
    names = {n for n, _ in unrolled.Recurrent(IndRNN, 3, 5, bias=False).named_parameters()}
    assert names == {"W_l0", "u_l0"}
    full = dict(unrolled.Recurrent(LayerNormLSTM, 3, 5).named_parameters())
    bare = dict(unrolled.Recurrent(LayerNormLSTM, 3, 5, bias=False).named_parameters())
    assert {n for n in full if full[n].dim() == 2} <= set(bare)


def test_sizes_of_the_cells_own() -> None:
    layer = unrolled.Recurrent(FastGRNN, 3, 5)
    assert layer(sequence())[0].shape == (4, 2, 5)
    projected = unrolled.Recurrent(unrolled.cells.ProjectedLSTM, 3, 5, proj_size=2)
    y, (h, c) = projected(sequence())
    assert (y.shape, h.shape, c.shape) == ((4, 2, 2), (1, 2, 2), (1, 2, 5))


class LowRank(unrolled.Cell):
    """A matrix as the product of two thin ones."""

    rank = 2
    sizes = {"B": "rank"}

    def step(self, x: Any, h: Any) -> Any:
        return unrolled.tanh(self.W @ x + self.A @ (self.B @ h))


def test_a_size_that_only_the_cell_knows() -> None:
    layer = unrolled.Recurrent(LowRank, 3, 5)
    assert layer.B_l0.shape == (2, 5)
    wider = unrolled.Recurrent(LowRank(rank=3), 3, 5, 2)
    assert wider.A_l1.shape == (5, 3)
    plain = unrolled.Recurrent(LowRank(rank=3), 3, 5, 2, engine="torch")
    plain.load_state_dict(wider.state_dict())
    assert_agrees(wider(sequence())[0], plain(sequence())[0], tolerance=FLOAT32)


def test_a_parametrized_weight() -> None:
    """torch's own tools change how a parameter is made; the layer takes what they give."""
    for layer, name in ((LAYERS["GRU"](), "weight_hh_l0"), (LAYERS["Recurrent"](), "U_i_l0")):
        expected = layer(sequence())[0].detach()
        torch.nn.utils.parametrizations.weight_norm(layer, name)
        y, _ = layer(sequence())
        assert_agrees(y, expected, tolerance=FLOAT32)
        y.sum().backward()
        parts = getattr(layer.parametrizations, name)
        assert parts.original0.grad is not None
        with torch.no_grad():
            parts.original0.mul_(2)
        assert not torch.equal(layer(sequence())[0], y)


@each_layer
def test_frozen_parts_get_no_gradient_and_change_nothing_else(make: Any) -> None:
    layer = make()
    layer(sequence())[0].sum().backward()
    expected = {name: p.grad.clone() for name, p in layer.named_parameters()}
    layer.zero_grad()
    names = list(expected)
    frozen = set(names[::2])
    for name in frozen:
        layer.get_parameter(name).requires_grad_(False)
    layer(sequence())[0].sum().backward()
    for name, parameter in layer.named_parameters():
        if name in frozen:
            assert parameter.grad is None
        else:
            assert_agrees(parameter.grad, expected[name], tolerance=FLOAT32)
    layer.requires_grad_(False)
    assert not layer(sequence())[0].requires_grad
    x = sequence().requires_grad_()
    layer(x)[0].sum().backward()
    assert x.grad is not None


@each_layer
def test_evaluation_mode_has_gradients(make: Any) -> None:
    layer = make().eval()
    layer(sequence())[0].sum().backward()
    assert all(p.grad is not None for p in layer.parameters())


@each_layer
def test_hooks(make: Any) -> None:
    layer, seen = make(), []
    layer.register_forward_pre_hook(lambda module, given: seen.append("before"))
    layer.register_forward_hook(lambda module, given, result: seen.append("after"))
    layer.register_full_backward_hook(lambda module, d_in, d_out: seen.append("back"))
    next(layer.parameters()).register_hook(lambda d: seen.append("weight"))
    layer(sequence().requires_grad_())[0].sum().backward()
    assert sorted(seen) == ["after", "back", "before", "weight"]


@each_layer
def test_the_engine_follows_dtype(make: Any) -> None:
    layer = make()
    assert layer.engine == "cpu"
    expected = layer(sequence())[0]
    assert_agrees(layer.double()(sequence().double())[0].float(), expected, tolerance=FLOAT32)
    assert layer.engine == "cpu"
    layer.bfloat16()
    assert layer.engine == "cpu"
    y, _ = layer(sequence().bfloat16(), lengths=[4, 2])
    assert y.dtype == torch.bfloat16
    assert (y.float() - expected)[:, 0].abs().max() < 0.05  # bfloat16 has 8 bits
    assert layer.float().engine == "cpu"


@each_layer
def test_the_meta_device(make: Any) -> None:
    layer = make().to("meta")
    assert layer.engine in ("torch", "torch.nn")
    assert layer(torch.empty(4, 2, 3, device="meta"))[0].shape == make()(sequence())[0].shape
    with pytest.raises(UnrolledError, match="runs float32, float64, bfloat16 and"):
        make(engine="cpu").to("meta")(torch.empty(4, 2, 3, device="meta"))


@each_layer
def test_same_seed_same_bits(make: Any) -> None:
    found = []
    for _ in range(2):
        torch.manual_seed(3)
        layer = make()
        layer(sequence())[0].square().sum().backward()
        found.append([layer(sequence())[0], *(p.grad for p in layer.parameters())])
    for one, other in zip(*found, strict=True):
        assert_agrees(one, other, tolerance=EXACT)


@each_layer
def test_without_gradients(make: Any) -> None:
    layer = make()
    expected = layer(sequence())[0].detach()
    with torch.no_grad():
        y, _ = layer(sequence())
    assert not y.requires_grad
    assert torch.equal(y, expected)
    with torch.inference_mode():
        y, _ = layer(sequence())
    assert y.is_inference()
    assert torch.equal(y.clone(), expected)


@each_layer
def test_nan_in_one_sequence_stays_there(make: Any) -> None:
    layer = make()
    x = sequence()
    expected = layer(x)[0]
    x[2, 0, 1] = torch.nan
    y, _ = layer(x)
    width = 5 if layer.bidirectional else y.shape[2]
    first = 0 if layer.bidirectional and layer.num_layers > 1 else 2
    assert y[2:, 0, :width].isnan().all()
    assert y[first:, 0].isnan().all()
    assert_agrees(y[:first, 0], expected[:first, 0], tolerance=FLOAT32)
    assert_agrees(y[:, 1], expected[:, 1], tolerance=FLOAT32)


@each_layer
def test_two_threads_at_once(make: Any) -> None:
    layer = make()
    xs = [sequence(30, 8, 3, seed=seed) for seed in range(2)]
    expected = [layer(x)[0].detach() for x in xs]
    wrong: list[int] = []

    def work(number: int) -> None:
        for _ in range(20):
            y, _ = layer(xs[number])
            torch.autograd.grad(y.sum(), list(layer.parameters()))
            if not torch.equal(y, expected[number]):
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore:os.fork:RuntimeWarning")  # JAX's, where a test has imported it
def test_a_forked_child() -> None:
    layer = unrolled.LSTM(3, 64)
    x = sequence(40, 16, 3)  # enough work for several threads
    expected = layer(x)[0].detach()
    child = os.fork()
    if child == 0:
        signal.alarm(60)  # a child that hangs is ended, and the test fails
        torch.set_num_threads(1)  # as torch's data loaders do: its products hang with more
        y = layer(x)[0]
        y.sum().backward()
        os._exit(0 if (y - expected).abs().max() < 1e-6 else 1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0


@pytest.mark.parametrize("engine", ["cpu", "torch"])
def test_what_is_given_by_name_goes_with_tokens_that_are_gathered(engine: str) -> None:
    torch.manual_seed(0)
    x, dt, lengths = torch.randn(7, 4, 3), torch.rand(7, 4, 1), [5, 0, 7, 2]
    layer = unrolled.Recurrent(CfC, 3, 5, 2, engine=engine)
    batch = ragged(lengths, 7, 4)
    for named in ({}, {"dt": 0.5}, {"dt": dt}):
        gathered = {n: batch.gather(v) if torch.is_tensor(v) else v for n, v in named.items()}
        y, states = layer.over(batch.gather(x), batch, **gathered)
        expected, ends = layer(x, lengths=lengths, **named)
        assert_agrees(batch.scatter(y).detach(), expected.detach(), tolerance=FLOAT32)
        assert_agrees(states.detach(), ends.detach(), tolerance=FLOAT32)


@pytest.mark.parametrize("engine", ["cpu", "torch"])
def test_tokens_that_are_gathered_already(engine: str) -> None:
    """`over` is `forward` with lengths, gradients too; words may be gathered
    before they become vectors."""
    torch.manual_seed(0)
    words, lengths = torch.randint(1, 9, (7, 4)), [5, 0, 7, 2]
    table = torch.nn.Embedding(9, 3)
    layer = unrolled.Recurrent(SLSTM, 3, 5, 2, bidirectional=True, engine=engine)
    found = []
    for gathered in (False, True):
        if gathered:
            batch = ragged(lengths, *words.shape)
            y, states = layer.over(table(batch.gather(words)), batch)
            y = batch.scatter(y)
        else:
            y, states = layer(table(words), lengths=lengths)
        d = torch.linspace(-1, 1, y.numel()).reshape(y.shape)
        torch.autograd.backward([y, *states], [d, *(torch.ones_like(s) for s in states)])
        gradients = [p.grad.clone() for p in (table.weight, *layer.parameters())]
        found.append([y.detach(), *(s.detach() for s in states), *gradients])
        table.zero_grad()
        layer.zero_grad()
    for one, other in zip(*found, strict=True):
        assert_agrees(one, other, tolerance=FLOAT32)
