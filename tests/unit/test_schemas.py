"""Our schemas against the specification's, and the generated checks against our schemas."""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Callable, Iterator
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import Any

import pytest
from helpers import fake_init, schemas, whole_config
from helpers.schema_documents import documents
from helpers.schemas import SCHEMAS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft4Validator, Draft7Validator, validators
from referencing import Registry
from referencing.jsonschema import DRAFT4

from pyoci.errors import ConfigError
from pyoci.spec import patterns
from pyoci.spec.bundle import check_document
from pyoci.spec.explain import explain
from pyoci.state.model import document

ROOT = Path(__file__).resolve().parent.parent.parent
UPSTREAM = ROOT.parent / "shared" / "oci" / "schema"
needs_upstream = pytest.mark.skipif(
    not UPSTREAM.is_dir(),
    reason="the specification's schemas are not beside this checkout (../shared/oci/schema)",
)
UPSTREAM_NAMES = {
    "config": "config-schema.json",
    "state": "state-schema.json",
    "features": "features-schema.json",
}
several = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))

# Where our verdict is stricter than that of the specification's own schemas, and why. A place is a pattern
# for the JSON pointer; nothing else may differ, and nothing may be laxer.
STRICTER = {
    "config": {
        r"/ociVersion": "config.md: SemVer 2.0; a runtime takes its own major version only",
        r"/(freebsd|solaris|vm|windows|zos)": "runtime.md: an error for what cannot be applied; Linux only",
        r"/annotations": "config.md: keys MUST NOT be an empty string",
        r"/annotations/\n?": "config.md: values MUST be strings; the pattern .{1,} leaves these keys out",
        r"/linux/(sysctl|resources/unified)/\n?": "the same pattern: a value of an odd key is a string, too",
        r"/process/cwd": "config.md: MUST be an absolute path",
        r"/process/user/[ug]id": "config.md: REQUIRED",
        r"/process/user/umask": "umask(2) drops bits above 0777 silently",
        r"/process/oomScoreAdj": "proc(5): -1000 to 1000",
        r"/process/ioPriority/priority": "config.md: REQUIRED, from 0 to 7",
        r"/process/rlimits/\d+/type": "config.md: an error for what the kernel does not have",
        r"/hooks/\w+/\d+/path": "config.md: MUST be absolute",
        r"/linux/namespaces/\d+/path": "config-linux.md: MUST be an absolute path",
        r"/linux/(masked|readonly)Paths/\d+": "config-linux.md: MUST be absolute paths",
        r"/linux/devices/\d+/path": "config-linux.md: full path to device inside container",
        r"/linux/personality/domain": "config-linux.md: REQUIRED",
        r"/linux/memoryPolicy/mode": "config-linux.md: REQUIRED",
        r"/linux/intelRdt/schemata/\d+": "config-linux.md: MUST NOT contain newlines",
        r"/linux/resources/memory/\w+": "config-linux.md: bytes or -1; swappiness is from 0 to 100",
        r"/linux/resources/pids/limit": "config-linux.md: a number of tasks, or -1",
        r"/linux/resources/cpu/idle": "config-linux.md: 0 or 1",
        r"/linux/resources/devices/\d+/type": "config-linux.md: a, c or b",
        r"/linux/resources/devices/\d+/access": "config-linux.md: a composition of r, w and m",
        r"/linux/resources/devices/\d+/m(aj|in)or": "numbers are not negative; engines write -1 for all",
        r"/linux/resources/blockIO/throttle\w+/\d+/rate": "config-linux.md: REQUIRED",
        r"/linux/seccomp/syscalls/\d+/args/\d+/index": "a system call has six arguments",
    },
    "state": {
        r"/bundle": "runtime.md: the absolute path to the bundle",
        r"/pid": "runtime.md: REQUIRED when status is created or running",
        r"/(rootfs|created|owner)": "not in the specification, and strings, as runc prints them",
        r"/annotations": "config.md: keys MUST NOT be an empty string",
        r"/annotations/\n?": "config.md: values MUST be strings",
    },
    "features": {
        r"/annotations": "config.md: keys MUST NOT be an empty string",
        r"/annotations/\n?": "config.md: values MUST be strings",
        r"/linux/memoryPolicy.*": "features-linux.md has it, the schema not yet",
        r"/linux/intelRdt/(schemata|monitoring)": "features-linux.md has it, the schema not yet",
    },
}

# The two places where ours are laxer: the specification's schema takes permissions only (511 at most), its text a
# uint32, and podman --device and --privileged write the whole of st_mode; its text allows for more values of status.
MODE, PAUSED = "fileMode", "paused"


