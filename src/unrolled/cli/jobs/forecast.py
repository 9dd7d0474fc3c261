"""Forecasts on the command line. In: tables of times and values. Out: runs, metrics, forecasts."""

import argparse
import json
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from unrolled.cli.jobs.continuing import add_from, run_to_continue, say_forgotten
from unrolled.cli.jobs.forecast_table import lines_of, plain
from unrolled.cli.jobs.job import CommandJob, Evaluation, say_notes
from unrolled.data import builtin, sources
from unrolled.data.timeseries import TimeSeriesSet
from unrolled.data.writing import csv_text, frame_of, write_table
from unrolled.tasks.forecast.answer import Forecast
from unrolled.tasks.forecast.forecaster import Forecaster
from unrolled.tasks.forecast.page import shown_time
from unrolled.tasks.origin import checksum, origin, read_origin, require_same
from unrolled.training.fabric import is_first_process
from unrolled.training.run_folder import RunFolder

COLUMNS = ("time", "value", "series", "known", "past", "every")


class ForecastCommand(CommandJob):
    """`unrolled train forecast`, and the commands that use its runs."""

    name = "forecast"
    summary = "forecast how a series continues"
    estimator = Forecaster
    columns = (*COLUMNS, "test_share", "from_run")
    asked_with = COLUMNS
    idle: ClassVar = {"paths": ("mode", "fed-back")}

    def add_columns(self, parser: argparse._ActionsContainer) -> None:
        add_from(parser)
        parser.add_argument("--time", metavar="COLUMN", help="column of the times")
        parser.add_argument(
            "--value", metavar="COLUMN", nargs="+", help="what to forecast; each column is a series"
        )
        parser.add_argument("--series", metavar="COLUMN", help="column that identifies the series")
        parser.add_argument(
            "--known", metavar="COLUMN", nargs="+", help="covariates known in the future"
        )
        parser.add_argument(
            "--past", metavar="COLUMN", nargs="+", help="covariates known only in the past"
        )
        parser.add_argument(
            "--every", metavar="STEP", help="average into steps: 15min 1h 1d 1w 1mo"
        )
        parser.add_argument(
            "--test-share", type=float, metavar="SHARE",
            help="fraction at the end of each series held out for testing "
            f"(default: {self.held_out})",
        )  # fmt: skip

    def fit(
        self,
        estimator: Forecaster,
        how: dict[str, Any],
        command: str,
        resume: bool,
        asked: Sequence[str] = (),
    ) -> None:
        data = self.read(how)
        arrays = [part for one in data.series for part in (one.values, one.known, one.past)]
        found = checksum(arrays)
        if resume:
            require_same(how, found, estimator.out)
        notes = list(data.notes)
        if is_first_process() and estimator.progress != "json":
            say_notes(notes)
        kept = {key: how[key] for key in (*COLUMNS, "test_share") if key in how}
        share = self.share_of(how)
        before = None
        if "from_run" in how:
            before = run_to_continue(how["from_run"], self.name, Forecaster)
            estimator.start_from(before)
            kept["from_run"] = str(Path(how["from_run"]).resolve())
        more = {**kept, "what": data.value, "checksum": found, "notes": notes}
        table = origin(how["source"], command, **more)
        estimator.fit(data, test=share, data=table, resume=resume)
        if is_first_process() and estimator.progress == "json":
            measured = estimator.measured_ or estimator.backtest()
            print(json.dumps({"event": "backtest", **plain(measured)}), flush=True)
        if is_first_process() and estimator.progress == "lines":
            where = (
                "On the last part of each series"
                if share
                else "On the validation part of each series"
            )
            measured = estimator.measured_ or estimator.backtest()
            print("", *lines_of(measured, where), sep="\n")
        if before is not None and is_first_process():
            say_forgotten(forgotten_series(before, estimator), estimator.progress)

    def read(self, how: dict[str, Any]) -> TimeSeriesSet:
        value = how.get("value")
        return sources.time_series(
            how["source"],
            how.get("time"),
            value,
            how.get("series"),
            known=how.get("known") or (),
            past=how.get("past") or (),
            every=how.get("every"),
        )

    def reread(self, run: RunFolder, source: str, given: dict[str, Any]) -> TimeSeriesSet:
        """Another source, read like the run's own unless other options are given."""
        before = {} if builtin.is_builtin(source) else read_origin(run.config(), run.path)
        columns = {name: given.get(name) or before.get(name) for name in COLUMNS}
        return self.read({"source": source, **columns})

    def judges_unseen(self, source: str) -> bool:
        """For a training series, only the held-out end is evaluated."""
        return True

    def evaluate(self, run: RunFolder, source: str, given: dict[str, Any]) -> Evaluation:
        model = Forecaster.load(run.path)
        data = self.reread(run, source, given)
        say_notes(data.notes)
        found = model.backtest(data)
        known = any(model.after_learning(data.series))
        where = "After the training data" if known else "On the second half"
        return plain(found), lines_of(found, where)

    def example(self, run: Path) -> str:
        """The command, with a file if the future of covariates is not in the training data."""
        line = shlex.join(["unrolled", "forecast", str(run)])
        model = Forecaster.load(run)
        known = RunFolder(run).config().get("data", {}).get("known")
        if not known or model.knows_the_future():
            return line
        names = ", ".join([known] if isinstance(known, str) else known)
        return (
            f"{line} FILE (FILE holds the series up to now, and {model.horizon} more rows that "
            f"give {names} and leave the value empty)"
        )

    def predict(self, run: RunFolder, arguments: argparse.Namespace) -> None:
        self.refuse_answers_of_classes(arguments)
        model = Forecaster.load(run.path)
        data = self.reread(run, arguments.source, vars(arguments))
        say_notes(data.notes)
        write_forecasts(model.forecast(data), arguments.out)


def forgotten_series(before: Forecaster, after: Forecaster) -> dict[str, Any]:
    """The error on the last part of the series of the earlier run, before and after."""
    assert before.run_ is not None, "it was loaded from a run"
    starts = [tested or learned for learned, tested in zip(before.learned_, before.tested_)]
    was, now = (
        model.backtest(before.series_, starts).figures["network"]["mase"]
        for model in (before, after)
    )
    found = {"figure": "mase", "before": was, "after": now}
    return {"run": str(before.run_.path), "series": len(starts), **found}


def write_forecasts(forecasts: list[Forecast], out: str | None) -> None:
    """Write a table with a line for each series and step."""
    levels = forecasts[0].levels
    lines = [["series", "time", *(f"q{level:g}" for level in levels)]]
    for one in forecasts:
        for time, quantiles in zip(one.times, one.quantiles):
            lines.append([one.name, shown_time(time), *(f"{value:.6g}" for value in quantiles)])
    if out:
        write_table(out, [frame_of(lines[0], lines[1:])])
    else:
        sys.stdout.write(csv_text(lines))
