"""Hostile messages: on the sync channel, from the container's side and to it, and on the start and console sockets."""

from __future__ import annotations

import array
import contextlib
import copy
import os
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from helpers import fake_init, fuzz
from hypothesis import given
from hypothesis import strategies as st

from pyoci.errors import ContainerError, HookError, PyociError
from pyoci.host import create, handshake, send_fd, source_in_turn, spawn, start
from pyoci.init import waiting
from pyoci.kernel import proc_stat
from pyoci.state import status
from pyoci.state.store import START_SOCKET, Store
from pyoci.wire import messages
from pyoci.wire.inherited import Inherited
from pyoci.wire.plan import Namespaces, Plan, Rootfs

KINDS = [getattr(messages, name) for name in "PID MAP GO HOOKS TERMINAL SECCOMP READY ERROR START".split()]
TEXTS = st.one_of(
    st.sampled_from([b"", b"1", b"-1", b"0", b"99999999999999999999", b"9" * 5000, b"\xc2\xb2", b"\xff", b"hook x",
                     b"executable \x1b[2J", b"unsupported", b"x" * 59000, b"\0"]),
    st.binary(max_size=20),
)  # fmt: skip
PACKETS = st.one_of(
    st.builds(lambda kind, text: f"{kind} ".encode() + text, st.sampled_from(KINDS), TEXTS),
    st.binary(max_size=20),
    st.sampled_from([b"", b" ", b"x" * 60_001, b"READY", b"READY  "]),
)
#: A packet and how many descriptors come with it.
MESSAGES = st.tuples(PACKETS, st.sampled_from([0, 0, 0, 1, 1, 2, 5, 50]))


def ends() -> tuple[messages.Channel, socket.socket]:
    """Our end, and the one of whoever is hostile."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    theirs.setblocking(False)
    return messages.from_descriptor(ours.detach()), theirs


def send(end: socket.socket, packets: list[tuple[bytes, int]]) -> None:
    for packet, count in packets:
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0] * count))] if count else []
        try:
            end.sendmsg([packet], rights)
        except OSError:  # larger than a packet can be: the kernel's answer
            continue


@contextmanager
def no_descriptor_left(*sockets: Any) -> Iterator[None]:
    before = fuzz.descriptors()
    try:
        yield
        assert fuzz.descriptors() == before
    finally:
        for end in sockets:
            end.close()


# Nothing in it: no mounts, no hooks, no seccomp.
PLAN = Plan(
    container_id="c", bundle="/", oci_version="1.3.0", annotations={}, hooks={}, warnings=[], rootfs=Rootfs(path="/"),
    namespaces=Namespaces(new=[], joined=[], time_offsets=[]), mounts=[], devices=[], masked_paths=[],
    readonly_paths=[], sysctl=[], net_devices={},
)  # fmt: skip


def no_source(index: str) -> int:
    return source_in_turn.open_for(PLAN, index, 1, -1)


def clean(action: Callable[[], Any]) -> Any:
    """Its result, or None after a PyociError."""
    try:
        return action()
    except PyociError as error:
        str(error)
        return None


@fuzz.budget(300)
@given(MESSAGES)
def test_receive(message: tuple[bytes, int]) -> None:
    ours, theirs = ends()
    with no_descriptor_left(ours, theirs):
        send(theirs, [message])
        theirs.shutdown(socket.SHUT_WR)
        received = clean(ours.receive)
        if received is not None and received[2] >= 0:
            os.close(received[2])


@fuzz.budget(300)
@given(st.lists(MESSAGES, max_size=4))
def test_a_hostile_init(packets: list[tuple[bytes, int]]) -> None:
    ours, theirs = ends()
    child = spawn.Child(pid=4_000_000, pidfd=-1, channel=ours)
    with no_descriptor_left(ours, theirs):
        send(theirs, packets)
        theirs.shutdown(socket.SHUT_WR)
        clean(lambda: handshake.until_ready(PLAN, child, {"bundle": "/"}, lambda fd, _name: os.close(fd), no_source))


def answers(plan: Plan, packets: list[tuple[bytes, int]]) -> str:
    """What a copy of init's end gets in answer, until the host has had enough."""
    ours, theirs = ends()
    child = spawn.Child(pid=4_000_000, pidfd=-1, channel=ours)
    opened = Inherited(proc_fd=-1, sources={}, namespaces=[], asked=(1,))
    given = ""
    with no_descriptor_left(ours, theirs):
        send(theirs, packets)
        theirs.shutdown(socket.SHUT_WR)
        with pytest.raises(ContainerError):
            handshake.until_ready(
                plan,
                child,
                {"bundle": "/"},
                lambda fd, _name: os.close(fd),
                lambda index: create._open_in_turn(plan, index, child, opened),
            )
        with contextlib.suppress(OSError):
            while True:
                packet, fds, _, _ = socket.recv_fds(theirs, 100, 5)
                given += packet.decode()
                for fd in fds:
                    os.close(fd)
    return given.strip()


