"""Teaching experiments: each one runs, measures, and writes its own report.

`unrolled lab` lists them. `unrolled lab NAME` runs one, prints what it found and writes a
self-contained page (with its figures beside it); `--notebook` also writes it as a notebook.
"""

import argparse
from pathlib import Path

from unrolled.cli import seed_of
from unrolled.errors import require


def configure(parser: argparse.ArgumentParser) -> None:
    """Add a subcommand for each lab, with its sizes as options."""
    from unrolled.labs import find, names

    labs = parser.add_subparsers(dest="lab", metavar="NAME", title="labs")
    for name in names():
        lab = find(name)
        one = labs.add_parser(name, help=lab.summary, description=f"{lab.title}\n\n{lab.summary}")
        one.formatter_class = argparse.RawDescriptionHelpFormatter
        one.add_argument(
            "--seed", type=seed_of, default=0, help="seed of every random number (default: 0)"
        )
        one.add_argument("--out", type=Path, metavar="DIR",
                         help=f"folder for the report (default: lab-{name})")  # fmt: skip
        one.add_argument("--notebook", action="store_true",
                         help="also write the lab as an executed Jupyter notebook")  # fmt: skip
        for size in lab.sizes:
            one.add_argument(
                f"--{size.name}",
                type=type(size.default),
                default=argparse.SUPPRESS,
                metavar="N" if isinstance(size.default, int) else "X",
                help=f"{size.help} (default: {size.default})",
            )
        for text in lab.texts:
            one.add_argument(f"--{text.name}", type=Path, default=argparse.SUPPRESS,
                             metavar="FILE", help=text.help)  # fmt: skip


def run(arguments: argparse.Namespace) -> int:
    """List the labs, or run one."""
    from unrolled.labs import find

    if arguments.lab is None:
        print(overview())
        return 0
    require("jobs", "`unrolled lab`")
    from unrolled.labs.experiment import conduct
    from unrolled.labs.progress import to_stderr

    lab = find(arguments.lab)
    given = vars(arguments)
    names = [part.name for part in lab.choices]
    chosen = {name: given[name.replace("-", "_")] for name in names
              if name.replace("-", "_") in given}  # fmt: skip
    folder = arguments.out or Path(f"lab-{lab.name}")
    outcome = conduct(lab, arguments.seed, folder, chosen, to_stderr())
    print(lab.title)
    for line in outcome.account.found:
        print(f"- {line}")
    print(f"Report: {outcome.path}")
    if arguments.notebook:
        from unrolled.labs.notebook import Run, write_notebook

        done = Run(lab, arguments.seed, chosen, outcome.page, outcome.account.found)
        print(f"Notebook: {write_notebook(done, folder)}")
    return 0


def overview() -> str:
    """The text that `unrolled lab` without arguments prints."""
    from unrolled.labs import find, names

    width = max(map(len, names()), default=0)
    return "\n".join(
        [
            "unrolled lab NAME [--seed N] [--out DIR] ...",
            "",
            *(f"  {name:<{width}}  {find(name).summary}" for name in names()),
            "",
            "`unrolled lab NAME --help` lists the options of a lab.",
        ]
    )
