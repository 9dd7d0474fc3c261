"""Four taggers. In: a seed, sizes. Out: a `Measured`; next: `page`.

Two see each word alone, two read the sentence in both directions. One of each kind chooses every
tag separately, the other has a CRF on top. All are trained on the same sentences in the same order.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from unrolled.cells import GRU
from unrolled.data.schemes import spans
from unrolled.labs.classify.threads import one_thread
from unrolled.labs.progress import Progress
from unrolled.labs.tag.sentences import TAGS, WORDS, Sentences, best_tags, draw_sentences
from unrolled.layers.recurrent import Recurrent
from unrolled.networks.crf import CRF, Grammar

BATCH, UNSEEN, RATE, CLIP = 32, 400, 0.02, 1.0
KINDS = ("each word alone", "each word + CRF", "both directions", "both directions + CRF")
SPELLED = ("O", "B-name", "I-name")
O, I = 0, 2


class Tagger(nn.Module):
    """Words (T, B) -> a score of each tag (T, B, K)."""

    def __init__(self, reads: bool, joint: bool, hidden: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(WORDS, hidden)
        self.recurrent = Recurrent(GRU, hidden, hidden, bidirectional=True) if reads else None
        self.output = nn.Linear(2 * hidden if reads else hidden, len(TAGS))
        self.crf = CRF(Grammar.free(len(TAGS))) if joint else None

    def forward(self, words: Tensor) -> Tensor:
        y = self.embed(words)
        if self.recurrent is not None:
            y, _ = self.recurrent(y)
        scores: Tensor = self.output(y)
        return scores

    def loss(self, words: Tensor, tags: Tensor) -> Tensor:
        """-log p of the true tags: of each one separately, or of all jointly."""
        scores = self(words)
        if self.crf is None:
            return nn.functional.cross_entropy(scores.flatten(0, 1), tags.flatten())
        lengths = torch.full((words.shape[1],), len(words))
        return self.crf.loss(scores, tags, lengths).sum() / words.numel()

    @torch.no_grad()
    def tags(self, words: Tensor) -> np.ndarray:
        """The best tags: one by one, or by Viterbi's algorithm."""
        scores: Tensor = self(words)
        if self.crf is None:
            return scores.argmax(2).numpy()
        return self.crf.best(scores, torch.full((words.shape[1],), len(words)))[0].numpy()


@dataclass(frozen=True)
class Outcome:
    """How good the tags of the unseen sentences are, each in percent."""

    words: float  # correct tags
    sentences: float  # sentences with correct tags only
    f1: float  # of whole names
    broken: float  # sentences in which a name begins with I


@dataclass(frozen=True)
class Measured:
    taggers: dict[str, Outcome]
    possible: Outcome  # the most probable tag of each word, with the true tables
    possible_whole: Outcome  # the most probable tags of each sentence
    moves: np.ndarray  # what the last CRF has learned of tags that follow one another


def rate(actual: np.ndarray, said: np.ndarray) -> Outcome:
    same = actual == said
    right, mine, theirs = 0, 0, 0
    for one, other in zip(actual.T, said.T, strict=True):
        names = [set(spans([SPELLED[tag] for tag in tags])) for tags in (one, other)]
        right += len(names[0] & names[1])
        theirs, mine = theirs + len(names[0]), mine + len(names[1])
    before = np.concatenate([np.full((1, said.shape[1]), O), said[:-1]])
    broken = ((said == I) & (before == O)).any(axis=0)
    return Outcome(
        *(100 * float(share) for share in (
            same.mean(), same.all(axis=0).mean(), 2 * right / max(1, mine + theirs), broken.mean(),
        ))
    )  # fmt: skip


def learn(kind: str, hidden: int, updates: int, seed: int) -> Tagger:
    """Train on new sentences at each update."""
    torch.manual_seed(seed)
    tagger = Tagger("both" in kind, "CRF" in kind, hidden)
    optimizer = torch.optim.Adam(tagger.parameters(), RATE)
    draw = np.random.default_rng(seed)
    for _ in range(updates):
        batch = draw_sentences(BATCH, draw)
        optimizer.zero_grad()
        words, tags = torch.tensor(batch.words), torch.tensor(batch.tags)
        torch.autograd.backward(tagger.loss(words, tags))
        nn.utils.clip_grad_norm_(tagger.parameters(), CLIP)
        optimizer.step()
    return tagger


def measure(seed: int, progress: Progress, hidden: int, updates: int) -> Measured:
    unseen: Sentences = draw_sentences(UNSEEN, np.random.default_rng(seed + 1))
    progress.plan({"taggers": len(KINDS)})
    with one_thread(), torch.random.fork_rng(devices=[]):
        taggers = {
            kind: learn(kind, hidden, updates, seed) for kind in progress.loop("taggers", KINDS)
        }
        said = {kind: one.tags(torch.tensor(unseen.words)) for kind, one in taggers.items()}
    one_by_one, together = best_tags(unseen.words)
    crf = taggers[KINDS[-1]].crf
    assert crf is not None
    return Measured(
        {kind: rate(unseen.tags, tags) for kind, tags in said.items()},
        rate(unseen.tags, one_by_one),
        rate(unseen.tags, together),
        crf.after.detach().numpy(),
    )
