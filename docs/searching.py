"""Search that works without a server. In: the pages as mkdocs makes them. Out: an index beside
them, a script that a page may load from disk; next: `assets/search.js`, which looks words up.
"""

import html
import json
import re
from pathlib import Path
from typing import Any

HEADING = re.compile(r'<h([1-6])[^>]*\bid="([^"]+)"[^>]*>(.*?)</h\1>', re.DOTALL)
INLINE = re.compile(r"</?(?:a|b|code|em|i|span|strong)\b[^>]*>")  # no space where words go on
TAG = re.compile(r"<(script|style)\b.*?</\1>|<[^>]+>", re.DOTALL)
_sections: list[dict[str, str]] = []


def plain(content: str) -> str:
    """The words of a piece of HTML."""
    return " ".join(
        html.unescape(TAG.sub(" ", INLINE.sub("", content))).replace("\N{PILCROW SIGN}", "").split()
    )


def sections(content: str, url: str, page: str) -> list[dict[str, str]]:
    """What stands below each heading: where it is, how it is called, what it says."""
    found = list(HEADING.finditer(content))
    ends = [*(heading.start() for heading in found[1:]), len(content)]
    return [
        {
            "url": f"{url}#{heading[2]}",
            "title": plain(heading[3]),
            "page": page,
            "text": plain(content[heading.end() : end]),
        }
        for heading, end in zip(found, ends, strict=True)
    ]


def on_pre_build(**context: object) -> None:
    """Called by mkdocs before a build."""
    _sections.clear()


def on_page_content(content: str, page: Any, **context: object) -> str:
    """Called by mkdocs for each page."""
    _sections.extend(sections(content, page.url, str(page.title)))
    return content


def on_post_build(config: Any, **context: object) -> None:
    """Called by mkdocs when everything is written."""
    index = json.dumps(_sections, ensure_ascii=False)
    path = Path(config["site_dir"]) / "assets" / "search-index.js"
    path.write_text(f"window.searchIndex = {index};\n", encoding="utf-8")
