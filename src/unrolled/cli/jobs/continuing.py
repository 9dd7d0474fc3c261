"""A run that goes on learning from new rows, and what it forgot. In: runs. Out: lines, refusals.

The networks start from the weights of the run; encoder and classes are those of the run. A linear
model beside them is fitted to the new rows alone. Next: `classify`.
"""

import json
from collections.abc import Callable
from typing import Any

from unrolled.errors import UnrolledError, UsageError
from unrolled.tasks.classify.classifier import Classifier
from unrolled.tasks.origin import read_origin
from unrolled.training.run_folder import RunFolder

# Parameters that weights were made for: a run that goes on keeps them.
MADE_FOR = (
    "cell", "modify", "layers", "hidden", "bidirectional", "embedding", "pooling", "convolutions",
    "members", "linear", "tokens", "vocabulary", "longest",
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
    before: Classifier, after: Classifier, read: Callable[[dict[str, Any], int], tuple[Any, Any]]
) -> dict[str, Any]:
    """The accuracy on the data of the run before: as it was, and now; or why nothing can be said.

    `read` gives the rows on which that run was tested, or else those that it learned from.
    """
    assert before.run_ is not None, "it was loaded from a run"
    how = read_origin(before.run_.config(), before.run_.path)
    try:
        if "source" not in how:
            raise UsageError("its data were given in Python")
        inputs, labels = read(how, before.seed)
        was, now = (model.evaluate(inputs, labels)["accuracy"] for model in (before, after))
    except UnrolledError as error:
        return {"run": str(before.run_.path), "unknown": str(error)}
    return {"run": str(before.run_.path), "rows": len(labels), "before": was, "after": now}


def say_forgotten(found: dict[str, Any], progress: str) -> None:
    """One line for people, or one object for programs."""
    if progress == "json":
        print(json.dumps({"event": "forgotten", **found}, ensure_ascii=False), flush=True)
    elif progress == "lines" and "unknown" in found:
        print(f"What it forgot of {found['run']} cannot be said: {found['unknown']}", flush=True)
    elif progress == "lines":
        print(
            f"On {found['rows']:,} rows of the data of {found['run']}: "
            f"{found['before']:.1%} correct before, {found['after']:.1%} now",
            flush=True,
        )


def run_to_continue(path: str) -> Classifier:
    """The classifier of the run, which must be whole."""
    run = RunFolder.open(path)
    task = run.config().get("task")
    if task != "classify":
        raise UsageError(f"--from {path}: this is a run of {task!r}, and `classify` goes on here")
    return Classifier.load(path)
