"""What a step is called with. In: the step of a cell's class. Out: `Signature`; next: `trace`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from unrolled.equations.nodes import Variable, variable
from unrolled.equations.sizes import HIDDEN, INPUT
from unrolled.equations.where import Where, teach

# What every layer is called with: no input of a cell can have these names.
CALLED_WITH = frozenset({"xs", "states", "lengths", "record", "reset", "named"})


@dataclass(frozen=True)
class Signature:
    """What a step is called with: the input, the states, and by name further inputs, each with the
    default value (None: it must be given)."""

    x: str
    states: list[str]
    named: dict[str, float | None]

    def given(self, declared: Mapping[str, str], output: str | None) -> list[Variable]:
        """The variables. An output that is not a state stands where the first state would; a named
        input whose size is not declared takes it from its use."""
        sizes = {name: (declared[name],) for name in self.named if name in declared}
        states = self.states if output is None else [output, *self.states]
        return [
            variable(self.x, "input", (INPUT,)),
            *(variable(n, "state", (declared.get(n, HIDDEN),)) for n in states),
            *(variable(name, "input", sizes.get(name)) for name in self.named),
        ]


def read_signature(step: Callable[..., Any], where: Where) -> Signature:
    """The input and the states by position, named inputs after the asterisk."""
    parameters = list(inspect.signature(step).parameters.values())[1:]
    named = {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}
    first = [p for p in parameters if p.kind is not p.KEYWORD_ONLY]
    if len(first) < 2 or any(
        p.kind is not p.POSITIONAL_OR_KEYWORD or p.default is not p.empty for p in first
    ):
        teach("a step takes the input and then its states, by name and without defaults, and "
              "further inputs after an asterisk: def step(self, x, h), def step(self, x, h, c) or "
              "def step(self, x, h, *, dt)", where)  # fmt: skip
    for p in parameters:
        refuse_name(p.name, where)
    for name, default in named.items():
        if name in CALLED_WITH:
            teach(f"the input `{name}` has the name of an argument of every layer: choose another",
                  where)  # fmt: skip
        is_number = isinstance(default, int | float) and not isinstance(default, bool)
        if default is not inspect.Parameter.empty and not is_number:
            teach(f"the default of the input `{name}` is {default!r}: it must be a number, as in "
                  f"dt=1.0", where)  # fmt: skip
    x, *states = (p.name for p in first)
    values = {name: None if default is inspect.Parameter.empty else float(default)
              for name, default in named.items()}  # fmt: skip
    return Signature(x, states, values)


def read_output(cell_type: type, signature: Signature, where: Where) -> str | None:
    """The name of an output that is not a state, if the class declares one."""
    output = getattr(cell_type, "output", None)
    if output is None:
        return None
    if not isinstance(output, str) or not output.isidentifier():
        teach(f'output is {output!r}: it must be a name for the first returned value, as in '
              f'output = "y"', where)  # fmt: skip
    refuse_name(output, where)
    if output in (signature.x, *signature.states, *signature.named):
        teach(f"output names `{output}`, which is an argument of the step: the first state is the "
              f"output by default; give any other value a new name", where)  # fmt: skip
    return output


def refuse_name(name: str, where: Where) -> None:
    if name.startswith("d_") or name.endswith("_prev"):
        teach(f"the name `{name}` is reserved: in printed equations d_... is a derivative and "
              f"..._prev a previous state; choose another", where)  # fmt: skip
