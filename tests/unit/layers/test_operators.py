"""The operators of torch's library: what torch itself checks of every operator, with all forms of a
direction; and a recurrence as text."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

import unrolled
from tests.tolerances import EXACT, assert_agrees
from unrolled import cells
from unrolled.errors import UnrolledError
from unrolled.layers import opaque, written
from unrolled.layers.parameterized import Parameterized

T, B, I, H = 5, 3, 2, 4
LENGTHS = torch.tensor([4, 0, 5])


def arguments(*, lengths: Tensor | None, reverse: bool, states: bool, record: str) -> Any:
    cell = Parameterized(unrolled.equation(cells.LSTM))
    sizes = {"1": 1, "input_size": I, "hidden_size": H}
    draw = torch.Generator().manual_seed(3)

    def some(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=draw, requires_grad=True)

    weights = [some(*(sizes[s] for s in shape)) for shape in cell.equation.weights.values()]
    initial = [some(1, B, H), some(1, B, H)] if states else []
    return cell.text(sizes, False), some(T, B, I), initial, weights, lengths, reverse, record


FORMS = [
    {"lengths": None, "reverse": False, "states": False, "record": ""},
    {"lengths": LENGTHS, "reverse": True, "states": True, "record": "f"},
]


@pytest.mark.parametrize(("form", "bptt"), [*zip(FORMS, ["whole", "2"], strict=True)])
def test_torch_finds_nothing_wrong_with_running(form: dict[str, Any], bptt: str) -> None:
    torch.library.opcheck(opaque.run, (*arguments(**form), bptt))


@pytest.mark.parametrize("form", FORMS, ids=["dense", "ragged"])
def test_torch_finds_nothing_wrong_with_keeping_and_going_back(form: dict[str, Any]) -> None:
    text, x, initial, weights, *rest = arguments(**form)
    given = (text, x.detach(), [s.detach() for s in initial], [w.detach() for w in weights], *rest)
    torch.library.opcheck(
        torch.ops.unrolled.run_keeping,
        given,
        test_utils=("test_schema", "test_autograd_registration"),
    )
    # what is kept is not written to its end, so only shapes can be compared
    y, *_, room = torch.ops.unrolled.run_keeping(*given)
    d_finals = [torch.ones(1, B, H), None]
    for d_y in (torch.ones_like(y), None):
        torch.library.opcheck(
            torch.ops.unrolled.backward,
            (*given, "whole", [y, room], d_y, d_finals, True, bool(initial)),
        )


def test_what_is_kept_has_room_for_either_way_of_doing_the_input() -> None:
    text = arguments(**FORMS[0])[0]
    recurrence = opaque.kernels.opened(text).recurrence(torch.float32)
    token, row, once = recurrence.kept(())
    assert token > 0
    assert row > 0
    assert once > 0


def test_a_recurrence_reads_back_as_it_was_written() -> None:
    text = arguments(**FORMS[0])[0]
    lowered, sizes, sources, order, kept = written.read(text)
    assert (order, kept) == (0, "")
    assert written.read(written.tangent(text))[3] == 1
    assert lowered.step.json == unrolled.equation(cells.LSTM).json
    assert written.write(lowered.step, sizes, sources) == text
    again = written.write(lowered.step, sizes, sources, "bfloat16")
    assert written.read(again)[4] == "bfloat16"


def test_weights_that_are_too_short_are_refused() -> None:
    text, x, initial, weights, *rest = arguments(**FORMS[0])
    with torch.no_grad(), pytest.raises(UnrolledError, match="takes weights of"):
        opaque.run(text, x, initial, [w[:1] for w in weights], *rest, "whole")


def test_lengths_are_checked_when_the_operator_runs() -> None:
    text, x, initial, weights, _, *rest = arguments(**FORMS[0])
    with pytest.raises(UnrolledError, match=r"lengths\[1\] is 9"):
        opaque.run(text, x, initial, weights, torch.tensor([1, 9, 2]), *rest, "whole")


def test_a_dtype_without_kernels_is_refused() -> None:
    text, x, *rest = arguments(**FORMS[0])
    with pytest.raises(UnrolledError, match="float32, float64, bfloat16 and float16"):
        opaque.run(text, x.to(torch.complex64), *rest, "whole")


@pytest.fixture
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("one_thread")  # several are given other rows by the operator
@pytest.mark.parametrize("form", FORMS, ids=["dense", "ragged"])
@pytest.mark.parametrize("bptt", ["whole", "2", "recompute"])
def test_the_operator_gives_what_the_layer_gives(form: dict[str, Any], bptt: str) -> None:
    """Bit by bit: the same kernels run."""
    layer = unrolled.Recurrent(cells.LSTM, I, H, bptt=int(bptt) if bptt.isdigit() else bptt)
    text, x, initial, _, lengths, _, record = arguments(**form)
    weights = list(layer.parameters())
    states = tuple(initial) or None
    y, last, *_ = layer(x, states, lengths, record.split(",") if record else ())
    d_y = torch.randn(y.shape)
    leaves = [x, *initial, *weights]
    expected = torch.autograd.grad((y, last[1]), leaves, (d_y, last[1].detach()))
    found = opaque.run(text, x, initial, weights, lengths, False, record, bptt)
    assert_agrees(found[0], y, tolerance=EXACT)
    actual = torch.autograd.grad((found[0], found[2]), leaves, (d_y, last[1].detach()))
    for one, other in zip(actual, expected, strict=True):
        assert_agrees(one, other, tolerance=EXACT)
