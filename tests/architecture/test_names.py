"""A class has a name of its own, but where two readers would not meet, or are to see one shape."""

import ast
from collections import defaultdict
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "src" / "unrolled"

# Which names may be given twice, and why.
ALLOWED = {
    "an equation and the layer that runs it": {"GRU", "LSTM"},
    "what layers ask of an engine, and what an engine has": {"Recurrence", "Stepper", "Traced"},
    "each task's own, of one shape: job, figures, page, live page": {
        "FeedForward", "Findings", "Forecast", "Moved", "Reader", "Reading", "Ridge",
        "Sentences", "Tagger", "Told", "Translator", "Window",
    },
    "each lab's and each benchmark's own, which are read alone": {
        "Figure", "Given", "Learned", "Measured", "Outcome", "Problem", "Recurrent", "Settings",
        "Shown", "Sizes", "Table", "Task", "Text", "Trained", "Training", "Worked",
    },
    "what a server is asked, in the words of what it asks about": {
        "Music", "Number", "Piece", "Question", "SeveralLabels", "Span", "Stream", "Tagged",
        "Texts",
    },
    "an export's network and step, and those that it is made from": {
        "Direction", "Network", "Stage", "Step", "Writer",
    },
    "rooms between which nobody goes": {
        "Heads", "Kind", "Memory", "Plan", "Shared", "View", "Wanted",
    },
}  # fmt: skip


def twice(source: Path) -> dict[str, list[str]]:
    """The public classes that several modules define, and where."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in sorted(source.rglob("*.py")):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                found[node.name].append(path.relative_to(source).as_posix())
    return {name: places for name, places in found.items() if len(places) > 1}


def test_no_class_has_the_name_of_another() -> None:
    allowed = set[str]().union(*ALLOWED.values())
    assert {name: places for name, places in twice(SOURCE).items() if name not in allowed} == {}


def test_a_second_class_of_a_name_is_noticed(tmp_path: Path) -> None:
    for room in ("engines", "layers"):
        (tmp_path / room).mkdir()
        (tmp_path / room / "a.py").write_text("class Call:\n    pass\n\n\nclass _Own:\n    pass\n")
    assert twice(tmp_path) == {"Call": ["engines/a.py", "layers/a.py"]}
