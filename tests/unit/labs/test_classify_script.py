"""The PyTorch script of the fourth sheet runs, learns and draws, with either library's layers."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[3] / "examples" / "classify_texts.py"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.setenv("MPLBACKEND", "svg")
    spec = importlib.util.spec_from_file_location("classify_texts", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "classify_texts", module)
    spec.loader.exec_module(module)
    return module


@pytest.mark.exhaustive
@pytest.mark.parametrize("options", [[], ["--unrolled"]])
def test_it_runs_from_top_to_bottom(
    script: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str]
) -> None:
    curves = tmp_path / "curves.svg"
    final = script.main(["--epochs", "1", "--sentences", "120", "--curves", str(curves), *options])
    assert list(final) == ["feed-forward", "RNN", "LSTM"]
    assert all(0 <= accuracy <= 1 for accuracy in final.values())
    assert curves.read_text().lstrip().startswith("<?xml")
    assert capsys.readouterr().out.count("test accuracy") == 3
