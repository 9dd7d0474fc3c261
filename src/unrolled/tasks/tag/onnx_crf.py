"""A conditional random field in ONNX. In: scores of each tag at each step, lengths. Out: the best
tags, the probability of each tag; next: `onnx_graph`.

Viterbi's algorithm and the forward and backward sums are Scans over the steps, as in
`networks.crf`. The first step, which no transition leads to, and the steps after the end of a
sequence leave the tag where it is.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from unrolled.exports.onnx_graph import INT64, Graph
from unrolled.networks.crf import CRF
from unrolled.tasks.live import array

BOOL = 9


class FieldWriter:
    """Adds the CRF for scores (T, B, K) and `inside` (T, B, 1) to a graph."""

    def __init__(self, g: Graph, crf: CRF, scores: str, inside: str) -> None:
        self.g, self.scores, self.inside = g, scores, inside
        first, after, last = (array(one) for one in crf._transitions())
        self.count = len(first)
        self.after = g.constant(after, "after")
        self.first, self.last = (g.constant(one[None], "ends") for one in (first, last))
        steps = g.add("Gather", g.add("Shape", scores), g.constant(0, "axis", np.int64), axis=0)
        numbers = (g.constant(value, "number", np.int64) for value in (0, 1))
        every = g.add("Range", next(numbers), steps, next(numbers))
        begins = g.add("Equal", every, g.constant(0, "number", np.int64))
        self.begins = g.add("Unsqueeze", begins, g.integers(1, 2))  # (T, 1, 1)
        shape = g.add("Shape", g.add("Gather", scores, g.constant(0, "axis", np.int64), axis=0))
        self.starts = g.add("Expand", self.first, shape)
        self.ends = g.add("Expand", self.last, shape)

    def best(self) -> str:
        """The best tags (T, B), 0 after the end."""
        g = self.g
        end, came = self._scan(self._viterbi, self.starts, [self.scores, self.inside, self.begins])
        last = g.add("ArgMax", g.add("Add", end, self.last), axis=1, keepdims=0)
        tag = g.add("Unsqueeze", last, g.integers(1))
        _, tags = self._scan(self._back, tag, [came], reverse=True, element=INT64)
        found = g.add("Squeeze", tags, g.integers(2))
        is_there = g.add("Squeeze", self.inside, g.integers(2))
        return g.add("Where", is_there, found, g.constant(0, "number", np.int64))

    def chances(self) -> str:
        """The probability of each tag (T, B, K), 0 after the end."""
        g = self.g
        given = [self.scores, self.inside, self.begins]
        end, forward = self._scan(self._forward, self.starts, given)
        _, backward = self._scan(self._backward, self.ends, given, reverse=True)
        whole = g.add("ReduceLogSumExp", g.add("Add", end, self.last), axes=[1], keepdims=1)
        chance = g.add("Exp", g.add("Sub", g.add("Add", forward, backward), whole))
        return g.add("Where", self.inside, chance, g.constant(0.0))

    # one step of each --------------------------------------------------------------------------

    def _moves(self, b: Graph, before: str) -> str:
        """(B, from, to): scores of the transitions to each tag."""
        return b.add("Add", b.add("Unsqueeze", before, self.g.integers(2)), self.after)

    def _viterbi(self, b: Graph, before: str, given: list[str]) -> tuple[str, str]:
        score, inside, begins = given
        moves = self._moves(b, before)
        best = b.add("ReduceMax", moves, axes=[1], keepdims=0)
        came = b.add("ArgMax", moves, axis=1, keepdims=0)
        goes_on = b.add("And", inside, b.add("Not", begins))
        itself = self.g.constant(np.arange(self.count)[None], "tags", np.int64)
        came = b.add("Where", goes_on, came, itself)
        new = b.add("Add", b.add("Where", begins, before, best), score)
        return b.add("Where", inside, new, before), came

    def _back(self, b: Graph, tag: str, given: list[str]) -> tuple[str, str]:
        return b.add("GatherElements", given[0], tag, axis=1), b.add("Identity", tag)

    def _forward(self, b: Graph, before: str, given: list[str]) -> tuple[str, str]:
        score, inside, begins = given
        total = b.add("ReduceLogSumExp", self._moves(b, before), axes=[1], keepdims=0)
        new = b.add("Add", b.add("Where", begins, before, total), score)
        new = b.add("Where", inside, new, before)
        return new, b.add("Identity", new)

    def _backward(self, b: Graph, later: str, given: list[str]) -> tuple[str, str]:
        score, inside, _ = given
        ahead = b.add("Unsqueeze", b.add("Add", score, later), self.g.integers(1))
        total = b.add(
            "ReduceLogSumExp", b.add("Add", ahead, self.after), axes=[2], keepdims=0
        )  # (B, from)
        return b.add("Where", inside, total, later), b.add("Identity", later)

    def _scan(
        self, step: Any, start: str, given: list[str], reverse: bool = False, element: int = 0
    ) -> tuple[str, str]:
        """The last state, and the output of each step, in temporal order."""
        g = self.g
        body = g.inner()
        kinds = {self.inside: BOOL, self.begins: BOOL, self.scores: g.element}
        before = body.fresh("before")
        names = [body.fresh("given") for _ in given]
        state, said = step(body, before, names)
        state = body.add("Identity", state, name="state")
        kind = element or g.element
        result = INT64 if step in (self._viterbi, self._back) else g.element
        inputs = [body.value(before, ("batch", None), kind)]
        inputs += [body.value(name, (None, None), kinds.get(one, INT64))
                   for name, one in zip(names, given, strict=True)]  # fmt: skip
        outputs = [body.value(state, ("batch", None), kind),
                   body.value(said, ("batch", None), result)]  # fmt: skip
        graph = body.build(body.fresh("step"), inputs, outputs)
        direction = [int(reverse)]
        last, every = g.add_many(
            "Scan", [start, *given], ["last", "every"], body=graph, num_scan_inputs=len(given),
            scan_input_directions=direction * len(given), scan_output_directions=direction,
        )  # fmt: skip
        return last, every
