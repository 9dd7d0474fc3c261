"""Check a cell: compare each derived gradient with central differences of its own step, and the
compiled kernels with the equation on arrays. With --order 2, also second derivatives.

CELL is a name listed by `unrolled cells`, or a cell of your own, mycell.py:MyCell. The exit status
is 0 if all agree and 1 otherwise.
"""

import argparse
import sys
import time
from typing import Any

from unrolled.cli import seed_of
from unrolled.cli.cell import add_hyperparameters, hyperparameters


def configure(parser: argparse.ArgumentParser) -> None:
    """The cells to check, and the seed of the random cases."""
    parser.add_argument(
        "cells", nargs="*", metavar="CELL", help="such as lstm, or mycell.py:MyCell"
    )
    parser.add_argument("--all", action="store_true", help="every cell of the library")
    parser.add_argument(
        "--seed", type=seed_of, default=0, help="seed of the random cases (default: 0)"
    )
    parser.add_argument("--order", type=int, choices=(1, 2), default=1,
                        help="order of the derivatives (default: 1); 2 checks both")  # fmt: skip
    add_hyperparameters(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print a table for one cell, or a line for each of several."""
    from unrolled.cells.library import find_cell, variants
    from unrolled.errors import GradientError, UsageError
    from unrolled.proof import check_gradients

    if bool(arguments.cells) == arguments.all:
        raise UsageError("check takes either the names of cells or --all")
    chosen = hyperparameters(arguments.set)
    if chosen and arguments.all:
        raise UsageError("--set goes with the name of a cell, not with --all")
    if arguments.all:
        cells = list(variants())
    else:
        cells = [(word, find_cell(word)(**chosen)) for word in arguments.cells]
    if len(cells) > 1:
        return in_lines(cells, arguments.seed, arguments.order)
    try:
        print(check_gradients(cells[0][1], seed=arguments.seed, order=arguments.order))
    except GradientError as error:
        if error.table is not None:
            print(error.table)
        print(f"unrolled: {error}", file=sys.stderr)
        return 1
    return 0


def in_lines(cells: list[tuple[str, Any]], seed: int, order: int = 1) -> int:
    """Print a line for each cell as soon as it is checked."""
    from unrolled.cells.gradients import TOLERANCE
    from unrolled.errors import GradientError
    from unrolled.proof import check_gradients

    width = max(len(name) for name, _ in cells)
    print(f"{'':<{width}}  worst error  checked  kinks  kernels float64  float32  seconds")
    wrong = []
    for name, cell in cells:
        start = time.perf_counter()
        try:
            table = check_gradients(cell, seed=seed, order=order)
        except GradientError as error:
            wrong.append(f"{name}: {error}")
            table = error.table
        numbers = f"{'-':>11}  {'-':>7}  {'-':>5}"
        kernels = f"  {'-':>15}  {'-':>7}"
        if table is not None:
            numbers = f"{table.worst:>11.1e}  {table.checked:>7}  {table.skipped:>5}"
        if table is not None and table.kernels:
            of_kernels = table.worst_of_kernels
            kernels = f"  {of_kernels['float64']:>15.1e}  {of_kernels['float32']:>7.1e}"
        mark = "  wrong" if wrong and wrong[-1].startswith(f"{name}: ") else ""
        seconds = time.perf_counter() - start
        print(f"{name:<{width}}  {numbers}{kernels}  {seconds:>7.1f}{mark}", flush=True)
    for sentence in wrong:
        print(f"unrolled: {sentence}", file=sys.stderr)
    right = len(cells) - len(wrong)
    print(f"{right} of {len(cells)} agree within {TOLERANCE:g} of the largest value of each array")
    return 1 if wrong else 0
