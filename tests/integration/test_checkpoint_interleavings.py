"""What other commands see and do while `checkpoint` or `restore` is at work on a container.

A criu of our own tries it everywhere, at each step of the runtime; a real one where it works, in hack/test's guest.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from helpers import cgroup, cgroup_files
from helpers.bundle import Bundle
from helpers.checkpoint import Case, why_not
from helpers.fake_criu import FakeCriu
from helpers.runtime import TIME_LIMIT, Container, Result, Runtime, kill_process, reap, until
from helpers.sandbox import MARK
from helpers.stepped import Stepped

pytestmark = pytest.mark.beyond_runc("says what is being made, and keeps others off it")

NONE = "does not exist"
FALSE_ADVICE = ("--force", "interrupted", "no such file")
ENDED = ("container does not exist", "container not running", "has stopped", "in a stopped container")
PAUSED = ("cannot exec in a paused container", "is paused")  # criu freezes the cgroup for a moment
AT_WORK = "has been at work on it for 10 s"
Words = tuple[str, ...]

# Each a reader of the record, or one that changes the container; those that wait for its lock are tried elsewhere.
LOOKS: tuple[Words, ...] = (
    ("state", "ID"),
    ("list", "--format", "json"),
    ("ps", "--format", "json", "ID"),
    ("events", "--stats", "ID"),
    ("kill", "ID", "WINCH"),
    ("kill", "--all", "ID", "WINCH"),
    ("exec", "ID", "/bin/true"),
    ("update", "--pids-limit", "77", "ID"),
)
# What would end, freeze or replace it: refused as long as the restore is at work.
REFUSED: tuple[Words, ...] = (
    *LOOKS[2:],
    ("kill", "ID", "KILL"),
    ("kill", "--all", "ID", "KILL"),
    ("start", "ID"),
    ("delete", "ID"),
    ("pause", "ID"),
    ("resume", "ID"),
    ("create", "--bundle", "BUNDLE", "ID"),
    ("run", "--bundle", "BUNDLE", "ID"),
    ("mounts", "add", "ID", "MOUNTS"),
    ("checkpoint", "--image-path", "ELSEWHERE", "ID"),
    ("restore", "--image-path", "IMAGES", "--bundle", "BUNDLE", "ID"),
)
CHECKPOINTS = ((), ("--leave-running",))


@pytest.fixture(params=["criu", pytest.param("ours", marks=pytest.mark.thorough)])
def case(request: pytest.FixtureRequest, runtime: Runtime, bundle: Bundle, scratch: Path) -> Case:
    if request.param == "ours":
        return Case(runtime, bundle, scratch, FakeCriu(scratch / "criu"))
    if why_not():
        pytest.skip(why_not())
    return Case(runtime, bundle, scratch)


@pytest.fixture
def ours(runtime: Runtime, bundle: Bundle, scratch: Path) -> Case:
    return Case(runtime, bundle, scratch, FakeCriu(scratch / "criu"))


def running(case: Case) -> Container:
    """A container that writes into a pipe: a regular file would have to be the same on restore (docs/checkpoint.md)."""
    case.bundle.sh("trap 'exit 7' TERM; while :; do : > /ran; sleep 0.1; done")
    name = case.runtime.add(case.bundle)
    reader, writer = os.pipe2(os.O_CLOEXEC)
    unused = open(reader, "rb", 0)
    case.runtime.keep(unused)
    words = case.runtime.arguments("run", "--detach", "--bundle", str(case.bundle.path), name)
    subprocess.run(words, stdin=subprocess.DEVNULL, stdout=writer, stderr=writer, timeout=TIME_LIMIT, check=True)
    os.close(writer)
    return Container(case.runtime, name, case.bundle, unused, unused)


def written_down(case: Case) -> str:
    """Images of a checkpoint, and the ID of the container that a restore is to make of them."""
    container = running(case)
    case.checkpoint(container.id)
    os.waitpid(container.pid, 0)
    return case.runtime.add(case.bundle)


def named(case: Case, words: Words, name: str) -> list[str]:
    mounts = case.runtime.place / "mounts.json"
    mounts.write_text('[{"destination": "/mnt", "type": "tmpfs"}]')
    places = {"ID": name, "BUNDLE": str(case.bundle.path), "MOUNTS": str(mounts), "IMAGES": str(case.images)}
    places["ELSEWHERE"] = str(case.runtime.place / "elsewhere")
    return [places.get(word, word) for word in words]


def call(case: Case, words: Words, name: str) -> Result:
    return case.runtime.call(*named(case, words, name), options=case.options)


def seen(case: Case, name: str) -> str:
    """The status that `state` prints, or NONE."""
    result = case.runtime.call("state", name)
    if result.status == 0:
        return json.loads(result.stdout)["status"]  # type: ignore[no-any-return]
    assert f"container {NONE}" in result.stderr
    assert not any(words in result.stderr for words in FALSE_ADVICE), result.stderr
    return NONE


def add(found: list[str], status: str) -> None:
    if found[-1:] != [status]:
        found.append(status)


def restoring(case: Case, name: str) -> Stepped:
    options = ["--debug", *case.options]
    return Stepped(case.runtime.arguments(*case.restore_words(), name, options=options), said_by(case))


def checkpointing(case: Case, name: str, more: Words) -> Stepped:
    return Stepped(case.runtime.arguments(*case.words(*more), name, options=case.options), said_by(case))


def said_by(case: Case) -> Path:
    return case.runtime.place / "said"


def test_commands_during_restore_say_so(case: Case) -> None:
    """And change nothing: the container is made as if they had not been there, and is not seen before it is whole."""
    name = written_down(case)
    found: list[str] = []
    said = set()
    with restoring(case, name) as stepped:
        for at in stepped.changes():
            status = seen(case, name)
            add(found, status)
            words = REFUSED[at % len(REFUSED)]
            if status == NONE and (words[0] not in ("create", "run", "restore") or begun(case, name)):
                result = call(case, words, name)
                assert result.status != 0, (at, words)
                assert not any(advice in result.stderr for advice in FALSE_ADVICE), result.stderr
                assert any(known in result.stderr for known in ("it is being created", f"container {NONE}")), (
                    f"at change {at}: {words}: {result.stderr}"
                )
                said.add("it is being created" in result.stderr)
        assert stepped.status == 0, said_by(case).read_text()
    assert found == [NONE, "running"]
    assert said == {False, True}
    assert case.runtime.exec(name, "true").status == 0


def begun(case: Case, name: str) -> bool:
    """Whether the restore has taken the ID; until then another command would be first."""
    return (case.runtime.root / name).is_dir()


@pytest.mark.parametrize("look", LOOKS, ids=" ".join)
@pytest.mark.thorough
def test_whoever_looks_during_restore(ours: Case, look: Words) -> None:
    """At each change one command of a kind."""
    name = written_down(ours)
    with restoring(ours, name) as stepped:
        for at in stepped.changes():
            result = call(ours, look, name)
            assert result.status == 0 or any(
                known in result.stderr for known in (f"container {NONE}", "it is being created")
            ), f"at change {at}: {result.stderr}"
        assert stepped.status == 0, said_by(ours).read_text()
    assert seen(ours, name) == "running"


@pytest.mark.parametrize("point", ["restore", "restored"])
@pytest.mark.parametrize("words", REFUSED, ids=" ".join)
@pytest.mark.thorough
def test_commands_while_criu_restores(ours: Case, point: str, words: Words) -> None:
    """`restored`: the processes are there, and criu holds them still."""
    name = written_down(ours)
    ours.criu.does(**{point: "wait"})
    with said_by(ours).open("wb") as said:  # no pipe, which the container would keep open
        process = ours.runtime.popen(*ours.restore_words(), name, options=ours.options, stderr=said)
    until(lambda: ours.criu.reached, point)
    assert seen(ours, name) == NONE
    result = call(ours, words, name)
    (ours.criu.folder / "go").touch()
    assert process.wait(TIME_LIMIT) == 0, said_by(ours).read_text()
    assert result.status != 0
    assert "it is being created" in result.stderr, result.stderr
    assert "--force" not in result.stderr
    assert seen(ours, name) == "running"


@pytest.mark.parametrize("more", CHECKPOINTS, ids=lambda more: more[0] if more else "ends")
def test_whoever_looks_during_checkpoint(case: Case, more: Words) -> None:
    """An answer, or that it has ended or is frozen; and the checkpoint is made as if nobody had looked."""
    container = running(case)
    found: list[str] = []
    with checkpointing(case, container.id, more) as stepped:
        for at in stepped.changes():
            add(found, seen(case, container.id))
            result = call(case, LOOKS[at % len(LOOKS)], container.id)
            assert result.status in (0, 137) or any(known in result.stderr for known in (*ENDED, *PAUSED)), (
                f"at change {at}: {result.stderr}"
            )
        assert stepped.status == 0, said_by(case).read_text()
    add(found, seen(case, container.id))
    check_order(found, more)
    if not more:
        os.waitpid(container.pid, 0)
        name = case.runtime.add(case.bundle)
        assert case.runtime.quietly(*case.options, *case.restore_words(), name).wait(TIME_LIMIT) == 0


def check_order(found: list[str], more: Words) -> None:
    """`running`, perhaps `paused` while criu takes hold of the processes, and at its end `stopped` and then nothing."""
    assert found[0] == "running"
    assert set(found) <= ({"running", "paused"} if more else {"running", "paused", "stopped", NONE}), found
    assert found[-1] == ("running" if more else NONE), found
    ended = [status for status in found if status in ("stopped", NONE)]
    assert found[len(found) - len(ended) :] == ended == ["stopped", NONE][-len(ended) :] if ended else True, found


@pytest.mark.parametrize("more", CHECKPOINTS, ids=lambda more: more[0] if more else "ends")
def test_state_while_criu_works(case: Case, more: Words) -> None:
    """Asked again and again, the checkpoint not being stopped; then of the restore."""
    container = running(case)
    found: list[str] = []
    process = case.runtime.popen(*case.words(*more), container.id, options=case.options)
    watch(case, container.id, process, found)
    check_order(found, more)
    if more:
        return
    os.waitpid(container.pid, 0)
    name = case.runtime.add(case.bundle)
    null = subprocess.DEVNULL
    process = case.runtime.popen(*case.restore_words(), name, options=case.options, stdin=null, stdout=null)
    found.clear()
    watch(case, name, process, found)
    assert found == [NONE, "running"]


def watch(case: Case, name: str, process: subprocess.Popen[bytes], found: list[str]) -> None:
    deadline = time.monotonic() + TIME_LIMIT
    while process.poll() is None:
        add(found, seen(case, name))
        assert time.monotonic() < deadline
    add(found, seen(case, name))
    assert process.returncode == 0


def gone(case: Case, name: str) -> None:
    """Nothing of it is left."""
    reap()
    assert f"container {NONE}" in case.runtime.fails("state", name)
    assert not (case.runtime.root / name).exists()
    until(lambda: not groups(), "its cgroup is removed", 10)
    assert not [path for folder in (case.images, case.work, Path("/tmp")) for path in folder.glob(".criu*")]


def groups() -> list[Path]:
    reap()
    return [group for group in cgroup.named(MARK) if group.name != MARK]


def by_force(case: Case, name: str, stepped: Stepped, at: int) -> None:
    """`delete --force` at that change of the other command, which goes on after a moment."""
    deleting = None
    for number in stepped.changes():
        if number == at:
            deleting = case.runtime.quietly("delete", "--force", name)
            try:
                deleting.wait(0.2)
            except subprocess.TimeoutExpired:
                continue  # it waits for the other's lock
    if deleting is None:
        deleting = case.runtime.quietly("delete", "--force", name)
    assert deleting.wait(TIME_LIMIT) == 0


def places(case: Case, command: Callable[[], Stepped]) -> range:
    """At how many changes something is tried: a third of them, or with a real criu, which takes seconds, four."""
    with command() as undisturbed:
        count = len(list(undisturbed.changes()))
        assert undisturbed.status == 0, said_by(case).read_text()
    return range(0, count, 3 if case.options else max(1, count // 4))


@pytest.mark.thorough
def test_deleted_by_force_during_restore(case: Case) -> None:
    """It is gone, and the restore has not reported it; whatever step it was at."""
    first = written_down(case)
    tried = places(case, lambda: restoring(case, first))
    case.runtime.expect("delete", "--force", first)
    for at in tried:
        name = case.runtime.add(case.bundle)
        with restoring(case, name) as stepped:
            by_force(case, name, stepped, at)
        assert stepped.status != 0 or seen(case, name) in (NONE, "running"), at
        case.runtime.expect("delete", "--force", name)
        gone(case, name)


@pytest.mark.thorough
@pytest.mark.parametrize("more", CHECKPOINTS, ids=lambda more: more[0] if more else "ends")
def test_deleted_by_force_during_checkpoint(case: Case, more: Words) -> None:
    """It is gone; the checkpoint is whole, or says that the container has ended and leaves no file."""
    container = running(case)
    tried = places(case, lambda: checkpointing(case, container.id, more))
    case.runtime.expect("delete", "--force", container.id)
    reap()
    for at in tried:
        subprocess.run(["rm", "-rf", str(case.images)], check=True)
        container = running(case)
        with checkpointing(case, container.id, more) as stepped:
            by_force(case, container.id, stepped, at)
        text = said_by(case).read_text()
        if stepped.status:
            assert any(known in text for known in (*ENDED, "criu failed")), f"at change {at}: {text}"
            assert not list(case.images.glob("*.img")), f"at change {at}: {text}"
        gone(case, container.id)


@pytest.mark.parametrize("frozen", [False, True], ids=["running", "paused"])
@pytest.mark.parametrize("more", [*CHECKPOINTS, ("fails",)], ids=lambda more: more[0] if more else "ends")
def test_changed_while_criu_dumps(ours: Case, more: Words, frozen: bool) -> None:
    """Other commands wait for its end, and then do, or refuse, what they would without it: `pause` and `resume`, too,
    since it is criu that freezes and thaws meanwhile, and a process that is frozen does not let criu look into it.
    """
    container = running(ours)
    if frozen:
        ours.runtime.expect("pause", container.id)
    fails = more == ("fails",)
    ours.criu.does(dump="wait", then="fail" if fails else "")
    process = ours.runtime.popen(*ours.words(*(() if fails else more)), container.id, options=ours.options)
    until(lambda: ours.criu.reached, "dump")
    known = {
        "delete": "not stopped: " if more else NONE,
        "start": "cannot start" if more else NONE,
        "resume" if frozen else "pause": "" if more else NONE,
    }
    commands = {
        word: ours.runtime.popen(word, container.id, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        for word in known
    }
    time.sleep(0.2)
    assert all(command.poll() is None for command in commands.values())
    (ours.criu.folder / "go").touch()
    assert process.wait(TIME_LIMIT) == fails
    for word, command in commands.items():
        assert known[word] in command.communicate(timeout=TIME_LIMIT)[1].decode()
        assert command.returncode == (1 if known[word] else 0), word
    assert seen(ours, container.id) == (NONE if not more else "running" if frozen else "paused")
    reap()


def test_killed_while_criu_dumps(ours: Case) -> None:
    """No checkpoint is reported of a container that was killed meanwhile, and no image is left."""
    container = running(ours)
    ours.criu.does(dump="wait")
    process = ours.runtime.popen(*ours.words(), container.id, options=ours.options, stderr=subprocess.PIPE)
    until(lambda: ours.criu.reached, "dump")
    container.kill("KILL")
    container.wait()
    (ours.criu.folder / "go").touch()
    assert "container not running" in process.communicate(timeout=TIME_LIMIT)[1].decode()
    assert process.returncode == 1
    assert not list(ours.images.glob("*"))
    assert container.status == "stopped"


@contextmanager
def frozen(path: str) -> Iterator[None]:
    name, on, off = ("cgroup.freeze", "1", "0") if cgroup.is_v2() else ("freezer.state", "FROZEN", "THAWED")
    file = cgroup_files.place("cgroup" if cgroup.is_v2() else "freezer", path) / name
    file.write_text(on)
    yield
    if file.exists():
        file.write_text(off)


def test_a_restore_whose_cgroup_is_frozen_ends(ours: Case) -> None:
    """By an engine, or by whoever froze the parent: criu is in the group, and nothing that a command awaits is frozen
    for ever.
    """
    name = written_down(ours)
    ours.criu.does(restored="wait")
    process = ours.runtime.popen(*ours.restore_words(), name, options=ours.options, stderr=subprocess.PIPE)
    until(lambda: ours.criu.reached, "restored")
    with frozen(ours.bundle.cgroups_path):
        said = process.communicate(timeout=TIME_LIMIT)[1].decode()
    assert process.returncode == 1
    assert "criu does not go on" in said
    assert "is frozen" in said
    gone(ours, name)


def test_a_restore_below_a_frozen_group_ends(ours: Case) -> None:
    """It can thaw its own group only, and in cgroup v1 what is frozen does not even die."""
    parent = ours.bundle.cgroups_path
    ours.bundle.linux["cgroupsPath"] = f"{parent}/below"
    name = written_down(ours)
    place = cgroup_files.place("cgroup" if cgroup.is_v2() else "freezer", parent)
    place.mkdir(exist_ok=True)
    with frozen(parent):
        process = ours.runtime.popen(*ours.restore_words(), name, options=ours.options, stderr=subprocess.PIPE)
        said = process.communicate(timeout=TIME_LIMIT)[1].decode()
    assert process.returncode == 1
    assert f"its cgroup {place}/below is frozen, or a parent of it is" in said
    assert f"{NONE}" in ours.runtime.fails("state", name)
    assert not (place / "below").exists()
    for group in groups():
        cgroup.remove(group)


def test_a_restore_that_is_killed_leaves_what_runs(ours: Case) -> None:
    """criu lets go of the processes all the same, which were looked at: the container has a number, and ends as any
    other.
    """
    name = written_down(ours)
    ours.criu.does(resumed="hang")
    process = ours.runtime.popen(*ours.restore_words(), name, options=ours.options)
    until(lambda: ours.criu.reached, "resumed")
    assert seen(ours, name) == NONE
    kill_process(process)
    assert seen(ours, name) == "running"
    unused = open(os.devnull, "rb")
    ours.runtime.keep(unused)
    container = Container(ours.runtime, name, ours.bundle, unused, unused)
    assert "not stopped" in ours.runtime.fails("delete", name)
    container.kill("KILL")
    reap()
    until(lambda: container.status == "stopped")
    container.delete()
    gone(ours, name)


def test_a_restore_that_is_killed_lets_nothing_run_unseen(ours: Case) -> None:
    """criu goes on when nobody answers: here nobody has looked at the processes yet, so they must not run."""
    name = written_down(ours)
    ran(ours).unlink()
    ours.criu.does(restored="wait")
    process = ours.runtime.popen(*ours.restore_words(), name, options=ours.options)
    until(lambda: ours.criu.reached, "restored")
    kill_process(process)
    (ours.criu.folder / "go").touch()
    time.sleep(0.5)
    assert not ran(ours).exists()
    assert seen(ours, name) == "stopped"
    ours.runtime.expect("delete", name)
    gone(ours, name)


def ran(case: Case) -> Path:
    """What the container's program writes as soon as it runs."""
    return case.bundle.rootfs / "ran"


