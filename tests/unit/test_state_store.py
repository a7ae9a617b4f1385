"""The store: one winner for an ID, whole writes, no surprise from what lies in the folder."""

from __future__ import annotations

import errno
import os
import posix
from pathlib import Path

import pytest
from helpers import fake_init

from pyoci.errors import ContainerExists, ContainerNotFound, InvalidId, StateError, SyscallError
from pyoci.host import mounts
from pyoci.state import others
from pyoci.state.store import STATE_FILE, Entry, Store, check_id


@pytest.mark.parametrize("name", ["a", "A_b+c.d-9", "..a", ".hidden", "x" * 255])
def test_id_is_accepted(name: str) -> None:
    check_id(name)


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "a/b", "/", "a b", "a\n", "a\0b", "ä", "٣", "a:b", "\udcff", "x" * 256, "*"],
)
def test_id_is_refused(store: Store, name: str) -> None:
    for operation in (store.reserve, store.open):
        with pytest.raises(InvalidId):
            operation(name)
    assert not os.path.exists(store.root)


def test_reserve_makes_private_folders(store: Store, entry: Entry) -> None:
    assert os.stat(store.root).st_mode & 0o777 == 0o700
    assert os.stat(entry.path).st_mode & 0o777 == 0o700
    assert not os.get_inheritable(entry.dirfd)


def test_reserve_of_a_taken_id(store: Store, entry: Entry) -> None:
    entry.write(fake_init.state("x"))
    with pytest.raises(ContainerExists, match="already exists"):
        store.reserve("x")


def test_an_entry_is_invisible_until_it_is_published(store: Store) -> None:
    with store.reserve("x") as entry:
        entry.write(fake_init.state("x"))
        assert store.ids() == []
        with pytest.raises(ContainerNotFound):
            store.open("x")
        entry.publish()
    with store.open("x") as found:
        assert found.read().id == "x"
    assert os.listdir(store.root) == ["x"]


def test_one_at_a_time_makes_an_id(store: Store) -> None:
    with store.reserve("x"), pytest.raises(ContainerExists):
        store.reserve("x")


def test_what_a_killed_create_left_is_taken_over(store: Store) -> None:
    with store.reserve("x") as killed:  # its end lets go of the lock
        killed.write_file("config.json", b"{}")
    with store.reserve("x") as entry:
        assert os.listdir(entry.dirfd) == []


def test_what_a_killed_create_left_is_removed(store: Store) -> None:
    with store.reserve("x") as killed:
        killed.write_file("config.json", b"{}")
        store.remove_half_made("x")
        assert os.listdir(store.root) == ["@x"], "another create is at work"
    store.remove_half_made("x")
    assert os.listdir(store.root) == []


@pytest.mark.parametrize("target", ["/nowhere", "x", "/etc/passwd"])
def test_a_link_in_the_place_of_an_entry_is_taken(store: Store, target: str) -> None:
    os.makedirs(store.root, exist_ok=True)
    os.symlink(target, f"{store.root}/x")
    with pytest.raises(ContainerExists), store.reserve("x") as entry:
        entry.publish()
    assert os.readlink(f"{store.root}/x") == target


def test_an_entry_published_by_another_is_not_overwritten(store: Store) -> None:
    first = store.reserve("x")
    first.write(fake_init.state("x"))
    os.mkdir(f"{store.root}/@another")
    second = Entry("x", store.root, os.open(f"{store.root}/@another", os.O_RDONLY), f"{store.root}/@another")
    second.write(fake_init.state("x", pid=2))
    first.publish()
    with pytest.raises(ContainerExists):
        second.publish()
    assert first.read().pid == 0
    second.remove()
    assert os.listdir(store.root) == ["x"]
    first.close()
    second.close()


def test_an_empty_folder_is_what_a_killed_delete_left(store: Store) -> None:
    os.makedirs(f"{store.root}/x")
    with store.open("x") as entry, pytest.raises(ContainerNotFound):
        entry.read()
    with store.reserve("x") as entry:
        entry.write(fake_init.state("x"))
        entry.publish()
        assert entry.is_at(f"{store.root}/x")


@pytest.mark.parametrize("mode", [0o777, 0o750])
def test_a_folder_that_others_may_enter_is_not_taken_over(store: Store, mode: int) -> None:
    os.makedirs(f"{store.root}/@x")
    os.chmod(f"{store.root}/@x", mode)
    with pytest.raises(StateError, match="belongs to another user; remove it"):
        store.reserve("x")


