"""The routes. In: runs, limits, a token. Out: an ASGI application; next: `workers` runs it.

POST /runs/NAME/predict     predictions for texts, series, recordings or pictures
POST /runs/NAME/compose     a piece of music
POST /runs/NAME/generate    a text, continued; as server-sent events on request
POST /runs/NAME/sessions    open a session; then POST and DELETE /sessions/SESSION
GET  /                      the live page of the run, or a list of all
GET  /runs /health /metrics /docs /openapi.json
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response

from unrolled import _version
from unrolled.serve import metrics as metrics_page
from unrolled.serve import pages
from unrolled.serve.answering import Generate
from unrolled.serve.channel import Channel
from unrolled.serve.generating import continued, events
from unrolled.serve.guard import Guard
from unrolled.serve.limits import Limits, Refused, answer
from unrolled.serve.openapi import describe, documented
from unrolled.serve.questions import parse
from unrolled.serve.runs import Runs, Served
from unrolled.serve.sessions import Sessions
from unrolled.serve.task import Task

Route = Callable[[Request], Awaitable[Response]]


class Application:
    """The application of one process, and its routes."""

    def __init__(
        self,
        runs: Runs,
        limits: Limits,
        token: str | None = None,
        channel: Channel | None = None,
    ) -> None:
        self.runs, self.limits = runs, limits
        self.metrics = runs.metrics
        self.channel = channel or Channel(None, 1)
        self.sessions = Sessions(self.channel.number, limits)
        self.channel.answers = {
            "step": lambda name, body: self.sessions.step(name, body.encode()),
            "close": lambda name, _: self.sessions.close(name),
            "metrics": lambda _, __: self.metrics.samples(str(self.channel.number)),
        }
        self.metrics.gauge("unrolled_sessions", lambda: len(self.sessions))
        self.began = time.time()
        self.app = FastAPI(
            title="unrolled serve", version=_version.__version__, docs_url=None, redoc_url=None,
            lifespan=self._lifespan,
        )  # fmt: skip
        self._add_routes()
        describe(self.app, [model for one in runs.served.values() for model in one.task.models()])
        self.app.add_exception_handler(Refused, _refused)  # type: ignore[arg-type]
        self.app.add_exception_handler(HTTPException, _http_error)  # type: ignore[arg-type]
        self.app.add_exception_handler(Exception, _fault)
        self.asgi = Guard(self.app, limits, token, self.metrics)

    @asynccontextmanager
    async def _lifespan(self, app: FastAPI) -> AsyncIterator[None]:
        watching = asyncio.create_task(self.runs.watch())
        sweeping = asyncio.create_task(self._end_idle_sessions())
        async with self.channel.listening():
            yield
        for task in (watching, sweeping):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _end_idle_sessions(self) -> None:
        while True:
            await asyncio.sleep(self.limits.idle / 4)
            self.sessions.end_idle()

    def _add_routes(self) -> None:
        for name, one in self.runs.served.items():
            self._add_run(name, one.task)
        get, add = self.app.get, self.app.add_api_route
        get("/", include_in_schema=False)(self.front)
        get("/docs", include_in_schema=False)(self.docs)
        get("/runs", summary="The runs that are served")(self.list_runs)
        get("/health", summary="Whether the server is healthy; needs no token")(self.health)
        get("/metrics", summary="Counters in Prometheus' text format")(self.show_metrics)
        streams = [one.task for one in self.runs.served.values() if one.task.opening]
        if streams:
            add("/sessions/{session}", self.step, methods=["POST"], **documented(
                "The next step of a session", [task.following for task in streams],
                [task.step for task in streams]))  # fmt: skip
            add("/sessions/{session}", self.close, methods=["DELETE"],
                **documented("Close a session", [], [], 204))  # fmt: skip

    def _add_run(self, name: str, task: Task) -> None:
        add, where = self.app.add_api_route, f"/runs/{name}"

        def bound(route: Callable[[str, Request], Awaitable[Response]]) -> Route:
            async def endpoint(request: Request) -> Response:
                return await route(name, request)

            return endpoint

        asked = self.generate if isinstance(task, Generate) else self.predict
        add(where, bound(self.page), methods=["GET"], include_in_schema=False)
        add(f"{where}/{task.verb}", bound(asked), methods=["POST"], tags=[name],
            **documented(task.summary, [task.question], [task.reply]))  # fmt: skip
        if task.opening is not None:
            add(f"{where}/sessions", bound(self.open), methods=["POST"], tags=[name],
                **documented("Open a session, which takes one step at a time",
                [task.opening], [task.step], 201))  # fmt: skip

    # ---------------------------------------------------------------------------------- requests

    async def predict(self, name: str, request: Request) -> Response:
        one = self.runs.served[name]
        items = one.task.items(parse(one.task.question, await request.body()), self.limits)
        return answer({"answers": one.task.arranged(await one.batcher.ask(items))})

    async def generate(self, name: str, request: Request) -> Response:
        one = self.runs.served[name]
        assert isinstance(one.task, Generate)
        question = parse(one.task.question, await request.body())
        self.sessions.require_room()
        pieces = one.task.pieces(one.model, question, self.limits)
        if question.stream:
            return events(pieces, one, self.sessions)
        return answer({"text": await continued(pieces, one, self.sessions)})

    async def open(self, name: str, request: Request) -> Response:
        one = self.runs.served[name]
        assert one.task.opening is not None
        question = parse(one.task.opening, await request.body())
        self.sessions.require_room()

        def begin() -> tuple[Any, dict[str, Any]]:
            stream = one.task.open(one.model, question, self.limits)
            return stream, stream.answer()

        stream, first = await one.batcher.call(begin)
        return answer({"session": self.sessions.add(name, one.task, stream), **first}, 201)

    async def step(self, session: str, request: Request) -> Response:
        body = await request.body()
        if self.channel.holds(session):
            return answer(self.sessions.step(session, body))
        text = body.decode("utf-8", "replace")
        return answer(await self.channel.ask(session, "step", text, self.limits))

    async def close(self, session: str) -> Response:
        if self.channel.holds(session):
            self.sessions.close(session)
        else:
            await self.channel.ask(session, "close", "", self.limits)
        return Response(status_code=204)

    # ------------------------------------------------------------------------------------- pages

    async def front(self) -> Response:
        if len(self.runs.served) == 1:
            (name,) = self.runs.served
            return await self._page_of(name)
        return HTMLResponse(pages.front([self._about(one) for one in self.runs.served.values()]))

    async def page(self, name: str, request: Request) -> Response:
        return await self._page_of(name)

    async def _page_of(self, name: str) -> Response:
        one = self.runs.served[name]
        found = await one.batcher.call(one.live_page)
        if found is None:
            raise Refused(404, f"the run {name!r} has neither a live page nor a report; see /docs")
        return HTMLResponse(found, headers=pages.ALONE)

    async def docs(self) -> Response:
        return HTMLResponse(pages.docs(self.app.openapi()))

    async def list_runs(self) -> Response:
        return answer({"runs": [self._about(one) for one in self.runs.served.values()]})

    def _about(self, one: Served) -> dict[str, Any]:
        return {
            "name": one.name,
            "task": one.config["task"],
            "cell": str(one.config.get("cell")),
            "address": f"/runs/{one.name}",
            "ask": f"/runs/{one.name}/{one.task.verb}",
            "loaded": pages.moment(one.loaded),
        }

    async def health(self) -> Response:
        runs = {name: {"loaded": pages.moment(one.loaded), "error": self.runs.failures.get(name)}
                for name, one in self.runs.served.items()}  # fmt: skip
        return answer({"status": "ok", "version": _version.__version__, "runs": runs})

    async def show_metrics(self) -> Response:
        samples = [self.metrics.samples(str(self.channel.number)),
                   *await self.channel.ask_others("metrics")]  # fmt: skip
        return PlainTextResponse(
            metrics_page.page(samples), media_type="text/plain; version=0.0.4; charset=utf-8"
        )


async def _refused(request: Request, refused: Refused) -> Response:
    return refused.response()


async def _http_error(request: Request, error: HTTPException) -> Response:
    """Errors of the framework: an unknown path, or a wrong method."""
    path = request.url.path[:80]
    if error.status_code == 404:
        sentence = f"there is nothing at {path!r}: see /docs"
    elif error.status_code == 405:
        sentence = f"{path!r} does not support {request.method[:20]}: see /docs"
    else:
        sentence = str(error.detail)
    return answer({"error": sentence}, error.status_code, error.headers)


async def _fault(request: Request, error: Exception) -> Response:
    """An internal error: the log has the traceback."""
    return answer({"error": "internal server error; see its log"}, 500)
