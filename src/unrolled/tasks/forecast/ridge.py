"""Ridge regressions for all penalties from one decomposition. In: X'X and X'Y. Out: weights.

    W = argmin |Y - X W|^2 + p s |W - W0|^2,   W0 weights of a simple forecast, s the mean square

X'X = Q diag(l) Q' gives W = Q diag(1 / (l + p s)) Q' (X'Y + p s W0) for every penalty p. The bias
is the weight of an additional input on the scale of the others, and shrinks to 0 like them, since a
random walk drifts by chance. Next: `linear_map`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

PENALTIES = (
    1e-6,
    1e-5,
    1e-4,
    1e-3,
    1e-2,
    1e-1,
    1.0,
    1e1,
    1e2,
)  # times the mean square of the inputs

SO_FAR = 1  # inputs that say what all values so far were like: their mean


class Ridge:
    """A regression whose last input column is ones."""

    def __init__(self, squares: Any, crossed: Any) -> None:
        size, count = float(np.diag(squares)[:-1].mean()), float(squares[-1, -1])
        self.size = size or 1.0
        self.one = (self.size / count) ** 0.5 if count else 1.0  # the input of the bias
        scale = np.ones(len(squares))
        scale[-1] = self.one
        values, self.vectors = np.linalg.eigh(squares * scale * scale[:, None])
        self.values = np.maximum(values, 0.0)  # below 0 only by rounding
        self.crossed = self.vectors.T @ (crossed * scale[:, None])

    def _turned(self, penalty: float, prior: Any) -> Any:
        """The weights in the basis of Q."""
        weight = penalty * self.size
        return (self.crossed + weight * prior) / (self.values + weight)[:, None]

    def _turned_prior(self, prior: Any) -> Any:
        return self.vectors[:-1].T @ prior

    def weights(self, penalty: float, prior: Any) -> Any:
        """(back + SO_FAR + 1, H), the bias last."""
        found = self.vectors @ self._turned(penalty, self._turned_prior(prior))
        found[-1] *= self.one
        return found

    def said(self, windows: Any, prior: Any) -> Any:
        """Predictions of each penalty for inputs (N, back + SO_FAR): (penalties, N, H)."""
        inputs = windows @ self.vectors[:-1] + self.one * self.vectors[-1]
        turned = self._turned_prior(prior)
        return inputs @ np.stack([self._turned(penalty, turned) for penalty in PENALTIES])


def priors(back: int, horizon: int, season: int) -> dict[str, Any]:
    """Weights (back + SO_FAR, H) of simple forecasts, as differences from the last value.

    The forecasts are the last value; the mean of the window, and of all values so far; and, if the
    window contains a season, the last value at the same position in the season, and the mean of all
    such values.
    """
    names = ["last", "mean", "level"] + ["season", "seasons"] * (1 < season <= back)
    found = {name: np.zeros((back + SO_FAR, horizon)) for name in names}
    found["mean"][:back] = 1 / back
    found["level"][back] = 1.0
    if 1 < season <= back:
        ahead = np.arange(1, horizon + 1)
        turns = -(-ahead // season)
        for h, lag in enumerate(season * turns - ahead):  # steps before the last value
            places = np.arange(back - 1 - lag, -1, -season)
            found["season"][places[0], h] = 1.0
            found["seasons"][places, h] = 1 / len(places)
    return found
