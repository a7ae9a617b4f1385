"""config-linux.md, Rootfs Mount Propagation."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers import sandbox
from helpers.bundle import Bundle
from helpers.runtime import Container, Runtime, until


@pytest.fixture
def host_mount(bundle: Bundle) -> Iterator[None]:
    """After the test, unmounts what it mounted in the bundle's rootfs."""
    yield
    sandbox.unmount(bundle.rootfs / "mnt")


def root(container: Container) -> set[str]:
    return container.mounts()["/"].propagation


@pytest.mark.beyond_runc("runc 1.1 leaves the rootfs private whatever the word")
@pytest.mark.usefixtures("host_mount")
def test_shared_is_a_peer_group_of_its_own(runtime: Runtime, bundle: Bundle) -> None:
    bundle.linux["rootfsPropagation"] = "shared"
    container = runtime.create(bundle)
    assert "shared" in root(container)


@pytest.mark.parametrize("how", ["private", "slave", "unbindable", None])
def test_others_are_not_shared(runtime: Runtime, bundle: Bundle, how: str | None) -> None:
    if how:
        bundle.linux["rootfsPropagation"] = how
    assert "shared" not in root(runtime.create(bundle))


def test_private_has_no_peers_and_no_master(runtime: Runtime, bundle: Bundle) -> None:
    bundle.linux["rootfsPropagation"] = "private"
    assert root(runtime.create(bundle)) == set()


@pytest.mark.beyond_runc("runc 1.1 leaves the rootfs private whatever the word")
def test_unbindable(runtime: Runtime, bundle: Bundle) -> None:
    bundle.linux["rootfsPropagation"] = "unbindable"
    assert root(runtime.create(bundle)) == {"unbindable"}


@pytest.mark.beyond_runc("runc cuts the rootfs off from the host before it makes it a slave")
@pytest.mark.usefixtures("host_mount")
@pytest.mark.parametrize("how", ["slave", "shared"])
def test_slave_and_shared_see_what_the_host_mounts(runtime: Runtime, bundle: Bundle, how: str) -> None:
    bundle.linux["rootfsPropagation"] = how
    container = runtime.create(bundle)
    sandbox.mount("-t", "tmpfs", "tmpfs", bundle.rootfs / "mnt")
    assert "/mnt" in container.mounts()


@pytest.mark.parametrize("how", ["private", "unbindable"])
@pytest.mark.usefixtures("host_mount")
def test_private_does_not_see_what_the_host_mounts(runtime: Runtime, bundle: Bundle, how: str) -> None:
    bundle.linux["rootfsPropagation"] = how
    container = runtime.create(bundle)
    sandbox.mount("-t", "tmpfs", "tmpfs", bundle.rootfs / "mnt")
    assert "/mnt" not in container.mounts()


def test_an_unknown_word_is_refused(runtime: Runtime, bundle: Bundle) -> None:
    bundle.linux["rootfsPropagation"] = "contagious"
    assert "contagious" in runtime.refuses(bundle)


@pytest.mark.beyond_runc("runc 1.1 leaves the rootfs private whatever the word")
@pytest.mark.parametrize("how", ["rprivate", "rshared", "rslave", "runbindable"])
def test_the_recursive_words_mean_the_same(runtime: Runtime, bundle: Bundle, how: str) -> None:
    # containerd and CRI-O write rshared and rslave for the mountPropagation of Kubernetes.
    bundle.linux["rootfsPropagation"] = how
    assert ("shared" in root(runtime.create(bundle))) == (how == "rshared")


@pytest.fixture
def volume(scratch: Path) -> Iterator[Path]:
    """A mount of the host that others may share."""
    folder = scratch / "volume"
    folder.mkdir()
    sandbox.mount("-t", "tmpfs", "tmpfs", folder)
    sandbox.mount("--make-shared", folder)
    (folder / "sub").mkdir()
    yield folder
    for path in (folder / "sub", folder):
        sandbox.unmount(path)


def mounts_in(runtime: Runtime, bundle: Bundle, volume: Path) -> bool:
    """Whether the host sees what a container mounts in its rshared bind of `volume`."""
    bundle.bind(volume, "/mnt", "rshared", how="rbind")
    for names in bundle.process["capabilities"].values():
        names.append("CAP_SYS_ADMIN")
    bundle.sh("mount -t tmpfs inside /mnt/sub; touch /mnt/sub/there; sleep 60")
    container = runtime.start(bundle)
    until(lambda: container.path("/mnt/sub/there").exists())
    return (volume / "sub/there").exists()


@pytest.mark.parametrize("how", ["shared", "rshared"])
def test_a_shared_bind_in_a_shared_rootfs_tells_the_host(
    runtime: Runtime, bundle: Bundle, volume: Path, how: str
) -> None:
    """Bidirectional, in the words of Kubernetes: storage drivers mount for the node."""
    bundle.linux["rootfsPropagation"] = how
    assert mounts_in(runtime, bundle, volume)


