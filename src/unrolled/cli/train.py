"""Train a network on your own data, or on built-in data.

unrolled train classify reviews.csv --text review --label sentiment
unrolled train generate book.txt --minutes 5
unrolled train --resume runs/reviews-1
"""

import argparse
import sys
from pathlib import Path
from typing import Any

from unrolled.cli import INTERRUPTED, TERMINATED
from unrolled.cli.cell import add_hyperparameters, hyperparameters
from unrolled.cli.opening import line_that_opens, open_page
from unrolled.errors import UsageError, require
from unrolled.literal import file_name

GOES_ON = ("epochs", "minutes", "patience", "devices", "nodes", "strategy", "accelerator")


def configure(parser: argparse.ArgumentParser) -> None:
    from unrolled.cli import jobs

    parser.add_argument("--resume", metavar="RUN", help="resume a run that was interrupted")
    for name, kind in (("epochs", int), ("patience", int), ("minutes", float)):
        parser.add_argument(
            f"--{name}",
            type=kind,
            default=argparse.SUPPRESS,
            help="with --resume: a new limit for the run",
        )
    for name in ("open", "quiet", "json"):
        parser.add_argument(f"--{name}", action="store_true", help=argparse.SUPPRESS)
    children = parser.add_subparsers(dest="job", metavar="JOB")
    for name, job in jobs.JOBS.items():
        child = children.add_parser(name, help=job.summary, description=job.summary)
        child.add_argument("source", help="a file, a folder, or builtin:NAME (see `unrolled data`)")
        job.add_columns(child.add_argument_group("data"))
        add_shared(child.add_argument_group("run"))
        job.add_parameters(child)
        add_hyperparameters(child)


def add_shared(parser: argparse._ActionsContainer) -> None:
    """Add the options that every job takes besides the parameters of its network."""
    hidden = argparse.SUPPRESS  # an option left out must not replace one given before the job
    parser.add_argument("--resume", metavar="RUN", default=hidden, help="resume this run")
    parser.add_argument("--config", metavar="FILE", help="parameters from a TOML file or a run")
    parser.add_argument("--out", metavar="DIR", help="folder of the run (default: runs/NAME-1)")
    parser.add_argument("--open", action="store_true", default=hidden,
                        help="open the report in a browser at the end")  # fmt: skip
    parser.add_argument("--quiet", action="store_true", default=hidden,
                        help="do not print a line for each epoch")  # fmt: skip
    parser.add_argument("--json", action="store_true", default=hidden,
                        help="print JSON, one object per line")  # fmt: skip


def run(arguments: argparse.Namespace) -> int:
    require("jobs", "`unrolled train`")
    from unrolled.cli import jobs
    from unrolled.training.fabric import is_first_process
    from unrolled.training.interrupts import Interrupted, Terminated, terminable

    if not is_first_process():  # only the first process prints
        sys.stdout = open("/dev/null", "w")  # noqa: SIM115, PTH123 - until the process ends
    if arguments.job is None and arguments.resume is None:
        raise UsageError(f"name a job: unrolled train {' | '.join(jobs.JOBS)} (see --help)")
    work = begin if arguments.resume is None else go_on
    try:
        with terminable():
            path = work(arguments, arguments.began)
    except Interrupted as stopped:
        print(f"unrolled: {stopped}", file=sys.stderr)
        return INTERRUPTED
    except KeyboardInterrupt as stopped:
        print(f"unrolled: {stopped_at(arguments)}", file=sys.stderr)
        return TERMINATED if isinstance(stopped, Terminated) else INTERRUPTED
    if path is None:  # there was nothing to do, and a message has been printed
        return 0
    if progress_of(arguments) == "lines":
        print(f"The run is {path}.")
        print(f"Use it: {job_of(path).example(path)}")
        print(f"Open the report: {line_that_opens(path / 'report.html')}")
    if arguments.open:
        open_page(path / "report.html")
    return 0


def stopped_at(arguments: argparse.Namespace) -> str:
    """The message of a command that was stopped outside the training itself."""
    from unrolled.training.run_folder import CONFIG, WEIGHTS

    run = Path(arguments.resume or arguments.out or "")
    if not (arguments.resume or arguments.out) or not (run / CONFIG).is_file():
        return "stopped before training: nothing is kept"
    kept = "its weights are kept" if (run / WEIGHTS).is_file() else "its checkpoints are kept"
    return f"stopped; {kept}; resume with `unrolled train --resume {run}`"


def job_of(path: Path) -> Any:
    """The job of the run that was just written."""
    from unrolled.cli import jobs
    from unrolled.training.run_folder import RunFolder

    return jobs.of_run(RunFolder.open(path))


def begin(arguments: argparse.Namespace, began: float) -> Path | None:
    """Train a new run."""
    from unrolled.cli import jobs
    from unrolled.cli.jobs.continuing import refuse_other_shapes

    job = jobs.JOBS[arguments.job]
    out = Path(arguments.out) if arguments.out else free_place(arguments.source, arguments.job)
    before = getattr(arguments, "from_run", None)
    if before and arguments.config:
        raise UsageError("--from uses the parameters of its run: leave --config out")
    if before:
        refuse_other_shapes(before, job.given(arguments))
    given = {**from_config(arguments.config or before, job), **job.given(arguments)}
    chosen = set_cell(given, arguments.set, job)
    estimator = job.make(given | chosen, out=str(out), progress=progress_of(arguments))
    if not isinstance(given.get("cell", ""), str):  # an equation cannot be given on a command line
        given = {**given, "cell": None, "config": arguments.config}
    asked = list(job.given(arguments))
    job.refuse_idle(asked, estimator)
    estimator.refuse_taken_place()
    estimator.refuse_missing_devices()
    if before:  # the command that repeats the run must name them again
        given = job.given(arguments)
    how = job.how(arguments)
    arguments.out, estimator.began_ = str(out), began
    command = job.command({**how, "set": arguments.set}, given, out)
    job.fit(estimator, how, command, resume=False, asked=asked)
    return out


