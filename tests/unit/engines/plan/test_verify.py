"""Each invariant of a plan, broken once: the verifier names it."""

import copy
from collections.abc import Callable
from dataclasses import replace

import pytest

from unrolled import equation
from unrolled.cells import LSTM, GRUCho2014, LayerNormLSTM
from unrolled.engines.plan.directions import ForwardPlan, plan_backward, plan_forward
from unrolled.engines.plan.lower import Lowered, backward_graphs, lower, narrow
from unrolled.engines.plan.plan import Group, Kind, Matrix, Place, Plan
from unrolled.engines.plan.verify import verify
from unrolled.equations.nodes import ONE, variable
from unrolled.errors import PlanError

LOWERED = {cell: narrow(lower(equation(cell))) for cell in (LSTM, GRUCho2014, LayerNormLSTM)}


def made(lowered: Lowered) -> ForwardPlan:
    return plan_forward(lowered, backward_graphs(lowered), inside=True)


def wide(plan: Plan) -> Group:
    """The last group: it has products, values and stores."""
    return next(iter(plan.stages[-1].groups.values()))


def swap_stages(plan: Plan) -> None:
    plan.stages.reverse()


def store_twice(plan: Plan) -> None:
    wide(plan).stores.append(wide(plan).stores[0])


def store_to_a_given_place(plan: Plan) -> None:
    place = next(p for p in plan.places if p.kind is Kind.BEFORE)
    wide(plan).stores.append(replace(wide(plan).stores[0], place=place))


def store_in_a_place_of_another_size(plan: Plan) -> None:
    wide(plan).stores[0] = replace(
        wide(plan).stores[0], place=Place(Kind.TOKEN, "elsewhere", "input_size")
    )


def forget_a_value(plan: Plan) -> None:
    del wide(plan).values[0]


def forget_a_product(plan: Plan) -> None:
    del wide(plan).blocks[0]


def begin_twice(plan: Plan) -> None:
    blocks = wide(plan).blocks
    blocks.append(blocks[0])


def add_to_nothing(plan: Plan) -> None:
    blocks = wide(plan).blocks
    blocks[0] = replace(blocks[0], fresh=False)


def multiply_with_the_wrong_matrix(plan: Plan) -> None:
    blocks = wide(plan).blocks
    other = tuple(tuple(Matrix(m.name, not m.transposed) for m in ms) for ms in blocks[0].matrices)
    place = Place(Kind.TOKEN, "x", "input_size")
    blocks[0] = replace(blocks[0], operands=(place,), matrices=other)


def multiply_into_a_number(plan: Plan) -> None:
    plan.stages[-1].scalars.accumulators.append(variable("product", "value", (ONE,)))


def read_scratch(plan: Plan) -> None:
    group = wide(plan)
    nowhere = Place(Kind.ROW, "nobody's", group.size)
    node = variable("nobody's", "value", (group.size,))
    plan.leaves[node] = nowhere
    group.stores[0] = replace(group.stores[0], node=node)


BROKEN: list[tuple[Callable[[Plan], None], str]] = [
    (store_twice, "is stored twice"),
    (store_to_a_given_place, "is stored to"),
    (store_in_a_place_of_another_size, "is of another size"),
    (forget_a_value, "is never computed"),
    (forget_a_product, "added to before"),
    (begin_twice, "is begun twice"),
    (add_to_nothing, "added to before"),
    (multiply_with_the_wrong_matrix, "meets token 'x'"),
    (multiply_into_a_number, "a product gives a single number"),
    (read_scratch, "is read before it is written"),
]


@pytest.mark.parametrize(("mutate", "sentence"), BROKEN)
def test_a_broken_plan_is_refused(mutate: Callable[[Plan], None], sentence: str) -> None:
    lowered = LOWERED[LSTM]
    plan = copy.copy(made(lowered).plan)
    verify(plan, lowered.weights)
    mutate(plan)
    with pytest.raises(PlanError, match=sentence):
        verify(plan, lowered.weights)


@pytest.mark.parametrize("cell", [GRUCho2014, LayerNormLSTM])
def test_a_stage_too_early_is_refused(cell: type) -> None:
    lowered = LOWERED[cell]
    for plan in (made(lowered).plan, plan_backward(lowered, backward_graphs(lowered)).plan):
        verify(plan, lowered.weights)
        assert len(plan.stages) > 1
        swap_stages(plan)
        with pytest.raises(PlanError, match="before it is written"):
            verify(plan, lowered.weights)
