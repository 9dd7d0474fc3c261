"""torch's own check of second derivatives, over the kernels of every cell of the library."""

import pytest
import torch
from torch.autograd import gradgradcheck
from torch.func import functional_call

import unrolled
from unrolled.cells.library import library

LIBRARY = library()


@pytest.mark.sweep
@pytest.mark.parametrize("name", LIBRARY)
def test_second_derivatives_of_the_kernels(name: str) -> None:
    torch.manual_seed(0)
    equation = unrolled.equation(LIBRARY[name])
    inputs, hidden = (3, 3) if equation.input_is_hidden else (2, 3)
    open_ = {*equation.sizes} - {"input_size", "hidden_size", *equation.lengths}
    own = dict.fromkeys(sorted(open_), 2)
    layer = unrolled.Recurrent(equation, inputs, hidden, sizes=own, dtype=torch.float64)
    assert layer.engine == "cpu"
    x = torch.randn(3, 2, inputs, dtype=torch.float64, requires_grad=True)
    states = [torch.rand(1, 2, layer._sizes[shape[0]], dtype=torch.float64, requires_grad=True)
              for shape in equation.states.values()]  # fmt: skip
    weights = [weight.detach().requires_grad_() for weight in layer.parameters()]
    names, count = [name for name, _ in layer.named_parameters()], len(states)

    def results(x, *rest):
        given = dict(zip(names, rest[count:], strict=True))
        y, finals = functional_call(layer, given, (x, rest[:count]))
        return y, *((finals,) if count == 1 else finals)

    assert gradgradcheck(results, (x, *states, *weights), fast_mode=True)
