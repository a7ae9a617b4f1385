"""config.md, POSIX-platform mounts: uidMappings and gidMappings, options idmap and ridmap."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers import sandbox
from helpers.bundle import Bundle, Config
from helpers.runtime import Runtime

# tmpfs takes id mappings since Linux 6.3.
RELEASE = tuple(int(word) for word in os.uname().release.split("-")[0].split(".")[:2])
pytestmark = [
    pytest.mark.beyond_runc("idmapped mounts are of spec 1.1, runc has them since 1.2"),
    pytest.mark.skipif(RELEASE < (6, 3), reason="tmpfs takes no id mappings before Linux 6.3"),
]


@pytest.fixture
def source(scratch: Path) -> Iterator[Path]:
    """Files of user 1000, and below them a mount with files of user 1000."""
    folder = scratch / "source"
    (folder / "sub").mkdir(parents=True)
    sandbox.mount("-t", "tmpfs", "tmpfs", folder / "sub")
    for file in (folder / "fact", folder / "sub/fact"):
        file.write_text("")
        os.chown(file, 1000, 1000)
    yield folder
    sandbox.unmount(folder / "sub")


def maps(entry: Config, container: int, host: int) -> None:
    for kind in ("uidMappings", "gidMappings"):
        entry[kind] = [{"containerID": container, "hostID": host, "size": 10}]


def test_mappings_of_the_mount(runtime: Runtime, bundle: Bundle, source: Path) -> None:
    maps(bundle.bind(source, "/mnt", "idmap"), 1000, 5000)
    assert runtime.sh(bundle, "stat -c %u:%g /mnt/fact") == "5000:5000"


def test_new_files_have_the_id_of_the_source(runtime: Runtime, bundle: Bundle, source: Path) -> None:
    maps(bundle.bind(source, "/mnt", "idmap"), 1000, 0)
    source.chmod(0o777)
    os.chown(source, 1000, 1000)
    runtime.sh(bundle, "touch /mnt/new")
    assert (source / "new").stat().st_uid == 1000


def test_mappings_without_the_option(runtime: Runtime, bundle: Bundle, source: Path) -> None:
    maps(bundle.bind(source, "/mnt"), 1000, 5000)
    assert runtime.sh(bundle, "stat -c %u:%g /mnt/fact") == "5000:5000"


def test_idmap_leaves_the_mounts_below(runtime: Runtime, bundle: Bundle, source: Path) -> None:
    maps(bundle.bind(source, "/mnt", "idmap", how="rbind"), 1000, 5000)
    assert runtime.sh(bundle, "stat -c %u /mnt/fact /mnt/sub/fact").split() == ["5000", "1000"]


def test_ridmap_maps_the_mounts_below(runtime: Runtime, bundle: Bundle, source: Path) -> None:
    maps(bundle.bind(source, "/mnt", "ridmap", how="rbind"), 1000, 5000)
    assert runtime.sh(bundle, "stat -c %u /mnt/fact /mnt/sub/fact").split() == ["5000", "5000"]


def test_the_containers_mapping_by_default(runtime: Runtime, bundle: Bundle, source: Path) -> None:
    bundle.user_namespace()
    bundle.bind(source, "/mnt", "idmap")
    assert runtime.sh(bundle, "stat -c %u:%g /mnt/fact") == "1000:1000"


def test_mappings_in_a_user_namespace(runtime: Runtime, bundle: Bundle, source: Path) -> None:
    bundle.user_namespace(host_id=100000)
    maps(bundle.bind(source, "/mnt", "idmap"), 1000, 100007)
    assert runtime.sh(bundle, "stat -c %u:%g /mnt/fact") == "7:7"


def test_the_source_stays_as_it_is(runtime: Runtime, bundle: Bundle, source: Path) -> None:
    maps(bundle.bind(source, "/mnt", "idmap"), 1000, 5000)
    runtime.create(bundle)
    assert (source / "fact").stat().st_uid == 1000


def test_the_option_without_any_mapping_is_refused(runtime: Runtime, bundle: Bundle, source: Path) -> None:
    bundle.bind(source, "/mnt", "idmap")
    runtime.refuses(bundle)


@pytest.mark.parametrize("kind", ["uidMappings", "gidMappings"])
def test_one_kind_of_mapping_without_the_other_is_refused(
    runtime: Runtime, bundle: Bundle, source: Path, kind: str
) -> None:
    entry = bundle.bind(source, "/mnt", "idmap")
    maps(entry, 1000, 5000)
    del entry[kind]
    runtime.refuses(bundle)
