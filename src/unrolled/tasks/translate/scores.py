"""How good translations are. In: targets that are and that were said. Out: figures by name.

BLEU and chrF are sacrebleu's, over the whole part, of the texts as they are given (no further
tokenisation); the error rates count edits of words and characters. Next: `translator`, cli.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from unrolled.data.edits import text_errors
from unrolled.errors import extras


def translation_scores(actual: Sequence[str], said: Sequence[str]) -> dict[str, Any]:
    """BLEU, chrF, error rates, the share that is right as a whole."""
    with extras("measuring translations"):
        import sacrebleu
    references = [list(actual)]
    bleu = sacrebleu.corpus_bleu(list(said), references, tokenize="none", force=True)
    return {
        "bleu": float(bleu.score),
        "chrf": float(sacrebleu.corpus_chrf(list(said), references).score),
        **text_errors(actual, said),
        "pairs": len(actual),
    }
