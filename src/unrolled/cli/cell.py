"""Show one cell: its equation, its derived backward step, and both as LaTeX.

CELL is a name listed by `unrolled cells`, or a cell of your own, mycell.py:MyCell.
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from unrolled.cells.base import Cell
    from unrolled.equations.equation import Equation

UNITS = 3  # of a cell on a page: few enough to show each


def configure(parser: argparse.ArgumentParser) -> None:
    """The cell, and which parts of it to print."""
    parser.add_argument("cell", metavar="CELL", help="such as lstm, or mycell.py:MyCell")
    parser.add_argument("--backward", action="store_true", help="only the derived backward step")
    parser.add_argument("--latex", action="store_true", help="only LaTeX")
    parser.add_argument("--json", action="store_true", help="only the equation as plain data")
    parser.add_argument("--numpy", action="store_true",
                        help="a NumPy script with forward and backward written out")  # fmt: skip
    parser.add_argument("--page", nargs="?", const="", metavar="FILE",
                        help="an interactive page: sequence, weights, every line of both steps "
                        "(default: NAME.html)")  # fmt: skip
    add_hyperparameters(parser)


def add_hyperparameters(parser: argparse.ArgumentParser) -> None:
    """`--set NAME=VALUE`, once for each hyperparameter."""
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="set a hyperparameter or a size of the cell, such as --set nonlinearity=relu",
    )


def run(arguments: argparse.Namespace) -> int:
    """Print the requested parts, or all of them by default."""
    from unrolled.cells.base import equation
    from unrolled.cells.library import find_cell, summary

    cell = find_cell(arguments.cell)
    made = cell(**hyperparameters(arguments.set))
    derived = equation(made)
    if arguments.page is not None:
        print(f"wrote {write_page(cell, derived, hyperparameters(arguments.set), arguments.page)}")
    elif arguments.numpy:
        from unrolled.exports.numpy_script import numpy_script, own_sizes

        print(numpy_script(derived, own_sizes(made), summary(cell)), end="")
    elif arguments.json:
        print((derived.backward if arguments.backward else derived).to_json())
    elif arguments.latex or arguments.backward:
        shown = derived.backward if arguments.backward else derived
        print(shown.latex if arguments.latex else shown.text)
    else:
        print(everything(cell, derived))
    return 0


def write_page(cell: type["Cell"], derived: "Equation", own: dict[str, Any], out: str) -> Path:
    """Write the page of the cell with a few units."""
    from unrolled.cells.library import summary
    from unrolled.files import write_whole
    from unrolled.report.cell_page import cell_page
    from unrolled.report.page import render

    width = UNITS if derived.input_is_hidden else 1
    made = cell(input_size=width, hidden_size=UNITS, seed=0, **own)
    path = Path(out or f"{derived.name.lower()}.html")
    write_whole(path, render(cell_page(made, summary(cell))))
    return path


def hyperparameters(words: list[str]) -> dict[str, Any]:
    """Parse NAME=VALUE, where the value is an integer, a float or a word."""
    from unrolled.errors import UsageError

    found: dict[str, float | int | str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name.isidentifier():
            raise UsageError(f"--set takes NAME=VALUE, such as --set gamma=0.1, not {word!r}")
        found[name] = _value(value)
    return found


def _value(text: str) -> float | int | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def everything(cell: type["Cell"], derived: "Equation") -> str:
    """The page that `unrolled cell lstm` prints."""
    from unrolled.cells.library import summary

    sizes = dict.fromkeys(derived.sizes, 64) | derived.lengths
    shapes: dict[str, list[str]] = {}
    for name, shape in derived.weights.items():
        shapes.setdefault(" x ".join(shape) or "one number", []).append(name)
    facts = [
        f"states: {', '.join(derived.states)}; {derived.weight_count(**sizes):,} weights and "
        f"{derived.operation_count(**sizes):,} operations per step, for sizes of 64",
        *(f"{shape}: {', '.join(names)}" for shape, names in shapes.items()),
    ]
    if derived.input_is_hidden:
        facts.append("the input must be the same size as the state")
    parts = [
        ("", f"{derived.name}: {summary(cell)}" if summary(cell) else derived.name),
        ("the step", derived.text),
        ("", "\n".join(facts)),
        ("the backward step, derived (d_h is the derivative of the loss with respect to h)",
         derived.backward.text),
        ("the step in LaTeX", derived.latex),
        ("the backward step in LaTeX", derived.backward.latex),
    ]  # fmt: skip
    return "\n\n".join(f"{title}\n\n{body}" if title else body for title, body in parts)
