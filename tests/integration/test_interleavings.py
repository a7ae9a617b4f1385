"""What other commands say while one changes a container: it stands still at each of its system calls meanwhile.

As with runc, whoever polls sees no container, then a created one, a running one, a stopped one, and then none.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.bundle import Bundle
from helpers.runtime import TIME_LIMIT, Container, Runtime, reap
from helpers.stepped import Stepped

pytestmark = pytest.mark.thorough

NONE = "does not exist"
MAKING = ("create", "run", "restore")
NOT_THERE = {False: f"container {NONE}", True: "already exists"}
FALSE_ADVICE = ("--force", "interrupted", "no such file")


def seen(runtime: Runtime, name: str) -> str:
    """The status that `state` prints, or NONE."""
    result = runtime.call("state", name)
    if result.status == 0:
        return json.loads(result.stdout)["status"]  # type: ignore[no-any-return]
    assert f"container {NONE}" in result.stderr
    assert not any(words in result.stderr for words in FALSE_ADVICE), result.stderr
    return NONE


def is_held(runtime: Runtime, name: str) -> bool:
    """Whether a command holds the container's lock; until then, whoever comes second may be first."""
    folders = (*runtime.root.glob("@*"), runtime.root / name)
    return any(folder.is_dir() and not is_unlocked(folder) for folder in folders)


def statuses(runtime: Runtime, name: str, *command: str) -> list[str]:
    """What `state` says in turn, each word once, while the command runs and after it."""
    found: list[str] = []
    with Stepped(runtime.arguments(*command)) as stepped:
        for _ in stepped:
            current = seen(runtime, name)
            if found[-1:] != [current]:
                found.append(current)
        assert stepped.status == 0
    found.append(seen(runtime, name))
    return found if found[-1] != found[-2] else found[:-1]


@pytest.mark.beyond_runc("says which states there are between")
@pytest.mark.parametrize("users", ["same", "mapped"])
def test_state_during_create(runtime: Runtime, bundle: Bundle, users: str) -> None:
    if users == "mapped":
        bundle.user_namespace()
    name = runtime.add(bundle)
    assert statuses(runtime, name, "create", "--bundle", str(bundle.path), name) == [NONE, "created"]


def test_state_during_start(runtime: Runtime, bundle: Bundle) -> None:
    bundle.sleeps()
    container = runtime.create(bundle)
    assert statuses(runtime, container.id, "start", container.id) == ["created", "running"]


def test_state_during_delete(runtime: Runtime, bundle: Bundle) -> None:
    container = ended(runtime, bundle)
    assert statuses(runtime, container.id, "delete", container.id) == ["stopped", NONE]


@pytest.mark.beyond_runc("kills in its own way")
def test_state_during_delete_by_force(runtime: Runtime, bundle: Bundle) -> None:
    bundle.sleeps()
    container = runtime.start(bundle)
    assert statuses(runtime, container.id, "delete", "--force", container.id) == ["running", "stopped", NONE]


def test_a_failing_create_is_never_seen(runtime: Runtime, bundle: Bundle) -> None:
    bundle.config["process"]["args"] = ["/nonexistent"]
    name = runtime.add(bundle)
    with Stepped(runtime.arguments("create", "--bundle", str(bundle.path), name)) as stepped:
        assert {seen(runtime, name) for _ in stepped} == {NONE}
        assert stepped.status == 1


@pytest.mark.beyond_runc("its delete removes what another command is making")
@pytest.mark.parametrize(
    "words",
    [
        ("start", "ID"),
        ("kill", "ID", "KILL"),
        ("kill", "--all", "ID", "KILL"),
        ("delete", "ID"),
        ("exec", "ID", "/bin/true"),
        ("pause", "ID"),
        ("resume", "ID"),
        ("update", "--pids-limit", "7", "ID"),
        ("ps", "ID"),
        ("events", "--stats", "ID"),
        ("create", "--bundle", "BUNDLE", "ID"),
        ("run", "--bundle", "BUNDLE", "ID"),
        ("mounts", "add", "ID", "FILE"),
        ("checkpoint", "--image-path", "FILE", "ID"),
        ("restore", "--image-path", "FILE", "--bundle", "BUNDLE", "ID"),
    ],
    ids=" ".join,
)
def test_commands_during_create_say_so(runtime: Runtime, bundle: Bundle, words: tuple[str, ...]) -> None:
    """And change nothing: the container is made as if they had not been there."""
    name = runtime.add(bundle)
    (bundle.path / "mounts.json").write_text('[{"destination": "/mnt", "type": "tmpfs"}]')
    given = {"ID": name, "BUNDLE": str(bundle.path), "FILE": str(bundle.path / "mounts.json")}
    said = set()
    if words[0] in ("checkpoint", "restore") and not shutil.which("criu"):
        pytest.skip("criu is not installed")
    with Stepped(runtime.arguments("create", "--bundle", str(bundle.path), name)) as stepped:
        for step in stepped:
            is_begun = words[0] not in MAKING or is_held(runtime, name)
            if step % 13 == 0 and is_begun and seen(runtime, name) == NONE:
                result = runtime.call(*(given.get(word, word) for word in words))
                assert result.status != 0
                assert not any(advice in result.stderr for advice in FALSE_ADVICE), result.stderr
                assert "it is being created" in result.stderr or NOT_THERE[words[0] in MAKING] in result.stderr
                said.add("it is being created" in result.stderr)
        assert stepped.status == 0
    assert said == {False, True}
    assert runtime.state(name)["status"] == "created"