def set_cell(given: dict[str, Any], words: list[str], job: Any) -> dict[str, Any]:
    """The cell with the hyperparameters given by `--set`, if any."""
    from unrolled.cells.choosing import ChosenCell
    from unrolled.cells.library import find_cell

    if not words:
        return {}
    cell = given.get("cell", job.estimator().cell)
    if isinstance(cell, ChosenCell):
        raise UsageError(
            "--set changes a cell before it becomes an equation, and the run of --config only has "
            "the equation: name the cell, too, with --cell"
        )
    chosen = hyperparameters(words)
    if {"input_size", "hidden_size"} & set(chosen):
        raise UsageError("--set is for the cell's own parameters: units are set by --hidden, "
                         "and the input size by the data")  # fmt: skip
    return {"cell": find_cell(cell)(**chosen)}


def go_on(arguments: argparse.Namespace, began: float) -> Path | None:
    """Resume a run that was interrupted, or one that gets more epochs or minutes."""
    from unrolled.cli import jobs
    from unrolled.tasks.origin import read_origin
    from unrolled.training.run_folder import RunFolder

    run = RunFolder.open(arguments.resume)
    config = run.config()
    job = jobs.of_run(run)
    given = job.given(arguments)
    if arguments.job not in (None, config["task"]):
        raise UsageError(f"{run.path} is a run of {config['task']!r}, not of {arguments.job!r}")
    fixed = [name for name in given if name not in GOES_ON]
    if arguments.job:
        columns = [name for name in job.how(arguments) if name != "source"]
        fixed += columns + [name for name in ("config", "out", "set") if getattr(arguments, name)]
    if fixed:
        raise UsageError(
            f"--{fixed[0].replace('_', '-')} cannot change when a run is resumed: leave it "
            "out, or start a new run"
        )
    estimator = job.reopen(run, config)
    estimator.set_params(out=str(run.path), progress=progress_of(arguments), **given)
    estimator.check()
    finished = None if given else why_finished(run)
    if finished:
        print(
            f"{run.path} is finished ({finished}): give it more with --epochs or --minutes, or use "
            f"it: {job.example(run.path)}"
        )
        return None
    estimator.refuse_missing_devices()
    estimator.began_ = began
    how = read_origin(config, run.path)
    if arguments.job:
        how["source"] = str(Path(arguments.source).resolve())
    elif "source" not in how:
        raise UsageError(
            f"{run.path} was trained in Python: resume it there, with fit(..., resume=True)"
        )
    words = [str(how.get("command", "")), *job.words(given)]
    job.fit(estimator, how, " ".join(words), resume=True)
    return run.path


def why_finished(run: Any) -> str:
    """Why the training of a complete run ended; empty if it has not."""
    from unrolled.training.run_folder import WEIGHTS

    whole = all((run.path / name).is_file() for name in (WEIGHTS, "report.html"))
    last = run.checkpoints.load(lambda text: None) if whole else None
    return last.state.finished if last is not None else ""


def from_config(file: str | None, job: Any) -> dict[str, Any]:
    """Parameters from a TOML file, or from a run with the equation of its cell.

    A file never loads code: a cell from a Python file must be named on the command line.
    """
    if file is None:
        return {}
    run, config = _config_of(Path(file))
    task = config.get("task", job.name)
    if task != job.name:
        raise UsageError(f"--config {file} is for {task!r}, and this is {job.name!r}")
    given = config.get("parameters", {} if "task" in config else config)
    if not isinstance(given, dict):
        raise UsageError(f"--config {file}: `parameters` must be a table of names and values")
    strange = [name for name in given if name not in job.parameters()]
    if strange:
        raise UsageError(f"--config {file}: there is no parameter {strange[0]!r}")
    if run is not None:
        return {**given, "cell": job.cell_of(run, config)}
    cell = config.get("cell", given.get("cell"))
    if cell is None:
        return given
    if not isinstance(cell, str) or not cell.isidentifier():
        raise UsageError(
            f"--config {file}: {cell!r} is not a cell of the library, and a file never "
            "loads code: name your own cell on the command line, --cell FILE.py:CLASS"
        )
    return {**given, "cell": cell}


def _config_of(path: Path) -> tuple[Any, dict[str, Any]]:
    """The configuration in a file or run, and the run if it is one."""
    from unrolled.data.opening import existing
    from unrolled.training.manifest import NotARun
    from unrolled.training.run_folder import RunFolder, read_toml

    try:
        if path.is_dir():
            run = RunFolder.open(path)
            return run, run.config()
        if path.name == "config.toml" and (path.parent / "cell.json").is_file():
            run = RunFolder.open(path.parent)
            return run, run.config()
        return None, read_toml(existing(path).read_bytes(), path)
    except NotARun as error:
        raise UsageError(f"--config {path} is not a TOML file or run: {error}") from None
    except OSError as error:
        raise UsageError(f"--config {path} cannot be read ({error.strerror})") from None


def progress_of(arguments: argparse.Namespace) -> str:
    if arguments.quiet and arguments.json:
        raise UsageError("--quiet and --json exclude each other: choose one")
    return "quiet" if arguments.quiet else "json" if arguments.json else "lines"


def free_place(source: str, job: str) -> Path:
    """runs/NAME-1, or the first free number."""
    name = source.rpartition(":")[2] if source.startswith("builtin:") else Path(source).name
    name = file_name(name.partition(".")[0], job)
    number = 1
    while Path("runs", f"{name}-{number}").exists():
        number += 1
    return Path("runs", f"{name}-{number}")
