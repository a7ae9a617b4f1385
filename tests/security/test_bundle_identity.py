"""A bundle that the library made is known by the whole ID, the state root and its maker: no other one is removed."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

from helpers.library import Library
from helpers.runtime import until

from pyoci import Container
from pyoci.host.config_bundle import ConfigBundle, remove_bundles

LIVES = "while :; do sleep 0.05; done"


def bundle_of(container: Container) -> Path:
    return Path(container.state()["bundle"])


def supervisor_of(container: Container) -> int:
    return int(Path(f"/proc/{container.state()['pid']}/stat").read_text().rpartition(")")[2].split()[1])


def leave_bundle(container: Container) -> Path:
    """Kill the supervisor: its container goes on, and with it the bundle."""
    path = bundle_of(container)
    os.kill(supervisor_of(container), signal.SIGKILL)
    return path


def test_an_id_with_the_same_beginning(library: Library) -> None:
    base = library.id()
    first = f"{base}-{'x' * 250}"[:250]
    ids = [f"{first}-one", f"{first}-two"]
    for name in ids:
        library.runtime.known[name] = library.runtime.known[base]
    with library.create(LIVES, id=ids[0]) as lives, library.create(LIVES, id=ids[1]) as ends:
        path, gone = leave_bundle(lives), leave_bundle(ends)
        ends.delete(force=True)
        assert (path / "config.json").is_file()
        assert not gone.exists()
    until(lambda: not path.exists(), "the bundle of the other container is removed")


def test_the_same_id_in_another_state_root(library: Library, scratch: Path) -> None:
    name = library.id()
    other: dict[str, Any] = {**library.options, "root": str(scratch / "other root")}
    config = library.config.with_args("sh", "-c", LIVES)
    with Container.create(name, config=_elsewhere(config), **other) as lives, library.create(LIVES, id=name) as ends:
        path = leave_bundle(lives)
        leave_bundle(ends)
        ends.delete(force=True)
        assert (path / "config.json").is_file()
    assert not path.exists()


def test_a_later_container_of_that_id(tmp_path: Path) -> None:
    """Its bundle is made before its entry: a `delete` of the former one that ends late must not take it."""
    config = tmp_path / "config.json"
    config.write_text("{}")
    with config.open() as file:
        made = ConfigBundle(str(tmp_path / "root"), "box", file.fileno())
    try:
        remove_bundles(str(tmp_path / "root"), "box")
        assert Path(made.path, "config.json").read_text() == "{}"
    finally:
        made.remove()
    assert not os.path.exists(made.path)


def test_one_that_a_process_of_the_same_number_left(tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    config.write_text("{}")
    with config.open() as file:
        first = ConfigBundle(str(tmp_path), "box", file.fileno())
        os.close(first._fd)  # as its end does
        second = ConfigBundle(str(tmp_path), "box", file.fileno())
    assert first.path == second.path
    second.remove()


def _elsewhere(config: Any) -> Any:
    def change(document: dict[str, Any]) -> None:
        document["linux"]["cgroupsPath"] = f"/pyoci-bundle-identity-{os.getpid()}"

    return config.with_changes(change)
