"""Runs that generate and that tag as ONNX graphs: what the run itself computes."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import unrolled
from tests.made_up import chatter, names_in_sentences
from tests.tolerances import FLOAT32, assert_agrees
from unrolled import Generator, Tagger
from unrolled.cli import main
from unrolled.errors import ArgumentError
from unrolled.networks.crf import CRF, Grammar
from unrolled.tasks.tag.words import shortened

pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
SENTENCES = [["we", "saw", "Ms", "N3", "O991"], ["unheard"], ["Old", "Ms", "N1"]]


def asked(path: Path, given: dict[str, Any]) -> list[Any]:
    run = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    found: list[Any] = run.run(None, given)
    return found


@pytest.mark.parametrize("options", [{"tied": True}, {"cell": "slstm", "layers": 2}], ids=str)
def test_a_generator_reads_at_once_and_goes_on(tmp_path: Path, options: dict[str, Any]) -> None:
    settings = {"hidden": 5, "embedding": 4, "epochs": 1, "window": 8, "batch_size": 4}
    model = Generator(**settings, **options, out=tmp_path / "run").fit(chatter(300))
    assert main(["export", str(tmp_path / "run"), "--to", "onnx"]) == 0
    path = tmp_path / "run" / "export" / "run.onnx"
    table = json.loads(path.with_suffix(".vocabulary.json").read_text())["table"]
    text = "abc ab"
    tokens = np.array([[table.index(letter) for letter in text]] * 2)
    names = list(model.model_.recurrent.equation.states)
    width = model.model_.recurrent.hidden_size
    states: list[Any] = [np.zeros((options.get("layers", model.layers), 2, width), np.float32)]
    with torch.no_grad():
        expected, _ = model.model_(torch.from_numpy(tokens.T))
    first, *states = asked(path, {"tokens": tokens[:, :4], **_named(names, states * len(names))})
    later = []
    for step in (4, 5):
        scores, *states = asked(path, {"tokens": tokens[:, [step]], **_named(names, states)})
        later.append(scores)
    found = np.concatenate([first, *later], 1).transpose(1, 0, 2)
    assert_agrees(found, expected, tolerance=FLOAT32)


def _named(names: list[str], states: list[Any]) -> dict[str, Any]:
    return {f"{name}_0": state for name, state in zip(names, states, strict=True)}


def spelled(words: dict[str, Any], sentences: list[list[str]]) -> dict[str, Any]:
    """The inputs of a graph, from its vocabulary alone."""
    numbers, letters = words["words"], words["letters"]
    shape = len(sentences), max(map(len, sentences))
    widest = max(len(word) for one in sentences for word in one)
    found = {"words": np.zeros(shape, np.int64), "letters": np.zeros((*shape, widest), np.int64),
             "letter_counts": np.zeros(shape, np.int64)}  # fmt: skip
    for row, one in enumerate(sentences):
        for place, word in enumerate(one):
            small = word.lower()
            found["words"][row, place] = numbers.index(small) if small in numbers else 1
            signs = [letters.index(c) if c in letters else 1 for c in shortened(word)]
            found["letters"][row, place, : len(signs)] = signs
            found["letter_counts"][row, place] = len(signs)
    return {**found, "lengths": np.array([len(one) for one in sentences])}


@pytest.mark.parametrize("characters", ["recurrent", "convolution", "none"])
def test_a_tagger(tmp_path: Path, characters: str) -> None:
    options = {"hidden": 4, "embedding": 4, "character_size": 4, "character_embedding": 3}
    model = Tagger(epochs=2, characters=characters, **options).fit(*names_in_sentences(30))
    with torch.no_grad():  # transitions that matter
        for weight in model.model_.crf.parameters():
            weight.copy_(torch.randn(weight.shape, generator=torch.Generator().manual_seed(1)))
    done = unrolled.export(model, tmp_path / "names.onnx")
    assert done.files[1].name == "names.vocabulary.json"
    kept = json.loads(done.files[1].read_text())
    given = spelled(kept["words"], SENTENCES)
    if characters == "none":
        given = {name: given[name] for name in ("words", "lengths")}
    tags, chances = asked(tmp_path / "names.onnx", given)
    for row, said in enumerate(model.say(SENTENCES)):
        count = len(said.tags)
        assert [kept["tags"][tag] for tag in tags[row, :count]] == said.tags
        sure = chances[row, np.arange(count), tags[row, :count]]
        assert_agrees(sure, np.float32(said.probabilities), tolerance=FLOAT32)
        assert not tags[row, count:].any()
        assert not chances[row, count:].any()


def test_the_field_is_the_one_of_torch_also_where_tags_are_forbidden() -> None:
    from unrolled.exports.onnx_graph import Graph, model_of
    from unrolled.tasks.tag.onnx_crf import FieldWriter

    after = torch.tensor([[True, False, True], [True, True, False], [False, True, True]])
    crf = CRF(Grammar(torch.tensor([True, True, False]), after, torch.tensor([True, False, True])))
    random = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in crf.parameters():
            weight.copy_(torch.randn(weight.shape, generator=random))
    scores, lengths = torch.randn(6, 4, 3, generator=random), torch.tensor([6, 1, 3, 5])
    g = Graph(np.float32)
    names = g.fresh("scores"), g.fresh("inside")
    inputs = [g.value(names[0], ["time", "batch", 3]), g.value(names[1], ["time", "batch", 1], 9)]
    field = FieldWriter(g, crf, *names)
    g.rename(field.best(), "best")
    g.rename(field.chances(), "chances")
    outputs = [g.value("best", ["time", "batch"], 7), g.value("chances", ["time", "batch", 3])]
    graph = model_of(g.build("field", inputs, outputs), "", "0").SerializeToString()
    run = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    inside = (torch.arange(6)[:, None] < lengths)[:, :, None]
    best, chances = run.run(None, {"scores": scores.numpy(), "inside": inside.numpy()})
    tags, _ = crf.best(scores, lengths)
    assert best.tolist() == tags.tolist()
    assert_agrees(chances, crf.chances(scores, lengths), tolerance=FLOAT32)


def test_what_they_cannot_become_is_said(tmp_path: Path) -> None:
    model = Tagger(hidden=2, epochs=1).fit(*names_in_sentences(8))
    with pytest.raises(ArgumentError, match="a tagger needs whole sentences: export it to html"):
        unrolled.export(model, tmp_path / "names.c")
    with pytest.raises(ArgumentError, match="int8 is for c, js and html"):
        unrolled.export(model, tmp_path / "names.onnx", int8=True)
