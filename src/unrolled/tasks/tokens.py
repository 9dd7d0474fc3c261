"""Tokenizes texts. In: texts. Out: a vocabulary and token indices; next: embeddings.

A text is split into characters, into lower-case words and punctuation, or by BPE over bytes
(Sennrich et al. 2016), which has no unknown tokens. Index 0 is padding, index 1 is the unknown
token.
"""

from __future__ import annotations

import itertools
import json
import re
import sys
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from unrolled.errors import ArgumentError, UnrolledError
from unrolled.literal import because
from unrolled.report.numbers import counted
from unrolled.training.interrupts import waiting_for

KINDS = ("char", "word", "bpe")
SPECIAL = ("<fill>", "<unknown>")
UNKNOWN = 1
WORDS = re.compile(r"[^\W_]+(?:['’][^\W_]+)*|[^\w\s]|_+")
FEW = 3  # words of a text that occur in others, too: with fewer, characters are used
SAMPLE = 5_000  # texts that are examined to choose the tokens
ONCE_IS_UNKNOWN = 2  # words seen once train the vector of unknown words
LAST_CODE = 0x10FFFF  # of Unicode
BLOCK = 1 << 20  # characters that are counted at once
SHORT = 64  # characters: for shorter texts, a dictionary is as fast as a table


class Tokens:
    """A tokenizer and its fitted vocabulary."""

    def __init__(self, kind: str, table: Sequence[str] = (), merges: str = "") -> None:
        if kind not in KINDS:
            raise ArgumentError(f"tokens must be one of {', '.join(KINDS)}, not {kind!r}")
        self.kind, self.table, self.merges = kind, list(table), merges
        self.numbers = {token: number for number, token in enumerate(self.table)}
        self._bpe = _bpe_from(merges) if merges else None

    @classmethod
    def fit(cls, kind: str, texts: Iterable[str], most: int, least: int | None = None) -> Tokens:
        """The vocabulary of these texts: the `most` frequent tokens that occur `least` times or
        more."""
        if kind == "bpe":
            return cls(kind, merges=_train_bpe(texts, most))
        counts = _count_characters(texts) if kind == "char" else _count_words(texts)
        if least is None:
            least = ONCE_IS_UNKNOWN if kind == "word" else 1
        found = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        kept = [token for token, count in found if count >= least][: most - len(SPECIAL)]
        return cls(kind, [*SPECIAL, *kept])

    def __len__(self) -> int:
        return len(self.table) if self._bpe is None else self._bpe.get_vocab_size()

    def cut(self, text: str) -> list[str]:
        """The tokens of a text, as text."""
        if self._bpe is not None:
            return [self.show(number) for number in self.encode(text)]
        return list(text) if self.kind == "char" else WORDS.findall(text.lower())

    def beginning(self, text: str, count: int) -> str:
        """The beginning of a text that consists of its first `count` tokens."""
        if self._bpe is not None:
            ends = self._bpe.encode(text).offsets[:count]
            return text[: ends[-1][1]] if ends else text
        if self.kind == "char":
            return text[:count]
        if len(text) <= count:  # each token has at least one character
            return text
        last = next(itertools.islice(WORDS.finditer(text), count, None), None)
        return text if last is None else text[: last.start()].rstrip()

    def encode(self, text: str) -> Any:
        """The token indices of a text; an empty text is one unknown token."""
        if self._bpe is not None:
            numbers = self._bpe.encode(text).ids
        elif self.kind == "char" and len(text) > SHORT:
            numbers = self._by_letter[_codes(text)]
            return numbers.astype(np.int64)
        else:
            get = self.numbers.get
            numbers = [get(token, UNKNOWN) for token in self.cut(text)]
        return np.asarray(numbers or [UNKNOWN], np.int64)

    def spans(self, text: str) -> list[tuple[int, int]]:
        """The position of each token of `encode` in the text."""
        if self._bpe is not None:
            found = self._bpe.encode(text).offsets
        elif self.kind == "char":
            found = [(place, place + 1) for place in range(len(text))]
        else:
            found = [one.span() for one in WORDS.finditer(text)]
        return found or [(0, len(text))]

    def encode_all(self, texts: Sequence[str]) -> tuple[Any, Any]:
        """The concatenated token indices of many texts, and the number of tokens of each."""
        lengths = np.empty(len(texts), np.int64)
        if self.kind == "char":
            lengths[:] = [len(text) for text in texts]
            letters = "".join(texts).encode("utf-32-le", "surrogatepass")
            numbers = self._by_letter[np.frombuffer(letters, np.uint32)]
        else:
            found = array("i")
            for place, some in enumerate(self._cut_all(texts)):
                lengths[place] = len(some)
                found.extend(some)
            numbers = np.array(found, np.int32)
        empty = np.flatnonzero(lengths == 0)
        if len(empty):
            numbers = np.insert(numbers, (np.cumsum(lengths) - lengths)[empty], UNKNOWN)
            lengths[empty] = 1
        return numbers, lengths

    def _cut_all(self, texts: Sequence[str]) -> Iterator[list[int]]:
        if self._bpe is not None:
            for one in self._bpe.encode_batch(list(texts)):
                yield one.ids
            return
        get = self.numbers.get
        for text in texts:
            yield [get(word, UNKNOWN) for word in WORDS.findall(text.lower())]

    def unknown_share(self, texts: Sequence[str]) -> float:
        """The share of unknown tokens in these texts."""
        numbers, _ = self.encode_all(texts)
        return float((numbers == UNKNOWN).mean())

    @cached_property
    def _by_letter(self) -> Any:
        """The index of each character, by its code."""
        table = np.full(sys.maxunicode + 1, UNKNOWN, np.int32)
        for token, number in self.numbers.items():
            if len(token) == 1:
                table[ord(token)] = number
        return table

    def decode(self, numbers: Sequence[int]) -> str:
        """The text of token indices."""
        if self._bpe is not None:
            return str(self._bpe.decode([int(number) for number in numbers]))
        between = " " if self.kind == "word" else ""
        return between.join(self.show(number) for number in numbers)

    def show(self, number: int) -> str:
        """One token in readable form."""
        return self.table[number] if self._bpe is None else self._bpe.decode([int(number)])

    def as_dict(self) -> dict[str, Any]:
        return {"kind": self.kind, "table": self.table, "merges": self.merges}

    @classmethod
    def from_dict(cls, data: Any) -> Tokens:
        try:
            return cls(data["kind"], [str(token) for token in data["table"]], str(data["merges"]))
        except (KeyError, TypeError) as error:
            raise DamagedVocabulary(
                f"the run's vocabulary is damaged ({because(error)}): copy the run again"
            ) from error


