"""What is taken away from a text comes back, whatever the text."""

import pytest

from unrolled.data.restoring import restored, restoring, without_accents
from unrolled.errors import DataError

TEXT = "Où est l'été?  Là, à PARIS: oui.\n\nNaïve café\n"


@pytest.mark.parametrize(
    ("kind", "items", "tags"),
    [
        ("punctuation", ["où", "est", "l'été"], ["Title", "lower", "lower?"]),
        ("diacritics", list("Ou est"), ["=", "ù", "=", "=", "=", "="]),
        ("spaces", list("Oùest"), ["=", "=", "space", "=", "="]),
    ],
)
def test_it_comes_back(kind, items, tags):
    found = restoring([TEXT[:9], TEXT[9:]], kind)
    assert found.sentences[0][: len(items)] == items
    assert found.tags[0][: len(tags)] == tags
    lines = [" ".join(line.split()) for line in TEXT.splitlines() if line.strip()]
    back = [restored(*one, kind) for one in zip(found.sentences, found.tags, strict=True)]
    assert back == lines


def test_a_long_line_is_cut():
    found = restoring(["ab " * 100], "punctuation")
    assert [len(one) for one in found.sentences] == [60, 40]


def test_letters_below_their_accents():
    assert [without_accents(one) for one in "éÅñøßa"] == list("eAnøßa")


def test_a_text_without_words():
    with pytest.raises(DataError, match="nothing to restore"):
        restoring([" \n"], "spaces")