def killed_at(case: Case, at: int) -> str:
    """The container of a restore that is killed at its change number `at`; what criu lets run then has begun."""
    name = case.runtime.add(case.bundle)
    with restoring(case, name) as stepped:
        for number in stepped.changes():
            if number == at:
                os.kill(stepped.pid, signal.SIGKILL)
    time.sleep(0.1 if case.options else 2)
    return name


@pytest.mark.thorough
def test_what_a_restore_refuses_never_runs(case: Case) -> None:
    """Whenever the restore is killed: the processes have capabilities that config.json does not give them."""
    first = written_down(case)
    ran(case).unlink()
    case.bundle.process["capabilities"] = {}
    case.bundle.write()
    if case.options:
        case.criu.does(capable=True)
    with restoring(case, first) as stepped:
        reached = [("criu: post-restore" in said_by(case).read_text()) for _ in stepped.changes()]
        assert "its capabilities" in said_by(case).read_text()
    assert stepped.status == 1
    assert True in reached
    gone(case, first)
    begin, end = reached.index(True), len(reached)
    for at in range(begin - 3, end) if case.options else range(begin, end, 4):
        name = killed_at(case, at)
        assert not ran(case).exists(), at
        case.runtime.expect("delete", "--force", name)
        gone(case, name)


@pytest.mark.thorough
def test_a_restore_that_is_killed_anywhere(case: Case) -> None:
    """What has run has the status of it, and `delete` removes all."""
    first = written_down(case)
    tried = places(case, lambda: restoring(case, first))
    case.runtime.expect("delete", "--force", first)
    for at in tried[:: 2 if case.options else 1]:
        ran(case).unlink(missing_ok=True)
        name = killed_at(case, at)
        if ran(case).exists():
            assert seen(case, name) == "running", at
        case.runtime.expect("delete", "--force", name)
        gone(case, name)


@pytest.mark.thorough
def test_the_pid_file_tells_of_a_container_that_is_there(ours: Case, scratch: Path) -> None:
    """As that of `create`: who finds it finds the container; and it is there when the command has ended."""
    name = written_down(ours)
    file = scratch / "pid"
    arguments = ours.runtime.arguments(*ours.restore_words("--pid-file", str(file)), name, options=ours.options)
    with Stepped(arguments, said_by(ours)) as stepped:
        found = {seen(ours, name) for _ in stepped.changes() if file.exists()}
    assert found == {"running"}
    assert file.read_text() == str(ours.runtime.state(name)["pid"])
