"""A search for parameters. In: a way to train with given parameters. Out: a study of trials.

Optuna chooses (TPE, Bergstra et al. 2011) and stops trials whose validation figure falls behind the
median at the same epoch. What is searched by is the validation figure alone: the test rows are the
same in every trial and decide nothing. A study is kept in a file or a database, which several
processes share, and which a later call continues. Next: `tuning_page`, `cli`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.storages.journal import JournalFileBackend
from sqlalchemy.exc import SQLAlchemyError

from unrolled.errors import UsageError
from unrolled.files import make_folder
from unrolled.networks.pooling import POOLINGS
from unrolled.training.job import Shown
from unrolled.training.progress import Ahead, Quiet

Suggest = Callable[[optuna.Trial, str], Any]
SAYING_NOTHING = 2  # epochs of a trial before it may be stopped
FIRST = 5  # trials at random, which are compared with nothing
SQLITE, JOURNAL = (".db", ".sqlite", ".sqlite3"), (".log", ".journal")


def _number(low: float, high: float) -> Suggest:
    return lambda trial, name: trial.suggest_float(name, low, high)


def _rate(low: float, high: float) -> Suggest:
    return lambda trial, name: trial.suggest_float(name, low, high, log=True)


def _count(low: int, high: int, log: bool = False) -> Suggest:
    return lambda trial, name: trial.suggest_int(name, low, high, log=log)


def _choice(*values: Any) -> Suggest:
    return lambda trial, name: trial.suggest_categorical(name, values)


# What a search varies, where the job has such a parameter and the command line does not set it.
SPACE: dict[str, Suggest] = {
    "cell": _choice("lstm", "gru"),
    "hidden": _count(16, 256, log=True),
    "layers": _count(1, 2),
    "dropout": _number(0.0, 0.6),
    "lr": _rate(3e-4, 3e-2),
    "batch_size": _choice(16, 32, 64, 128),
    "weight_decay": _rate(1e-6, 1e-2),
    "embedding": _choice(32, 64, 128),
    "pooling": _choice(*POOLINGS),
}


def searched(parameters: Sequence[str], given: Mapping[str, Any], only: Sequence[str]) -> list[str]:
    """The parameters that are varied."""
    free = [name for name in SPACE if name in parameters and name not in given]
    strange = [name for name in only if name not in free]
    if strange:
        why = "is set on the command line" if strange[0] in given else "cannot be searched"
        raise UsageError(f"--search {strange[0]}: it {why}; there are {', '.join(free)}")
    return list(only) or free


@dataclass
class Budget:
    """How long a search may take, the training of the best run at the end included."""

    minutes: float
    began: float
    slowest: float = 0.0  # seconds of a whole trial

    def left(self) -> float:
        """Seconds of searching: what the last training takes is kept back."""
        return self.began + 60 * self.minutes - time.monotonic() - self.slowest


class Following(Quiet):
    """Tells a trial of each epoch; a trial that falls behind, or is out of time, ends there."""

    def __init__(self, trial: optuna.Trial, figure: str, budget: Budget) -> None:
        self.trial, self.figure, self.budget = trial, figure, budget
        self.best = float("inf")
        self.is_first = not _finished(trial.study)

    def epoch(self, record: dict[str, Any], line: Sequence[Shown], ahead: Ahead) -> None:
        value = record.get(self.figure)
        if value is None:
            raise UsageError(
                "a search needs a validation part to compare by: leave --validation 0 out, or "
                "bring more rows"
            )
        self.best = min(self.best, float(value))
        self.trial.report(self.best, int(record["epoch"]))
        if self.trial.should_prune() or (self.budget.left() <= 0 and not self.is_first):
            raise optuna.TrialPruned


def storage_of(study: str) -> Any:
    """Where a study is kept: an SQLite file, Optuna's journal file, or a database by its URL."""
    if "://" in study:
        try:
            return optuna.storages.RDBStorage(study)
        except (ImportError, ValueError, SQLAlchemyError) as error:
            reason = str(error).splitlines()[0]
            cure = ""
            if isinstance(error, ImportError) and study.startswith("postgresql:"):
                cure = "; its driver comes with: pip install 'psycopg[binary]'"
            raise UsageError(f"--study {study} cannot be opened ({reason}){cure}") from None
    path = Path(study)
    make_folder(path.parent)
    if path.suffix in SQLITE:
        return storage_of(f"sqlite:///{path}")
    if path.suffix in JOURNAL:
        return optuna.storages.JournalStorage(JournalFileBackend(str(path)))
    raise UsageError(
        f"--study {study}: a study is an SQLite file ({' '.join(SQLITE)}), a journal file "
        f"({' '.join(JOURNAL)}), or a URL such as postgresql://user@host/database"
    )


def open_study(study: str, name: str, facts: Mapping[str, Any], seed: int) -> optuna.Study:
    """A new study, or the one that is there, if it is about the same."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        found = optuna.create_study(
            storage=storage_of(study),
            study_name=name,
            load_if_exists=True,
            sampler=sampler_of(seed, 0),
            pruner=optuna.pruners.MedianPruner(FIRST, SAYING_NOTHING),
        )
    except OSError as error:
        raise UsageError(f"--study {study} cannot be opened ({error})") from None
    for key, value in facts.items():
        before = found.user_attrs.get(key, value)
        if before != value:
            raise UsageError(
                f"--study {study} has a study {name!r} with {key} {before!r}, and this one is with "
                f"{value!r}: name another one with --name"
            )
        found.set_user_attr(key, value)
    return found


def sampler_of(seed: int, number: int) -> optuna.samplers.TPESampler:
    """What chooses the parameters of a trial: processes that share a study choose differently."""
    return optuna.samplers.TPESampler(
        n_startup_trials=FIRST, seed=(seed + 7919 * number) % 2**32, constant_liar=True
    )


def search(
    study: optuna.Study,
    names: Sequence[str],
    train: Callable[[dict[str, Any], Following], None],
    figure: str,
    budget: Budget,
    trials: int | None,
    seed: int,
    tell: Callable[[optuna.trial.FrozenTrial], None],
) -> None:
    """Try parameters until the time or the number of trials is used up."""

    def objective(trial: optuna.Trial) -> float:
        began = time.monotonic()
        study.sampler = sampler_of(seed, trial.number)
        following = Following(trial, figure, budget)
        train({name: SPACE[name](trial, name) for name in names}, following)
        budget.slowest = max(budget.slowest, time.monotonic() - began)
        return following.best

    def after(study: optuna.Study, trial: optuna.trial.FrozenTrial) -> None:
        tell(trial)
        if budget.left() <= 0:
            study.stop()

    study.optimize(objective, n_trials=trials, callbacks=[after])


def _finished(study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    return study.get_trials(deepcopy=False, states=[optuna.trial.TrialState.COMPLETE])


def best_of(study: optuna.Study) -> optuna.trial.FrozenTrial:
    """The trial with the lowest validation figure."""
    if not _finished(study):
        raise UsageError(
            "no trial has come to its end yet: give the search more --minutes, or fewer --epochs "
            "to each trial"
        )
    return study.best_trial


def importance_of(study: optuna.Study) -> dict[str, float]:
    """The share of each parameter in the differences between trials (fANOVA, Hutter et al. 2014).

    Empty where there are too few trials to say anything.
    """
    finished = _finished(study)
    if len(finished) <= FIRST or len({one.value for one in finished}) < 2:
        return {}
    evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0)
    return optuna.importance.get_param_importances(study, evaluator=evaluator)
