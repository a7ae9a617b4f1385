"""The door between the two sides: what every process of the container's side does first and last."""

from __future__ import annotations

import gc
import posix
import sys

from pyoci import phase
from pyoci.init import bootstrap
from pyoci.kernel import call, namespace, process, signals
from pyoci.wire import messages
from pyoci.wire.inherited import Inherited
from pyoci.wire.messages import Channel
from pyoci.wire.plan import BOOTSTRAPPED, UNSEEN, Namespaces

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn


def run(
    namespaces: Namespaces,
    birth: str,
    inherited: Inherited,
    channel: Channel,
    cgroup_fd: int,
    preserve_fds: int,
    body: Callable[[Channel], None],
) -> NoReturn:
    """Never a return: an error is sent to the host, whatever it is, and the process ends."""
    gc.disable()
    _tell_calls(channel)
    if birth == BOOTSTRAPPED:
        phase("begin", side="bootstrap")
    try:
        signals.let_through()
        _keep_only_ours(inherited, channel, cgroup_fd, preserve_fds)
        if birth == UNSEEN:
            namespace.unshare(bootstrap.enter(namespaces, inherited, channel), "new namespaces")
        if birth != BOOTSTRAPPED or bootstrap.become_init(namespaces, inherited, channel, cgroup_fd):
            _close_entered(inherited, cgroup_fd, birth)
            body(channel)
        posix._exit(0)
    except BaseException as error:  # noqa: BLE001  # a traceback would read source lines from the container's files
        report(channel, error)
    posix._exit(1)


def prepare_exec(
    inherited: Inherited, channel: Channel, preserve_fds: int, body: Callable[[Channel], None]
) -> NoReturn:
    """`run` for the process that prepares an exec; it keeps the namespaces that `body` joins."""
    gc.disable()
    _tell_calls(channel)
    try:
        signals.let_through()
        _keep_only_ours(inherited, channel, -1, preserve_fds)
        body(channel)
    except BaseException as error:  # noqa: BLE001  # as above
        report(channel, error)
    posix._exit(1)


def run_in(inherited: Inherited, channel: Channel, body: Callable[[Channel], None]) -> NoReturn:
    """`run` for a process that comes to its end when `body` has."""
    gc.disable()
    _tell_calls(channel)
    try:
        signals.let_through()
        _keep_only_ours(inherited, channel, -1, 0)
        body(channel)
        posix._exit(0)
    except BaseException as error:  # noqa: BLE001  # as above
        report(channel, error)
    posix._exit(1)


def _tell_calls(channel: Channel) -> None:
    """With --debug: the log is the host's."""
    if call.log is not None:
        call.log = lambda words: channel.send(messages.DEBUG, words)


def report(channel: Channel, error: BaseException) -> None:
    try:
        channel.send(messages.ERROR, messages.report(error))
    except BaseException:  # noqa: BLE001  # nobody listens any more: the exit status is all that is left
        posix._exit(1)


def forget_imports() -> None:
    """From here on an import cannot find a file: what is not loaded yet must not come from the container."""
    sys.meta_path.clear()
    # The program has the others only once it has needed a file (launcher/boot.py).
    for name in ("path", "path_hooks", "path_importer_cache"):
        getattr(sys, name, []).clear()


def _keep_only_ours(inherited: Inherited, channel: Channel, cgroup_fd: int, preserve_fds: int) -> None:
    """Nothing else of the host's comes along: logs, state, cgroups (CVE-2016-9962, CVE-2024-21626)."""
    keep = [channel.fd, cgroup_fd, inherited.proc_fd, inherited.start_fd, inherited.rootfs_fd, inherited.devices_fd]
    keep += inherited.sources.values()
    keep += inherited.procfs
    keep += [fd for _, fd in inherited.namespaces]
    keep += range(3, 3 + preserve_fds)
    process.close_all_but(keep)


def _close_entered(inherited: Inherited, cgroup_fd: int, birth: str) -> None:
    """Close what has served: `..` of the cgroup's folder would lead to the host's files (CVE-2024-21626)."""
    if cgroup_fd >= 0:
        posix.close(cgroup_fd)
    for kind, fd in inherited.namespaces:
        if kind == "pid" and birth == UNSEEN:
            inherited.pid_namespace = fd  # a procfs is to show the container's processes: this is not one of them
        else:
            posix.close(fd)
