"""Finds installed packages without importing them. In: names. Out: a folder; next: `builtin`."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from unrolled.errors import DataError, MissingExtra


def folder_of(package: str, module: str, name: str) -> Path:
    """The folder of the package that contains the built-in data set `name`."""
    if not package:
        return Path()
    spec = find_spec(module)  # of a top-level name, which imports nothing
    if spec is None or not spec.submodule_search_locations:
        raise MissingExtra(package, "data", f"the built-in data set {name!r}")
    return Path(next(iter(spec.submodule_search_locations)))


def file_in(folder: Path, name: str, package: str) -> Path:
    """A file of a package; raises an error if it is missing, as in another version."""
    return _there(folder / name, name, package, Path.is_file)


def folder_in(folder: Path, name: str, package: str) -> Path:
    """The same for a folder of a package."""
    return _there(folder / name, name, package, Path.is_dir)


def _there(path: Path, name: str, package: str, is_there: Callable[[Path], bool]) -> Path:
    if not is_there(path):
        try:
            installed = version(package)
        except PackageNotFoundError:
            installed = "of an unknown version"
        raise DataError(
            f"the package {package} {installed} has no {name}: install the version in "
            "constraints.txt"
        )
    return path