def test_nothing_is_answered_that_nobody_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tracer that has copied the end of an init: a source is a volume, with all rights."""
    monkeypatch.setattr(source_in_turn, "open_for", lambda *_: os.open("/", os.O_PATH))
    monkeypatch.setattr(handshake, "_run_hooks", lambda *_: None)
    hooks = copy.copy(PLAN)
    hooks.hooks = {"prestart": [{}]}
    assert answers(PLAN, [(b"SOURCE 0", 0)]) == ""
    assert answers(PLAN, [(b"SOURCE 1", 0), (b"SOURCE 1", 0)]) == "TREE"
    assert answers(PLAN, [(b"HOOKS ", 0)]) == ""
    assert answers(hooks, [(b"HOOKS ", 0), (b"HOOKS ", 0)]) == "GO"
    assert answers(PLAN, [(b"TERMINAL x", 1)]) == ""


@fuzz.budget(200)
@given(st.lists(MESSAGES, max_size=3))
def test_a_hostile_bootstrap(packets: list[tuple[bytes, int]]) -> None:
    ours, theirs = ends()
    with no_descriptor_left(ours, theirs):
        send(theirs, packets)
        theirs.shutdown(socket.SHUT_WR)
        number = clean(lambda: spawn._number(ours.expect(messages.PID)[1]))
        assert number is None or 0 < number <= 1 << 22


def test_the_number_of_another_process() -> None:
    """Sent in the place of init by whoever has copied its socket: that process must not be taken for the container."""
    first, second = (subprocess.Popen(["/bin/sleep", "60"]) for _ in range(2))
    try:
        os.close(spawn._own_child(second.pid, first.pid))
        ours, theirs = ends()
        with no_descriptor_left(ours, theirs):
            child = spawn.Child(pid=first.pid, pidfd=-1, channel=ours)
            for number in (os.getpid(), os.getppid(), 1, first.pid):
                with pytest.raises(ContainerError, match="another one"):
                    spawn._own_child(number, first.pid)
                with pytest.raises(ContainerError, match="another one"):
                    spawn.replace(child, str(number))
        assert child.pid == first.pid
        assert first.poll() is None
    finally:
        for process in (first, second):
            process.kill()
            process.wait()
    with pytest.raises(ContainerError, match="not there"):
        spawn._own_child(second.pid, first.pid)


@fuzz.budget(200)
@given(st.lists(MESSAGES, max_size=2))
def test_a_hostile_start(packets: list[tuple[bytes, int]]) -> None:
    """Init waits for one good message and ignores the rest, whose descriptors it does not keep."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    theirs.setblocking(False)
    with no_descriptor_left(ours, theirs):
        send(theirs, packets)
        theirs.sendmsg([b"START"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [theirs.fileno()]))])
        waiting.for_start(ours.fileno()).close()


SOCKET_KINDS: dict[str, Callable[[Path], Any]] = {
    "folder": Path.mkdir,
    "file": Path.touch,
    "fifo": os.mkfifo,
    "dangling link": lambda path: path.symlink_to("nowhere"),
    "looping link": lambda path: path.symlink_to(path),
    "stream socket": lambda path: bound(path, socket.SOCK_STREAM),
    "packet socket": lambda path: bound(path, socket.SOCK_SEQPACKET),
    "a socket that nobody reads": lambda path: bound(path, socket.SOCK_DGRAM),
}


def bound(path: Path, kind: int) -> socket.socket:
    made = socket.socket(socket.AF_UNIX, kind)
    made.bind(str(path))
    return made


@pytest.mark.parametrize("kind", SOCKET_KINDS)
def test_what_stands_for_the_start_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.chdir(tmp_path)
    with fake_init.published(Store(str(tmp_path / "root")), "x") as entry:
        entry.write(fake_init.state("x", pid=os.getpid(), pid_start=proc_stat.start_time(os.getpid())))
        kept = SOCKET_KINDS[kind](Path(entry.path, START_SOCKET))
        found = clean(lambda: status.look(entry))
        assert found is None or found[1] in (status.CREATED, status.RUNNING)
        if found is None or found[1] != status.CREATED:
            with pytest.raises(PyociError):
                start.start(entry)
        if kept:
            kept.close()


@pytest.mark.parametrize("kind", ["missing", "x" * 200, *SOCKET_KINDS])
def test_what_stands_for_the_console_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.chdir(tmp_path)
    path = Path("console") if kind in SOCKET_KINDS else Path(kind)
    kept = SOCKET_KINDS[kind](path) if kind in SOCKET_KINDS else None
    with open("/dev/null", "rb") as file, pytest.raises(PyociError) as raised:
        send_fd.send_descriptor(str(path), file.fileno(), b"/dev/pts/0")
    assert "success" not in str(raised.value)
    if kept:
        kept.close()


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (b"", None, ""),
        (b"ERROR hook x", HookError, "^x$"),
        (b"ERROR nobody x", ContainerError, "^x$"),
        (b"ERROR", ContainerError, "^container init gives no reason$"),
        (b"READY", ContainerError, r"^container init sent 'READY' unexpectedly \(while waiting for the program\)$"),
        (b"x" * 59_000, ContainerError, r"^container init sent 'x{1,500}\.\.\.x{1,500}' unexpectedly"),
    ],
)
def test_what_start_hears_from_init(tmp_path: Path, answer: bytes, kind: type[PyociError] | None, words: str) -> None:
    with fake_init.published(Store(str(tmp_path)), "x") as entry:

        def say(fd: int) -> None:
            socket.socket(fileno=fd).send(answer)

        init = fake_init.FakeInit(entry, say)
        entry.write(fake_init.state("x", pid=init.pid, pid_start=init.start))
        if kind is None:
            start.start(entry)
        else:
            with pytest.raises(PyociError, match=words) as refusal:
                start.start(entry)
            assert type(refusal.value) is kind
        init.reap()


def test_the_last_words_of_a_process_that_leaves_a_message_unread() -> None:
    """recvmsg(2) says ECONNRESET before it gives what the other side has sent."""
    ours, theirs = messages.pair()
    theirs.send(messages.ERROR, "call receive GO 1")
    ours.send(messages.GO)
    theirs.close()
    with pytest.raises(ContainerError, match="receive GO: operation not permitted"):
        ours.receive()
    assert ours.receive() == ("", "", -1)
    ours.close()
