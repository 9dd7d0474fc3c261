"""Forecast your own series, with intervals, in Python.

python examples/forecast.py
"""

import matplotlib.pyplot as plt
import numpy as np

import unrolled as ur

HORIZON = 24


def series():
    """Two seasons, a trend, noise: what sensors and shops record."""
    hours, random = np.arange(1200), np.random.default_rng(0)
    seasons = np.sin(hours / 24 * 2 * np.pi) + 0.4 * np.sin(hours / 168 * 2 * np.pi)
    return 10 + 0.004 * hours + seasons + random.normal(0, 0.15, len(hours))


def main(picture="forecast.svg", epochs=6):
    values = series()
    known, future = values[:-HORIZON], values[-HORIZON:]
    forecaster = ur.Forecaster(horizon=HORIZON, season=24, epochs=epochs, hidden=32).fit(known)
    found = forecaster.forecast()[0]
    low, high = found.quantiles[:, 0], found.quantiles[:, -1]
    print(f"mean absolute error {np.abs(found.median - future).mean():.3f}")
    print(f"{np.mean((low <= future) & (future <= high)):.0%} inside the interval")

    figure, axes = plt.subplots(figsize=(7, 3), layout="constrained")
    axes.plot(np.arange(-72, 0), known[-72:], color="0.4", label="known")
    axes.plot(np.arange(HORIZON), future, color="0.4", linestyle=":", label="what came")
    axes.plot(np.arange(HORIZON), found.median, label="forecast")
    axes.fill_between(np.arange(HORIZON), low, high, alpha=0.25, label="80 % interval")
    axes.set(xlabel="hours from now", title="A day ahead")
    axes.legend(ncols=2)
    figure.savefig(picture)


if __name__ == "__main__":
    main()
