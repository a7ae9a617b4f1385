"""The schemas of schemas/, and what is wrong with a document by one of them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from jsonschema import Draft7Validator, validators
from jsonschema.exceptions import ValidationError
from referencing import Registry
from referencing.jsonschema import DRAFT7

SCHEMAS: dict[str, Any] = {
    path.stem: json.loads(path.read_text()) for path in (Path(__file__).resolve().parents[2] / "schemas").glob("*.json")
}


def errors(document: object, name: str) -> list[ValidationError]:
    return list(_validator(name).iter_errors(document))


def place(error: ValidationError) -> str:
    """The JSON pointer of a value that is wrong, or missing."""
    missing = [error.message.split("'")[1]] if error.validator == "required" else []
    return "".join(f"/{part}" for part in [*error.absolute_path, *missing])


def valid(document: Any, name: str) -> Any:
    """The document, which must follow the schema."""
    _validator(name).validate(document)
    return document


def _pattern(validator: Any, pattern: str, instance: object, schema: object) -> Any:
    del schema
    # JSON Schema's `$` is the end; Python's also stands before a final newline.
    if validator.is_type(instance, "string") and not re.search(pattern.replace("$", r"\Z"), str(instance)):
        yield ValidationError(f"{instance!r} does not match {pattern!r}")


def _validator(name: str) -> Any:
    return validator({"$ref": f"{name}.json"})


def validator(schema: Any) -> Any:
    """jsonschema's, with the types of the specification's Go decoders: 1.0 is not an integer."""
    types = Draft7Validator.TYPE_CHECKER.redefine("integer", lambda _checker, value: type(value) is int)
    extend: Any = validators.extend
    # Their $schema would bring back the plain Draft7Validator behind each $ref.
    bare = {
        f"{name}.json": {key: part for key, part in all_.items() if key != "$schema"} for name, all_ in SCHEMAS.items()
    }
    registry: Any = Registry().with_resources((name, DRAFT7.create_resource(part)) for name, part in bare.items())
    return extend(Draft7Validator, {"pattern": _pattern}, type_checker=types)(schema, registry=registry)
