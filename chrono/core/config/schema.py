"""The JSON Schema of a pipeline file, for editors that complete and check YAML while it is written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from chrono.core.component import Component
from chrono.core.config.models import SOURCE_ID, PipelineConfig

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_REFERENCE = r"\$\{"
_PAIR = "^[A-Z0-9][^/]*/[A-Z0-9][^/]*$"
_NAMED = ("source", "sink")
_TYPED = ("integer", "number", "boolean")
_Schema = dict[str, Any]


def schema(components: Mapping[tuple[str, str], type[Component]]) -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of the pipeline file.

    Parameters
    ----------
    components : mapping of (kind, type) to class
        What is installed, such as `{("source", "kraken"): Kraken}`.

    Examples
    --------
    >>> sorted(schema({})["required"])
    ['feeds', 'sources']
    """
    root = PipelineConfig.model_json_schema(ref_template="#/$defs/{model}")
    definitions = root.pop("$defs", {})
    root["required"] = [name for name in root["required"] if name != "name"]
    root["properties"]["sinks"]["default"] = {"console": {}}
    root["properties"]["feeds"] |= {
        "additionalProperties": _nullable("FeedConfig"),
        "propertyNames": {"pattern": _PAIR},
    }
    for (kind, word), cls in sorted(components.items()):
        definitions.update(_options(kind, word, cls))
    for kind in (*_NAMED, "aggregator", "detector", "consensus"):
        types = [word for of, word in sorted(components) if of == kind]
        definitions[kind] = _by_id(kind, types) if kind in _NAMED else _by_type(kind, types, components)
    result: _Schema = _filled({**root, "$defs": definitions})
    return {"$schema": _DIALECT, **result, "title": "chrono pipeline", "description": _summary(PipelineConfig)}


def _options(kind: str, word: str, cls: type[Component]) -> _Schema:
    """Return the definitions of a component's options: its own and those it refers to."""
    name = f"{kind}.{word}"
    own: _Schema = cls.Config.model_json_schema(ref_template=f"#/$defs/{name}.{{model}}")
    inner = {f"{name}.{model}": value for model, value in own.pop("$defs", {}).items()}
    if kind in _NAMED:
        told = {"const": word, "description": "What it is, where its name does not say so."}
        own["properties"] = {"type": told, **own.get("properties", {})}
    return {name: {**own, "title": word, "description": _summary(cls)}, **inner}


def _summary(cls: type[Any]) -> str:
    return (cls.__doc__ or cls.__name__).strip().partition("\n")[0]


def _nullable(reference: str) -> _Schema:
    return {"anyOf": [{"$ref": f"#/$defs/{reference}"}, {"type": "null"}]}


def _by_type(kind: str, types: Iterable[str], components: Mapping[tuple[str, str], type[Component]]) -> _Schema:
    """Write `name` or `{name: {option: value}}`."""
    plain = [word for word in types if not _demanding(components[kind, word])]
    entry = {
        "type": "object",
        "properties": {word: _nullable(f"{kind}.{word}") for word in types},
        "additionalProperties": False,
        "minProperties": 1,
        "maxProperties": 1,
    }
    return {"anyOf": [{"type": "string", "enum": plain}, entry]} if plain else entry


def _demanding(cls: type[Component]) -> bool:
    return any(field.is_required() for field in cls.Config.model_fields.values())


def _by_id(kind: str, types: Iterable[str]) -> _Schema:
    """Write `type: {…}`, `type/name: {…}` or `name: {type: …, …}`."""
    explicit: _Schema = {"anyOf": [_typed(kind, word) for word in types]} if types else {"not": {}}
    ids = {word: {"anyOf": [_nullable(f"{kind}.{word}"), explicit]} for word in types}
    return {
        "type": "object",
        "properties": ids,
        "patternProperties": {f"^{_escaped(word)}/": value for word, value in ids.items()},
        "additionalProperties": explicit,
        "propertyNames": {"pattern": SOURCE_ID},
    }


def _typed(kind: str, word: str) -> _Schema:
    return {"$ref": f"#/$defs/{kind}.{word}", "required": ["type"]}


def _escaped(word: str) -> str:
    return word.replace(".", r"\.")


def _filled(value: Any) -> Any:
    """Put the kinds' definitions in their places and let a reference stand wherever a number or a form is wanted."""
    if isinstance(value, list):
        return [_filled(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "x-kind" in value or "x-kinds" in value:
        kind = value.get("x-kind") or value.get("x-kinds")
        return {"$ref": f"#/$defs/{kind}", **{k: v for k, v in value.items() if not k.startswith("x-kind")}}
    return _referable({key: _filled(item) for key, item in value.items()})


def _referable(node: _Schema) -> _Schema:
    if node.get("type") in _TYPED:
        return {**node, "type": [node["type"], "string"], "pattern": _REFERENCE}
    if node.get("type") == "string" and isinstance(node.get("pattern"), str):
        return {**node, "pattern": f"{_REFERENCE}|{node['pattern']}"}
    return node
