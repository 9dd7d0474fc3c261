"""Text generation on the command line. In: running text. Out: runs and metrics."""

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
from unrolled.data import sources
from unrolled.data.corpus import Corpus
from unrolled.errors import UsageError
from unrolled.tasks.generate.generator import Generator
from unrolled.tasks.generate.streams import hold_out_end
from unrolled.training.fabric import is_first_process
from unrolled.training.run_folder import RunFolder


class GenerateCommand(CommandJob):
    """`unrolled train generate`, and the commands that use its runs."""

    name = "generate"
    summary = "learn to continue a text"
    estimator = Generator
    columns = ("test", "test_share", "from_run")

    def add_columns(self, parser: argparse._ActionsContainer) -> None:
        add_from(parser)
        self.add_test(parser)

    def fit(
        self,
        estimator: Generator,
        how: dict[str, Any],
        command: str,
        resume: bool,
        asked: Sequence[str] = (),
    ) -> None:
        corpus, test = self.read(how, estimator.seed)
        values = chain(corpus.blocks(), test.blocks() if test else [])
        table = self.origin_of(estimator, how, command, values, list(corpus.notes), resume)
        before = None
        if "from_run" in how:
            before = run_to_continue(how["from_run"], self.name, Generator)
            estimator.start_from(before)
        estimator.fit(corpus, test=test, data=table, resume=resume)
        if before is not None and is_first_process():
            say_forgotten(forgotten(before, estimator, self.judged_text), estimator.progress)

    def judged_text(self, how: dict[str, Any], seed: int) -> tuple[Corpus, None]:
        """The test set of a run, or its training data if it has none."""
        corpus, test = self.read(how, seed)
        return test or corpus, None

    def read(self, how: dict[str, Any], seed: int) -> tuple[Corpus, Corpus | None]:
        """The training data and the test set."""
        self.refuse_two_tests(how)
        corpus = sources.corpus(how["source"])
        if how.get("test"):
            return corpus, sources.corpus(how["test"])
        share = self.share_of(how)
        return hold_out_end(corpus, share, seed)

    def evaluate(self, run: RunFolder, source: str, given: dict[str, Any]) -> Evaluation:
        corpus = sources.corpus(source)
        say_notes(corpus.notes)
        figures = Generator.load(run.path).evaluate(corpus)
        return figures, lines_of(figures)

    def example(self, run: Path) -> str:
        return shlex.join(["unrolled", "generate", str(run), "--length", "300"])

    def predict(self, run: RunFolder, arguments: argparse.Namespace) -> None:
        raise UsageError(f"{run.path} continues texts: use `unrolled generate {run.path}`")
