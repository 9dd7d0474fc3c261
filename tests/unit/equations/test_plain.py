"""Plain data and back; what is damaged or invented ends in an EquationError."""

import json
import pickle
from math import inf
from typing import Any

import pytest

from unrolled import Cell, Equation, EquationError, equation, maximum, tanh
from unrolled.cells import LSTM, SLSTM
from unrolled.cells.library import variants

CELLS = dict(variants())


@pytest.mark.parametrize("name", CELLS)
def test_there_and_back(name: str) -> None:
    derived = equation(CELLS[name])
    again = Equation.from_json(derived.to_json())
    assert again == derived
    assert hash(again) == hash(derived)
    assert (again.text, again.latex) == (derived.text, derived.latex)
    assert again.backward == derived.backward
    assert again.initial == derived.initial
    assert pickle.loads(pickle.dumps(derived)) == derived  # noqa: S301, our own


def test_infinity_is_written_as_text() -> None:
    class Floor(Cell):
        def step(self, x: Any, h: Any) -> Any:
            return tanh(self.W @ x) + maximum(h, -inf)

    derived = equation(Floor)
    json.loads(derived.to_json(), parse_constant=pytest.fail)
    assert Equation.from_json(derived.to_json()) == derived
    stored = equation(SLSTM).to_json()
    assert Equation.from_json(stored).initial_state == {"m": -inf}


def damaged(change: Any) -> str:
    data = json.loads(equation(LSTM).to_json())
    change(data)
    return json.dumps(data)


def _set(*keys: Any, to: Any) -> Any:
    def change(data: Any) -> None:
        for key in keys[:-1]:
            data = data[key]
        data[keys[-1]] = to

    return change


DAMAGED = {
    "nothing": "",
    "a list": "[]",
    "a number": "1",
    "not JSON": '{"unrolled_equation": 1',
    "another format": damaged(_set("unrolled_equation", to=2)),
    "no nodes": damaged(_set("nodes", to=None)),
    "an unknown operation": damaged(_set("nodes", -1, 0, to="system")),
    "a node before its arguments": damaged(_set("nodes", 0, to=["tanh", 5])),
    "a node of itself": damaged(_set("nodes", 1, to=["tanh", 1])),
    "a negative place": damaged(_set("nodes", -1, to=["tanh", -1])),
    "a truth as a place": damaged(_set("nodes", -1, to=["tanh", True])),
    "too many arguments": damaged(_set("nodes", -1, to=["tanh", 1, 2])),
    "a name that is none": damaged(_set("statements", 0, 0, to="a b")),
    "a name that is not text": damaged(_set("statements", 0, 0, to=3)),
    "a name said twice": damaged(_set("statements", 1, 0, to="i")),
    "a given that is none": damaged(_set("given", 0, to=40)),
    "a weight that is not given": damaged(lambda data: data["given"].pop()),
    "a result without a statement": damaged(_set("results", 0, to="q")),
    "shapes that disagree": damaged(_set("nodes", 0, 2, to=["hidden_size"])),
    "an initial state that is not a number": damaged(_set("initial_state", to={"h": "zero"})),
    "very deep": "[" * 100_000,
}


@pytest.mark.parametrize("name", DAMAGED)
def test_what_is_damaged_is_refused(name: str) -> None:
    with pytest.raises(EquationError) as caught:
        Equation.from_json(DAMAGED[name])
    assert "\n" not in str(caught.value)
