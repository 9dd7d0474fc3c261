"""Parameters that are also options of the command line. In: default, help. Out: a field.

Next: `estimator` and the tasks declare their parameters with it; `cli` reads them from there.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import MISSING, Field, field, fields
from typing import Any


def option(default: Any, help: str, kind: Callable[[str], Any] = str, **more: Any) -> Any:
    """A field with the data for `argparse`; `kind` is the type of the option."""
    metadata = {"help": help, "kind": kind, **more}
    return field(default=default, metadata=metadata)


# The groups of parameters in `--help`; all others are in the job's own group.
GROUPS = {
    "common options": (
        "epochs", "minutes", "patience", "horizon", "hidden", "layers", "cell", "modify", "dropout",
        "lr", "batch_size", "seed",
    ),
    "optimization": (
        "optimizer", "momentum", "weight_decay", "schedule", "clip_norm", "clip_value", "validation"
    ),
    "processes and machines": (
        "devices", "nodes", "strategy", "accelerator", "precision", "tensorboard", "threads"
    ),
}  # fmt: skip
OWN = "options of this job"


def add_options(parser: argparse.ArgumentParser, estimator: type, skip: Sequence[str] = ()) -> None:
    """Add every parameter of an estimator as `--its-name`, in groups, without defaults."""
    groups = {name: title for title, names in GROUPS.items() for name in names}
    order = {name: place for place, name in enumerate(groups)}
    first, *others = GROUPS
    headings = {title: parser.add_argument_group(title) for title in (first, OWN, *others)}
    for one in sorted(fields(estimator), key=lambda one: order.get(one.name, len(order))):
        if "help" in one.metadata and one.default is not MISSING and one.name not in skip:
            add_option(headings[groups.get(one.name, OWN)], one)


def add_option(parser: argparse._ActionsContainer, one: Field[Any]) -> None:
    """Add one parameter."""
    more = dict(one.metadata)
    kind, words = more.pop("kind"), more.pop("help")
    name = "--" + one.name.replace("_", "-")
    shown = "" if one.default in (None, False, ()) else f" (default: {one.default})"
    if kind is bool:
        more["action"] = argparse.BooleanOptionalAction
    else:
        more["type"] = kind
    parser.add_argument(name, default=argparse.SUPPRESS, help=words + shown, **more)


def chosen(arguments: argparse.Namespace, estimator: type) -> dict[str, Any]:
    """The parameters that were given on the command line."""
    values = {one.name: getattr(arguments, one.name, None) for one in fields(estimator)}
    return {name: value for name, value in values.items() if value is not None}
