"""How good a run is on data with answers.

unrolled evaluate runs/reviews-1 others.csv
"""

import argparse
import json
from typing import Any


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", help="the folder of the run")
    parser.add_argument("source", help="a file with answers, or builtin:NAME")
    for name in ("text", "label", "series", "time"):
        parser.add_argument(f"--{name}", metavar="COLUMN", help="as in training, if not the same")
    for name in ("value", "known", "past"):
        parser.add_argument(f"--{name}", metavar="COLUMN", nargs="+", help="of series to forecast")
    parser.add_argument("--json", action="store_true", help="one JSON object")


def run(arguments: argparse.Namespace) -> int:
    from unrolled.cli import jobs
    from unrolled.training.run_folder import RunFolder

    folder = RunFolder.open(arguments.run)
    figures = jobs.of_run(folder).evaluate(folder, arguments.source, vars(arguments))
    if arguments.json:
        print(json.dumps(figures, ensure_ascii=False))
    else:
        print("\n".join(lines_of(figures)))
    return 0


def lines_of(figures: dict[str, Any]) -> list[str]:
    """A line for each figure, then the confusion matrix if there is one."""
    lines = []
    for name, value in figures.items():
        if name in ("classes", "confusion"):
            continue
        lines.append(f"{name.replace('_', ' ')}: {shown(name, value)}")
    if "confusion" in figures:
        lines += ["", "rows: what is; columns: what the run says", *table_of(figures)]
    return lines


def shown(name: str, value: Any) -> str:
    """Shares in per cent, counts whole, the rest with four digits."""
    if name in ("accuracy", "macro_f1"):
        return f"{value:.1%}"
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"


def table_of(figures: dict[str, Any]) -> list[str]:
    """The confusion matrix, with numbered columns so that it stays narrow."""
    names, counts = figures["classes"], figures["confusion"]
    wide = max(len(f"{number} {name}") for number, name in enumerate(names, 1))
    width = 1 + max(len(str(max(map(max, counts)))), len(str(len(names))))
    head = " " * wide + "".join(f"{number:>{width}}" for number in range(1, len(names) + 1))
    rows = [
        f"{f'{number} {name}':<{wide}}" + "".join(f"{count:>{width}}" for count in row)
        for number, (name, row) in enumerate(zip(names, counts), 1)
    ]
    return [head, *rows]
