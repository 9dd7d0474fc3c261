"""Several batches at once: in order, bounded, and interruptible."""

import itertools
import threading

import pytest
import torch

from unrolled.cli.jobs.abreast import abreast


@pytest.fixture(params=[1, 3])
def threads(request: pytest.FixtureRequest):
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def test_results_come_in_the_order_of_the_items(threads: int) -> None:
    late = threading.Event()

    def work(item: int) -> tuple[int, int]:
        if item == 0 and threads > 1:
            assert late.wait(60), "another thread works on the second item meanwhile"
        late.set()
        return item * item, torch.get_num_threads()

    found = list(abreast(work, range(20)))
    assert [(item, square) for item, (square, _) in found] == [(n, n * n) for n in range(20)]
    assert {count for _, (_, count) in found} == {1}, "a core for each"
    assert torch.get_num_threads() == threads


def test_items_are_drawn_when_there_is_somebody_to_work_on_them(threads: int) -> None:
    drawn = itertools.count()
    results = abreast(lambda item: item, drawn)
    assert next(results) == (0, 0)
    assert next(drawn) <= threads + 1, "of an endless file a few batches are in memory"
    results.close()
    assert torch.get_num_threads() == threads


def test_a_failure_is_the_callers(threads: int) -> None:
    def work(item: int) -> float:
        return 1 / (item - 2)

    results = abreast(work, range(9))
    assert [next(results)[0] for _ in range(2)] == [0, 1]
    with pytest.raises(ZeroDivisionError):
        next(results)
    assert torch.get_num_threads() == threads
