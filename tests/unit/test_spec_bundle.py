"""Finding, reading and checking a bundle's config.json, and the words of a refusal."""

from __future__ import annotations

import json
import os
import posix
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from helpers.schemas import SCHEMAS

from pyoci.errors import ConfigError
from pyoci.spec import bundle, template
from pyoci.spec.explain import explain
from pyoci.spec.words import line, pointer, show

NO_NAMES = {
    "ociVersion": "1.0.0",
    "linux": {"seccomp": {"defaultAction": "SCMP_ACT_LOG", "syscalls": [{"names": [], "action": "SCMP_ACT_LOG"}]}},
}
MINIMAL: dict[str, Any] = {"ociVersion": "1.0.0", "root": {"path": "rootfs"}}


def write(folder: Path, document: Any) -> Path:
    text = document if isinstance(document, bytes) else json.dumps(document).encode()
    (folder / "config.json").write_bytes(text)
    return folder


def refused(folder: Path) -> str:
    with pytest.raises(ConfigError) as raised:
        bundle.load(str(folder))
    return str(raised.value)


def test_load(tmp_path: Path) -> None:
    config, data = bundle.load(str(write(tmp_path, MINIMAL)))
    assert config == MINIMAL
    assert data == json.dumps(MINIMAL).encode()


def test_a_member_that_is_null_is_absent(tmp_path: Path) -> None:
    process = {"cwd": "/", "args": ["a"], "capabilities": None, "user": {"uid": 0, "gid": 0, "additionalGids": None}}
    mounts = [{"destination": "/proc", "options": None}]
    linux = {"resources": {"devices": None, "memory": {"swappiness": None}}, "seccomp": None}
    config, data = bundle.load(
        str(write(tmp_path, {**MINIMAL, "process": process, "mounts": mounts, "hooks": None, "linux": linux}))
    )
    assert config == {
        **MINIMAL,
        "process": {"cwd": "/", "args": ["a"], "user": {"uid": 0, "gid": 0}},
        "mounts": [{"destination": "/proc"}],
        "linux": {"resources": {"memory": {}}},
    }
    assert json.loads(data) == config


@pytest.mark.parametrize(
    "change", [{"ociVersion": None}, {"mounts": [None]}, {"process": {"cwd": "/", "args": [None]}}]
)
def test_null_is_no_value(tmp_path: Path, change: dict[str, Any]) -> None:
    assert refused(write(tmp_path, {**MINIMAL, **change}))


def test_load_follows_a_link_to_a_file(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    write(tmp_path / "other", MINIMAL)
    (tmp_path / "config.json").symlink_to("other/config.json")
    assert bundle.load(str(tmp_path))[0] == MINIMAL


def test_no_bundle_and_no_config(tmp_path: Path) -> None:
    assert refused(tmp_path).startswith(
        f"read {tmp_path}/config.json: no such file or directory (ENOENT); a bundle holds"
    )
    assert "no such file or directory" in refused(tmp_path / "absent")
    assert "NUL" in refused(Path("/tmp/a\0b"))


@pytest.mark.parametrize("kind", ["directory", "socket", "device"])
def test_only_a_file_or_a_pipe_is_read(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "config.json"
    if kind == "directory":
        path.mkdir()
    elif kind == "device":
        path.symlink_to("/dev/zero")
    else:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))
    assert refused(tmp_path) == f"read {path}: must be a file or a pipe"


def test_a_pipe_is_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    os.mkfifo(path)
    writer = threading.Thread(target=lambda: path.write_text(json.dumps(MINIMAL)))
    writer.start()
    assert bundle.load(str(tmp_path))[0] == MINIMAL
    writer.join()


def test_a_pipe_is_read_up_to_a_size() -> None:
    reader, writer = os.pipe()
    os.write(writer, b" " * 200)  # and its writer goes on, for all that the reader knows
    with pytest.raises(ConfigError, match="larger than 99 bytes"):
        bundle.read_file(f"/dev/fd/{reader}", limit=99)
    os.close(reader)
    os.close(writer)


