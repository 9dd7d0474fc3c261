"""Captions on the command line. In: pictures and their texts. Out: runs, texts, metrics."""

import argparse
import shlex
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from unrolled.cli.jobs.figures import lines_of
from unrolled.cli.jobs.job import CommandJob, Evaluation, say_notes
from unrolled.data import builtin
from unrolled.data.described import Described
from unrolled.data.notes import Notes
from unrolled.data.pictures import picture_stream, read_pictures
from unrolled.data.writing import frame_of, write_table
from unrolled.errors import UsageError
from unrolled.tasks.caption.captioner import Captioner
from unrolled.training.run_folder import RunFolder

COLUMNS = ("file", "text")
TOGETHER = 256  # pictures in each group whose texts are printed together


class CaptionCommand(CommandJob):
    """`unrolled train caption`, and the commands that use its runs."""

    name = "caption"
    summary = "describe or read pictures"
    estimator = Captioner
    columns = (*COLUMNS, "test", "test_share")
    asked_with = COLUMNS

    def add_columns(self, parser: argparse._ActionsContainer) -> None:
        parser.add_argument("--file", metavar="COLUMN", help="column of the picture files")
        parser.add_argument("--text", metavar="COLUMN", help="column of the texts")
        self.add_test(parser)

    def fit(
        self,
        estimator: Captioner,
        how: dict[str, Any],
        command: str,
        resume: bool,
        asked: Sequence[str] = (),
    ) -> None:
        learned, test = self.read(how, estimator)
        every = [learned, *([test] if test else [])]
        values = (value for one in every for value in (*one.texts, *one.contents))
        notes = list(Notes([note for one in every for note in one.notes]))
        table = self.origin_of(estimator, how, command, values, notes, resume)
        other = (test.contents, test.texts) if test else None
        estimator.fit(
            learned.contents, learned.texts, other,
            data=table, names=(learned.names, test.names if test else []), resume=resume,
        )  # fmt: skip

    def read(self, how: dict[str, Any], estimator: Captioner) -> tuple[Described, Described | None]:
        """The training data and the test set."""
        self.refuse_two_tests(how)
        data, test = self.parts_of(how["source"], how, estimator.size)
        if how.get("test"):
            return data, self.parts_of(how["test"], how, estimator.size)[0]
        if test is not None:
            if how.get("test_share") is not None:
                raise UsageError(f"{how['source']} has its own test set: leave --test-share out")
            return data, test
        return data.hold_out(self.share_of(how), estimator.seed)

    @staticmethod
    def parts_of(
        source: str, columns: dict[str, Any], most: int
    ) -> tuple[Described, Described | None]:
        """The pictures of a source, and its own test set, if it has one."""
        named = [name for name in COLUMNS if columns.get(name)]
        if not builtin.is_builtin(source):
            return read_pictures(source, *(columns.get(one) for one in COLUMNS), most=most), None
        if named:
            raise UsageError(f"--{named[0]} names a column of a file, and {source} is not one: "
                             "leave it out")  # fmt: skip
        data = builtin.load(source, "caption")
        return data.train, data.test

    def judges_unseen(self, source: str) -> bool:
        """Built-in data have a test set."""
        return builtin.is_builtin(source)

    def evaluate(self, run: RunFolder, source: str, given: dict[str, Any]) -> Evaluation:
        model = Captioner.load(run.path)
        before = {} if builtin.is_builtin(source) else run.config().get("data", {})
        columns = {name: given.get(name) or before.get(name) for name in COLUMNS}
        learned, test = self.parts_of(source, columns, model.size)
        data = learned if test is None else test
        say_notes(data.notes)
        figures = model.evaluate(data.contents, data.texts)
        return figures, lines_of(figures)

    def example(self, run: Path) -> str:
        return shlex.join(["unrolled", "predict", str(run)]) + " picture.png"

    def predict(self, run: RunFolder, arguments: argparse.Namespace) -> None:
        self.refuse_answers_of_classes(arguments)
        model, notes = Captioner.load(run.path), Notes()
        file = arguments.file or run.config().get("data", {}).get("file")
        lines = said(model, arguments.source, file, notes)
        if arguments.out:
            rows = ([frame_of(["file", "text"], some)] for some in batches(lines))
            write_table(arguments.out, (frame for frames in rows for frame in frames))
        else:
            for _, text in lines:
                print(text, flush=True)
        say_notes(notes)


def said(
    model: Captioner, source: str, file: str | None, notes: Notes
) -> Iterator[tuple[str, str]]:
    """The name and the text of each picture; the text is empty if the picture cannot be read."""
    if builtin.is_builtin(source):
        data = builtin.load(source, "caption")
        stream: Iterator[tuple[str, Any]] = iter(zip(data.test.names, data.test.contents))
    else:
        stream = picture_stream(source, file, notes, model.size)
    for some in batches(stream):
        there = [pixels for _, pixels in some if pixels is not None]
        texts = iter(model.predict(there) if there else [])
        yield from ((name, "" if pixels is None else next(texts)) for name, pixels in some)


def batches(lines: Iterator[tuple[str, Any]]) -> Iterator[list[tuple[str, Any]]]:
    """Group the lines."""
    while some := list(islice(lines, TOGETHER)):
        yield some
