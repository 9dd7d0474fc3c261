"""The line that opens a report, and whether a browser is opened."""

import webbrowser
from pathlib import Path

import pytest

from unrolled import cli
from unrolled.cli import opening


@pytest.mark.parametrize(
    ("platform", "program"), [("linux", "xdg-open"), ("darwin", "open"), ("win32", "start")]
)
def test_the_line_is_that_of_the_system(
    monkeypatch: pytest.MonkeyPatch, platform: str, program: str
) -> None:
    monkeypatch.setattr(opening.sys, "platform", platform)
    assert opening.line_that_opens(Path("runs/a b/report.html")) == (
        f"{program} 'runs/a b/report.html'"
    )


@pytest.mark.parametrize("display", [None, ":0"])
def test_a_browser_is_opened_only_where_there_is_a_desktop(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, display: str | None
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda page: opened.append(page) or True)
    monkeypatch.setattr(opening.sys, "platform", "linux")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.delenv("DISPLAY", raising=False)
    if display:
        monkeypatch.setenv("DISPLAY", display)
    page = tmp_path / "report.html"
    assert opening.open_page(page) is (display is not None)
    assert opened == ([page.as_uri()] if display else [])


def test_unrolled_alone_says_what_to_try_first(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([]) == 0
    out = capsys.readouterr().out
    _, _, after = out.partition("Try first:\n")
    first = after.splitlines()[:3]
    assert [line.split()[:2] for line in first] == [
        ["unrolled", "lab"], ["unrolled", "cell"], ["unrolled", "train"],
    ]  # fmt: skip
    columns = {len(line) - len(line.split("   ")[-1].lstrip()) for line in first}
    assert len(columns) == 1
