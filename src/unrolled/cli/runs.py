"""List runs as a table, or compare two of them side by side.

unrolled runs
unrolled runs --sort test_accuracy --page runs.html
unrolled runs runs/reviews-1 runs/reviews-2
"""

import argparse
import json
import shlex
import sys
from pathlib import Path
from typing import Any


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "place", nargs="*", help="a folder of runs (default: runs), or the runs to compare"
    )
    parser.add_argument(
        "--sort", metavar="COLUMN", default="written",
        help="a metric (best run first), a parameter, or: run job data epochs time written",
    )  # fmt: skip
    parser.add_argument("--page", metavar="FILE", help="also write them as a page, FILE.html")
    parser.add_argument("--json", action="store_true", help="print JSON, one object a line")


def run(arguments: argparse.Namespace) -> int:
    from unrolled.errors import UsageError
    from unrolled.files import write_whole
    from unrolled.report.page import render
    from unrolled.tasks import comparing

    found = found_runs([Path(one) for one in arguments.place])
    if arguments.sort != "written" and all(one.value(arguments.sort) is None for one in found):
        columns = ["run", "job", "data", "epochs", "time", "written"]
        known = ", ".join([*columns, *comparing.figure_names(found)])
        raise UsageError(
            f"--sort {arguments.sort}: no run has such a metric or parameter; there are {known}"
        )
    found = comparing.in_order(found, arguments.sort)
    if arguments.page:
        words = ["unrolled", "runs", *arguments.place, "--sort", arguments.sort]
        command = shlex.join([*words, "--page", arguments.page])
        write_whole(Path(arguments.page), render(comparing.page_of(found, command)))
    if arguments.json:
        for one in found:
            print(json.dumps(as_plain(one), ensure_ascii=False))
    elif len(found) == 2 and len(arguments.place) == 2:
        say_table(*comparing.side_by_side(found))
    else:
        say_table(*comparing.table_of(found))
    return 0


def found_runs(places: list[Path]) -> list[Any]:
    """The given runs, or all runs of a folder; a note names those that cannot be read."""
    from unrolled.errors import UsageError
    from unrolled.tasks import comparing
    from unrolled.training.run_folder import CONFIG

    if len(places) > 1 or (places and (places[0] / CONFIG).is_file()):
        return [comparing.summary_of(one) for one in places]
    folder = places[0] if places else Path("runs")
    if not folder.is_dir():
        raise UsageError(
            f"there is no folder {str(folder)!r}: name the folder that holds runs, or train one "
            "with `unrolled train JOB DATA`"
        )
    found, damaged = comparing.runs_in(folder)
    for sentence in damaged:
        print(f"note: left out: {sentence}", file=sys.stderr)
    if not found:
        raise UsageError(f"{str(folder)!r} holds no runs: name the folder that holds them")
    return found


def as_plain(one: Any) -> dict[str, Any]:
    """A run as data for JSON."""
    return {
        "run": str(one.path),
        "job": one.task,
        "data": one.data,
        "figures": one.figures,
        "epochs": one.epochs,
        "seconds": one.seconds,
        "written": one.written.isoformat(timespec="seconds"),
        "is_whole": one.is_whole,
        "settings": {name: value for name, value in one.settings.items() if value is not None},
    }


def say_table(heading: list[str], lines: list[list[str]]) -> None:
    """Print columns below their names."""
    widths = [max(map(len, column)) for column in zip(heading, *lines)]
    for line in (heading, *lines):
        print("  ".join(f"{cell:<{width}}" for cell, width in zip(line, widths)).rstrip())
