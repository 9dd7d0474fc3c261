"""A run that goes on learning from new rows, and what it forgot. In: runs. Out: lines, refusals.

The networks start from the weights of the run; what reads the input (vocabulary, scaling) is that
of the run, and so are its classes, unless new labels are allowed. A linear model beside the
networks is fitted to the new rows alone. Next: `classify`, `regress`, `generate`, `forecast`,
`tag`.
"""

import argparse
import json
from collections.abc import Callable
from typing import Any

from unrolled.cli.jobs.figures import shown
from unrolled.errors import UnrolledError, UsageError
from unrolled.tasks.origin import read_origin
from unrolled.training.run_folder import RunFolder

# Parameters that weights were made for: a run that goes on keeps them.
MADE_FOR = (
    "cell", "modify", "layers", "hidden", "bidirectional", "embedding", "pooling", "convolutions",
    "members", "linear", "tokens", "vocabulary", "longest", "tied", "horizon", "mode", "quantiles",
    "season", "calendar", "characters", "character_embedding", "character_size", "least",
)  # fmt: skip
# The first of these that a run has says how much it forgot.
JUDGED_BY = ("f1", "accuracy", "micro_f1", "mase", "mae", "bits_per_character")


def add_from(parser: argparse._ActionsContainer) -> None:
    """The option that names the run."""
    parser.add_argument(
        "--from", "--from-run", metavar="RUN", dest="from_run",
        help="continue training the networks of this run",
    )  # fmt: skip


def refuse_other_shapes(run: str, given: dict[str, Any]) -> None:
    """A network cannot change its shape and keep its weights."""
    RunFolder.open(run)
    other = [name for name in given if name in MADE_FOR]
    if other:
        raise UsageError(
            f"--{other[0].replace('_', '-')} cannot change with --from: the weights of {run} were "
            "made for what it was; leave it out, or train a new run"
        )


def forgotten(
    before: Any, after: Any, read: Callable[[dict[str, Any], int], tuple[Any, Any]]
) -> dict[str, Any]:
    """A figure on the data of the run before: as it was, and now; or why nothing can be said.

    `read` gives the rows on which that run was tested, or else those that it learned from.
    """
    assert before.run_ is not None, "it was loaded from a run"
    how = read_origin(before.run_.config(), before.run_.path)
    try:
        if "source" not in how:
            raise UsageError("its data were given in Python")
        inputs, labels = read(how, before.seed)
        was, now = (model.evaluate(inputs, labels) for model in (before, after))
    except UnrolledError as error:
        return {"run": str(before.run_.path), "unknown": str(error)}
    name = next(name for name in JUDGED_BY if name in was)
    size = {what: was[what] for what in ("rows", "sentences", "characters") if what in was}
    found = {"figure": name, "before": was[name], "after": now[name]}
    return {"run": str(before.run_.path), **size, **found}


def say_forgotten(found: dict[str, Any], progress: str) -> None:
    """One line for people, or one object for programs."""
    if progress == "json":
        print(json.dumps({"event": "forgotten", **found}, ensure_ascii=False), flush=True)
    elif progress == "lines" and "unknown" in found:
        print(f"What it forgot of {found['run']} cannot be said: {found['unknown']}", flush=True)
    elif progress == "lines":
        name = found["figure"]
        size = next(
            f"{found[what]:,} {what}"
            for what in ("rows", "sentences", "characters", "series")
            if what in found
        )
        before, after = shown(name, found["before"]), shown(name, found["after"])
        print(
            f"On {size} of the data of {found['run']}: {name.replace('_', ' ')} {before} before, "
            f"{after} now",
            flush=True,
        )


def run_to_continue(path: str, job: str, estimator: Any) -> Any:
    """The estimator of the run, which must be whole."""
    run = RunFolder.open(path)
    task = run.config().get("task")
    if task != job:
        raise UsageError(f"--from {path}: this is a run of {task!r}, and `{job}` goes on here")
    return estimator.load(path)
