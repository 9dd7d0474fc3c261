"""The two kernels of a cell, on paper: stages, blocks, and what is left to products outside."""

import pytest

from unrolled import equation
from unrolled.cells import GRU, LSTM, Elman, GRUCho2014, LayerNormLSTM
from unrolled.cells.base import Cell
from unrolled.engines.plan import directions
from unrolled.engines.plan.directions import BackwardPlan, ForwardPlan, Inputs
from unrolled.engines.plan.lower import backward_graphs, lower
from unrolled.engines.plan.plan import WIDEST, Kind, Place


def forward(cell: type[Cell], *, inside: bool = True, keep: bool = True) -> ForwardPlan:
    lowered = lower(equation(cell))
    return directions.plan_forward(
        lowered, backward_graphs(lowered) if keep else None, inside=inside
    )


def backward(cell: type[Cell], inputs: Inputs, norms: tuple[str, ...] = ()) -> BackwardPlan:
    lowered = lower(equation(cell))
    return directions.plan_backward(lowered, backward_graphs(lowered), norms, inputs)


@pytest.mark.parametrize(("cell", "stages"), [(Elman, 1), (LSTM, 1), (GRU, 1), (GRUCho2014, 2)])
def test_a_product_of_a_computed_vector_needs_another_stage(cell: type[Cell], stages: int) -> None:
    assert len(forward(cell).plan.stages) == stages


def test_a_mean_is_a_reduction_in_a_stage_after_its_operand() -> None:
    stages = forward(LayerNormLSTM).plan.stages
    first = next(n for n, stage in enumerate(stages) if stage.reductions)
    assert first > 0
    stored = {s.place for stage in stages[:first] for g in stage.groups.values() for s in g.stores}
    assert {reduction.operand for reduction in stages[first].reductions} <= stored


def test_all_gates_stand_side_by_side_in_one_product() -> None:
    blocks = [block for _, block in forward(LSTM).plan.blocks]
    assert [(len(b.matrices), b.first, b.fresh) for b in blocks] == [(4, 0, True), (4, 0, False)]
    names = [[matrix.name for (matrix,) in block.matrices] for block in blocks]
    assert sorted(names) == [[f"U_{g}" for g in "ifgo"], [f"W_{g}" for g in "ifgo"]]


@pytest.mark.parametrize("cell", [Elman, GRU, LSTM, GRUCho2014, LayerNormLSTM])
def test_no_block_is_wider_than_the_registers(cell: type[Cell]) -> None:
    plans = [forward(cell).plan, backward(cell, Inputs.INSIDE).plan]
    assert all(len(block.matrices) <= WIDEST for plan in plans for _, block in plan.blocks)


def test_hoisted_products_are_ready_before_the_kernel_and_their_memory_serves_again() -> None:
    made = forward(LSTM, inside=False)
    assert [matrix.name for matrix, *_ in made.plan.hoisted] == ["W_i", "W_f", "W_g", "W_o"]
    assert set(made.shared) == set(made.kept)
    assert len(set(made.shared.values())) == len(made.shared)
    assert forward(LSTM).plan.hoisted == []


def test_records_are_stored_by_token() -> None:
    lowered = lower(equation(LSTM))
    made = directions.plan_forward(lowered, None, ("f",))
    assert made.records == {"f": Place(Kind.TOKEN, "record f", "hidden_size")}
    assert made.records["f"] in made.plan.places


def test_a_matrixs_gradient_is_an_outer_product_of_what_the_kernel_leaves() -> None:
    made = backward(Elman, Inputs.OUTSIDE)
    assert [(o.matrix, o.right.kind, o.right.name) for o in made.outers] == [
        ("W", Kind.TOKEN, "x"), ("U", Kind.BEFORE, "h")
    ]  # fmt: skip
    assert {o.left for o in made.outers} == set(made.lefts)
    assert made.panels[made.lefts[0].name].kind is Kind.PANEL
    assert list(made.added) == ["b"]


def test_who_computes_the_derivative_with_respect_to_the_input() -> None:
    by_name = {how: backward(Elman, how) for how in Inputs}
    assert [matrix for _, matrix in by_name[Inputs.OUTSIDE].inner["x"]] == ["W"]
    assert not by_name[Inputs.OUTSIDE].d_inputs
    assert not by_name[Inputs.INSIDE].inner
    assert list(by_name[Inputs.INSIDE].d_inputs) == ["x"]
    assert not by_name[Inputs.NONE].inner
    assert not by_name[Inputs.NONE].d_inputs
    kinds = {how: made.lefts[0].kind for how, made in by_name.items()}
    assert kinds == {Inputs.OUTSIDE: Kind.TOKEN, Inputs.INSIDE: Kind.ROW, Inputs.NONE: Kind.ROW}


def test_derivatives_of_states_take_turns() -> None:
    plan = backward(LSTM, Inputs.NONE).plan
    assert {place.name for place in plan.of_kind(Kind.NOW)} == {"h", "c"}
    assert {place.name for place in plan.of_kind(Kind.NEXT)} == {"h", "c"}


def test_a_norm_is_one_number_a_token() -> None:
    made = backward(LSTM, Inputs.NONE, ("h",))
    assert made.norms == {"h": Place(Kind.TOKEN, "norm h", "1")}
    assert made.norms["h"] in made.plan.places
