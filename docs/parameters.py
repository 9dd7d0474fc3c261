"""Tables of the parameters of jobs. In: a page's Markdown. Out: the same, with a table for each
comment `<!-- parameters: NAME -->`, NAME being a public class; next: mkdocs turns it into HTML.

What they do is said once, where they are declared: the help of the command line reads it there too.
"""

import re
from dataclasses import MISSING, fields

import unrolled

COMMENT = re.compile(r"^<!-- parameters: (\w+) -->$", re.MULTILINE)


def table(name: str) -> str:
    """Every parameter of a job that has a meaning of its own."""
    rows = ["| parameter | default | what it is |", "| --- | --- | --- |"]
    for one in fields(getattr(unrolled, name)):
        if "help" in one.metadata and one.default is not MISSING:
            choices = ", ".join(f"`{choice}`" for choice in one.metadata.get("choices", ()))
            words = one.metadata["help"].replace("|", "\\|") + (f" ({choices})" if choices else "")
            rows.append(f"| `{one.name}` | `{one.default!r}` | {words.replace('%%', '%')} |")
    return "\n".join(rows)


def on_page_markdown(markdown: str, **context: object) -> str:
    """Called by mkdocs for each page."""
    return COMMENT.sub(lambda found: table(found[1]), markdown)
