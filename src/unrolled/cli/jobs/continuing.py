"""Continued training of a run on new data, and what it forgot. In: runs. Out: lines, errors.

The networks start from the weights of the run. Its vocabulary, scaling and classes are kept, unless
new labels are allowed. A linear model beside the networks is fitted to the new rows only. Next:
`classify`, `regress`, `generate`, `forecast`, `tag`.
"""

import argparse
import json
from collections.abc import Callable
from typing import Any

from unrolled.cli.jobs.figures import shown
from unrolled.errors import UnrolledError, UsageError
from unrolled.tasks.origin import read_origin
from unrolled.training.run_folder import RunFolder

# Parameters that determine the shapes of weights: continued training keeps them.
MADE_FOR = (
    "cell", "modify", "layers", "hidden", "bidirectional", "embedding", "pooling", "convolutions",
    "members", "linear", "tokens", "vocabulary", "longest", "tied", "horizon", "mode", "quantiles",
    "season", "calendar", "characters", "character_embedding", "character_size", "least",
)  # fmt: skip
# The first of these metrics that a run has measures how much it forgot.
JUDGED_BY = ("f1", "accuracy", "micro_f1", "mase", "mae", "bits_per_character")


def add_from(parser: argparse._ActionsContainer) -> None:
    """Add the option that names the run."""
    parser.add_argument(
        "--from", "--from-run", metavar="RUN", dest="from_run",
        help="continue training the networks of this run",
    )  # fmt: skip


def refuse_other_shapes(run: str, given: dict[str, Any]) -> None:
    """Refuse parameters that would change the shapes of the weights."""
    RunFolder.open(run)
    other = [name for name in given if name in MADE_FOR]
    if other:
        raise UsageError(
            f"--{other[0].replace('_', '-')} cannot change with --from: the weights of {run} "
            "depend on it; leave it out, or train a new run"
        )


def forgotten(
    before: Any, after: Any, read: Callable[[dict[str, Any], int], tuple[Any, Any]]
) -> dict[str, Any]:
    """A metric on the data of the earlier run, before and after; or why it cannot be computed.

    `read` returns the rows that the run was tested on, or else those that it was trained on.
    """
    assert before.run_ is not None, "it was loaded from a run"
    how = read_origin(before.run_.config(), before.run_.path)
    try:
        if "source" not in how:
            raise UsageError("its data were passed in Python")
        inputs, labels = read(how, before.seed)
        was, now = (model.evaluate(inputs, labels) for model in (before, after))
    except UnrolledError as error:
        return {"run": str(before.run_.path), "unknown": str(error)}
    name = next(name for name in JUDGED_BY if name in was)
    size = {what: was[what] for what in ("rows", "sentences", "characters") if what in was}
    found = {"figure": name, "before": was[name], "after": now[name]}
    return {"run": str(before.run_.path), **size, **found}


def say_forgotten(found: dict[str, Any], progress: str) -> None:
    """Print one line, or one JSON object."""
    if progress == "json":
        print(json.dumps({"event": "forgotten", **found}, ensure_ascii=False), flush=True)
    elif progress == "lines" and "unknown" in found:
        print(f"How much of {found['run']} it forgot is unknown: {found['unknown']}", flush=True)
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
    """The estimator of the run, which must be complete."""
    run = RunFolder.open(path)
    task = run.config().get("task")
    if task != job:
        raise UsageError(f"--from {path}: this is a run of {task!r}, not of {job!r}")
    return estimator.load(path)
