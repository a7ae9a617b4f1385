"""`mounts add` and `mounts remove`: the mounts of a running container."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers import sandbox
from helpers.bundle import Bundle, Config
from helpers.filtered import before_linux_6_18
from helpers.hostile import Outside, swapping
from helpers.leaks import children
from helpers.runtime import Container, Runtime, until
from helpers.stepped import Stepped

pytestmark = pytest.mark.beyond_runc("runc has no such command")
RELEASE = tuple(int(word) for word in os.uname().release.split("-")[0].split(".")[:2])


@pytest.fixture
def container(runtime: Runtime, bundle: Bundle) -> Container:
    bundle.sleeps()
    return runtime.start(bundle)


@pytest.fixture
def source(scratch: Path) -> Iterator[Path]:
    folder = scratch / "source"
    (folder / "sub").mkdir(parents=True)
    (folder / "fact").write_text("of the host")
    sandbox.mount("-t", "tmpfs", "tmpfs", folder / "sub")
    (folder / "sub/fact").write_text("below")
    yield folder
    sandbox.unmount(folder / "sub")


def bind(source: Path, destination: str, *options: str, how: str = "rbind") -> Config:
    return {"destination": destination, "source": str(source), "options": [how, *options]}


def change(container: Container, action: str, document: Any, **keywords: Any) -> str:
    """Standard error of a command that has to succeed."""
    file = container.runtime.place / "mounts.json"
    file.write_text(json.dumps(document))
    return container.runtime.expect("mounts", action, container.id, str(file), **keywords).stderr


def refused(container: Container, action: str, document: Any) -> str:
    before = container.proc("mountinfo")
    file = container.runtime.place / "mounts.json"
    file.write_text(json.dumps(document))
    words = container.runtime.fails("mounts", action, container.id, str(file))
    assert container.proc("mountinfo") == before
    return words


def inside(container: Container, script: str) -> str:
    result = container.exec("/bin/sh", "-c", script)
    assert result.status == 0, result.stderr
    return result.stdout.strip()


def recorded(container: Container) -> list[str]:
    config = json.loads((container.runtime.root / container.id / "config.json").read_text())
    return [entry["destination"] for entry in config["mounts"]]


@pytest.mark.parametrize("form", ["array", "object", "one"])
def test_the_forms_of_the_file(container: Container, source: Path, form: str) -> None:
    entry = bind(source, "/new/place")
    change(container, "add", {"array": [entry], "object": {"mounts": [entry]}, "one": entry}[form])
    assert inside(container, "cat /new/place/fact /new/place/sub/fact") == "of the hostbelow"
    assert recorded(container)[-1] == "/new/place"


def test_from_standard_input(container: Container, source: Path) -> None:
    file = container.runtime.place / "mounts.json"
    file.write_text(json.dumps([bind(source / "fact", "/etc/new")]))
    with open(file, "rb") as stdin:
        container.runtime.expect("mounts", "add", container.id, "-", stdin=stdin)
    assert inside(container, "cat /etc/new") == "of the host"


def test_add_then_remove(container: Container, source: Path) -> None:
    before, record = container.proc("mountinfo"), recorded(container)
    entries = [bind(source, "/mnt"), {"destination": "/mnt/sub", "type": "tmpfs", "source": "x", "options": ["ro"]}]
    change(container, "add", entries)
    assert "ro" in container.mounts()["/mnt/sub"].options
    change(container, "remove", entries)
    assert container.proc("mountinfo") == before
    assert recorded(container) == record
    assert (source / "sub/fact").read_text() == "below"


@pytest.mark.parametrize("user_namespace", [False, True])
def test_a_file_system_made_of_the_hosts_files(
    runtime: Runtime, bundle: Bundle, scratch: Path, user_namespace: bool
) -> None:
    """As with `create`, its paths are the host's."""
    for name in ("upper", "lower"):
        (scratch / name).mkdir()
        (scratch / name / name).write_text(name)
    if user_namespace:
        bundle.user_namespace()
    bundle.sleeps()
    container = runtime.start(bundle)
    layers = f"lowerdir={scratch}/upper:{scratch}/lower"
    entry = {"destination": "/opt/new", "type": "overlay", "source": "overlay", "options": [layers, "nosuid", "ro"]}
    before = Path("/proc/self/mountinfo").read_text()
    change(container, "add", [entry])
    assert inside(container, "cat /opt/new/upper /opt/new/lower") == "upperlower"
    assert container.mounts()["/opt/new"].kind == "overlay"
    change(container, "remove", [entry])
    assert "/opt/new" not in container.mounts()
    assert Path("/proc/self/mountinfo").read_text() == before


