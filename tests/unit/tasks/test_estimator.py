"""What all estimators share: how long they train."""

from __future__ import annotations

from typing import Any

import pytest

from unrolled.tasks.caption.captioner import Captioner
from unrolled.tasks.tag.tagger import Tagger
from unrolled.tasks.transcribe.transcriber import Transcriber
from unrolled.tasks.translate.translator import Translator


@pytest.mark.parametrize("kind", [Captioner, Tagger, Transcriber, Translator])
def test_few_rows_are_read_more_often_so_that_the_optimizer_takes_enough_steps(kind: Any) -> None:
    model = kind()
    assert model.settings().epochs == kind.USUAL  # the rows are not known yet
    model.plan_epochs(2 * model.batch_size + 1)
    assert model.settings().epochs == -(-kind.LEAST_STEPS // 3) > kind.USUAL
    model.plan_epochs(kind.LEAST_STEPS * model.batch_size)
    assert model.settings().epochs == kind.USUAL
    model.plan_epochs(3, fine_tuned=True)
    assert model.settings().epochs == kind.USUAL


def test_a_limit_of_time_allows_more_epochs() -> None:
    model = Translator(minutes=20)
    model.plan_epochs(Translator.LEAST_STEPS * model.batch_size)
    assert model.settings().epochs == 2 * Translator.USUAL


def test_a_number_of_epochs_that_is_given_is_kept() -> None:
    model = Translator(epochs=3)
    model.plan_epochs(1)
    assert model.settings().epochs == 3
