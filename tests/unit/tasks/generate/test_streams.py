"""What is held out of a running text: its end for the test, pieces of the rest for validation."""

import numpy as np
import pandas as pd
import polars as pl
import pytest

from tests.made_up import chatter
from unrolled.data.corpus import Corpus, Document
from unrolled.data.notes import Notes
from unrolled.errors import ArgumentError
from unrolled.tasks.generate.streams import (
    LEAST,
    PIECES,
    as_corpus,
    hold_out_end,
    hold_out_pieces,
    pieces,
)

LONG = "".join(f"{number:09} " for number in range(12_345))  # no two places are alike


def in_blocks(text, size=777):
    """A text that comes in blocks, as a file does."""
    blocks = [text[at : at + size] for at in range(0, len(text), size)]
    return Corpus([Document("text", lambda: iter(blocks))], Notes())


def test_the_test_is_the_end():
    corpus = in_blocks(LONG)
    learned, held = hold_out_end(corpus, 0.1, seed=0)
    assert learned.text() + held.text() == LONG
    assert len(held.text()) == len(LONG) // 10
    assert "the last 12,345 of 123,450 characters are held out" in corpus.notes.sentences


@pytest.mark.parametrize("share", [0.1, 0.5, 0.03])
def test_pieces_come_from_all_over_and_every_character_is_in_one_part(share):
    learned, held = hold_out_pieces(in_blocks(LONG), share, seed=0)
    ranges = pieces(len(LONG), share)
    assert held.text() == "".join(LONG[start:stop] for start, stop in ranges)
    left, rest = learned.text(), LONG
    for start, stop in reversed(ranges):
        rest = rest[:start] + rest[stop:]
    assert left == rest
    assert abs(len(held.text()) - share * len(LONG)) < PIECES


def test_there_is_a_piece_in_the_middle_of_each_tenth():
    found = pieces(100_000, 0.1)
    assert len(found) == PIECES
    assert [start // 10_000 for start, _ in found] == list(range(PIECES))
    assert found[0] == (4_500, 5_500)


def test_the_text_that_is_learnt_goes_up_to_its_end():
    assert hold_out_pieces(in_blocks(LONG), 0.1, seed=0)[0].text().endswith(LONG[-3_000:])


@pytest.mark.parametrize("count", [50, 999, 10 * LEAST, 20 * LEAST - 1])
def test_of_a_short_text_the_end_decides(count):
    assert pieces(count, 0.1) == [(count - count // 10, count)]


def test_a_text_of_medium_length_has_fewer_pieces():
    assert len(pieces(30 * LEAST, 0.1)) == 3


def test_nothing_is_held_out_where_nothing_is_asked_for():
    assert pieces(5, 0.1) == []
    for share in (0, 0.1):
        learned, held = hold_out_pieces(as_corpus("abcde"), share, seed=0)
        assert (learned.text(), held) == ("abcde", None)


def test_of_many_documents_whole_ones_decide():
    texts = [f"{number} {chatter(200)}" for number in range(20)]
    documents = [Document(str(n), lambda text=text: iter([text])) for n, text in enumerate(texts)]
    learned, held = hold_out_pieces(Corpus(documents, Notes()), 0.1, seed=0)
    assert (len(learned), len(held)) == (18, 2)


@pytest.mark.parametrize("kind", [list, tuple, np.array, pd.Series, pl.Series])
def test_a_column_of_texts_is_a_document_each(kind):
    corpus = as_corpus(kind(["first", "second"]))
    assert [one.text() for one in corpus.documents] == ["first", "second"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["a", None], "text 2 of X is None, which is not a str"),
        (3, "a column of texts, or a Corpus, not int"),
        (b"abc", "not bytes"),
        (pd.DataFrame({"a": ["b"]}), "not DataFrame"),
        ([], "X contains no text"),
    ],
    ids=["none", "number", "bytes", "table", "empty"],
)
def test_what_is_no_text_is_refused(given, message):
    with pytest.raises(ArgumentError, match=message):
        as_corpus(given)
