"""The record of a container between two commands: the file state.json of its entry."""

from __future__ import annotations

import time

from pyoci import jsontext
from pyoci.errors import ConfigError, StateError
from pyoci.kernel import proc_stat
from pyoci.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

CREATING, CREATED, RUNNING, PAUSED, STOPPED = "creating", "created", "running", "paused", "stopped"

# Raised when an older pyoci could not read what a newer one writes.
FORMAT = 2
_MAX_PID = 1 << 22  # PID_MAX_LIMIT, linux/threads.h
MAX_BYTES = 16 << 20  # annotations and hooks come from config.json, which has the same limit
# Engines give all runtimes one root. runc takes every state.json in it for its own, and its list (1.5) ends with a null
# pointer where `config` is missing. With one of another type it passes the entry over.
_NOT_RUNC = {"config": "pyoci's: see config.json"}


class State(Record):
    """A container as the commands after `create` need to know it.

    pid, pid_start          its init: number as create sees it, start in ticks since boot; 0 while creating
    creator_pid, ...start   the create command, to tell `creating` from a create that was killed
    restored_pid, ...start  its init while `restore` is at work: what `pid` becomes when that command has been killed
    work_folder             of criu's while `restore` is at work: killed, it leaves an empty folder in it
    boot_id                 of the boot in which these numbers mean something
    cgroup                  what `pyoci.cgroups.reopen` takes; empty when there is none
    resctrl                 what `pyoci.cgroups.resctrl` takes; empty without linux.intelRdt
    own_pid_namespace       made for this container: its processes die with its init
    rootfs_mount            number of the mount over the rootfs in the host's mount namespace, 0: there is none
    keyring                 name of the container's session keyring; empty: it has the one of create's caller
    hooks                   the lists `poststart` and `poststop` of config.json, when there are any
    """

    format: int = FORMAT
    oci_version: str
    id: str
    bundle: str
    rootfs: str
    created: str
    owner: str = ""
    pid: int = 0
    pid_start: int = 0
    restored_pid: int = 0
    restored_start: int = 0
    work_folder: str = ""
    boot_id: str = ""
    creator_pid: int = 0
    creator_start: int = 0
    cgroup: dict[str, Any]
    resctrl: dict[str, Any]
    own_pid_namespace: bool = True
    keyring: str = ""
    rootfs_mount: int = 0
    annotations: dict[str, str]
    hooks: dict[str, list[dict[str, Any]]]


_TYPES = {
    "format": int,
    "oci_version": str,
    "id": str,
    "bundle": str,
    "rootfs": str,
    "created": str,
    "owner": str,
    "pid": int,
    "pid_start": int,
    "restored_pid": int,
    "restored_start": int,
    "work_folder": str,
    "boot_id": str,
    "creator_pid": int,
    "creator_start": int,
    "cgroup": dict,
    "resctrl": dict,
    "own_pid_namespace": bool,
    "keyring": str,
    "rootfs_mount": int,
    "annotations": dict,
    "hooks": dict,
}

# What records of this format did not have at first: containers outlive an upgrade of pyoci.
ADDED = {"restored_pid": 0, "restored_start": 0, "work_folder": ""}

_NAMES = {int: "an integer", str: "a string", bool: "true or false", dict: "an object"}


def document(state: State, status: str, pid: int | None = None) -> dict[str, Any]:
    """The state as `state` prints it and as every hook and the seccomp agent read it (runtime.md, "State").

    `pid` as given, else that of the record, or 0 once the container has stopped: the number may be another's by then.
    """
    if pid is None:
        pid = 0 if status == STOPPED else state.pid
    fields = {
        "ociVersion": state.oci_version,
        "id": state.id,
        "pid": pid,
        "status": status,
        "bundle": state.bundle,
        "rootfs": state.rootfs,
        "created": state.created,
        "owner": state.owner,
    }
    if state.annotations:
        fields["annotations"] = state.annotations
    return fields


def to_bytes(state: State) -> bytes:
    """The file's content; ConfigError for a path that JSON cannot hold (not UTF-8)."""
    return jsontext.dumps(_NOT_RUNC | {field: getattr(state, field) for field in _TYPES}).encode("ascii") + b"\n"


def from_bytes(data: bytes, what: str) -> State:
    """Read the file back; StateError names `what` and the place when it is not what `to_bytes` wrote."""
    try:
        document = jsontext.loads(data, what=what, limit=MAX_BYTES)
    except ConfigError as error:
        raise StateError(str(error)) from None
    if type(document) is not dict:
        raise StateError(f"{what}: not an object")
    if "format" not in document:
        raise StateError(f"{what}: pyoci has not written it")
    if document["format"] == 1:
        document = _upgraded(document, what)
    if document["format"] != FORMAT:
        raise StateError(f"{what}: written by another version of pyoci (format {document['format']!r})")
    document = ADDED | document
    values = {}
    for field, kind in _TYPES.items():
        # type() and not isinstance: true is not a process number.
        if type(document.get(field)) is not kind:
            raise StateError(f"{what}: {field} is not {_NAMES[kind]}")
        values[field] = document[field]
    state = State(**values)
    _check(state, what)
    if state.restored_pid and not proc_stat.is_alive(state.creator_pid, state.creator_start):
        # nobody says any more that it is whole; it may run all the same
        state.pid, state.pid_start = state.restored_pid, state.restored_start
    return state


def _upgraded(old: dict[str, Any], what: str) -> dict[str, Any]:
    from pyoci.state import upgrade  # seldom: after an upgrade of pyoci

    try:
        return upgrade.from_format_1(old)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise StateError(f"{what}: is not what pyoci 0.1.0 wrote") from None


def now() -> str:
    """This moment in RFC 3339, with nanoseconds, in UTC."""
    seconds, nanoseconds = divmod(time.time_ns(), 1_000_000_000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{nanoseconds:09d}Z"


def _check(state: State, what: str) -> None:
    for field in ("pid", "restored_pid", "creator_pid"):
        if not 0 <= getattr(state, field) <= _MAX_PID:
            raise StateError(f"{what}: {field} is out of range: {getattr(state, field)}")
    if not all(type(value) is str for value in state.annotations.values()):
        raise StateError(f"{what}: an annotation is not a string")
    for kind, hooks in state.hooks.items():
        if type(hooks) is not list or not all(type(hook) is dict for hook in hooks):
            raise StateError(f"{what}: hooks.{kind} is not a list of objects")
