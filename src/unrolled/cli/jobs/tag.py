"""Tagging on the command line. In: sentences with a tag for each word. Out: runs, tags, metrics."""

import argparse
import shlex
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from unrolled.cli.jobs.continuing import add_from, forgotten, run_to_continue, say_forgotten
from unrolled.cli.jobs.figures import lines_of
from unrolled.cli.jobs.job import CommandJob, Evaluation, say_notes
from unrolled.data import restoring, sources
from unrolled.data.notes import Notes
from unrolled.data.opening import existing, kind_of, survey, text_lines
from unrolled.data.schemes import SCHEMES
from unrolled.data.tagged import Columns, Tagged, read_tagged, settle_scheme
from unrolled.errors import DataError, UsageError
from unrolled.files import write_whole
from unrolled.tasks.tag import answers
from unrolled.tasks.tag.answers import Sentence, put_back, sentences_in
from unrolled.tasks.tag.tagger import Tagger
from unrolled.training.fabric import is_first_process
from unrolled.training.run_folder import RunFolder

COLUMNS = ("word", "tag", "sentence")
TOGETHER = 256  # sentences that are tagged at once
PLAIN = (".txt", ".md", "")  # what `predict` reads as running text


class TagCommand(CommandJob):
    """`unrolled train tag`, and the commands that use its runs."""

    name = "tag"
    summary = "tag each word: parts of speech, names"
    estimator = Tagger
    columns = (*COLUMNS, "scheme", "restore", "test", "test_share", "from_run")
    asked_with = (*COLUMNS, "format")

    def add_columns(self, parser: argparse._ActionsContainer) -> None:
        add_from(parser)
        for name in ("word", "tag"):
            parser.add_argument(
                f"--{name}", metavar="COLUMN",
                help=f"column of the {name}s: its name, or its number counting from 1",
            )  # fmt: skip
        parser.add_argument(
            "--sentence", metavar="COLUMN", help="column that identifies the sentence"
        )
        parser.add_argument("--scheme", choices=SCHEMES, help="tagging scheme of spans")
        parser.add_argument(
            "--restore", choices=restoring.RESTORED,
            help="learn from plain text to restore what is removed from it",
        )  # fmt: skip
        self.add_test(parser)

    def fit(
        self,
        estimator: Tagger,
        how: dict[str, Any],
        command: str,
        resume: bool,
        asked: Sequence[str] = (),
    ) -> None:
        learned, test = self.read(how, estimator.seed)
        every = [learned, *([test] if test else [])]
        values = ("\t".join(line) for one in every for line in (*one.sentences, *one.tags))
        notes = list(Notes([note for one in every for note in one.notes]))
        table = self.origin_of(estimator, how, command, values, notes, resume)
        other = (test.sentences, test.tags) if test else None
        before = None
        if "from_run" in how:
            before = run_to_continue(how["from_run"], self.name, Tagger)
            estimator.start_from(before)
        estimator.fit(
            learned.sentences, learned.tags, other, scheme=learned.scheme, data=table, resume=resume
        )
        if before is not None and is_first_process():
            say_forgotten(forgotten(before, estimator, self.judged_tags), estimator.progress)

    def judged_tags(self, how: dict[str, Any], seed: int) -> tuple[Any, Any]:
        """The test set of a run, or its training data if it has none."""
        learned, test = self.read(how, seed)
        judged = test or learned
        return judged.sentences, judged.tags

    def read(self, how: dict[str, Any], seed: int) -> tuple[Tagged, Tagged | None]:
        """The training data and the test set."""
        self.refuse_two_tests(how)
        if how.get("scheme") and how.get("from_run"):
            raise UsageError("with --from the scheme is that of the run: leave --scheme out")
        named = [name for name in (*COLUMNS, "scheme") if how.get(name)]
        if how.get("restore") and named:
            raise UsageError(
                f"--{named[0]} is for files with tags, and --restore reads running text: leave one "
                "of them out"
            )
        columns = Columns(**{name: how.get(name) for name in COLUMNS})

        def tagged(source: str) -> Tagged:
            if how.get("restore"):
                return restoring.restoring(sources.corpus(source).blocks(), how["restore"])
            return read_tagged(source, columns, scheme=how.get("scheme"))

        data = tagged(how["source"])
        if how.get("test"):
            test = tagged(how["test"])
            settle_scheme(test, data.scheme)
            return data, test
        share = self.share_of(how)
        return data.hold_out(share, seed)

    def evaluate(self, run: RunFolder, source: str, given: dict[str, Any]) -> Evaluation:
        model = Tagger.load(run.path)
        kind = run.config().get("data", {}).get("restore")
        if kind:
            data = restoring.restoring(sources.corpus(source).blocks(), kind)
        else:
            data = read_tagged(source, self.columns_of(run, source, given))
        say_notes(data.notes)
        figures = model.evaluate(data.sentences, data.tags)
        found = {**figures, "classes": model.tags_, "confusion": figures["confusion"].tolist()}
        return found, lines_of(found)

    def example(self, run: Path) -> str:
        return shlex.join(["unrolled", "predict", str(run), "A sentence of your own."])

    def predict(self, run: RunFolder, arguments: argparse.Namespace) -> None:
        model = Tagger.load(run.path)
        self.refuse_answers_of_classes(arguments)
        kind = run.config().get("data", {}).get("restore")
        if kind:
            self.restore(model, kind, arguments)
            return
        sentences = self.sentences_of(run, arguments)
        form = arguments.format or "json"
        if arguments.out:
            write_whole(Path(arguments.out), "\n".join([*written(model, sentences, form), ""]))
            return
        for line in written(model, sentences, form):
            print(line, flush=True)

    @staticmethod
    def restore(model: Tagger, kind: str, arguments: argparse.Namespace) -> None:
        """Print the restored text, line by line."""
        if arguments.format:
            raise UsageError("this run restores text, and prints text: leave --format out")
        source = arguments.source
        if source == "-" or is_one_text(source):
            lines: Iterable[str] = sys.stdin if source == "-" else source.splitlines()
        else:
            path = existing(source)
            lines = text_lines(path, survey(path))
        found = (put_back(model, line, kind) for line in lines)
        if arguments.out:
            write_whole(Path(arguments.out), "\n".join([*found, ""]))
            return
        for line in found:
            print(line, flush=True)

    def sentences_of(self, run: RunFolder, arguments: argparse.Namespace) -> Iterable[Sentence]:
        """Sentences: split from running text, or as given in a file with a word in each row."""
        source = arguments.source
        if source == "-":
            return (one for line in sys.stdin for one in sentences_in(line))
        if is_one_text(source):
            return (one for line in source.splitlines() for one in sentences_in(line))
        path = existing(source)
        if kind_of(path) in PLAIN and not arguments.word:
            return (one for line in text_lines(path, survey(path)) for one in sentences_in(line))
        columns = self.columns_of(run, source, vars(arguments))
        data = read_tagged(source, columns, labelled=False)
        say_notes(data.notes)
        return map(Sentence.of_words, data.sentences)

    @staticmethod
    def columns_of(run: RunFolder, source: str, given: dict[str, Any]) -> Columns:
        """The given columns, or those of training if the file is of the same kind."""
        before = run.config().get("data", {})
        if kind_of(Path(source)) != kind_of(Path(str(before.get("source")))):
            before = {}
        return Columns(**{name: given.get(name) or before.get(name) for name in COLUMNS})


def is_one_text(source: str) -> bool:
    """Whether the argument is a text, not the name of a file."""
    if "\n" in source or (len(source) > 200 and " " in source):
        return True
    if Path(source).exists():
        return False
    if " " not in source.strip() and ("." in source or "/" in source):
        raise DataError(f"there is no file {source!r} (put a text in quotation marks)")
    return True


def written(model: Tagger, sentences: Iterable[Sentence], form: str) -> Iterator[str]:
    """The predictions in one of the formats, as they are computed."""
    has_spans = model.scheme_ != "plain"
    colours: dict[str, str] = {}
    if form == "html":
        yield answers.HTML_BEGINS
    waiting = iter(sentences)
    while batch := list(islice(waiting, TOGETHER)):
        for sentence, said in zip(batch, model.say([one.words for one in batch])):
            if form == "json":
                yield answers.as_json(sentence, said, has_spans)
            elif form == "conll":
                yield answers.as_conll(sentence, said)
            else:
                yield answers.as_html(sentence, said, has_spans, colours)
    if form == "html":
        yield answers.HTML_ENDS
