"""The exceptions of unrolled. Each message is one sentence: what was found, where, and what to do.

The command line prints the message and exits with 2; in Python it ends a traceback as usual.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any


class UnrolledError(Exception):
    """Base class of all errors that a user can cause; `str(error)` is the whole message."""


class LoopWarning(UserWarning):
    """A cell is called in a loop where a layer would do."""


class UsageError(UnrolledError):
    """A command line was not understood."""


class ArgumentError(UnrolledError):
    """A function or a class got an invalid value."""


class InputError(ArgumentError, ValueError):
    """An estimator cannot read the data; scikit-learn's tools expect a ValueError."""


class MissingExtra(UnrolledError):
    """An optional package is not installed."""

    def __init__(self, package: str, extra: str, needed_for: str) -> None:
        super().__init__(
            f"{needed_for} needs the package {package!r}, which is not installed: "
            f"`pip install 'unrolled[{extra}]'` installs it."
        )
        self.package = package
        self.extra = extra


# The top-level module of every optional package -> the package, the extra that installs it.
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
    """Turn a failed import of an optional package into a MissingExtra, which names the extra."""
    try:
        yield
    except ModuleNotFoundError as error:
        found = EXTRAS.get((error.name or "").partition(".")[0])
        if found is None:
            raise
        raise MissingExtra(*found, needed_for) from error


def require(extra: str, needed_for: str) -> None:
    """Raise MissingExtra before a long computation starts, rather than at its end."""
    for module, (package, brought_by) in EXTRAS.items():
        if brought_by == extra and find_spec(module) is None and module != "backports":
            raise MissingExtra(package, extra, needed_for)


class DataError(UnrolledError):
    """A file, or its content, cannot be read as the kind of data that is needed."""


class CellError(UnrolledError):
    """The step, or a declaration, of a cell cannot become an equation."""


class EquationError(UnrolledError):
    """An equation breaks an invariant: it was read from damaged data, or a pass has a bug."""


class PlanError(UnrolledError):
    """A plan of a kernel is invalid, as if it reads a value before it is written: a bug."""


class ShapeError(UnrolledError, ValueError):
    """Arrays or sizes do not fit the cell or layer."""


class GradientError(UnrolledError):
    """A derived gradient disagrees with finite differences; `table` has all comparisons."""

    table: Any = None
