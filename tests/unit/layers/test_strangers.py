"""What people do to models with torch.nn's layers inside, done after `convert` as before."""

import copy
import functools
import io
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap
from torch.utils._pytree import tree_map

import unrolled
from tests.tolerances import EXACT, FLOAT32, FLOAT64, assert_agrees
from unrolled.errors import ShapeError, UnrolledError

I, H = 3, 5
KINDS = ["LSTM", "GRU", "RNN"]


class Model(nn.Module):
    def __init__(self, rnn: nn.Module) -> None:
        super().__init__()
        self.rnn = rnn
        self.head = nn.Linear(H, 2)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.head(self.rnn(x)[0])
        return y


def pair(kind: str = "LSTM", **more: Any) -> tuple[Any, Any]:
    theirs = Model(getattr(nn, kind)(I, H, **more))
    ours, _ = unrolled.convert(copy.deepcopy(theirs))
    return theirs, ours


# ------------------------------------------------------------------------------ changed in place


@pytest.mark.parametrize("hidden", [H, 16])
@pytest.mark.parametrize("kind", KINDS)
def test_outputs_may_be_changed_in_place(kind: str, hidden: int) -> None:
    """torch.nn's LSTM on the CPU refuses it, its GRU and RNN do not."""
    made = getattr(unrolled, kind)(I, hidden)
    x, found = torch.randn(4, 2, I), []
    for change in (torch.relu_, torch.relu):
        layer = copy.deepcopy(made)
        change(layer(x)[0]).square().sum().backward()
        found.append([p.grad for p in layer.parameters()])
    for one, other in zip(*found, strict=True):
        assert_agrees(one, other, tolerance=EXACT)


def test_and_are_differentiated_twice_all_the_same() -> None:
    _, ours = pair("GRU")
    x, found = torch.randn(4, 2, I, requires_grad=True), []
    for change in (torch.relu_, torch.relu):
        y = change(ours.rnn(x)[0])
        (slope,) = torch.autograd.grad(y.square().sum(), x, create_graph=True)
        found.append(torch.autograd.grad(slope.square().sum(), ours.rnn.weight_hh_l0)[0])
    assert_agrees(*found, tolerance=FLOAT32)


# -------------------------------------------------------------------- stacks of derivatives at once


def vjps(model: Any, x: Tensor, v: Tensor) -> Tensor:
    y = model(x)
    found: Tensor = torch.autograd.grad(y, x, v, is_grads_batched=True)[0]
    return found


def vmapped(model: Any, x: Tensor, v: Tensor) -> Tensor:
    y = model(x)
    found: Tensor = torch.vmap(lambda one: torch.autograd.grad(y, x, one, retain_graph=True)[0])(v)
    return found


@pytest.mark.parametrize("way", [vjps, vmapped])
@pytest.mark.parametrize("options", [{}, {"num_layers": 2, "batch_first": True}])
@pytest.mark.parametrize("bptt", ["whole", "recompute"])
def test_many_vectors_at_once(way: Callable[..., Tensor], options: Any, bptt: str) -> None:
    theirs, ours = (m.double() for m in pair("RNN", **options))
    ours.rnn.bptt = bptt
    x = torch.randn(4, 2, I, dtype=torch.float64, requires_grad=True)
    v = torch.randn(6, 4, 2, 2, dtype=torch.float64)
    assert_agrees(way(ours, x, v), way(theirs, x, v), tolerance=FLOAT64)


@pytest.mark.parametrize("name", ["jacobian", "hessian"])
def test_vectorized_jacobians_and_hessians(name: str) -> None:
    theirs, ours = (m.double() for m in pair("RNN"))
    x = torch.randn(3, 1, I, dtype=torch.float64)
    find = functools.partial(getattr(torch.autograd.functional, name), vectorize=True)
    found, expected = (find(lambda x, m=m: m(x).square().sum(), x) for m in (ours, theirs))
    assert_agrees(found, expected, tolerance=FLOAT64)


@pytest.mark.filterwarnings("ignore:.*forward-mode AD.*:UserWarning")
def test_a_jacobian_in_forward_mode() -> None:
    theirs, ours = (m.double() for m in pair("RNN"))
    x = torch.randn(3, 2, I, dtype=torch.float64)
    find = torch.autograd.functional.jacobian
    found = find(ours, x, vectorize=True, strategy="forward-mode")
    assert_agrees(found, find(theirs, x), tolerance=FLOAT64)


def test_an_ensemble_over_a_model_without_memory() -> None:
    models = [pair()[1] for _ in range(3)]
    parameters, buffers = stack_module_state(models)
    base = copy.deepcopy(models[0]).to("meta")
    x = torch.randn(4, 2, I)
    found = vmap(lambda *state: functional_call(base, state, (x,)))(parameters, buffers)
    assert_agrees(found, torch.stack([model(x) for model in models]), tolerance=EXACT)


# --------------------------------------------------------------------- tracers, classes of tensors


