"""Composes music. In: pieces. Out: a model that composes others; next: cli.

    model = Composer(epochs=10).fit(pieces)        # `Piece`s of `unrolled.data.scores`
    model.compose(64, seed=3)                      # quarter notes

A tenth of the pieces is used for validation: it determines which weights are kept and when training
stops.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from unrolled.cells.choosing import ChosenCell
from unrolled.data.piano_roll import fine_enough, heard, piece_of, roll_of
from unrolled.data.scores import KEYS, Music, Piece
from unrolled.errors import ArgumentError
from unrolled.report.numbers import counted
from unrolled.tasks.budget import Rows, in_time
from unrolled.tasks.compose import sampling
from unrolled.tasks.compose.job import MusicJob, begin_with, frequencies
from unrolled.tasks.compose.model import MusicNetwork
from unrolled.tasks.compose.page import Findings, page_of
from unrolled.tasks.estimator import Estimator, seeded
from unrolled.tasks.options import option
from unrolled.tasks.ragged import Ragged
from unrolled.training import settings as checks
from unrolled.training.fabric import start_fabric
from unrolled.training.job import Share
from unrolled.training.loop import evaluate
from unrolled.training.run_folder import RunFolder
from unrolled.training.schedules import SCHEDULES

MOST = 96  # steps in a quarter note: scores are not finer
PIECES = 64  # pieces that are sampled at once under a voice
GIVEN, COMPOSED = 8, 64  # quarter notes of the pieces in the report
LONGEST = 10_000  # quarter notes of a composed piece


@dataclass(kw_only=True, eq=False, repr=False)
class Composer(Estimator):
    """A recurrent network that predicts the next keys, from low to high."""

    TASK: ClassVar[str] = "compose"

    cell: Any = option("gru", "a cell of the library, or FILE.py:CLASS")
    hidden: int = option(128, "units in each layer", int)
    dropout: float = option(0.2, "dropout probability", float)
    lr: float = option(0.005, "learning rate", float)
    schedule: str = option("cosine", "learning rate schedule", choices=tuple(SCHEDULES))
    epochs: int = option(40, "maximum number of epochs", int)
    batch_size: int = option(8, "pieces per batch", int)
    units: int = option(32, "units of the network that scores each key", int)
    steps: int | None = option(
        None, "steps per quarter note (default: as few as keep three quarters of the notes)", int
    )
    transpose: int = option(6, "transpose pieces by up to this many semitones in training", int)
    window: int = option(128, "steps of truncated backpropagation", int)

    def check(self) -> ChosenCell:
        cell = super().check()
        for name in ("units", "window"):
            checks.count(name, getattr(self, name))
        checks.count("steps", self.steps, optional=True)
        checks.at_most("steps", self.steps or 1, MOST)
        checks.not_negative("transpose", self.transpose)
        checks.at_most("transpose", self.transpose, KEYS)
        return cell

    # -------------------------------------------------------------------------------- learning

    def fit(
        self,
        X: Sequence[Piece],
        y: None = None,
        test: Sequence[Piece] | None = None,
        *,
        data: dict[str, Any] | None = None,
        resume: bool = False,
    ) -> Composer:
        """Fit the network to pieces; `data` describes their origin for the run."""
        self.begin(data, resume)
        given = in_time(self, Rows((as_pieces(X),), test), resume)
        (pieces,), test = given.columns, given.test
        learned, held = Music(pieces).hold_out(self.validation, self.seed)
        self.steps_ = self.steps or fine_enough(learned.pieces)
        self.tempo_ = float(np.median([piece.tempo for piece in learned.pieces]))
        self._say_what_is_heard(pieces)
        rolls = {"train": self._rolls(learned.pieces)}
        if held is not None:
            rolls["validation"] = self._rolls(held.pieces)
        if test:
            rolls["test"] = self._rolls(as_pieces(test))
        parts = {name: Ragged.of(some, np.uint8) for name, some in rolls.items()}
        parts["train"] = Ragged.of(cut(rolls["train"], self.window), np.uint8)
        model = self._build()
        begin_with(model.chain, frequencies(parts["train"].values))
        job = MusicJob(model, parts, self.batch_size, self.transpose, self.seed)
        config = self.learn(job, data, resume)
        self.write_report(lambda: page_of(self._findings(config, rolls)))
        return self

    def _say_what_is_heard(self, pieces: Sequence[Piece]) -> None:
        missed = 1 - heard(pieces, self.steps_)
        if missed > 0:
            note = (
                f"with {counted(self.steps_, 'step')} per quarter note, {missed:.1%} of the notes "
                "are between two steps and are left out (see --steps)"
            )
            self.notes_.say(note)
            self.watcher().note(note)

    def _rolls(self, pieces: Sequence[Piece]) -> list[Any]:
        rolls = [roll_of(piece, self.steps_) for piece in pieces]
        if not all(len(roll) for roll in rolls):
            raise ArgumentError("a piece has no note at the start of a step: use a higher --steps")
        return rolls

    def _build(self) -> MusicNetwork:
        with seeded(self.seed):
            return MusicNetwork(
                self.cell_,
                KEYS,
                steps=self.steps_,
                hidden=self.hidden,
                layers=self.layers,
                units=self.units,
                dropout=self.dropout,
            )

    def _findings(self, config: Any, rolls: dict[str, list[Any]]) -> Findings:
        """The findings of the report: a held-out piece, its beginning and its melody."""
        part = next(name for name in ("test", "validation", "train") if name in rolls)
        shown = max(rolls[part], key=lambda roll: min(len(roll), COMPOSED * self.steps_))
        steps = min(len(shown), COMPOSED * self.steps_)
        given = min(GIVEN * self.steps_, steps // 2)
        voice = highest(shown[:steps])
        network, seed = self.model_, self.seed
        return Findings(
            config=config,
            cell=self.cell_,
            model=network,
            state=self.state_,
            rolls=rolls,
            part=part,
            steps=self.steps_,
            tempo=self.tempo_,
            piece=shown[:steps],
            given=given,
            voice=voice,
            free=sampling.compose(network, COMPOSED * self.steps_, seed=seed),
            continued=sampling.compose(network, steps, beginning=shown[:given], seed=seed),
            harmonized=sampling.compose(network, steps, voice=voice, pieces=PIECES, seed=seed),
            notes=self.notes_.sentences,
            command=str(config["data"].get("command", repr(self))),
        )

    # ---------------------------------------------------------------------------------- asking

    def compose(
        self,
        length: float | None = None,
        *,
        beginning: Piece | None = None,
        voice: Piece | None = None,
        temperature: float = 1.0,
        pieces: int = PIECES,
        seed: int = 0,
        tempo: float | None = None,
        tell: Callable[[int], None] = lambda step: None,
    ) -> Piece:
        """Compose `length` quarter notes, after a given beginning and below a given voice."""
        self.require_fitted("model_")
        checks.not_negative("temperature", temperature)
        checks.count("pieces", pieces)
        top = None if voice is None else highest(self._rolls([voice])[0])
        first = None if beginning is None else self._rolls([beginning])[0]
        if length is None:
            length = COMPOSED if top is None else len(top) / self.steps_
        if not 0 < length <= LONGEST:
            raise ArgumentError(
                f"length must be above 0 and at most {LONGEST:,} quarter notes, not {length}"
            )
        roll = sampling.compose(
            self.model_,
            max(1, round(length * self.steps_)),
            beginning=first,
            voice=top,
            temperature=temperature,
            pieces=1 if voice is None else pieces,
            seed=seed,
            tell=tell,
        )
        own = voice or beginning
        speed = tempo or (self.tempo_ if own is None else own.tempo)
        return piece_of(roll, self.steps_, "composed", speed)

    def predict(self, X: Sequence[Piece]) -> list[Piece]:
        """Continue each piece for its own length."""
        return [self.compose(2 * piece.length, beginning=piece) for piece in as_pieces(X)]

    def evaluate(self, X: Sequence[Piece], y: None = None) -> dict[str, float]:
        """Negative log-likelihood in nats per step: of sounding keys, repeated notes, and both."""
        self.require_fitted("model_")
        parts = {"test": Ragged.of(self._rolls(as_pieces(X)), np.uint8)}
        job = MusicJob(self.model_, parts, self.batch_size, 0, self.seed)
        figures = evaluate(start_fabric(checks.Settings()), job, self.model_, "test", Share())
        return {**figures, "pieces": len(X), "steps": int(parts["test"].lengths.sum())}

    def score(self, X: Sequence[Piece], y: None = None) -> float:
        """Minus the nats per step of the keys: higher is better, as in scikit-learn."""
        return -self.evaluate(X)["notes"]

    # ----------------------------------------------------------------------------------- a run

    def _vocabulary(self) -> dict[str, Any]:
        return {"steps": self.steps_, "tempo": self.tempo_}

    def _recall(self, vocabulary: dict[str, Any], run: RunFolder) -> None:
        self.steps_, self.tempo_ = vocabulary["steps"], float(vocabulary["tempo"])
        if type(self.steps_) is not int or not 1 <= self.steps_ <= MOST:
            raise ValueError(f"steps cannot be {self.steps_!r:.40}")
        if not 1 <= self.tempo_ <= 10_000:
            raise ValueError(f"tempo cannot be {self.tempo_!r:.40}")


def as_pieces(X: Any) -> list[Piece]:
    """Check that X is a list of pieces with notes."""
    pieces = list(X)
    if not pieces:
        raise ArgumentError("X is empty: it must contain pieces")
    for number, one in enumerate(pieces, 1):
        if not isinstance(one, Piece) or not one.notes:
            raise ArgumentError(
                f"item {number} of X is not a Piece with notes: read files with "
                "unrolled.data.scores.read_music"
            )
    return pieces


def cut(rolls: Sequence[Any], window: int) -> list[Any]:
    """Split pieces into parts of about the same length, at most the window."""
    return [
        part
        for roll in rolls
        for part in np.array_split(roll, -(-len(roll) // window))
        if len(part)
    ]


def highest(roll: Any) -> Any:
    """The melody: the highest key of each step."""
    found = np.zeros_like(roll)
    for step, keys in enumerate(roll):
        if keys.any():
            top = np.flatnonzero(keys).max()
            found[step, top] = keys[top]
    return found
