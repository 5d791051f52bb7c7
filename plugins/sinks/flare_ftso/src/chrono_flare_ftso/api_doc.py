"""What is served, described: OpenAPI at `/api-doc-json` and `/api-doc-yaml`, a page for people at `/api-doc`.

Paths, operation ids and names of schemas are those that the reference's own description has, so that a client generated
from the one works with the other (flare-foundation/ftso-v2-example-value-provider 489282e, `src/app.controller.ts`,
`src/dto/provider-requests.dto.ts` and `src/main.ts`; flare-foundation/FTSO-Scaling 9e1e988,
`apps/ftso-data-provider/src/feed-value-provider-api/api-spec.json`; read 2026-11-23). Two things are said here that are
left unsaid there: a `value` may be absent, and what errors look like.
"""

from __future__ import annotations

import html
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from chrono_flare_ftso.volumes import HISTORY

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from chrono_flare_ftso.api import Endpoint

TITLE = "Feed Value Provider API"
_NUMBER = {"type": "number"}
_TEXT = {"type": "string"}


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def _list(name: str) -> dict[str, Any]:
    return {"type": "array", "items": _ref(name)}


def _object(required: Sequence[str], /, **properties: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required)}


_SCHEMAS = {
    "FeedId": _object(
        ["category", "name"],
        category={**_NUMBER, "description": "1 crypto, 2 forex, 3 commodity, 4 stock, 32 to 63 custom"},
        name={**_TEXT, "example": "BTC/USD"},
    ),
    "FeedValuesRequest": _object(["feeds"], feeds=_list("FeedId")),
    "FeedValueData": _object(
        ["feed"],
        feed=_ref("FeedId"),
        value={**_NUMBER, "description": "Value in base units as float; absent where there is none: no vote"},
    ),
    "RoundFeedValuesResponse": _object(["votingRoundId", "data"], votingRoundId=_NUMBER, data=_list("FeedValueData")),
    "FeedValuesResponse": _object(["data"], data=_list("FeedValueData")),
    "Volume": _object(["exchange", "volume"], exchange=_TEXT, volume=_NUMBER),
    "FeedVolumeData": _object(["feed", "volumes"], feed=_ref("FeedId"), volumes=_list("Volume")),
    "FeedVolumesResponse": _object(["data"], data=_list("FeedVolumeData")),
    "Error": _object(["message", "statusCode"], message=_TEXT, error=_TEXT, statusCode=_NUMBER),
}

_ERRORS = {
    "400": "The round, the window or the body is not what was expected",
    "401": "API keys are asked for, and none of them was brought",
    "408": "The body did not come in time",
    "413": "More than 1 MB, or more than 5,000 feeds",
    "415": "The body is compressed",
    "500": "There is no body, or it is {}",
    "503": "There is no pricing to answer with within a second; ask again",
}


def _operation(name: str, summary: str, answer: str, parameters: Sequence[Mapping[str, Any]] = ()) -> dict[str, Any]:
    responses = {"201": {"description": "", "content": _json(answer)}}
    responses |= {status: {"description": text, "content": _json("Error")} for status, text in _ERRORS.items()}
    return {
        "post": {
            "operationId": name,
            "summary": summary,
            "parameters": list(parameters),
            "requestBody": {"required": True, "content": _json("FeedValuesRequest")},
            "responses": responses,
            "tags": [TITLE],
            "security": [{}, {"key": []}],
        }
    }


def _json(name: str) -> dict[str, Any]:
    return {"application/json": {"schema": _ref(name)}}


