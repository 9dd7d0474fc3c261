"""Whole runs in C: from a token or from values to scores, as the run has them."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import unrolled
from tests.tolerances import FLOAT32, assert_agrees
from unrolled import Classifier, Generator
from unrolled.cli import main
from unrolled.errors import ArgumentError
from unrolled.tasks.live import rounded

STRICT = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-O1"]
FORWARD = {"members": 1, "linear": False, "convolutions": False, "bidirectional": False,
           "pooling": "last", "validation": 0.0, "hidden": 3, "epochs": 1}  # fmt: skip
MAIN = """
#include <stdio.h>
#include "run.h"
int main(void)
{
    run_state state;
    float x[RUN_INPUTS], y[RUN_OUTPUTS];
    run_init(&state);
    STEPS
    for (int k = 0; k < RUN_OUTPUTS; k++) printf("%.9g\\n", (double)y[k]);
    return 0;
}
"""


def scores(folder: Path, steps: str, *libraries: str) -> Any:
    """What the last step writes."""
    if shutil.which("gcc") is None:
        pytest.skip("not installed: gcc")
    (folder / "main.c").write_text(MAIN.replace("STEPS", steps))
    command = ["gcc", *STRICT, "main.c", "run.c", "-o", "run", *libraries]
    subprocess.run(command, cwd=folder, check=True, timeout=120)
    done = subprocess.run([folder / "run"], capture_output=True, text=True, check=True, timeout=60)
    return np.array(done.stdout.split(), np.float32)


def read_tokens(numbers: Any) -> str:
    return " ".join(f"run_token({n}, x); run_step(&state, x, y);" for n in numbers)


@pytest.mark.parametrize("int8", [False, True])
def test_a_generator(tmp_path: Path, int8: bool, capsys: pytest.CaptureFixture[str]) -> None:
    settings = {"hidden": 5, "embedding": 4, "epochs": 1, "window": 8, "batch_size": 4}
    model = Generator(**settings, tied=True, out=tmp_path / "run").fit("to be or not to be. " * 9)
    out = tmp_path / "run.c"
    flags = ["--int8", "--no-libm"] if int8 else []
    assert main(["export", str(tmp_path / "run"), "--to", "c", "--out", str(out), *flags]) == 0
    assert ("int8 weights move a probability" in capsys.readouterr().out) == int8
    tokens = model.tokens_.encode("to be")
    (tmp_path / "run").rename(tmp_path / "kept")
    found = scores(tmp_path, read_tokens(tokens), *([] if int8 else ["-lm"]))
    network = in_int8(model.model_, len(model.tokens_)) if int8 else model.model_
    expected = network(torch.from_numpy(tokens)[:, None])[0][-1, 0].detach().numpy()
    assert_agrees(found, expected, tolerance=FLOAT32)


def in_int8(network: Any, tokens: int) -> Any:
    """Rounded as in the file: one table for reading, one matrix for writing."""
    V = (network.readout.weight @ network.narrow.weight).detach()
    bias = network.readout.bias.detach()
    network.readout, network.narrow = torch.nn.Linear(V.shape[1], tokens), torch.nn.Identity()
    network.readout.load_state_dict({"weight": V, "bias": bias})
    return rounded(network)


def test_a_classifier_of_texts(tmp_path: Path) -> None:
    texts, labels = ["a good day", "bad", "good night", "a bad day"], ["yes", "no", "yes", "no"]
    model = Classifier(**FORWARD, tokens="char").fit(texts, labels)
    unrolled.export(model, tmp_path / "run.c")
    found = scores(tmp_path, read_tokens(model.encoder_.tokens.encode("a nice day")), "-lm")
    chances = torch.from_numpy(found).softmax(0).numpy()
    expected = model.predict_proba(["a nice day"])[0].astype(np.float32)
    assert_agrees(chances, expected, tolerance=FLOAT32)


def test_a_classifier_of_series(tmp_path: Path) -> None:
    series = [np.random.default_rng(n).normal(3, 2, (5, 2)) for n in range(6)]
    model = Classifier(**FORWARD).fit(series, [0, 1] * 3)
    unrolled.export(model, tmp_path / "run.c")
    one = np.array([[1.0, 2.5], [3.0, np.nan], [-1.0, 4.0]])
    rows = ["{" + ", ".join("NAN" if np.isnan(v) else f"{v}f" for v in row) + "}" for row in one]
    steps = f"""
    const float values[3][2] = {{ {", ".join(rows)} }};
    for (int t = 0; t < 3; t++) {{ run_scale(values[t], x); run_step(&state, x, y); }}"""
    steps = steps.replace("NAN", "(0.0f / 0.0f)")
    chances = torch.from_numpy(scores(tmp_path, steps, "-lm")).softmax(0).numpy()
    expected = model.predict_proba([one])[0].astype(np.float32)
    assert_agrees(chances, expected, tolerance=FLOAT32)


def test_what_c_cannot_hold_is_named_with_what_would_work(tmp_path: Path) -> None:
    model = Classifier(hidden=2, epochs=1, validation=0.0).fit(["a b", "c d"], [0, 1])
    needed = "--members 1 --no-linear --no-bidirectional --pooling last"
    with pytest.raises(ArgumentError, match=f"train it with {needed}, or export it to html, js"):
        unrolled.export(model, tmp_path / "run.c")
    with pytest.raises(ArgumentError, match="int8 is for c, js and html"):
        unrolled.export(unrolled.GRU(2, 3), tmp_path / "run.onnx", int8=True)