@pytest.mark.beyond_runc("waits in another way")
def test_delete_cannot_delete_what_create_is_about_to_report(runtime: Runtime, bundle: Bundle) -> None:
    name = runtime.add(bundle)
    with Stepped(runtime.arguments("create", "--bundle", str(bundle.path), name)) as stepped:
        for step in stepped:
            if seen(runtime, name) == "created" and step % 2 == 0:
                with pytest.raises(subprocess.TimeoutExpired):  # `create` has the lock until it ends
                    runtime.call("delete", name, limit=0.3)
        assert stepped.status == 0
    assert "created" in runtime.fails("delete", name)


@pytest.mark.beyond_runc("its list names it")
def test_list_during_create(runtime: Runtime, bundle: Bundle) -> None:
    runtime.root.mkdir()
    name = runtime.add(bundle)
    with Stepped(runtime.arguments("create", "--bundle", str(bundle.path), name)) as stepped:
        for step in stepped:
            if step % 13 == 0:
                result = runtime.expect("list", "--format", "json")
                assert result.stderr == ""
                statuses = [document["status"] for document in json.loads(result.stdout)]
                assert statuses in ([], ["created"])


@pytest.mark.beyond_runc("its folder is in the way")
def test_create_during_delete(runtime: Runtime, bundle: Bundle) -> None:
    """An ID is taken until the delete is over; the new container is not what it deletes."""
    container = ended(runtime, bundle)
    made_at = None
    with Stepped(runtime.arguments("delete", container.id)) as stepped:
        for step in stepped:
            result = runtime.call("create", "--bundle", str(bundle.path), container.id) if made_at is None else None
            if result is not None and result.status == 0:
                made_at = step
        assert stepped.status == 0
    if made_at is None:
        runtime.expect("create", "--bundle", str(bundle.path), container.id)
    assert runtime.state(container.id)["status"] == "created"
    assert os.listdir(f"{runtime.root}") == [container.id]


def test_a_run_that_ends_late_spares_the_next_container(runtime: Runtime, bundle: Bundle) -> None:
    """It was deleted meanwhile, and its ID and its cgroup are another's."""
    bundle.sh("until [ -e /tmp/go ]; do sleep 0.02; done")
    name = runtime.add(bundle)
    second = None
    with Stepped(runtime.arguments("run", "--bundle", str(bundle.path), name)) as stepped:
        for _ in stepped:
            current = seen(runtime, name) if second is None else ""
            if current == "running" and is_unlocked(runtime.root / name):
                (bundle.rootfs / "tmp/go").touch()
            elif current == "stopped":
                runtime.expect("delete", name)
                bundle.sleeps()
                second = runtime.start(bundle, name=name)
        assert stepped.status == 0
    assert second is not None
    assert second.status == "running"


Words = tuple[str, ...]
CHANGES: dict[str, tuple[str, Words]] = {
    "start": ("created", ("start", "ID")),
    "delete": ("stopped", ("delete", "ID")),
    "delete by force": ("running", ("delete", "--force", "ID")),
    "delete a created one": ("created", ("delete", "--force", "ID")),
    "pause": ("running", ("pause", "ID")),
    "resume": ("paused", ("resume", "ID")),
    "update": ("running", ("update", "--pids-limit", "17", "ID")),
    "exec": ("running", ("exec", "ID", "/bin/true")),
    "kill": ("running", ("kill", "ID", "KILL")),
    "kill all": ("running", ("kill", "--all", "ID", "KILL")),
    "kill a paused one": ("paused", ("kill", "ID", "KILL")),
    "events": ("running", ("events", "--stats", "ID")),
    "mounts add": ("running", ("mounts", "add", "ID", "MOUNTS")),
    "mounts remove": ("mounted", ("mounts", "remove", "ID", "MOUNTS")),
}
LOOKS: tuple[Words, ...] = (
    ("state", "ID"),
    ("list", "--format", "json"),
    ("ps", "--format", "json", "ID"),
    ("events", "--stats", "ID"),
    ("kill", "ID", "WINCH"),
    ("exec", "ID", "/bin/true"),
)
ENDED = ("container does not exist", "container not running", "has stopped", "in a stopped container")
PAUSED = "cannot exec in a paused container"
MOUNTS = '[{"destination": "/mnt", "type": "tmpfs"}]'


