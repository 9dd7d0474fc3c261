"""Runs of sounds, pictures, pairs, music and numbers, served: what their estimators say."""

import base64
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

import unrolled
from tests import served
from tests.made_up import tones
from tests.tolerances import FIGURE, assert_agrees
from tests.unit.serve.conftest import LIMITS
from tests.unit.serve.test_app import asked
from tests.unit.serve.test_hostile import refused
from unrolled import Captioner, Composer, Regressor, Transcriber, Translator
from unrolled.data.score_files import read_music
from unrolled.data.scores import Note, Piece
from unrolled.errors import ArgumentError
from unrolled.serve.app import Application
from unrolled.serve.metrics import Metrics
from unrolled.serve.runs import Runs

RATE = 4000
MELODY = [Note(float(t), 60 + t % 5, 1.0) for t in range(6)]
NOTES = [{"start": n.start, "pitch": n.pitch, "length": n.length} for n in MELODY]


def captioner() -> Any:
    picture = np.zeros((6, 12, 3), np.uint8)
    options = {"hidden": 4, "embedding": 4, "channels": 4, "longest": 4, "beam": 1}
    return Captioner(epochs=1, batch_size=4, **options).fit([picture] * 8, ["red", "blue"] * 4)


def composer() -> Any:
    options = {"hidden": 4, "units": 2, "batch_size": 4, "transpose": 0, "steps": 1}
    return Composer(epochs=1, **options).fit([Piece(f"{n}", tuple(MELODY)) for n in range(4)])


def regressor() -> Any:
    options = {"hidden": 4, "members": 1, "linear": False, "tokens": "word"}
    return Regressor(epochs=1, **options).fit(["a b", "c d"] * 20, [*range(40)])


def transcriber() -> Any:
    options = {"hidden": 4, "channels": 4, "bands": 8, "masks": 0, "beam": 1}
    return Transcriber(epochs=1, batch_size=8, **options).fit(*tones(16), rate=RATE)


def translator() -> Any:
    options = {"hidden": 4, "embedding": 4, "beam": 1, "longest": 5}
    return Translator(epochs=1, batch_size=8, **options).fit(["ab", "ba"] * 8, ["xy", "yx"] * 8)


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("media")
    for make in (captioner, composer, regressor, transcriber, translator):
        served.keep(make(), place / make.__name__)
    return place


@pytest.fixture(scope="module")
def client(media: Path) -> Any:
    runs = Runs({path.name: path for path in sorted(media.iterdir())}, LIMITS, Metrics())
    with TestClient(Application(runs, LIMITS).asgi) as found:
        yield found


def png(pixels: Any) -> str:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def test_pictures(client: TestClient, media: Path) -> None:
    pictures = [np.full((6, 12, 3), level, np.uint8) for level in (0, 200)]
    answers = asked(client, "/runs/captioner/predict", {"pictures": [*map(png, pictures)]})
    expected = Captioner.load(media / "captioner").predict(pictures)
    assert [one["text"] for one in answers["answers"]] == expected


def test_music(client: TestClient, media: Path, tmp_path: Path) -> None:
    question = {"length": 8, "beginning": NOTES[:3], "seed": 3}
    (found,) = asked(client, "/runs/composer/compose", question)["answers"]
    model = Composer.load(media / "composer")
    expected = model.compose(8, beginning=Piece("given", tuple(MELODY[:3])), seed=3)
    assert [(n["start"], n["pitch"], n["length"]) for n in found["notes"]] == [
        (n.start, n.pitch, n.length) for n in expected.notes
    ]
    (tmp_path / "piece.mid").write_bytes(base64.b64decode(found["midi"]))
    (read,) = read_music(tmp_path / "piece.mid").pieces
    assert len(read.notes) == len(expected.notes)
    (voiced,) = asked(client, "/runs/composer/compose", {"voice": NOTES})["answers"]
    assert max(note["start"] for note in voiced["notes"]) == MELODY[-1].start


def test_numbers(client: TestClient, media: Path) -> None:
    answers = asked(client, "/runs/regressor/predict", {"texts": ["a b", "d"]})["answers"]
    expected = Regressor.load(media / "regressor").predict(["a b", "d"])
    assert_agrees(np.array([one["value"] for one in answers]), expected, tolerance=FIGURE)


def test_sounds(client: TestClient, media: Path) -> None:
    sounds = [np.round(sound, 3).astype(np.float32) for sound in tones(2, seed=1)[0]]
    question = {"recordings": [np.round(one.tolist(), 3).tolist() for one in sounds], "rate": RATE}
    answers = asked(client, "/runs/transcriber/predict", question)["answers"]
    expected = Transcriber.load(media / "transcriber").predict(sounds)
    assert [one["text"] for one in answers] == expected
    assert "4,000 Hz" in refused(
        client, "/runs/transcriber/predict", b'{"recordings": [[0.1]], "rate": 8000}', 422
    )


def test_pairs(client: TestClient, media: Path) -> None:
    answers = asked(client, "/runs/translator/predict", {"texts": ["ab", "b"]})["answers"]
    expected = Translator.load(media / "translator").predict(["ab", "b"])
    assert [one["text"] for one in answers] == expected


@pytest.mark.parametrize("kind", ["onnx", "js", "html", "c"])
def test_a_whole_translator_is_served_and_not_exported(media: Path, kind: str) -> None:
    with pytest.raises(ArgumentError, match=r"unrolled serve.*model\.model_\.encoder, 'a\.x"):
        unrolled.export(media / "translator", "a.x", kind)


BOMB = base64.b64encode(b"P5 5000 5000 255\n").decode()


@pytest.mark.parametrize(
    ("address", "body", "said"),
    [
        ("captioner/predict", '{"pictures": ["no base64!"]}', "picture 1 is not base64"),
        ("captioner/predict", '{"pictures": ["aGVsbG8="]}', "not a readable picture"),
        ("captioner/predict", f'{{"pictures": ["{BOMB}"]}}', "more than 16 million"),
        ("captioner/predict", f'{{"pictures": {["a"] * 9}}}'.replace("'", '"'), "at most 8"),
        ("captioner/predict", '{"pictures": []}', "at least 1"),
        ("captioner/predict", '{"pictures": [1]}', "valid string"),
        ("composer/compose", '{"length": 51}', "composes up to 50 quarter notes"),
        ("composer/compose", '{"length": -1}', "greater than 0"),
        ("composer/compose", '{"voice": [{"start": 0, "pitch": 7, "length": 1}]}', "21"),
        ("composer/compose", '{"beginning": [{"start": 60, "pitch": 60, "length": 1}]}', "50"),
        ("composer/compose", '{"voice": [[0, 60, 1]]}', "voice[0]"),
        ("composer/compose", '{"seed": -1}', "seed"),
        ("transcriber/predict", '{"recordings": [[]], "rate": 4000}', "a recording is empty"),
        ("transcriber/predict", '{"recordings": [["a"]], "rate": 4000}', "recordings[0][0]"),
        ("translator/predict", '{"texts": [{}]}', "texts[0]"),
        ("regressor/predict", '{"series": [[1]]}', "texts"),
    ],
)
def test_what_is_no_question(client: TestClient, address: str, body: str, said: str) -> None:
    assert said in refused(client, f"/runs/{address}", body.encode(), 422)


def test_what_they_take_is_documented(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    assert {"/runs/captioner/predict", "/runs/composer/compose"} <= set(document["paths"])
    assert {"Pictures", "Music", "NoteOf", "Composed"} <= set(document["components"]["schemas"])
    assert "/runs/composer/compose" in client.get("/docs").text
