"""List the library of cells: name, year, states, and number of weights.

`unrolled cell NAME` shows one in full. Weights are counted for 64 inputs and 64 units.
"""

import argparse


def configure(parser: argparse.ArgumentParser) -> None:
    """It takes no options."""


def run(arguments: argparse.Namespace) -> int:
    """Print one line for each cell."""
    from unrolled.cells.base import equation
    from unrolled.cells.library import library, summary, year

    rows = [("name", "year", "states", "weights", "")]
    for name, cell in library().items():
        derived = equation(cell)
        count = derived.weight_count(**(dict.fromkeys(derived.sizes, 64) | derived.lengths))
        rows.append((name, year(cell), " ".join(derived.states), f"{count:,}", summary(cell)))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for name, when, states, weights, line in rows:
        print(
            f"{name:<{widths[0]}}  {when:<{widths[1]}}  {states:<{widths[2]}}  "
            f"{weights:>{widths[3]}}  {line}".rstrip()
        )
    return 0
