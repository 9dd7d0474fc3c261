"""Every script of the gallery runs from top to bottom, and draws its picture."""

import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GALLERY = (ROOT / "docs" / "gallery.md").read_text()
SCRIPTS = sorted(path.stem for path in (ROOT / "examples").glob("*.py"))
OTHERWISE_TESTED = {"classify_texts"}
QUICKLY = {
    "awd_lstm": {"epochs": 1},
    "forecast": {"epochs": 1},
    "inside_an_lstm": {"steps": 20},
    "irregular_times": {"steps": 20},
    "names": {"epochs": 3},
    "paper_cell": {"epochs": 1},
    "second_order": {"steps": 31},
}


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", sorted({*SCRIPTS} - OTHERWISE_TESTED))
def test_example(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "agg")
    script = runpy.run_path(str(ROOT / "examples" / f"{name}.py"))
    script["main"](**QUICKLY.get(name, {}))
    assert (tmp_path / f"{name}.svg").read_text().lstrip().startswith("<?xml")


@pytest.mark.parametrize("name", SCRIPTS)
def test_example_is_in_the_gallery(name: str) -> None:
    assert f"examples/{name}.py" in GALLERY
    if name not in OTHERWISE_TESTED:
        assert f"assets/gallery/{name}.svg" in GALLERY
        assert (ROOT / "docs" / "assets" / "gallery" / f"{name}.svg").exists()