def in_state(runtime: Runtime, bundle: Bundle, status: str) -> Container:
    if status == "stopped":
        return ended(runtime, bundle)
    bundle.sleeps()
    container = runtime.create(bundle)
    if status != "created":
        container.start()
    if status == "paused":
        runtime.expect("pause", container.id)
    if status == "mounted":
        runtime.expect(*named(("mounts", "add", "ID", "MOUNTS"), container))
    return container


def named(words: Words, container: Container) -> list[str]:
    mounts = container.runtime.place / "mounts.json"
    mounts.write_text(MOUNTS)
    return [{"ID": container.id, "MOUNTS": str(mounts)}.get(word, word) for word in words]


@pytest.mark.beyond_runc("says what the kernel says")
@pytest.mark.parametrize("look", LOOKS, ids=lambda words: words[0])
@pytest.mark.parametrize("change", CHANGES)
def test_who_looks_meanwhile(runtime: Runtime, bundle: Bundle, change: str, look: Words) -> None:
    """At each change: an answer, or that it has ended or is gone; and the change is made as if nobody had looked."""
    status, words = CHANGES[change]
    container = in_state(runtime, bundle, status)
    with Stepped(runtime.arguments(*named(words, container))) as stepped:
        for _ in stepped.changes():
            result = runtime.call(*named(look, container))
            assert result.status in (0, 137) or any(known in result.stderr for known in (*ENDED, PAUSED)), result.stderr
            assert result.status != 0 or not result.stderr
        assert stepped.status == 0


@pytest.mark.beyond_runc("says what the kernel says")
@pytest.mark.parametrize("change", CHANGES)
def test_deleted_by_force_meanwhile(runtime: Runtime, new_bundle: Callable[[], Bundle], change: str) -> None:
    """At each change of another container: it is gone, and whoever was at work on it has done so or says why not."""
    status, words = CHANGES[change]
    with Stepped(runtime.arguments(*named(words, in_state(runtime, new_bundle(), status)))) as undisturbed:
        count = len(list(undisturbed.changes()))
    for at in range(0, count, 1 if count < 10 else 3):
        container = in_state(runtime, new_bundle(), status)
        said = runtime.place / "said"
        with Stepped(runtime.arguments(*named(words, container)), said) as stepped:
            deleting = None
            for change_number in stepped.changes():
                if change_number == at:
                    deleting = runtime.quietly("delete", "--force", container.id)
                    with contextlib.suppress(subprocess.TimeoutExpired):  # it may wait for the other's lock
                        deleting.wait(0.2)
        if deleting is None:
            break  # it has looked less often whether the group is frozen
        assert deleting.wait(TIME_LIMIT) == 0
        reap()
        text = said.read_text()
        assert "does not exist" in runtime.fails("state", container.id)
        assert stepped.status == 0 or any(known in text for known in ENDED), f"at change {at}: {text}"


def is_unlocked(folder: Path) -> bool:
    fd = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(fd)
    return True


def ended(runtime: Runtime, bundle: Bundle) -> Container:
    bundle.sh("true")
    container = runtime.start(bundle)
    container.wait()
    return container


@pytest.mark.beyond_runc("runc shows what its own processes say to each other")
def test_exec_while_init_ends(runtime: Runtime, bundle: Bundle) -> None:
    """Its namespaces go before it counts as ended: engines must not read of missing files of procfs."""
    bundle.sleeps()
    for step in range(24):
        container = runtime.start(bundle)
        null = subprocess.DEVNULL
        command = runtime.popen("exec", container.id, "true", stdin=null, stdout=null, stderr=subprocess.PIPE)
        time.sleep(step * 0.0007)
        os.kill(container.pid, signal.SIGKILL)
        said = command.communicate(timeout=TIME_LIMIT)[1].decode()
        assert command.returncode in (0, 137) or any(words in said for words in ENDED), said
        container.delete("--force")
