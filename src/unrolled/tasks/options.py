"""A parameter that is also an option of the command line. In: default, help. Out: a field.

Next: `estimator` and the tasks declare their parameters with it; `cli` reads them from there.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import MISSING, field, fields
from typing import Any


def option(default: Any, help: str, kind: Callable[[str], Any] = str, **more: Any) -> Any:
    """A field with what `argparse` needs to know; `kind` is what a word is read as."""
    metadata = {"help": help, "kind": kind, **more}
    return field(default=default, metadata=metadata)


def add_options(
    parser: argparse._ActionsContainer, estimator: type, skip: tuple[str, ...] = ()
) -> None:
    """Every parameter of an estimator as `--its-name`; what is not given is not there."""
    for one in fields(estimator):
        if one.name in skip or "help" not in one.metadata or one.default is MISSING:
            continue
        more = dict(one.metadata)
        kind, words = more.pop("kind"), more.pop("help")
        name = "--" + one.name.replace("_", "-")
        shown = "" if one.default in (None, False, ()) else f" (default: {one.default})"
        if kind is bool:
            parser.add_argument(
                name,
                action=argparse.BooleanOptionalAction,
                default=argparse.SUPPRESS,
                help=words + shown,
            )
        else:
            parser.add_argument(
                name, type=kind, default=argparse.SUPPRESS, help=words + shown, **more
            )


def chosen(arguments: argparse.Namespace, estimator: type) -> dict[str, Any]:
    """The parameters that were given on the command line."""
    values = {one.name: getattr(arguments, one.name, None) for one in fields(estimator)}
    return {name: value for name, value in values.items() if value is not None}
