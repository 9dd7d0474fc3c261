"""Jobs as sktime knows them. In: a job, sktime's data. Out: estimators for its pipelines.

    from unrolled.sktime import RecurrentForecaster

    forecaster = RecurrentForecaster(unrolled.Forecaster(hidden=32))
    forecaster.fit(y, fh=[1, 2, 3]).predict()

Each holds a job of this package as its parameter `job` and hands data over to a clone of it, so
that sktime's pipelines, grid searches and benchmarks can use it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd  # type: ignore[import-untyped]
from sklearn.base import clone
from sktime.classification.base import BaseClassifier
from sktime.forecasting.base import BaseForecaster

from unrolled.tasks.classify.classifier import Classifier
from unrolled.tasks.forecast.forecaster import Forecaster


class RecurrentForecaster(BaseForecaster):
    """`unrolled.Forecaster`, for one series without covariates; its horizon is the largest of `fh`.

    Args:
        job: a Forecaster, which is cloned and not changed; None: one with its defaults.

    >>> from sktime.datasets import load_airline
    >>> from unrolled.sktime import RecurrentForecaster
    >>> forecaster = RecurrentForecaster().fit(load_airline(), fh=[1, 2, 3])  # doctest: +SKIP
    >>> y_pred = forecaster.predict()  # doctest: +SKIP
    """

    _tags = {  # noqa: RUF012
        "authors": ["unrolled"],
        "python_dependencies": ["torch"],
        "y_inner_mtype": "pd.Series",
        "X_inner_mtype": "pd.DataFrame",
        "capability:exogenous": False,
        "capability:insample": False,
        "capability:missing_values": True,
        "capability:pred_int": False,
        "capability:multivariate": False,
        "capability:update": True,
        "requires-fh-in-fit": True,
    }
    _config = {"remember_data": False}  # noqa: RUF012  # `seen_` does

    def __init__(self, job: Forecaster | None = None) -> None:
        self.job = job
        super().__init__()

    def _fit(self, y: Any, X: Any, fh: Any) -> RecurrentForecaster:
        job = Forecaster() if self.job is None else clone(self.job)
        horizon = int(max(fh.to_relative(self.cutoff)))
        self.fitted_: Forecaster = job.set_params(horizon=horizon).fit(y)
        self.seen_ = y
        return self

    def _update(self, y: Any, X: Any = None, update_params: bool = True) -> RecurrentForecaster:
        """Go on from the end of what is new; learn anew from all of it if that is asked."""
        self.seen_ = y.combine_first(self.seen_)
        return self._fit(self.seen_, X, self.fh) if update_params else self

    def _predict(self, fh: Any, X: Any) -> Any:
        ahead = np.asarray(fh.to_relative(self.cutoff), int) - 1
        index = fh.to_absolute_index(self.cutoff)
        said = np.asarray(self.fitted_.predict(self.seen_), float)[ahead]
        return pd.Series(said, index=index, name=self.seen_.name)

    @classmethod
    def get_test_params(cls, parameter_set: str = "default") -> list[dict[str, Any]]:
        """Small ones, for `sktime.utils.estimator_checks.check_estimator`."""
        return [
            {"job": Forecaster(epochs=1, hidden=3)},
            {"job": Forecaster(epochs=1, shared=False)},
        ]


class RecurrentClassifier(BaseClassifier):
    """`unrolled.Classifier` of series, of any number of channels and of several lengths.

    Args:
        job: a Classifier, which is cloned and not changed; None: one with its defaults.

    >>> from sktime.datasets import load_unit_test
    >>> from unrolled.sktime import RecurrentClassifier
    >>> X, y = load_unit_test(split="train")  # doctest: +SKIP
    >>> labels = RecurrentClassifier().fit(X, y).predict(X)  # doctest: +SKIP
    """

    _tags = {  # noqa: RUF012
        "authors": ["unrolled"],
        "python_dependencies": ["torch"],
        "X_inner_mtype": "df-list",
        "capability:multivariate": True,
        "capability:unequal_length": True,
        "capability:missing_values": True,
        "capability:predict_proba": True,
    }

    def __init__(self, job: Classifier | None = None) -> None:
        self.job = job
        super().__init__()

    def _fit(self, X: Any, y: Any) -> RecurrentClassifier:
        job = Classifier() if self.job is None else clone(self.job)
        self.fitted_: Classifier = job.fit(_channels(X), y)
        return self

    def _predict(self, X: Any) -> Any:
        return self.fitted_.predict(_channels(X))

    def _predict_proba(self, X: Any) -> Any:
        return self.fitted_.predict_proba(_channels(X))

    @classmethod
    def get_test_params(cls, parameter_set: str = "default") -> list[dict[str, Any]]:
        """Small ones, for `sktime.utils.estimator_checks.check_estimator`."""
        few: dict[str, Any] = {"epochs": 1, "hidden": 3, "members": 1, "linear": False}
        return [{"job": Classifier(**few)}, {"job": Classifier(**few, convolutions=False)}]


def _channels(X: Any) -> list[Any]:
    """(T, channels) of each series."""
    return [np.asarray(one, float) for one in X]
