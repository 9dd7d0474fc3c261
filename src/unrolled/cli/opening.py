"""Opens a report. In: the path of a page. Out: the command that opens it, or a browser."""

import os
import shlex
import sys
import webbrowser
from pathlib import Path


def line_that_opens(page: Path) -> str:
    """The shell command that opens a page on this system."""
    program = {"darwin": "open", "win32": "start"}.get(sys.platform, "xdg-open")
    return f"{program} {shlex.quote(str(page))}"


def has_desktop() -> bool:
    """Whether there is a desktop to open a browser on."""
    if sys.platform in ("darwin", "win32"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def open_page(page: Path) -> bool:
    """Open the page in a browser if there is a desktop; return whether it was opened."""
    return has_desktop() and webbrowser.open(page.resolve().as_uri())
