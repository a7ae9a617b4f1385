"""A magic link of procfs (cwd, root, fd/N, exe) leads to where a process is, whatever root a path is resolved in.

openat2(2) stops at one with ELOOP where RESOLVE_NO_MAGICLINKS asks for it. RESOLVE_IN_ROOT alone does the same for now
("currently", says the manual page), with EXDEV.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from helpers.bundle import Bundle
from helpers.runtime import Runtime

from pyoci.errors import SyscallError
from pyoci.kernel.beneath import Root

MAKING: dict[str, Callable[[Root, str], object]] = {
    "make_directory": Root.make_directory,
    "make_file": Root.make_file,
    "open_entry": Root.open_entry,
    "parent": Root.parent,
}
LOOKING: dict[str, Callable[[Root, str], object]] = {
    "open": Root.open,
    "find": Root.find,
    "find_for": lambda root, path: root.find_for(path, "mask path"),
}


@pytest.fixture
def root() -> Iterator[Root]:
    fd = os.open("/", os.O_PATH | os.O_DIRECTORY)
    yield Root(fd)
    os.close(fd)


@pytest.fixture
def magic(root: Root, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A path through that link to what is not in the folder `tmp_path`, in which nothing may be made."""
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    link = request.param.format(fd=root.fd)
    yield f"/proc/{os.getpid()}/{link}" + ("" if link == "cwd" else f"{tmp_path}") + "/empty/made"
    assert not [*(tmp_path / "empty").iterdir()]


each_link = pytest.mark.parametrize("magic", ["cwd", "root", "fd/{fd}"], indirect=True)


@each_link
@pytest.mark.parametrize("way", [*LOOKING, *MAKING])
def test_no_way_follows_one(root: Root, magic: str, way: str) -> None:
    with pytest.raises(SyscallError) as caught:
        (LOOKING | MAKING)[way](root, magic)
    assert caught.value.errno == errno.ELOOP


@each_link
@pytest.mark.parametrize("way", MAKING)
def test_none_is_followed_step_by_step(root: Root, magic: str, tmp_path: Path, way: str) -> None:
    """As soon as a part is missing, the rest of the path is walked: what comes after `..` may be there."""
    back = "/.." * len((tmp_path / "missing").parts[1:])
    with pytest.raises(SyscallError) as caught:
        MAKING[way](root, f"{tmp_path}/missing{back}{magic}")
    assert caught.value.errno == errno.ELOOP


@pytest.mark.parametrize("where", ["maskedPaths", "readonlyPaths", "mount", "cwd"])
def test_none_is_followed_in_a_container(runtime: Runtime, bundle: Bundle, where: str) -> None:
    if not runtime.is_pyoci:
        pytest.skip("runc follows some")
    path = "/proc/1/root/tmp"
    if where == "mount":
        bundle.bind(bundle.path, path)
    elif where == "cwd":
        bundle.process["cwd"] = path
    else:
        bundle.linux[where] = [path]
    said = runtime.refuses(bundle)
    assert "(ELOOP)" in said or "no link of procfs" in said