def as_upstream(document: Any) -> Any:
    """`document` with what only ours let through taken out."""
    if isinstance(document, list):
        return [as_upstream(item) for item in document]
    if not isinstance(document, dict):
        return document
    return {
        key: value & 0o777
        if key == MODE and type(value) is int and 0 <= value < 1 << 16
        else "running"
        if (key, value) == ("status", PAUSED)
        else as_upstream(value)
        for key, value in document.items()
    }


def problems(document: object, kind: str) -> list[tuple[str, str]]:
    """Pointer and line of what our schema refuses."""
    if kind in ("state", "features"):
        return [(schemas.place(error), error.message) for error in schemas.errors(document, kind)]
    return [("".join(f"/{part}" for part in path), line) for path, line in explain(document, kind)]


def is_valid(document: object, kind: str) -> bool:
    """The verdict of the generated check, where there is one."""
    if kind in ("state", "features"):
        return not problems(document, kind)
    try:
        check_document(document, kind)
    except ConfigError:
        return False
    return True


class Upstream:
    """The specification's schemas: draft 4, in files that refer to each other."""

    def __init__(self) -> None:
        self.files = {path.name: json.loads(path.read_text()) for path in UPSTREAM.glob("*.json")}
        registry: Any = Registry()
        for name, schema in self.files.items():
            bare = {key: value for key, value in schema.items() if key != "$schema"}
            registry = registry.with_resource(name, DRAFT4.create_resource(bare))
        # $ is the end of the text in the specification's Go validator, and may precede a newline in Python's.
        self.validator: Any = validators.extend(Draft4Validator, {"pattern": ends_at_the_end})  # type: ignore[no-untyped-call]
        self.registry = registry

    def is_valid(self, document: object, kind: str) -> bool:
        reference = {"$ref": UPSTREAM_NAMES[kind]}
        verdict: bool = self.validator(reference, registry=self.registry).is_valid(as_upstream(document))
        return verdict

    def resolve(self, name: str, reference: str) -> tuple[str, Any]:
        return resolve(self.files, name, reference)


def ends_at_the_end(validator: Any, pattern: str, instance: object, schema: object) -> Any:
    strict = pattern.replace("$", r"\Z")
    return Draft4Validator.VALIDATORS["pattern"](validator, strict, instance, schema)


def resolve(files: dict[str, Any], name: str, reference: str) -> tuple[str, Any]:
    file, _, path = reference.partition("#")
    schema = files[file or name]
    for part in path.strip("/").split("/") if path.strip("/") else ():
        schema = schema[part]
    return file or name, schema


def without_other_platforms(files: dict[str, Any]) -> dict[str, Any]:
    """Hypothesis need not make the sections that we refuse as a whole; fixtures have them."""
    schema = dict(files["config-schema.json"])
    others = ("solaris", "windows", "vm", "zos", "freebsd")
    schema["properties"] = {key: value for key, value in schema["properties"].items() if key not in others}
    return schema


def assert_same_verdict(document: object, kind: str, upstream: bool) -> None:
    ours = problems(document, kind)
    assert is_valid(document, kind) == (not ours), "the generated check and jsonschema disagree"
    if not upstream:
        assert ours or is_known_to_be_laxer(document, kind), "laxer than the specification's schema"
        return
    for where, line in ours:
        assert any(re.fullmatch(known, where) for known in STRICTER[kind]), f"stricter, and no reason known: {line}"


def is_known_to_be_laxer(document: Any, kind: str) -> bool:
    """runtime.md, "State": "Additional values MAY be defined by the runtime"; the specification's schema has none."""
    return kind == "state" and document["status"] == "paused"


@pytest.fixture(scope="module")
def upstream() -> Upstream:
    return Upstream()


def fixtures(kind: str) -> list[Any]:
    return [
        pytest.param(path, id=f"{path.parent.name}-{path.stem}")
        for path in sorted((UPSTREAM / "test" / kind).glob("*/*.json"))
    ] or [pytest.param(UPSTREAM, id="none is here")]  # the test is skipped then, with the reason


@needs_upstream
@pytest.mark.parametrize("path", fixtures("config"))
def test_config_fixture_has_the_specifications_verdict(path: Path, upstream: Upstream) -> None:
    check_fixture(path, "config", upstream)


@needs_upstream
@pytest.mark.parametrize("path", fixtures("state"))
def test_state_fixture_has_the_specifications_verdict(path: Path, upstream: Upstream) -> None:
    check_fixture(path, "state", upstream)


