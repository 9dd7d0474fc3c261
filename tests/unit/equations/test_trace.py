"""From a step to an equation: names, order, helpers, inheritance, tracers, threads."""

import sys
import threading
from typing import Any

import pytest

from unrolled import Cell, CellError, equation, sigmoid, tanh
from unrolled.cells import LSTM


def lines(cell: Any) -> list[str]:
    return equation(cell).text.splitlines()


def test_the_last_value_keeps_the_name_and_earlier_ones_get_a_number() -> None:
    class Deep(Cell):
        sizes = {"U": "hidden_size"}

        def step(self, x: Any, h: Any) -> Any:
            h = tanh(self.U @ h + self.W @ x)
            h = tanh(self.V @ h)
            return h

    assert lines(Deep) == ["h_1 = tanh(U @ h_prev + W @ x)", "h = tanh(V @ h_1)"]


def test_a_number_that_is_taken_is_not_given() -> None:
    class Deep(Cell):
        def step(self, x: Any, h: Any) -> Any:
            h_1 = tanh(self.W @ x)
            h = h + h_1
            h = h * h_1
            return h

    assert lines(Deep) == ["h_1 = tanh(W @ x)", "h_2 = h_prev + h_1", "h = h_2 * h_1"]


def test_a_value_that_is_made_of_another_comes_after_it() -> None:
    class Mine(LSTM):
        def step(self, x: Any, h: Any, c: Any) -> Any:
            h, c = super().step(x, h, c)
            return h * self.scale, c

    assert [line.split(" = ")[0] for line in lines(Mine)] == [
        "i", "f", "g", "o", "c", "h_1", "h",
    ]  # fmt: skip


def test_a_condition_keeps_its_name_and_is_asked_again_backward() -> None:
    from unrolled import where

    class Gated(Cell):
        def step(self, x: Any, h: Any) -> Any:
            inside = (h > 0) & (h < 1)
            return where(inside, tanh(self.W @ x), h)

    assert lines(Gated)[0] == "inside = (h_prev > 0) & (h_prev < 1)"
    backward = equation(Gated).backward.text
    assert "inside = (h_prev > 0) & (h_prev < 1)" in backward
    assert "d_h_prev = where(inside, 0, d_h)" in backward


def test_helpers_loops_and_hyper_parameters() -> None:
    class Helped(Cell):
        rate = 0.5
        times = 2

        def step(self, x: Any, h: Any) -> Any:
            for _ in range(self.times):
                h = self.mixed(h, self.W @ x)
            return h

        def mixed(self, a: Any, b: Any) -> Any:
            return a + self.rate * (b - a)

    assert "rate" in lines(Helped)[-1]
    assert "times" not in equation(Helped).text
    assert len(lines(Helped(times=1))) == 1
    assert list(equation(Helped).weights) == ["W"]


def test_two_states_change_places() -> None:
    class Swap(Cell):
        def step(self, x: Any, h: Any, p: Any) -> Any:
            h, p = p + self.W @ x, h
            return h, p

    assert lines(Swap) == ["h = W @ x + p_prev", "p = h_prev"]
    assert "d_h_prev = d_p" in equation(Swap).backward.text


def test_a_debugger_or_a_coverage_tool_goes_on_as_before() -> None:
    def tracer(frame: Any, event: str, argument: Any) -> Any:
        return tracer

    class Fine(Cell):
        def step(self, x: Any, h: Any) -> Any:
            return tanh(self.W @ x + h)

    class Wrong(Cell):
        def step(self, x: Any, h: Any) -> Any:
            return h.shape

    before = sys.gettrace()
    sys.settrace(tracer)
    try:
        equation(Fine)
        assert sys.gettrace() is tracer
        with pytest.raises(CellError):
            equation(Wrong)
        assert sys.gettrace() is tracer
    finally:
        sys.settrace(before)


def test_a_cell_without_a_file_is_a_cell_too() -> None:
    names: dict[str, Any] = {"Cell": Cell, "tanh": tanh}
    source = "class Typed(Cell):\n    def step(self, x, h):\n        return tanh(self.W @ x{} h)\n"
    exec(compile(source.format(" +"), "<stdin>", "exec"), names)  # noqa: S102, as a notebook does
    assert lines(names["Typed"]) == ["h = tanh(W @ x + h_prev)"]
    exec(compile(source.format(" ==="[:3]), "<stdin>", "exec"), names)  # noqa: S102
    with pytest.raises(CellError, match=r"`==` .*\(<stdin>, line 3\)"):
        equation(names["Typed"])


def test_threads_trace_at_once() -> None:
    failed: list[BaseException] = []
    texts: set[str] = set()

    def work() -> None:
        try:
            for _ in range(10):
                mine = type("Threaded", (LSTM,), {})
                texts.add(equation(mine).backward.text)
        except BaseException as error:
            failed.append(error)
            raise

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert len(texts) == 1


def test_a_decorated_step_is_called_as_it_is() -> None:
    import functools

    calls = []

    def counted(step: Any) -> Any:
        @functools.wraps(step)
        def counting(self: Any, *arguments: Any) -> Any:
            calls.append(arguments)
            return step(self, *arguments)

        return counting

    class Decorated(Cell):
        @counted
        def step(self, x: Any, h: Any) -> Any:
            gate = sigmoid(self.W @ x)
            return gate * h

    assert lines(Decorated) == ["gate = sigmoid(W @ x)", "h = gate * h_prev"]
    assert len(calls) == 1
