"""Each output fed back as the next input, for values and for symbols."""

import numpy as np
import pytest

from tests.tolerances import EXACT, FLOAT64, SHARE, assert_agrees
from unrolled.cells import GRU, LSTM, Elman
from unrolled.errors import ArgumentError
from unrolled.textbook import (
    Adam,
    Alphabet,
    Network,
    Windows,
    fit,
    generate_symbols,
    generate_values,
    learn_text,
    one_hot,
    predict_next,
)
from unrolled.textbook.prediction import draw


def wave_network(**options) -> Network:
    return Network(GRU, 2, 4, 2, 2, loss="mean_squared_error", seed=0, **options)


def test_values_fed_back_are_those_of_the_longer_sequence():
    network = wave_network()
    start = np.random.default_rng(0).normal(size=(5, 2, 3))
    values = generate_values(network, start, 4)
    assert values.shape == (4, 2, 3)
    for n in range(4):
        longer = np.concatenate([start, values[:n]])
        assert_agrees(predict_next(network, longer), values[n], tolerance=FLOAT64)


def test_symbols_fed_back_are_the_likeliest_ones_of_the_longer_sequence():
    network = Network(LSTM, 3, 5, 3, seed=0)
    start = np.array([0, 2, 1])
    symbols = generate_symbols(network, start, 5, temperature=0)
    for n, symbol in enumerate(symbols):
        longer = np.concatenate([start, symbols[:n]])[:, None]
        assert predict_next(network, one_hot(longer, 3))[:, 0].argmax() == symbol


def test_the_temperature_is_that_of_the_drawing():
    scores = np.log(np.array([0.6, 0.3, 0.1]))
    random = np.random.default_rng(0)

    def shares(temperature):
        drawn = [draw(scores, temperature, random) for _ in range(4000)]
        return np.bincount(drawn, minlength=3) / 4000

    squared = np.array([0.36, 0.09, 0.01]) / 0.46
    assert_agrees(shares(1.0), [0.6, 0.3, 0.1], tolerance=SHARE)
    assert_agrees(shares(0.5), squared, tolerance=SHARE)
    assert_agrees(shares(1e6), [1 / 3] * 3, tolerance=SHARE)
    assert_agrees(shares(1e-320), [1.0, 0.0, 0.0], tolerance=EXACT)
    assert_agrees(shares(0), [1.0, 0.0, 0.0], tolerance=EXACT)


def test_a_seed_gives_the_same_text_and_another_another():
    network = Network(Elman, 5, 4, 5, seed=0)
    texts = [generate_symbols(network, np.array([1]), 30, seed=seed).tolist() for seed in (0, 0, 1)]
    assert texts[0] == texts[1] != texts[2]


def test_one_hot_puts_a_one_at_the_symbols_place():
    codes = np.array([[2, 0], [1, 2], [0, 0]])
    columns = one_hot(codes, 3)
    assert columns.shape == (3, 3, 2)
    assert np.array_equal(columns.argmax(axis=1), codes)
    assert columns.sum() == codes.size


def test_windows_follow_one_another_and_their_targets_are_one_on():
    numbers = np.arange(14) % 5
    pairs = list(Windows(numbers, 5, length=3, batch=2))
    assert len(pairs) == 2  # two pieces of 6, in windows of 3
    xs, targets = (np.concatenate(arrays) for arrays in zip(*pairs, strict=True))
    assert np.array_equal(xs.argmax(axis=1), np.stack([numbers[:6], numbers[6:12]], axis=1))
    assert np.array_equal(targets, np.stack([numbers[1:7], numbers[7:13]], axis=1))


def test_an_alphabet_goes_there_and_back():
    alphabet = Alphabet("hello, wörld")
    assert alphabet.decode(alphabet.encode("role")) == "role"
    assert alphabet.characters == " ,dehlorwö"


def test_a_character_model_learns_a_rule_and_goes_on_with_it():
    lines: list[str] = []
    text = "abcabc abcabc. " * 40
    model = learn_text(
        text, GRU, 16, epochs=12, length=15, batch=4, learning_rate=0.02, seed=0,
        progress=lines.append,
    )  # fmt: skip
    assert model.generate("abc", 12, temperature=0) == "abcabc abcabc. "
    assert model.bits_per_character(text) < 0.2
    untrained = np.log2(len(model.alphabet))
    assert model.history.loss[0] / 15 / np.log(2) > 0.5 * untrained
    assert lines[-1] == model.history.stopped


def test_a_wave_continues():
    steps = np.arange(60)
    wave = np.sin(2 * np.pi * steps / 12)[:, None, None]
    network = Network(Elman, 1, 12, 1, loss="mean_squared_error", seed=0)
    fit(network, [(wave[:-1], wave[1:])], optimizer=Adam(0.01), epochs=300, progress=None)
    ahead = generate_values(network, wave[:48], 12)
    assert np.abs(ahead - wave[48:]).max() < 0.2


@pytest.mark.parametrize(
    ("make_it", "says"),
    [
        (lambda: generate_values(wave_network(), np.zeros((3, 2, 1)), 0), "count of one or more"),
        (lambda: generate_values(wave_network(), np.zeros((0, 2, 1)), 1), "one step or more"),
        (
            lambda: generate_values(wave_network(many_to="one"), np.zeros((3, 2, 1)), 1),
            "many_to='many'",
        ),
        (
            lambda: generate_values(Network(GRU, 2, 4, 1), np.zeros((3, 2, 1)), 1),
            r"as many outputs \(1\) as inputs \(2\)",
        ),
        (
            lambda: generate_symbols(Network(GRU, 2, 4, 2), np.array([0]), 1, temperature=-1),
            "0 or more, not -1",
        ),
        (lambda: generate_symbols(Network(GRU, 2, 4, 2), np.array([2]), 1), "from 0 to 1"),
        (lambda: Alphabet("abc").encode("abcd"), "'d' is not among the 3 characters"),
        (lambda: learn_text("aaaa", GRU), "nothing to predict"),
        (lambda: learn_text("abab", GRU), "1025 characters or more, and there are 4"),
    ],
)
def test_what_cannot_be_is_explained(make_it, says):
    with pytest.raises(ArgumentError, match=says):
        make_it()