@needs_upstream
@pytest.mark.parametrize("path", fixtures("features"))
def test_features_fixture_has_the_specifications_verdict(path: Path, upstream: Upstream) -> None:
    check_fixture(path, "features", upstream)


def check_fixture(path: Path, kind: str, upstream: Upstream) -> None:
    from pyoci import jsontext

    good = path.parent.name == "good"
    try:
        document = jsontext.loads(path.read_bytes(), what=path.name)
    except ConfigError:
        assert not good
        return
    assert upstream.is_valid(document, kind) == good
    assert_same_verdict(document, kind, good)
    # The named cases among the fixtures: sections of other platforms, and spec-example.json, a version 0.5.
    other_platform = {"freebsd", "solaris", "vm", "windows", "zos"} & document.keys()
    other_major = kind == "config" and not document["ociVersion"].startswith("1.")
    assert is_valid(document, kind) == (good and not other_platform and not other_major)


@pytest.mark.thorough
@needs_upstream
@several
@given(data=st.data())
def test_config_from_the_specifications_schema(data: st.DataObject, upstream: Upstream) -> None:
    document = data.draw(documents(without_other_platforms(upstream.files), upstream.resolve, "config-schema.json"))
    assert_same_verdict(document, "config", upstream.is_valid(document, "config"))


@pytest.mark.thorough
@needs_upstream
@several
@given(data=st.data(), section=st.sampled_from(["process", "linux", "mounts", "hooks", "annotations"]))
def test_config_section_from_the_specifications_schema(data: st.DataObject, section: str, upstream: Upstream) -> None:
    schema = upstream.files["config-schema.json"]["properties"][section]
    value = data.draw(documents(schema, upstream.resolve, "config-schema.json"))
    document = {"ociVersion": "1.2.0", section: value}
    assert_same_verdict(document, "config", upstream.is_valid(document, "config"))


@pytest.mark.thorough
@needs_upstream
@several
@given(data=st.data(), kind=st.sampled_from(["state", "features"]))
def test_state_and_features_from_the_specifications_schema(data: st.DataObject, kind: str, upstream: Upstream) -> None:
    name = UPSTREAM_NAMES[kind]
    document = data.draw(documents(upstream.files[name], upstream.resolve, name))
    assert_same_verdict(document, kind, upstream.is_valid(document, kind))


OWN_FILES = {f"{kind}.json": schema for kind, schema in SCHEMAS.items()}


@pytest.mark.thorough
@needs_upstream
@several
@given(data=st.data(), kind=st.sampled_from(["config", "state", "features"]))
def test_document_from_our_schema(data: st.DataObject, kind: str, upstream: Upstream) -> None:
    name = f"{kind}.json"
    document = data.draw(documents(SCHEMAS[kind], lambda *where: resolve(OWN_FILES, *where), name))
    assert_same_verdict(document, kind, upstream.is_valid(document, kind))


@pytest.mark.thorough
@several
@given(data=st.data(), kind=st.sampled_from(["config", "process", "resources", "linux"]))
def test_generated_check_agrees_with_jsonschema(data: st.DataObject, kind: str) -> None:
    definitions: Any = SCHEMAS["config"]["definitions"]
    schema = SCHEMAS["config"] if kind == "config" else definitions[kind]
    document = data.draw(documents(schema, lambda *where: resolve(OWN_FILES, *where), "config.json"))
    if kind == "linux":
        document, kind = {"ociVersion": "1.0.0", "linux": document}, "config"
    assert is_valid(document, kind) == (not problems(document, kind))


# Properties that the config of everything cannot have, and why.
NOT_OF_EVERYTHING = {
    **dict.fromkeys(("freebsd", "solaris", "vm", "windows", "zos"), "another platform"),
    **dict.fromkeys(("process/commandLine", "process/user/username", "linux/personality/flags"), "refused, or ignored"),
    **dict.fromkeys(
        (f"process/scheduler/{name}" for name in ("deadline", "period", "priority", "runtime")), "a policy"
    ),
    **dict.fromkeys((f"linux/resources/cpu/realtime{name}" for name in ("Period", "Runtime")), "of cgroup v1"),
    **dict.fromkeys((f"linux/resources/memory/{name}" for name in ("kernel", "kernelTCP", "swappiness")), "of v1"),
    "linux/namespaces/*/path": "a namespace that is there",
    "linux/seccomp/defaultErrnoRet": "of another default action",
}


