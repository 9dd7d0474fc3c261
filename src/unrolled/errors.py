"""Everything that can go wrong, as a sentence that shows the cure.

Each message is one sentence for the person who reads it: what was found, where, and what to do.
The command line prints it and exits with 2; Python shows it under a traceback as usual.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any


class UnrolledError(Exception):
    """Anything a user can get wrong; `str(error)` is the whole message."""


class LoopWarning(UserWarning):
    """A cell is called in a loop where a layer would do."""


class UsageError(UnrolledError):
    """A command line that cannot be understood."""


class ArgumentError(UnrolledError):
    """A value given to a function or a class that it cannot work with."""


class InputError(ArgumentError, ValueError):
    """Data that an estimator cannot read; scikit-learn's tools expect a ValueError."""


class MissingExtra(UnrolledError):
    """A package that only some people need is not installed."""

    def __init__(self, package: str, extra: str, needed_for: str) -> None:
        super().__init__(
            f"{needed_for} needs the package {package!r}, which is not installed: "
            f"`pip install 'unrolled[{extra}]'` brings it."
        )
        self.package = package
        self.extra = extra


# The top module of every package that an extra brings -> its name in the registry, the extra.
EXTRAS = {
    "backports": ("backports.zstd", "jobs"),
    "lightning_fabric": ("lightning-fabric", "jobs"),
    "matplotlib": ("matplotlib", "jobs"),
    "PIL": ("pillow", "jobs"),
    "polars": ("polars", "jobs"),
    "safetensors": ("safetensors", "jobs"),
    "sklearn": ("scikit-learn", "jobs"),
    "tokenizers": ("tokenizers", "jobs"),
    "fastexcel": ("fastexcel", "excel"),
    "xlsxwriter": ("xlsxwriter", "excel"),
    "jax": ("jax", "bench"),
    "onnx": ("onnx", "export"),
    "onnxruntime": ("onnxruntime", "bench"),
    "fastapi": ("fastapi", "serve"),
    "httptools": ("httptools", "serve"),
    "pydantic": ("fastapi", "serve"),
    "starlette": ("fastapi", "serve"),
    "uvicorn": ("uvicorn", "serve"),
    "optuna": ("optuna", "tune"),
    "mido": ("mido", "music"),
    "sacrebleu": ("sacrebleu", "translate"),
    "sounddevice": ("sounddevice", "sound"),
    "soundfile": ("soundfile", "sound"),
    "tensorboard": ("tensorboard", "tensorboard"),
}


@contextmanager
def extras(needed_for: str) -> Iterator[None]:
    """Answer an import of a package that an extra would bring with the sentence that names it."""
    try:
        yield
    except ModuleNotFoundError as error:
        found = EXTRAS.get((error.name or "").partition(".")[0])
        if found is None:
            raise
        raise MissingExtra(*found, needed_for) from error


def require(extra: str, needed_for: str) -> None:
    """Miss a package of an extra before the work begins, not when it is nearly done."""
    for module, (package, brought_by) in EXTRAS.items():
        if brought_by == extra and find_spec(module) is None and module != "backports":
            raise MissingExtra(package, extra, needed_for)


class DataError(UnrolledError):
    """A file, or what stands in it, that cannot be read as what it was given for."""


class CellError(UnrolledError):
    """A step, or a declaration of a cell, that cannot become an equation."""


class EquationError(UnrolledError):
    """An equation that breaks an invariant: read from damaged data, or left so by a pass."""


class PlanError(UnrolledError):
    """A kernel on paper that would read what nobody wrote: the engine's own mistake."""


class ShapeError(UnrolledError, ValueError):
    """Arrays, or sizes, that do not fit the cell they are given to."""


class GradientError(UnrolledError):
    """A derived gradient that finite differences contradict; `table` holds all that was found."""

    table: Any = None
