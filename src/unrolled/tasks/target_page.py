"""Report sections of sequence-to-sequence networks. In: scores, texts.

Out: blocks; next: the pages of the tasks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from unrolled.data.edits import edits
from unrolled.report.blocks import Block, Table
from unrolled.tasks.reporting import quoted

LISTED = 6  # best and worst predictions
SHOWN = {
    "bleu": ("BLEU", "{:.2f}"),
    "chrf": ("chrF", "{:.2f}"),
    "word_error_rate": ("word error rate", "{:.2%}"),
    "character_error_rate": ("character error rate", "{:.2%}"),
    "exact": ("exact match", "{:.2%}"),
}
BY_SACREBLEU = "BLEU and chrF are computed by sacrebleu without further tokenization. "


def score_table(scores: Mapping[str, float], where: str) -> Table:
    """`where`: "On 400 pairs of the test part"."""
    found = [(SHOWN[name], value) for name, value in scores.items() if name in SHOWN]
    return Table(
        "scores",
        f"{where}, by beam search. {BY_SACREBLEU if 'bleu' in scores else ''}Error rates are "
        "insertions, deletions and substitutions divided by the length of the targets.",
        ["figure", "value"],
        [[name, form.format(value).replace("%", " %")] for (name, form), value in found],
    )


def best_and_worst(
    what: str, named: Sequence[str], targets: Sequence[str], said: Sequence[str]
) -> list[Block]:
    """Tables of the predictions with the fewest and the most errors."""
    texts = list(zip(named, targets, said))
    far = np.array([edits(b, c) / max(1, len(b)) for _, b, c in texts])
    order = np.argsort(far, kind="stable")
    columns = [what, "target", "answer"]
    return [
        Table(key, caption, columns, [[quoted(text) for text in texts[row]] for row in rows])
        for key, caption, rows in (
            ("near", "The best answers.", order[:LISTED]),
            ("far", "The worst answers.", order[::-1][:LISTED]),
        )
    ]
