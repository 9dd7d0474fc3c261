"""Words by their letters: each word as if it were alone, whatever stands beside it."""

import pytest
import torch

from tests.tolerances import FLOAT32, assert_agrees
from unrolled.cells.choosing import choose_cell
from unrolled.networks.characters import READERS, CharacterEncoder


@pytest.mark.parametrize("reader", READERS)
def test_a_word_is_read_the_same_alone_and_beside_a_longer_one(reader):
    torch.manual_seed(0)
    encode = CharacterEncoder(reader, choose_cell("gru"), characters=9, embedding=5, size=6)
    words = [[2, 3, 4], [5], [6, 7, 8, 2, 3, 1, 4]]
    padded = torch.zeros(7, 3, dtype=torch.long)
    for place, word in enumerate(words):
        padded[: len(word), place] = torch.tensor(word)
    together = encode(padded, torch.tensor([len(word) for word in words]))
    assert together.shape == (3, encode.size)
    for place, word in enumerate(words):
        alone = encode(torch.tensor(word)[:, None], torch.tensor([len(word)]))
        assert_agrees(together[place], alone[0], tolerance=FLOAT32)


def test_the_recurrent_reader_is_the_ends_of_both_directions():
    torch.manual_seed(0)
    encode = CharacterEncoder("recurrent", choose_cell("gru"), characters=9, embedding=5, size=6)
    word = torch.tensor([2, 3, 4, 5])
    y, _ = encode.recurrent(encode.embed(word)[:, None])
    expected = torch.cat([y[-1, 0, :3], y[0, 0, 3:]])
    assert_agrees(encode(word[:, None], torch.tensor([4]))[0], expected, tolerance=FLOAT32)


def test_the_convolution_is_the_largest_of_its_places():
    torch.manual_seed(0)
    encode = CharacterEncoder("convolution", choose_cell("gru"), characters=9, embedding=5, size=4)
    word = torch.tensor([2, 3, 4])
    letters = torch.cat([torch.zeros(1, 5), encode.embed(word), torch.zeros(1, 5)])
    weight, bias = encode.convolution.weight, encode.convolution.bias
    places = [
        sum(weight[:, :, offset] @ letters[at + offset] for offset in range(3)) + bias
        for at in range(3)
    ]
    expected = torch.stack(places).amax(0)
    assert_agrees(encode(word[:, None], torch.tensor([3]))[0], expected, tolerance=FLOAT32)
