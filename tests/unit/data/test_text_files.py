"""Running text: documents, what is held out of them, tokens in a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from unrolled.data.corpus import read_corpus
from unrolled.data.token_files import map_tokens, whole_lines, write_tokens
from unrolled.errors import DataError


def test_the_end_of_one_text_is_held_out(tmp_path: Path) -> None:
    path = tmp_path / "book.txt"
    path.write_text("abcdefghij" * 10)
    learned, held = read_corpus(path).hold_out(0.1)
    assert learned.text() + held.text() == path.read_text()
    assert len(held.text()) == 10


def test_whole_documents_are_held_out(tmp_path: Path) -> None:
    for number in range(20):
        (tmp_path / f"{number:02}.txt").write_text(f"document {number}\n")
    (tmp_path / "empty.txt").write_text("")
    corpus = read_corpus(tmp_path)
    assert corpus.notes.sentences == ["1 of 21 files were empty and were left out"]
    learned, held = corpus.hold_out(0.1, seed=1)
    assert len(held) == 2
    assert len(learned) == 18
    assert learned.text().count("document") == 18
    assert [one.name for one in held.documents] == [
        one.name for one in corpus.hold_out(0.1, seed=1)[1].documents
    ]


def test_the_licence_round_a_book_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "book.txt"
    mark = "PROJECT GUTENBERG EBOOK A BOOK ***"
    path.write_text(f"about\n*** START OF THE {mark}\nIt was.\n*** END OF THE {mark}\nterms\n")
    corpus = read_corpus(path)
    assert corpus.text() == "It was.\n"
    assert len(corpus.notes) == 1


@pytest.mark.parametrize("blocks", [["ab\ncd", "ef\n", "gh"], ["a", "b\n" * 5], ["", "x"], []])
def test_blocks_end_with_lines(blocks: list[str]) -> None:
    made = list(whole_lines(blocks))
    assert "".join(made) == "".join(blocks)
    assert all(block.endswith("\n") for block in made[:-1])


def test_a_line_without_end_is_cut() -> None:
    made = list(whole_lines(["x" * 10] * 5, most=20))
    assert "".join(made) == "x" * 50
    assert max(map(len, made)) <= 30


@pytest.mark.parametrize(("size", "kind"), [(300, np.uint16), (70_000, np.uint32)])
def test_tokens_in_a_file(tmp_path: Path, size: int, kind: type) -> None:
    path = tmp_path / "tokens"
    tokens = write_tokens(path, ["ab\n", "ba\n"], lambda text: [ord(one) for one in text], size)
    assert tokens.dtype == kind
    assert bytes(tokens.tolist()).decode() == "ab\nba\n"
    assert np.array_equal(map_tokens(path, size), tokens)
    assert [one.name for one in tmp_path.iterdir()] == ["tokens"]


def test_what_is_no_file_of_tokens(tmp_path: Path) -> None:
    path = tmp_path / "tokens"
    path.write_bytes(b"abc")
    with pytest.raises(DataError, match="is not a file of tokens: it has 3 bytes"):
        map_tokens(path, 300)
