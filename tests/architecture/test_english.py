"""Phrases that read as translated do not come back: the pairs of CONTRIBUTING, as patterns."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
READ = sorted(
    path
    for pattern in ("src/unrolled/**/*.py", "docs/*.md", "examples/*.py", "*.md")
    for path in ROOT.glob(pattern)
)

# What must not be written -> what is written instead.
PHRASES = {
    r"\blearnt\b(?!\")": "learned",
    r"\boptimiser": "optimizer",
    r"\binitialise": "initialize",
    r"\bgone on with\b": "resumed, continued",
    r"\btells (\{|\d+(\.\d+)? ?%)": "classifies ... correctly",
    r"\bwho always\b": "always guessing the most frequent class",
    r"\btold right\b": "classified correctly",
    r"\bof whatever (?!it is)": "of any",
    r"\bof the optimizer momentum\b": "momentum of the SGD optimizer",
    r"\bis told no order\b": "an order-blind baseline",
    r"\brows are what is\b": "rows: true class; columns: predicted class",
    r"\bis to hold\b": "must hold; should cover",
    r"\bafter so many epochs\b": "epochs it took",
    r"\bthe loss by \$": "the loss with respect to",
    r"\bto go on from\b": "to continue",
    r"\bset right\b": "corrected, calibrated",
    r"\bwas cut short\b": "was interrupted",
    r"\bin the midst of\b": "during",
    r"\bas the loop sees\b": "the training job of",
    r"\bnot to be had\b": "not available",
    r"\blooks at nothing\b": "ignores its input",
    r"\bfetch it again\b": "download it again",
    r"\bwhat fills up\b": "padding",
    r"\bas scikit-learn has it\b": "as in scikit-learn",
    r"\bsays nothing to\b": "does not apply to",
    r"\bnothing to tell apart\b": "nothing to learn",
    r"\blearned nothing yet\b": "is not fitted yet",
    r"\bis told first\b": "is updated first",
    r"\btells the rest\b": "is compared with, shows",
    r"\bgone through once\b": "iterated over once",
    r"\blearn(s|ed)? by heart\b": "memorize, overfit",
    r"\bwholly right\b": "entirely correct",
    r"\bone's own\b": "your own, custom",
    r"\bleft open by its use\b": "cannot be inferred",
}


@pytest.mark.parametrize("phrase", PHRASES)
def test_the_phrase_has_not_come_back(phrase: str) -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in READ
        if path.name != "CONTRIBUTING.md"  # it shows both halves of each pair
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if re.search(phrase, line)
    ]
    assert found == [], f"write: {PHRASES[phrase]}"


def test_every_pattern_finds_what_it_is_for() -> None:
    examples = (
        "learnt", "optimisers", "initialised", "gone on with", "tells 93 %", "who always names",
        "told right", "of whatever depth", "of the optimizer momentum", "is told no order",
        "rows are what is", "is to hold 80 %", "after so many epochs", "the loss by $h$",
        "a file to go on from", "quantiles set right", "was cut short", "in the midst of a step",
        "texts as the loop sees them", "not to be had", "an answer that looks at nothing",
        "fetch it again", "without what fills up", "as scikit-learn has it", "says nothing to",
        "nothing to tell apart", "has learned nothing yet", "the manifest is told first",
        "the loss tells the rest",
        "gone through once", "learns by heart", "wholly right", "a text of one's own",
        "left open by its use",
    )  # fmt: skip
    for phrase, example in zip(PHRASES, examples, strict=True):
        assert re.search(phrase, example), phrase
