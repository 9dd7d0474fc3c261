"""Equations in the pages become MathML. In: a page's HTML. Out: the same, for mkdocs to write.

`pymdownx.arithmatex` marks `$...$` and `$$...$$`; here the LaTeX inside is translated when the
site is built, so that reading it needs no script and no network.
"""

import html
import re

from latex2mathml.converter import convert

INLINE = re.compile(r'<span class="arithmatex">\\\((.+?)\\\)</span>', re.DOTALL)
DISPLAY = re.compile(r'<div class="arithmatex">\\\[(.+?)\\\]</div>', re.DOTALL)


def on_page_content(content: str, **context: object) -> str:
    """Called by mkdocs for each page."""
    content = INLINE.sub(lambda found: mathml(found[1], "inline"), content)
    return DISPLAY.sub(lambda found: mathml(found[1], "block"), content)


def mathml(latex: str, display: str) -> str:
    """One equation; the translator knows no `aligned`, whose rows are those of a `matrix`."""
    latex = html.unescape(latex).strip()
    return str(convert(latex, display=display))
