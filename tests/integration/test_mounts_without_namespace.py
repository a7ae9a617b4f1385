"""A container without a mount namespace of its own: what it mounts on the host goes with it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.bundle import Bundle
from helpers.hostile import Outside
from helpers.runtime import Runtime, kill_process, reap, until
from helpers.stepped import Stepped

pytestmark = pytest.mark.beyond_runc("runc 1.1 leaves the mounts on the host")


def below(bundle: Bundle) -> list[str]:
    """Mount points of this namespace at the rootfs and in it."""
    return in_folder(bundle.rootfs)


def in_folder(folder: Path) -> list[str]:
    table = Path("/proc/self/mountinfo").read_text().splitlines()
    return [line.split()[4] for line in table if line.split()[4].startswith(str(folder))]


@pytest.fixture
def shared_bundle(bundle: Bundle, scratch: Path) -> Bundle:
    """Lives on the host's mounts: a volume, a tmpfs, and all that bundles usually have."""
    bundle.no_namespace("mount")
    (scratch / "volume/sub").mkdir(parents=True)
    bundle.bind(scratch / "volume", "/volume")
    bundle.mount("/volume/sub", "tmpfs")
    bundle.sleeps()
    return bundle


def test_the_mounts_are_there_while_it_lives(runtime: Runtime, shared_bundle: Bundle) -> None:
    runtime.start(shared_bundle)
    points = below(shared_bundle)
    assert str(shared_bundle.rootfs) in points and f"{shared_bundle.rootfs}/volume/sub" in points


def test_delete_takes_them_away(runtime: Runtime, shared_bundle: Bundle) -> None:
    container = runtime.start(shared_bundle)
    container.kill("KILL")
    container.wait()
    container.delete()
    assert below(shared_bundle) == []


@pytest.mark.parametrize("start", [True, False])
def test_so_does_delete_by_force(runtime: Runtime, shared_bundle: Bundle, start: bool) -> None:
    container = runtime.create(shared_bundle)
    if start:
        container.start()
    container.delete("--force")
    assert below(shared_bundle) == []


def test_and_a_foreground_run(runtime: Runtime, shared_bundle: Bundle) -> None:
    assert "proc" in runtime.sh(shared_bundle, "ls /")
    assert below(shared_bundle) == []


def test_and_a_create_that_fails(runtime: Runtime, shared_bundle: Bundle, scratch: Path) -> None:
    shared_bundle.bind(scratch / "nowhere", "/last")
    runtime.refuses(shared_bundle)
    assert below(shared_bundle) == []


def test_and_delete_after_a_create_that_was_killed(runtime: Runtime, shared_bundle: Bundle) -> None:
    shared_bundle.hook("createContainer", "sleep 20")
    name = runtime.add(shared_bundle)
    process = runtime.quietly("create", "--bundle", str(shared_bundle.path), name)
    until(lambda: f"{shared_bundle.rootfs}/volume/sub" in below(shared_bundle))
    kill_process(process)
    runtime.expect("delete", "--force", name)
    assert below(shared_bundle) == []


@pytest.mark.thorough
def test_whenever_it_was_killed(runtime: Runtime, new_bundle: Callable[[], Bundle]) -> None:
    """At each change that `create` makes."""
    at, is_over = 0, False
    while not is_over:
        bundle = new_bundle()
        bundle.no_namespace("mount")
        name = runtime.add(bundle)
        is_over = True
        with Stepped(runtime.arguments("create", "--bundle", str(bundle.path), name)) as stepped:
            for change in stepped.changes():
                if change == at:
                    is_over = False
                    break  # it is killed where it stands
        runtime.expect("delete", "--force", name)
        reap()
        assert below(bundle) == [], f"killed at change {at}"
        at += 2


def test_removing_the_rootfs_removes_nothing_else(runtime: Runtime, bundle: Bundle, scratch: Path) -> None:
    bundle.no_namespace("mount")
    outside = Outside(scratch / "outside")
    bundle.bind(outside.path, "/volume")
    runtime.sh(bundle, "true")
    assert list((bundle.rootfs / "volume").iterdir()) == []
    outside.check()


def test_a_mount_that_others_made_there_stays(runtime: Runtime, shared_bundle: Bundle) -> None:
    from helpers import sandbox

    container = runtime.create(shared_bundle)
    sandbox.mount("-t", "tmpfs", "of-others", shared_bundle.rootfs)
    said = runtime.expect("delete", "--force", container.id).stderr
    table = Path("/proc/self/mountinfo").read_text()
    assert "of-others" in table
    assert f"mounts at {shared_bundle.rootfs} stay: another mount lies over them" in said
    for _ in range(2):
        sandbox.unmount(shared_bundle.rootfs)


def test_its_mounts_tell_nobody(runtime: Runtime, shared_bundle: Bundle, scratch: Path) -> None:
    """The folder that the volume shows gets no mount: the host's mounts here are shared."""
    runtime.create(shared_bundle)
    table = Path("/proc/self/mountinfo").read_text()
    assert f" {scratch / 'volume/sub'} " not in table


def test_a_read_only_root(runtime: Runtime, shared_bundle: Bundle) -> None:
    shared_bundle.config["root"]["readonly"] = True
    assert "Read-only" in runtime.sh(shared_bundle, "touch /x 2>&1 || true")
    (shared_bundle.rootfs / "y").write_text("the host may write")


def a_link(bundle: Bundle) -> None:
    bundle.rootfs.rename(bundle.path / "real")
    bundle.rootfs.symlink_to("real")


def a_link_above(bundle: Bundle) -> None:
    (bundle.path / "real").mkdir()
    bundle.rootfs.rename(bundle.path / "real/root")
    (bundle.path / "link").symlink_to("real")
    bundle.config["root"]["path"] = "link/root"


def unchanged(_: Bundle) -> None:
    pass


def moved(bundle: Bundle) -> None:
    (bundle.path.parent / "moved").mkdir()
    bundle.path.rename(bundle.path.parent / "moved/here")


def link_changed(bundle: Bundle) -> None:
    bundle.rootfs.unlink()
    bundle.rootfs.symlink_to("/etc")


@pytest.mark.parametrize(
    "before, meanwhile",
    [
        pytest.param(a_link, unchanged, id="a link"),
        pytest.param(a_link_above, unchanged, id="a link above it"),
        pytest.param(unchanged, moved, id="moved meanwhile"),
        pytest.param(a_link, link_changed, id="a link that leads elsewhere meanwhile"),
    ],
)
def test_wherever_the_path_of_the_rootfs_leads(
    runtime: Runtime,
    shared_bundle: Bundle,
    scratch: Path,
    before: Callable[[Bundle], None],
    meanwhile: Callable[[Bundle], None],
) -> None:
    before(shared_bundle)
    there_were = len(in_folder(scratch))
    container = runtime.start(shared_bundle)
    assert len(in_folder(scratch)) > there_were + 5
    meanwhile(shared_bundle)
    container.delete("--force")
    assert len(in_folder(scratch)) == there_were
