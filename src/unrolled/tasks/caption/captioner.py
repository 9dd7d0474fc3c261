"""Generates texts for pictures. In: pictures and texts. Out: texts of other pictures; next: cli.

    model = Captioner(epochs=10)
    model.fit(pictures, texts)             # arrays (height, width[, 3]) of any sizes
    model.predict(other_pictures)

A tenth of the training pictures is used for validation: it alone determines which weights are kept
and when training stops. A `test` set is evaluated in every epoch, but has no influence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from unrolled.cells.choosing import ChosenCell
from unrolled.data.canvas import Canvas, as_pictures
from unrolled.data.pictures import LARGEST_SIDE
from unrolled.data.splits import hold_out
from unrolled.errors import ArgumentError, require
from unrolled.networks.attention import SCORES
from unrolled.tasks.budget import Rows, in_time
from unrolled.tasks.caption.model import CaptionNetwork
from unrolled.tasks.caption.page import Findings, Look, page_of
from unrolled.tasks.estimator import seeded
from unrolled.tasks.options import option
from unrolled.tasks.ragged import Ragged
from unrolled.tasks.target_estimator import TargetEstimator
from unrolled.tasks.tokens import Tokens
from unrolled.training import settings as checks
from unrolled.training.run_folder import RunFolder

TOGETHER = 64  # pictures that are processed at once
REPORTED = 400  # pictures that the report evaluates beyond the loss
DRAWN = 3  # pictures with attention maps
LONG = 6.0  # average words per text from which on overlap metrics (BLEU, chrF) are meaningful
MOST_CHANNELS = 256


@dataclass(frozen=True)
class PicturePart:
    """Pictures on the canvas, and their encoded texts."""

    pictures: Any  # (rows, height, width, channels), uint8
    targets: Ragged

    def __len__(self) -> int:
        return len(self.pictures)

    @property
    def sizes(self) -> Any:
        return self.targets.lengths

    def inputs(self, rows: Any) -> tuple[Tensor]:
        return (torch.from_numpy(self.pictures[rows]),)


@dataclass(kw_only=True, eq=False, repr=False)
class Captioner(TargetEstimator):
    """A convolutional encoder, and a recurrent decoder that attends to its grid."""

    TASK: ClassVar[str] = "caption"
    USUAL: ClassVar[int] = 12

    layers: int = option(1, "layers of the decoder below the attention; one is above it", int)
    hidden: int = option(128, "units in each layer of the decoder", int)
    embedding: int = option(64, "size of the embedding", int)
    attention: str = option("additive", "attention score", choices=SCORES)
    dropout: float = option(0.1, "dropout probability", float)
    lr: float = option(0.003, "learning rate", float)
    epochs: int | None = option(
        None, f"maximum number of epochs (default: {USUAL}, more for few pictures)", int
    )
    batch_size: int = option(32, "pictures per batch", int)
    size: int = option(96, "maximum pixels of the longer side; larger pictures are scaled", int)
    channels: int = option(24, "output channels of the first convolutions; deeper: more", int)
    augment: float = option(
        0.05, "strength of random shifts, rotations and scaling in training; 0: none", float
    )

    def check(self) -> ChosenCell:
        cell = super().check()
        checks.count("size", self.size)
        checks.at_most("size", self.size, LARGEST_SIDE)
        checks.count("channels", self.channels)
        checks.at_most("channels", self.channels, MOST_CHANNELS)
        checks.share("augment", self.augment)
        return cell

    # -------------------------------------------------------------------------------- learning

    def fit(
        self,
        X: Sequence[Any],
        y: Sequence[str],
        test: tuple[Sequence[Any], Sequence[str]] | None = None,
        *,
        data: dict[str, Any] | None = None,
        names: tuple[Sequence[str], Sequence[str]] | None = None,
        resume: bool = False,
    ) -> Captioner:
        """Fit the network to pictures and texts. `data` describes their origin for the run; `names`
        names the training and test pictures in the report."""
        self.begin(data, resume)
        columns = as_pictures(X), as_texts(y, len(X))
        given = in_time(self, Rows(columns, test, names), resume)
        (pictures, texts), test, names = given.columns, given.test, given.called
        raw = self._split(pictures, texts, names)
        if test is not None:
            called = names[1] if names else numbered(len(test[0]))
            raw["test"] = as_pictures(test[0]), as_texts(test[1], len(test[0])), called
        pictures, texts, _ = raw["train"]
        self.is_long_ = is_long(texts)
        if self.out is not None and self.is_long_:  # fail before training, not in the report
            require("translate", "the report of long texts")
        self.canvas_ = Canvas.fit(pictures, self.size)
        self.note(f"pictures are scaled to {self.canvas_}")
        self.targets_ = self.tokens_of("text", self.target_tokens, texts)
        parts = {name: self._part(one, two) for name, (one, two, _) in raw.items()}
        model = self._build()
        model.encoder.fit(torch.from_numpy(parts["train"].pictures).permute(0, 3, 1, 2))
        job = self.job_of(model, parts)
        config = self.learn(job, data, resume)
        self.write_report(lambda: page_of(self._findings(config, raw, parts)))
        return self

    def _split(self, pictures: list[Any], texts: list[str], names: Any) -> dict[str, Any]:
        """Training pictures and validation pictures."""
        called = names[0] if names else numbered(len(pictures))
        if self.validation == 0:
            return {"train": (pictures, texts, called)}
        rows, held = hold_out([""] * len(pictures), self.validation, self.seed)
        return {
            name: tuple([of[row] for row in some] for of in (pictures, texts, called))
            for name, some in (("train", rows), ("validation", held))
            if len(some)
        }

    def _part(self, pictures: Sequence[Any], texts: Sequence[str]) -> PicturePart:
        return PicturePart(
            np.stack([self.canvas_(one) for one in pictures]),
            Ragged.of([self.targets_.encode(text) for text in texts], np.int64),
        )

    def _build(self) -> CaptionNetwork:
        with seeded(self.seed):
            return CaptionNetwork(
                self.cell_,
                self.canvas_,
                len(self.targets_),
                channels=self.channels,
                attention=self.attention,
                input_feeding=self.input_feeding,
                embedding=self.embedding,
                hidden=self.hidden,
                layers=self.layers,
                dropout=self.dropout,
                augment=self.augment,
            )

    def _findings(self, config: Any, raw: Any, parts: dict[str, PicturePart]) -> Findings:
        """The findings of the report, for the test set or the best substitute."""
        part = next(name for name in ("test", "validation", "train") if name in parts)
        pictures, texts, names = (side[:REPORTED] for side in raw[part])
        said, wanted = self.predict(pictures), [self.tidy(text) for text in texts]
        wrong = [row for row, text in enumerate(wanted) if text != said[row]][:1]
        looked_at = [*range(DRAWN - len(wrong)), *wrong]
        return Findings(
            config=config,
            cell=self.cell_,
            model=self.model_,
            state=self.state_,
            parts=parts,
            part=part,
            names=names,
            targets=wanted,
            said=said,
            scores=self.compared(wanted, said, self.is_long_),
            looks=[self.look(pictures[row]) for row in looked_at if row < len(pictures)],
            notes=self.notes_.sentences,
            command=str(config["data"].get("command", repr(self))),
        )

    # ---------------------------------------------------------------------------------- asking

    def n_best(self, X: Sequence[Any], count: int = 1) -> list[list[tuple[str, float]]]:
        """The best texts of each picture and their length-normalized log p, best first."""
        self.require_fitted("model_")
        pictures = as_pictures(X)
        found = []
        for at in range(0, len(pictures), TOGETHER):
            some = np.stack([self.canvas_(one) for one in pictures[at : at + TOGETHER]])
            found += self.best_of([torch.from_numpy(some)], count)
        return found

    def look(self, picture: Any) -> Look:
        """The attention of each token of the best text of one picture."""
        pixels = np.stack([self.canvas_(one) for one in as_pictures([picture])])
        said, weights = self.looked_at([torch.from_numpy(pixels)])
        grid = self.model_.encoder.rows, self.model_.encoder.columns
        return Look(pixels[0], said, weights.reshape(len(said), *grid))

    def evaluate(self, X: Sequence[Any], y: Sequence[str]) -> dict[str, Any]:
        """The share of exact matches and error rates; for long texts also BLEU and chrF."""
        targets = as_texts(y, len(X))
        said = self.predict(X)
        return {**self.compared(targets, said, is_long(targets)), "pictures": len(said)}

    def score(self, X: Sequence[Any], y: Sequence[str]) -> float:
        """The share of texts that are exactly right."""
        return float(self.evaluate(X, y)["exact"])

    # ----------------------------------------------------------------------------------- a run

    def _vocabulary(self) -> dict[str, Any]:
        return {"canvas": self.canvas_.as_dict(), "targets": self.targets_.as_dict()}

    def _recall(self, vocabulary: dict[str, Any], run: RunFolder) -> None:
        self.canvas_ = Canvas(**vocabulary["canvas"])
        self.targets_ = Tokens.from_dict(vocabulary["targets"])


def numbered(count: int) -> list[str]:
    return [f"picture {number}" for number in range(1, count + 1)]


def is_long(texts: Sequence[str]) -> bool:
    """Whether texts are long enough for overlap metrics."""
    return sum(len(text.split()) for text in texts) / len(texts) >= LONG


def as_texts(y: Any, count: int) -> list[str]:
    """A text for each picture, with one space between words."""
    if isinstance(y, str) or any(not isinstance(text, str) for text in y):
        raise ArgumentError("y must be a list of texts, one for each picture")
    texts = [" ".join(text.split()) for text in y]
    if len(texts) != count:
        raise ArgumentError(f"there are {count} pictures and {len(texts)} texts: give one each")
    empty = next((number for number, text in enumerate(texts, 1) if not text), None)
    if empty is not None:
        raise ArgumentError(f"the text of picture {empty} is empty: leave the picture out")
    return texts
