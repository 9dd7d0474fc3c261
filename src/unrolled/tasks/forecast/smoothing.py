"""Damped exponential smoothing with a season.

    level    l_t = l_{t-1} + phi b_{t-1} + alpha e_t
    trend    b_t = phi b_{t-1} + alpha beta e_t
    season   s_t = s_{t-m} + gamma (1 - alpha) e_t
    error    e_t = y_t - (l_{t-1} + phi b_{t-1} + s_{t-m})
    ahead    y_{t+h|t} = l_t + (phi + ... + phi^h) b_t + s_{t+h-m ceil(h/m)}

Holt 1957, Winters 1960, damped by Gardner and McKenzie 1985; this is ETS(A,Ad,A) of Hyndman et al.
2002, and ETS(A,Ad,N) without a season. The initial season is the mean of the first ones. The four
constants are those of a grid with the smallest sum of squared errors one step and `horizon` steps
ahead; the whole grid is computed at once, with a column for each choice.
In: values without gaps. Out: forecasts from every origin; next: `baselines`.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

ALPHAS = (0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.7, 0.9, 0.99)
BETAS = (0.0, 0.02, 0.1, 0.3, 0.6)  # the trend's share of alpha
GAMMAS = (0.02, 0.1, 0.3, 0.6, 0.9)
SEASONS = 4  # at the beginning, whose mean is the initial season
PHIS = (0.8, 0.9, 0.98)  # the usual range of damping, Hyndman et al. 2008


@dataclass(frozen=True)
class Constants:
    """One choice, or a grid of them (each an array)."""

    alpha: Any
    beta: Any
    gamma: Any
    phi: Any

    def only(self, place: int) -> Constants:
        chosen = (self.alpha, self.beta, self.gamma, self.phi)
        return Constants(*(values[place : place + 1] for values in chosen))


@dataclass(frozen=True)
class Smoothed:
    """The state after each step: level and trend (T,), the next season (T, m), errors."""

    level: Any
    trend: Any
    seasons: Any  # row t, column k: the seasonal part of step t + 1 + k
    phi: float

    def ahead(self, origins: Any, horizon: int) -> Any:
        """The forecasts from each origin, (origins, horizon)."""
        steps = np.arange(1, horizon + 1)
        damping = np.cumsum(self.phi**steps)
        season = self.seasons[origins][:, (steps - 1) % self.seasons.shape[1]]
        return self.level[origins][:, None] + damping * self.trend[origins][:, None] + season


def grid(has_season: bool) -> Constants:
    gammas = GAMMAS if has_season else (0.0,)
    columns = np.array(list(product(ALPHAS, BETAS, gammas, PHIS))).T
    return Constants(*columns)


def chosen(values: Any, season: int, learned: int, horizon: int) -> tuple[int, Constants]:
    """The season, 1 if there are too few values, and the constants; for `run`."""
    season = season if learned >= 2 * season else 1
    known = values[:learned]
    recent = known[-max(4 * season, 2_000) :]  # earlier values hardly change the choice
    constants = grid(season > 1)
    squares = _squares(recent, season, constants, horizon)
    return season, constants.only(int(np.argmin(squares)))


class Smoother:
    """The same, value by value."""

    def __init__(self, values: Any, season: int, constants: Constants) -> None:
        self.constants = constants
        known = run(values, season, self.constants)
        self.level, self.trend = float(known.level[-1]), float(known.trend[-1])
        self.seasons = known.seasons[-1]  # index 0: the seasonal part of the next step

    def step(self, value: float) -> None:
        """One more value."""
        one = self.constants
        before = self.level + float(one.phi[0]) * self.trend
        error = value - before - self.seasons[0]
        alpha, beta = float(one.alpha[0]), float(one.beta[0])
        self.level = before + alpha * error
        self.trend = float(one.phi[0]) * self.trend + alpha * beta * error
        gamma = float(one.gamma[0]) if len(self.seasons) > 1 else 0.0
        this = self.seasons[0] + gamma * (1 - alpha) * error
        self.seasons = np.append(self.seasons[1:], this)

    def ahead(self, horizon: int) -> Any:
        """The forecasts from here, (horizon,)."""
        last = Smoothed(
            np.array([self.level]), np.array([self.trend]), self.seasons[None],
            float(self.constants.phi[0]),
        )  # fmt: skip
        return last.ahead(np.array([0]), horizon)[0]


def _squares(values: Any, season: int, constants: Constants, horizon: int) -> Any:
    """Squared errors of each column of the grid, each lead relative to its best column."""
    warm = min(2 * season, len(values) // 2)
    total = np.zeros(len(constants.alpha))
    for lead in sorted({1, horizon}):
        squares = np.zeros(len(constants.alpha))
        waiting: dict[int, Any] = {}
        damping = (constants.phi ** np.arange(1, lead + 1)[:, None]).sum(0)
        for t, (_, level, trend, ring) in enumerate(_steps(values, season, constants)):
            if t in waiting:
                squares += (values[t] - waiting.pop(t)) ** 2
            if t >= warm:
                waiting[t + lead] = level + damping * trend + ring[(t + lead) % season]
        total += squares / max(float(squares.min()), np.finfo(float).tiny)
    return total


def run(values: Any, season: int, constants: Constants) -> Smoothed:
    """Apply one choice of constants to a series and keep the state after each step."""
    count = len(values)
    level, trend, seasons = np.empty(count), np.empty(count), np.empty((count, season))
    for t, (_, one, slope, ring) in enumerate(_steps(values, season, constants)):
        level[t], trend[t] = one[0], slope[0]
        place = (t + 1) % season
        seasons[t] = np.concatenate([ring[place:, 0], ring[:place, 0]])
    return Smoothed(level, trend, seasons, float(constants.phi[0]))


def _steps(values: Any, season: int, constants: Constants) -> Any:
    """Compute the equations above step by step, for all columns at once."""
    alpha, beta, phi = constants.alpha, constants.beta, constants.phi
    gamma = constants.gamma if season > 1 else np.zeros_like(alpha)
    first_level, first_trend, first_season = beginning(values, season)
    level, trend = np.full(len(alpha), first_level), np.full(len(alpha), first_trend)
    ring = np.repeat(first_season[:, None], len(alpha), 1)
    for t, value in enumerate(values):
        place = t % season
        before = level + phi * trend
        error = value - before - ring[place]
        level = before + alpha * error
        trend = phi * trend + alpha * beta * error
        ring[place] += gamma * (1 - alpha) * error
        yield error, level, trend, ring


def beginning(values: Any, season: int) -> tuple[float, float, Any]:
    """Level and trend before the first value, and the season, (m,): means of the first seasons."""
    if season == 1:
        return float(values[0]), 0.0, np.zeros(1)
    count = max(1, min(len(values) // season, SEASONS))
    known = np.resize(values[: count * season], (count, season))
    means = known.mean(1)
    slope = (means[-1] - means[0]) / ((count - 1) * season) if count > 1 else 0.0
    within = slope * (np.arange(season) - (season - 1) / 2)
    pattern = (known - means[:, None] - within).mean(0)
    return float(means[0] - slope * (season + 1) / 2), float(slope), pattern
