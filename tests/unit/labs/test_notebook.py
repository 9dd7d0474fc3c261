"""A lab as a notebook: valid, executed, and with the numbers that executing it gives."""

import ast
import json
from typing import Any

import pytest

from unrolled.errors import ArgumentError
from unrolled.labs.notebook import run, write_notebook

CHOSEN = {"inputs": 2, "hidden": 2, "steps": 3}


@pytest.fixture(scope="module")
def notebook(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    path = write_notebook(run("cell", 3, **CHOSEN), tmp_path_factory.mktemp("lab"))
    assert path.name == "cell.ipynb"
    loaded: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return loaded


def test_executing_it_gives_the_outputs_that_it_stores(notebook: dict[str, Any]) -> None:
    names: dict[str, Any] = {}
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert len(cells) > 5
    for count, cell in enumerate(cells, 1):
        *before, last = ast.parse(cell["source"]).body
        assert isinstance(last, ast.Expr)
        exec(compile(ast.Module(before, []), "cell", "exec"), names)  # noqa: S102
        value = eval(compile(ast.Expression(last.value), "cell", "eval"), names)  # noqa: S307
        (output,) = cell["outputs"]
        assert output["data"] == value._repr_mimebundle_()
        assert output["execution_count"] == cell["execution_count"] == count


def test_it_is_a_notebook_of_version_4_5(notebook: dict[str, Any]) -> None:
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    ids = [cell["id"] for cell in notebook["cells"]]
    assert len(ids) == len(set(ids))
    for cell in notebook["cells"]:
        expected = {"cell_type", "metadata", "source", "id"}
        if cell["cell_type"] == "code":
            expected |= {"execution_count", "outputs"}
        assert set(cell) == expected


def test_references_and_solutions_are_there(notebook: dict[str, Any]) -> None:
    text = "\n".join(cell["source"] for cell in notebook["cells"])
    assert "[@" not in text
    assert "Measured: Table" in text
    assert text.count("<details><summary>Solution</summary>") == 3


def test_a_key_that_is_not_there_is_explained() -> None:
    with pytest.raises(ArgumentError, match="its keys are cache, back"):
        run("cell", 0, **CHOSEN)["results"]
