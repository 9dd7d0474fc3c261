"""What no honest client sends: each gets a status from 400 to 499 and one sentence."""

import asyncio
import json
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.nasty_words import HALVES, NASTY
from tests.unit.serve.conftest import LIMITS
from unrolled.serve.app import Application
from unrolled.serve.guard import Guard
from unrolled.serve.limits import Limits
from unrolled.serve.metrics import Metrics

PREDICT = "/runs/opinions/predict"
JSON = {"content-type": "application/json"}


def refused(client: TestClient, address: str, body: bytes, status: int | None = None) -> str:
    """The sentence of a refusal."""
    response = client.post(address, content=body, headers=JSON)
    assert 400 <= response.status_code < 500, (body[:80], response.text)
    assert status in (None, response.status_code), response.text
    sentence = response.json()["error"]
    assert "\n" not in sentence
    assert len(sentence) < 400
    return str(sentence)


BODIES = [
    b"", b"{", b"null", b"[]", b"1", b'"texts"', b"\xff\xfe{}", b"\x00", b"{}" * 2,
    b"[" * 50_000, b'{"texts":' * 5_000, b'{"texts": ' + b"[" * 40_000 + b"]" * 40_000 + b"}",
    b'{"texts": []}', b'{"texts": "good"}', b'{"texts": [1]}', b'{"texts": [null]}',
    b'{"texts": {"0": "good"}}', b'{"texts": [["good"]]}', b'{"texts": [true]}',
    b'{"texts": ["good"], "more": 1}', b'{"texts": ["\\ud800"]}', b"{'texts': ['good']}",
    b'{"texts": [NaN]}', b'{"texts": ["a"' + b', "a"' * 8 + b"]}",
    b'{"texts": ["' + b"x" * 401 + b'"]}', b'{"__proto__": {}, "texts": ["a"]}',
]  # fmt: skip


@pytest.mark.parametrize("body", BODIES, ids=lambda body: repr(body[:30]))
def test_bodies_that_are_no_question(client: TestClient, body: bytes) -> None:
    refused(client, PREDICT, body)


@pytest.mark.parametrize(
    "body",
    [{"series": [[1e400]]}, {"series": [[[1], [1, 2]]]}, {"series": [[[]]]}, {"series": [[]]},
     {"series": [["1"]]}, {"series": [[1, [2, 3]]]}, {"series": [[[1, 2, 3]]]},
     {"series": [[[1, 2]], [[1]]]}, {"series": [[[1, 2]] * 401]}],
    ids=repr,
)  # fmt: skip
def test_series_that_are_none(client: TestClient, body: Any) -> None:
    text = json.dumps(body).replace("Infinity", "1e400")
    refused(client, "/runs/waves/predict", text.encode())


@pytest.mark.parametrize(
    "one",
    [{}, {"values": []}, {"values": [None]}, {"values": ["1"]}, {"values": [1] * 401},
     {"values": [1, 2], "first": "2020-01-01"}, {"values": [1, 2], "known": [[1]]},
     {"values": [1, 2], "past": [[1], [2]]}, {"values": [1, 2], "name": "x" * 300},
     {"values": 3}, None, 3],
    ids=repr,
)  # fmt: skip
def test_pasts_that_are_none(client: TestClient, one: Any) -> None:
    refused(client, "/runs/sales/predict", json.dumps({"series": [one]}).encode())
    if one is not None:
        refused(client, "/runs/sales/sessions", json.dumps({"series": one}).encode())


@pytest.mark.parametrize(
    "change",
    [{"length": 0}, {"length": 51}, {"length": 1.5}, {"length": 10**30}, {"temperature": -1},
     {"temperature": "hot"}, {"top_k": 0}, {"top_p": 0}, {"top_p": 2}, {"seed": -1},
     {"seed": 2**32}, {"stream": "yes"}, {"prompt": 1}, {"prompt": "x" * 401}],
    ids=repr,
)  # fmt: skip
def test_prompts_that_are_none(client: TestClient, change: Any) -> None:
    refused(client, "/runs/book/generate", json.dumps(change).encode(), 422)


def test_nasty_words_are_words(client: TestClient) -> None:
    for start in range(0, len(NASTY), LIMITS.items):
        words = NASTY[start : start + LIMITS.items]
        response = client.post(PREDICT, json={"texts": words})
        assert response.status_code == 200, response.text
        assert len(response.json()["answers"]) == len(words)
        assert client.post("/runs/names/predict", json={"texts": words}).status_code == 200
    for word in HALVES:
        refused(client, PREDICT, json.dumps({"texts": [word]}).encode())


@pytest.mark.parametrize("word", [*NASTY, *HALVES], ids=ascii)
def test_nasty_words_where_names_go(client: TestClient, word: str) -> None:
    body = json.dumps({"texts": ["a"], word: 1}).encode()
    refused(client, PREDICT, body)
    address = "".join(f"%{byte:02x}" for byte in word.encode("utf-8", "surrogatepass"))
    for path in (f"/runs/{address}/predict", f"/sessions/1-{address}"):
        refused(client, path, b'{"value": 1}')


def test_bodies_that_are_too_large(client: TestClient) -> None:
    assert "100,000 bytes" in refused(client, PREDICT, b" " * 100_001, 413)

    def pieces() -> Any:
        yield from [b" " * 10_000] * 11

    response = client.post(PREDICT, content=pieces(), headers=JSON)  # of no said length
    assert response.status_code == 413
    assert (
        client.post(PREDICT, content=b"{}", headers={"content-type": "text/plain"}).status_code
        == 415
    )


def test_a_body_that_does_not_come(application: Application) -> None:
    guarded = Guard(application.app, Limits(patience=0.02), None, Metrics())
    sent: list[Any] = []

    async def receive() -> Any:
        await asyncio.sleep(60)

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": PREDICT, "headers": []}
    asyncio.run(guarded(scope, receive, send))
    assert sent[0]["status"] == 408
    assert b"did not arrive within 0.02 seconds" in sent[1]["body"]


def test_the_token(application: Application) -> None:
    guarded = Guard(application.app, LIMITS, "open sesame", Metrics())
    client = TestClient(guarded)
    right = {"authorization": "Bearer open sesame"}
    assert client.get("/health").status_code == 200
    for headers in ({}, {"authorization": "Bearer open"}, {"authorization": "open sesame"}):
        for address in ("/", "/metrics", "/docs", "/openapi.json", "/runs/opinions"):
            response = client.get(address, headers=headers)
            assert response.status_code == 401
            assert response.headers["www-authenticate"] == "Bearer"
        assert client.post(PREDICT, json={"texts": ["a"]}, headers=headers).status_code == 401
    assert client.get("/runs", headers=right).status_code == 200


def test_more_sessions_than_there_may_be(client: TestClient, application: Application) -> None:
    opened = [client.post("/runs/book/sessions", json={}).json()["session"]
              for _ in range(LIMITS.sessions)]  # fmt: skip
    assert "3 sessions are open" in refused(client, "/runs/sales/sessions", b"{}", 429)
    refused(client, "/runs/book/generate", b"{}", 429)
    for name in opened:
        refused(client, f"/sessions/{name}", b'{"value": 1}', 422)
        refused(client, f"/sessions/{name}", b'{"text": ""}', 422)
        assert client.delete(f"/sessions/{name}").status_code == 204
    assert not application.sessions.open
