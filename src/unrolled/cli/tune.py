"""Search for the parameters of a job: many short trainings, then a run with the best ones.

unrolled tune classify reviews.csv --text review --label sentiment --minutes 30
unrolled tune classify reviews.csv --search lr hidden --cell gru --trials 20

A second process with the same command shares the study; running it again later continues it.
"""

import argparse
import contextlib
import io
import shlex
import sys
import time
from pathlib import Path
from typing import Any

from unrolled.errors import UsageError, require
from unrolled.literal import file_name

MINUTES = 30.0


def configure(parser: argparse.ArgumentParser) -> None:
    from unrolled.cli import jobs

    children = parser.add_subparsers(dest="job", metavar="JOB", required=True)
    for name, job in jobs.JOBS.items():
        child = children.add_parser(name, help=job.summary, description=job.summary)
        child.add_argument("source", help="a file, a folder, or builtin:NAME (see `unrolled data`)")
        job.add_columns(child.add_argument_group("data"))
        add_search(child.add_argument_group("search"))
        job.add_parameters(child, skip=("minutes", "tensorboard", "devices", "nodes", "strategy"))


def add_search(parser: argparse._ActionsContainer) -> None:
    parser.add_argument(
        "--minutes", type=float, default=MINUTES,
        help=f"time limit, including the training of the best run (default: {MINUTES:g})",
    )  # fmt: skip
    parser.add_argument("--trials", type=int, help="stop after this many trials")
    parser.add_argument(
        "--search", metavar="NAME", nargs="+", default=[],
        help="the parameters to vary (default: all that are not given)",
    )  # fmt: skip
    parser.add_argument(
        "--study", metavar="PLACE",
        help="where to store the study: FILE.db (SQLite), FILE.log (a journal file), or "
        "postgresql://... (default: DIR/study.db)",
    )  # fmt: skip
    parser.add_argument("--name", help="name of the study (default: JOB-DATA)")
    parser.add_argument(
        "--out", metavar="DIR",
        help="folder of the study, the page and the best run (default: tuned/NAME)",
    )  # fmt: skip


def run(arguments: argparse.Namespace) -> int:
    began = time.monotonic()
    require("jobs", "`unrolled tune`")
    require("tune", "`unrolled tune`")
    from unrolled.cli import jobs
    from unrolled.files import make_folder, write_whole
    from unrolled.report.page import render
    from unrolled.tasks import comparing, tuning, tuning_page

    job = jobs.JOBS[arguments.job]
    given = job.given(arguments)
    given.pop("minutes", None)
    check_limits(arguments)
    names = tuning.searched(job.parameters(), given, arguments.search)
    how = job.how(arguments)
    name = arguments.name or f"{job.name}-{data_name(arguments.source)}"
    out = Path(arguments.out) if arguments.out else Path("tuned", file_name(name, job.name))
    make_folder(out)
    fixed = {**given, **({"baseline": False} if "baseline" in job.parameters() else {})}
    job.refuse_idle(list(given), job.make(fixed))
    seed = int(given.get("seed", 0))
    where = arguments.study or str(out / "study.db")
    data, settings = shlex.join(job.words(how)), shlex.join(job.words(given))
    facts = {"job": job.name, "data": data, "settings": settings}
    study = tuning.open_study(where, name, facts, seed)
    budget = tuning.Budget(arguments.minutes, began)
    figure = f"validation_{comparing.lowest_figure(job.name)}"
    training = Training(job, how, fixed, budget)
    tuning.search(study, names, training, figure, budget, arguments.trials, seed, say)
    best = tuning.best_of(study)
    command = shlex.join(["unrolled", "tune", job.name, arguments.source, *job.words(given)])
    page = tuning_page.page_of(study, names, figure, command)
    write_whole(out / "tuning.html", render(page))
    print("\n".join(tuning_page.lines_of(best, tuning.importance_of(study))), flush=True)
    path = train_best(job, how, {**given, **best.params}, out / f"trial-{best.number}")
    print(f"The best run is {path}.")
    print(f"Use it: {job.example(path)}")
    print(f"Importance of the parameters: {out / 'tuning.html'}")
    return 0


def check_limits(arguments: argparse.Namespace) -> None:
    if not arguments.minutes > 0:
        raise UsageError(f"--minutes must be a number above 0, not {arguments.minutes}")
    if arguments.trials is not None and arguments.trials < 1:
        raise UsageError(f"--trials must be an integer of at least 1, not {arguments.trials}")


def data_name(source: str) -> str:
    """The name of a file without its ending, or of a built-in data set."""
    if source.startswith("builtin:"):
        return source.partition(":")[2]
    return Path(source).name.partition(".")[0]


class Training:
    """Trains with the parameters of a trial; only its metric is kept."""

    def __init__(self, job: Any, how: dict[str, Any], fixed: dict[str, Any], budget: Any) -> None:
        self.job, self.how, self.fixed, self.budget = job, how, fixed, budget
        self.is_first = True

    def __call__(self, parameters: dict[str, Any], following: Any) -> None:
        import optuna

        from unrolled.training.diagnosis import Diverged

        more = dict(self.fixed)
        if following.is_first:  # so that at least one trial is finished, whatever the time limit
            more["minutes"] = 0.6 * self.budget.minutes
        estimator = self.job.make({**more, **parameters}, progress="quiet")
        estimator.follow(following)
        said = contextlib.nullcontext() if self.is_first else contextlib.redirect_stderr(
            io.StringIO()  # every trial would print the same notes on the data
        )  # fmt: skip
        self.is_first = False
        try:
            with said:
                self.job.fit(estimator, dict(self.how), "", resume=False)
        except Diverged:
            raise optuna.TrialPruned from None


def say(trial: Any) -> None:
    """Print a line for each trial."""
    from unrolled.tasks.tuning_page import STATES

    value = "" if trial.value is None else f", {trial.value:.4g}"
    chosen = " ".join(
        f"{name}={value:.3g}" if isinstance(value, float) else f"{name}={value}"
        for name, value in trial.params.items()
    )
    print(f"Trial {trial.number}: {STATES[trial.state]}{value} ({chosen})", flush=True)


def train_best(job: Any, how: dict[str, Any], given: dict[str, Any], path: Path) -> Path:
    """Train the run of the best trial, with its report; an existing run is kept."""
    wanted, number = path, 1
    while path.exists():
        if (path / "report.html").is_file():
            return path
        number += 1  # a run that was interrupted or trains in another process is left alone
        path = wanted.with_name(f"{wanted.name}-{number}")
    estimator = job.make(given, out=str(path), progress="quiet")
    with contextlib.redirect_stderr(io.StringIO()) as said:
        job.fit(estimator, dict(how), job.command(how, given, path), resume=False)
    for line in said.getvalue().splitlines():
        if "together with" in line:
            print(line, file=sys.stderr)
    return path
