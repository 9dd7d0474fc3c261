"""Replace the recurrent layers inside a model. In: a model with torch.nn's layers. Out: the model
with unrolled's, and a report; next: the user's code, unchanged.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from torch import nn

from unrolled.layers.drop_in import DROP_INS, _DropIn
from unrolled.layers.drop_in_cells import DROP_IN_CELLS, _DropInCell


@dataclass
class Conversion:
    """What `convert` replaced, and what it left unchanged and why, by the name of the module."""

    replaced: dict[str, str] = field(default_factory=dict)
    left: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        lines = [f"replaced {name or 'the model'}: {what}" for name, what in self.replaced.items()]
        lines += [f"left {name or 'the model'}: {why}" for name, why in self.left.items()]
        return "\n".join(lines) or "no recurrent layer found: nothing replaced"


def convert(model: nn.Module) -> tuple[nn.Module, Conversion]:
    """Replace each torch.nn.RNN, GRU and LSTM, and each of their cells, inside the model, in place.

    Values, parameters and hooks stay the same objects, so an optimizer needs no change.

    Args:
        model: Any module. If it is itself such a layer, it cannot be replaced in place.

    Returns:
        The model, or the replacement of a bare layer, and a report, which prints what was replaced,
        and what was left unchanged and why.
    """
    report = Conversion()
    known: dict[nn.Module, nn.Module] = {}
    for name, module in list(model.named_modules(remove_duplicate=False)):
        new = _replacement(name, module, report, known)
        if new is None:
            continue
        if not name:
            return new, report
        parent, _, child = name.rpartition(".")
        setattr(model.get_submodule(parent), child, new)
    return model, report


def _replacement(
    name: str, module: nn.Module, report: Conversion, known: dict[nn.Module, nn.Module]
) -> nn.Module | None:
    kind = DROP_INS.get(type(module)) or DROP_IN_CELLS.get(type(module))
    if kind is not None:
        report.replaced[name] = f"torch.nn.{type(module).__name__} by unrolled.{kind.__name__}"
        if isinstance(module, nn.RNNCellBase):
            layer = kind.__name__.removesuffix("Cell")
            report.replaced[name] += (
                f" (one step a call; where the steps of a sequence are known beforehand, "
                f"unrolled.{layer} runs them in one)"
            )
        if module not in known:  # a layer that occurs twice stays one
            new: Any = kind.__new__(kind)
            new.__dict__.update(module.__dict__)
            new.ask("auto")
            known[module] = new
        return known[module]
    if isinstance(module, (_DropIn, _DropInCell)):
        report.left[name] = f"is unrolled's {type(module).__name__} already"
    elif isinstance(module, (nn.RNNBase, nn.RNNCellBase)):
        report.left[name] = f"{type(module).__name__} is a class of its own, and may compute more"
    return None