def properties(schema: dict[str, Any], place: str = "") -> Iterator[str]:
    if "$ref" in schema:
        schema = SCHEMAS["config"]["definitions"][schema["$ref"].rpartition("/")[2]]
    for name, member in schema.get("properties", {}).items():
        yield f"{place}{name}"
        yield from properties(member, f"{place}{name}/")
    for members in ("items", "additionalProperties"):
        if isinstance(schema.get(members), dict):
            yield from properties(schema[members], f"{place}*/")


def values(value: Any, place: str = "") -> Iterator[str]:
    members = value.items() if isinstance(value, dict) else [("*", member) for member in value]
    for name, member in members:
        for step in (name, "*"):
            yield f"{place}{step}"
            if isinstance(member, dict | list):
                yield from values(member, f"{place}{step}/")


def test_the_config_of_everything_has_each_property() -> None:
    missing = {*properties(SCHEMAS["config"])} - {*values(whole_config.everything())}
    assert not missing ^ {*NOT_OF_EVERYTHING}, (
        f"{missing ^ {*NOT_OF_EVERYTHING}}: into everything() of tests/helpers/whole_config.py, or with a reason into "
        "NOT_OF_EVERYTHING"
    )


@pytest.mark.parametrize("kind", SCHEMAS)
def test_schema_is_draft_7(kind: str) -> None:
    Draft7Validator.check_schema(SCHEMAS[kind])


def every_schema(schema: Any) -> list[dict[str, Any]]:
    found = [schema]
    for key in ("properties", "definitions"):
        for value in schema.get(key, {}).values():
            found += every_schema(value)
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            found += every_schema(schema[key])
    return found


@pytest.mark.parametrize("kind", ["config", "state", "features"])
def test_unknown_properties_are_allowed_everywhere(kind: str) -> None:
    for schema in every_schema(SCHEMAS[kind]):
        assert schema.get("additionalProperties", True) is not False


def generator() -> Any:
    loader = SourceFileLoader("generate_checks", str(ROOT / "hack" / "generate-checks"))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


def test_generated_files_are_up_to_date() -> None:
    made = generator().generate()
    for name, text in made.items():
        assert (ROOT / "pyoci" / "spec" / name).read_text() == text, f"run hack/generate-checks: {name}"
    assert {path.name for path in (ROOT / "pyoci" / "spec").glob("_generated*")} == set(made)


def test_generated_check_imports_nothing_but_patterns() -> None:
    text = (ROOT / "pyoci" / "spec" / "_generated_config.py").read_text()
    imports = re.findall(r"^\s*(?:from|import) (\S+)", text, re.MULTILINE)
    assert set(imports) == {"__future__", "pyoci.spec.patterns"}


NUMBER = {"type": "integer"}
UNKNOWN: dict[str, dict[str, Any]] = {
    "a keyword": {"type": "integer", "multipleOf": 2},
    "a keyword of an object": {"type": "object", "minProperties": 1},
    "a keyword of an array": {"type": "array", "items": NUMBER, "uniqueItems": True},
    "a choice": {"anyOf": [NUMBER, {"type": "string"}]},
    "a condition": {"type": "object", "if": {}, "then": {}},
    "a keyword beside a reference": {"$ref": "#/definitions/x", "minimum": 1},
    "a reference to another file": {"$ref": "state.json#/properties/pid"},
    "not, of something": {"not": {"type": "integer"}},
    "properties and others": {"type": "object", "properties": {"x": NUMBER}, "additionalProperties": NUMBER},
    "names only": {"type": "object", "propertyNames": {"minLength": 1}},
}


@pytest.mark.parametrize("schema", UNKNOWN.values(), ids=UNKNOWN)
def test_generator_refuses_what_it_does_not_know(schema: dict[str, Any]) -> None:
    module = generator()
    whole = {"type": "object", "properties": {"y": schema}, "definitions": {"x": NUMBER}}
    with pytest.raises(module.UnknownSchema):
        module.Checks(whole)
    with pytest.raises(module.UnknownSchema):
        module.Checks({"type": "object", "additionalProperties": schema, "definitions": {"x": NUMBER}})


DEFINITIONS: dict[str, Any] = {
    "number": {"type": "integer", "minimum": -1},
    "object": {"type": "object", "properties": {"x": {"$ref": "#/definitions/number"}}, "required": ["x"]},
}
SCALARS: list[dict[str, Any]] = [
    {"type": "boolean"},
    {"type": "string"},
    {"type": "integer"},
    {"type": "integer", "minimum": 1},
    {"type": "integer", "maximum": 7},
    {"type": "integer", "minimum": 0, "maximum": 1},
    {"type": "string", "enum": ["x", ""]},
    {"type": "string", "pattern": "^/"},
    {"type": "string", "minLength": 1},
    {"$ref": "#/definitions/number"},
]
VALUES = [True, None, -2, -1, 0, 1, 2, 7, 8, 1.0, "", "x", "/", [], {}, {"x": 1}, {"x": "y"}, [0], [1, 8], ["", "x"]]


