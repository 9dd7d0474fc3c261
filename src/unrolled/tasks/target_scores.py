"""Metrics of predicted texts. In: targets and predictions. Out: metrics.

BLEU and chrF are computed by sacrebleu over all texts, without further tokenization; the error
rates count edits of words and characters. Next: the tasks, cli.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from unrolled.data.edits import text_errors
from unrolled.errors import extras


def text_scores(actual: Sequence[str], said: Sequence[str], overlap: bool = True) -> dict[str, Any]:
    """BLEU and chrF (only with `overlap`), error rates, and the share of exact matches."""
    found: dict[str, Any] = {}
    if overlap:
        with extras("measuring by BLEU"):
            import sacrebleu
        references = [list(actual)]
        bleu = sacrebleu.corpus_bleu(list(said), references, tokenize="none", force=True)
        found["bleu"] = float(bleu.score)
        found["chrf"] = float(sacrebleu.corpus_chrf(list(said), references).score)
    return {**found, **text_errors(actual, said)}