def test_two_reserves_at_once_one_wins(store: Store) -> None:
    go_read, go_write = os.pipe()
    children = []
    for _ in range(8):
        pid = os.fork()
        if pid == 0:
            status = 2
            try:
                os.close(go_write)
                os.read(go_read, 1)
                made = store.reserve("x")
                made.write(fake_init.state("x"))
                made.publish()
                status = 0
            except ContainerExists:
                status = 1
            finally:
                os._exit(status)
        children.append(pid)
    os.close(go_write)
    results = sorted(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children)
    os.close(go_read)
    assert results == [0] + [1] * 7


def test_root_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StateError, match="not a directory"):
        Store(str(tmp_path / "file")).reserve("x")


def test_open_of_an_unknown_id(store: Store) -> None:
    with pytest.raises(ContainerNotFound, match="does not exist"):
        store.open("x")


def test_open_does_not_follow_a_link(store: Store, entry: Entry) -> None:
    os.symlink(entry.path, f"{store.root}/link")
    with pytest.raises(StateError, match="open"):
        store.open("link")


def test_relative_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with fake_init.published(Store("r"), "x") as entry:
        assert entry.path == f"{tmp_path}/r/x"


def test_ids_are_sorted_and_only_folders(store: Store, entry: Entry) -> None:
    fake_init.published(store, "b").close()
    fake_init.published(store, "a").close()
    (Path(store.root) / "file").write_text("")
    os.symlink(entry.path, f"{store.root}/link")
    os.mkdir(f"{store.root}/no id")
    assert store.ids() == ["a", "b", "x"]


def test_ids_without_a_root(store: Store) -> None:
    assert store.ids() == []


def test_state_round_trip(entry: Entry) -> None:
    state = fake_init.state("x", pid=42, pid_start=7, annotations={"k": "ü"}, cgroup={"a": [1]})
    entry.write(state)
    assert entry.read() == state


def test_write_leaves_no_other_file(entry: Entry) -> None:
    entry.write(fake_init.state("x"))
    entry.write(fake_init.state("x", pid=2))
    entry.write_file("config.json", b"{}")
    assert sorted(os.listdir(entry.path)) == ["config.json", STATE_FILE]
    assert entry.read_file("config.json") == b"{}"


def test_a_reader_sees_the_old_or_the_new_state(entry: Entry) -> None:
    entry.write(fake_init.state("x", annotations={"k": "a" * 100_000}))
    before = os.open(STATE_FILE, os.O_RDONLY, dir_fd=entry.dirfd)
    entry.write(fake_init.state("x"))
    with os.fdopen(before, "rb") as file:
        assert len(file.read()) > 100_000
    assert entry.read().annotations == {}


def test_failed_write_keeps_the_old_state(entry: Entry, monkeypatch: pytest.MonkeyPatch) -> None:
    state = fake_init.state("x")
    entry.write(state)

    def full(_fd: int, _data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(posix, "write", full)
    with pytest.raises(StateError, match="no space left on device"):
        entry.write(fake_init.state("x", pid=2))
    monkeypatch.undo()
    assert entry.read() == state
    assert os.listdir(entry.path) == [STATE_FILE]


def test_a_rename_that_fails_names_the_file(entry: Entry) -> None:
    with pytest.raises(StateError, match=rf"^write {entry.path}/config\.json: no such file"):
        mounts.replace_config(entry)


def test_missing_state_says_how_to_clean_up(entry: Entry) -> None:
    entry.write_file("config.json", b"{}")
    with pytest.raises(StateError, match="no such file; pyoci delete --force x removes it"):
        entry.read()


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b"\xff", b'{"format": 1}', b'{"format": 3}', b"[" * 5000, b"{}{}"],
)
def test_corrupt_state_names_the_file_and_the_way_out(entry: Entry, content: bytes) -> None:
    entry.write_file(STATE_FILE, content)
    with pytest.raises(StateError) as caught:
        entry.read()
    assert f"{entry.path}/{STATE_FILE}" in str(caught.value)
    assert "pyoci delete --force x removes it" in str(caught.value)


def test_state_of_another_container_is_refused(entry: Entry) -> None:
    entry.write(fake_init.state("y"))
    with pytest.raises(StateError, match="belongs to container 'y'"):
        entry.read()


