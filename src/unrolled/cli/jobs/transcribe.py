"""Transcription on the command line. In: recordings and their texts. Out: runs, texts, metrics."""

import argparse
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from unrolled.cli.jobs.figures import lines_of
from unrolled.cli.jobs.job import CommandJob, Evaluation, say_notes
from unrolled.data.notes import Notes
from unrolled.data.speech import Speech, read_speech
from unrolled.data.writing import frame_of, write_table
from unrolled.tasks.transcribe.transcriber import Transcriber
from unrolled.training.run_folder import RunFolder

COLUMNS = ("file", "text")


class TranscribeCommand(CommandJob):
    """`unrolled train transcribe`, and the commands that use its runs."""

    name = "transcribe"
    summary = "transcribe recordings of speech"
    estimator = Transcriber
    columns = (*COLUMNS, "test", "test_share")
    asked_with = COLUMNS

    def add_columns(self, parser: argparse._ActionsContainer) -> None:
        parser.add_argument("--file", metavar="COLUMN", help="column of the sound files")
        parser.add_argument("--text", metavar="COLUMN", help="column of the texts")
        self.add_test(parser)

    def fit(
        self,
        estimator: Transcriber,
        how: dict[str, Any],
        command: str,
        resume: bool,
        asked: Sequence[str] = (),
    ) -> None:
        learned, test = self.read(how, estimator.seed)
        every = [learned, *([test] if test else [])]
        values = (
            value for one in every for value in (*one.texts, *(s.samples for s in one.sounds))
        )
        notes = list(Notes([note for one in every for note in one.notes]))
        table = self.origin_of(estimator, how, command, values, notes, resume)
        other = ([one.samples for one in test.sounds], test.texts) if test else None
        estimator.fit(
            [one.samples for one in learned.sounds], learned.texts, other,
            rate=learned.rate, data=table, resume=resume,
        )  # fmt: skip

    def read(self, how: dict[str, Any], seed: int) -> tuple[Speech, Speech | None]:
        """The training data and the test set."""
        self.refuse_two_tests(how)
        file, text = how.get("file"), how.get("text")
        data = read_speech(how["source"], file, text)
        if how.get("test"):
            return data, read_speech(how["test"], file, text, rate=data.rate)
        share = self.share_of(how)
        return data.hold_out(share, seed)

    def evaluate(self, run: RunFolder, source: str, given: dict[str, Any]) -> Evaluation:
        model = Transcriber.load(run.path)
        before = run.config().get("data", {})
        file, text = (given.get(name) or before.get(name) for name in COLUMNS)
        data = read_speech(source, file, text, rate=model.features_.rate)
        say_notes(data.notes)
        figures = model.evaluate([one.samples for one in data.sounds], data.texts)
        return figures, lines_of(figures)

    def example(self, run: Path) -> str:
        return shlex.join(["unrolled", "transcribe", str(run)]) + " speech.wav"

    def predict(self, run: RunFolder, arguments: argparse.Namespace) -> None:
        self.refuse_answers_of_classes(arguments)
        model = Transcriber.load(run.path)
        file = getattr(arguments, "file", None)
        rate = model.features_.rate
        data = read_speech(arguments.source, file, labelled=False, rate=rate)
        say_notes(data.notes)
        said = model.predict([one.samples for one in data.sounds])
        if arguments.out:
            lines = [[name, text] for name, text in zip(data.names, said)]
            write_table(arguments.out, [frame_of(["file", "text"], lines)])
            return
        for text in said:
            print(text)
