"""What each kind of run answers, and that it is what its estimator says."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from tests import served
from tests.tolerances import FIGURE, assert_agrees
from unrolled import Classifier, Forecaster, Generator, Tagger
from unrolled.serve.app import Application


def asked(client: TestClient, address: str, body: Any, status: int = 200) -> Any:
    """What is answered, with this status."""
    response = client.post(address, json=body)
    assert response.status_code == status, response.text
    return response.json()


def test_texts(client: TestClient, folder: Path) -> None:
    texts = ["the film was good", "", "bad \U0001f600"]
    answers = asked(client, "/runs/opinions/predict", {"texts": texts})["answers"]
    model = Classifier.load(folder / "opinions")
    chances = [[one["probabilities"][name] for name in model.classes_] for one in answers]
    assert_agrees(np.array(chances), model.predict_proba(texts), tolerance=FIGURE)
    assert [one["label"] for one in answers] == model.predict(texts).tolist()
    assert [one["probability"] for one in answers] == [max(row) for row in chances]


def test_series(client: TestClient, folder: Path) -> None:
    series = [[[1.0, 2.0], [3.0, None]], [[0.5, -0.5]]]
    answers = asked(client, "/runs/waves/predict", {"series": series})["answers"]
    model = Classifier.load(folder / "waves")
    expected = model.predict_proba([np.array(one, float) for one in series])
    chances = [list(one["probabilities"].values()) for one in answers]
    assert_agrees(np.array(chances), expected, tolerance=FIGURE)
    assert {type(one["label"]) for one in answers} == {int}


def test_forecasts(client: TestClient, folder: Path) -> None:
    model = Forecaster.load(folder / "sales")
    own = asked(client, "/runs/sales/predict", {})["answers"]
    assert_agrees(np.array(own[0]["median"]), model.predict(), tolerance=FIGURE)
    values = served.seasonal(30).tolist()
    values[7] = None
    (found,) = asked(client, "/runs/sales/predict", {"series": [{"values": values}]})["answers"]
    expected = model.forecast(np.array(values, float))[0]
    said = np.array(list(found["quantiles"].values())).T
    assert_agrees(said, expected.quantiles, tolerance=FIGURE)
    assert found["times"] == expected.times.tolist()
    assert list(found["quantiles"]) == ["0.1", "0.5", "0.9"]


def test_tags(client: TestClient, folder: Path) -> None:
    texts = ["we saw Ms N1 O2. Old Ms N3 came", "", "it"]
    answers = asked(client, "/runs/names/predict", {"texts": texts})["answers"]
    assert [len(one) for one in answers] == [2, 0, 1]
    model = Tagger.load(folder / "names")
    tags = model.predict([["it"]])[0]
    assert bool(answers[2][0]["spans"]) == (tags != ["O"])


def test_generated_text_is_the_same_at_once_and_as_events(client: TestClient, folder: Path) -> None:
    question = {"prompt": "abc", "length": 30, "seed": 3}
    text = asked(client, "/runs/book/generate", question)["text"]
    model = Generator.load(folder / "book")
    assert text == model.generate_text("abc", 30, temperature=0.8, seed=3)
    response = client.post("/runs/book/generate", json={**question, "stream": True})
    assert response.headers["content-type"].startswith("text/event-stream")
    *events, last = response.text.strip().split("\n\n")
    assert last == "event: done\ndata: {}"
    pieces = [json.loads(event.removeprefix("data: "))["text"] for event in events]
    assert "".join(pieces) == text
    assert len(pieces) > 1


def test_a_session_of_a_forecaster(client: TestClient, folder: Path) -> None:
    history = served.seasonal(20).tolist()
    opened = asked(client, "/runs/sales/sessions", {"series": {"values": history}}, 201)
    stream = Forecaster.load(folder / "sales").stream(np.array(history))
    assert_agrees(np.array(opened["median"]), stream.forecast().median, tolerance=FIGURE)
    for value in (10.5, None, 9.0):
        found = asked(client, f"/sessions/{opened['session']}", {"value": value})
        expected = stream.step(value)
        assert_agrees(np.array(found["median"]), expected.median, tolerance=FIGURE)
        assert found["times"] == expected.times.tolist()
    assert client.delete(f"/sessions/{opened['session']}").status_code == 204
    error = asked(client, f"/sessions/{opened['session']}", {"value": 1.0}, 404)["error"]
    assert "it was closed" in error


def test_a_session_of_a_generator(client: TestClient, folder: Path) -> None:
    opened = asked(client, "/runs/book/sessions", {"text": "ab"}, 201)
    found = asked(client, f"/sessions/{opened['session']}", {"text": "c a"})
    model = Generator.load(folder / "book")
    assert found["next"][0]["text"] == model.predict(["abc a"])[0]
    assert_agrees(
        np.array([one["probability"] for one in found["next"]]),
        np.array([p for _, p in model.stream("abc a").likeliest(10)]),
        tolerance=FIGURE,
    )
    assert client.delete(f"/sessions/{opened['session']}").status_code == 204


def test_the_front_lists_the_runs_and_every_page_is_whole_in_itself(client: TestClient) -> None:
    front = client.get("/").text
    assert 'href="/runs/opinions"' in front
    docs = client.get("/docs").text
    assert "POST /runs/opinions/predict" in docs
    page = client.get("/runs/opinions")
    assert "sandbox allow-scripts" in page.headers["content-security-policy"]
    for text in (front, docs, page.text):
        assert "src=" not in text.replace("src=data", "")
        assert "http://" not in text.replace("http://HOST", "").replace("http://www.w3.org", "")


def test_a_run_without_a_page_shows_its_report_or_says_so(
    client: TestClient, application: Application, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("unrolled.serve.runs._live_page", lambda model, name: None)
    one = application.runs.served["waves"]
    monkeypatch.setattr(one, "page", None)
    monkeypatch.setattr(one, "path", tmp_path)
    response = client.get("/runs/waves")
    assert response.status_code == 404
    assert "neither a live page nor a report" in response.json()["error"]
    (tmp_path / "report.html").write_text("<p>The report")
    assert client.get("/runs/waves").text == "<p>The report"


def test_the_document_names_every_route_and_every_field(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    assert set(document["paths"]) >= {
        "/runs/opinions/predict", "/runs/book/generate", "/runs/sales/sessions",
        "/sessions/{session}", "/health", "/metrics",
    }  # fmt: skip
    schemas = document["components"]["schemas"]
    body = document["paths"]["/runs/opinions/predict"]["post"]["requestBody"]
    assert body["content"]["application/json"]["schema"]["$ref"].endswith("/Texts")
    assert set(schemas["Prompt"]["properties"]) >= {"prompt", "length", "temperature", "stream"}
    named = json.dumps(document).split("#/components/schemas/")[1:]
    assert {one.partition('"')[0] for one in named} <= set(schemas)


def test_health_and_metrics(client: TestClient) -> None:
    health = client.get("/health").json()
    assert health["status"] == "ok"
    assert set(health["runs"]) == {"book", "names", "opinions", "sales", "waves"}
    asked(client, "/runs/opinions/predict", {"texts": ["good", "bad"]})
    text = client.get("/metrics").text
    lines = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    route = 'worker="1",route="/runs/opinions/predict"'
    count = float(lines[f'unrolled_requests_total{{{route},status="200"}}'])
    assert count >= 1
    buckets = [float(value) for line, value in lines.items()
               if line.startswith(f"unrolled_request_seconds_bucket{{{route}")]  # fmt: skip
    assert buckets == sorted(buckets)
    assert buckets[-1] >= count
    assert float(lines['unrolled_items_total{worker="1",run="opinions"}']) >= 2


@pytest.mark.parametrize("address", ["/runs/other/predict", "/nothing", "/runs/opinions/generate"])
def test_what_is_not_there_is_said(client: TestClient, address: str) -> None:
    assert "there is nothing at" in asked(client, address, {}, 404)["error"]


def test_a_method_that_is_not_for_it(client: TestClient) -> None:
    response = client.put("/runs/opinions/predict", json={})
    assert response.status_code == 405
    assert "does not support PUT" in response.json()["error"]
