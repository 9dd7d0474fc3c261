"""How long a classifier learns where nobody says it."""

from types import SimpleNamespace

import pytest

from unrolled.tasks.classify.encoders import SeriesEncoder, TextEncoder
from unrolled.tasks.classify.plan import EPOCHS, EPOCHS_OF_WORDS, LEAST_STEPS, epochs_for
from unrolled.tasks.tokens import Tokens

SERIES = SeriesEncoder([0.0], [1.0])


@pytest.mark.parametrize(
    ("encoder", "expected"),
    [
        (TextEncoder(Tokens("word")), EPOCHS_OF_WORDS),
        (TextEncoder(Tokens("char")), EPOCHS),
        (SERIES, EPOCHS),
    ],
    ids=["words", "characters", "series"],
)
def test_the_usual_epochs(encoder, expected):
    assert epochs_for(3_000, SimpleNamespace(batch_size=32, encoder_=encoder)) == expected


def test_few_rows_are_read_more_often_and_many_less():
    model = SimpleNamespace(batch_size=32, encoder_=SERIES)
    assert epochs_for(64, model) == LEAST_STEPS // 2
    assert epochs_for(32_000, model) == 2
    assert epochs_for(10_000_000, model) == 1
