"""The folder of a checkpoint is the caller's: what a failed one removes there is criu's and ours."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

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


def test_what_has_not_changed_stays(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    for name in CRIUS:
        (tmp_path / name).write_text("of the checkpoint before")
    folder = image_folder.make(str(tmp_path), "image folder")
    folder.undo()
    folder.close()
    assert sorted(os.listdir(tmp_path)) == sorted(CRIUS)
