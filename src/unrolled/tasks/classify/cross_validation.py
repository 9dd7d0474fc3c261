"""Cross-validation. In: a classifier, rows. Out: the metrics of each fold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sklearn.base import clone

from unrolled.data.splits import folds
from unrolled.tasks.classify.encoders import as_inputs
from unrolled.tasks.classify.reader import Reader


def cross_validate(
    model: Reader, X: Sequence[Any], y: Sequence[Any], count: int
) -> list[dict[str, Any]]:
    """The metrics of `count` fits, each tested on its held-out fold."""
    inputs = as_inputs(X)
    names = model.strata(y, len(inputs))
    together = inputs if isinstance(inputs[0], str) else None
    results = []
    for rows, held in folds(names, count, model.seed, together):
        one = clone(model).set_params(out=None, progress="quiet", baseline=False)
        one.fit([inputs[row] for row in rows], [y[row] for row in rows])
        results.append(one.evaluate([inputs[row] for row in held], [y[row] for row in held]))
    return results
