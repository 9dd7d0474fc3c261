"""OpenAPI descriptions. In: models of requests and responses. Out: a route's description.

Bodies are validated by `questions.parse`, which is several times as fast as the framework, so their
schemas are added to the document here. Next: `app`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from unrolled.serve.questions import Refusal

PLACE = "#/components/schemas/{model}"
REFUSALS = {
    400: "the body is not JSON", 401: "the token is missing or wrong",
    404: "there is no such run or session", 408: "the body was sent too slowly",
    413: "the body is too large", 415: "the content type is not JSON",
    422: "the body is invalid", 429: "too many sessions",
    503: "the queue is full", 504: "the response took too long",
}  # fmt: skip


def documented(
    summary: str,
    questions: Sequence[type[BaseModel]],
    replies: Sequence[type[BaseModel]],
    status: int = 200,
) -> dict[str, Any]:
    """The arguments of `add_api_route` that describe a route."""
    refused = {
        "description": "a refusal: " + "; ".join(f"{n}: {why}" for n, why in REFUSALS.items()),
        "content": {"application/json": {"schema": _any_of([Refusal])}},
    }
    extra: dict[str, Any] = {"responses": {"default": refused, "422": refused}}
    if questions:
        extra["requestBody"] = {"content": {"application/json": {"schema": _any_of(questions)}}}
    if replies:
        extra["responses"][str(status)] = {
            "description": "the response",
            "content": {"application/json": {"schema": _any_of(replies)}},
        }
    return {"summary": summary, "openapi_extra": extra, "status_code": status}


def describe(app: FastAPI, models: Iterable[type[BaseModel]]) -> None:
    """Add the schemas of the routes to the application's document."""
    wanted: dict[type[BaseModel], None] = dict.fromkeys([*models, Refusal])

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            found = get_openapi(title=app.title, version=app.version, routes=app.routes)
            _, schemas = models_json_schema(
                [(model, "validation") for model in wanted], ref_template=PLACE
            )
            found.setdefault("components", {})["schemas"] = schemas["$defs"]
            app.openapi_schema = found
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]


def _any_of(models: Sequence[type[BaseModel]]) -> dict[str, Any]:
    places = [{"$ref": PLACE.format(model=model.__name__)} for model in dict.fromkeys(models)]
    return places[0] if len(places) == 1 else {"anyOf": places}
