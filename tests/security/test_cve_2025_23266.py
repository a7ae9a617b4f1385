"""CVE-2025-23266 (NVIDIA's hooks): a hook of the host runs with the environment, or in the folder, of the image.

LD_PRELOAD=./evil.so of an image then runs as root on the host.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from helpers.bundle import Bundle
from helpers.runtime import Runtime

HOST = ["prestart", "createRuntime", "createContainer", "poststart", "poststop"]


@pytest.mark.parametrize("kind", HOST)
def test_a_hooks_environment_is_its_own(runtime: Runtime, bundle: Bundle, scratch: Path, kind: str) -> None:
    bundle.process["env"] += [
        "LD_PRELOAD=./evil.so",
        "LD_LIBRARY_PATH=.",
        "BASH_ENV=./evil",
        "ENV=./evil",
        "PYTHONPATH=.",
    ]
    bundle.config["hooks"] = {
        kind: [
            {
                "path": "/bin/sh",
                "args": [
                    "sh",
                    "-c",
                    f"tr '\\0' '\\n' < /proc/self/environ > {scratch}/environment; pwd > {scratch}/folder",
                ],
                "env": ["PATH=/usr/bin:/bin", "OWN=1"],
            }
        ]
    }
    container = runtime.create(bundle, env={"PATH": "/usr/bin:/bin", "SECRET_OF_THE_CALLER": "1"})
    container.exits()
    container.delete()
    names = {line.partition("=")[0] for line in (scratch / "environment").read_text().splitlines()}
    assert names - {"PWD", "OLDPWD", "SHLVL", "_"} == {"OWN", "PATH"}  # a shell has its own


@pytest.mark.parametrize("kind", HOST)
def test_a_hook_without_an_environment_has_none(runtime: Runtime, bundle: Bundle, scratch: Path, kind: str) -> None:
    bundle.process["env"] += ["LD_PRELOAD=./evil.so"]
    bundle.config["hooks"] = {
        kind: [{"path": "/bin/busybox", "args": ["sh", "-c", f"cat /proc/self/environ > {scratch}/environment"]}]
    }
    container = runtime.create(bundle)
    container.exits()
    container.delete()
    assert "LD_" not in (scratch / "environment").read_text()


def test_the_state_on_stdin_cannot_be_forged(runtime: Runtime, bundle: Bundle, scratch: Path) -> None:
    """Annotations come from the image: they stay strings in one document."""
    evil = '","pid":1,"bundle":"/"}{"pid":1}\n{"pid":1}'
    bundle.config["annotations"] = {"a": evil, 'b","pid":1,"c': "d"}
    bundle.hook("createContainer", f"cat > {scratch}/document")
    container = runtime.create(bundle)
    document = json.loads((scratch / "document").read_text())
    assert document["annotations"] == bundle.config["annotations"]
    assert document["bundle"] == str(bundle.path)
    assert document["id"] == container.id
