"""Spans as tags, in each scheme, and as conlleval reads tags that break it."""

import itertools

import pytest

from unrolled.data.schemes import (
    Span,
    kinds_of,
    may_follow,
    scheme_of,
    spans,
    tags_for,
    tags_of,
)

FOUND = [Span(0, 1, "per"), Span(1, 4, "loc"), Span(5, 7, "per")]


@pytest.mark.parametrize(
    ("scheme", "tags"),
    [
        ("io", "I-per I-loc I-loc I-loc O I-per I-per"),
        ("bio", "B-per B-loc I-loc I-loc O B-per I-per"),
        ("bioes", "S-per B-loc I-loc E-loc O B-per E-per"),
    ],
)
def test_spans_become_tags_and_come_back(scheme, tags):
    assert tags_of(FOUND, 7, scheme) == tags.split()
    assert spans(tags.split()) == FOUND
    assert scheme_of([tags.split()]) == scheme
    assert kinds_of(tags.split()) == ["loc", "per"]


@pytest.mark.parametrize(
    ("tags", "found"),
    [
        ("O I-per I-per O", [(1, 3)]),  # without its B
        ("B-per I-loc", [(0, 1), (1, 2)]),  # another kind
        ("B-per B-per I-per", [(0, 1), (1, 3)]),
        ("I-per B-per", [(0, 1), (1, 2)]),  # the old form, between spans that touch
        ("E-per E-per", [(0, 1), (1, 2)]),
        ("S-per I-per", [(0, 1), (1, 2)]),
        ("B-per O E-per", [(0, 1), (2, 3)]),
        ("B-per I-per E-per I-per", [(0, 3), (3, 4)]),
        ("U-per B-per L-per", [(0, 1), (1, 3)]),  # BILOU's names
        ("per per O", [(0, 2)]),  # kinds alone
    ],
)
def test_broken_tags_are_read_as_conlleval_reads_them(tags, found):
    assert [one[:2] for one in spans(tags.split())] == found


@pytest.mark.parametrize(
    ("tags", "scheme"),
    [
        (["NOUN VERB", "NOUN"], "plain"),
        (["O O"], "plain"),
        (["O PER PER", "O"], "io"),
        (["O I-PER"], "io"),
        (["O B-PER X"], "plain"),
        (["B-PER I-PER"], "bio"),
        (["B-PER L-PER U-PER O"], "bioes"),
    ],
)
def test_the_scheme_is_found_by_looking(tags, scheme):
    assert scheme_of([one.split() for one in tags]) == scheme


@pytest.mark.parametrize("scheme", ["io", "bio", "bioes"])
def test_what_is_allowed_is_what_spans_can_be_written_as(scheme):
    """Of all sequences of four tags, those the grammar allows are those that come back the same."""
    for tags in itertools.product(tags_for(["a", "b"], scheme), repeat=4):
        edges = [None, *tags, None]
        allowed = all(may_follow(*pair, scheme) for pair in itertools.pairwise(edges))
        assert allowed == (tags_of(spans(tags), 4, scheme) == list(tags)), tags
