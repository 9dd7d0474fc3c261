"""Labs from end to end, with tiny sizes: the whole page, the same for the same seed."""

import re
from pathlib import Path

import pytest

from unrolled import labs
from unrolled.labs.base import Account
from unrolled.labs.experiment import conduct, settle
from unrolled.labs.progress import Progress
from unrolled.report.blocks import Figure

LINES = [
    f"{label}\t{word} comes before the {noun} number {n}"
    for n in range(12)
    for label, word in (("first", "alpha"), ("second", "omega"))
    for noun in ("small", "large")
]

# Lab -> sizes that make it fast; a file is written where one is wanted.
TINY = {
    "classify": {"hidden": 3, "epochs": 2, "sentences": 48, "file": "\n".join(LINES)},
    "gradients": {"hidden": 3, "lags": 6, "updates": 12},
    "memory": {"hidden": 2, "longest": 32, "updates": 2},
    "gates": {"hidden": 2, "updates": 3, "epochs": 1, "units": 4,
              "text": "The (quick) brown fox jumps.\nOver the lazy dog, 10 times.\n" * 60},
}  # fmt: skip


def sizes(name: str, folder: Path) -> dict[str, object]:
    """The tiny sizes; a text becomes a file."""
    chosen: dict[str, object] = dict(TINY[name])
    for key, value in chosen.items():
        if isinstance(value, str):
            path = folder / f"{key}.txt"
            path.write_text(value)
            chosen[key] = path
    return chosen


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", list(TINY))
@pytest.mark.drawn
def test_the_page_is_whole(name: str, tmp_path: Path) -> None:
    progress = Progress()
    outcome = conduct(labs.find(name), 0, tmp_path / "out", sizes(name, tmp_path), progress)
    assert set(progress.spent) == set(progress.costs)
    text = outcome.path.read_text(encoding="utf-8")
    for title in ("Aim", "Theory", "Step by step", "Code to read", "Result", "Discussion"):
        assert f"</span> {title}" in text
    assert text.count('class="question"') >= 4
    assert text.count("<math") >= 3
    assert "nan" not in re.sub(r"<[^>]+>", " ", text).split()
    drawn = {path.stem for path in (outcome.path.parent / "figures").glob("*.svg")}
    assert drawn == set(re.findall(r'<figure class="drawn" id="([^"]+)"', text))


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", list(TINY))
def test_the_text_follows_the_seed(name: str, tmp_path: Path) -> None:
    lab, chosen = labs.find(name), sizes(name, tmp_path)
    one, again, other = (
        lab.run(seed=seed, progress=Progress(), **settle(lab, seed, chosen)) for seed in (0, 0, 1)
    )
    assert written(one) == written(again)
    assert written(one) != written(other)


def written(account: Account) -> list[object]:
    """Everything on the page but the pictures."""
    blocks = [block for section in account.sections for block in section.blocks]
    return [account.found, *(block for block in blocks if not isinstance(block, Figure))]
