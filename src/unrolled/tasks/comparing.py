"""Compares runs. In: folders of runs. Out: `Summary`s, their differences, a page; next: `cli`.

Only configurations and metrics are loaded, so that hundreds of runs can be listed at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from unrolled.errors import UnrolledError
from unrolled.report.blocks import Block, Figure, Page, Prose, Section, Table
from unrolled.report.figures import curves
from unrolled.report.numbers import counted
from unrolled.tasks.reporting import quoted
from unrolled.training.progress import duration
from unrolled.training.run_folder import CONFIG, WEIGHTS, RunFolder

# The validation metrics that determine which epoch is kept, if it is not the loss.
DECIDES = {"transcribe": ("character_error_rate",), "tag": ("f1", "accuracy")}
MOST_DRAWN = 8  # curves that can be distinguished
PARTS = ("validation", "test")
LESS_IS_BETTER = (
    "loss",
    "perplexity",
    "bits",
    "mae",
    "rmse",
    "smape",
    "mase",
    "error",
    "character_error_rate",
    "word_error_rate",
)


@dataclass(frozen=True)
class Summary:
    """A summary of a run's configuration and metrics."""

    path: Path
    task: str
    data: str
    figures: dict[str, float]  # of the kept epoch
    epochs: int
    seconds: float
    written: datetime
    is_whole: bool
    settings: dict[str, Any]
    history: list[dict[str, Any]]

    def value(self, name: str) -> Any:
        """The value of this column, for sorting."""
        columns: dict[str, Any] = {"run": str(self.path), "job": self.task, "data": self.data}
        columns |= {"epochs": self.epochs, "time": self.seconds, "written": self.written}
        return columns.get(name, self.figures.get(name, self.settings.get(name)))


def summary_of(path: Path) -> Summary:
    """One run, whether or not it is finished."""
    run = RunFolder.open(path)
    config, history = run.config(), run.metrics()
    source = config.get("data", {}).get("source")
    data = "(passed in Python)" if source is None else str(source)
    settings = {"cell": config.get("cell"), **config.get("parameters", {})}
    task = str(config.get("task"))
    kept = kept_record(task, history)
    return Summary(
        path,
        task,
        data if data.startswith("builtin:") else Path(data).name,
        {
            name: value
            for name, value in kept.items()
            if name.startswith(PARTS) and isinstance(value, (int, float))
        },
        len(history),
        float(history[-1].get("seconds") or 0.0) if history else 0.0,
        datetime.fromtimestamp((path / CONFIG).stat().st_mtime),  # local time
        (path / WEIGHTS).is_file(),
        settings,
        history,
    )