@pytest.mark.parametrize("kind", ["fifo", "device"])
def test_a_file_that_is_replaced_while_it_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    path = write(tmp_path, b"{}") / "config.json"
    real = os.stat(path)
    path.unlink()
    if kind == "fifo":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/null")
    monkeypatch.setattr(posix, "stat", lambda _path: real)
    assert refused(tmp_path) == f"read {path}: it was replaced meanwhile"


def test_file_that_says_it_is_empty_is_read(tmp_path: Path) -> None:
    (tmp_path / "config.json").symlink_to("/proc/self/status")
    assert "not JSON" in refused(tmp_path)


def test_size_limit(tmp_path: Path) -> None:
    path = str(write(tmp_path, b" " * 100) / "config.json")
    assert len(bundle.read_file(path, limit=100)) == 100
    with pytest.raises(ConfigError, match="larger than 99 bytes"):
        bundle.read_file(path, limit=99)


def test_huge_file_is_refused(tmp_path: Path) -> None:
    with open(tmp_path / "config.json", "wb") as file:
        file.truncate(1 << 40)
    assert "larger than 16777216 bytes" in refused(tmp_path)


@pytest.mark.parametrize("document", [[], "x", 1, None, True])
def test_not_an_object(tmp_path: Path, document: Any) -> None:
    message = refused(write(tmp_path, document))
    assert message == f"the document: must be a container configuration, not {show(document)}"


@pytest.mark.parametrize("data", [b"", b"{", b"\xff", b"[" * 100_000, b'{"a":1,"a":1}'])
def test_not_json(tmp_path: Path, data: bytes) -> None:
    assert refused(write(tmp_path, data)).startswith(f"{tmp_path}/config.json: ")


def test_every_problem_is_told(tmp_path: Path) -> None:
    process = {
        "cwd": "tmp",
        "user": {"uid": -1},
        "rlimits": [{"type": "RLIMIT_CORE", "soft": 1.0, "hard": True}],
    }
    with pytest.raises(ConfigError) as raised:
        bundle.load(str(write(tmp_path, {**MINIMAL, "ociVersion": "2.0.0", "root": {}, "process": process})))
    assert raised.value.problems == [
        '/ociVersion: must be a version 1.x.y (SemVer 2.0), not "2.0.0"',
        '/process/cwd: must be an absolute path, not "tmp"',
        "/process/rlimits/0/hard: must be an integer from 0 to 18446744073709551615, not true",
        "/process/rlimits/0/soft: must be an integer from 0 to 18446744073709551615, not 1.0",
        "/process/user/uid: must be an integer from 0 to 4294967295, not -1",
        "/root/path: is missing; it must be a string",
    ]


@pytest.mark.parametrize(
    ("kind", "document", "problem"),
    [
        ("process", {}, "/cwd: is missing; it must be an absolute path"),
        ("process", {"cwd": "/", "args": [1]}, '/args/0: must be a string, not 1; write "1"'),
        (
            "resources",
            {"memory": {"limit": -2}},
            "/memory/limit: must be a limit, not -2: an int64 from 0, or -1 for none",
        ),
        ("resources", {"unified": {"a/b~": 1}}, '/unified/a~1b~0: must be a string, not 1; write "1"'),
        (
            "config",
            {"ociVersion": "1.0.0", "windows": {"x": 1}},
            "/windows: must be left out: pyoci runs Linux containers",
        ),
        (
            "config",
            {"ociVersion": "1.0.0", "annotations": {"": "x"}},
            "/annotations: must not have an empty key",
        ),
        (
            "config",
            NO_NAMES,
            "/linux/seccomp/syscalls/0/names: must be at least one name of a system call, not an empty array",
        ),
        (
            "config",
            {"ociVersion": "1.0.0", "linux": {"seccomp": {}}},
            "/linux/seccomp/defaultAction: is missing; it must be one of "
            + ", ".join(SCHEMAS["config"]["definitions"]["seccompAction"]["enum"]),
        ),
    ],
    ids=range(8),
)
def test_explanation(kind: str, document: Any, problem: str) -> None:
    assert [words for _, words in explain(document, kind)] == [problem]
    with pytest.raises(ConfigError) as raised:
        bundle.check_document(document, kind)
    assert raised.value.problems == [problem]


