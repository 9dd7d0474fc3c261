"""Self-contained pages of the server. In: the served runs. Out: HTML; next: `app`.

No page loads anything. The page of a run may come from an untrusted source: its policy lets it
compute and draw, but not access this server or any other.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from html import escape
from typing import Any

ALONE = {
    "content-security-policy": "default-src 'none'; script-src 'unsafe-inline'; style-src "
    "'unsafe-inline'; img-src data: blob:; font-src data:; base-uri 'none'; form-action 'none'; "
    "sandbox allow-scripts allow-downloads",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}

HEAD = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<style>
:root {{ color-scheme: light dark }}
body {{ font: 1rem/1.6 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto;
  padding: 0 1rem }}
code, pre {{ overflow-wrap: anywhere; white-space: pre-wrap }}
pre {{ padding: .7rem; background: #8882; border-radius: .4rem;
  font-size: .85rem }}
h2 {{ font-size: 1.05rem; margin: 2rem 0 .3rem }}
h2 code {{ font-size: 1rem }}
table {{ border-collapse: collapse; width: 100% }}
td, th {{ text-align: left; padding: .35rem .8rem .35rem 0; border-bottom: 1px solid #8884 }}
</style></head><body><h1>{title}</h1>"""


def front(runs: Sequence[dict[str, Any]]) -> str:
    """The list of runs."""
    rows = "".join(
        f'<tr><td><a href="{escape(one["address"])}">{escape(one["name"])}</a></td>'
        f"<td>{escape(one['task'])}</td><td>{escape(one['cell'])}</td>"
        f"<td><code>POST {escape(one['ask'])}</code></td></tr>"
        for one in runs
    )
    return (
        HEAD.format(title="Runs")
        + "<table><tr><th>run</th><th>task</th><th>cell</th><th>ask</th></tr>"
        + rows
        + '</table><p><a href="/docs">API</a> · <a href="/health">health</a> · '
        '<a href="/metrics">metrics</a></p></body></html>'
    )


def docs(document: dict[str, Any]) -> str:
    """The OpenAPI document as a readable page, with an example command for each route."""
    schemas = document.get("components", {}).get("schemas", {})
    parts = [
        HEAD.format(title="API"),
        '<p>JSON in, JSON out. The machine-readable document is <a href="/openapi.json">'
        "openapi.json</a>. A refused request has a status of 400 or more and "
        '<code>{"error": "one sentence"}</code>.</p>',
    ]
    for path, methods in document["paths"].items():
        for method, route in methods.items():
            parts += _route(path, method.upper(), route, schemas)
    return "\n".join([*parts, "</body></html>"])


def _route(path: str, method: str, route: dict[str, Any], schemas: Any) -> Iterator[str]:
    yield f"<h2><code>{method} {escape(path)}</code></h2><p>{escape(route.get('summary', ''))}</p>"
    content = route.get("requestBody", {}).get("content", {}).get("application/json", {})
    for schema in _each(content.get("schema", {})):
        found = schemas[schema["$ref"].rpartition("/")[2]]
        example = json.dumps(_example(found, schemas), ensure_ascii=False)
        command = f"curl http://HOST{path} --json '{example}'"
        yield f"<pre>{escape(command)}</pre>"
        yield f"<ul>{''.join(_fields(found))}</ul>"


def _each(schema: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = schema.get("anyOf", [schema] if schema else [])
    return found


def _fields(schema: dict[str, Any]) -> Iterator[str]:
    required = schema.get("required", ())
    for name, field in schema.get("properties", {}).items():
        kinds = [str(one.get("type", one.get("$ref", "").rpartition("/")[2]))
                 for one in field.get("anyOf", [field])]  # fmt: skip
        says = f": {field['description']}" if "description" in field else ""
        default = "" if name in required else f", {json.dumps(field.get('default'))} if left out"
        yield (
            f"<li><code>{escape(name)}</code> ({escape(' or '.join(kinds) + default)})"
            f"{escape(says)}</li>"
        )


def _example(schema: dict[str, Any], schemas: Any) -> Any:
    """An example value for a schema."""
    if "$ref" in schema:
        return _example(schemas[schema["$ref"].rpartition("/")[2]], schemas)
    if "examples" in schema:
        return schema["examples"][0]
    if "anyOf" in schema:
        return _example(schema["anyOf"][0], schemas)
    kind = schema.get("type")
    if kind == "object":
        fields = schema.get("properties", {})
        wanted = schema.get("required") or list(fields)[:1]
        return {name: _example(fields[name], schemas) for name in wanted}
    if kind == "array":
        return [_example(schema["items"], schemas)]
    return {"string": "a", "number": 1.5, "integer": 1, "boolean": True}.get(str(kind))


def moment(seconds: float) -> str:
    """A timestamp in ISO 8601."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
