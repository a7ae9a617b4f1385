"""The folder of a checkpoint is the caller's: what a failed one removes there is criu's and ours."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest

from pyoci.errors import UnsupportedError
from pyoci.host import image_folder

CRIUS = ("inventory.img", "pages-1.img", "tmpfs-40.tar.gz.img", "descriptors.json", "dump.log", "stats-dump")
OTHERS = ("syslog", "restore.log.1", "img", "dump.log.old", "note.json")


@pytest.mark.parametrize("was_there", [False, True])
def test_only_files_of_a_checkpoint_are_removed(tmp_path: Path, was_there: bool) -> None:
    tmp_path.chmod(0o700)
    if was_there:
        for name in (*CRIUS, *OTHERS):
            (tmp_path / name).touch()
    folder = image_folder.make(str(tmp_path), "image folder")
    for name in (*CRIUS, *OTHERS):
        (tmp_path / name).write_text("written meanwhile")
    os.symlink("../first", tmp_path / "parent")
    folder.undo()
    folder.close()
    assert sorted(os.listdir(tmp_path)) == sorted(OTHERS)


def let_user_1000_write(path: Path) -> None:
    """setfacl -m u:1000:rwx; acl(5), linux/posix_acl_xattr.h."""
    entries = ((1, 7, -1), (2, 7, 1000), (4, 0, -1), (16, 7, -1), (32, 0, -1))
    packed = b"".join(struct.pack("<HHi", *entry) for entry in entries)
    try:
        os.setxattr(path, "system.posix_acl_access", struct.pack("<I", 2) + packed)
    except OSError:
        pytest.skip("a file system without access control lists")


@pytest.mark.skipif(os.geteuid() != 0, reason="a group of root's")
@pytest.mark.parametrize("what", ["folder", "file"])
def test_a_user_in_an_access_control_list_is_another_one(tmp_path: Path, what: str) -> None:
    tmp_path.chmod(0o700)
    images = tmp_path / "images"
    images.mkdir(0o700)
    (images / "inventory.img").touch(0o600)
    let_user_1000_write(images if what == "folder" else images / "inventory.img")
    with pytest.raises(UnsupportedError, match="others may write"):
        image_folder.open(str(images), "image folder").check_files()


@pytest.mark.skipif(os.geteuid() != 0, reason="a group of root's")
def test_a_user_in_an_access_control_list_of_a_folder_on_the_way(tmp_path: Path) -> None:
    (tmp_path / "images/inner").mkdir(parents=True)
    (tmp_path / "images").chmod(0o700)
    let_user_1000_write(tmp_path / "images")
    fd = os.open(tmp_path, os.O_RDONLY)
    with pytest.raises(UnsupportedError, match="another user may change"):
        image_folder.check_way(fd, "images/inner", "way")
    os.close(fd)


def test_what_has_not_changed_stays(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    for name in CRIUS:
        (tmp_path / name).write_text("of the checkpoint before")
    folder = image_folder.make(str(tmp_path), "image folder")
    folder.undo()
    folder.close()
    assert sorted(os.listdir(tmp_path)) == sorted(CRIUS)
