"""Run one lab and write its page. In: a lab, a seed, sizes, a folder. Out: the path of the page.

All arguments are checked, and the folder is created and tested, before anything is computed.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unrolled.errors import ArgumentError
from unrolled.files import make_folder, write_whole
from unrolled.labs import exercises
from unrolled.labs.base import Account, Lab, read_text
from unrolled.labs.progress import Progress
from unrolled.report.blocks import Page
from unrolled.report.page import write_page

SEEDS = 2**32


@dataclass(frozen=True)
class Outcome:
    """What a lab found, and where its page is."""

    account: Account
    page: Page
    path: Path


def conduct(
    lab: Lab,
    seed: int,
    folder: Path,
    chosen: Mapping[str, Any],
    progress: Progress | None = None,
) -> Outcome:
    """Check, run, write. `chosen` has sizes (numbers) and texts (paths); others have defaults."""
    progress = progress or Progress()
    settle(lab, seed, chosen)
    try_folder(folder)
    account, page = account_page(lab, seed, chosen, progress)
    progress.finish()
    return Outcome(account, page, write_page(page, folder))


def account_page(
    lab: Lab, seed: int, chosen: Mapping[str, Any], progress: Progress
) -> tuple[Account, Page]:
    """Run the lab, and create its page without writing it."""
    account = lab.run(seed=seed, progress=progress, **settle(lab, seed, chosen))
    sections = list(account.sections)
    if lab.exercises:
        sections.append(exercises.section(lab.exercises))
    page = Page(
        title=lab.title,
        lead=account.lead or lab.summary,
        sections=sections,
        command=command(lab, seed, chosen),
        facts=[("Lab", f"`{lab.name}`"), ("Seed", str(seed)), *_facts(lab, chosen)],
    )
    return account, page


def settle(lab: Lab, seed: int, chosen: Mapping[str, Any]) -> dict[str, Any]:
    """All arguments of the lab's `run`, checked, with the texts read."""
    if not 0 <= seed < SEEDS:
        raise ArgumentError(f"--seed must be an integer from 0 to {SEEDS - 1}, not {seed}")
    known = {part.name for part in lab.choices}
    unknown = [name for name in chosen if name not in known]
    if unknown:
        takes = ", ".join(sorted(known)) or "nothing but a seed"
        raise ArgumentError(f"the lab {lab.name} has no {unknown[0]!r}; it takes {takes}")
    arguments: dict[str, Any] = {}
    for size in lab.sizes:
        value = arguments[_argument(size.name)] = chosen.get(size.name, size.default)
        size.check(value)
    for text in lab.texts:
        path = chosen.get(text.name)
        arguments[_argument(text.name)] = None if path is None else read_text(Path(path), text)
    return arguments


def try_folder(folder: Path) -> None:
    """Test whether the page can be written, before minutes of work."""
    make_folder(folder)
    probe = folder / ".unrolled"
    write_whole(probe, "")
    probe.unlink()


def command(lab: Lab, seed: int, chosen: Mapping[str, Any]) -> str:
    """The command line that repeats this run."""
    words = ["unrolled", "lab", lab.name, "--seed", str(seed)]
    for name, value in chosen.items():
        words += [f"--{name}", str(value)]
    return shlex.join(words)


def _argument(option: str) -> str:
    return option.replace("-", "_")


def _facts(lab: Lab, chosen: Mapping[str, Any]) -> list[tuple[str, str]]:
    sizes = [(size.help, str(chosen.get(size.name, size.default))) for size in lab.sizes]
    return [*sizes, *((text.help, str(chosen.get(text.name, "built in"))) for text in lab.texts)]
