"""`mounts add` and `mounts remove`: other mounts for an existing container.

What a bind mount shows is opened here, detached, with the host's rights, and its ids are mapped here; a process in the
container's namespaces makes new file systems and moves all of it to where it belongs (init.mounts_sequence). It is
not a member of the PID namespace, so that the container cannot see it.
"""

from __future__ import annotations

import posix

from pyoci import jsontext, log, phase
from pyoci.errors import NOT_RUNNING, ConfigError, StateError, UnsupportedError, reason
from pyoci.host import open_for_init, spawn
from pyoci.host.interrupt import undo_when_asked_to_end
from pyoci.kernel import namespace, pidfd, procfs, signals, uapi
from pyoci.plan import facts as host_facts
from pyoci.plan import paths
from pyoci.plan.build import build
from pyoci.plan.request import Request
from pyoci.spec import bundle as bundles
from pyoci.spec import rules
from pyoci.state import status
from pyoci.state.store import CONFIG_FILE, NEXT_CONFIG_FILE, Entry
from pyoci.wire import messages
from pyoci.wire.inherited import Inherited

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pyoci.state.model import State
    from pyoci.wire.plan import Plan

# What a mount may need to be made in, in the order in which they are joined. The PID namespace is for a procfs alone.
_NAMESPACES = ("user", "ipc", "network", "cgroup", "mount")


def change(entry: Entry, action: str, file: str) -> None:
    """`add` or `remove` the mounts that `file` names, all of them or none; the container's config.json follows.

    Raises StateError when the container does not live, ConfigError, UnsupportedError, SyscallError.
    """
    entries = _read(file)
    # Read before the lock, which `create` holds while its hooks may call us; what was made does not change any more.
    state = status.made(entry, f"cannot {action} mounts of container")
    entry.lock()
    if status.status(entry, state) == status.STOPPED:
        raise _ended(action, state)
    config = jsontext.loads(entry.read_file(CONFIG_FILE), what=f"{entry.path}/{CONFIG_FILE}")
    recorded: list[dict[str, Any]] = list(config.get("mounts") or ())
    phase("plan")
    plan = _plan(config, entries, action, state)
    after = [*recorded, *entries] if action == "add" else _without(recorded, entries)
    inherited = _open(plan, action, state)
    phase("change the mounts")
    undo_when_asked_to_end("no mount was added or removed")
    child = spawn.change_mounts(plan, action, inherited)
    try:
        child.channel.expect(messages.READY)
        config["mounts"] = after
        with signals.Delayed():
            _record(entry, config, child if action == "remove" else None)
            if action == "add":
                child.channel.send(messages.GO)  # without it what was added goes again
    finally:
        child.channel.close()
        # a file system that does not answer holds it up: it undoes what it did when it can
        if pidfd.wait(child.pidfd, messages.PATIENCE):
            pidfd.reap(child.pid, messages.PATIENCE)
        posix.close(child.pidfd)


def _record(entry: Entry, config: dict[str, Any], remover: spawn.Child | None) -> None:
    """Write the config down; in between, `remover` removes what is no more in it, and gives no mount back.

    So there must be room for the record before. Killed in between, it has a mount too many, which `remove` forgives;
    and none is without a record.
    """
    entry.write_file(NEXT_CONFIG_FILE, jsontext.dumps(config).encode("ascii"))
    if remover is not None:
        remover.channel.send(messages.GO)
        remover.channel.expect(messages.READY)
    try:
        replace_config(entry)
    except StateError as error:
        if remover is None:
            raise
        log.warning(f"mounts remove: done, but {error}")


def replace_config(entry: Entry) -> None:
    """Let the config that was written beside the entry's take its place. Raises StateError."""
    try:
        posix.rename(NEXT_CONFIG_FILE, CONFIG_FILE, src_dir_fd=entry.dirfd, dst_dir_fd=entry.dirfd)
    except OSError as error:
        raise StateError(f"write {entry.path}/{CONFIG_FILE}: {reason(error)}") from None


