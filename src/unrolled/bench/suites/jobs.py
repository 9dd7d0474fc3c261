"""Jobs with their default options, compared with common alternatives.

Texts: logistic regression on the TF-IDF of words (one and two together), and of characters (two to
five). Series: MiniRocket (Dempster et al. 2021, in sktime) with ridge classification. Of both, what
the parts of the classifier reach without one another is shown beside it. Forecasts: a ridge
regression from the last values to all steps ahead, and the methods that every report names.
A sample is one seed, which draws first weights and, where no test set is shipped, what is held out;
`--rounds` says how many. `--data` names built-in sets, or files of texts or series whose last share
is held out; `--rows` learns from at most so many rows. At the end stand the means over the sets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from importlib.util import find_spec
from pathlib import PurePath
from typing import Any

import numpy as np

from unrolled.bench.contest import Settings
from unrolled.bench.contestant import OURS
from unrolled.bench.record import Record
from unrolled.data import builtin, sources
from unrolled.data.labelled import Labelled, inputs_of, select

TEXTS = ("movie-sentences", "languages", "movie-reviews")
SERIES = (
    "gun-point", "arrow-head", "osu-leaf", "italy-power-demand", "basic-motions",
    "japanese-vowels", "acsf1", "plaid",
)  # fmt: skip
FORECASTS = ("sunspots", "co2", "airline", "temperatures")
SEEDS = 3
TESTED = 0.2  # share of a file that is held out
SMALL: Mapping[str, Any] = {"epochs": 1, "hidden": 4}  # of a quick look
SMALL_CLASSIFIER: Mapping[str, Any] = {**SMALL, "members": 1, "linear": False}
BACK = 336  # values that the peer's linear map looks back on, a third of them where there are few
PARTS = {  # a word of what the report calls a part -> its column
    "one network": "one network",
    "networks": "networks",
    "linear": "linear model",
}
RIGHT, MAE = "% correct", "MAE"

Peer = Callable[[Labelled], Any]  # what it says of the test set


def measure(settings: Settings) -> Iterator[Record]:
    seeds = range(1 if settings.quick else min(SEEDS, settings.rounds))
    forecasts = [name for name in settings.data if _task(name) == "forecast"]
    classes = [name for name in settings.data if name not in forecasts]
    if not settings.data:
        classes = [*SERIES[:1]] if settings.quick else [*TEXTS, *SERIES]
        forecasts = [*FORECASTS[:1]] if settings.quick else [*FORECASTS]
    options = SMALL_CLASSIFIER if settings.quick else {}
    kinds: dict[str, list[Record]] = {}
    for name in classes:
        settings.tell(f"jobs: {name}")
        kind, record = classified(name, seeds, options, settings)
        kinds.setdefault(kind, []).append(record)
        yield record
    yield from (mean_of(f"mean of {kind}", all_) for kind, all_ in kinds.items() if len(all_) > 1)
    for name in forecasts:
        settings.tell(f"jobs: {name}")
        yield forecast(name, seeds, SMALL if settings.quick else {})


def _task(name: str) -> str:
    """What a set is for: files are classified."""
    plain = name.removeprefix(builtin.PREFIX)
    return builtin.BY_NAME[plain].task if plain in builtin.BY_NAME else "classify"


def mean_of(name: str, records: Iterable[Record]) -> Record:
    """Seed by seed the means over sets, of those that took part in all of them."""
    records = list(records)
    everywhere = [peer for peer in records[0].samples if all(peer in r.samples for r in records)]
    means = {
        peer: np.mean([record.samples[peer] for record in records], 0).tolist()
        for peer in everywhere
    }
    return Record("jobs", name, None, means, unit=RIGHT)


def classified(
    name: str, seeds: range, options: Mapping[str, Any], settings: Settings
) -> tuple[str, Record]:
    """One set of texts or series: the share of the test set that each classifies correctly."""
    from unrolled.tasks.classify.classifier import Classifier

    share, data = _labelled(name)
    peers, left_out = _text_peers() if data.is_text else _series_peers(data, settings.quick)
    record = Record("jobs", PurePath(name).name, None, unit=RIGHT, left_out=left_out)
    for seed in seeds:
        parts = _with_rows(data.split(share, seed), settings.rows, seed)
        assert parts.test is not None and parts.train.labels is not None
        model = Classifier(seed=seed, progress="quiet", **options)
        model.fit(inputs_of(parts.train), parts.train.labels)
        said = {OURS: model.predict(inputs_of(parts.test)), **_alone(model, parts.test)}
        said |= {peer: ask(parts) for peer, ask in peers.items()}
        for peer, labels in said.items():
            right = np.asarray(labels, str) == np.asarray(parts.test.labels, str)
            record.samples.setdefault(peer, []).append(100 * float(right.mean()))
    return "texts" if data.is_text else "series", record


def _labelled(name: str) -> tuple[float, Labelled]:
    """A built-in set or a file, and the share that is held out where no test set is shipped."""
    plain = name.removeprefix(builtin.PREFIX)
    if plain in builtin.BY_NAME:
        data: Labelled = builtin.load(plain, "classify")
        return builtin.find(plain).test, data
    return TESTED, sources.labelled(name)


def _with_rows(parts: Labelled, rows: int | None, seed: int) -> Labelled:
    """At most so many rows to learn from, drawn at random."""
    count = len(inputs_of(parts.train))
    if rows is None or rows >= count:
        return parts
    drawn = np.sort(np.random.default_rng([seed, 6]).permutation(count)[:rows])
    return replace(parts, train=select(parts.train, drawn))


def _alone(model: Any, test: Any) -> dict[str, Any]:
    """What each part of the classifier says without the others."""
    from unrolled.tasks.classify.beside import without_one_another

    found = without_one_another(model, inputs_of(test))
    return {
        next(short for word, short in PARTS.items() if word in part): model.classes_[said.argmax(1)]
        for part, said in found.items()
    }


def _text_peers() -> tuple[dict[str, Peer], dict[str, str]]:
    from sklearn.feature_extraction.text import TfidfVectorizer

    def of(**how: Any) -> Peer:
        def said(parts: Labelled) -> Any:
            from sklearn.linear_model import LogisticRegression
            from sklearn.pipeline import make_pipeline

            assert parts.test is not None
            vectorizer = TfidfVectorizer(sublinear_tf=True, **how)
            model = make_pipeline(vectorizer, LogisticRegression(max_iter=1_000))
            model.fit(inputs_of(parts.train), parts.train.labels)
            return model.predict(inputs_of(parts.test))

        return said

    return {
        "words 1-2": of(ngram_range=(1, 2)),
        "characters 2-5": of(analyzer="char_wb", ngram_range=(2, 5)),
    }, {}


def _series_peers(data: Labelled, quick: bool) -> tuple[dict[str, Peer], dict[str, str]]:
    """MiniRocket, where its packages are and all series are of one length."""
    lengths = {len(one) for one in inputs_of(data.train)}
    missing = [package for package in ("sktime", "numba") if find_spec(package) is None]
    if missing:
        return {}, {"MiniRocket": f"{' and '.join(missing)} not installed"}
    if quick:
        return {}, {"MiniRocket": "it compiles for longer than a quick look takes"}
    if len(lengths) > 1:
        return {}, {"MiniRocket": "it takes series of one length"}
    return {"MiniRocket": _rocket}, {}


def _rocket(parts: Labelled) -> Any:
    from sklearn.linear_model import RidgeClassifierCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sktime.transformations.panel.rocket import MiniRocketMultivariate

    assert parts.test is not None
    learned, asked = (
        np.stack(inputs_of(one)).transpose(0, 2, 1) for one in (parts.train, parts.test)
    )
    transform = MiniRocketMultivariate(random_state=0)
    features = transform.fit_transform(learned)
    model = make_pipeline(
        StandardScaler(with_mean=False), RidgeClassifierCV(alphas=np.logspace(-3, 3, 10))
    )
    model.fit(features, parts.train.labels)
    return model.predict(transform.transform(asked))


def forecast(name: str, seeds: range, options: Mapping[str, Any]) -> Record:
    """One set of series: the mean absolute error of every origin of its test part."""
    from unrolled.tasks.forecast.forecaster import Forecaster

    found = builtin.find(name)
    series = builtin.load(name).series
    record = Record("jobs", name, None, unit=MAE)
    for seed in seeds:
        model = Forecaster(horizon=found.horizon, seed=seed, **options)
        model.fit(series, test=found.test)
        figures = model.backtest().figures
        errors = {OURS: figures["network"]["mae"]}
        errors["ridge"] = ridge_error(series, model.tested_, found.horizon)
        errors["last value"] = figures["naive"]["mae"]
        errors |= {peer: figures[peer]["mae"] for peer in ("seasonal naive", "smoothing")}
        for peer, error in errors.items():
            record.samples.setdefault(peer, []).append(error)
    return record


def ridge_error(series: Any, tested: list[int], horizon: int) -> float:
    """Of a linear map from the last values, each window as far as it lies from its last value."""
    from sklearn.linear_model import RidgeCV

    errors = []
    for one, start in zip(series, tested):
        values = one.without_gaps()
        back = min(BACK, start // 3)
        origins = np.arange(back - 1, len(values) - horizon)
        windows = values[origins[:, None] + np.arange(1 - back, 1)]
        ahead = values[origins[:, None] + 1 + np.arange(horizon)]
        now = windows[:, -1:]
        learned, asked = origins < start - horizon, origins >= start - 1
        model = RidgeCV(alphas=np.logspace(-3, 3, 7))
        model.fit((windows - now)[learned], (ahead - now)[learned])
        said = now[asked] + model.predict((windows - now)[asked])
        actual = one.values[origins[asked][:, None] + 1 + np.arange(horizon)]
        errors.append(np.abs(said - actual)[~np.isnan(actual)])
    return float(np.concatenate(errors).mean())
