"""The parts that tasks share: ragged batches, tokens, pooling, cells of one's own."""

import json

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.tolerances import FLOAT32, assert_agrees
from unrolled.cells.choosing import choose_cell
from unrolled.networks.pooling import Pooling
from unrolled.tasks.ragged import Ragged, batches_by_length, batches_in_order
from unrolled.tasks.tokens import UNKNOWN, Tokens, kind_for


@given(st.lists(st.lists(st.integers(1, 9), min_size=1, max_size=7), min_size=1, max_size=9))
def test_a_batch_is_its_sequences_and_padding(sequences):
    ragged = Ragged.of(sequences, np.int64)
    x, lengths = ragged.batch(np.arange(len(sequences)))
    assert lengths.tolist() == [len(one) for one in sequences]
    for column, one in enumerate(sequences):
        assert x[: len(one), column].tolist() == one
        assert not x[len(one) :, column].any()


def test_channels_are_kept():
    series = [np.ones((3, 2), np.float32), 2 * np.ones((5, 2), np.float32)]
    x, lengths = Ragged.of(series, np.float32).batch(np.array([1, 0]))
    assert x.shape == (5, 2, 2)
    assert lengths.tolist() == [5, 3]
    assert x[:, 1, 0].tolist() == [1, 1, 1, 0, 0]


@given(st.lists(st.integers(1, 50), min_size=1, max_size=60), st.integers(1, 9))
def test_an_epoch_has_every_row_once(lengths, size):
    lengths = np.asarray(lengths)
    for batches in (batches_by_length(lengths, size, 0, 3), batches_in_order(lengths, size)):
        assert sorted(np.concatenate(batches).tolist()) == list(range(len(lengths)))
        assert max(map(len, batches)) <= size


def test_batches_by_length_waste_little_and_differ_by_epoch():
    lengths = np.random.default_rng(0).integers(5, 100, 2000)
    batches = batches_by_length(lengths, 32, 0, 0)
    padded = sum(len(rows) * lengths[rows].max() for rows in batches)
    assert padded < 1.05 * lengths.sum()
    again, other = batches_by_length(lengths, 32, 0, 0), batches_by_length(lengths, 32, 0, 1)
    assert all(np.array_equal(a, b) for a, b in zip(batches, again, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(batches, other, strict=True))


@pytest.mark.parametrize("kind", ["char", "word", "bpe"])
def test_a_vocabulary_survives_json(kind):
    texts = ["It's a film, a FILM!", "naïve café 42", "a film"]
    tokens = Tokens.fit(kind, texts, 300)
    again = Tokens.from_dict(json.loads(json.dumps(tokens.as_dict())))
    for text in [*texts, "never seen ☃", ""]:
        assert tokens.encode(text).tolist() == again.encode(text).tolist()
        assert len(tokens.encode(text)) >= 1


def test_words():
    tokens = Tokens.fit("word", ["It's a film, a FILM!", "it's bad"], 100)
    assert tokens.cut("It's a film, a FILM!") == ["it's", "a", "film", ",", "a", "film", "!"]
    assert tokens.encode("it's unseen")[1] == UNKNOWN
    assert "bad" not in tokens.table  # once is not enough to learn a word from


def test_texts_that_share_few_words_are_cut_into_characters():
    said = []
    assert kind_for(["red apple", "green pear", "a long name of many words"], said.append) == "char"
    assert said == [
        "texts are split into characters (half of them share 0 words or fewer with another)"
    ]


def test_short_texts_that_share_words_are_cut_into_words():
    said = []
    titles = ["How to mend a chair", "how to paint a chair", "To mend a WALL", "Spring"]
    assert kind_for(titles, said.append) == "word"
    assert said == ["texts are split into words (half of them share 4 words or fewer with another)"]


def test_a_word_that_one_text_repeats_is_not_shared():
    assert kind_for(["tra la la la la la", "hey ho ho ho ho"], lambda note: None) == "char"


def test_a_sample_decides_for_very_many_texts():
    texts = [f"{number} of the same kind" for number in range(12_001)]
    assert kind_for(texts, lambda note: None) == "word"


def test_a_vocabulary_has_a_bound():
    tokens = Tokens.fit("char", ["aaabbc"], 4)
    assert tokens.table[2:] == ["a", "b"]
    assert tokens.encode("abc").tolist() == [2, 3, UNKNOWN]


@pytest.mark.parametrize("kind", ["char", "bpe"])
@given(text=st.text(st.sampled_from("aé€😀 \n"), min_size=1))
def test_texts_come_back(kind, text):
    tokens = Tokens.fit(kind, ["aé€😀 \n"], 300)
    assert tokens.decode(tokens.encode(text)) == text


def test_last_pooling_of_both_directions():
    y = torch.arange(3 * 2 * 4, dtype=torch.float32).reshape(3, 2, 4)
    lengths = torch.tensor([3, 2])
    pooled = Pooling("last", 4, bidirectional=True)(y, lengths)
    assert pooled[1].tolist() == [*y[1, 1, :2].tolist(), *y[0, 1, 2:].tolist()]


def test_attention_weighs_the_steps_inside_alone():
    y = torch.randn(4, 2, 3)
    pool = Pooling("attention", 3, bidirectional=False)
    pooled = pool(y, torch.tensor([4, 1]))
    assert_agrees(pooled[1], y[0, 1], tolerance=FLOAT32)
    weights = torch.softmax(y[:, 0] @ pool.query, 0)
    assert_agrees(pooled[0], weights @ y[:, 0], tolerance=FLOAT32)


def test_a_cell_from_a_file(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(
        "from unrolled import Cell, tanh\n\n\nclass Mine(Cell):\n"
        "    def step(self, x, h):\n        return tanh(self.W @ x + self.U @ h)\n"
    )
    chosen = choose_cell(f"{file}:Mine")
    assert chosen.name == "Mine"
    assert list(chosen.equation.weights) == ["W", "U"]
