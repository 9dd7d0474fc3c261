"""Selects the rows that fit into a budget of minutes. In: an estimator, its rows. Out: a sample.

Complete fits of a single epoch are timed on a few rows, then on more and more, until it is clear
that all rows fit. If a fit on all rows would exceed the budget, a sample of them is read, whose
size is stored as `rows` in the vocabulary of the run. Next: the `fit` of each task.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import clone

from unrolled.data.scores import Piece
from unrolled.tasks.estimator import VOCABULARY, Estimator
from unrolled.tasks.tokens import DamagedVocabulary
from unrolled.training.interrupts import Interrupted
from unrolled.training.progress import Silent
from unrolled.training.run_folder import RunFolder

LARGE = 1_000_000  # characters or numbers: a fit on fewer takes seconds
FEW, MORE = 64, 4  # rows of the first timed fit, and the factor from one fit to the next
TRYING = 0.03  # of the budget: a fit that takes this long is enough
READING = 0.6  # of the remaining budget, for a fit of one epoch on the sample
CLEAR = 2  # times as many rows as there are: if they fit, no larger fit is timed

SAMPLED = "the budget has time for {:,} of the {:,} training rows: the others are not read"

NOTE = 100  # approximate cost of a note of a piece, in numbers

Trial = Callable[[Any, Any], object]  # fits an estimator to the rows with these indices


def rows_in_time(
    model: Estimator,
    columns: tuple[Any, ...],
    resume: bool,
    names: Sequence[str] = (),
    **more: Any,
) -> Any:
    """The rows that fit into the budget, ascending, with at least one row of each of `names`.
    `more` are arguments of the timed fits."""

    def trial(one: Any, rows: Any) -> None:
        one.fit(*(taken(column, rows) for column in columns), **more)

    first = columns[0]
    is_short = model.minutes is None or size_of(first) < LARGE
    if is_short or model.devices * model.nodes > 1:
        return np.arange(len(first))
    names = names or [""] * len(first)
    order = _in_order(names, model.seed)
    if resume:
        count = _remembered(model, len(order))
    else:
        count = max(len(set(names)), min(FEW, len(order)), _count_in_time(model, trial, order))
    if count >= len(order):
        return np.arange(len(order))
    model.rows_read_ = (count, len(order))
    note = SAMPLED.format(count, len(order))
    model.notes_.say(note)
    model.watcher().note(note)
    return np.sort(order[:count])


@dataclass(frozen=True)
class Rows:
    """The arguments of a fit: columns of equal length, and names of the rows for the report."""

    columns: tuple[Any, ...]
    test: Any = None  # the same columns of the test, or its only one
    called: Any = None  # names of the rows, and those of the test


def in_time(
    model: Estimator, given: Rows, resume: bool, names: Sequence[str] = (), **more: Any
) -> Rows:
    """The part of the data that fits into the budget. `more` are arguments of the timed fits."""
    rows = rows_in_time(model, given.columns, resume, names, **more)
    if len(rows) == len(given.columns[0]):
        return given
    columns = tuple(taken(column, rows) for column in given.columns)
    if given.test is None:
        called = given.called and (taken(given.called[0], rows), given.called[1])
        return Rows(columns, None, called)
    alone = len(columns) == 1
    test = (given.test,) if alone else given.test
    some = test_in_time(model, len(test[0]))
    called = given.called and (taken(given.called[0], rows), taken(given.called[1], some))
    test = tuple(taken(column, some) for column in test)
    return Rows(columns, test[0] if alone else test, called)


def _in_order(names: Sequence[str], seed: int) -> Any:
    """The order of rows for sampling: one of each name first, then at random."""
    order = np.random.default_rng([seed, 6]).permutation(len(names))
    _, first = np.unique(np.asarray(names)[order], return_index=True)
    rest = np.ones(len(order), bool)
    rest[first] = False
    return np.concatenate([order[np.sort(first)], order[rest]])


def _count_in_time(model: Estimator, trial: Trial, order: Any) -> int:
    budget, count = 60 * (model.minutes or 0.0), min(FEW, len(order))
    _seconds(model, trial, order[:count])  # kernels are compiled, modules are loaded
    while True:
        count = min(MORE * count, len(order))
        took = _seconds(model, trial, order[:count])
        fitting = int(count * READING * max(0.0, budget - model.spent()) / max(took, 1e-9))
        is_enough = took > TRYING * budget or MORE * count > len(order)
        if is_enough or fitting >= CLEAR * len(order):
            return fitting


def _seconds(model: Estimator, trial: Trial, rows: Any) -> float:
    """The seconds of a fit of one epoch on these rows."""
    one = clone(model)
    left_out = {"out": None, "minutes": None, "epochs": 1, "tensorboard": False, "baseline": False}
    one.set_params(**{name: value for name, value in left_out.items() if hasattr(one, name)})
    one.follow(Silent())
    began = time.monotonic()
    try:
        trial(one, np.sort(rows))
    except Interrupted as stopped:  # of a training that keeps nothing
        raise KeyboardInterrupt from stopped
    return time.monotonic() - began


def _remembered(model: Estimator, count: int) -> int:
    """The number of rows that the run began with."""
    run = RunFolder.open(model.out)
    kept = run.read_json(VOCABULARY).get("rows", count)
    if not isinstance(kept, int) or not 1 <= kept <= count:
        raise DamagedVocabulary(f"{run.path}: its vocabulary is damaged (rows): copy the run again")
    return kept


def test_in_time(model: Estimator, count: int) -> Any:
    """The same share of the test rows as of the training rows, ascending."""
    read, whole = model.rows_read_ or (1, 1)
    few = max(min(count, FEW), -(-count * read // whole))
    if few >= count:
        return np.arange(count)
    return np.sort(np.random.default_rng([model.seed, 7]).permutation(count)[:few])


def size_of(inputs: Sequence[Any]) -> int:
    """The total number of characters or numbers, or an equivalent cost."""
    return sum(map(_size, inputs))


def _size(one: Any) -> int:
    if isinstance(one, str):
        return len(one)
    if isinstance(one, list):  # the words of a sentence
        return sum(map(len, one))
    if isinstance(one, Piece):
        return NOTE * len(one.notes)
    return int(np.size(one))


def taken(values: Any, rows: Any) -> Any:
    """Some rows of a list, an array, or a column of pandas or polars."""
    if hasattr(values, "iloc"):
        return values.iloc[rows]
    if isinstance(values, list | tuple):
        return [values[row] for row in rows]
    return values[rows]