def inside(schema: Any) -> list[tuple[Any, Callable[[Any], Any]]]:
    """Schemas with that one in a place where one may stand, and what makes a document of a value for it."""
    several = {"item": schema, "value": schema, "name": schema, "class": {"type": "array", "items": schema}}
    return [
        (schema, lambda value: value),
        ({"type": "array", "items": schema}, lambda value: [value]),
        ({"type": "array", "items": schema, "minItems": 2}, lambda value: [value]),
        ({"type": "object", "properties": {"x": schema, "y": schema}}, lambda value: {"x": value, "y": value}),
        ({"type": "object", "properties": {"x": schema}}, lambda value: {"y": value}),
        ({"type": "object", "properties": {"x": schema}, "required": ["x", "y"]}, lambda value: {"x": value}),
        ({"type": "object", "additionalProperties": schema}, lambda value: {"": value}),
        (
            {"type": "object", "propertyNames": {"minLength": 1}, "additionalProperties": schema},
            lambda value: {"": value},
        ),
        # loops in loops, and properties of which names of variables are made
        (
            {"type": "array", "items": {"type": "object", "properties": several, "required": ["name"]}},
            lambda value: [{"class": [value], "item": value, "name": value, "value": value}],
        ),
        (
            {
                "type": "array",
                "items": {"type": "object", "properties": {"a": {"type": "array", "items": schema}, **several}},
            },
            lambda value: [{"a": [value, value]}, {"value": value, "class": [value]}],
        ),
        (
            {"type": "object", "additionalProperties": {"type": "object", "additionalProperties": schema}},
            lambda value: {"a": {"b": value}, "c": {}},
        ),
    ]


PLACES = len(inside(NUMBER))


@pytest.mark.thorough
@pytest.mark.parametrize("second", range(PLACES))
@pytest.mark.parametrize("first", range(PLACES))
def test_generator_agrees_with_jsonschema(first: int, second: int) -> None:
    """Every keyword, alone and in two others that are one in another."""
    module = generator()
    for scalar in [*SCALARS, {"$ref": "#/definitions/object"}]:
        inner, put_in = inside(scalar)[first]
        outer, put_out = inside(inner)[second]
        whole = {"type": "object", "properties": {"x": outer}, "definitions": DEFINITIONS}
        names: dict[str, Any] = {}
        exec(compile(module.Checks(whole).source(), "generated", "exec"), names)  # noqa: S102  # it is what is tested
        judge = schemas.validator(whole)
        for value in VALUES:
            for whole_document in ({"x": value}, {"x": put_out(value)}, {"x": put_out(put_in(value))}):
                try:
                    names["check"](whole_document)
                    verdict = True
                except patterns.Mismatch:
                    verdict = False
                assert verdict == judge.is_valid(whole_document), (outer, whole_document)


def test_what_is_refused_altogether() -> None:
    properties = {"x": {"title": "nothing", "not": {}}, "y": NUMBER}
    names: dict[str, Any] = {}
    exec(generator().Checks({"type": "object", "properties": properties}).source(), names)  # noqa: S102
    names["check"]({"y": 1})
    with pytest.raises(patterns.Mismatch):
        names["check"]({"x": 1})


@pytest.mark.thorough
@pytest.mark.parametrize("expression", list(patterns.BY_EXPRESSION))
@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_pattern_function_is_its_expression(expression: str, data: st.DataObject) -> None:
    strict = expression.replace("$", r"\Z")
    text = data.draw(
        st.one_of(st.from_regex(strict), st.text("19.0+-aMKGB:_/rwm\n ,CAP\u0661", max_size=14), st.text(max_size=8))
    )
    assert patterns.BY_EXPRESSION[expression](text) == bool(re.search(strict, text))


@pytest.mark.parametrize("status", ["creating", "created", "running", "paused", "stopped"])
def test_every_state_that_is_printed_is_accepted(status: str) -> None:
    for notes in ({}, {"a": "b"}):
        schemas.valid(document(fake_init.state("x", pid=5, annotations=notes), status), "state")
    assert schemas.errors(document(fake_init.state("x", pid=5), "asleep"), "state")