def test_no_file_of_the_container_is_taken_for_a_device_of_the_host(container: Container) -> None:
    """With CAP_MKNOD it could have made any disk of the host there."""
    inside(container, "echo of the container > /srv-disk")
    for source in ("/srv-disk", "srv-disk", "./srv-disk"):
        entry = {"destination": "/opt/new", "type": "ext4", "source": source}
        assert "no such file" in refused(container, "add", [entry])
    overlay = {"destination": "/opt/new", "type": "overlay", "source": "x", "options": ["lowerdir=/only:/here"]}
    inside(container, "mkdir /only /here")
    assert "no such file" in refused(container, "add", [overlay])


@pytest.mark.parametrize("user_namespace", [False, True])
@pytest.mark.parametrize("kind", ["tmpfs", "proc", "sysfs", "mqueue", "devpts"])
def test_new_file_systems(runtime: Runtime, bundle: Bundle, kind: str, user_namespace: bool) -> None:
    if user_namespace:
        bundle.user_namespace()
    bundle.sleeps()
    container = runtime.start(bundle)
    entry = {"destination": "/opt/new", "type": kind, "source": kind, "options": ["nosuid", "nodev"]}
    change(container, "add", [entry])
    mount = container.mounts()["/opt/new"]
    assert mount.kind == kind and {"nosuid", "nodev"} <= mount.options
    if kind == "proc":
        assert inside(container, "cat /opt/new/1/comm") == "sh"
    if kind == "sysfs":
        assert inside(container, "ls /opt/new/class/net") == "lo"
    if kind == "tmpfs":
        assert inside(container, "touch /opt/new/x; stat -c %u /opt/new/x") == "0"


@pytest.mark.parametrize("user_namespace", [False, True])
def test_a_procfs_before_linux_6_18(runtime: Runtime, bundle: Bundle, user_namespace: bool) -> None:
    if user_namespace:
        bundle.user_namespace()
    bundle.sleeps()
    container = runtime.start(bundle)
    change(container, "add", [{"destination": "/opt/new", "type": "proc"}], preexec=before_linux_6_18())
    assert inside(container, "cat /opt/new/1/comm") == "sh"


def test_all_options_of_a_bind_mount(container: Container, source: Path) -> None:
    change(container, "add", [bind(source, "/mnt", "ro", "nosuid", "rnoexec", "rprivate")])
    mounts = container.mounts()
    assert {"ro", "nosuid", "noexec"} <= mounts["/mnt"].options
    assert {"rw", "noexec"} <= mounts["/mnt/sub"].options
    assert mounts["/mnt"].propagation == set()


def test_tmpcopyup(container: Container) -> None:
    change(container, "add", [{"destination": "/etc", "type": "tmpfs", "source": "x", "options": ["tmpcopyup"]}])
    assert inside(container, "grep -c alice /etc/passwd; touch /etc/new") == "1"
    assert not (container.bundle.rootfs / "etc/new").exists()


@pytest.mark.skipif(RELEASE < (6, 3), reason="tmpfs takes no id mappings before Linux 6.3")
def test_idmapped(runtime: Runtime, bundle: Bundle, source: Path) -> None:
    bundle.user_namespace()
    bundle.sleeps()
    container = runtime.start(bundle)
    change(container, "add", [bind(source, "/mnt", "idmap")])
    assert inside(container, "stat -c %u:%g /mnt/fact; echo x > /mnt/mine") == "0:0"
    assert (source / "mine").stat().st_uid == 0


