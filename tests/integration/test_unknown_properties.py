"""A property that the specification has not, in each document that a command reads: named, and no error (config.md)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from helpers.bundle import Bundle
from helpers.runtime import Container, Runtime

pytestmark = pytest.mark.beyond_runc("runc ignores what it does not know")
PROCESS = {"cwd": "/", "args": ["/bin/true"], "user": {"uid": 0, "gid": 0}}
MOUNT = {"destination": "/mnt", "type": "tmpfs", "source": "tmpfs"}
NO_SUCH = "the specification has no such property"
# the command, its document, and the end of the warning
DOCUMENTS: list[tuple[list[str], Any, str]] = [
    (["update", "--resources", "FILE", "ID"], {"pidz": {}}, f"/pidz: {NO_SUCH}; did you mean pids?"),
    (["update", "--resources", "FILE", "ID"], {"cpu": {"share": 9}}, f"/cpu/share: {NO_SUCH}; did you mean shares?"),
    (["exec", "--process", "FILE", "ID"], PROCESS | {"Env": []}, f"/Env: {NO_SUCH}; did you mean env?"),
    (
        ["exec", "--process", "FILE", "ID"],
        PROCESS | {"user": {"uid": 0, "gid": 0, "name": "x"}},
        f"/user/name: {NO_SUCH}",
    ),
    (
        ["exec", "--process", "FILE", "ID"],
        PROCESS | {"rlimits": [{"type": "RLIMIT_CORE", "soft": 0, "hard": 0, "max": 1}]},
        f"/rlimits/0/max: {NO_SUCH}",
    ),
    (
        ["mounts", "add", "ID", "FILE"],
        [MOUNT | {"option": ["ro"]}],
        f"/mounts/0/option: {NO_SUCH}; did you mean options?",
    ),
]


@pytest.fixture
def container(runtime: Runtime, bundle: Bundle) -> Container:
    bundle.sleeps()
    return runtime.start(bundle)


def words(container: Container, scratch: Path, command: list[str], document: Any) -> list[str]:
    file = scratch / "document.json"
    file.write_text(json.dumps(document))
    return [{"FILE": str(file), "ID": container.id}.get(word, word) for word in command]


@pytest.mark.parametrize(
    ("command", "document", "said"), DOCUMENTS, ids=lambda value: value if type(value) is str else ""
)
def test_it_is_named_and_the_rest_done(
    container: Container, scratch: Path, command: list[str], document: Any, said: str
) -> None:
    result = container.runtime.expect(*words(container, scratch, command, document))
    assert result.stderr == f"pyoci: warning: {said}\n"


@pytest.mark.parametrize(
    ("command", "document"),
    [
        (["update", "--resources", "FILE", "ID"], {"pids": {"limit": 9}}),
        (["exec", "--process", "FILE", "ID"], PROCESS | {"capabilities": {"bounding": []}, "scheduler": None}),
        (["mounts", "add", "ID", "FILE"], {"mounts": [MOUNT]}),
    ],
)
def test_nothing_is_said_of_known_ones(container: Container, scratch: Path, command: list[str], document: Any) -> None:
    assert container.runtime.expect(*words(container, scratch, command, document)).stderr == ""


def test_create_is_silent_and_validate_tells(runtime: Runtime, bundle: Bundle) -> None:
    """Engines write config.json, and may be newer than the runtime."""
    bundle.config["hostName"] = "x"
    assert runtime.run(bundle).stderr == ""
    assert f"/hostName: {NO_SUCH}; did you mean hostname?" in runtime.expect("validate", str(bundle.path)).stdout
