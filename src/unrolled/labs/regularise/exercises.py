"""Exercises of lab `regularise`, each with a solution that runs as it is printed."""

from __future__ import annotations

from unrolled.labs.exercises import Exercise


def mean_of_a_mask() -> dict[float, float]:
    import torch

    torch.manual_seed(0)
    kept = {}
    for rate in (0.2, 0.5, 0.8):
        mask = (torch.rand(100_000) >= rate) / (1 - rate)
        kept[rate] = float(mask.mean())
    return kept


def masks_over_time() -> tuple[bool, bool]:
    import torch

    from unrolled import Recurrent
    from unrolled.cells import Elman
    from unrolled.cells.modifiers import VariationalDropout, Zoneout

    same = []
    for modifier in (VariationalDropout(0.0, 0.5), Zoneout(0.5)):
        layer = Recurrent(Elman, 40, 40, modifiers=[modifier])
        with torch.no_grad():
            for parameter in layer.parameters():
                parameter.zero_()
            layer.get_parameter("W_l0").copy_(
                torch.eye(40)
            )  # h = tanh(x): a dropped unit is 0, or keeps its old value
        y, _ = layer(0.1 + 0.1 * torch.arange(6.0)[:, None, None].expand(6, 1, 40))
        left_out = (y[1:] == 0) | (y[1:] == y[:-1])
        same.append(bool((left_out == left_out[0]).all()))
    return same[0], same[1]


def own_modifier() -> bool:
    from dataclasses import dataclass

    from unrolled import Equation, check_gradients, modify
    from unrolled.cells import LSTM
    from unrolled.cells.modifiers import Modifier
    from unrolled.equations.nodes import Apply, Node, apply
    from unrolled.equations.rewriting import Made, Rule, rewrite

    def softsign_of(v: Node) -> Rule:
        def rule(made: Made) -> Node:  # `made` maps a node of the old equation to the new one
            return made(v) / (apply("abs", made(v)) + 1.0)

        return rule

    @dataclass(frozen=True)
    class Softsign(Modifier):
        """Every tanh becomes v / (1 + abs(v))."""

        def __call__(self, equation: Equation) -> Equation:
            named = dict(equation.statements).values()
            return rewrite(equation, {
                node: softsign_of(node.args[0])
                for node in named if isinstance(node, Apply) and node.op == "tanh"
            })  # fmt: skip

    return check_gradients(modify(LSTM, Softsign()), kernels=False).passed


EXERCISES = (
    Exercise(
        "easy",
        "A dropout mask is 0 with probability $p$, and $1 / (1 - p)$ otherwise. Draw masks, and "
        "show that their mean is 1 for any $p$.",
        mean_of_a_mask,
        lambda kept: all(abs(mean - 1) < 0.03 for mean in kept.values()),
    ),
    Exercise(
        "medium",
        "Show that the mask of variational dropout is the same at every step of a sequence, and "
        "that of zoneout is not.",
        masks_over_time,
        lambda same: same == (True, False),
    ),
    Exercise(
        "hard",
        "Write a modifier that replaces each named tanh of a cell by softsign, $v / (1 + |v|)$, "
        "and check the gradients of the modified LSTM.",
        own_modifier,
        lambda passed: passed is True,
    ),
)
