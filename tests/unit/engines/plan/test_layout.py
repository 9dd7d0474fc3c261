"""Where values are computed and lie, for graphs written by hand."""

from unrolled.engines.plan.layout import plan
from unrolled.engines.plan.plan import Kind, Matrix, Place
from unrolled.equations.nodes import Node, Variable, apply, variable

SIZE = ("hidden_size",)
X = variable("x", "input", SIZE)
H = variable("h", "state", SIZE)
W, U = (variable(name, "weight", SIZE * 2) for name in "WU")
LEAVES = {X: Place(Kind.TOKEN, "x", *SIZE), H: Place(Kind.BEFORE, "h", *SIZE)}
RANK = {"W": 0, "U": 1}
OUT = Place(Kind.TOKEN, "out", *SIZE)


def never(v: Variable) -> bool:
    return False


def product(matrix: Node, operand: Node) -> Node:
    return apply("matmul", matrix, operand)


def test_the_products_of_a_sum_share_an_accumulator() -> None:
    node = apply("tanh", apply("add", product(W, X), product(U, H)))
    made = plan([(node, OUT)], LEAVES, never, RANK)
    (stage,) = made.stages
    group = stage.groups["hidden_size"]
    assert len(group.accumulators) == 1
    assert [(block.first, block.fresh) for block in group.blocks] == [(0, True), (0, False)]
    assert [store.place for store in group.stores] == [OUT]


def test_a_computed_operand_is_stored_by_an_earlier_stage() -> None:
    inner = apply("mul", X, H)
    made = plan([(apply("tanh", product(U, inner)), OUT)], LEAVES, never, RANK)
    first, second = (stage.groups["hidden_size"] for stage in made.stages)
    (store,) = first.stores
    assert (store.node, store.place.kind) == (inner, Kind.ROW)
    assert second.blocks[0].operands == (store.place,)
    assert made.leaves[inner] == store.place


def test_an_operand_that_is_wanted_by_token_lies_there_and_nowhere_else() -> None:
    inner = apply("mul", X, H)
    made = plan([(product(U, inner), OUT), (inner, Place(Kind.TOKEN, "kept", *SIZE))],
                LEAVES, never, RANK)  # fmt: skip
    assert made.of_kind(Kind.ROW) == []
    assert made.blocks[0][1].operands == (Place(Kind.TOKEN, "kept", *SIZE),)


def test_a_hoisted_product_is_read_from_a_place_of_its_own() -> None:
    node = apply("tanh", apply("add", product(W, X), product(U, H)))
    made = plan([(node, OUT)], LEAVES, lambda v: v is X, RANK)
    place = Place(Kind.TOKEN, "hoisted W", *SIZE)
    assert made.hoisted == [(Matrix("W"), LEAVES[X], place)]
    assert [block.operands for _, block in made.blocks] == [(LEAVES[H],)]
    assert place in made.places


def test_operands_side_by_side_are_one_long_operand() -> None:
    left = [Place(Kind.ROW, f"left {n}", *SIZE) for n in (0, 1)]
    nodes = [apply("mul", X, H), apply("sub", X, H)]
    turned = [apply("transpose", matrix) for matrix in (W, U)]
    total = apply("add", product(turned[0], nodes[0]), product(turned[1], nodes[1]))
    targets = [*zip(nodes, left, strict=True), (total, OUT)]
    made = plan(targets, LEAVES, never, RANK, left)
    ((_, block),) = made.blocks
    assert block.operands == tuple(left)
    assert block.matrices == ((Matrix("W", transposed=True), Matrix("U", transposed=True)),)
    apart = plan(targets, LEAVES, never, RANK)
    assert len(apart.blocks) == 2


def test_a_sum_over_units_is_one_number_a_row() -> None:
    node = apply("mul", X, apply("sum", apply("mul", X, H)))
    made = plan([(node, OUT)], LEAVES, never, RANK)
    (reduction,) = made.stages[1].reductions
    assert (reduction.place.kind, reduction.place.size) == (Kind.ROW, "1")
    assert reduction.operand.kind is Kind.ROW