def _count_characters(texts: Iterable[str]) -> Counter[str]:
    """The count of each character in the texts, computed from many codes at once."""
    counts = np.zeros(LAST_CODE + 1, np.int64)
    waiting: list[str] = []
    size = 0
    for text in texts:
        waiting.append(text)
        size += len(text)
        if size >= BLOCK:
            counts += np.bincount(_codes("".join(waiting)), minlength=LAST_CODE + 1)
            waiting, size = [], 0
    counts += np.bincount(_codes("".join(waiting)), minlength=LAST_CODE + 1)
    return Counter({chr(code): int(counts[code]) for code in np.flatnonzero(counts)})


def _count_words(texts: Iterable[str]) -> Counter[str]:
    cutter = Tokens("word")
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(cutter.cut(text))
    return counts


def _codes(text: str) -> Any:
    """The code of each character."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.int64)


def sayable(scores: Tensor) -> Tensor:
    """The scores of all tokens (..., tokens), with special tokens excluded."""
    special = torch.arange(scores.shape[-1], device=scores.device) < len(SPECIAL)
    return scores.masked_fill(special, -torch.inf)


def kind_for(texts: Sequence[str], note: Callable[[str], None]) -> str:
    """Choose words if most texts share some with other texts, or else characters; adds a note.

    A word that occurs in only one text does not help with others: names, or phrases in many
    languages, consist of such words, while titles share words with other titles.
    """
    some = texts[:: -(-len(texts) // SAMPLE)]
    cut = [WORDS.findall(text.lower()) for text in some]
    texts_with = Counter(word for words in cut for word in set(words))
    shared = sorted(sum(texts_with[word] > 1 for word in words) for words in cut)
    middle = shared[len(shared) // 2]
    kind, name = ("char", "characters") if middle < FEW else ("word", "words")
    few = counted(middle, "word")
    note(f"texts are split into {name} (half of them share {few} or fewer with another)")
    return kind


class DamagedVocabulary(UnrolledError):
    """A vocabulary that cannot be read."""


def _train_bpe(texts: Iterable[str], most: int) -> str:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=most,
        special_tokens=list(SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    waiting_for(lambda: tokenizer.train_from_iterator(texts, trainer))
    return str(tokenizer.to_str())


# The parts of our tokenizers. Other parts have regular expressions, which can take exponential
# time, and a run may come from an untrusted source.
PARTS = {"normalizer": None, "pre_tokenizer": "ByteLevel", "post_processor": None,
         "decoder": "ByteLevel", "model": "BPE"}  # fmt: skip


def _refuse_other_parts(data: dict[str, Any]) -> None:
    for name, kind in PARTS.items():
        part = data.get(name)
        if (part if part is None else part.get("type")) != kind:
            raise ValueError(f"its {name} is not the one that training writes")
    if [one["content"] for one in data["added_tokens"]] != list(SPECIAL):
        raise ValueError("its special tokens are not the ones that training writes")


def _bpe_from(text: str) -> Any:
    from tokenizers import Tokenizer

    try:
        _refuse_other_parts(json.loads(text))
        return Tokenizer.from_str(text)
    except Exception as error:  # the library raises nothing narrower
        why = because(error)
        raise DamagedVocabulary(f"the run's BPE vocabulary is damaged ({why})") from error
