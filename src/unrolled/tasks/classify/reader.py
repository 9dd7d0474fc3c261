"""The base class for classification and regression. In: sequences, targets. Out: a fitted model.

Several networks are trained, each without one fold of the training rows. Their out-of-fold
predictions determine which weights are kept and how the networks are blended with a linear model,
whose own out-of-fold scores are used as well. With a single network, a tenth of the rows is used
for validation instead. A `test` set is evaluated in every epoch, but has no influence.

`Reader` is independent of the kind of target: `Classifier` and `Regressor` define the targets, and
the predictions from a model's outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from sklearn.base import clone
from torch import Tensor, nn

from unrolled.cells.choosing import ChosenCell
from unrolled.errors import ArgumentError
from unrolled.networks.aims import Aim
from unrolled.networks.committee import Committee
from unrolled.networks.linear_series import LinearSeries, features_for
from unrolled.networks.pooling import POOLINGS
from unrolled.networks.random_convolutions import Plan
from unrolled.networks.series_front import stride_for
from unrolled.networks.timed import is_of_each, takes_times
from unrolled.report.blocks import Live
from unrolled.tasks.budget import rows_in_time, taken, test_in_time
from unrolled.tasks.classify.beside import learn_linear, scores_beside
from unrolled.tasks.classify.encoders import (
    LONGEST,
    AnyEncoder,
    TextEncoder,
    as_inputs,
)
from unrolled.tasks.classify.explaining import counted_steps
from unrolled.tasks.classify.findings import Findings, Told
from unrolled.tasks.classify.job import LabellingJob, TargetedSequences, without_folds
from unrolled.tasks.classify.model import FeedForward, Labeller
from unrolled.tasks.classify.ngrams import LinearTexts, NGrams, ngrams_from
from unrolled.tasks.classify.opinions import chances, figures_with_linear, learn_blend, parts_alone
from unrolled.tasks.classify.page import page_of
from unrolled.tasks.classify.plan import (
    MOST_MEMBERS,
    USUAL_EPOCHS,
    epochs_for,
    rows_of_linear,
    shape_from,
    split_rows,
)
from unrolled.tasks.classify.timed_series import encoder_of_numbers, encoder_of_run, refuse_times
from unrolled.tasks.estimator import Estimator, seeded
from unrolled.tasks.live import alive
from unrolled.tasks.options import option
from unrolled.tasks.ragged import Ragged
from unrolled.tasks.tokens import KINDS, kind_for
from unrolled.training import settings as checks
from unrolled.training.diagnosis import Diverged
from unrolled.training.fabric import is_first_process
from unrolled.training.interrupts import Interrupted
from unrolled.training.loop import train
from unrolled.training.progress import Beside
from unrolled.training.run_folder import RunFolder
from unrolled.training.schedules import SCHEDULES


@dataclass(kw_only=True, eq=False, repr=False)
class Reader(Estimator):
    """Recurrent networks that read a sequence, with a linear model beside them."""

    bidirectional: bool = option(True, "read each sequence in both directions", bool)
    dropout: float = option(0.3, "dropout probability", float)
    epochs: int | None = option(None, f"maximum number of epochs (default: {USUAL_EPOCHS})", int)
    members: int = option(3, "networks in the committee, each trained without one fold", int)
    linear: bool = option(
        True, "combine the networks with a linear model (n-grams, or shapes of series)", bool
    )
    convolutions: bool = option(True, "convolutions before the recurrent layers, for series", bool)
    schedule: str = option("warmup", "learning rate schedule", choices=tuple(SCHEDULES))
    tokens: str = option(
        "auto",
        "tokens of texts; auto: characters if few words repeat",
        choices=("auto", *KINDS),
    )
    longest: int = option(LONGEST, "maximum tokens of a text; the rest is ignored", int)
    vocabulary: int = option(
        20_000, "maximum size of the vocabulary; rarer tokens share one vector", int
    )
    embedding: int = option(64, "size of the embedding", int)
    pooling: str = option("max", "how the outputs of all steps are pooled", choices=POOLINGS)
    baseline: bool = option(False, "also train a network without recurrence for comparison", bool)
    timed: bool = False  # the last column of each series is the time, an input of the cell

    def check(self) -> ChosenCell:
        cell = super().check()
        for name in ("longest", "vocabulary", "embedding", "members"):
            checks.count(name, getattr(self, name))
        if self.members > MOST_MEMBERS:
            raise ArgumentError(f"members must be an integer of at most {MOST_MEMBERS}")
        checks.one_of("tokens", self.tokens, ("auto", *KINDS))
        checks.one_of("pooling", self.pooling, POOLINGS)
        self.named_ = takes_times(cell.equation) if self.timed else ()
        return cell

    # -------------------------------------------------------------------------------- learning

    def start_from(self, before: Reader, new_labels: bool = False) -> None:
        """Let the next `fit` continue from the weights, targets and encoder of a fitted model.

        `new_labels`: unknown labels become new classes, after the existing ones.
        """
        self._before, self._new_labels = before, new_labels

    @property
    def before(self) -> Any:
        """The model whose weights training starts from; None: new weights."""
        return getattr(self, "_before", None)

    def fit(
        self,
        X: Sequence[Any],
        y: Sequence[Any],
        test: tuple[Sequence[Any], Sequence[Any]] | None = None,
        *,
        data: dict[str, Any] | None = None,
        names: tuple[Sequence[Any], Sequence[Any]] | None = None,
        resume: bool = False,
    ) -> Any:
        """Fit the model to sequences and targets; `data` describes their origin for the run.

        `names` are the names of the training and test sequences in the report.
        """
        self.begin(data, resume)
        inputs, parts = self._parts(X, y, test, resume)
        self.epochs_ = self.epochs or epochs_for(len(parts["train"]), self)
        model = self._build()
        if self.before is not None:
            self._take_over(model)
        weights = self._weights(parts["train"].targets)
        parts = learn_linear(model, inputs, parts, weights, self)
        job = LabellingJob(model, parts, weights, self.batch_size, self.seed, self.aim_)
        config = self.learn(job, data, resume, self.settings_beside(self.baseline))
        if "validation" in parts:
            learn_blend(model, parts["validation"], weights)
            self._calibrate(parts["validation"])
            if self.run_ is not None and is_first_process():
                self.run_.write_weights(model.state_dict())
                if model.linear is not None:
                    self.watcher().note(figures_with_linear(model, parts))
        beside = self._train_baseline(parts, weights) if self.baseline else None
        self.write_report(lambda: page_of(self._findings(config, inputs, parts, beside, names)))
        return self

    def _parts(
        self, X: Any, y: Any, test: Any, resume: bool = False
    ) -> tuple[dict[str, list[Any]], dict[str, TargetedSequences]]:
        """Split off the validation rows, fit the encoder on the rest, and encode everything."""
        inputs = as_inputs(X)
        targets = self._learn_targets(y, len(inputs))
        before = self.before
        is_text = isinstance(inputs[0], str)
        refuse_times(self.timed, inputs)
        every = rows_in_time(self, (inputs, y), resume, self._strata(targets))
        if len(every) < len(inputs):
            inputs, targets = taken(inputs, every), targets[every]
        rows, held, folds = split_rows(inputs, self._strata(targets), self)
        raw = {"train": [inputs[row] for row in rows]}
        few = self.linear_rows_ = rows_of_linear(raw["train"], self)
        if before is not None:
            self.encoder_: AnyEncoder = before.encoder_
            self.ngrams_, self.rarity_ = before.ngrams_, before.rarity_
        elif is_text:
            kind = kind_for(raw["train"], self._note) if self.tokens == "auto" else self.tokens
            self.encoder_ = TextEncoder.fit(raw["train"], kind, self.vocabulary, self.longest)
            if self.linear:
                texts = self.encoder_.beginnings(taken(raw["train"], few))
                self.ngrams_, self.rarity_ = NGrams.fit(texts)
        else:
            self.encoder_ = encoder_of_numbers(raw["train"], self.named_)
        whole = TargetedSequences(self.encoder_.encode(inputs, self._note), targets)
        self.shape_ = self._shape(whole.sequences)
        parts = {"train": replace(whole.rows(rows), folds=folds)}
        if folds is not None:  # the linear model is evaluated on rows that it leaves out
            held, folds = held[few], folds[few]
        self.rows_ = {"train": every[rows], "validation": every[held]}
        if len(held):
            raw["validation"] = [inputs[row] for row in held]
            judges = np.zeros(len(held), np.int64) if folds is None else folds
            parts["validation"] = replace(whole.rows(held), folds=judges)
        if test is not None:
            read = as_inputs(test[0])
            some = test_in_time(self, len(read))
            raw["test"], self.rows_["test"] = taken(read, some), some
            parts["test"] = self._encode_labelled(raw["test"], taken(test[1], some))
        return raw, parts

    def _shape(self, sequences: Ragged) -> dict[str, Any]:
        """The shape of a network, from the training rows; stored in the run."""
        if self.before is not None:
            return dict(self.before.shape_)
        if not self.encoder_.is_series:
            return {"members": self.members}
        lengths = torch.from_numpy(sequences.lengths)
        steps = int(lengths.float().median())
        plan = Plan.of(self.encoder_.inputs, steps, features_for(len(lengths)))
        return {"members": self.members, "stride": stride_for(lengths), **plan.as_dict()}

    def _note(self, text: str) -> None:
        """Print a note on the data, and keep it for the report."""
        self.notes_.say(text)
        self.watcher().note(text)

    def _encode_labelled(self, X: Any, y: Any) -> TargetedSequences:
        """Encode sequences with targets; raises an error for invalid targets."""
        inputs = as_inputs(X)
        targets = self._known_targets(y, len(inputs), "the test data")
        return TargetedSequences(self.encoder_.encode(inputs, self._note), targets)

    # ---------------------------------------------------------------- depends on the kind of target

    def _aim_at(self, aim: Aim) -> None:
        self.aim_ = aim

    def _learn_targets(self, y: Any, count: int) -> Any:
        """Encode the targets of the training rows; sets the aim and the stored target data."""
        raise NotImplementedError

    def _known_targets(self, y: Any, count: int, whose: str) -> Any:
        """Encode the targets of other rows."""
        raise NotImplementedError

    def _strata(self, targets: Any) -> list[str]:
        """A stratum for each row; all parts of the data should have the same share of each."""
        raise NotImplementedError

    def strata(self, y: Any, count: int) -> list[str]:
        """The same for targets that are not encoded yet."""
        fresh: Reader = clone(self)
        return fresh._strata(fresh._learn_targets(y, count))

    @property
    def names(self) -> list[str]:
        """The names of the columns of `answers`."""
        return [str(name) for name in self._outputs()]

    def _outputs(self) -> list[Any]:
        """The name of each score."""
        raise NotImplementedError

    def _weights(self, targets: Any) -> Tensor:
        """The weight of each class."""
        return torch.ones(len(self._outputs()))

    def _calibrate(self, data: TargetedSequences) -> None:
        """Calibrate the predictions on held-out rows."""

    def _live(self, raw: Any) -> tuple[Live, Any]:
        """The live part of the report."""
        raise NotImplementedError

    @property
    def level(self) -> float | None:
        """For numbers: the level of the prediction intervals."""
        return None

    def _intervals(self, said: Any, data: TargetedSequences) -> dict[float, Any]:
        """For numbers: the low and high ends of the intervals of each level."""
        return {}

    def _take_over(self, model: Committee) -> None:
        """Start from the weights of an earlier model; outputs of new labels are initialized."""
        state = model.state_dict()
        for name, weight in self.before.model_.state_dict().items():
            state[name][tuple(slice(size) for size in weight.shape)] = weight
        model.load_state_dict(state)

    def _build(self) -> Committee:
        shape, count = self.shape_, len(self._outputs())
        linear: LinearTexts | LinearSeries | None = None
        if self.linear and self.encoder_.is_series:
            linear = LinearSeries(Plan.from_dict(shape), count, self.aim_)
        elif self.linear and self.encoder_.is_text and self.ngrams_ is not None:
            linear = LinearTexts(self.ngrams_, count, self.aim_)
        with seeded(self.seed):
            members = [self._member(shape, count) for _ in range(shape["members"])]
            return Committee(members, linear, self.aim_)

    def _member(self, shape: dict[str, Any], count: int) -> Labeller:
        masked = is_of_each(self.cell_.equation, self.named_)  # its mask is for the channels
        return Labeller(
            self.cell_,
            self.encoder_.inputs,
            count,
            is_text=self.encoder_.is_text,
            embedding=self.embedding,
            hidden=self.hidden,
            layers=self.layers,
            bidirectional=self.bidirectional and not self.timed,  # time has one direction
            dropout=self.dropout,
            pooling=self.pooling,
            stride=shape.get("stride", 0) if self.convolutions and not masked else 0,
            canvas=self.encoder_.canvas,
            named=self.named_,
            is_number=self.aim_.name == "number",
        )

    def _train_baseline(self, parts: Any, weights: Any) -> nn.Module | None:
        """Train the network without recurrence with the same settings, without the first fold."""
        with seeded(self.seed):
            model = FeedForward(
                self.encoder_.inputs,
                len(self._outputs()),
                is_text=self.encoder_.is_text,
                embedding=self.embedding,
                hidden=self.hidden,
                dropout=self.dropout,
            )
        job = LabellingJob(
            model, without_folds(parts), weights, self.batch_size, self.seed, self.aim_
        )
        watcher = Beside(self.watcher(), "the network without order")
        watcher.note("an order-blind baseline is also trained, for the report")
        try:
            train(job, self.settings(), None, watcher, spent=self.spent())
        except Diverged as stopped:  # the run itself is complete
            watcher.note(f"the report does not include it: {stopped}")
            return None
        except Interrupted as stopped:  # of this network nothing is kept, of the run everything
            raise KeyboardInterrupt from stopped
        return model.eval()

    def _findings(self, config: Any, inputs: Any, parts: Any, beside: Any, names: Any) -> Findings:
        """The findings of the report, for the test set or the best substitute."""
        part = next(name for name in ("test", "validation", "train") if name in parts)
        data, raw = parts[part], inputs[part]
        rows = self.rows_[part]
        called = None if names is None else names[part == "test"]

        def show(row: int) -> str:
            one = raw[row]
            if isinstance(one, str):
                return one
            name = f"number {rows[row] + 1}" if called is None else called[rows[row]]
            return f"{name}: {self.encoder_.describe(one)}"

        said = chances(self.model_, data)
        return Findings(
            config=config,
            cell=self.cell_,
            model=self.model_,
            state=self.state_,
            classes=self.names,
            parts=parts,
            told=Told(data, said),
            told_part=part,
            alone={name: Told(data, one) for name, one in parts_alone(self.model_, data).items()},
            baseline=beside and Told(data, chances(beside, data, self.aim_)),
            show=show,
            steps=lambda row: self.encoder_.steps(raw[row]),
            values=lambda row: self.encoder_.shown(raw[row]),
            notes=self.notes_.sentences,
            live=alive(lambda: self._live(raw)),
            command=str(config["data"].get("command", repr(self))),
            intervals=self._intervals(said, data),
        )

    # ---------------------------------------------------------------------------------- asking

    def answers(self, X: Sequence[Any], note: Callable[[str], None]) -> Any:
        """Probabilities or numbers, (rows, scores); changes to the data are reported to `note`."""
        self.require_fitted("model_")
        inputs = as_inputs(X)
        return self._chances(TargetedSequences(self.encoder_.encode(inputs, note), None), inputs)

    def explain(self, X: Sequence[Any], said: Any) -> list[str]:
        """For each row the steps that contributed most to the score with the given index."""
        inputs = as_inputs(X)
        data = TargetedSequences(self.encoder_.encode(inputs, lambda note: None), None)
        return counted_steps(self.model_.members, self.encoder_, data, inputs, said)

    def _chances(self, data: TargetedSequences, inputs: Any) -> Any:
        """Probabilities for rows that were not in the training data."""
        scores = scores_beside(self.model_, self.encoder_, inputs, data.sequences)
        return chances(self.model_, replace(data, linear=scores))

    # ----------------------------------------------------------------------------------- a run

    def _vocabulary(self) -> dict[str, Any]:
        return {
            **self._targets_plain(),
            "encoder": self.encoder_.as_dict(),
            "network": self.shape_,
            "ngrams": self._ngrams_plain(),
        }

    def _targets_plain(self) -> dict[str, Any]:
        """The target data to store in the run."""
        raise NotImplementedError

    def _read_targets(self, vocabulary: dict[str, Any], run: RunFolder) -> None:
        """Restore the target data of a run; sets the aim."""
        raise NotImplementedError

    def _ngrams_plain(self) -> dict[str, Any]:
        is_kept = self.linear and self.encoder_.is_text
        return self.ngrams_.as_dict() if is_kept and self.ngrams_ is not None else {}

    def _recall(self, vocabulary: dict[str, Any], run: RunFolder) -> None:
        self._read_targets(vocabulary, run)
        self.encoder_ = encoder_of_run(vocabulary.get("encoder"))
        self.shape_ = shape_from(vocabulary, run)
        self.ngrams_ = ngrams_from(vocabulary, run)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Load the model of a run."""
        model = super().load(path)
        rarity = getattr(model.model_.linear, "rarity", torch.zeros(0))
        model.rarity_ = rarity.clone()
        return model
