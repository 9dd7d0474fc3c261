"""Infer sizes from use. In: a traced graph whose weights have no shape. Out: each weight's shape.

There are two passes over the graph, both by union-find. The first distinguishes matrices from
vectors: the left operand of `@` is a matrix, and what is combined with a vector unit by unit is a
vector. The second infers sizes: `W @ x` gives W as many columns as x has units, and values that are
added unit by unit have the same size. A size that remains unknown must be declared. If two
different known sizes meet, it is an error, except for I = H, which becomes a constraint on the cell
(its input must have as many units as its state).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NoReturn

from unrolled.equations.cutting import Split
from unrolled.equations.lengths import rest_of, share_of, sum_of, terms_of
from unrolled.equations.nodes import (
    ONE,
    Apply,
    ConstantArray,
    Eye,
    Length,
    Node,
    Shape,
    Variable,
    eye,
    length,
    rebuild,
    topological,
    variable,
)
from unrolled.equations.ops import OPS, REDUCTIONS
from unrolled.equations.where import Where, teach

INPUT, HIDDEN = "input_size", "hidden_size"


@dataclass
class Classes:
    """Union-find over names; a class may have one label, and `clash` resolves two labels."""

    clash: Callable[[str, str], str | None]
    parent: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)

    def root(self, term: str) -> str:
        while (above := self.parent.get(term, term)) != term:
            term = above
        return term

    def label(self, term: str) -> str | None:
        return self.labels.get(self.root(term))

    def join(self, a: str, b: str) -> bool:
        """Unite two terms; False if their labels cannot be united."""
        a, b = self.root(a), self.root(b)
        if a == b:
            return True
        one, other = self.labels.get(a), self.labels.get(b)
        label = one if other is None or one == other else other if one is None else None
        if label is None and one is not None and other is not None:
            label = self.clash(one, other)
            if label is None:
                return False
        self.parent[a] = b
        if label is not None:
            self.labels[b] = label
        return True

    def mark(self, term: str, label: str) -> bool:
        marker = f"label {label}"
        self.labels.setdefault(self.root(marker), label)
        return self.join(term, marker)


@dataclass
class Sizes:
    """What inference found: the shape of every weight, whether the input is as wide as h, and by
    the name that it had until then the size of each part of a vector that was cut."""

    shapes: dict[Node, Shape]
    input_is_hidden: bool

    lengths: dict[str, str] = field(default_factory=dict)

    def substitute(self, roots: Iterable[Node]) -> dict[Node, Node]:
        """Every node below the roots -> the same node with its shapes known."""
        done: dict[Node, Node] = {}
        for node in topological(roots):
            if isinstance(node, Variable):
                done[node] = variable(node.name, node.role, self.shapes[node])
            elif isinstance(node, ConstantArray):
                done[node] = node.with_shape(self.shapes[node])
            elif isinstance(node, Eye):
                done[node] = eye(self.shapes[node][0])
            elif isinstance(node, Length):
                done[node] = length(self.lengths.get(node.size, node.size))
            elif isinstance(node, Apply):
                done[node] = rebuild(node, tuple(done[argument] for argument in node.args))
            else:
                done[node] = node
        return done


class Inference:
    """One graph's sizes. `declared` maps a weight to the name of its rows' size."""

    def __init__(
        self,
        declared: Mapping[str, str],
        scalars: Iterable[str],
        lines: Mapping[Node, Where],
        splits: Sequence[Split] = (),
    ) -> None:
        self.declared = declared
        self.splits = splits
        self.scalars = frozenset(scalars)
        self.lines = lines
        self.input_is_hidden = False
        self.ranks = Classes(lambda a, b: None)
        self.sizes = Classes(self._sizes_meet)
        self.terms: dict[Node, tuple[str, ...]] = {}
        self.numbers: set[Node] = set()
        self.ids: dict[Node, str] = {}

    def run(self, roots: Mapping[str, tuple[Node, Shape]], others: Iterable[Node]) -> Sizes:
        """`roots`: state name -> (its new value, its shape)."""
        order = list(topological([*(node for node, _ in roots.values()), *others]))
        for number, node in enumerate(order):
            self.ids[node] = f"node {number}"
        for node in order:
            self._rank(node)
        for node in order:
            self.terms[node] = self._measure(node)
        for name, (node, shape) in roots.items():
            self._return(name, node, shape)
        self._join_and_cut([n for n in order if isinstance(n, Apply) and n.op == "concat"])
        return Sizes(
            {n: self._shape(n) for n in order if isinstance(n, Variable | ConstantArray | Eye)},
            self.input_is_hidden,
            self._lengths(order),
        )

    # matrix or vector ------------------------------------------------------------------------

    def _rank(self, node: Node) -> None:
        if isinstance(node, Variable):
            if node.role != "weight":
                self._mark(node, node, "vector")
            elif node.name in self.scalars:
                self.numbers.add(node)
        elif isinstance(node, ConstantArray):
            self._mark(node, node, "matrix" if len(node.lengths) == 2 else "vector")
        elif isinstance(node, Eye):
            self._mark(node, node, "matrix")
        elif not isinstance(node, Apply):
            self.numbers.add(node)
        elif node.op == "matmul":
            self._mark(node.args[0], node, "matrix")
            self._same_rank(node, (node, node.args[1]))
        elif node.op == "transpose":
            self._mark(node.args[0], node, "matrix")
            self._mark(node, node, "matrix")
        elif node.op in ("concat", "part"):
            for vector in (
                *(a for a in node.args if node.op == "concat" or a not in self.numbers),
                node,
            ):
                self._mark(vector, node, "vector")
        elif node.op in REDUCTIONS or node.op == "softmax":
            self._mark(node.args[0], node, "vector")
            self._mark(node, node, "vector")
        elif all(argument in self.numbers for argument in node.args):
            self.numbers.add(node)
        else:
            wide = [argument for argument in node.args if argument not in self.numbers]
            self._same_rank(node, (node, *wide))

    def _mark(self, node: Node, at: Node, label: str) -> None:
        if node in self.numbers or not self.ranks.mark(self.ids[node], label):
            self._teach_rank(at, [node])

    def _same_rank(self, at: Node, nodes: tuple[Node, ...]) -> None:
        for node in nodes[1:]:
            if node in self.numbers or not self.ranks.join(self.ids[nodes[0]], self.ids[node]):
                self._teach_rank(at, list(nodes[1:]))

    def _teach_rank(self, at: Node, nodes: list[Node]) -> None:
        where = self.lines.get(at)
        for node in nodes:
            if isinstance(node, ConstantArray):
                is_matrix = len(node.lengths) == 2
                one, other = ("matrix", "vector") if is_matrix else ("vector", "matrix")
                teach(f"self.{node.name} is an array of {len(node.lengths)} axes, a {one}, and is "
                      f"used as a {other} here: a matrix is on the left of @ and has 2 axes, a "
                      f"vector has 1", where)  # fmt: skip
            if isinstance(node, Variable) and node.role == "weight":
                if node in self.numbers:
                    teach(f"self.{node.name} is declared in `scalars` and used as a matrix or as "
                          f"the vector of a product: take it out of `scalars`", where)  # fmt: skip
                teach(f"self.{node.name} is used as a matrix (left of @) and as a vector: give "
                      f"each use a name of its own: self.U @ h + self.b", where)  # fmt: skip
        teach("a matrix and a vector meet here: a matrix of weights reaches a vector only through "
              "@, self.U @ h", where)  # fmt: skip

    def _is_matrix(self, node: Node) -> bool:
        return self.ranks.label(self.ids[node]) == "matrix"

    # sizes -------------------------------------------------------------------------------------

    def _sizes_meet(self, a: str, b: str) -> str | None:
        if {a, b} == {INPUT, HIDDEN}:
            self.input_is_hidden = True
            return HIDDEN
        return None

    def _measure(self, node: Node) -> tuple[str, ...]:
        if node in self.numbers:
            return ()
        if isinstance(node, Variable | ConstantArray):
            return self._measure_named(node)
        if isinstance(node, Eye):
            return (self.ids[node], self.ids[node])
        assert isinstance(node, Apply)
        args = [self.terms[argument] for argument in node.args]
        if node.op == "matmul":
            self._same(node, args[0][1], args[1][0])
            return (args[0][0], *args[1][1:])
        if node.op == "transpose":
            return args[0][::-1]
        if node.op in REDUCTIONS:
            return (self._one(),)
        if node.op == "concat":
            return (self.ids[node],)
        if node.op == "part":
            return (self._part(node),)
        if self._is_matrix(node):
            wide = [terms for terms in args if terms]
            for terms in wide[1:]:
                self._same(node, wide[0][0], terms[0])
                self._same(node, wide[0][1], terms[1])
            return wide[0]
        wide = [terms for terms in args if terms and self.sizes.label(terms[0]) != ONE]
        for terms in wide[1:]:
            self._same(node, wide[0][0], terms[0])
        return wide[0] if wide else (self._one(),)

    def _part(self, node: Apply) -> str:
        """The term of a part's size: its label, or a class of its own for what is still open."""
        units = node.args[2]
        assert isinstance(units, Length)
        term = f"part {units.size}"
        if not units.size.startswith("?"):
            self.sizes.mark(term, units.size)
        return term

    def _join_and_cut(self, joined: Sequence[Apply]) -> None:
        """Sizes of what is joined, and of what is cut, follow from others that are known."""
        waiting: list[Apply | tuple[int, Split]] = [*joined, *enumerate(self.splits)]
        while waiting:
            left = [
                one
                for one in waiting
                if not (self._join(one) if isinstance(one, Apply) else self._cut(*one))
            ]
            if len(left) == len(waiting):
                self._teach_open(left[0])
            waiting = left

    def _teach_open(self, one: Apply | tuple[int, Split]) -> NoReturn:
        if isinstance(one, Apply):
            teach("the size of a concatenated vector cannot be inferred: declare it in the class, "
                  'sizes = {"b": "hidden_size"}', self.lines.get(one))  # fmt: skip
        teach("the size of a split vector and of its parts cannot be inferred: declare it in the "
              'class, by the weight that computes it, sizes = {"W": "hidden_size"}',
              self.lines.get(one[1].vector))  # fmt: skip

    def _cut(self, number: int, split: Split) -> bool:
        """Whether the size of a vector and of its parts is known: one tells the other."""
        (term,) = self.terms[split.vector] or (self._one(),)
        whole, part = self.sizes.label(term), f"part {split.open_part(number)}"
        found = sum_of(*split.sizes) if split.sizes else None
        if not split.sizes:
            one = self.sizes.label(part)
            if whole is not None:
                self._fits(split, part, share_of(whole, split.count), whole)
                return True
            found = None if one is None else sum_of(*[one] * split.count)
        if found is not None:
            self._fits(split, term, found, found)
        return found is not None

    def _fits(self, split: Split, term: str, size: str, whole: str) -> None:
        if not self.sizes.mark(term, size):
            parts = ", ".join(split.sizes) or f"{split.count} equal parts"
            teach(f"split cuts a vector of {whole} units into {parts}, and {size} meets "
                  f"{self.sizes.label(term)}: the parts add up to the vector, "
                  f'sizes = {{"h": "memory + rest"}}', self.lines.get(split.vector))  # fmt: skip

    def _lengths(self, order: Iterable[Node]) -> dict[str, str]:
        """The size, or the sum of sizes, that stands for each name of an equal part."""
        known = {split.open_part(number): self.sizes.label(f"part {split.open_part(number)}")
                 for number, split in enumerate(self.splits) if not split.sizes}  # fmt: skip
        return {
            node.size: sum_of(*(known.get(base) or base for base, _ in terms_of(node.size)))
            for node in order if isinstance(node, Length)
        }  # fmt: skip

    def _join(self, node: Apply) -> bool:
        """Whether the sizes of concatenated vectors, and of the whole, are known; a single unknown
        one follows from the others."""
        terms = [self.terms[argument][0] for argument in node.args]
        labels = [self.sizes.label(term) for term in terms]
        known = [label for label in labels if label is not None]
        whole = self.sizes.label(self.ids[node])
        if len(known) == len(labels):
            term, size = self.ids[node], sum_of(*known)
        elif len(known) == 1 and whole is not None and rest_of(whole, *known):
            term, size = terms[labels.index(None)], rest_of(whole, *known) or ""
        else:
            return False
        if not self.sizes.mark(term, size):
            teach(f"concat gives a vector of {size} units, which is used as one of {whole}: "
                  f"multiply it by a matrix of weights, self.W @ concat(...)",
                  self.lines.get(node))  # fmt: skip
        return True

    def _measure_named(self, node: Variable | ConstantArray) -> tuple[str, ...]:
        role = node.role if isinstance(node, Variable) else "constant"
        rows = f"rows of {role} {node.name}"
        if isinstance(node, ConstantArray) and node.lengths == (1,):
            self.sizes.mark(rows, ONE)
        if node.shape is not None:
            self.sizes.mark(rows, node.shape[0])
        elif node.name in self.declared:
            self.sizes.mark(rows, self.declared[node.name])
        return (rows, f"columns of {node.name}") if self._is_matrix(node) else (rows,)

    def _one(self) -> str:
        self.sizes.mark("one", ONE)
        return "one"

    def _same(self, at: Node, a: str, b: str) -> None:
        if not self.sizes.join(a, b):
            self._teach_size(self.lines.get(at), a, b, _symbol(at))

    def _teach_size(self, where: Where | None, a: str, b: str, doing: str) -> None:
        one, other = (_words(self.sizes.label(term)) for term in (a, b))
        teach(f"sizes that cannot agree meet in {doing}: {one} and {other}; a matrix between them "
              f"(self.V @ ...) converts one into the other", where)  # fmt: skip

    def _return(self, name: str, node: Node, shape: Shape) -> None:
        where = self.lines.get(node)
        if node in self.numbers:
            teach(f"the new value of {name} is a plain number, but a state is a vector", where)
        if self._is_matrix(node):
            teach(f"the new value of {name} is a matrix; it must be a vector, such as self.U @ h",
                  where)  # fmt: skip
        self.sizes.mark(f"state {name}", shape[0])
        if not self.sizes.join(self.terms[node][0], f"state {name}"):
            self._teach_size(where, self.terms[node][0], f"state {name}", f"the returned {name}")

    def _shape(self, node: Node) -> Shape:  # noqa: RET503, the last line raises
        if node in self.numbers:
            return ()
        labels = [self.sizes.label(term) for term in self.terms[node]]
        if isinstance(node, ConstantArray):  # a single row that nothing says more of
            labels = [label or (ONE if length == 1 else None)
                      for label, length in zip(labels, node.lengths, strict=True)]  # fmt: skip
        if all(label is not None for label in labels):
            return tuple(label for label in labels if label is not None)
        where = self.lines.get(node)
        if isinstance(node, Eye):
            teach("the size of `eye` cannot be inferred: add it to a matrix of weights", where)
        assert isinstance(node, Variable | ConstantArray)
        axis, term = next(
            (axis, term)
            for axis, term, label in zip(
                ("rows", "columns"), self.terms[node], labels, strict=False
            )
            if label is None
        )
        owner = self._owner(term) or node.name
        named = self._open_input(term)
        if named is not None:
            teach(f"the size of the input {named.name} cannot be inferred: declare it in the "
                  f'class, sizes = {{"{named.name}": "1"}} for one number per step, or '
                  f'"input_size", "hidden_size", or a new name', self.lines.get(named))  # fmt: skip
        teach(f"the number of {axis} of self.{node.name} cannot be inferred: declare it in the "
              f'class, sizes = {{"{owner}": "hidden_size"}}, or with a new name such as "rank", '
              f"whose value is given when the cell is made", where)  # fmt: skip

    def _open_input(self, open_size: str) -> Variable | None:
        """The named input of this size, if there is one."""
        inputs = (v for v in self.terms if isinstance(v, Variable) and v.role == "input")
        root = self.sizes.root(open_size)
        return next((v for v in inputs if self.sizes.root(self.terms[v][0]) == root), None)

    def _owner(self, open_size: str) -> str | None:
        """The first weight with this number of rows: declaring it determines the size."""
        for node, terms in self.terms.items():
            is_weight = isinstance(node, Variable) and node.role == "weight"
            if not terms or not (is_weight or isinstance(node, ConstantArray)):
                continue
            assert isinstance(node, Variable | ConstantArray)
            if self.sizes.root(terms[0]) == self.sizes.root(open_size):
                return node.name
        return None


def _words(label: str | None) -> str:
    return "one unit (a sum or mean)" if label == ONE else str(label)


def _symbol(node: Node) -> str:
    return f"`{OPS[node.op].text}`" if isinstance(node, Apply) else "this line"
