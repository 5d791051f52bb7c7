"""Values that carry their unit in the text: `10s`, `250ms`, `2%`, `5bp`, `100MB`."""

from __future__ import annotations

import re
from typing import Any, ClassVar, Self

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

_NUMBER = r"(\d+(?:\.\d+)?)"
_DURATION = re.compile(_NUMBER + r"\s*(ns|us|ms|s|m|h|d)")
_NANOSECONDS = {
    "ns": 1,
    "us": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
    "d": 86_400_000_000_000,
}
_SIZE = re.compile(_NUMBER + r"\s*(kB|MB|GB)")
_BYTES = {"kB": 1_000, "MB": 1_000_000, "GB": 1_000_000_000}
_SHARE = re.compile(_NUMBER + r"\s*(%|bp)")
_MOVE = re.compile(r"([+-]?\d+(?:\.\d+)?)\s*(%|bp)")
_PARTS = {"%": 100.0, "bp": 10_000.0}


class Duration(int):
    """A length of time in nanoseconds, written with its unit.

    Examples
    --------
    >>> int(Duration("1.5s")), str(Duration("90s"))
    (1500000000, '90s')
    """

    def __new__(cls, value: str | int) -> Self:
        if isinstance(value, int):
            return super().__new__(cls, value)
        match = _DURATION.fullmatch(value.strip())
        if match is None:
            raise ValueError(f"expected a duration with its unit like 10s, 250ms, 5m or 1h, was {value!r}")
        number, unit = match.groups()
        whole, _, part = number.partition(".")
        return super().__new__(cls, (int(whole + part) * _NANOSECONDS[unit]) // 10 ** len(part))

    @property
    def seconds(self) -> float:
        """The same length in seconds."""
        return self / 1e9

    def __str__(self) -> str:
        for unit in ("s", "ms", "us"):
            if self % _NANOSECONDS[unit] == 0:
                return f"{self // _NANOSECONDS[unit]}{unit}"
        return f"{int(self)}ns"

    __repr__ = __str__

    @classmethod
    def _validate(cls, value: Any) -> Duration:
        if isinstance(value, cls):
            return value
        if not isinstance(value, str):
            raise ValueError(f"expected a duration with its unit like 10s, 250ms, 5m or 1h, was {value!r}")
        return cls(value)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls._validate, serialization=core_schema.to_string_ser_schema()
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"type": "string", "pattern": f"^{_DURATION.pattern}$", "examples": ["10s", "250ms", "5m"]}


class Size(int):
    """A number of bytes, written with its unit.

    Examples
    --------
    >>> int(Size("1.5MB")), str(Size("256MB"))
    (1500000, '256MB')
    """

    def __new__(cls, value: str | int) -> Self:
        if isinstance(value, int):
            return super().__new__(cls, value)
        match = _SIZE.fullmatch(value.strip())
        if match is None:
            raise ValueError(f"expected a size with its unit like 500kB, 100MB or 1GB, was {value!r}")
        number, unit = match.groups()
        whole, _, part = number.partition(".")
        return super().__new__(cls, (int(whole + part) * _BYTES[unit]) // 10 ** len(part))

    def __str__(self) -> str:
        for unit in ("GB", "MB", "kB"):
            if self and self % _BYTES[unit] == 0:
                return f"{self // _BYTES[unit]}{unit}"
        return f"{self / _BYTES['kB']:g}kB"

    __repr__ = __str__

    @classmethod
    def _validate(cls, value: Any) -> Size:
        if isinstance(value, cls):
            return value
        if not isinstance(value, str):
            raise ValueError(f"expected a size with its unit like 500kB, 100MB or 1GB, was {value!r}")
        return cls(value)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls._validate, serialization=core_schema.to_string_ser_schema()
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"type": "string", "pattern": f"^{_SIZE.pattern}$", "examples": ["500kB", "100MB", "1GB"]}


class Share(float):
    """A fraction, written `10%` or `25bp`.

    Examples
    --------
    >>> float(Share("10%")), float(Share("25bp")), str(Share("2.5%"))
    (0.1, 0.0025, '2.5%')
    """

    _form: ClassVar[re.Pattern[str]] = _SHARE
    _wanted: ClassVar[str] = "a share with its unit like 10% or 25bp"
    _examples: ClassVar[tuple[str, ...]] = ("10%", "25bp")

    def __new__(cls, value: str | float) -> Self:
        if not isinstance(value, str):
            return super().__new__(cls, value)
        match = cls._form.fullmatch(value.strip())
        if match is None:
            raise ValueError(f"expected {cls._wanted}, was {value!r}")
        return super().__new__(cls, float(match[1]) / _PARTS[match[2]])

    def __str__(self) -> str:
        return f"{float(self) * 100:.10g}%"

    __repr__ = __str__

    @classmethod
    def _validate(cls, value: Any) -> Share:
        if isinstance(value, cls):
            return value
        if not isinstance(value, str):
            raise ValueError(f"expected {cls._wanted}, was {value!r}")
        return cls(value)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls._validate, serialization=core_schema.to_string_ser_schema()
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"type": "string", "pattern": f"^{cls._form.pattern}$", "examples": list(cls._examples)}


class Move(Share):
    """A relative change of a price, written with its sign: `+10%`, `-25bp`.

    Examples
    --------
    >>> float(Move("-80%")), str(Move("+2.5%"))
    (-0.8, '2.5%')
    """

    _form = _MOVE
    _wanted = "a move with its unit like +10% or -25bp"
    _examples = ("+10%", "-25bp")

    def __new__(cls, value: str | float) -> Self:
        move = super().__new__(cls, value)
        if move <= -1:
            raise ValueError(f"expected a move above -100%, which would leave no price, was {value!r}")
        return move
