"""Properties that the specification does not have: allowed (extensibility, config.md), and often a misspelt word."""

from __future__ import annotations

from pyoci.spec._generated_schema import CONFIG
from pyoci.spec.rules import escape
from pyoci.spec.words import did_you_mean

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

_PLATFORMS = ("windows", "solaris", "freebsd", "vm", "zos")


def properties(document: object, kind: str = "config") -> Iterator[str]:
    """A line for each of a document in its schema's shape; `kind`: config, or a definition of it (process, Mount ...).

    A line has a JSON pointer and words, as those of `rules.check`.
    """
    schema: Any = CONFIG if kind == "config" else CONFIG["definitions"][kind]  # type: ignore[index]
    skipped = _PLATFORMS if kind == "config" else ()
    yield from _walk(document, schema, "", skipped)


def _walk(value: object, schema: Any, place: str, skipped: tuple[str, ...] = ()) -> Iterator[str]:
    schema = _resolved(schema)
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _walk(item, schema.get("items"), f"{place}/{index}")
    if not isinstance(value, dict):
        return
    known = schema.get("properties")
    for name, member in value.items():
        inner = f"{place}/{escape(name)}"
        if known is None:
            if isinstance(schema.get("additionalProperties"), dict):
                yield from _walk(member, schema["additionalProperties"], inner)
        elif name in known:
            if name not in skipped:
                yield from _walk(member, known[name], inner)
        elif "additionalProperties" not in schema:
            yield f"{inner}: the specification has no such property{did_you_mean(name, known)}"


def _resolved(schema: Any) -> dict[str, Any]:
    while isinstance(schema, dict) and "$ref" in schema:
        target: Any = CONFIG
        for part in schema["$ref"].partition("#/")[2].split("/"):
            target = target[part]
        schema = target
    return schema if isinstance(schema, dict) else {}