@pytest.mark.parametrize("kind", [*KINDS, "GRUCell", "Recurrent"])
def test_fx_takes_a_layer_as_a_whole(kind: str) -> None:
    made: Any = (unrolled.Recurrent(unrolled.cells.GRU, I, H) if kind == "Recurrent"
                 else getattr(unrolled, kind)(I, H))  # fmt: skip

    class Within(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rnn = made

        def forward(self, x: Tensor) -> Tensor:
            y: Tensor = self.rnn(2 * x)[0]
            return y

    model, x = Within(), torch.randn(4, 2, I)[: 1 if kind.endswith("Cell") else 4]
    x = x[0] if kind.endswith("Cell") else x
    traced = torch.fx.symbolic_trace(model)
    assert [node.target for node in traced.graph.nodes if node.op == "call_module"] == ["rnn"]
    assert_agrees(copy.deepcopy(traced)(x), model(x), tolerance=EXACT)


class Named(Tensor):
    """A class that stays what it is through every operation."""


class Wrapped(Tensor):
    """A class without memory of its own, which is asked about every operation."""

    inner: Tensor

    @staticmethod
    def __new__(cls, inner: Tensor) -> "Wrapped":
        made: Any = Tensor._make_wrapper_subclass(cls, inner.shape, dtype=inner.dtype)
        made.inner = inner
        return made

    @classmethod
    def __torch_dispatch__(cls, function: Any, _: Any, given: Any = (), named: Any = None) -> Any:
        inside = [tree_map(lambda v: v.inner if isinstance(v, cls) else v, some)
                  for some in (given, named or {})]  # fmt: skip
        results = function(*inside[0], **inside[1])
        return tree_map(lambda v: cls(v) if isinstance(v, Tensor) else v, results)


@pytest.mark.parametrize("kind", KINDS)
def test_classes_of_tensors(kind: str) -> None:
    _, ours = pair(kind)
    x = torch.randn(4, 2, I)
    expected, h = ours.rnn(x)
    assert type(ours.rnn(x.as_subclass(Named))[0]) is Named
    ours.requires_grad_(False)
    found: Any = ours.rnn(Wrapped(x))[0]
    assert_agrees(found.inner, expected, tolerance=EXACT)
    states = tree_map(Wrapped, h)
    expected, _ = ours.rnn(x, h)
    assert_agrees(ours.rnn(x, states)[0].inner, expected, tolerance=EXACT)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_a_script_holds_torchs_own_layer(kind: str) -> None:
    theirs, ours = pair(kind)
    script, file = torch.jit.script(ours), io.BytesIO()
    torch.jit.save(script, file)
    file.seek(0)
    x = torch.randn(4, 2, I)
    assert_agrees(torch.jit.load(file)(x), theirs(x), tolerance=FLOAT32)
    step = torch.jit.script(getattr(unrolled, f"{kind}Cell")(I, H))
    step(x[0])


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_a_cell_of_ones_own_is_no_script() -> None:
    with pytest.raises(UnrolledError, match=r"GRU runs an equation: use torch\.export\.export"):
        torch.jit.script(unrolled.Recurrent(unrolled.cells.GRU, I, H))


@pytest.mark.parametrize("kind", [*KINDS, "LSTMCell"])
def test_states_of_another_kind(kind: str) -> None:
    more = {"engine": "cpu"} if kind == "LSTMCell" else {}
    layer = getattr(unrolled, kind)(I, H, **more)
    with pytest.raises(ShapeError, match="or a tuple with a tensor for each state, not 3"):
        layer(torch.randn(2, I), 3)


# ------------------------------------------------------- what torch does around every module


def with_saved_on_cpu(model: Model, x: Tensor) -> None:
    with torch.autograd.graph.save_on_cpu():
        y = model(x)
    y.square().sum().backward()


def with_saved_hooks(model: Model, x: Tensor) -> None:
    seen: list[Tensor] = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: (seen.append(t), t)[1], lambda t: t):
        y = model(x)
    y.square().sum().backward()
    assert any(t is model.rnn.weight_hh_l0 for t in seen)


def with_hooks_on_the_layer(model: Model, x: Tensor) -> None:
    seen: list[str] = []
    model.rnn.register_forward_pre_hook(lambda *_: seen.append("before"))
    model.rnn.register_forward_hook(lambda *_: seen.append("after"))
    model.rnn.register_full_backward_hook(lambda *_: seen.append("back"))
    model.rnn.weight_hh_l0.register_post_accumulate_grad_hook(lambda _: seen.append("sum"))
    model(x.requires_grad_()).square().sum().backward()
    assert set(seen) == {"before", "after", "back", "sum"}


def in_data_parallel(model: Model, x: Tensor) -> None:
    nn.DataParallel(model)(x).square().sum().backward()


def with_swapped_data(model: Model, x: Tensor) -> None:
    for parameter in model.parameters():
        parameter.data = parameter.data.clone()
    model.load_state_dict({k: v.clone() for k, v in model.state_dict().items()}, assign=True)
    model(x).square().sum().backward()


def from_a_pickle(model: Model, x: Tensor) -> None:
    buffer = io.BytesIO()
    torch.save(model, buffer)
    buffer.seek(0)
    again = torch.load(buffer, weights_only=False)
    again(x).square().sum().backward()
    for mine, theirs in zip(model.parameters(), again.parameters(), strict=True):
        mine.grad = theirs.grad


def copied_without_gradients(model: Model, x: Tensor) -> None:
    with torch.no_grad():
        again = copy.deepcopy(model)
    again(x).square().sum().backward()
    for mine, theirs in zip(model.parameters(), again.parameters(), strict=True):
        mine.grad = theirs.grad


@pytest.mark.parametrize(
    "way",
    [with_saved_on_cpu, with_saved_hooks, with_hooks_on_the_layer, in_data_parallel,
     with_swapped_data, from_a_pickle, copied_without_gradients],
)  # fmt: skip
def test_gradients_are_those_of_torch(way: Callable[[Model, Tensor], None]) -> None:
    theirs, ours = pair("GRU")
    x = torch.randn(4, 2, I)
    theirs(x).square().sum().backward()
    way(ours, x.clone())
    for mine, right in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert_agrees(mine.grad, right.grad, tolerance=FLOAT32)


def test_a_weight_that_was_changed_before_backward_is_noticed() -> None:
    _, ours = pair()
    y = ours(torch.randn(4, 2, I)).sum()
    with torch.no_grad():
        ours.rnn.weight_hh_l0.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.backward()
