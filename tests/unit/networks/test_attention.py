"""Attention against a loop, the decoder against its own steps, the beam against enumeration."""

import itertools

import pytest
import torch

from tests.tolerances import FIGURE, FLOAT64, assert_agrees
from unrolled.cells.choosing import choose_cell
from unrolled.networks.attention import Attention, outside_of
from unrolled.networks.beam import beam_search
from unrolled.networks.decoder import Decoder, select_states
from unrolled.networks.next_tokens import next_tokens

T, B, S, Q, K = 3, 2, 5, 4, 6
LENGTHS = torch.tensor([5, 3])


@pytest.mark.parametrize("score", ["dot", "additive"])
def test_attention_is_a_mean_whose_weights_are_a_softmax(score):
    torch.manual_seed(0)
    attend = Attention(score, Q, K).double()
    queries, keys = torch.randn(T, B, Q).double(), torch.randn(S, B, K).double()
    outside = outside_of(LENGTHS, S)
    contexts, weights = attend(queries, keys, attend.project(keys), outside)
    for step, row in itertools.product(range(T), range(B)):
        there = keys[: LENGTHS[row], row]
        q = queries[step, row]
        if score == "dot":
            scores = torch.stack([q @ attend.keys.weight @ key for key in there])
        else:
            asked = attend.queries.weight @ q + attend.queries.bias
            scores = torch.stack(
                [torch.tanh(asked + attend.keys.weight @ key) @ attend.direction for key in there]
            )
        expected = scores.softmax(0)
        assert_agrees(weights[row, step, : len(there)], expected, tolerance=FLOAT64)
        assert (weights[row, step, len(there) :] == 0).all()
        assert_agrees(contexts[step, row], expected @ there, tolerance=FLOAT64)


@pytest.mark.parametrize(
    ("cell", "score", "fed"),
    [("gru", "dot", False), ("lstm", "dot", True), ("gru", "additive", True),
     ("lstm", "additive", False)],
)  # fmt: skip
def test_the_decoder_says_step_by_step_what_it_says_at_once(cell, score, fed):
    torch.manual_seed(0)
    decode = Decoder(
        choose_cell(cell), 7, K, score=score, embedding=5, hidden=4, dropout=0.4, input_feeding=fed
    ).double()
    decode.eval()
    keys = torch.randn(S, B, K).double() * ~outside_of(LENGTHS, S).T[:, :, None]
    memory = decode.remember(keys, LENGTHS)
    tokens = torch.randint(7, (T, B))
    whole, _, weights = decode(tokens, memory)
    states = None
    for step in range(T):
        scores, states, looked = decode(tokens[step : step + 1], memory, states)
        assert_agrees(scores[0], whole[step], tolerance=FLOAT64)
        assert_agrees(looked[:, 0], weights[:, step], tolerance=FLOAT64)
    twice = torch.tensor([1, 0, 0, 1])  # two beginnings of each row, slot w B + b
    one, _, looked = decode(tokens[:1, twice], memory, select_states(states, twice))
    other, _, _ = decode(
        tokens[:1, twice], memory.select(torch.tensor([0, 1, 0, 1])), select_states(states, twice)
    )
    assert_agrees(one, other, tolerance=FLOAT64)
    assert looked.shape == (B, 2, S)
    swapped = torch.tensor([1, 0, 1])
    one, _, _ = decode(tokens[:1, swapped], memory.select(swapped), select_states(states, swapped))
    other, _, _ = decode(tokens[:1], memory, states)
    assert_agrees(one[0], other[0, swapped], tolerance=FLOAT64)


TOKENS, LONGEST = 3, 4


def chain(seed):
    """Log probabilities of each token after each beginning, for two rows: a table of everything."""
    generator = torch.Generator().manual_seed(seed)
    return {
        (row, before): torch.randn(TOKENS, generator=generator, dtype=torch.float64).log_softmax(0)
        for row in range(2)
        for length in range(LONGEST)
        for before in itertools.product(range(1, TOKENS), repeat=length)
    }


def every(table, row, alpha):
    """Each sequence up to LONGEST tokens (the last of which need not be the end), and its score."""
    found = {}
    for length in range(LONGEST + 1):
        for tokens in itertools.product(range(1, TOKENS), repeat=length):
            value = sum(float(table[row, tokens[:at]][one]) for at, one in enumerate(tokens))
            said = length
            if length < LONGEST:
                value, said = value + float(table[row, tokens][0]), length + 1
            found[tokens] = value / ((5 + said) / 6) ** alpha
    return found


@pytest.mark.parametrize("alpha", [0.0, 1.0])
@pytest.mark.parametrize("seed", range(3))
def test_a_wide_beam_is_exact(alpha, seed):
    table = chain(seed)

    def step(tokens, states, rows):
        before = [()] * len(tokens) if states is None else states
        now = [
            one if states is None else (*one, int(token))
            for one, token in zip(before, tokens, strict=True)
        ]
        slots = list(rows.tolist()) * (len(tokens) // len(rows))
        nothing = torch.zeros(TOKENS, dtype=torch.float64)  # of a slot without a beginning
        scores = [table.get(place, nothing) for place in zip(slots, now, strict=True)]
        return *torch.stack(scores).sort(1, descending=True), now

    def select(states, places):
        return [states[place] for place in places.tolist()]

    def step_of_two(tokens, states, rows):
        log_probs, best, states = step(tokens, states, rows)
        return log_probs[:, :2], best[:, :2], states

    found = beam_search(step, select, 2, width=100, end=0, longest=LONGEST, alpha=alpha)
    for row in range(2):
        expected = every(table, row, alpha)
        assert len(found[row]) == len(expected)
        for one in found[row]:
            assert_agrees(one.score, expected[tuple(one.tokens)], tolerance=FLOAT64)
        assert tuple(found[row][0].tokens) == max(expected, key=expected.__getitem__)
    narrow = beam_search(step_of_two, select, 2, width=2, end=0, longest=LONGEST, alpha=alpha)
    for row, best in enumerate(narrow):
        assert len(best) == 2
        assert best[0].score <= found[row][0].score + 1e-12


@pytest.mark.parametrize("tokens", [7, 1000])
@pytest.mark.parametrize("barred", [None, 1])
def test_the_best_next_tokens_are_those_of_topk(tokens, barred):
    torch.manual_seed(0)
    table, bias, x = torch.randn(tokens, 4), torch.randn(tokens), torch.randn(600, 4)
    with torch.no_grad():
        log_probs, found = next_tokens(x, table, bias, 5, barred)
        scores = x @ table.T + bias
    if barred is not None:
        scores[:, barred] = -torch.inf
    expected = scores.double().log_softmax(1).topk(5, 1)
    assert_agrees(log_probs, expected.values, tolerance=FIGURE)
    assert torch.equal(scores.gather(1, found), scores.gather(1, expected.indices))
