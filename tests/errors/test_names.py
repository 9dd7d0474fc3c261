"""A name that there is not: the nearest word, or how to write it."""

import importlib

import pytest

import unrolled


@pytest.mark.parametrize(("line", "sentence"), [
    ("from unrolled import softplus_", "unrolled has no 'softplus_': did you mean 'softplus'?"),
    ("from unrolled import relu6", r"unrolled has no 'relu6': write minimum\(relu\(x\), 6.0\)"),
    ("from unrolled import Recurent", "did you mean 'Recurrent'?"),
    ("from unrolled import xyzzy", "^unrolled has no 'xyzzy'$"),
])  # fmt: skip
def test_an_import(line: str, sentence: str) -> None:
    with pytest.raises(ImportError, match=sentence):
        exec(line)  # noqa: S102


def test_an_attribute() -> None:
    with pytest.raises(AttributeError, match=r"no 'softmx': did you mean 'softmax'\?"):
        _ = unrolled.softmx
    assert not hasattr(unrolled, "relu6")
    assert importlib.import_module("unrolled.cells") is unrolled.cells
