"""Hyperparameter search. In: a function that trains with given parameters. Out: a study of trials.

Optuna chooses parameters (TPE, Bergstra et al. 2011) and stops trials whose validation metric is
worse than the median at the same epoch. Only the validation metric is used: the test rows are the
same in every trial and have no influence. A study is stored in a file or a database, which several
processes can share and a later call continues. Next: `tuning_page`, `cli`.
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
FIRST = 5  # random trials, which are not stopped
SQLITE, JOURNAL = (".db", ".sqlite", ".sqlite3"), (".log", ".journal")


def _number(low: float, high: float) -> Suggest:
    return lambda trial, name: trial.suggest_float(name, low, high)


def _rate(low: float, high: float) -> Suggest:
    return lambda trial, name: trial.suggest_float(name, low, high, log=True)


def _count(low: int, high: int, log: bool = False) -> Suggest:
    return lambda trial, name: trial.suggest_int(name, low, high, log=log)


def _choice(*values: Any) -> Suggest:
    return lambda trial, name: trial.suggest_categorical(name, values)


# The parameters that a search varies, if the job has them and the command line does not set them.
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
    """The parameters to vary."""
    free = [name for name in SPACE if name in parameters and name not in given]
    strange = [name for name in only if name not in free]
    if strange:
        why = "is set on the command line" if strange[0] in given else "cannot be searched"
        raise UsageError(f"--search {strange[0]}: it {why}; there are {', '.join(free)}")
    return list(only) or free


@dataclass
class Budget:
    """The time limit of a search, including the final training of the best run."""

    minutes: float
    began: float
    slowest: float = 0.0  # seconds of the longest complete trial

    def left(self) -> float:
        """Seconds left for searching, with the time of the final training reserved."""
        return self.began + 60 * self.minutes - time.monotonic() - self.slowest


class Following(Quiet):
    """Reports each epoch to a trial, and ends it if it is pruned or out of time."""

    def __init__(self, trial: optuna.Trial, figure: str, budget: Budget) -> None:
        self.trial, self.figure, self.budget = trial, figure, budget
        self.best = float("inf")
        self.is_first = not _finished(trial.study)

    def epoch(self, record: dict[str, Any], line: Sequence[Shown], ahead: Ahead) -> None:
        value = record.get(self.figure)
        if value is None:
            raise UsageError(
                "a search needs validation data: leave --validation 0 out, or use more rows"
            )
        self.best = min(self.best, float(value))
        self.trial.report(self.best, int(record["epoch"]))
        if self.trial.should_prune() or (self.budget.left() <= 0 and not self.is_first):
            raise optuna.TrialPruned


def storage_of(study: str) -> Any:
    """The storage of a study: an SQLite file, Optuna's journal file, or a database by its URL."""
    if "://" in study:
        try:
            return optuna.storages.RDBStorage(study)
        except (ImportError, ValueError, SQLAlchemyError) as error:
            reason = str(error).splitlines()[0]
            cure = ""
            if isinstance(error, ImportError) and study.startswith("postgresql:"):
                cure = "; install its driver with: pip install 'psycopg[binary]'"
            raise UsageError(f"--study {study} cannot be opened ({reason}){cure}") from None
    path = Path(study)
    make_folder(path.parent)
    if path.suffix in SQLITE:
        return storage_of(f"sqlite:///{path}")
    if path.suffix in JOURNAL:
        return optuna.storages.JournalStorage(JournalFileBackend(str(path)))
    raise UsageError(
        f"--study {study}: a study must be an SQLite file ({' '.join(SQLITE)}), a journal file "
        f"({' '.join(JOURNAL)}), or a URL such as postgresql://user@host/database"
    )


def open_study(study: str, name: str, facts: Mapping[str, Any], seed: int) -> optuna.Study:
    """A new study, or the existing one if its settings are the same."""
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
    """The sampler of a trial; it differs between processes that share a study."""
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
    """Run trials until the limit on time or trials is reached."""

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
    """The trial with the lowest validation metric."""
    if not _finished(study):
        raise UsageError(
            "no trial is finished yet: use more --minutes for the search, or fewer --epochs "
            "for each trial"
        )
    return study.best_trial


def importance_of(study: optuna.Study) -> dict[str, float]:
    """The share of each parameter in the differences between trials (fANOVA, Hutter et al. 2014).

    Empty if there are too few trials.
    """
    finished = _finished(study)
    if len(finished) <= FIRST or len({one.value for one in finished}) < 2:
        return {}
    evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0)
    return optuna.importance.get_param_importances(study, evaluator=evaluator)