def document(base_path: str = "") -> dict[str, Any]:
    """Return the description as plain data.

    Examples
    --------
    >>> sorted(document("/provider")["paths"])
    ['/provider/feed-values', '/provider/feed-values/{votingRoundId}', '/provider/volumes']
    """
    number = {"name": "votingRoundId", "required": True, "in": "path", "schema": _NUMBER}
    bounds = {"type": "number", "minimum": 1, "maximum": HISTORY}
    # as the reference describes it, so that clients made of either are the same; 60 where it is not given
    window = {"name": "window", "required": True, "in": "query", "schema": bounds, "description": "Seconds"}
    of_round = "Values of a round: those of the moment it was first asked for; 0 is always now"
    paths = {
        "/feed-values/{votingRoundId}": _operation("getFeedValues", of_round, "RoundFeedValuesResponse", [number]),
        "/feed-values": _operation("getCurrentFeedValues", "Values of now", "FeedValuesResponse"),
        "/volumes": _operation("getFeedVolumes", "What was traded, by exchange", "FeedVolumesResponse", [window]),
    }
    return {
        "openapi": "3.0.0",
        "info": {
            "title": "Simple Feed Value Provider API interface",
            "description": "This server is used by the FTSO protocol data provider.",
            "version": "1.0",
            "contact": {},
        },
        "tags": [],
        "servers": [],
        "paths": {base_path + path: operation for path, operation in paths.items()},
        "components": {
            "schemas": _SCHEMAS,
            "securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "X-API-KEY"}},
        },
    }


def yaml(tree: Any, depth: int = 0) -> Iterator[str]:
    r"""Yield the lines of plain data as YAML: text in quotes, a mapping's keys each on a line.

    Examples
    --------
    >>> print(*yaml({"a": [1, {"b": "x", "c": []}]}), sep="\n")
    "a":
      -
        1
      -
        "b":
          "x"
        "c":
          []
    """
    pad = "  " * depth
    if isinstance(tree, Mapping) and tree:
        for key, value in tree.items():
            yield f"{pad}{json.dumps(str(key))}:"
            yield from yaml(value, depth + 1)
    elif isinstance(tree, list) and tree:
        for value in tree:
            yield f"{pad}-"
            yield from yaml(value, depth + 1)
    else:
        yield pad + json.dumps(tree)


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 60em; margin: 2em auto; padding: 0 1em; color: #222 }}
code, pre {{ font-family: ui-monospace, monospace; background: #f4f4f4 }}
pre {{ padding: .8em; overflow: auto }} td {{ padding-right: 1.5em; vertical-align: top }}
</style></head><body><h1>{title}</h1>
<p>For machines: <a href="{base}/api-doc-json">JSON</a>, <a href="{base}/api-doc-yaml">YAML</a>.</p>
{operations}<h2>Schemas</h2>{schemas}</body></html>
"""


def page(base_path: str, tree: Mapping[str, Any], title: str) -> str:
    """Return a description as a page that needs nothing from anywhere else."""
    shown = html.escape
    operations = "".join(
        f"<h2><code>{method.upper()} {shown(path)}</code></h2><p>{shown(operation['summary'])}.</p>"
        f"<table>{''.join(_row(status, each) for status, each in operation['responses'].items())}</table>"
        for path, methods in tree["paths"].items()
        for method, operation in methods.items()
    )
    schemas = "".join(
        f"<h3>{shown(name)}</h3><pre>{shown(json.dumps(schema, indent=2))}</pre>"
        for name, schema in tree["components"]["schemas"].items()
    )
    return _PAGE.format(title=title, base=shown(base_path), operations=operations, schemas=schemas)


def _row(status: str, response: Mapping[str, Any]) -> str:
    schema = response["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
    return f"<tr><td>{status}</td><td>{schema}</td><td>{html.escape(response['description'])}</td></tr>"


def endpoints(base_path: str, tree: Mapping[str, Any] | None = None, title: str = TITLE) -> Sequence[Endpoint]:
    """Return what serves a description, `document` or another, to anybody: it says nothing of prices or keys."""
    from starlette.responses import Response

    from chrono_flare_ftso.api import Endpoint, answer

    described = document(base_path) if tree is None else tree

    async def as_json(request: Request) -> Response:  # noqa: ARG001 - what every endpoint is given
        return answer(described)

    async def as_yaml(request: Request) -> Response:  # noqa: ARG001
        return Response("\n".join(yaml(described)) + "\n", media_type="text/yaml")

    async def as_page(request: Request) -> Response:  # noqa: ARG001
        return Response(page(base_path, described, title), media_type="text/html")

    served = {"/api-doc-json": as_json, "/api-doc-yaml": as_yaml, "/api-doc": as_page}
    return [Endpoint("GET", path, handler, open=True) for path, handler in served.items()]
