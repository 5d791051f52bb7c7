"""Messages and symbols that the user writes with holes in them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def filled(template: Any, holes: Mapping[str, Any]) -> Any:
    """Return a template with what belongs into its holes.

    A text that is nothing but a hole becomes what belongs there, whatever that is; within a text a list is joined by
    commas. Keys are filled like values.

    Examples
    --------
    >>> filled({"op": "subscribe", "args": "{symbols}"}, {"symbols": ["BTC-USD", "ETH-USD"]})
    {'op': 'subscribe', 'args': ['BTC-USD', 'ETH-USD']}
    >>> filled(["trades:{symbol}"], {"symbol": "BTC-USD"})
    ['trades:BTC-USD']
    """
    if isinstance(template, dict):
        return {filled(key, holes): filled(value, holes) for key, value in template.items()}
    if isinstance(template, list):
        return [filled(item, holes) for item in template]
    if not isinstance(template, str):
        return template
    for name, value in holes.items():
        if template == f"{{{name}}}":
            return value
        template = template.replace(f"{{{name}}}", ",".join(value) if isinstance(value, list) else str(value))
    return template


def mentions(template: Any, name: str) -> bool:
    """Say whether a template has a hole of this name.

    Examples
    --------
    >>> mentions({"params": ["{symbol}@trade"]}, "symbol")
    True
    """
    if isinstance(template, dict):
        return any(mentions(part, name) for item in template.items() for part in item)
    if isinstance(template, list):
        return any(mentions(item, name) for item in template)
    return isinstance(template, str) and f"{{{name}}}" in template
