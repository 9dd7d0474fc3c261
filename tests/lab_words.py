"""The words and numbers of a lab's account, without drawing its figures (which takes seconds)."""

from unrolled.labs.base import Account, Lab
from unrolled.labs.progress import Progress
from unrolled.report.blocks import Code, Figure, Math, Prose, Question, Table


def words(account: Account) -> str:
    """Everything that the page says, figures by their words."""
    lines = [account.lead, *account.found]
    for section in account.sections:
        lines.append(section.title)
        for block in section.blocks:
            lines += _block(block)
    return "\n".join(lines)


def assert_follows_seed(lab: Lab, **sizes: object) -> None:
    """The same seed says the same words, another one other words."""
    first, again, other = (words(lab.run(seed=s, progress=Progress(), **sizes)) for s in (0, 0, 1))
    assert first == again
    assert first != other


def _block(block: Prose | Math | Code | Table | Figure | Question) -> list[str]:
    if isinstance(block, Figure):
        return [block.title, block.alt, block.caption]
    if isinstance(block, Table):
        return [block.caption, *(str(tuple(row)) for row in block.rows)]
    if isinstance(block, Question):
        return [block.question, block.answer]
    return [block.latex if isinstance(block, Math) else block.text]
