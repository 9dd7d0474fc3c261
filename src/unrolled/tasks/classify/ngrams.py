"""A linear model on n-grams of words and characters, beside networks that read texts.

In: texts and targets. Out: scores of each class, and out-of-fold scores of the training rows. The
features are TF-IDF of words (unigrams and bigrams) and of characters within words (two to five);
the weights are a mixture of the two models of `logistic`, chosen by their out-of-fold scores. Only
n-grams, as text, and numbers are stored. Next: `classifier`, which blends it with the networks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from sklearn.feature_extraction.text import TfidfVectorizer
from torch import Tensor, nn

from unrolled.literal import because
from unrolled.networks.aims import ONE_CLASS, Aim
from unrolled.networks.blending import calibration, fit_blend, smoothed_loss
from unrolled.tasks.classify.counting import (
    LONGEST,
    SHORTEST,
    WORD_OR_SIGN,
    CharacterNGrams,
    Finder,
    WordNGrams,
    counts_of,
)
from unrolled.tasks.classify.logistic import STRENGTHS, USUAL, FeatureRows, Linear, fitted
from unrolled.tasks.tokens import DamagedVocabulary
from unrolled.training.run_folder import RunFolder

MOST_WORDS, MOST_CHARACTERS = 100_000, 200_000  # maximum number of n-grams, the most frequent ones
MUCH = 10_000_000  # characters in total: with more, counting those within words takes minutes,
# and of words only as many are counted


class NGrams:
    """Converts texts to rows of a sparse matrix."""

    def __init__(self, words: Sequence[str], characters: Sequence[str]) -> None:
        self.words, self.characters = list(words), list(characters)
        self._finders: tuple[Finder, Finder] = (
            WordNGrams(self.words),
            CharacterNGrams(self.characters),
        )

    @classmethod
    def fit(cls, texts: Sequence[str]) -> tuple[NGrams | None, Tensor]:
        """The n-grams of these texts, and how rare each is; None where no text holds a sign.

        Of many texts some, from all over, tell which n-grams are frequent, in far less memory.
        """
        if not any(text.strip() for text in texts):
            return None, torch.zeros(0)
        size = sum(map(len, texts))
        found = [_of_words(max_features=MOST_WORDS).fit(texts[:: max(1, -(-size // MUCH))])]
        if size <= MUCH:
            found.append(_of_characters(max_features=MOST_CHARACTERS).fit(texts))
        terms = [one.get_feature_names_out().tolist() for one in found]
        rarity = np.concatenate([one.idf_ for one in found])
        return cls(terms[0], terms[1] if len(terms) > 1 else []), torch.from_numpy(rarity).float()

    def __len__(self) -> int:
        return len(self.words) + len(self.characters)

    def features(self, texts: Sequence[str], rarity: Tensor) -> Any:
        """A sparse matrix (texts, n-grams): both halves of a row have length one."""
        from scipy.sparse import csr_matrix, hstack, vstack

        parts = [
            vstack([_sparse(*rows, len(some)) for rows in _weighed(find, texts, some)])
            for find, some in self._halves(rarity.numpy())
        ]
        return csr_matrix(hstack(parts))

    def scores(self, texts: Sequence[str], rarity: Any, weight: Any) -> Any:
        """(texts, classes): features times weights, without the whole matrix."""
        total = np.zeros((len(texts), weight.shape[1]))
        if len(texts) == 1:  # a request often has one text, and arrays of many take their time
            for (find, some), its in zip(self._halves(rarity), self._halves(weight), strict=True):
                found = find(texts[0])
                if found:
                    numbers, counts = np.unique(np.array(found), return_counts=True)
                    values = (1.0 + np.log(counts)) * some[numbers].astype(np.float64)
                    total[0] += values @ its[1][numbers] / np.sqrt(values @ values)
            return total
        for (find, some), its in zip(self._halves(rarity), self._halves(weight), strict=True):
            first = 0
            for lengths, numbers, values in _weighed(find, texts, some):
                rows = _sparse(lengths, numbers, values, len(some))
                total[first : first + len(lengths)] += rows @ its[1]
                first += len(lengths)
        return total

    def _halves(self, of_terms: Any) -> Iterator[tuple[Finder, Any]]:
        """The word and the character n-grams, if any: their finder, and their rows of an array with
        a row for each n-gram."""
        first = 0
        for find, terms in zip(self._finders, (self.words, self.characters), strict=True):
            if terms:
                yield find, of_terms[first : first + len(terms)]
            first += len(terms)

    def as_dict(self) -> dict[str, Any]:
        return {"words": self.words, "characters": self.characters}

    @classmethod
    def from_dict(cls, data: Any) -> NGrams:
        found = [[str(one) for one in data[kind]] for kind in ("words", "characters")]
        if any(len(set(terms)) < len(terms) for terms in found):
            raise ValueError("an n-gram is repeated")
        return cls(*found)


class LinearTexts(nn.Module):
    """score = features @ weight + bias; nothing in it is trained by gradients."""

    rarity: Tensor
    weight: Tensor
    bias: Tensor

    def __init__(self, ngrams: NGrams, classes: int, aim: Aim = ONE_CLASS) -> None:
        super().__init__()
        self.ngrams, self.aim = ngrams, aim
        self.register_buffer("rarity", torch.ones(len(ngrams)))
        self.register_buffer("weight", torch.zeros(len(ngrams), classes))
        self.register_buffer("bias", torch.zeros(classes))

    def fit(
        self, texts: Sequence[str], rarity: Tensor, targets: Any, folds: Any, weights: Tensor
    ) -> Any:
        """Fit to all rows; returns the out-of-fold scores of each row, if there are folds."""
        self.rarity.copy_(rarity)
        features, known = self.ngrams.features(texts, rarity), torch.from_numpy(targets)
        wanted = self.aim.indicators(known, len(self.bias)).numpy()
        counts = weights.numpy()[targets] if targets.ndim == 1 else np.ones(len(targets))
        rows = FeatureRows(features, wanted, counts, self.aim.name == "class")
        ways = ("ridge",) if self.aim.name == "number" else ("plain", "rated")
        found = [self._one(rows, way, known, folds) for way in ways]
        shares, left_out = [1.0 / len(ways)] * len(ways), None
        if folds is not None:
            said = torch.from_numpy(np.stack([one for _, one in found]))
            if len(said) > 1:
                blend = fit_blend(said[0], said[1], known, weights, self.aim)
                shares = [blend.of_first, blend.of_second]
            left_out = torch.tensordot(torch.tensor(shares), said, 1).numpy()
        self.weight.zero_()
        self.bias.zero_()
        for share, (model, _) in zip(shares, found):
            self.weight += share * torch.from_numpy(model.weight)
            self.bias += share * torch.from_numpy(model.bias)
        return left_out

    def _one(self, rows: FeatureRows, way: str, known: Tensor, folds: Any) -> tuple[Linear, Any]:
        """A model of all rows, and its out-of-fold scores.

        The penalty is the one with the best calibrated scores on the first fold.
        """
        if folds is None:
            return fitted(rows, way, USUAL[way]), None
        left_out = np.zeros(rows.wanted.shape, np.float32)
        first, best = folds == 0, (np.inf, USUAL[way])
        for strength in STRENGTHS[way]:
            scores = fitted(rows.of(~first), way, strength).scores(rows.features[first])
            said, truth = torch.from_numpy(scores), known[torch.from_numpy(first)]
            loss = smoothed_loss(calibration(said, truth, aim=self.aim) * said, truth, aim=self.aim)
            if loss < best[0]:
                best, left_out[first] = (loss, strength), scores
        for fold in np.unique(folds[~first]):
            held = folds == fold
            model = fitted(rows.of(~held), way, best[1])
            left_out[held] = model.scores(rows.features[held])
        return fitted(rows, way, best[1]), left_out

    def scores(self, texts: Sequence[str]) -> Any:
        """(texts, classes)."""
        found = self.ngrams.scores(texts, self.rarity.numpy(), self.weight.numpy())
        return (found + self.bias.numpy()).astype(np.float32)


def ngrams_from(vocabulary: dict[str, Any], run: RunFolder) -> NGrams | None:
    """The n-grams of the run's linear model, if it has one for texts."""
    ngrams = vocabulary.get("ngrams")
    try:
        return NGrams.from_dict(ngrams) if ngrams else None
    except (KeyError, TypeError, ValueError) as error:
        raise DamagedVocabulary(
            f"{run.path}: its list of n-grams is damaged ({because(error)}): copy the run again"
        ) from error


