"""Tokens against a list of them written out: where each lies, what stood before it, any window."""

import itertools

import numpy as np
import pytest

from unrolled.engines.plan.schedule import Schedule, dense_schedule, ragged_schedule

LENGTHS = [[3, 0, 5, 2, 5, 1], [4], [0, 0], [2, 2, 2]]
BATCHES = [
    dense_schedule(7, 3, 2),
    dense_schedule(7, 3, 2, True),
    ragged_schedule(np.array(LENGTHS[0], np.int64), 2),
]


def tokens(schedule: Schedule) -> list[tuple[int, int]]:
    """(step, row) of every token, read from the kernels' own tables."""
    found: dict[int, tuple[int, int]] = {}
    for job, step in itertools.product(range(schedule.jobs), range(schedule.steps)):
        first = int(schedule.offsets[job, step])
        for number in range(int(schedule.active[job, step])):
            found[first + number] = step, int(schedule.base[job]) + number
    assert sorted(found) == list(range(schedule.tokens))
    return [found[number] for number in range(schedule.tokens)]


@pytest.mark.parametrize("jobs", [1, 2, 4])
@pytest.mark.parametrize("lengths", LENGTHS)
def test_ragged_rows_are_all_there_and_each_follows_itself(lengths: list[int], jobs: int) -> None:
    schedule = ragged_schedule(np.array(lengths, np.int64), jobs)
    listed = tokens(schedule)
    expected = {(s, r) for r, n in enumerate(schedule.lengths) for s in range(n)}
    assert set(listed) == expected
    assert [lengths[sequence] for sequence in schedule.order] == list(schedule.lengths)
    for number, (step, row) in enumerate(listed):
        assert number in range(*schedule.span(step, step + 1).indices(schedule.tokens))
        previous = int(schedule.previous[number])
        assert listed[previous] == (step - 1, row) if step else previous == -1
    for row, last in enumerate(schedule.last_tokens):
        length = int(schedule.lengths[row])
        assert last == (listed.index((length - 1, row)) if length else 0)
    assert list(schedule.empty_rows) == [r for r, n in enumerate(schedule.lengths) if not n]
    if schedule.steps:
        assert list(schedule.first_rows) == [row for step, row in listed if step == 0]


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize(("steps", "rows", "jobs"), [(5, 3, 2), (1, 1, 1), (4, 2, 8), (0, 3, 2)])
def test_dense_tokens_are_the_rows_of_time_by_batch(
    steps: int, rows: int, jobs: int, reverse: bool
) -> None:
    schedule = dense_schedule(steps, rows, jobs, reverse)
    for number, (step, row) in enumerate(tokens(schedule)):
        time = steps - 1 - step if reverse else step
        assert number == time * rows + row


@pytest.mark.parametrize("most", [1, 4, 7, 1000])
@pytest.mark.parametrize("batch", BATCHES)
def test_chunks_cover_the_steps_and_stay_below_their_bound(batch: Schedule, most: int) -> None:
    runs = batch.chunks(most)
    assert [first for first, _ in runs] == [0, *(last for _, last in runs[:-1])]
    assert runs[-1][1] == batch.steps
    for first, last in runs:
        span = batch.span(first, last)
        assert last == first + 1 or span.stop - span.start <= most


@pytest.mark.parametrize("batch", BATCHES)
def test_a_window_has_the_tokens_of_its_span(batch: Schedule) -> None:
    whole = tokens(batch)
    for first, last in itertools.combinations(range(batch.steps + 1), 2):
        span = batch.span(first, last)
        part = tokens(batch.window(first, last))
        assert [(step + first, row) for step, row in part] == whole[span]
