"""Translation on the command line. In: pairs of texts. Out: runs, translations, figures."""

import argparse
import shlex
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from unrolled.cli.jobs.classify import is_one_text
from unrolled.cli.jobs.figures import lines_of
from unrolled.cli.jobs.job import CommandJob, Evaluation, say_notes
from unrolled.data import builtin
from unrolled.data.notes import Notes
from unrolled.data.pairs import Pairs, read_pairs, read_sources
from unrolled.errors import UsageError
from unrolled.files import write_whole
from unrolled.tasks.translate.translator import Translator
from unrolled.training.run_folder import RunFolder

TOGETHER = 256  # sources that are translated before any is printed


class TranslateJob(CommandJob):
    """`unrolled train translate`, and what is asked of its runs."""

    name = "translate"
    summary = "translate sequences: sentences, spellings, dates"
    estimator = Translator
    columns = ("target", "from_column", "to_column", "test", "test_target", "test_share")
    asked_with = ("target", "from_column", "to_column")

    def add_columns(self, parser: argparse._ActionsContainer) -> None:
        parser.add_argument("--target", metavar="FILE", help="targets, line by line")
        parser.add_argument("--from-column", metavar="COLUMN", help="column of the sources")
        parser.add_argument("--to-column", metavar="COLUMN", help="column of the targets")
        self.add_test(parser)
        parser.add_argument("--test-target", metavar="FILE", help="targets of --test")

    def fit(
        self,
        estimator: Translator,
        how: dict[str, Any],
        command: str,
        resume: bool,
        asked: Sequence[str] = (),
    ) -> None:
        learned, test = self.read(how, estimator.seed)
        every = [learned, *([test] if test else [])]
        values = (text for one in every for text in (*one.sources, *one.targets))
        notes = list(Notes([note for one in every for note in one.notes]))
        table = self.origin_of(estimator, how, command, values, notes, resume)
        other = (test.sources, test.targets) if test else None
        estimator.fit(learned.sources, learned.targets, other, data=table, resume=resume)

    def read(self, how: dict[str, Any], seed: int) -> tuple[Pairs, Pairs | None]:
        """What to learn from, and what to test on."""
        self.refuse_two_tests(how)
        columns = how.get("from_column"), how.get("to_column")
        data = pairs_of(how["source"], how.get("target"), columns)
        if how.get("test"):
            return data, pairs_of(how["test"], how.get("test_target"), columns)
        if how.get("test_target"):
            raise UsageError("--test-target is what the lines of --test become: name both")
        share = self.share_of(how)
        return data.hold_out(share, seed)

    def evaluate(self, run: RunFolder, source: str, given: dict[str, Any]) -> Evaluation:
        model = Translator.load(run.path)
        target = given.get("target")
        before = {} if target else run.config().get("data", {})
        columns = [given.get(name) or before.get(name) for name in ("from_column", "to_column")]
        data = pairs_of(source, target, (columns[0], columns[1]))
        say_notes(data.notes)
        figures = model.evaluate(data.sources, data.targets)
        return figures, lines_of(figures)

    def example(self, run: Path) -> str:
        return shlex.join(["unrolled", "predict", str(run), "a text of your own"])

    def predict(self, run: RunFolder, arguments: argparse.Namespace) -> None:
        self.refuse_answers_of_classes(arguments)
        model = Translator.load(run.path)
        lines = said(model, self.sources_of(run, arguments))
        if arguments.out:
            write_whole(Path(arguments.out), "\n".join([*lines, ""]))
            return
        for line in lines:
            print(line, flush=True)

    @staticmethod
    def sources_of(run: RunFolder, arguments: argparse.Namespace) -> Iterable[str]:
        """One text, the lines of stdin or of a file, or a column of a table."""
        source = arguments.source
        if source == "-":
            return (" ".join(line.split()) for line in sys.stdin)
        if is_one_text(source):
            return [source]
        if builtin.is_builtin(source):
            return pairs_of(source, None).sources
        column = arguments.from_column or run.config().get("data", {}).get("from_column")
        return read_sources(source, column)


def pairs_of(
    source: str, target: str | None, columns: tuple[str | None, str | None] = (None, None)
) -> Pairs:
    """Pairs of a file or two, or built-in ones."""
    if not builtin.is_builtin(source):
        return read_pairs(source, target, columns)
    if target is not None or any(columns):
        raise UsageError(f"{source} has its pairs in itself: leave the targets and columns out")
    found: Pairs = builtin.load(source, "translate")
    return found


def said(model: Translator, sources: Iterable[str]) -> Iterator[str]:
    """A line for each source; an empty one for an empty one."""
    waiting = iter(sources)
    while batch := list(islice(waiting, TOGETHER)):
        asked = [text for text in batch if text]
        answers = iter(model.predict(asked) if asked else [])
        yield from (next(answers) if text else "" for text in batch)
