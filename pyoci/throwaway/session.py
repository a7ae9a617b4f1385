"""One call of `try`, from its folder to what is left: nothing."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sysconfig

from pyoci import build, jsontext
from pyoci.errors import PyociError, SyscallError, reason
from pyoci.kernel import process
from pyoci.record import Record
from pyoci.throwaway import changes, folder, layers, network, plan, user, user_network
from pyoci.throwaway.folder import Folder
from pyoci.throwaway.layers import Layers
from pyoci.throwaway.plan import Request, Situation

_SIGNALS = (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


class Host(Record):
    """The places of a session. `state_root` is where states are kept: the container is in `list`."""

    state_root: str
    version: str
    program: list[str]
    root: bool  # whether the caller is the host's root

    @property
    def place(self) -> str:
        """The folders of all calls with that state root."""
        return f"{self.state_root.rstrip('/')}-try"


def find_program() -> list[str]:
    """How to call the `pyoci` program: this one, or the one installed with this package."""
    if build.IS_PROGRAM:
        return [os.readlink("/proc/self/exe")]  # whatever its file is called
    beside = os.path.join(sysconfig.get_path("scripts"), "pyoci")
    program = beside if os.access(beside, os.X_OK) else shutil.which("pyoci")
    if program is None:
        raise PyociError("find the pyoci program: it is neither beside this Python nor in PATH")
    return [program]


def run(request: Request, host: Host) -> tuple[int, list[str]]:
    """The exit status of the container's program, and the lines of `--diff`. Raises PyociError."""
    if request.keep:
        _hold(request.keep)
    helper = user_network.Helper() if request.network and not host.root else None
    try:
        with folder.locked(host.place):
            clean_up(host)
            place = folder.make(host.place)
        try:
            return _run(request, host, place, helper)
        finally:
            _end(host, place, request)
    finally:
        if helper is not None:
            helper.stop()


def clean_up(host: Host) -> None:
    """Remove what calls that were killed have left: container, network, folder. Under `folder.locked`."""
    for name in folder.left_behind(host.place):
        _delete(host, name)
        network.remove(folder.network_of(host.place, name))
        folder.remove(host.place, name)
    network.settle(host.place)


def _delete(host: Host, name: str) -> None:
    if os.path.isdir(f"{host.state_root}/{name}"):
        command = [*host.program, "--root", host.state_root, "delete", "--force", name]
        subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)


def _run(request: Request, host: Host, place: Folder, helper: user_network.Helper | None) -> tuple[int, list[str]]:
    """The container's life. A folder of this process's mount namespace is the root, so it all ends with the process."""
    situation = Situation(
        container_id=place.name,
        version=host.version,
        rootfs=place.folder("rootfs"),
        cwd=plan.working_directory(os.getcwd(), request.root),
        env={**os.environ},
        terminal=os.isatty(0) and os.isatty(1),
    )
    memory = place.folder("layers")
    inside = -1
    if request.network and host.root:
        with folder.locked(host.place):
            inside = network.make(host.place, place)
        situation.network = f"/proc/{os.getpid()}/fd/{inside}"
        situation.resolv_conf = place.file("resolv.conf", network.resolv_conf())
    if not host.root:
        situation.user = True
        situation.many_ids = user.become_root()
        if helper is not None:
            text = helper.enter() or network.resolv_conf()
            situation.own_network = True
            situation.resolv_conf = place.file("resolv.conf", text)
    layers.enter_mount_namespace()
    root_layers = _layers(request, situation, memory)
    if request.root == "/" and not root_layers.partial:
        with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
            situation.submounts = plan.submounts(file.read())
    config = plan.config(request, situation)
    place.file("config.json", jsontext.pretty(config))
    status = _wait(_start(host, place))
    lines = (
        changes.list_changes(root_layers, {mount["destination"] for mount in config["mounts"]}) if request.diff else []
    )
    return status, lines


def _layers(request: Request, situation: Situation, memory: str) -> Layers:
    storage = request.keep
    if not storage:
        layers.in_memory(memory)
        storage = memory
    try:
        return layers.lay(request.root, storage, situation.rootfs, user=situation.user)
    except SyscallError as error:
        where = f" with its changes in {request.keep}" if request.keep else ""
        raise PyociError(f"lay an overlay over {request.root}{where}: {error}") from None
    except OSError as error:
        raise PyociError(f"lay an overlay over {request.root}: {error.filename}: {reason(error)}") from None


def _hold(storage: str) -> None:
    """One call at a time may use a folder that is kept; the lock ends with the process. Raises PyociError.

    One with other files in it is refused: somebody has named `/`, or their sources.
    """
    try:
        os.makedirs(storage, mode=0o755, exist_ok=True)
        fd = os.open(storage, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        other = layers.foreign(storage)
    except BlockingIOError:
        raise PyociError(f"option --keep: another `pyoci try` uses {storage}") from None
    except OSError as error:
        raise PyociError(f"option --keep: {storage}: {reason(error)}") from None
    if other:
        raise PyociError(
            f"option --keep: {storage} holds {other!r}; "
            "name a new or empty folder, or one in which try has kept changes"
        )


def _start(host: Host, place: Folder) -> subprocess.Popen[bytes]:
    owner = os.getpid()

    def last_steps() -> None:
        # Should this process be killed: the terminal is then the caller's again, and the next call does the rest.
        process.die_with_parent(signal.SIGKILL, owner)

    command = [*host.program, "--root", host.state_root, "run", "--bundle", place.path, place.name]
    return subprocess.Popen(command, preexec_fn=last_steps)  # noqa: PLW1509  # there are no threads


def _wait(child: subprocess.Popen[bytes]) -> int:
    """The child's exit status. Its terminal sends it an interrupt itself; other signals are passed on."""
    former = {number: signal.signal(number, lambda number, _: child.send_signal(number)) for number in _SIGNALS}
    former[signal.SIGINT] = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        status = child.wait()
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
    return status if status >= 0 else 128 - status


def _end(host: Host, place: Folder, request: Request) -> None:
    """Remove all that was made; what the container changed stays with --keep alone."""
    _delete(host, place.name)
    with folder.locked(host.place):
        place.unmount()
        if request.keep:
            layers.clear_work(request.keep)
        record = folder.network_of(host.place, place.name)
        if record:
            network.remove(record)
        place.close()
        if record:
            network.settle(host.place)
