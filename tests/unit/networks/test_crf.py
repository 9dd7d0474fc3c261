"""The CRF against a sum over every sequence of tags."""

import itertools

import pytest
import torch

from tests.tolerances import FLOAT64, SLOPE, assert_agrees
from unrolled.networks.crf import CRF, Grammar

LENGTHS = [4, 1, 3]
TAGS = 3


@pytest.fixture(params=["free", "barred"])
def made(request):
    """A CRF with weights of its own, scores, and a way to score one sequence by hand."""
    torch.manual_seed(3)
    grammar = Grammar.free(TAGS)
    if request.param == "barred":
        grammar.first[2] = False
        grammar.after[0, 1] = grammar.after[2, 2] = False
        grammar.last[1] = False
    crf = CRF(grammar).double()
    for parameter in crf.parameters():
        torch.nn.init.normal_(parameter)
    return crf, grammar, torch.randn(max(LENGTHS), len(LENGTHS), TAGS, dtype=torch.float64)


def every(crf, grammar, scores, length):
    """Each allowed sequence of tags of one sentence, and its score."""
    found = {}
    for tags in itertools.product(range(TAGS), repeat=length):
        pairs = list(itertools.pairwise(tags))
        if not (grammar.first[tags[0]] and grammar.last[tags[-1]]):
            continue
        if not all(grammar.after[pair] for pair in pairs):
            continue
        value = crf.first[tags[0]] + crf.last[tags[-1]]
        value = value + sum(scores[step, tag] for step, tag in enumerate(tags))
        found[tags] = value + sum(crf.after[pair] for pair in pairs)
    return found


def test_it_is_what_enumeration_gives(made):
    crf, grammar, scores = made
    lengths = torch.tensor(LENGTHS)
    tags, value = crf.best(scores, lengths)
    sums = crf.log_partition(scores, lengths)
    chances = crf.chances(scores, lengths)
    for row, length in enumerate(LENGTHS):
        found = every(crf, grammar, scores[:, row], length)
        values = torch.stack(list(found.values()))
        assert_agrees(sums[row], values.logsumexp(0), tolerance=FLOAT64)
        best = max(found, key=found.__getitem__)
        assert tuple(tags[:length, row].tolist()) == best
        assert (tags[length:, row] == 0).all()
        assert_agrees(value[row], found[best], tolerance=FLOAT64)
        expected = torch.zeros(len(scores), TAGS, dtype=torch.float64)
        for one, chance in zip(found, values.softmax(0), strict=True):
            for step, tag in enumerate(one):
                expected[step, tag] += chance
        assert_agrees(chances[:, row], expected, tolerance=FLOAT64)


def test_the_loss_is_minus_the_log_of_the_probability(made):
    crf, grammar, scores = made
    given = torch.tensor([[0, 0, 0], [2, 0, 0], [1, 0, 2], [0, 0, 0]])
    losses = crf.loss(scores, given, torch.tensor(LENGTHS))
    for row, length in enumerate(LENGTHS):
        found = every(crf, grammar, scores[:, row], length)
        values = torch.stack(list(found.values()))
        own = found[tuple(given[:length, row].tolist())]
        assert_agrees(losses[row], values.logsumexp(0) - own, tolerance=FLOAT64)


def test_its_gradients_are_those_of_finite_differences(made):
    crf, _, scores = made
    given = torch.tensor([[0, 0, 0], [2, 0, 0], [1, 0, 2], [0, 0, 0]])
    lengths = torch.tensor(LENGTHS)
    scores.requires_grad_()
    weights = [scores, *crf.parameters()]
    slopes = torch.autograd.grad(crf.loss(scores, given, lengths).sum(), weights)
    step = 6e-6
    for weight, slope in zip(weights, slopes, strict=True):
        flat = weight.detach().view(-1)
        for place in range(len(flat)):
            sides = []
            for sign in (1, -1):
                kept = flat[place].clone()
                flat[place] += sign * step
                sides.append(crf.loss(scores, given, lengths).sum().detach())
                flat[place] = kept
            expected = (sides[0] - sides[1]) / (2 * step)
            assert_agrees(slope.reshape(-1)[place], expected, tolerance=SLOPE)


def test_what_fills_up_a_batch_changes_nothing(made):
    crf, _, scores = made
    lengths = torch.tensor(LENGTHS)
    other = scores.clone()
    other[1:, 1] = 77.0
    given = torch.tensor([[0, 0, 0], [2, 1, 0], [1, 2, 2], [0, 1, 1]])
    for one in (crf.loss(scores, given, lengths), crf.best(scores, lengths)[1]):
        assert torch.isfinite(one).all()
    assert_agrees(
        crf.loss(other, given, lengths), crf.loss(scores, given, lengths), tolerance=FLOAT64
    )
    assert torch.equal(crf.best(other, lengths)[0], crf.best(scores, lengths)[0])
