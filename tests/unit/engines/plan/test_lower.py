"""What is cut out of an equation for the kernels, and what forward keeps for backward."""

import pytest

from unrolled import Cell, equation, tanh
from unrolled.cells import LSTM, AntisymmetricRNN, Elman, GRUCho2014
from unrolled.engines.plan.lower import backward_graphs, lower, narrow
from unrolled.equations.nodes import Apply, topological
from unrolled.equations.verify import varies


class Bottleneck(Cell):
    """One number a step, of all units, and back to all units."""

    sizes = {"e": "1", "f": "1"}

    def step(self, x, h):
        return tanh(self.W @ x + self.f @ (self.e @ h))


def test_what_weights_alone_decide_is_computed_before() -> None:
    lowered = lower(equation(AntisymmetricRNN))
    (name,) = lowered.prelude
    assert name in lowered.weights
    assert "U" not in lowered.weights  # only the prelude reads it
    nodes = topological(node for _, node in lowered.step.statements)
    assert all(varies(node) for node in nodes if isinstance(node, Apply))


def test_a_step_without_such_a_part_stays_as_it_is() -> None:
    lowered = lower(equation(LSTM))
    assert lowered.prelude == {}
    assert lowered.step.statements == equation(LSTM).statements


@pytest.mark.parametrize(("cell", "kept"), [
    (Elman, []),  # tanh' is made of the new state, which is there anyway
    (LSTM, ["kept o", "kept f", "kept i", "kept g"]),
])  # fmt: skip
def test_forward_keeps_what_is_dear_to_make_again(cell: type[Cell], kept: list[str]) -> None:
    assert list(backward_graphs(lower(equation(cell))).kept) == kept


def test_the_right_side_of_an_outer_product_is_kept() -> None:
    # U meets r * h there: a product's operand, which backward needs as a whole vector
    kept = backward_graphs(lower(equation(GRUCho2014))).kept
    assert any(isinstance(node, Apply) and node.op == "mul" for node in kept.values())


def test_gradients_are_made_of_what_is_there() -> None:
    graphs = backward_graphs(lower(equation(LSTM)))
    roles = {node.role for root in graphs.gradients.values() for node in topological([root])
             if not isinstance(node, Apply) and hasattr(node, "role")}  # fmt: skip
    assert roles <= {"input", "state", "weight", "value", "cotangent"}
    assert {v.name for v in graphs.gradients} == {"x", "h", "c", *equation(LSTM).weights}


def test_weights_of_one_row_or_column_are_vectors() -> None:
    wide = lower(equation(Bottleneck))
    thin = narrow(wide)
    one_row = [name for name, shape in wide.weights.items() if "1" in shape]
    assert one_row
    assert all(len(thin.weights[name]) == 1 for name in one_row)
    assert thin.weights["W"] == wide.weights["W"]
