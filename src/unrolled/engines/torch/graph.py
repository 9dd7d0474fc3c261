"""The same equation under torch's own autograd: any device, any dtype, any order of derivative.

In: a lowered step, a sequence, weights. Out: outputs, final states, recorded values; next:
`engine`. Slow where the kernels are fast; nothing here is compiled. Values are rows, (B, n).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from unrolled.engines.torch.functions import TORCH
from unrolled.equations.equation import Equation
from unrolled.equations.nodes import (
    ONE,
    Apply,
    Constant,
    ConstantArray,
    Eye,
    Length,
    Node,
    Variable,
    topological,
)
from unrolled.equations.ops import shape_of
from unrolled.equations.verify import varies

OVER_UNITS: dict[str, Callable[[Tensor], Tensor]] = {
    "sum": lambda v: v.sum(dim=-1, keepdim=True),
    "mean": lambda v: v.mean(dim=-1, keepdim=True),
    "max": lambda v: v.amax(dim=-1, keepdim=True),
    "min": lambda v: v.amin(dim=-1, keepdim=True),
    "softmax": lambda v: v.softmax(dim=-1),
}


def evaluate(
    roots: Sequence[Node],
    known: dict[Node, Any],
    sizes: Mapping[str, int],
    like: Tensor,
    probes: Mapping[Node, Tensor] | None = None,
) -> list[Any]:
    """The values of the roots, in rows; `known` is added to. Through a probe goes all that its node
    is used for, so its derivative there is the whole one."""
    for node in topological(roots):
        if node not in known:
            known[node] = _value(node, known, sizes, like)
            if probes and node in probes:
                known[node] = measured_at(known[node], probes[node])
    return [known[node] for node in roots]


def _value(node: Node, known: Mapping[Node, Any], sizes: Mapping[str, int], like: Tensor) -> Any:
    if isinstance(node, Constant):
        return node.value
    if isinstance(node, ConstantArray):
        return torch.tensor(node.array, dtype=like.dtype, device=like.device)
    if isinstance(node, Length):
        return sizes[node.size]
    if isinstance(node, Eye):
        return torch.eye(sizes[node.size or "1"], dtype=like.dtype, device=like.device)
    assert isinstance(node, Apply)
    args = [known[argument] for argument in node.args]
    is_matrix = len(shape_of(node)) == 2
    if node.op == "matmul":
        return args[0] @ args[1] if is_matrix else args[1] @ args[0].T
    if node.op == "transpose":
        return args[0].T
    if node.op in OVER_UNITS:
        return OVER_UNITS[node.op](args[0])
    if node.op == "spread":
        args[0] = torch.as_tensor(args[0], dtype=like.dtype, device=like.device).reshape(
            args[0].shape if isinstance(args[0], Tensor) else (1,)
        )
        return args[0].expand(*args[0].shape[:-1], args[1])
    return TORCH[node.op](*args)


def prelude(
    nodes: Mapping[str, Node], weights: Mapping[str, Tensor], sizes: Mapping[str, int]
) -> dict[str, Tensor]:
    """What weights alone decide, under autograd."""
    if not nodes:
        return {}
    like = next(iter(weights.values()))
    below = [n for n in topological(nodes.values()) if isinstance(n, Variable)]
    known: dict[Node, Any] = {v: weights[v.name] for v in below}
    return dict(zip(nodes, evaluate(list(nodes.values()), known, sizes, like), strict=True))


def unroll(
    step: Equation,
    xs: Tensor,
    initial: Sequence[Tensor],
    weights: Mapping[str, Tensor],
    sizes: Mapping[str, int],
    record: Sequence[str] = (),
    probes: Mapping[str, Tensor] | None = None,
    going: Tensor | None = None,
) -> tuple[Tensor, tuple[Tensor, ...], tuple[Tensor, ...]]:
    """xs: (T, B, I), the inputs side by side. `going`: (T, B), which sequences are active at each
    step; the others stay."""
    fixed: dict[Node, Any] = {v: weights[v.name] for v in step.given if v.role == "weight"}
    nodes = topological(node for _, node in step.statements)
    once = [node for node in nodes if isinstance(node, Apply)
            and len(shape_of(node)) == 2 and not varies(node)]  # fmt: skip
    evaluate(once, fixed, sizes, xs)
    columns: dict[Variable, Tensor] = {}
    start = 0
    for v in (v for v in step.given if v.role == "input"):
        (size,) = shape_of(v)
        width = 1 if size == ONE else sizes[size]
        columns[v] = xs.narrow(-1, start, width)
        start += width
    olds = [v for v in step.given if v.role == "state"]
    ahead = _ahead(step, columns, fixed)
    roots = [*(step.locals[s] for s in step.results), *(step.locals[name] for name in record)]
    now = list(initial)
    measured = {step.locals[name]: probe for name, probe in (probes or {}).items()}
    outputs: list[Tensor] = []
    records: list[list[Tensor]] = [[] for _ in record]
    for t in range(len(xs)):
        known: dict[Node, Any] = {**fixed, **dict(zip(olds, now, strict=True))}
        known.update({v: values[t] for v, values in columns.items()})
        known.update({node: value[t] for node, value in ahead.items()})
        here = {node: probe[t] for node, probe in measured.items()}
        values = evaluate(roots, known, sizes, xs, here)
        values = [v.expand(xs.shape[1], v.shape[-1]) for v in values]
        new = values[: len(now)]
        if going is not None:
            on = going[t][:, None]
            new = [torch.where(on, value, old) for value, old in zip(new, now, strict=True)]
        now = new
        seen = [now[0], *values[len(now) :]]
        if going is not None:
            seen = [torch.where(on, value, 0.0) for value in seen]
        outputs.append(seen[0])
        for kept, value in zip(records, seen[1:], strict=True):
            kept.append(value)
    if not outputs:
        # attached to all that an output depends on, so that its (zero) gradients can be asked for
        nothing = torch.stack([tensor.sum() for tensor in (xs, *initial, *weights.values())]).sum()
        empty = xs.new_empty((0, xs.shape[1], 1)) + nothing
        widths = [sizes[(*shape_of(node), "1")[0]] for node in [roots[0], *roots[len(now) :]]]
        outputs_, *records_ = [empty.expand(-1, -1, width).clone() for width in widths]
        return outputs_, tuple(now), tuple(records_)
    return torch.stack(outputs), tuple(now), tuple(torch.stack(r) for r in records)


def _ahead(
    step: Equation, inputs: Mapping[Variable, Tensor], fixed: Mapping[Node, Any]
) -> dict[Node, Tensor]:
    """Products of a matrix and an input, for all steps at once."""
    found: dict[Node, Tensor] = {}
    for node in topological(node for _, node in step.statements):
        if not isinstance(node, Apply) or node.op != "matmul":
            continue
        matrix, operand = node.args
        if isinstance(matrix, Variable) and isinstance(operand, Variable) and operand in inputs:
            found[node] = inputs[operand] @ fixed[matrix].T
    return found


class _Probe(torch.autograd.Function):
    """The state itself; on the way back, the length of its derivative is the probe's gradient."""

    @staticmethod
    def forward(ctx: Any, state: Tensor, probe: Tensor) -> Tensor:
        return state.view_as(state)

    @staticmethod
    def backward(ctx: Any, d: Tensor) -> tuple[Tensor, Tensor]:
        return d, d.norm(dim=1, keepdim=True)


measured_at: Callable[[Tensor, Tensor], Tensor] = _Probe.apply
