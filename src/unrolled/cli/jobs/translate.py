"""Translation on the command line. In: pairs of texts. Out: runs, translations, metrics."""

import argparse
import json
import shlex
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from unrolled.cli.jobs.classify import is_one_text
from unrolled.cli.jobs.figures import lines_of
from unrolled.cli.jobs.job import CommandJob, Evaluation, say_notes
from unrolled.data import builtin
from unrolled.data.notes import Notes
from unrolled.data.pairs import Pairs, read_pairs, read_sources
from unrolled.errors import UsageError
from unrolled.files import write_whole
from unrolled.tasks.target_estimator import Draw
from unrolled.tasks.translate.translator import Translator
from unrolled.training import settings as checks
from unrolled.training.run_folder import RunFolder

T = TypeVar("T")
TOGETHER = 256  # sources in each group whose translations are printed together


class TranslateCommand(CommandJob):
    """`unrolled train translate`, and the commands that use its runs."""

    name = "translate"
    summary = "translate sequences: sentences, spellings, dates"
    estimator = Translator
    columns = ("target", "from_column", "to_column", "test", "test_target", "test_share")
    asked_with = ("target", "from_column", "to_column", "best", "temperature", "seed", "align")

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
        """The training data and the test set."""
        self.refuse_two_tests(how)
        columns = how.get("from_column"), how.get("to_column")
        data = pairs_of(how["source"], how.get("target"), columns)
        if how.get("test"):
            return data, pairs_of(how["test"], how.get("test_target"), columns)
        if how.get("test_target"):
            raise UsageError("--test-target contains the translations of --test: give both")
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
        refuse_what_goes_not_together(arguments)
        model = Translator.load(run.path)
        if arguments.align:
            lines = self.aligned(run, model, arguments)
        elif arguments.best is None and arguments.temperature is None:
            lines = said(model, self.sources_of(run, arguments))
        else:
            lines = several(model, self.sources_of(run, arguments), arguments)
        if arguments.out:
            write_whole(Path(arguments.out), "\n".join([*lines, ""]))
            return
        for line in lines:
            print(line, flush=True)

    @staticmethod
    def aligned(run: RunFolder, model: Translator, arguments: argparse.Namespace) -> Iterator[str]:
        """A JSON object for each pair: its tokens, and for each target token the source token with
        the largest attention weight, counting from 0."""
        before = {} if arguments.target else run.config().get("data", {})
        names = ("from_column", "to_column")
        columns = [getattr(arguments, name) or before.get(name) for name in names]
        data = pairs_of(arguments.source, arguments.target, (columns[0], columns[1]))
        say_notes(data.notes)
        for some in _in_groups(zip(data.sources, data.targets)):
            for one in model.align([pair[0] for pair in some], [pair[1] for pair in some]):
                places = one.weights[:-1].argmax(1).tolist()
                yield json.dumps(
                    {
                        "source": list(one.source), "target": list(one.target[:-1]),
                        "looked_at": places, "log_p": round(one.log_p, 4),
                    },
                    ensure_ascii=False,
                )  # fmt: skip

    @staticmethod
    def sources_of(run: RunFolder, arguments: argparse.Namespace) -> Iterable[str]:
        """A text, the lines of stdin or of a file, or a column of a table."""
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
    """Pairs from one or two files, or built-in ones."""
    if not builtin.is_builtin(source):
        return read_pairs(source, target, columns)
    if target is not None or any(columns):
        raise UsageError(f"{source} contains pairs: leave the targets and columns out")
    found: Pairs = builtin.load(source, "translate")
    return found


def refuse_what_goes_not_together(arguments: argparse.Namespace) -> None:
    """Refuse options of `predict` that exclude each other or have no effect."""
    checks.count("--best", arguments.best, optional=True)
    several = [one for one in ("best", "temperature") if getattr(arguments, one) is not None]
    if arguments.align and several:
        raise UsageError(f"--align uses given translations, and --{several[0]} makes new ones: "
                         "leave one of them out")  # fmt: skip
    for name in ("target", "to_column"):
        if getattr(arguments, name) and not arguments.align:
            option = f"--{name}".replace("_", "-")
            raise UsageError(f"{option} names given translations: add --align, or "
                             "use `unrolled evaluate`")  # fmt: skip
    if arguments.seed is not None and arguments.temperature is None:
        raise UsageError("--seed requires --temperature: without it nothing is random")


def said(model: Translator, sources: Iterable[str]) -> Iterator[str]:
    """The translation of each source; empty for an empty source."""
    for batch in _in_groups(sources):
        asked = [text for text in batch if text]
        answers = iter(model.predict(asked) if asked else [])
        yield from (next(answers) if text else "" for text in batch)


def several(
    model: Translator, sources: Iterable[str], arguments: argparse.Namespace
) -> Iterator[str]:
    """For each source a line with the score and text of each translation, then an empty line."""
    draw = None
    if arguments.temperature is not None:
        draw = Draw.seeded(arguments.temperature, arguments.seed or 0)
    for batch in _in_groups(sources):
        asked = [text for text in batch if text]
        found = iter(model.n_best(asked, arguments.best or 1, draw) if asked else [])
        for text in batch:
            for answer, score in next(found) if text else []:
                yield f"{score:.4f}\t{answer}"
            yield ""


def _in_groups(items: Iterable[T]) -> Iterator[list[T]]:
    waiting = iter(items)
    while some := list(islice(waiting, TOGETHER)):
        yield some