def test_locked_flags_stay_in_a_user_namespace(runtime: Runtime, bundle: Bundle, source: Path) -> None:
    sandbox.mount("-o", "remount,bind,ro", source / "sub")
    bundle.user_namespace()
    bundle.sleeps()
    container = runtime.start(bundle)
    assert "EPERM" in refused(container, "add", [bind(source / "sub", "/mnt", "rw")])


def test_a_created_container(runtime: Runtime, bundle: Bundle, source: Path) -> None:
    container = runtime.create(bundle)
    change(container, "add", [bind(source, "/mnt")])
    assert "/mnt" in container.mounts()


def test_a_paused_container(container: Container, source: Path) -> None:
    container.runtime.expect("pause", container.id)
    change(container, "add", [bind(source, "/mnt")])
    container.runtime.expect("resume", container.id)
    assert inside(container, "cat /mnt/fact") == "of the host"


def test_a_stopped_container(container: Container, source: Path) -> None:
    container.kill("KILL")
    container.wait()
    file = container.runtime.place / "mounts.json"
    file.write_text(json.dumps([bind(source, "/mnt")]))
    assert "stopped" in container.runtime.fails("mounts", "add", container.id, str(file))


def test_a_container_in_the_hosts_mount_namespace(runtime: Runtime, bundle: Bundle, source: Path) -> None:
    bundle.no_namespace("mount")
    bundle.sleeps()
    container = runtime.start(bundle)
    change(container, "add", [bind(source, "/mnt")])
    assert inside(container, "cat /mnt/fact") == "of the host"
    container.delete("--force")
    assert str(bundle.rootfs) not in Path("/proc/self/mountinfo").read_text()


@pytest.mark.parametrize(
    "document, words",
    [
        ([], "with at least one"),
        ("text", "array of mounts"),
        ([{"destination": 7}], "/mounts/0/destination"),
        ([{"source": "/"}], "/mounts/0/destination"),
        ([{"destination": "/x", "options": ["bind"]}], "/mounts/0/source"),
        ([{"destination": "/x", "source": "/etc", "options": ["bind", "size=1"]}], "size=1"),
        ([{"destination": "/x", "type": "cgroup", "source": "cgroup"}], "cgroup"),
        ([{"destination": "/x", "type": "nosuchfs", "source": "x"}], "nosuchfs"),
        ([{"destination": "/x", "source": "/no/such/source", "options": ["bind"]}], "/no/such/source"),
        ([{"destination": "/", "source": "/etc", "options": ["bind"]}], "/mounts/0/destination"),
        ([{"destination": "/proc/sys", "source": "/etc", "options": ["bind"]}], "/proc"),
        ([{"destination": "/etc/passwd", "source": "/etc", "options": ["bind"]}], "not a directory"),
    ],
)
def test_what_is_refused(container: Container, document: Any, words: str) -> None:
    assert words in refused(container, "add", document)


def test_of_two_the_first_goes_when_the_second_fails(container: Container, source: Path) -> None:
    record, files = recorded(container), inside(container, "find / -xdev")
    fails = {"destination": "/x/y", "type": "nosuchfs", "source": "x"}
    refused(container, "add", [bind(source, "/new/place"), bind(source / "fact", "/tmp/file"), fails])
    assert recorded(container) == record
    assert inside(container, "find / -xdev") == files  # the places that were made for them are gone as well


