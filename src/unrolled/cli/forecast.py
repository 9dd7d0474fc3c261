"""Forecast with a run: a line for each step ahead, with its quantiles.

unrolled forecast runs/sales-1                    after the end of its training data
unrolled forecast runs/sales-1 newer.csv          after the end of another file
unrolled forecast runs/sales-1 --out next.csv
"""

import argparse


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", help="the folder of the run")
    parser.add_argument("source", nargs="?",
                        help="a file, or builtin:NAME, with the series to forecast")  # fmt: skip
    for name in ("time", "series", "every"):
        parser.add_argument(f"--{name}", help="if its name differs from the training file")
    for name in ("value", "known", "past"):
        parser.add_argument(
            f"--{name}", nargs="+", help="if its name differs from the training file"
        )
    parser.add_argument("--out", metavar="FILE", help="write a CSV file instead of printing")


def run(arguments: argparse.Namespace) -> int:
    from unrolled.cli.jobs.forecast import ForecastCommand, write_forecasts
    from unrolled.cli.jobs.job import say_notes
    from unrolled.errors import UsageError
    from unrolled.tasks.forecast.forecaster import Forecaster
    from unrolled.training.run_folder import RunFolder

    folder = RunFolder.open(arguments.run)
    model = Forecaster.load(folder.path)
    named = [name for name in ForecastCommand.asked_with if getattr(arguments, name)]
    if named and arguments.source is None:
        raise UsageError(
            f"--{named[0]} says how a file is read, and no file is given: leave it out, or name "
            "the file with the series to forecast"
        )
    data = None
    if arguments.source is not None:
        data = ForecastCommand().reread(folder, arguments.source, vars(arguments))
        say_notes(data.notes)
    write_forecasts(model.forecast(data), arguments.out)
    return 0
