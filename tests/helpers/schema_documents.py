"""Documents from a JSON Schema, with a few values spoilt: what two readings of a schema are compared on.

Knows the keywords that our schemas and the specification's have, and fails for another one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

IGNORED = {"$schema", "title", "description", "definitions", "if", "then", "not"}
KNOWN = IGNORED | {
    "type", "enum", "pattern", "minimum", "maximum", "minLength", "minItems", "items", "properties",
    "required", "additionalProperties", "patternProperties", "propertyNames", "anyOf", "allOf", "$ref",
}  # fmt: skip

# What is wrong in most places, and right in some
SPOILS = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from([0, 1, -1, -2, 1.0, 0.5, 7, 8, 101, 512, 1 << 31, 1 << 32, 1 << 63, 1 << 64, -(1 << 64)]),
    st.sampled_from(["", "/", "x", "/x", "x\n", "RLIMIT_X", "64KB\n", "1.0.0", "2.0.0", "MB:\n", "c", "rwm\n"]),
    st.sampled_from([[], {}, [0], [""], {"": 0}, {"x": 0}, {"\n": 0}]),
)
Resolve = Callable[[str, str], tuple[str, Any]]


def documents(schema: Any, resolve: Resolve, name: str = "") -> st.SearchStrategy[Any]:
    """Documents for `schema` of the file `name`; `resolve(file, $ref)` is a file and a schema in it."""
    return st.one_of(_valid(schema, resolve, name), _spoilt(schema, resolve, name))


def _spoilt(schema: Any, resolve: Resolve, name: str) -> st.SearchStrategy[Any]:
    return st.builds(_spoil, _valid(schema, resolve, name), st.randoms(use_true_random=False), SPOILS)


def _spoil(document: Any, random: Any, value: Any) -> Any:
    """`document` with the value at some place replaced, removed or given a strange neighbour."""
    places: list[tuple[Any, Any]] = []
    todo = [document]
    while todo:
        container = todo.pop()
        keys = list(container) if isinstance(container, dict) else range(len(container))
        for key in keys:
            places.append((container, key))
            if isinstance(container[key], (dict, list)):
                todo.append(container[key])
    if not places:
        return value
    container, key = random.choice(places)
    action = random.randrange(4)
    if action == 0:
        del container[key]
    elif action == 1 and isinstance(container, dict):
        container[random.choice(["", "\n", "x", "x-unknown"])] = value
    else:
        container[key] = value
    return document


def _valid(schema: Any, resolve: Resolve, name: str) -> st.SearchStrategy[Any]:
    while "$ref" in schema:
        name, schema = resolve(name, schema["$ref"])
    assert set(schema) <= KNOWN, set(schema) - KNOWN
    if "not" in schema:
        return SPOILS
    if "anyOf" in schema:
        return st.one_of([_valid(choice, resolve, name) for choice in schema["anyOf"]])
    if "allOf" in schema:
        parts = [_valid(part, resolve, name) for part in schema["allOf"]]
        return st.tuples(*parts).map(lambda made: {key: value for part in made for key, value in part.items()})
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    makers: dict[str, Callable[[], st.SearchStrategy[Any]]] = {
        "boolean": st.booleans,
        "integer": lambda: st.integers(schema.get("minimum"), schema.get("maximum")),
        "string": lambda: _string(schema),
        "array": lambda: st.lists(
            _valid(schema["items"], resolve, name), min_size=schema.get("minItems", 0), max_size=2
        ),
        "object": lambda: _object(schema, resolve, name),
    }
    return makers[schema["type"]]()


def _string(schema: Any) -> st.SearchStrategy[str]:
    if "pattern" in schema:
        return st.from_regex(schema["pattern"].replace("$", r"\Z"))
    return st.sampled_from(["", "x", "/x", "a=b", "1.0.0", "a/b", "é"])


def _object(schema: Any, resolve: Resolve, name: str) -> st.SearchStrategy[Any]:
    required = schema.get("required", ())
    own = schema.get("properties", {})
    fixed = st.fixed_dictionaries(
        {key: _valid(own[key], resolve, name) for key in own if key in required},
        optional={key: _valid(own[key], resolve, name) for key in own if key not in required},
    )
    other = schema.get("additionalProperties") or next(iter(schema.get("patternProperties", {}).values()), None)
    if other is None:
        return fixed
    more = st.dictionaries(st.sampled_from(["x", "net.x", "a/b"]), _valid(other, resolve, name), max_size=2)
    return st.builds(lambda one, two: {**two, **one}, fixed, more)
