"""Plain data with names: what a plan, a state and a message are made of.

A dataclass without its price (importing `dataclasses` costs more than a whole `pyoci state`):

    class IdMapping(Record):
        container_id: int
        host_id: int
        size: int = 1

makes `__slots__`, a constructor that takes keywords only, `==` and `repr` by field.
"""

from __future__ import annotations

from pyoci._record import Base

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, ClassVar, dataclass_transform
else:

    def dataclass_transform(**_options):
        return lambda cls: cls


@dataclass_transform(kw_only_default=True)
class _RecordMeta(type):
    """Turns annotations into slots before the class exists, as slots must be."""

    def __new__(mcls, name: str, bases: tuple[type, ...], body: dict[str, Any]) -> type:
        annotations = body.get("__annotations__", {})
        defaults: dict[str, Any] = {}
        for base in bases:
            defaults.update(getattr(base, "_defaults", {}))
        for field in annotations:
            defaults[field] = body.pop(field, ...)
        body["__slots__"] = tuple(annotations)
        body["_defaults"] = defaults
        return super().__new__(mcls, name, bases, body)


class Record(Base, metaclass=_RecordMeta):
    """Base of all plain data. All records share a default, so it must be one that cannot change: None, a tuple."""

    if TYPE_CHECKING:
        _defaults: ClassVar[Any]

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        return all(getattr(self, field) == getattr(other, field) for field in self._defaults)

    __hash__ = None  # type: ignore[assignment]  # records are data, compared by value and mutable

    def __repr__(self) -> str:
        fields = ", ".join(f"{field}={getattr(self, field)!r}" for field in self._defaults)
        return f"{type(self).__name__}({fields})"


def to_builtins(value: object) -> Any:
    """Records (nested too) as dicts and lists: for JSON, for `--debug`, for a person to print."""
    if isinstance(value, Record):
        return {field: to_builtins(getattr(value, field)) for field in value._defaults}
    if isinstance(value, (list, tuple)):
        return [to_builtins(item) for item in value]
    if isinstance(value, dict):
        return {key: to_builtins(item) for key, item in value.items()}
    return value
