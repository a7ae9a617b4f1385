"""A file system whose server sleeps: whoever asks it for a file waits. SIGTERM ends that, and all is undone."""

from __future__ import annotations

import os
import signal
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from helpers import late_signal
from helpers.bundle import Bundle
from helpers.hostile import check, libc
from helpers.runtime import TIME_LIMIT, Runtime, until

pytestmark = pytest.mark.beyond_runc("the same, as far as Go's runtime lets it")

FUSE_INIT = 26
MNT_DETACH = 2
HEADER, ANSWER = "=IIQQIIII", "=IiQ"  # struct fuse_in_header and fuse_out_header, fuse.h
INIT_OUT = struct.pack("=IIIIHHIIHHI28x", 7, 31, 1 << 16, 0, 12, 10, 1 << 16, 1, 0, 0, 0)


@pytest.fixture
def hung(scratch: Path) -> Iterator[Path]:
    """A mount of FUSE whose server answers the first request alone, by which the kernel begins, and then sleeps.

    One that has read a request and never answers it is another thing: for that the kernel waits in a way that not even
    SIGKILL ends.
    """
    place = scratch / "hung"
    place.mkdir()
    try:
        device = os.open("/dev/fuse", os.O_RDWR)
    except OSError as error:
        pytest.skip(f"no FUSE here: {error}")
    options = f"fd={device},rootmode=40000,user_id=0,group_id=0,allow_other"
    check(libc.mount(b"hung", os.fsencode(place), b"fuse", 0, options.encode()), "mount fuse")
    begin(device)
    yield place
    check(libc.umount2(os.fsencode(place), MNT_DETACH), "umount")
    os.close(device)


def begin(device: int) -> None:
    _, opcode, unique, *_ = struct.unpack_from(HEADER, os.read(device, 1 << 17))
    assert opcode == FUSE_INIT
    os.write(device, struct.pack(ANSWER, 16 + len(INIT_OUT), 0, unique) + INIT_OUT)


def cwd(bundle: Bundle, hung: Path) -> None:
    bundle.bind(hung, "/mnt")
    bundle.process["cwd"] = "/mnt/folder"


def masked(bundle: Bundle, hung: Path) -> None:
    bundle.bind(hung, "/mnt")
    bundle.linux["maskedPaths"] = ["/mnt/secret"]


def in_turn(bundle: Bundle, hung: Path) -> None:
    """A source that an earlier mount of the container brings: a process of the host opens it when its turn has come."""
    bundle.bind(hung, "/mnt")
    (bundle.rootfs / "mnt").mkdir(exist_ok=True)
    bundle.bind(bundle.rootfs / "mnt/folder", "/data", "idmap").update(MAPPING)


def overlay(bundle: Bundle, hung: Path) -> None:
    bundle.mount("/mnt", "overlay", [f"lowerdir={hung}/one:{hung}/two"])


MAPPING = {kind: [{"containerID": 0, "hostID": 1000, "size": 10}] for kind in ("uidMappings", "gidMappings")}
WAITS: dict[str, Callable[[Bundle, Path], object]] = {
    "the source of a mount": lambda bundle, hung: bundle.bind(hung / "folder", "/mnt"),
    "the root": lambda bundle, hung: bundle.config["root"].update(path=str(hung / "rootfs")),
    "a source in its turn": in_turn,
    "an overlay": overlay,
    "the working directory": cwd,
    "a masked path": masked,
    "a hook": lambda bundle, hung: bundle.config.update(hooks={"createRuntime": [{"path": str(hung / "hook")}]}),
    "a hook inside": lambda bundle, hung: bundle.config.update(hooks={"createContainer": [{"path": str(hung / "h")}]}),
    "a namespace": lambda bundle, hung: bundle.namespace("uts", str(hung / "uts")),
}


# In the wait, which the kernel ends, or right before it: Python calls its handler for that one after the wait.
SENDS: dict[str, Callable[[int, signal.Signals], None]] = {"in the wait": os.kill}
if late_signal.IS_POSSIBLE:
    SENDS["before the wait"] = late_signal.send_before_the_call


# Where it is the runtime that opens the file, Python's handler would be called after the call that has no end.
BY_THE_RUNTIME = ("a namespace",)


@pytest.mark.parametrize(
    ("wait", "moment"),
    [(wait, moment) for wait in WAITS for moment in SENDS if moment == "in the wait" or wait not in BY_THE_RUNTIME],
)
def test_create_is_ended(runtime: Runtime, bundle: Bundle, hung: Path, wait: str, moment: str) -> None:
    WAITS[wait](bundle, hung)
    words = ("create", "--bundle", str(bundle.path), runtime.add(bundle))
    waits_and_ends(runtime, signal.SIGTERM, *words, send=SENDS[moment])
    assert not list(runtime.root.glob("*"))


@pytest.mark.parametrize("wait", ["a source that the host opens", "the pid file"])
def test_where_the_runtime_itself_waits_it_can_be_killed(
    runtime: Runtime, bundle: Bundle, hung: Path, wait: str
) -> None:
    """The kernel ends such a wait for a fatal signal alone, and SIGTERM, which has a handler, is none."""
    words = []
    if wait == "the pid file":
        words = ["--pid-file", str(hung / "file")]
    else:
        bundle.bind(hung / "folder", "/mnt", "idmap").update(MAPPING)
    name = runtime.add(bundle)
    waits_and_ends(runtime, signal.SIGKILL, "create", "--bundle", str(bundle.path), *words, name)
    runtime.expect("delete", "--force", name)


def waits_and_ends(
    runtime: Runtime,
    ending: signal.Signals,
    *words: str,
    send: Callable[[int, signal.Signals], None] = os.kill,
) -> None:
    process = runtime.quietly(*words)
    try:
        until(lambda: any(in_fuse(pid) for pid in family(process.pid)), "it asks the file system")
        assert process.poll() is None
        send(process.pid, ending)
        assert process.wait(TIME_LIMIT) != 0
    finally:
        process.kill()
        process.wait()


def family(pid: int) -> list[int]:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [pid, *(one for child in children for one in family(int(child)))]


def in_fuse(pid: int) -> bool:
    """Whether the process waits for an answer."""
    try:
        return "fuse" in Path(f"/proc/{pid}/stack").read_text()
    except OSError:
        return False
