"""Text generation on the command line. In: running text. Out: runs and figures."""

import argparse
import shlex
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from unrolled.cli.jobs.continuing import (
    add_from,
    forgotten,
    run_to_continue,
    say_forgotten,
)
from unrolled.cli.jobs.figures import lines_of
from unrolled.cli.jobs.job import CommandJob, Evaluation, say_notes
from unrolled.data import builtin, sources
from unrolled.data.corpus import Corpus
from unrolled.errors import DataError, UsageError
from unrolled.tasks.generate.generator import Generator
from unrolled.tasks.generate.streams import hold_out_end
from unrolled.tasks.origin import checksum, origin, require_same
from unrolled.training.fabric import is_first_process
from unrolled.training.run_folder import RunFolder

HELD_OUT = 0.1  # of the text for the test, where no file is named for it


class GenerateJob(CommandJob):
    """`unrolled train generate`, and what is asked of its runs."""

    name = "generate"
    summary = "learn to continue a text"
    estimator = Generator
    columns = ("test", "test_share", "from_run")

    def add_columns(self, parser: argparse._ActionsContainer) -> None:
        add_from(parser)
        parser.add_argument("--test", metavar="FILE", help="test set")
        parser.add_argument(
            "--test-share", type=float, metavar="SHARE",
            help=f"fraction held out for testing if there is no --test (default: {HELD_OUT})",
        )  # fmt: skip

    def fit(
        self,
        estimator: Generator,
        how: dict[str, Any],
        command: str,
        resume: bool,
        asked: Sequence[str] = (),
    ) -> None:
        corpus, test = self.read(how, estimator.seed)
        found = checksum(chain(corpus.blocks(), test.blocks() if test else []))
        if resume:
            require_same(how, found, estimator.out)
        notes = list(corpus.notes)
        if is_first_process() and estimator.progress != "json":
            say_notes(notes)
        kept = {key: value for key, value in how.items() if key not in ("source", "command")}
        before = None
        if "from_run" in how:
            before = run_to_continue(how["from_run"], self.name, Generator)
            estimator.start_from(before)
            kept["from_run"] = str(Path(how["from_run"]).resolve())
        table = origin(how["source"], command, **{**kept, "checksum": found, "notes": notes})
        estimator.fit(corpus, test=test, data=table, resume=resume)
        if before is not None and is_first_process():
            say_forgotten(forgotten(before, estimator, self.judged_text), estimator.progress)

    def judged_text(self, how: dict[str, Any], seed: int) -> tuple[Corpus, None]:
        """What a run was tested on, or else what it learned from."""
        corpus, test = self.read(how, seed)
        return test or corpus, None

    def read(self, how: dict[str, Any], seed: int) -> tuple[Corpus, Corpus | None]:
        """What to learn from, and what to test on."""
        self.refuse_two_tests(how)
        corpus = sources.corpus(how["source"])
        if how.get("test"):
            return corpus, sources.corpus(how["test"])
        share = how.get("test_share")
        if share is None:
            is_builtin = builtin.is_builtin(how["source"])
            share = builtin.find(how["source"]).test if is_builtin else HELD_OUT
        if not 0 <= share < 1:
            raise DataError(f"--test-share is a share from 0 to below 1, not {share!r}")
        return hold_out_end(corpus, share, seed)

    def evaluate(self, run: RunFolder, source: str, given: dict[str, Any]) -> Evaluation:
        corpus = sources.corpus(source)
        say_notes(corpus.notes)
        figures = Generator.load(run.path).evaluate(corpus)
        return figures, lines_of(figures)

    def example(self, run: Path) -> str:
        return shlex.join(["unrolled", "generate", str(run), "--length", "300"])

    def predict(self, run: RunFolder, arguments: argparse.Namespace) -> None:
        raise UsageError(f"{run.path} continues texts: ask it with `unrolled generate {run.path}`")
