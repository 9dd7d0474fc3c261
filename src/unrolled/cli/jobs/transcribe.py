"""Transcription on the command line. In: recordings and their texts. Out: runs, texts, figures."""

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
from unrolled.errors import DataError
from unrolled.tasks.origin import checksum, origin, require_same
from unrolled.tasks.transcribe.transcriber import Transcriber
from unrolled.training.fabric import is_first_process
from unrolled.training.run_folder import RunFolder

COLUMNS = ("file", "text")
HELD_OUT = 0.1  # of the recordings for the test, where no file is named for it


class TranscribeJob(CommandJob):
    """`unrolled train transcribe`, and what is asked of its runs."""

    name = "transcribe"
    summary = "transcribe recordings of speech"
    estimator = Transcriber
    columns = (*COLUMNS, "test", "test_share")
    asked_with = COLUMNS

    def add_columns(self, parser: argparse._ActionsContainer) -> None:
        parser.add_argument("--file", metavar="COLUMN", help="column of the sound files")
        parser.add_argument("--text", metavar="COLUMN", help="column of the texts")
        parser.add_argument("--test", metavar="FILE", help="test set")
        parser.add_argument(
            "--test-share", type=float, metavar="SHARE",
            help=f"fraction held out for testing if there is no --test (default: {HELD_OUT})",
        )  # fmt: skip

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
        found = checksum(
            value for one in every for value in (*one.texts, *(s.samples for s in one.sounds))
        )
        notes = list(Notes([note for one in every for note in one.notes]))
        if is_first_process() and estimator.progress != "json":
            say_notes(notes)
        if resume:
            require_same(how, found, estimator.out)
        kept = {key: value for key, value in how.items() if key not in ("source", "command")}
        table = origin(how["source"], command, **{**kept, "checksum": found, "notes": notes})
        other = ([one.samples for one in test.sounds], test.texts) if test else None
        estimator.fit(
            [one.samples for one in learned.sounds], learned.texts, other,
            rate=learned.rate, data=table, resume=resume,
        )  # fmt: skip

    def read(self, how: dict[str, Any], seed: int) -> tuple[Speech, Speech | None]:
        """What to learn from, and what to test on."""
        self.refuse_two_tests(how)
        file, text = how.get("file"), how.get("text")
        data = read_speech(how["source"], file, text)
        if how.get("test"):
            return data, read_speech(how["test"], file, text, rate=data.rate)
        share = how.get("test_share")
        share = HELD_OUT if share is None else share
        if not 0 <= share < 1:
            raise DataError(f"--test-share is a share from 0 to below 1, not {share!r}")
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