@pytest.mark.thorough
@pytest.mark.parametrize("action", ["add", "remove"])
@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM], ids=lambda number: number.name)
def test_killed_at_any_system_call(container: Container, source: Path, action: str, ending: signal.Signals) -> None:
    """No mount is there without its record: it could not be removed any more."""
    runtime, file = container.runtime, container.runtime.place / "mounts.json"
    entries = [bind(source, "/one"), {"destination": "/two", "type": "tmpfs", "source": "tmpfs"}]
    file.write_text(json.dumps(entries))
    points = [entry["destination"] for entry in entries]
    before, first, reached = {*children()}, 0, True
    while reached:
        first, reached = first + 9, False
        if action == "remove":
            runtime.expect("mounts", "add", container.id, str(file))
        with Stepped(runtime.arguments("mounts", action, container.id, str(file))) as stepped:
            for step in stepped:
                if step == first:
                    reached = True
                    if ending == signal.SIGKILL:
                        break  # Stepped kills it
                    os.kill(stepped.pid, ending)
            status = stepped.status
        until(lambda: not any("pyoci" in name(pid) for pid in {*children()} - before), "its child has ended")
        mounted = [point for point in points if point in container.mounts()]
        known = [point for point in points if point in recorded(container)]
        assert {*mounted} <= {*known}, f"step {first}"
        if status == 0 or ending == signal.SIGTERM:
            assert mounted == known, f"step {first}"
        if known:
            runtime.expect("mounts", "remove", container.id, str(file))
        assert not {*points} & {*container.mounts()}


def name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text()
    except OSError:
        return ""


@pytest.mark.parametrize("destination", ["/nowhere", "/", "/etc"])
def test_what_cannot_be_removed(container: Container, destination: str) -> None:
    assert "no mount of the container" in refused(container, "remove", [{"destination": destination}])


def test_masks_cannot_be_removed(runtime: Runtime, bundle: Bundle) -> None:
    bundle.linux["maskedPaths"] = ["/proc/version"]
    bundle.sleeps()
    container = runtime.start(bundle)
    assert "no mount of the container" in refused(container, "remove", [{"destination": "/proc/version"}])


@pytest.mark.parametrize("words", [[], ["add"], ["add", "ID"], ["change", "ID", "FILE"], ["add", "ID", "FILE", "more"]])
def test_wrong_command_lines(container: Container, words: list[str]) -> None:
    container.runtime.fails("mounts", *[container.id if word == "ID" else word for word in words])


def test_a_link_of_the_container_leads_nowhere_else(container: Container, source: Path, scratch: Path) -> None:
    outside = Outside(scratch / "outside")
    inside(container, f"ln -s {outside.path} /way; ln -s /proc /data; ln -s ../../../../new /up")
    change(container, "add", [bind(source, "/way/new"), bind(source, "/up")])
    outside.check()
    assert inside(container, f"cat {outside.path}/new/fact; cat /new/fact") == "of the hostof the host"
    assert "procfs" in refused(container, "add", [bind(source, "/data")])


def test_a_swapped_target_stays_inside(container: Container, source: Path, scratch: Path) -> None:
    outside = Outside(scratch / "outside")
    root = container.bundle.rootfs
    (root / "a").mkdir()
    (root / "b").symlink_to(outside.path)
    before = Path("/proc/self/mountinfo").read_text()
    with swapping(root / "a", root / "b"):
        for number in range(15):
            file = container.runtime.place / "mounts.json"
            file.write_text(json.dumps([bind(source, f"/a/{number}")]))
            container.runtime.call("mounts", "add", container.id, str(file))
    outside.check()
    assert Path("/proc/self/mountinfo").read_text() == before


def test_the_container_sees_no_process_of_it(runtime: Runtime, bundle: Bundle, source: Path) -> None:
    """Not even its command line, unless a procfs is made; then a process without one."""
    bundle.sh(
        "trap 'exit 0' TERM; while :; do for file in /proc/[0-9]*; do "
        "case $file in /proc/1) ;; *) tr '\\0' ' ' < $file/cmdline 2>/dev/null || true;; esac; done >> /tmp/seen; "
        "echo looked >> /tmp/seen; done"
    )
    container = runtime.start(bundle)
    for number in range(10):
        change(container, "add", [bind(source, f"/mnt/{number}")])
        change(container, "add", [{"destination": f"/opt/{number}", "type": "proc", "source": "proc"}])
    seen = (bundle.rootfs / "tmp/seen").read_text()
    assert {"looked"} <= set(seen.split()) <= {"looked", "pyoci:mounts"}  # its name; no path of the host
