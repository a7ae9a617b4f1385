"""Say everything that is wrong with a document, one line each.

    /process/cwd: must be an absolute path, not "tmp"

Imported only once a document has been refused: jsonschema costs 90 ms, more than a whole container.
"""

from __future__ import annotations

from pyoci.spec._generated_schema import CONFIG
from pyoci.spec.words import NO_VALUE, did_you_mean, line, pointer, show

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from jsonschema.exceptions import ValidationError

_TYPES = {
    "object": "an object",
    "array": "an array",
    "string": "a string",
    "boolean": "true or false",
    "integer": "an integer",
}
Path = tuple["str | int", ...]
# What docker, podman, Kubernetes and systemd call properties of the specification.
_CALLED_ELSEWHERE = {
    "destination": ("target", "dst", "dest", "to", "mountpath", "mountpoint", "containerpath"),
    "path": ("root", "rootfs", "file", "device", "pathoncontainer"),
    "containerID": ("container", "inside", "containerid"),
    "hostID": ("host", "outside", "hostid"),
    "type": ("name", "kind"),
    "names": ("name", "syscall", "syscalls"),
    "cwd": ("workdir", "workingdir", "workingdirectory"),
    "hard": ("max",),
    "soft": ("min", "cur"),
}
_OCTAL = ("umask", "fileMode")
_SEPARATORS = {"args": " ", "options": ","}  # of strings that stand where a list belongs
_UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_DIGITS = 10


def explain(document: object, kind: str) -> list[tuple[Path, str]]:
    """Where, and the line that says what, for each thing that the schema refuses.

    `kind` is config, or a definition of the config's schema: process, resources.
    Raises ImportError where jsonschema is missing.
    """
    from jsonschema.exceptions import best_match

    problems: dict[str, tuple[Path, str]] = {}
    for error in _validator(kind).iter_errors(document):
        # For a choice (anyOf, if) the reason lies in one of its branches: best_match picks the most relevant.
        for path, words in _lines(best_match([error]) or error):
            problems.setdefault(words, (path, words))
    return sorted(problems.values(), key=lambda problem: [str(part) for part in problem[0]])


def _validator(kind: str) -> Any:
    from jsonschema import Draft7Validator, validators
    from referencing import Registry
    from referencing.jsonschema import DRAFT7

    # An integer is what the Go decoders of the spec take for one: neither true nor 1.0.
    types = Draft7Validator.TYPE_CHECKER.redefine("integer", lambda _checker, value: type(value) is int)
    extend: Any = validators.extend  # untyped in its stubs
    strict = extend(Draft7Validator, {"pattern": _pattern}, type_checker=types)
    # Without its $schema, since that would bring back the plain Draft7Validator behind each $ref.
    bare = {key: value for key, value in CONFIG.items() if key != "$schema"}
    registry: Any = Registry().with_resource("config.json", DRAFT7.create_resource(bare))
    reference = "config.json" if kind == "config" else f"config.json#/definitions/{kind}"
    return strict({"$ref": reference}, registry=registry)


def _pattern(validator: Any, pattern: str, instance: object, _schema: object) -> Any:
    """JSON Schema's `$` is the end; Python's also stands before a final newline."""
    import re

    from jsonschema.exceptions import ValidationError

    if validator.is_type(instance, "string") and not re.search(pattern.replace("$", r"\Z"), str(instance)):
        yield ValidationError(f"{instance!r} does not match {pattern!r}")


def _lines(error: ValidationError) -> Iterator[tuple[Path, str]]:
    path: Path = tuple(error.absolute_path)
    schema: Any = error.schema
    instance: Any = error.instance
    if error.validator == "required":
        required: Any = error.validator_value
        for name in required:
            if name not in instance:
                requirement = phrase(_resolve(schema["properties"][name]))
                words = line(pointer((*path, name)), NO_VALUE, requirement)
                yield (*path, name), words + _instead(name, instance, schema["properties"])
    elif "propertyNames" in error.schema_path:
        yield path, line(pointer(path), "an object", phrase(schema))
    else:
        yield path, line(pointer(path), show(instance), phrase(schema)) + _meant(instance, schema, path)


def _instead(name: str, instance: dict[str, Any], properties: dict[str, Any]) -> str:
    """Of a property that is missing: the one that stands in its place, misspelt or as other programs call it."""
    others = [other for other in instance if other not in properties]
    for other in others:
        if other.lower() in _CALLED_ELSEWHERE.get(name, ()) or did_you_mean(other, [name]):
            return f"; {show(other)} is not its name"
    return ""


def _resolve(schema: Any) -> Any:
    """A schema of the config's, its references followed."""
    while isinstance(schema, dict) and "$ref" in schema:
        target: Any = CONFIG
        for part in schema["$ref"].partition("#/")[2].split("/"):
            target = target[part]
        schema = target
    return schema


def _meant(instance: object, schema: Any, path: Path) -> str:
    """The word of an enumeration that a misspelt one probably is, or the value of the right type that is meant."""
    if not isinstance(schema, dict):
        return ""
    name, kind = path[-1] if path else "", schema.get("type")
    if kind == "string" and isinstance(instance, (bool, int, float)):
        return f"; write {show(show(instance))}"
    if not isinstance(instance, str):
        return ""
    if kind == "integer":
        return _mode(instance) if name in _OCTAL else _number(instance)
    if kind == "boolean" and instance.lower() in ("true", "false"):
        return f"; write {instance.lower()}, without quotes"
    if kind == "array" and _is_of_strings(schema):
        words = instance.split(_SEPARATORS[name]) if name in _SEPARATORS else [instance]
        return f"; write {show([word for word in words if word])}"
    return did_you_mean(instance, filter(None, schema.get("enum") or ()))


def _is_of_strings(schema: Any) -> bool:
    items = _resolve(schema.get("items"))
    return isinstance(items, dict) and items.get("type") == "string"


def _mode(text: str) -> str:
    """`0644` as chmod(1) takes it: JSON has no octal numbers."""
    digits = text.removeprefix("0o")
    if not (digits.isascii() and digits.isdigit() and len(digits) < _DIGITS) or set(digits) & {"8", "9"}:
        return ""
    return f"; write {int(digits, 8)}, which is {int(digits, 8):#o} in octal"


def _number(text: str) -> str:
    """`64M` as other programs take it, and numbers in quotes."""
    digits, unit = text.upper().removesuffix("B").removesuffix("I"), 1
    if digits[-1:] in _UNITS:
        digits, unit = digits[:-1], _UNITS[digits[-1]]
    if not (digits.isascii() and digits.isdigit() and len(digits) < _DIGITS):
        return ""
    return f"; write {int(digits) * unit}" + (", in bytes" if unit > 1 else ", without quotes")


def phrase(schema: Any) -> str:
    """The demand of a schema, as `words.line` takes it."""
    if not isinstance(schema, dict):
        return "something else"
    if "title" in schema:
        return str(schema["title"])
    if "enum" in schema:
        return "one of " + ", ".join(filter(None, schema["enum"]))
    if "minimum" in schema and "maximum" in schema:
        return f"an integer from {schema['minimum']} to {schema['maximum']}"
    return _TYPES.get(schema.get("type", ""), "a value of its schema")