def test_state_that_is_a_link_is_refused(entry: Entry, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("{}")
    os.symlink(tmp_path / "elsewhere", f"{entry.path}/{STATE_FILE}")
    with pytest.raises(StateError, match="symbolic links"):
        entry.read()


def test_state_that_is_a_fifo_is_refused_at_once(entry: Entry) -> None:
    os.mkfifo(f"{entry.path}/{STATE_FILE}")
    with pytest.raises(StateError, match="not a regular file"):
        entry.read()


def test_state_that_is_a_folder_is_refused(entry: Entry) -> None:
    os.mkdir(f"{entry.path}/{STATE_FILE}")
    with pytest.raises(StateError, match="not a regular file"):
        entry.read()


def test_oversized_state_is_refused(entry: Entry) -> None:
    entry.write_file(STATE_FILE, b"")
    os.truncate(f"{entry.path}/{STATE_FILE}", 1 << 40)
    with pytest.raises(StateError, match="larger than"):
        entry.read()


def test_remove_frees_the_id(store: Store, entry: Entry) -> None:
    entry.write(fake_init.state("x"))
    entry.write_file("config.json", b"{}")
    entry.remove()
    assert store.ids() == []
    with pytest.raises(ContainerNotFound):
        entry.read()
    fake_init.published(store, "x").close()


def test_remove_by_a_stale_entry_spares_the_new_one(store: Store, entry: Entry) -> None:
    entry.remove()
    fake_init.published(store, "x").close()
    entry.remove()
    assert store.ids() == ["x"]


def test_lock_keeps_others_out_until_close(store: Store) -> None:
    import fcntl

    first, second = fake_init.published(store, "x"), store.open("x")
    first.lock()
    with pytest.raises(BlockingIOError):
        fcntl.flock(second.dirfd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    first.close()
    second.lock()
    second.close()


def test_lock_of_a_deleted_container(store: Store) -> None:
    first, second = fake_init.published(store, "x"), store.open("x")
    first.lock()
    first.remove()
    first.close()
    with pytest.raises(ContainerNotFound):
        second.lock()
    second.close()


@pytest.mark.parametrize("number", [errno.ENOENT, errno.ESTALE])
def test_a_deleted_container_of_a_file_system_that_forgets(
    entry: Entry, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """FUSE and NFS: fstat(2) of a removed folder fails."""

    def fail(_fd: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(posix, "fstat", fail)
    assert entry.is_removed()
    assert not entry.lock_unless_gone()


def test_store_cannot_be_written() -> None:
    with pytest.raises(StateError, match="make /proc/nowhere/x"):
        Store("/proc/nowhere").reserve("x")


@pytest.mark.parametrize("call", ["open", "fstat", "read"])
def test_a_state_that_cannot_be_read_just_now_is_not_taken_for_a_broken_one(
    entry: Entry, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """`delete --force` removes a broken entry without what belongs to it: the groups would stay."""
    entry.write(fake_init.state(entry.id))

    def fail(*_arguments: object, **_keywords: object) -> None:
        raise OSError(errno.ENOMEM, "")

    monkeypatch.setattr(f"pyoci.state.store.posix.{call}", fail)
    with pytest.raises(SyscallError, match="ENOMEM"):
        entry.read()


def test_an_id_is_free_when_its_folder_cannot_be_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_arguments: object, **_keywords: object) -> None:
        raise OSError(errno.EMFILE, "")

    store = Store(str(tmp_path))
    with monkeypatch.context() as patched:
        patched.setattr("pyoci.state.store.posix.open", fail)
        with pytest.raises(StateError, match="EMFILE"):
            store.reserve("x")
    fake_init.published(store, "x").close()


OTHERS = {
    "runc": {"state.json": '{"id": "c", "init_process_pid": 7, "config": {}}'},
    "crun": {"status": '{"pid": 7}', "config.json": "{}"},
    "youki": {"youki_config.json": "{}", "state.json": '{"id": "c", "ociVersion": "1.0.2"}'},
}


@pytest.mark.parametrize("runtime", OTHERS)
def test_the_container_of_another_runtime(store: Store, runtime: str) -> None:
    """Engines give all runtimes one root: it is whole, and nobody is advised to remove it."""
    folder = Path(store.root) / "c"
    folder.mkdir(parents=True)
    for name, text in OTHERS[runtime].items():
        (folder / name).write_text(text)
    with store.open("c") as entry:
        assert others.are_in(entry.dirfd)
        with pytest.raises(StateError, match="another runtime made this container") as refusal:
            entry.read()
    assert "--force" not in str(refusal.value)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 3, "id": "c"}', "{}"])
def test_a_broken_record_is_of_no_other_runtime(store: Store, text: str) -> None:
    folder = Path(store.root) / "c"
    folder.mkdir(parents=True)
    (folder / "state.json").write_text(text)
    with store.open("c") as entry:
        assert not others.are_in(entry.dirfd)
        with pytest.raises(StateError, match="pyoci delete --force c removes it"):
            entry.read()
