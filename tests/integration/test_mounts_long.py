"""Options longer than what the kernel's interfaces take at once: all of it is applied, or the mount is refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from helpers.bundle import Bundle
from helpers.runtime import Runtime

RELEASE = tuple(int(word) for word in os.uname().release.split("-")[0].split(".")[:2])
pytestmark = pytest.mark.beyond_runc("runc gives mount(2) what it cuts")
one_by_one = pytest.mark.skipif(RELEASE < (6, 7), reason="an overlay's layers come one by one since Linux 6.7")


def layers(folder: Path, count: int, name: str = "") -> list[str]:
    """Folders with a file each, that is named after the layer's number."""
    made = []
    for number in range(count):
        layer = folder / f"{name}{number:03}"
        layer.mkdir(parents=True)
        (layer / f"file{number}").write_text("")
        made.append(str(layer))
    return made


def files(runtime: Runtime, bundle: Bundle, lower: list[str], *options: str) -> int:
    bundle.mount("/mnt", "overlay", [f"lowerdir={':'.join(lower)}", *options])
    return int(runtime.sh(bundle, "ls /mnt | wc -l"))


def test_a_value_longer_than_fsconfig_takes(runtime: Runtime, bundle: Bundle, scratch: Path) -> None:
    lower = layers(scratch / ("x" * 40), 5)
    assert 255 < len(":".join(lower)) < 4000
    assert files(runtime, bundle, lower) == 5


@one_by_one
def test_more_layers_than_a_page_can_name(runtime: Runtime, bundle: Bundle, scratch: Path) -> None:
    lower = layers(scratch / ("x" * 20), 76)
    assert len(":".join(lower)) > 4096
    assert files(runtime, bundle, lower) == 76


@one_by_one
def test_layers_of_long_paths_and_an_upper_one(runtime: Runtime, bundle: Bundle, scratch: Path) -> None:
    deep = scratch / ("y" * 200) / ("z" * 200)
    lower = layers(deep, 12)
    upper, work = deep / "upper", deep / "work"
    upper.mkdir()
    work.mkdir()
    assert files(runtime, bundle, lower, f"upperdir={upper}", f"workdir={work}") == 12
    runtime.sh(bundle, "touch /mnt/written")
    assert (upper / "written").exists()


@one_by_one
def test_escaped_characters_of_a_layers_name(runtime: Runtime, bundle: Bundle, scratch: Path) -> None:
    lower = layers(scratch / ("x" * 60), 5, "a:b\\,c")
    assert files(runtime, bundle, [path.replace("\\", "\\\\").replace(":", "\\:") for path in lower]) == 5


@pytest.mark.skipif(RELEASE >= (6, 7), reason="this kernel takes an overlay's layers one by one")
def test_too_many_layers_are_refused_by_an_old_kernel(runtime: Runtime, bundle: Bundle, scratch: Path) -> None:
    bundle.mount("/mnt", "overlay", [f"lowerdir={':'.join(layers(scratch / ('x' * 20), 76))}"])
    assert "mount(2) takes 4095" in runtime.refuses(bundle)


@pytest.mark.parametrize("size", [300, 4090, 5000])
def test_a_long_value_of_another_file_system(runtime: Runtime, bundle: Bundle, size: int) -> None:
    bundle.mount("/mnt", "tmpfs", [f"size={'0' * size}1m", "nr_inodes=77"])
    if size > 4000:
        words = runtime.refuses(bundle)
        assert "mount(2) takes 4095" in words and len(words) < 600
    else:
        assert "nr_inodes=77" in runtime.create(bundle).mounts()["/mnt"].super_options


def test_many_short_options(runtime: Runtime, bundle: Bundle) -> None:
    bundle.mount("/mnt", "tmpfs", [f"size={number}m" for number in range(1, 800)])
    assert "size=818176k" in runtime.create(bundle).mounts()["/mnt"].super_options


@pytest.mark.parametrize("length, word", [(255, ""), (256, "/mounts/6/destination")])
def test_a_name_of_the_destination(runtime: Runtime, bundle: Bundle, length: int, word: str) -> None:
    bundle.mount(f"/{'d' * length}", "tmpfs")
    if word:
        words = runtime.refuses(bundle)
        assert word in words and "at most 255 bytes" in words and len(words) < 900
    else:
        assert f"/{'d' * length}" in runtime.create(bundle).mounts()


def test_a_destination_longer_than_a_path(runtime: Runtime, bundle: Bundle) -> None:
    bundle.mount("/" + "/".join(["d" * 200] * 25), "tmpfs")
    words = runtime.refuses(bundle)
    assert "fewer than 4096 bytes (it has 5025)" in words and len(words) < 900


@pytest.mark.parametrize("kind", ["overlay", "tmpfs", "no such file system " + "x" * 5000])
def test_words_of_a_refusal_are_bounded(runtime: Runtime, bundle: Bundle, kind: str) -> None:
    bundle.mount("/mnt", kind, ["y" * 6000], source="s" * 200)
    assert len(runtime.refuses(bundle)) < 1500
