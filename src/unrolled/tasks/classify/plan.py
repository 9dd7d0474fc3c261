"""Choices before training a classifier: labels, epochs, shapes of its networks.

In: labels, numbers of rows, a run's vocabulary. Out: checked values; next: `classifier`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from unrolled.data.splits import folds, hold_out, largest_class
from unrolled.errors import ArgumentError, InputError
from unrolled.networks.random_convolutions import Plan
from unrolled.tasks.classify.encoders import TextEncoder
from unrolled.tasks.tokens import DamagedVocabulary
from unrolled.training import settings as checks
from unrolled.training.run_folder import RunFolder

MOST_MEMBERS = 100  # of a committee
EPOCHS = 20  # unless the steps below require another number
EPOCHS_OF_WORDS = 6  # a network learns what it can about words in a few epochs
USUAL_EPOCHS = f"{EPOCHS}, {EPOCHS_OF_WORDS} for words, more for few rows"
LONG_TOKEN = 10  # characters: more than most tokens have
MOST_READ = 20_000_000  # characters that a linear model learns from, in many times their memory
LEAST_STEPS, MOST_STEPS = 250, 2_000  # of the optimizer: few rows need more epochs


def epochs_for(rows: int, model: Any) -> int:
    """The number of epochs with enough steps of the optimizer, but not more than needed."""
    batch_size: int = model.batch_size
    steps, encoder = max(1, -(-rows // batch_size)), model.encoder_
    of_words = isinstance(encoder, TextEncoder) and encoder.tokens.kind == "word"
    usual = EPOCHS_OF_WORDS if of_words else EPOCHS
    return min(max(usual, -(-LEAST_STEPS // steps)), max(1, -(-MOST_STEPS // steps)))


def split_rows(inputs: list[Any], named: list[str], settings: Any) -> tuple[Any, Any, Any]:
    """Training rows, validation rows, and the fold of each row for a committee.

    Equal texts stay together; the parts are stratified.
    """
    every = np.arange(len(inputs))
    together = inputs if isinstance(inputs[0], str) else None
    if settings.validation == 0:
        return every, every[:0], None
    if settings.members == 1:
        return *hold_out(named, settings.validation, settings.seed, together), None
    count = min(settings.members, largest_class(named, together))
    if count < 2:  # no class has two examples
        return every, every[:0], None
    numbers = np.zeros(len(inputs), np.int64)
    for fold, (_, held) in enumerate(folds(named, count, settings.seed, together)):
        numbers[held] = fold
    return every, every, numbers


def rows_of_linear(texts: Sequence[Any], settings: Any) -> Any:
    """The training rows that the linear model learns from, ascending."""
    every = np.arange(len(texts))
    if not settings.linear or not isinstance(texts[0], str):
        return every
    most = LONG_TOKEN * settings.longest
    lengths = np.asarray([min(len(text), most) for text in texts], np.int64)
    if lengths.sum() <= MOST_READ:
        return every
    order = np.random.default_rng([settings.seed, 8]).permutation(len(texts))
    count = int(np.searchsorted(lengths[order].cumsum(), MOST_READ))
    settings._note(
        f"the linear model learns from {max(1, count):,} of the {len(texts):,} training rows: all "
        "would take too much memory"
    )
    return np.sort(order[: max(1, count)])


def shape_from(vocabulary: dict[str, Any], run: RunFolder) -> dict[str, Any]:
    """The shape of the run's networks; raises an error for invalid numbers."""
    shape = vocabulary.get("network")
    try:
        if not isinstance(shape, dict) or not 1 <= shape["members"] <= MOST_MEMBERS:
            raise ValueError("members")
        if "stride" in shape:
            Plan.from_dict(shape)
            checks.count("stride", shape["stride"])
    except (KeyError, TypeError, ValueError, ArgumentError) as error:
        raise DamagedVocabulary(
            f"{run.path}: its vocabulary.json does not describe its network ({error}): "
            "copy the run again, or train it again if an older version wrote it"
        ) from error
    return shape


def classes_from(names: Any, run: Path) -> Any:
    """The classes of a run: texts or numbers, each once."""
    kinds = {type(name) for name in names} if isinstance(names, list) else set()
    if kinds not in ({str}, {int}, {float}, {int, float}, {bool}) or len(set(names)) < len(names):
        raise DamagedVocabulary(f"{run}: its classes are damaged: copy the run again")
    return np.asarray(names)


def as_labels(y: Any, count: int) -> Any:
    """Labels as an array of texts or integers, one for each sequence."""
    labels = np.asarray(y)
    if labels.ndim != 1 or len(labels) != count:
        raise InputError(
            f"there are {count} sequences but labels of shape {labels.shape}: give one label each"
        )
    if labels.dtype.kind not in "OUSiubf":
        raise InputError(f"labels must be text or numbers, not {labels.dtype}")
    if labels.dtype.kind == "O":
        labels = labels.astype(str)
    return labels


def class_numbers(labels: Any, classes: Any, whose: str) -> Any:
    """The index of each label among the classes; raises InputError for an unknown one."""
    known = {label: number for number, label in enumerate(classes.tolist())}
    strange = [label for label in labels.tolist() if label not in known]
    if strange:
        raise InputError(
            f"the label {strange[0]!r:.60} of {whose} was not in the training data; labels are: "
            f"{', '.join(map(str, classes[:8]))}"
        )
    return np.asarray([known[label] for label in labels.tolist()], np.int64)
