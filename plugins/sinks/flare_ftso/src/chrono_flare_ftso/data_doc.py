"""The data provider, described: OpenAPI.

Paths, operation ids, tags and the title are those of the reference's own description, and schemas are named as its
types (flare-foundation/FTSO-Scaling 9e1e988, `apps/ftso-data-provider/src/ftso-data-provider.controller.ts`, `main.ts`
and `dto/data-provider-responses.dto.ts`, whose types are interfaces and so in none of its schemas; read 2026-11-23).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

TITLE = "Flare Time Series Oracle Calculator API interface"

_PROTOCOL = "FTSO Protocol data provider"
_EXTERNAL = "External User Facing API"
_NUMBER = {"type": "number"}
_TEXT = {"type": "string"}
_FLAG = {"type": "boolean"}
_HEX = {"type": "string", "pattern": "^0x[0-9a-f]*$"}
_WHOLE = {"type": "string", "pattern": "^[0-9]+$", "description": "A whole number of any size"}


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def _list(items: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


def _object(required: str, /, **properties: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": required.split()}


def _status(*said: str) -> dict[str, Any]:
    return {"type": "string", "enum": list(said)}


_LATER = _status("OK", "TOO_EARLY", "NOT_AVAILABLE")
_VALUE = _object("isEmpty value decimals", isEmpty=_FLAG, value=_NUMBER, decimals=_NUMBER)
_MEDIANS = _object(
    "finalMedian quartile1 quartile3 participatingWeight",
    finalMedian=_ref("ValueWithDecimals"),
    quartile1=_ref("ValueWithDecimals"),
    quartile3=_ref("ValueWithDecimals"),
    participatingWeight=_WHOLE,
)
_SCHEMAS = {
    "PDPResponse": _object("status", status=_status("OK", "NOT_AVAILABLE"), data=_HEX, additionalData=_HEX),
    "RandomResult": _object("votingRoundId value isSecure", votingRoundId=_NUMBER, value=_HEX, isSecure=_FLAG),
    "FeedResult": _object(
        "votingRoundId id value turnoutBIPS decimals",
        votingRoundId=_NUMBER,
        id=_HEX,
        value=_NUMBER,
        turnoutBIPS=_NUMBER,
        decimals=_NUMBER,
    ),
    "ExternalResponse": _object(
        "status",
        status=_LATER,
        protocolId=_NUMBER,
        votingRoundId=_NUMBER,
        merkleRoot=_HEX,
        isSecureRandom=_FLAG,
        tree=_list({"anyOf": [_ref("RandomResult"), _ref("FeedResult")]}),
    ),
    "FeedResultWithProof": _object("body proof", body=_ref("FeedResult"), proof=_list(_HEX)),
    "ExternalFeedWithProofResponse": _object("status", status=_LATER, feedWithProof=_ref("FeedResultWithProof")),
    "ValueWithDecimals": _VALUE,
    "MedianCalculationSummary": _MEDIANS,
    "MedianCalculationResult": _object(
        "votingRoundId feed votersSubmitAddresses feedValues data weights totalVotingWeight",
        votingRoundId=_NUMBER,
        feed=_object("id decimals", id=_HEX, decimals=_NUMBER),
        votersSubmitAddresses=_list(_HEX),
        feedValues=_list(_ref("ValueWithDecimals")),
        data=_ref("MedianCalculationSummary"),
        weights=_list(_WHOLE),
        totalVotingWeight=_WHOLE,
    ),
    "ExternalMedianResponse": _object(
        "status", status=_LATER, votingRoundId=_NUMBER, medianData=_list(_ref("MedianCalculationResult"))
    ),
    "JSONAbiDefinition": _object("abiName data", abiName=_TEXT, data={"type": "object"}),
    "AbiDefinitionsResponse": _object("status data", status=_status("OK"), data=_list(_ref("JSONAbiDefinition"))),
    "Error": _object("message statusCode", message=_TEXT, error=_TEXT, statusCode=_NUMBER),
}

_UNAUTHORIZED = {"401": "None of the API keys was brought"}
_NUMERIC = {"400": "The round is no integer"}
_COMMITTED = {
    "400": "The round is no integer or has not begun, or the address is none",
    "404": "Nothing is known of the reward epoch of a round that is past",
    "503": "There is nothing to commit to in time, or the commit cannot be kept; ask again",
}
_UNRESULTED = {"500": "The protocol has no result for the round, such as where nobody revealed"}
_ROUTES: Sequence[tuple[str, str, str, str, Mapping[str, str]]] = (
    ("/submit1/{votingRoundId}/{submitAddress}", "submit1", "PDPResponse", "The commit of a round", _COMMITTED),
    ("/submit2/{votingRoundId}/{submitAddress}", "submit2", "PDPResponse", "The reveal of a commit", {}),
    (
        "/submitSignatures/{votingRoundId}/{submitSignaturesAddress}",
        "submitSignatures",
        "PDPResponse",
        "The result of a round, 38 bytes to be signed",
        _UNRESULTED,
    ),
    ("/data/{votingRoundId}", "merkleTree", "ExternalResponse", "What the Merkle tree is of", _UNRESULTED),
    (
        "/specific-feed/{feedId}/{votingRoundId}",
        "feedWithProof",
        "ExternalFeedWithProofResponse",
        "A feed with its proof",
        _UNRESULTED,
    ),
    ("/data-abis", "treeAbis", "AbiDefinitionsResponse", "The structs of the tree", {}),
    (
        "/medianCalculationResults/{votingRoundId}",
        "fullMedianData",
        "ExternalMedianResponse",
        "All votes, and their medians",
        _UNRESULTED,
    ),
)


def document(base_path: str = "") -> dict[str, Any]:
    """Return the description as plain data.

    Examples
    --------
    >>> document()["paths"]["/data/{votingRoundId}"]["get"]["operationId"]
    'FtsoDataProviderController_merkleTree'
    """
    paths = {base_path + route[0]: _operation(*route) for route in _ROUTES}
    return {
        "openapi": "3.0.0",
        "info": {
            "title": TITLE,
            "description": "Commits, reveals and results of the FTSO for Flare's system client.",
            "version": "1.0",
            "contact": {},
        },
        "tags": [],
        "servers": [],
        "paths": paths,
        "components": {
            "schemas": _SCHEMAS,
            "securitySchemes": {"X-API-KEY": {"type": "apiKey", "in": "header", "name": "X-API-KEY"}},
        },
    }


def _operation(path: str, name: str, told: str, summary: str, errors: Mapping[str, str]) -> dict[str, Any]:
    names = [part[1:-1] for part in path.split("/") if part.startswith("{")]
    refused = {**(_NUMERIC if "votingRoundId" in names else {}), **_UNAUTHORIZED, **errors}
    responses = {"200": {"description": "", "content": _json(told)}} if told else {}
    responses |= {status: {"description": text, "content": _json("Error")} for status, text in sorted(refused.items())}
    return {
        "get": {
            "operationId": f"FtsoDataProviderController_{name}",
            "summary": summary,
            "parameters": _parameters(names),
            "responses": responses,
            "tags": [_PROTOCOL if name.startswith("submit") else _EXTERNAL],
            "security": [{"X-API-KEY": []}],
        }
    }


def _parameters(names: Sequence[str]) -> list[dict[str, Any]]:
    # an address is in any letter case, with or without 0x
    address = {"type": "string", "pattern": "^(0[xX])?[0-9a-fA-F]{40}$"}
    schemas = {"votingRoundId": {"type": "integer"}, "submitAddress": address}
    return [{"name": name, "required": True, "in": "path", "schema": schemas.get(name, _TEXT)} for name in names]


def _json(name: str) -> dict[str, Any]:
    return {"application/json": {"schema": _ref(name)}}
