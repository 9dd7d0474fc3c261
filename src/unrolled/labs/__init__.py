"""Labs: experiments that teach. Each runs, measures, and writes its own report.

A lab is a module here that defines `LAB` (see `base`): its name, the sizes that can be set, and a
function that runs it and returns the results. `names()` lists the labs, `find` loads one,
`experiment.conduct` runs it and writes its page. Next: `cli.lab`.
"""

from __future__ import annotations

from importlib import import_module

from unrolled.errors import ArgumentError
from unrolled.labs.base import Lab

# In teaching order; each is the module `unrolled.labs.<name>`.
NAMES: tuple[str, ...] = (
    "bptt",
    "cell",
    "deep",
    "classify",
    "predict",
    "gradients",
    "memory",
    "gates",
    "optimise",
    "regularise",
    "tag",
    "translate",
    "speech",
    "music",
)


def names() -> tuple[str, ...]:
    """All labs, in teaching order."""
    return NAMES


def find(name: str) -> Lab:
    """The lab of this name; its module is imported now."""
    if name not in NAMES:
        raise ArgumentError(f"there is no lab called {name!r}: write one of {', '.join(NAMES)}")
    lab: Lab = import_module(f"unrolled.labs.{name}").LAB
    return lab