def test_unknown_properties_are_ignored(tmp_path: Path) -> None:
    config = template.default("1.0.0")
    for section in (config, config["process"], config["root"], config["linux"], config["mounts"][0]):
        section["com.example.unknown"] = {"x": [1.5, None, 1e3]}
    assert bundle.load(str(write(tmp_path, config)))[0] == config


@pytest.mark.parametrize("version", ["1.0.0", "1.0.2-dev", "1.1.0-rc.2", "1.2.1+dev", "1.3.0", "1.99.0"])
def test_version_of_our_major(version: str) -> None:
    bundle.check_document({"ociVersion": version}, "config")


@pytest.mark.parametrize("version", ["", "1", "1.0", "v1.0.0", "2.0.0", "0.9.0", "01.0.0", "1.0.0\n", "1.0.0-", 1])
def test_version_of_another_major_or_none(version: Any) -> None:
    with pytest.raises(ConfigError, match="/ociVersion"):
        bundle.check_document({"ociVersion": version}, "config")


def test_without_jsonschema_a_problem_is_told_but_not_where(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jsonschema", None)
    monkeypatch.setitem(sys.modules, "jsonschema.exceptions", None)
    with pytest.raises(ConfigError, match=r"^config: not what its schema asks for; with jsonschema installed"):
        bundle.check_document({"ociVersion": "1.0.0", "process": {}}, "config")


def test_valid_config_imports_neither_jsonschema_nor_re(tmp_path: Path) -> None:
    write(tmp_path, template.default("1.3.0"))
    code = f"""
import sys
sys.path.insert(0, {str(Path(bundle.__file__).parents[2])!r})
from pyoci.spec import bundle, rules
config, _ = bundle.load({str(tmp_path)!r})
assert rules.check(config) == []
print([name for name in ("re", "enum", "typing", "json", "jsonschema", "functools") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({}, "an empty object"),
        ({"a": 1}, "an object"),
        ([], "an empty array"),
        ([1], "[1]"),
        (["x" * 100], "an array"),
        (None, "null"),
        ("\udcff", "'\\udcff'"),
        ("\0😀", '"\\u0000\\ud83d\\ude00"'),
        ("é\n", '"\\u00e9\\n"'),
        ("x" * 100, '"' + "x" * 76 + "..."),
    ],
)
def test_show(value: Any, words: str) -> None:
    assert show(value) == words


LINES = {
    ('"tmp"', "an absolute path"): 'must be an absolute path, not "tmp"',
    ("", "an absolute path"): "is missing; it must be an absolute path",
    ("-2", "a limit: an int64 from 0, or -1 for none"): "must be a limit, not -2: an int64 from 0, or -1 for none",
    ("an object", "a string"): "must be a string, not an object",
    ('"x"', "needs a uts namespace"): 'needs a uts namespace (it is "x")',
    ("", "must map id 0 at least: the user namespace is new"): (
        "is missing; it must map id 0 at least: the user namespace is new"
    ),
    ("5", "must be left out with SCMP_ACT_ALLOW"): "must be left out with SCMP_ACT_ALLOW (it is 5)",
    ("an object", "must be left out: pyoci runs Linux containers"): "must be left out: pyoci runs Linux containers",
    ('"proc"', "should be an absolute path: why"): 'should be an absolute path, not "proc": why',
    ('"krun"', "is ignored: why"): 'is ignored (it is "krun"): why',
}


@pytest.mark.parametrize(("value", "requirement"), LINES)
def test_line(value: str, requirement: str) -> None:
    assert line("/place", value, requirement) == f"/place: {LINES[value, requirement]}"


def test_line_and_pointer() -> None:
    assert pointer(["linux", "sysctl", "a/b~c", 0]) == "/linux/sysctl/a~1b~0c/0"
    assert line("", "1", "an object") == "the document: must be an object, not 1"
