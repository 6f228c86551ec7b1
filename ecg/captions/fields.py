"""Data shapes declared once: what a frozen dataclass's fields may hold, checked on reading and published
as JSON Schema.

A field is declared with `holds(kind)`; `read` turns JSON into the dataclass or raises `InvalidScenario`
whose message starts with the path of the value that is wrong, such as ``cues[3].words[0].end_s: …``.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from ecg.errors import InvalidScenario

T = TypeVar("T")
_LONGEST_SHOWN, _LONGEST_PATH = 60, 300
# What XML cannot hold, nor some of it a database: no caption file could be written.
NO_CHARACTERS = r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]"


class Kind(Protocol):
    """What a value may be: reads it from JSON, writes it back, and says so as JSON Schema."""

    def read(self, value: Any, path: str) -> Any: ...
    def write(self, value: Any) -> Any: ...
    def schema(self) -> dict[str, Any]: ...


@dataclass(frozen=True)
class Number:
    """A finite number from ``low`` to ``high``, both included; ``whole`` allows integers only. No integer
    of 64 bits or more is one: browsers and databases have none."""

    low: float | None = None
    high: float | None = None
    whole: bool = False

    def read(self, value: Any, path: str) -> float:
        allowed = int if self.whole else (int, float)
        if isinstance(value, bool) or not isinstance(value, allowed) or not _finite(value):
            raise wrong(path, f"must be {'an integer' if self.whole else 'a number'}, not {shown(value)}")
        if self.low is not None and value < self.low:
            raise wrong(path, f"must be at least {self.low}, not {shown(value)}")
        if self.high is not None and value > self.high:
            raise wrong(path, f"must be at most {self.high}, not {shown(value)}")
        return value

    def write(self, value: float) -> float:
        return value

    def schema(self) -> dict[str, Any]:
        limits = {"minimum": self.low, "maximum": self.high}
        return {"type": "integer" if self.whole else "number"} | {
            key: limit for key, limit in limits.items() if limit is not None
        }


@dataclass(frozen=True)
class Flag:
    """True or false."""

    def read(self, value: Any, path: str) -> bool:
        if not isinstance(value, bool):
            raise wrong(path, f"must be true or false, not {shown(value)}")
        return value

    def write(self, value: bool) -> bool:
        return value

    def schema(self) -> dict[str, Any]:
        return {"type": "boolean"}


@dataclass(frozen=True)
class Text:
    """A string that matches ``pattern`` as a whole; ``expected`` says in words what that is. ``longest``: how
    many characters it may have at most."""

    pattern: str = r"[\s\S]*\S[\s\S]*"
    expected: str = "text that is not blank"
    nullable: bool = False
    longest: int | None = None

    def read(self, value: Any, path: str) -> str | None:
        if value is None and self.nullable:
            return None
        if not isinstance(value, str) or not re.fullmatch(self.pattern, value):
            raise wrong(path, f"must be {self.expected}, not {shown(value)}")
        if self.longest is not None and len(value) > self.longest:
            raise wrong(path, f"must have at most {self.longest} characters, not {len(value)}")
        _require_characters(value, path)
        return value

    def write(self, value: str | None) -> str | None:
        return value

    def schema(self) -> dict[str, Any]:
        return {
            "type": ["string", "null"] if self.nullable else "string",
            "pattern": f"^(?:{self.pattern})$",
            "description": self.expected,
        } | ({} if self.longest is None else {"maxLength": self.longest})


COLOR = Text(r"#[0-9a-f]{6}", "a colour such as #ffd400, in lower case")


@dataclass(frozen=True)
class Items:
    """A list whose items are all of one kind; a tuple in Python."""

    kind: Kind
    least: int = 0
    most: int | None = None

    def read(self, value: Any, path: str) -> tuple[Any, ...]:
        if not isinstance(value, list | tuple):
            raise wrong(path, f"must be a list, not {shown(value)}")
        if len(value) < self.least:
            raise wrong(path, f"must have at least {self.least} item(s)")
        if self.most is not None and len(value) > self.most:
            raise wrong(path, f"must have at most {self.most} items, not {len(value)}")
        return tuple(self.kind.read(item, f"{path}[{index}]") for index, item in enumerate(value))

    def write(self, value: tuple[Any, ...]) -> list[Any]:
        return [self.kind.write(item) for item in value]

    def schema(self) -> dict[str, Any]:
        limits = {"minItems": self.least} | ({} if self.most is None else {"maxItems": self.most})
        return {"type": "array", "items": self.kind.schema()} | limits


@dataclass(frozen=True)
class Table:
    """An object with keys of the caller's choice, at most ``most`` of them, and values of one kind."""

    kind: Kind
    most: int | None = None

    def read(self, value: Any, path: str) -> dict[str, Any]:
        _require_object(value, path)
        if self.most is not None and len(value) > self.most:
            raise wrong(path, f"must have at most {self.most} entries, not {len(value)}")
        for key in value:
            _require_characters(str(key), _join(path, key))
        return {str(key): self.kind.read(item, _join(path, key)) for key, item in value.items()}

    def write(self, value: Mapping[str, Any]) -> dict[str, Any]:
        return {key: self.kind.write(item) for key, item in value.items()}

    def schema(self) -> dict[str, Any]:
        limits = {} if self.most is None else {"maxProperties": self.most}
        return {"type": "object", "additionalProperties": self.kind.schema()} | limits


