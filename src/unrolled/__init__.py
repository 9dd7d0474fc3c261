"""Recurrent networks, unrolled: write the equation, get the network.

This module holds the public names and nothing else. `NAMES` says where each one lives, and a name
is imported when it is first asked for: `import unrolled` itself loads only the standard library.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from unrolled.errors import UnrolledError as UnrolledError

__version__ = "0.1.0"

# Public name -> the module it is defined in. Each also stands under TYPE_CHECKING above, for
# editors; none may be the name of a module, or importing that module would replace it.
NAMES = {
    "UnrolledError": "unrolled.errors",
}

__all__ = [*NAMES, "__version__"]


def __getattr__(name: str) -> Any:
    if name not in NAMES:
        raise AttributeError(f"module 'unrolled' has no attribute {name!r}")
    value = getattr(import_module(NAMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
