"""torch's own tests of modules, run over the drop-ins: its list of arguments and inputs for RNN,
GRU, LSTM and their cells, each with the reference that torch gives beside it."""

import pickle
from typing import Any

import pytest
import torch
from torch.testing._internal.common_modules import module_db
from torch.utils import _pytree as pytree

import unrolled
from tests.tolerances import EXACT, FLOAT64, assert_agrees

OURS = {"RNN", "GRU", "LSTM", "RNNCell", "GRUCell", "LSTMCell"}
ENTRIES = {info.name.removeprefix("nn."): info for info in module_db
           if info.name.removeprefix("nn.") in OURS}  # fmt: skip
DTYPE = torch.float64


def samples(name: str, *, training: bool = True, requires_grad: bool = False) -> list[Any]:
    info = ENTRIES[name]
    return [*info.module_inputs_func(info, "cpu", DTYPE, requires_grad, training)]


def built(name: str, sample: Any, home: Any = unrolled) -> Any:
    given, more = sample.constructor_input, dict[str, Any](dtype=DTYPE)
    if home is unrolled:
        more["engine"] = "cpu"  # a cell runs torch.nn's own step otherwise
    torch.manual_seed(0)
    return getattr(home, name)(*given.args, **(given.kwargs | more))


def tensors(tree: Any) -> list[torch.Tensor]:
    return [leaf for leaf in pytree.tree_leaves(tree) if isinstance(leaf, torch.Tensor)]


def same(found: Any, expected: Any, tolerance: Any) -> None:
    for one, other in zip(tensors(found), tensors(expected), strict=True):
        assert_agrees(one, other, tolerance=tolerance)


def test_torch_lists_them_all() -> None:
    assert set(ENTRIES) == OURS


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", sorted(OURS))
def test_forward(name: str, training: bool) -> None:
    """`test_forward`, `test_pickle`, and torch.nn's module beside them."""
    for sample in samples(name, training=training):
        given = sample.forward_input
        module = built(name, sample).train(training)
        found = module(*given.args, **given.kwargs)
        if sample.reference_fn is not None:
            same(found, sample.reference_fn(module, *given.args, **given.kwargs), FLOAT64)
        theirs = built(name, sample, torch.nn).train(training)
        same(found, theirs(*given.args, **given.kwargs), FLOAT64)
        again = pickle.loads(pickle.dumps(module))  # noqa: S301
        same(again(*given.args, **given.kwargs), found, EXACT)


@pytest.mark.parametrize("name", sorted(OURS))
def test_gradients(name: str) -> None:
    """`test_grad`, for the sample that has everything: biases, both directions, states.
    `test_gradgrad` is in tests/gradients, for every cell."""
    sample = samples(name, requires_grad=True)[-1]
    module, given = built(name, sample), sample.forward_input
    leaves, form = pytree.tree_flatten(given.args)
    names = [n for n, _ in module.named_parameters()]

    def call(*flat: Any) -> Any:
        arguments = pytree.tree_unflatten(flat[len(names) :], form)
        weights = dict(zip(names, flat[: len(names)], strict=True))
        return tuple(tensors(torch.func.functional_call(module, weights, arguments)))

    assert torch.autograd.gradcheck(call, (*module.parameters(), *leaves), fast_mode=True)


@pytest.mark.parametrize("name", sorted(OURS))
def test_other_layouts_of_memory(name: str) -> None:
    """`test_non_contiguous_tensors`."""
    for sample in samples(name)[:3]:
        module, given = built(name, sample), sample.forward_input
        apart = pytree.tree_map(
            lambda t: torch.stack([t, torch.full_like(t, torch.nan)], -1)[..., 0], given.args
        )
        same(module(*apart), module(*given.args), EXACT)


@pytest.mark.parametrize("name", sorted(OURS))
def test_what_torch_refuses(name: str) -> None:
    """`test_errors`: whatever is an error there is one here."""
    info = ENTRIES[name]
    cases = [*info.module_error_inputs_func(info, "cpu", DTYPE, False, True)]
    assert cases
    for case in cases:
        sample = case.module_error_input
        given = sample.constructor_input

        def run(sample: Any = sample, given: Any = given) -> None:
            module = getattr(unrolled, name)(*given.args, **given.kwargs, engine="cpu").to(DTYPE)
            module(*sample.forward_input.args, **sample.forward_input.kwargs)

        with pytest.raises((case.error_type, unrolled.UnrolledError)):
            run()
