"""Linear models of sparse features, one for each column of targets. In: `Rows`. Out: weights.

    plain   logistic regression of a class against the others, or of each label
    rated   logistic regression on the features times their naive Bayes log ratio: how much more
    often a feature occurs in rows of the class than in others (Wang and Manning 2012)
    ridge   ridge regression of numbers

The first two have weights of the same features, so a mixture of them is again a linear model.
Next: `ngrams` mixes them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from sklearn.linear_model import LogisticRegression, Ridge

STRENGTHS = {  # inverse penalties
    "plain": (1.0, 4.0, 16.0),
    "rated": (0.25, 1.0, 4.0),
    "ridge": (0.25, 1.0, 4.0, 16.0),
}
USUAL = {"plain": 4.0, "rated": 1.0, "ridge": 1.0}  # without held-out rows to choose by
ABSENT = -1.0  # the score of a class without rows


@dataclass(frozen=True)
class FeatureRows:
    """Sparse features, targets, and the weight of each row."""

    features: Any  # (N, F)
    wanted: Any  # (N, K): 1 where a row has a class or label, else 0; or numbers
    weights: Any  # (N,)
    of_classes: bool  # each row has one class; otherwise columns are independent

    def of(self, which: Any) -> FeatureRows:
        """A subset of the rows."""
        return FeatureRows(
            self.features[which], self.wanted[which], self.weights[which], self.of_classes
        )


class Linear(NamedTuple):
    """score = features @ weight + bias."""

    weight: Any  # (F, K)
    bias: Any  # (K,)

    def scores(self, features: Any) -> Any:
        return (features @ self.weight + self.bias).astype(np.float32)


def fitted(rows: FeatureRows, way: str, strength: float) -> Linear:
    """Fit a model for each column of the targets."""
    if way == "ridge":
        ridge = Ridge(alpha=1 / strength, solver="lsqr").fit(rows.features, rows.wanted)
        weight = ridge.coef_.reshape(-1, 1).astype(np.float32)
        return Linear(weight, np.ravel(ridge.intercept_).astype(np.float32))
    count = rows.wanted.shape[1]
    weight = np.zeros((rows.features.shape[1], count), np.float32)
    bias = np.full(count, ABSENT, np.float32)
    ratios = log_ratios(rows) if way == "rated" else None
    for number in range(count):
        is_so = rows.wanted[:, number] > 0
        if not 0 < is_so.sum() < len(is_so):
            continue
        if rows.of_classes and count == 2 and number == 1:
            weight[:, 1], bias[1] = -weight[:, 0], -bias[0]
            continue
        ratio = None if ratios is None else ratios[number]
        weight[:, number], bias[number] = _column(rows, is_so, strength, ratio)
    return Linear(weight, bias)


def _column(rows: FeatureRows, is_so: Any, strength: float, ratio: Any) -> tuple[Any, Any]:
    features = rows.features
    if ratio is not None:
        features = features.copy()
        features.data *= ratio[features.indices]
    is_wide = features.shape[1] > len(is_so)  # then the dual problem is smaller
    model = LogisticRegression(
        C=strength, solver="liblinear", dual=is_wide, max_iter=1000, random_state=0
    )
    model.fit(features, is_so, sample_weight=rows.weights)
    weight = model.coef_[0] if ratio is None else model.coef_[0] * ratio
    return weight, model.intercept_[0]


def log_ratios(rows: FeatureRows) -> Any:
    """(K, F): the log ratio of the frequencies of a feature in rows with and without a class.

    A feature counts once per row, and once more on each side (smoothing).
    """
    present = rows.features.copy()
    present.data[:] = 1.0
    inside = np.asarray((present.T @ (rows.wanted > 0)).T, np.float64) + 1.0
    outside = np.asarray(present.sum(0), np.float64) + 2.0 - inside
    logs = np.log(inside / inside.sum(1, keepdims=True))
    found: Any = logs - np.log(outside / outside.sum(1, keepdims=True))
    return found
