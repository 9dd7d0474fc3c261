"""Prove gradients: each one that was derived beside central differences of the cell's own step.

CELL is a name that `unrolled cells` lists, or a cell of your own, mycell.py:MyCell. The exit status
is 0 when all agree and 1 when one does not.
"""

import argparse
import sys
import time
from typing import Any

from unrolled.cli import seed_of
from unrolled.cli.cell import add_hyperparameters, hyperparameters


def configure(parser: argparse.ArgumentParser) -> None:
    """Which cells, and the seed of what is drawn."""
    parser.add_argument("cells", nargs="*", metavar="CELL", help="lstm, say, or mycell.py:MyCell")
    parser.add_argument("--all", action="store_true", help="every cell of the library")
    parser.add_argument("--seed", type=seed_of, default=0, help="of what is drawn (default: 0)")
    add_hyperparameters(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print a table for one cell, and a line each for several."""
    from unrolled.cells.gradients import check_gradients
    from unrolled.cells.library import find_cell, variants
    from unrolled.errors import GradientError, UsageError

    if bool(arguments.cells) == arguments.all:
        raise UsageError("check takes the names of cells, or --all and no name")
    chosen = hyperparameters(arguments.set)
    if chosen and arguments.all:
        raise UsageError("--set goes with the name of a cell, not with --all")
    if arguments.all:
        cells = list(variants())
    else:
        cells = [(word, find_cell(word)(**chosen)) for word in arguments.cells]
    if len(cells) > 1:
        return in_lines(cells, arguments.seed)
    try:
        print(check_gradients(cells[0][1], seed=arguments.seed))
    except GradientError as error:
        if error.table is not None:
            print(error.table)
        print(f"unrolled: {error}", file=sys.stderr)
        return 1
    return 0


def in_lines(cells: list[tuple[str, Any]], seed: int) -> int:
    """A line for each cell, as soon as it is known."""
    from unrolled.cells.gradients import TOLERANCE, check_gradients
    from unrolled.errors import GradientError

    width = max(len(name) for name, _ in cells)
    print(f"{'':<{width}}  worst error  checked  kinks  seconds")
    wrong = []
    for name, cell in cells:
        start = time.perf_counter()
        try:
            table = check_gradients(cell, seed=seed)
        except GradientError as error:
            wrong.append(f"{name}: {error}")
            table = error.table
        numbers = f"{'-':>11}  {'-':>7}  {'-':>5}"
        if table is not None:
            numbers = f"{table.worst:>11.1e}  {table.checked:>7}  {table.skipped:>5}"
        mark = "  wrong" if wrong and wrong[-1].startswith(f"{name}: ") else ""
        seconds = time.perf_counter() - start
        print(f"{name:<{width}}  {numbers}  {seconds:>7.1f}{mark}", flush=True)
    for sentence in wrong:
        print(f"unrolled: {sentence}", file=sys.stderr)
    right = len(cells) - len(wrong)
    print(f"{right} of {len(cells)} agree within {TOLERANCE:g} of the largest of each array")
    return 1 if wrong else 0