@pytest.mark.parametrize("how", ["rslave", "rprivate", None])
def test_and_in_no_other(runtime: Runtime, bundle: Bundle, volume: Path, how: str | None) -> None:
    if how:
        bundle.linux["rootfsPropagation"] = how
    assert not mounts_in(runtime, bundle, volume)


# rootfsPropagation -> what the root, a bind mount without a word of its own and a new tmpfs are, where the host's
# mounts are all shared.
PROPAGATION = {
    None: (set(), {"master"}, set()),
    "slave": ({"master"}, {"master"}, set()),
    "rslave": ({"master"}, {"master"}, set()),
    "private": (set(), set(), set()),
    "rprivate": (set(), set(), set()),
    "shared": ({"shared", "master"}, {"master"}, set()),
    "rshared": ({"shared", "master"}, {"shared", "master"}, {"shared"}),
    "unbindable": ({"unbindable"}, set(), set()),
    "runbindable": ({"unbindable"}, set(), set()),
}
# The mount's own word -> what it makes of {"master"} and of nothing.
OWN = {
    "private": (set(), set()),
    "rprivate": (set(), set()),
    "slave": ({"master"}, set()),
    "rslave": ({"master"}, set()),
    "shared": ({"shared", "master"}, {"shared"}),
    "rshared": ({"shared", "master"}, {"shared"}),
    "unbindable": ({"unbindable"}, {"unbindable"}),
}


@pytest.mark.beyond_runc("runc 1.1 leaves the rootfs private whatever the word, and bind mounts peers of the host's")
@pytest.mark.parametrize("how", PROPAGATION, ids=str)
@pytest.mark.parametrize("bind", ["bind", "rbind"])
@pytest.mark.parametrize("user_namespace", [False, True])
def test_all_of_them(
    runtime: Runtime, bundle: Bundle, volume: Path, how: str | None, bind: str, user_namespace: bool
) -> None:
    if how:
        bundle.linux["rootfsPropagation"] = how
    if user_namespace:
        bundle.user_namespace()
    sandbox.mount("-t", "tmpfs", "tmpfs", volume / "sub")
    bundle.bind(volume, "/mnt", how=bind)
    bundle.mount("/opt", "tmpfs")
    for word in OWN:
        bundle.bind(volume, f"/own/{word}", word, how=bind)
    mounts = runtime.create(bundle).mounts()
    root, bound, new = PROPAGATION[how]
    assert mounts["/"].propagation == root
    assert mounts["/mnt"].propagation == bound
    assert mounts["/opt"].propagation == new
    if bind == "rbind":
        assert mounts["/mnt/sub"].propagation == bound
    hears = "master" in bound
    tells = how in ("shared", "rshared") and not user_namespace
    for word, (of_slave, of_private) in OWN.items():
        expected = of_slave if hears else of_private
        if tells and word in ("shared", "rshared"):
            expected = {"shared"}  # a peer of the host's own
        assert mounts[f"/own/{word}"].propagation == expected, word


def test_private_does_not_hear_of_the_host_in_a_bind_mount(runtime: Runtime, bundle: Bundle, volume: Path) -> None:
    bundle.linux["rootfsPropagation"] = "rprivate"
    bundle.bind(volume, "/mnt", how="rbind")
    container = runtime.create(bundle)
    sandbox.mount("-t", "tmpfs", "tmpfs", volume / "sub")
    assert "/mnt/sub" not in container.mounts()


# In a namespace of its own, whose mounts are all shared: a runtime with a bug must not unmount the machine's.
SHARED = """
mount --make-rshared / && mount -t tmpfs outer "$1" && mkdir "$1/inner" && mount -t tmpfs inner "$1/inner"
cut -d" " -f5 /proc/self/mountinfo > "$2"; shift 2
"$@"; status=$?
cut -d" " -f5 /proc/self/mountinfo; exit $status
"""


@pytest.mark.parametrize("how", ["private", "rprivate", "slave", "rslave", "shared", "rshared", "unbindable", None])
def test_the_old_root_goes_unheard(runtime: Runtime, bundle: Bundle, scratch: Path, how: str | None) -> None:
    if how:
        bundle.linux["rootfsPropagation"] = how
    bundle.process["args"] = ["/bin/true"]
    (scratch / "outer").mkdir()
    command = runtime.arguments("run", "--bundle", str(bundle.path), runtime.add(bundle))
    places = (str(scratch / "outer"), str(scratch / "before"))
    words = ("unshare", "--mount", "--propagation", "private", "sh", "-c", SHARED, "sh", *places, *command)
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert sorted(done.stdout.split("\n")) == sorted((scratch / "before").read_text().split("\n"))
    assert places[0] + "/inner" in done.stdout