def _ended(action: str, state: State) -> StateError:
    return StateError(f"mounts {action}: {NOT_RUNNING}: {state.id!r} has stopped")


def _read(file: str) -> list[Any]:
    data = _standard_input() if file == "-" else bundles.read_stream(file)
    document = jsontext.loads(data, what=file)
    if isinstance(document, dict):
        document = document.get("mounts", [document])
    if not isinstance(document, list) or not document:
        raise ConfigError(f"{file}: must be an array of mounts, as in config.json, with at least one")
    return document


def _standard_input() -> bytes:
    data = b""
    while part := posix.read(0, 1 << 16):
        data += part
        if len(data) > jsontext.MAX_BYTES:
            raise ConfigError(f"standard input: larger than {jsontext.MAX_BYTES} bytes")
    return data


def _plan(config: dict[str, Any], entries: list[Any], action: str, state: State) -> Plan:
    if action == "remove":
        # the destination alone counts
        entries = [
            {"destination": entry["destination"], "options": ["private"]}
            if isinstance(entry, dict) and isinstance(entry.get("destination"), str)
            else entry
            for entry in entries
        ]
    document = config | {"mounts": entries}
    bundles.check_document(document, "config")
    problems = rules.check(document)
    if problems:
        raise ConfigError(problems)
    if action == "add":
        from pyoci.spec import unknown

        for words in unknown.properties({"mounts": entries}):
            log.warning(words)
    plan = build(document, Request(container_id=state.id, bundle=state.bundle), host_facts.gather())
    for index, mount in enumerate(plan.mounts):
        if mount.kind == "cgroup":
            raise UnsupportedError(f"/mounts/{index}/type: a cgroup mount cannot be added to an existing container")
    return plan


def _without(recorded: list[dict[str, Any]], entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The record without the last mount at each destination, and without what changed it."""
    left = list(recorded)
    for entry in entries:
        destination = paths.clean(entry["destination"])
        same = [index for index, other in enumerate(left) if paths.clean(other["destination"]) == destination]
        mounts = [index for index in same if _is_new(left[index])]
        if not mounts:
            raise StateError(f"mounts remove: no mount of the container has the destination {destination[:200]!r}")
        left = [other for index, other in enumerate(left) if index not in same or index < mounts[-1]]
    return left


def _is_new(entry: dict[str, Any]) -> bool:
    """Not a remount, nor an entry that only says how a mount propagates."""
    has_what = bool(entry.get("source")) or entry.get("type", "none") not in ("", "none")
    return has_what and "remount" not in entry.get("options", ())


def _open(plan: Plan, action: str, state: State) -> Inherited:
    """Sources, and the namespaces of the container's init, opened while it is known to be that process."""
    init = status.hold_init(state)
    if init is None:
        raise _ended(action, state)
    inherited = Inherited(proc_fd=procfs.open_root(), sources={}, namespaces=[])
    kinds = [kind for kind in _NAMESPACES if plan.namespaces.has(kind)]
    if plan.namespaces.has("pid") and any(mount.fstype == "proc" for mount in plan.mounts):
        kinds.append("pid")
    for kind in kinds:
        path = f"/proc/{state.pid}/ns/{uapi.NAMESPACE_FILES[kind]}"
        inherited.namespaces.append((kind, namespace.open_path(path, kind)))
    if "mount" not in plan.namespaces.new:
        inherited.rootfs_fd = posix.open(f"/proc/{state.pid}/root", posix.O_PATH | posix.O_DIRECTORY | posix.O_CLOEXEC)
    if not status.init_lives(state):
        raise _ended(action, state)
    pidfd.close(init)
    if action == "add":
        for index, mount in enumerate(plan.mounts):
            if mount.kind == "bind":
                inherited.sources[index] = open_for_init.open_source(mount, index, plan, inherited.proc_fd)
        open_for_init.open_procfs(plan, inherited)
    return inherited