@dataclass(frozen=True)
class Maybe:
    """A value of a kind, or none (``null``)."""

    kind: Kind

    def read(self, value: Any, path: str) -> Any:
        return None if value is None else self.kind.read(value, path)

    def write(self, value: Any) -> Any:
        return None if value is None else self.kind.write(value)

    def schema(self) -> dict[str, Any]:
        return {"anyOf": [self.kind.schema(), {"type": "null"}]}


@dataclass(frozen=True)
class Unread:
    """A value that may be there and is not looked at: it follows from others."""

    def read(self, value: Any, path: str) -> None:
        return None

    def write(self, value: Any) -> None:
        return None

    def schema(self) -> dict[str, Any]:
        return {}


@dataclass(frozen=True)
class Record:
    """A dataclass whose fields were declared with `holds`."""

    cls: type

    def read(self, value: Any, path: str) -> Any:
        return read(self.cls, value, path)

    def write(self, value: Any) -> dict[str, Any]:
        return write(value)

    def schema(self) -> dict[str, Any]:
        return schema(self.cls)


def holds(kind: Kind, default: Any = dataclasses.MISSING) -> Any:
    """Declare a dataclass field; without ``default`` it must be given in JSON."""
    return dataclasses.field(default=default, metadata={"kind": kind})


def read(cls: type[T], data: Any, path: str = "") -> T:
    """Build ``cls`` from JSON; raises `InvalidScenario` that names the first wrong value."""
    _require_object(data, path)
    declared: Any = cls  # a dataclass, which a type variable cannot say
    fields = {field.name: field for field in dataclasses.fields(declared)}
    for key in data:
        if key not in fields:
            raise wrong(_join(path, key), f"is not known here; known are {', '.join(fields)}")
    values = {}
    for name, field in fields.items():
        if name in data:
            values[name] = field.metadata["kind"].read(data[name], _join(path, name))
        elif field.default is dataclasses.MISSING:
            raise wrong(_join(path, name), "is missing")
    return cls(**values)


def write(value: Any) -> dict[str, Any]:
    """The JSON form of a dataclass declared with `holds`."""
    return {
        field.name: field.metadata["kind"].write(getattr(value, field.name))
        for field in dataclasses.fields(value)
    }


def schema(cls: type) -> dict[str, Any]:
    """The JSON Schema of a dataclass declared with `holds`."""
    fields = dataclasses.fields(cls)
    return {
        "type": "object",
        "description": (cls.__doc__ or "").split("\n\n")[0],
        "properties": {field.name: field.metadata["kind"].schema() for field in fields},
        "required": [field.name for field in fields if field.default is dataclasses.MISSING],
        "additionalProperties": False,
    }


def wrong(path: str, message: str) -> InvalidScenario:
    """The error for the value at ``path``."""
    told = path if len(path) <= _LONGEST_PATH else f"{path[:_LONGEST_PATH]}…"
    return InvalidScenario(f"{told or 'document'}: {message}", path=told)


def _finite(value: float) -> bool:
    return abs(value) < 2**63 if isinstance(value, int) else math.isfinite(value)


def shown(value: Any) -> str:
    """``value`` for a message: short, and made without going through all of it."""
    if isinstance(value, Mapping):
        return "an object"
    if isinstance(value, list | tuple):
        return "a list"
    if isinstance(value, int) and not _finite(value):
        return f"an integer of {value.bit_length()} bits"
    if isinstance(value, str) and len(value) > _LONGEST_SHOWN:
        return f"{value[:_LONGEST_SHOWN]!r}…"
    return repr(value)


def _require_object(value: Any, path: str) -> None:
    if not isinstance(value, Mapping):
        raise wrong(path, f"must be an object, not {shown(value)}")


def _require_characters(text: str, path: str) -> None:
    # A lone surrogate passes through JSON, and then no file can be written.
    if re.search(r"[\ud800-\udfff]", text):
        raise wrong(path, f"must be whole characters, without lone surrogates, not {shown(text)}")
    if found := re.search(NO_CHARACTERS, text):
        raise wrong(path, f"must be text without control characters, which has {found[0]!r}")


def _join(path: str, name: Any) -> str:
    key = str(name)
    if len(key) > _LONGEST_SHOWN or not re.fullmatch(r"[\w-]+", key):  # it may be anything
        key = shown(key)
    return f"{path}.{key}" if path else key
