"""Music on the command line. In: scores. Out: runs, metrics."""

import argparse
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from unrolled.cli.jobs.figures import lines_of
from unrolled.cli.jobs.job import CommandJob, Evaluation, say_notes
from unrolled.data import builtin
from unrolled.data.notes import Notes
from unrolled.data.score_files import read_music
from unrolled.data.scores import Music
from unrolled.errors import UsageError
from unrolled.tasks.compose.composer import Composer
from unrolled.training.run_folder import RunFolder


class ComposeCommand(CommandJob):
    """`unrolled train compose`, and the commands that use its runs."""

    name = "compose"
    summary = "music: pieces in MIDI, ABC or MusicXML"
    estimator = Composer
    columns = ("test", "test_share")

    def add_columns(self, parser: argparse._ActionsContainer) -> None:
        self.add_test(parser)

    def fit(
        self,
        estimator: Composer,
        how: dict[str, Any],
        command: str,
        resume: bool,
        asked: Sequence[str] = (),
    ) -> None:
        learned, test = self.read(how, estimator.seed)
        every = [learned, *([test] if test else [])]
        values = (str(piece.notes) for one in every for piece in one.pieces)
        notes = list(Notes([note for one in every for note in one.notes]))
        table = self.origin_of(estimator, how, command, values, notes, resume)
        other = test.pieces if test else None
        estimator.fit(learned.pieces, test=other, data=table, resume=resume)

    def read(self, how: dict[str, Any], seed: int) -> tuple[Music, Music | None]:
        """The training data and the test set."""
        self.refuse_two_tests(how)
        data = music(how["source"])
        if how.get("test"):
            return data, music(how["test"])
        share = self.share_of(how)
        if share and len(data) == 1:
            data.notes.say("there is only one piece, so nothing is held out: the metrics of this "
                           "run do not apply to other pieces")  # fmt: skip
        return data.hold_out(share, seed)

    def evaluate(self, run: RunFolder, source: str, given: dict[str, Any]) -> Evaluation:
        model = Composer.load(run.path)
        data = music(source)
        say_notes(data.notes)
        figures = model.evaluate(data.pieces)
        return figures, lines_of(figures)

    def example(self, run: Path) -> str:
        return shlex.join(["unrolled", "compose", str(run), "--out", "piece.mid"])

    def predict(self, run: RunFolder, arguments: argparse.Namespace) -> None:
        raise UsageError(f"{run.path} composes music: use `unrolled compose {run.path}`")


def music(source: str) -> Music:
    """Pieces of a file, a folder or a built-in set."""
    if builtin.is_builtin(source):
        found: Music = builtin.load(source, "compose")
        return found
    return read_music(source)