def _weighed(find: Finder, texts: Sequence[str], rarity: Any) -> Iterator[tuple[Any, Any, Any]]:
    """TF-IDF of some texts at a time: the number of n-grams of each; their indices; their values.

    A value is (1 + log count) times the IDF, and the row of a text has length one.
    """
    for lengths, numbers, counts in counts_of(find, texts, len(rarity)):
        values = (1.0 + np.log(counts)) * rarity[numbers].astype(np.float64)
        rows = np.repeat(np.arange(len(lengths)), lengths)
        squares = np.bincount(rows, values**2, minlength=len(lengths))
        yield lengths, numbers, values / np.sqrt(squares[rows])


def _sparse(lengths: Any, numbers: Any, values: Any, terms: int) -> Any:
    """Rows of a sparse matrix."""
    from scipy.sparse import csr_matrix

    starts = np.concatenate([[0], np.cumsum(lengths)])
    return csr_matrix((values, numbers, starts), (len(lengths), terms))


def _of_words(**more: Any) -> Any:
    return TfidfVectorizer(
        ngram_range=(1, 2), sublinear_tf=True, token_pattern=WORD_OR_SIGN.pattern, **more
    )


def _of_characters(**more: Any) -> Any:
    return TfidfVectorizer(
        analyzer="char_wb", ngram_range=(SHORTEST, LONGEST), sublinear_tf=True, **more
    )
