"""Values unit by unit: the part of a kernel between its products and its stores.

In: a group of a plan, and where its values lie. Out: straight-line code for one row and one vector
of units (or for a single number, where a value has one for each row); next: `emit` loops over it.
A multiplication and the addition that follows are one fused instruction.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from llvmlite import ir

from unrolled.engines.cpu.code import halves, vector_math
from unrolled.engines.cpu.code.lanes import Lanes
from unrolled.engines.cpu.code.tiles import spread
from unrolled.engines.plan.plan import Group, Kind, Place, Store
from unrolled.equations.nodes import ONE, Apply, Constant, Length, Node
from unrolled.equations.ops import OPS

CONTRACT = ("contract",)


class Pointwise:
    """Writes code where `builder` stands, on values of `type`: a vector, or one number."""

    def __init__(
        self,
        builder: ir.IRBuilder,
        type_: ir.Type,
        leaves: Mapping[Node, Place],
        address: Callable[[Place], ir.Value],
        lengths: Mapping[str, ir.Value],
        inside: Callable[[Place], ir.Value],
        halved: Mapping[Place, ir.Value | None],
    ) -> None:
        self.builder = builder
        self.lanes = Lanes(builder, type_)
        self.type = type_
        self.leaves = leaves
        self.address = address
        self.lengths = lengths
        self.inside = inside  # which lanes of a place are units, and no padding
        self.halved = halved  # places of bfloat16, and perhaps whether they now are not

    def write(self, group: Group, known: dict[Node, ir.Value]) -> None:
        """`known` holds the accumulators already; everything is loaded before anything stored."""
        self.known = known
        for node in group.values:
            known[node] = self._apply(node)
        values = [(store, self.value(store.node)) for store in group.stores]
        for store, value in values:
            self._store(store, value)

    def value(self, node: Node) -> ir.Value:
        """A node's value in registers: computed before, loaded, or a number."""
        if node not in self.known:
            if node in self.leaves:
                self.known[node] = self._load(node)
            elif isinstance(node, Constant):
                self.known[node] = self.lanes.number(node.value)
            elif isinstance(node, Length):
                self.known[node] = self._length(node)
            else:  # a number made of numbers
                self.known[node] = self._apply(node)
        return self.known[node]

    def _apply(self, node: Node) -> ir.Value:
        assert isinstance(node, Apply)
        if node.op == "spread":
            return self.value(node.args[0])
        if node.op in ("pow", "leaky_relu"):
            exponent = node.args[1]
            assert isinstance(exponent, Constant)
            special = {"pow": self._pow, "leaky_relu": self._leaky_relu}[node.op]
            return special(self.value(node.args[0]), exponent.value)
        return getattr(self, f"_{node.op}")(*map(self.value, node.args))

    # ------------------------------------------------------------------------------ memory

    def _load(self, node: Node) -> ir.Value:
        place = self.leaves[node]
        is_number = place.kind is Kind.NUMBER or place.size == ONE
        element = self._element()
        if is_number or self.lanes.count is None:
            number = self.builder.load(self.address(place), typ=element)
            value = spread(self.builder, number, self.type) if self.lanes.count else number
        elif place in self.halved:
            at = self.address(place)
            value = halves.load(self.builder, at, self.type, self.halved[place])
        else:
            value = self.builder.load(self.address(place), align=4, typ=self.type)
        if OPS[node.op].is_condition if isinstance(node, Apply) else False:
            return self.builder.fcmp_unordered("!=", value, self.lanes.number(0.0))
        return value

    def _store(self, store: Store, value: ir.Value) -> None:
        node, place = store.node, store.place
        if isinstance(node, Apply) and OPS[node.op].is_condition:
            value = self.builder.select(value, self.lanes.number(1.0), self.lanes.number(0.0))
        if place.clear and self.lanes.count is not None:
            value = self.builder.select(self.inside(place), value, self.lanes.number(0.0))
        at = self.address(place)
        if place in self.halved:
            halves.store(self.builder, value, at)
            return
        if place.kind is Kind.ADD:
            value = self.builder.fadd(self.builder.load(at, align=4, typ=self.type), value)
        self.builder.store(value, at, align=4)

    def _element(self) -> ir.Type:
        return self.type.element if self.lanes.count else self.type

    def _length(self, node: Length) -> ir.Value:
        number = self.builder.sitofp(self.lengths[node.size], self._element())
        return spread(self.builder, number, self.type) if self.lanes.count else number

    # ------------------------------------------------------------------------- arithmetic

    def _add(self, a: ir.Value, b: ir.Value) -> ir.Value:
        return self.builder.fadd(a, b, flags=CONTRACT)

    def _sub(self, a: ir.Value, b: ir.Value) -> ir.Value:
        return self.builder.fsub(a, b, flags=CONTRACT)

    def _mul(self, a: ir.Value, b: ir.Value) -> ir.Value:
        return self.builder.fmul(a, b, flags=CONTRACT)

    def _div(self, a: ir.Value, b: ir.Value) -> ir.Value:
        return self.builder.fdiv(a, b)

    def _neg(self, a: ir.Value) -> ir.Value:
        return self.builder.fneg(a)

    def _pow(self, a: ir.Value, exponent: float) -> ir.Value:
        if exponent == 2:
            return self._mul(a, a)
        return vector_math.power(self.builder, a, exponent)

    def _sqrt(self, a: ir.Value) -> ir.Value:
        return vector_math.sqrt(self.builder, a)

    def _abs(self, a: ir.Value) -> ir.Value:
        return self.lanes.absolute(a)

    def _floor(self, a: ir.Value) -> ir.Value:
        return self.lanes.floor(a)

    def _sign(self, a: ir.Value) -> ir.Value:
        zero, one = self.lanes.number(0.0), self.lanes.number(1.0)
        up = self.builder.select(self._gt(a, zero), one, a)  # 0 and NaN stay what they are
        return self.builder.select(self._lt(a, zero), self.lanes.number(-1.0), up)

    def _maximum(self, a: ir.Value, b: ir.Value) -> ir.Value:
        return vector_math.maximum(self.builder, a, b)

    def _minimum(self, a: ir.Value, b: ir.Value) -> ir.Value:
        return vector_math.minimum(self.builder, a, b)

    def _relu(self, a: ir.Value) -> ir.Value:
        return self.lanes.at_least(a, 0.0)

    def _leaky_relu(self, a: ir.Value, slope: float) -> ir.Value:
        down = self._mul(a, self.lanes.number(slope))
        return self.builder.select(self._gt(a, self.lanes.number(0.0)), a, down)

    def _clip_gradient(self, a: ir.Value, bound: ir.Value) -> ir.Value:
        return a  # the bound is one of the derivative, which says it by maximum and minimum

    # -------------------------------------------------------------------------- functions

    def _tanh(self, a: ir.Value) -> ir.Value:
        return vector_math.tanh(self.builder, a)

    def _sigmoid(self, a: ir.Value) -> ir.Value:
        return vector_math.sigmoid(self.builder, a)

    def _softplus(self, a: ir.Value) -> ir.Value:
        return vector_math.softplus(self.builder, a)

    def _exp(self, a: ir.Value) -> ir.Value:
        return vector_math.exp(self.builder, a)

    def _log(self, a: ir.Value) -> ir.Value:
        return vector_math.log(self.builder, a)

    def _sin(self, a: ir.Value) -> ir.Value:
        return vector_math.sin(self.builder, a)

    def _cos(self, a: ir.Value) -> ir.Value:
        return vector_math.cos(self.builder, a)

    # ------------------------------------------------------------------------- conditions

    def _lt(self, a: ir.Value, b: ir.Value) -> ir.Value:
        return self.builder.fcmp_ordered("<", a, b)

    def _le(self, a: ir.Value, b: ir.Value) -> ir.Value:
        return self.builder.fcmp_ordered("<=", a, b)

    def _gt(self, a: ir.Value, b: ir.Value) -> ir.Value:
        return self.builder.fcmp_ordered(">", a, b)

    def _ge(self, a: ir.Value, b: ir.Value) -> ir.Value:
        return self.builder.fcmp_ordered(">=", a, b)

    def _and(self, a: ir.Value, b: ir.Value) -> ir.Value:
        return self.builder.and_(a, b)

    def _or(self, a: ir.Value, b: ir.Value) -> ir.Value:
        return self.builder.or_(a, b)

    def _not(self, a: ir.Value) -> ir.Value:
        return self.builder.not_(a)

    def _where(self, condition: ir.Value, a: ir.Value, b: ir.Value) -> ir.Value:
        return self.builder.select(condition, a, b)
