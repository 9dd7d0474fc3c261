"""The base class of the jobs of the command line. In: arguments. Out: a fitted run."""

import argparse
import shlex
import sys
from collections.abc import Iterable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, ClassVar

from unrolled.data import builtin
from unrolled.errors import DataError, UsageError
from unrolled.tasks.estimator import from_config, run_cell
from unrolled.tasks.options import add_options, chosen
from unrolled.tasks.origin import checksum, origin, require_same
from unrolled.training.fabric import is_first_process
from unrolled.training.run_folder import RunFolder

NOT_OPTIONS = ("out", "progress")
IDLE = {"momentum": ("optimizer", "momentum")}
ASKED_WITH = (
    "text", "label", "series", "time", "times", "value", "known", "past", "every",
    "word", "tag", "sentence", "format", "file", "target", "from_column", "to_column",
    "labels_separated_by", "best", "temperature", "seed", "align",
)  # fmt: skip

Evaluation = tuple[dict[str, Any], list[str]]  # metrics by name, and lines to print


class CommandJob:
    """One task; its subclasses read data, fit, evaluate and predict."""

    name: ClassVar[str]
    summary: ClassVar[str]
    estimator: ClassVar[Any]
    held_out: ClassVar[float] = 0.1  # share of the data held out for testing, without --test
    columns: ClassVar[Sequence[str]] = ()  # options for reading a source
    asked_with: ClassVar[Sequence[str]] = ()  # those that prediction takes, too
    idle: ClassVar[dict[str, tuple[str, str]]] = {}  # see `refuse_idle`

    def add_columns(self, parser: argparse._ActionsContainer) -> None:
        """Add the options for reading a source."""
        raise NotImplementedError

    def add_parameters(self, parser: argparse.ArgumentParser, skip: Sequence[str] = ()) -> None:
        add_options(parser, self.estimator, skip)

    def parameters(self) -> list[str]:
        """The names that a configuration may set."""
        return [one.name for one in fields(self.estimator) if one.name not in NOT_OPTIONS]

    def given(self, arguments: argparse.Namespace) -> dict[str, Any]:
        """The parameters given on the command line."""
        return {
            k: v for k, v in chosen(arguments, self.estimator).items() if k in self.parameters()
        }

    def refuse_idle(self, given: Sequence[str], estimator: Any) -> None:
        """Refuse options that would have no effect.

        `idle` and `IDLE` map a parameter to another one and the value that it must have.
        """
        for name, (other, value) in {**IDLE, **self.idle}.items():
            if name in given and getattr(estimator, other) != value:
                raise UsageError(
                    f"--{name} only applies to --{other} {value}, and this is --{other} "
                    f"{getattr(estimator, other)}: leave it out, or use --{other} {value}"
                )

    def refuse_strange(self, run: RunFolder, given: dict[str, Any]) -> None:
        """Refuse an option that only applies to runs of other jobs."""
        strange = [name for name in ASKED_WITH if given.get(name) and name not in self.asked_with]
        if strange:
            known = ", ".join(f"--{name}".replace("_", "-") for name in self.asked_with)
            raise UsageError(
                f"--{strange[0].replace('_', '-')} does not apply to {run.path}, which is a run of "
                f"{self.name!r}: "
                f"leave it out ({f'it takes {known}' if known else 'it reads plain text'})"
            )

    def refuse_answers_of_classes(self, arguments: argparse.Namespace) -> None:
        """Refuse options of `predict` that only apply to classes or to rows of a table."""
        for name in ("probabilities", "explain", "top", "threshold", "keep"):
            if getattr(arguments, name, None) not in (None, False):
                raise UsageError(f"--{name} is for classes, and this is a run of {self.name!r}: "
                                 "leave it out")  # fmt: skip

    @staticmethod
    def refuse_two_tests(how: dict[str, Any]) -> None:
        if how.get("test_share") is not None and how.get("test"):
            raise UsageError(
                "--test names a test set, and --test-share holds out part of the data: choose one"
            )

    def add_test(self, parser: argparse._ActionsContainer) -> None:
        """Add the options for the test set: a separate file, or a part of the data."""
        parser.add_argument("--test", metavar="FILE", help="test set")
        parser.add_argument(
            "--test-share", type=float, metavar="SHARE",
            help=f"fraction held out for testing if there is no --test (default: {self.held_out})",
        )  # fmt: skip

    def share_of(self, how: dict[str, Any]) -> float:
        """The share of the data that is held out if no test set is given."""
        share: float | None = how.get("test_share")
        if share is None:
            known = builtin.is_builtin(how["source"]) and builtin.find(how["source"]).test
            share = known or self.held_out
        if not 0 <= share < 1:
            raise DataError(f"--test-share must be a number from 0 to below 1, not {share!r}")
        return share

    def origin_of(
        self, estimator: Any, how: dict[str, Any], command: str, values: Iterable[Any],
        notes: Sequence[str], resume: bool,
    ) -> dict[str, Any]:  # fmt: skip
        """Print the notes on the data, and return their origin for the configuration of the run.
        A resumed run refuses other data than it began with."""
        found = checksum(values)
        if resume:
            require_same(how, found, estimator.out)
        if is_first_process() and estimator.progress != "json":
            say_notes(notes)
        kept = {key: value for key, value in how.items() if key not in ("source", "command")}
        if "from_run" in kept:
            kept["from_run"] = str(Path(kept["from_run"]).resolve())
        return origin(how["source"], command, **{**kept, "checksum": found, "notes": list(notes)})

    def how(self, arguments: argparse.Namespace) -> dict[str, Any]:
        """The source, and the options for reading it."""
        values = {name: getattr(arguments, name) for name in ("source", *self.columns)}
        return {name: value for name, value in values.items() if value is not None}

    def make(self, given: dict[str, Any], **more: Any) -> Any:
        """The estimator, with checked parameters."""
        estimator = self.estimator(**given, **more)
        estimator.check()
        return estimator

    def reopen(self, run: RunFolder, config: dict[str, Any]) -> Any:
        """The unfitted estimator of a run."""
        return from_config(self.estimator, self.name, config, run)

    def cell_of(self, run: RunFolder, config: dict[str, Any]) -> Any:
        """The cell of a run, as its stored equation."""
        return run_cell(run, config)

    def command(self, how: dict[str, Any], given: dict[str, Any], out: Path) -> str:
        """The command that repeats a run."""
        values = {k: v for k, v in {**how, **given, "out": out}.items() if v is not None}
        source = values.pop("source")
        return shlex.join(["unrolled", "train", self.name, str(source), *self.words(values)])

    @staticmethod
    def words(values: dict[str, Any]) -> list[str]:
        """Values as options of the command line."""
        words: list[str] = []
        for name, value in values.items():
            option = "--" + name.replace("_", "-")
            if isinstance(value, bool):
                words.append(option if value else option.replace("--", "--no-", 1))
            elif name in ("set", "modify"):  # given once for each word
                words += [word for one in value for word in (option, one)]
            elif isinstance(value, (list, tuple)):
                words += [option, *map(str, value)]
            else:
                words += [option, str(value)]
        return words

    def fit(
        self,
        estimator: Any,
        how: dict[str, Any],
        command: str,
        resume: bool,
        asked: Sequence[str] = (),
    ) -> None:
        """Read the data and train; `asked` names the parameters given on the command line."""
        raise NotImplementedError

    def judges_unseen(self, source: str) -> bool:
        """Whether, on a run's own data, only the part that it did not train on is evaluated."""
        return False

    def evaluate(self, run: RunFolder, source: str, given: dict[str, Any]) -> Evaluation:
        """Metrics of a run on labeled data."""
        raise NotImplementedError

    def example(self, run: Path) -> str:
        """A command that uses a run."""
        return shlex.join(["unrolled", "predict", str(run)]) + " FILE"

    def predict(self, run: RunFolder, arguments: argparse.Namespace) -> None:
        """Print a prediction for each row of a file."""
        raise NotImplementedError


def say_notes(notes: Any) -> None:
    """Print notes on the data to stderr, so that stdout contains only predictions."""
    for note in notes:
        print(f"note: {note}", file=sys.stderr)
