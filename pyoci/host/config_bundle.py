"""The bundle of a container whose config a library hands over: a folder with config.json alone."""

from __future__ import annotations

import posix

from pyoci.errors import SyscallError
from pyoci.host import user_folder
from pyoci.spec.bundle import CONFIG
from pyoci.state.store import Store, check_id

BUNDLES = "pyoci-bundles"


def make_bundle(root: str, container_id: str, config: int) -> str:
    """A bundle of the config.json in the descriptor `config`, which `remove_bundle` removes.

    Not in the state root, where `runc list` would complain of it, unless there is no other place; its name is not an
    ID, so that no command takes it for a container.
    """
    check_id(container_id)
    path = f"{user_folder.make(BUNDLES) or Store(root).root}/{_bundle_name(container_id)}{posix.getpid()}"
    try:
        try:
            posix.mkdir(path, 0o700)
        except FileNotFoundError:
            from os import makedirs

            makedirs(root, 0o1700, exist_ok=True)
            posix.mkdir(path, 0o700)
        # not open(): the program would complete Python's start for it
        target = posix.open(f"{path}/{CONFIG}", posix.O_WRONLY | posix.O_CREAT | posix.O_EXCL | posix.O_CLOEXEC, 0o600)
        try:
            while data := posix.read(config, 1 << 20):
                while data:
                    data = data[posix.write(target, data) :]
        finally:
            posix.close(target)
    except OSError as error:
        raise SyscallError(error.errno or 0, f"make {path}") from None
    return path


def remove_bundle(path: str) -> None:
    for remove, name in ((posix.unlink, f"{path}/{CONFIG}"), (posix.rmdir, path)):
        try:
            remove(name)
        except OSError:
            pass  # a folder of 200 bytes, in a place that is empty after a reboot


def remove_bundles(root: str, container_id: str) -> None:
    """Those of a container that is gone: its supervisor may have been killed."""
    beginning = _bundle_name(container_id)
    for place in (user_folder.path(BUNDLES), root):
        try:
            names = posix.listdir(place) if place else []
        except OSError:
            continue
        for name in names:
            if name.startswith(beginning) and name.removeprefix(beginning).isdigit():
                remove_bundle(f"{place}/{name}")


def _bundle_name(container_id: str) -> str:
    """Its beginning; a number follows."""
    return f"{container_id[:200]}@"
