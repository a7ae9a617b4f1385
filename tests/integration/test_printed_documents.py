"""Every JSON document that a command prints, and what hooks read, follows its schema in schemas/."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from helpers.bundle import Bundle
from helpers.runtime import TIME_LIMIT, Container, Runtime
from helpers.schemas import SCHEMAS, valid

HOOKS = {
    "prestart": "creating",
    "createRuntime": "creating",
    "createContainer": "creating",
    "startContainer": "created",
    "poststart": "running",
    "poststop": "stopped",
}
FIELDS = {"ociVersion", "id", "pid", "status", "bundle", "rootfs", "created", "owner"}
ANNOTATIONS: list[dict[str, str] | None] = [{"com.example.key": "välue"}, {}, None]


@pytest.fixture(autouse=True)
def _pyoci_only(runtime: Runtime) -> None:
    if not runtime.is_pyoci:
        pytest.skip("the schemas are pyoci's")


def printed(runtime: Runtime, name: str, *words: str) -> Any:
    """What the command prints, which must follow the schema `name`."""
    return valid(json.loads(runtime.expect(*words).stdout), name)


def test_every_schema_has_a_test() -> None:
    text = Path(__file__).read_text()
    for name in SCHEMAS.keys() - {"config"}:
        assert f'"{name}"' in text, name


def annotate(bundle: Bundle, annotations: dict[str, str] | None) -> set[str]:
    """The fields that each state must then have."""
    bundle.config.pop("annotations", None)
    if annotations is not None:
        bundle.config["annotations"] = annotations
    return FIELDS | ({"annotations"} if annotations else set())


@pytest.mark.parametrize("annotations", ANNOTATIONS)
def test_state_in_each_status(runtime: Runtime, bundle: Bundle, annotations: dict[str, str] | None) -> None:
    fields = annotate(bundle, annotations)
    bundle.sleeps()
    container = runtime.create(bundle)

    def expect(status: str, has_pid: bool = True) -> None:
        state = printed(runtime, "state", "state", container.id)
        assert (state["status"], set(state)) == (status, fields)
        assert bool(state["pid"]) == has_pid
        [line] = json.loads(runtime.expect("list", "-f", "json").stdout)
        valid(line, "state")
        assert {**line, "owner": ""} == state
        assert line["owner"] == "root"

    expect("created")
    container.start()
    expect("running")
    runtime.expect("pause", container.id)
    expect("paused")
    runtime.expect("resume", container.id)
    container.kill("KILL")
    container.wait()
    expect("stopped", has_pid=False)


@pytest.mark.parametrize("annotations", ANNOTATIONS)
def test_all_hooks_read_the_same_fields_as_state(
    runtime: Runtime, bundle: Bundle, annotations: dict[str, str] | None
) -> None:
    fields = annotate(bundle, annotations)
    for kind in HOOKS:
        bundle.hook(kind, f"cat > {'' if kind == 'startContainer' else bundle.rootfs}/{kind}")
    bundle.sleeps()
    container = runtime.start(bundle)
    state = container.state()
    container.kill("KILL")
    container.wait()
    container.delete()
    for kind, status in HOOKS.items():
        read = valid(json.loads((bundle.rootfs / kind).read_text()), "state")
        assert (read["status"], set(read)) == (status, fields), kind
        assert list(read) == list(state), kind
        changing = {"pid": read["pid"], "status": status}
        assert read == {**state, **changing}, kind
        # inside, as the container counts; afterwards the number may be another's
        pid = 1 if kind in ("createContainer", "startContainer") else 0 if kind == "poststop" else container.pid
        assert read["pid"] == pid, kind


def test_poststop_of_a_container_whose_creation_failed(runtime: Runtime, bundle: Bundle) -> None:
    bundle.hook("createRuntime", "exit 1")
    bundle.hook("poststop", f"cat > {bundle.rootfs}/poststop")
    runtime.refuses(bundle)
    read = valid(json.loads((bundle.rootfs / "poststop").read_text()), "state")
    assert (read["status"], read["pid"], set(read)) == ("stopped", 0, FIELDS)


@pytest.fixture
def running(runtime: Runtime, bundle: Bundle) -> Container:
    bundle.sh("head -c 100000 /dev/zero > /file; sleep 100")
    return runtime.start(bundle)


def test_statistics(runtime: Runtime, running: Container) -> None:
    assert printed(runtime, "events", "events", "--stats", running.id)["type"] == "stats"


def test_events(runtime: Runtime, running: Container) -> None:
    watching = runtime.popen("events", "--interval", "50ms", running.id, stdout=-1)
    assert watching.stdout is not None
    lines = [watching.stdout.readline() for _ in range(2)]
    running.kill("KILL")
    rest, _ = watching.communicate(timeout=TIME_LIMIT)
    for line in lines + rest.splitlines():
        valid(json.loads(line), "events")


def test_processes(runtime: Runtime, running: Container) -> None:
    assert running.pid in printed(runtime, "ps", "ps", "-f", "json", running.id)


def test_what_containers_use(runtime: Runtime, running: Container) -> None:
    document = printed(runtime, "top", "top", "--json", "--once", "--interval", "100ms")
    assert [row["id"] for row in document["containers"]] == [running.id]


def test_features(runtime: Runtime) -> None:
    printed(runtime, "features", "features")


def test_what_the_host_can_do(runtime: Runtime) -> None:
    # it loads every library and asks every engine; emulated, that takes a minute
    valid(json.loads(runtime.expect("doctor", "--json", limit=180.0).stdout), "doctor")


def test_explanation(runtime: Runtime, bundle: Bundle) -> None:
    bundle.write()
    printed(runtime, "explain", "explain", "--json", str(bundle.path))


def test_a_specification_is_a_config(runtime: Runtime, bundle: Bundle) -> None:
    runtime.expect("spec", "--bundle", str(bundle.path), "--file", "other.json")
    valid(json.loads((bundle.path / "other.json").read_text()), "config")