def kept_record(task: str, history: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The record of the epoch whose weights are kept, or of the last one without validation."""
    for stem in (*DECIDES.get(task, ()), "loss"):
        name = f"validation_{stem}"
        judged = [one for one in history if one.get(name) is not None]
        if judged:
            sign = 1 if stem in LESS_IS_BETTER else -1
            return min(judged, key=lambda one: sign * float(one[name]))
    return history[-1] if history else {}


def lowest_figure(task: str) -> str:
    """The metric by which runs of a job are compared: lower is better."""
    decides = DECIDES.get(task, ("loss",))[0]
    return decides if decides in LESS_IS_BETTER else "loss"


def runs_in(folder: Path) -> tuple[list[Summary], list[str]]:
    """All runs directly in a folder, and a message for each unreadable one."""
    found, damaged = [], []
    for path in sorted(folder.iterdir()):
        if path.is_dir() and (path / CONFIG).is_file():
            try:
                found.append(summary_of(path))
            except UnrolledError as error:
                damaged.append(str(error))
    return found, damaged


def in_order(runs: Sequence[Summary], column: str) -> list[Summary]:
    """Runs sorted by a column: metrics best first, runs without the value last."""
    stem = column.removeprefix("validation_").removeprefix("test_")
    ascending = stem in LESS_IS_BETTER or not column.startswith(PARTS)
    having = [one for one in runs if one.value(column) is not None]
    texts = any(isinstance(one.value(column), str) for one in having)
    having.sort(
        key=lambda one: str(one.value(column)) if texts else one.value(column),
        reverse=not ascending,
    )
    return having + [one for one in runs if one.value(column) is None]


def figure_names(runs: Sequence[Summary]) -> list[str]:
    """The metrics that any of the runs has."""
    return list(dict.fromkeys(name for one in runs for name in one.figures))


def differing(runs: Sequence[Summary]) -> list[str]:
    """The parameters that differ between runs of the same job."""
    names: dict[str, None] = {}
    for task in {one.task for one in runs}:
        same = [one for one in runs if one.task == task]
        for name in dict.fromkeys(name for one in same for name in one.settings):
            if len({repr(one.settings.get(name)) for one in same}) > 1:
                names[name] = None
    return list(names)


def shown_figure(name: str, value: float) -> str:
    """Format a metric: fractions in percent, the rest with four digits."""
    is_share = name.endswith(("accuracy", "f1")) and 0 <= value <= 1
    return f"{value:.1%}" if is_share else f"{value:.4g}"


def differences(run: Summary, names: Sequence[str]) -> str:
    """`hidden=8 lr=0.02`: the settings in which this run differs."""
    return " ".join(f"{name}={run.settings[name]}" for name in names if name in run.settings)


def table_of(runs: Sequence[Summary]) -> tuple[list[str], list[list[str]]]:
    """A heading, and a line for each run."""
    names, apart = figure_names(runs), differing(runs)
    lines = []
    for one in runs:
        figures = [
            shown_figure(name, one.figures[name]) if name in one.figures else "" for name in names
        ]
        state = "" if one.is_whole else "unfinished"
        lines.append(
            [str(one.path), one.task, one.data, *figures, str(one.epochs), duration(one.seconds),
             differences(one, apart), state]
        )  # fmt: skip
    heading = ["run", "job", "data", *names, "epochs", "time", "what differs", "state"]
    used = [
        place
        for place, name in enumerate(heading)
        if name in ("run", "job", "data") or any(line[place] for line in lines)
    ]
    return [heading[i] for i in used], [[line[i] for i in used] for line in lines]


def side_by_side(runs: Sequence[Summary]) -> tuple[list[str], list[list[str]]]:
    """A line for each metric and each differing setting, and a column for each run."""
    lines = [["job", *(one.task for one in runs)], ["data", *(one.data for one in runs)]]
    for name in figure_names(runs):
        cells = [
            shown_figure(name, one.figures[name]) if name in one.figures else "" for one in runs
        ]
        lines.append([name, *cells])
    lines.append(["epochs", *(str(one.epochs) for one in runs)])
    lines.append(["time", *(duration(one.seconds) for one in runs)])
    for name in differing(runs) if len({one.task for one in runs}) == 1 else []:
        lines.append([name, *(str(one.settings.get(name, "")) for one in runs)])
    return ["", *(str(one.path) for one in runs)], lines


def page_of(runs: Sequence[Summary], command: str) -> Page:
    """A page with the table of runs and their validation losses by epoch."""
    heading, lines = side_by_side(runs) if len(runs) == 2 else table_of(runs)
    cells = [[quoted(cell, 80) if cell else "" for cell in line] for line in lines]
    names = [quoted(name, 80) if "/" in name else name for name in heading]
    blocks: list[Block] = [
        Table("runs", "Metrics are those of the epoch whose weights are kept.", names, cells)
    ]
    drawn = {str(one.path): one for one in runs if any("validation_loss" in r for r in one.history)}
    if 0 < len(drawn) <= MOST_DRAWN:
        losses = {name: _losses(one.history) for name, one in drawn.items()}
        panel = curves(losses, x_label="epoch", y_label="validation loss")
        blocks.append(Figure("losses", "Over the epochs", panel, "the validation loss by epoch"))
    else:
        blocks.append(Prose("Curves are drawn if at most eight runs are compared."))
    many = counted(len(runs), "run")
    return Page(many, f"{many}, side by side.", [Section("The runs", blocks)], command)


def _losses(history: Sequence[dict[str, Any]]) -> tuple[list[float], list[float]]:
    """Epochs, and the validation loss of each."""
    told = [one for one in history if one.get("validation_loss") is not None]
    return [float(one["epoch"]) for one in told], [one["validation_loss"] for one in told]
