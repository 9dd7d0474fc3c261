"""Equations in the pages become MathML. In: a page's HTML. Out: the same, for mkdocs to write.

`pymdownx.arithmatex` marks `$...$` and `$$...$$`; here the LaTeX inside is translated when the
site is built, as in the reports, so that reading it needs no script and no network.
"""

import html
import re

from unrolled.report.mathml import mathml

INLINE = re.compile(r'<span class="arithmatex">\\\((.+?)\\\)</span>', re.DOTALL)
DISPLAY = re.compile(r'<div class="arithmatex">\s*\\\[(.+?)\\\]\s*</div>', re.DOTALL)


def on_page_content(content: str, **context: object) -> str:
    """Called by mkdocs for each page."""
    content = INLINE.sub(lambda found: mathml(html.unescape(found[1])), content)
    return DISPLAY.sub(lambda found: mathml(html.unescape(found[1]), display=True), content)
