"""checkpoint and restore where criu fails, lies, or is killed: a failed checkpoint leaves the container running and
nothing on disk, a failed restore leaves nothing. With a criu of our own, which any kernel can have.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from helpers import cgroup, cgroup_files, late_signal, sandbox
from helpers.bundle import Bundle
from helpers.checkpoint import Case
from helpers.fake_criu import FakeCriu
from helpers.runtime import TIME_LIMIT, Runtime, kill_process, reap, until
from helpers.sandbox import MARK

from pyoci.criu import rpc, swrk
from pyoci.errors import CriuError

DUMP, RESTORE, PRE_DUMP = 1, 2, 4


@pytest.fixture
def criu(scratch: Path, runtime: Runtime) -> FakeCriu:
    if not runtime.is_pyoci:
        pytest.skip("asks how pyoci speaks to criu")
    return FakeCriu(scratch / "criu")


@pytest.fixture
def case(runtime: Runtime, bundle: Bundle, criu: FakeCriu, scratch: Path) -> Case:
    return Case(runtime, bundle, scratch, criu)


def test_checkpoint_ends_the_container_and_its_state(case: Case) -> None:
    container = case.start()
    case.checkpoint(container.id)
    assert case.runtime.call("state", container.id).status != 0
    assert {"inventory.img", "pages-1.img", "descriptors.json"} <= set(os.listdir(case.images))
    assert not [group for group in cgroup.named(MARK) if group.name != MARK]


def test_checkpoint_runs_the_poststop_hooks(case: Case, scratch: Path) -> None:
    case.bundle.hook("poststop", f"cat > {scratch}/stopped")
    container = case.start()
    case.checkpoint(container.id)
    assert json.loads((scratch / "stopped").read_text())["status"] == "stopped"


@pytest.mark.parametrize("option", ["--leave-running", "--pre-dump"])
def test_the_container_goes_on_where_it_shall(case: Case, option: str) -> None:
    container = case.start()
    case.checkpoint(container.id, option)
    assert container.status == "running"


def test_default_folder_is_checkpoint_in_the_working_directory(case: Case, scratch: Path) -> None:
    container = case.start()
    case.runtime.expect("checkpoint", container.id, options=case.options, cwd=scratch)
    assert (scratch / "checkpoint/inventory.img").exists()


@pytest.mark.parametrize("how", ["fail", "die", "garbage"])
@pytest.mark.parametrize("frozen", [False, True])
def test_failed_checkpoint_leaves_the_container_and_nothing_on_disk(case: Case, how: str, frozen: bool) -> None:
    container = case.start()
    if frozen:
        case.runtime.expect("pause", container.id)
    case.criu.does(dump=how)
    words = case.checkpoint_fails(container.id)
    assert container.status == ("paused" if frozen else "running")
    assert not case.images.exists()
    if how == "fail":
        assert "first; last" in words
        assert "FAILED" not in words


def test_no_checkpoint_without_the_lock_of_who_freezes(case: Case) -> None:
    """`pause` goes on without the lock where its file cannot be made: a checkpoint has made it, if one is at work."""
    container = case.start()
    root = case.runtime.root
    with sandbox.mounted("--bind", str(root), at=root):
        sandbox.mount("-o", "remount,bind,ro", root)
        words = case.checkpoint_fails(container.id)
    assert f"open {root}/{container.id}/freezer: read-only file system" in words
    assert container.status == "running"
    assert not case.images.exists()


@pytest.mark.parametrize("how", ["fail", "die"])
def test_a_container_that_criu_left_frozen_goes_on(case: Case, how: str) -> None:
    container = case.start()
    case.criu.does(dump=how, freezes=True)
    case.checkpoint_fails(container.id)
    assert container.status == "running"


def test_failed_checkpoint_leaves_the_files_of_before(case: Case) -> None:
    container = case.start()
    case.images.mkdir(mode=0o700)
    (case.images / "note").write_text("mine")
    case.criu.does(dump="fail")
    case.checkpoint_fails(container.id)
    assert os.listdir(case.images) == ["note"]


def test_log_stays_in_a_work_folder(case: Case) -> None:
    """containerd copies it from there, podman names it."""
    container = case.start()
    case.criu.does(dump="fail")
    words = case.checkpoint_fails(container.id, "--work-path", str(case.work))
    assert f"{case.work}/dump.log" in words
    assert (case.work / "dump.log").exists()
    assert not case.images.exists()


@pytest.mark.parametrize("point", ["version_asked", "dump"])
def test_killed_checkpoint_leaves_the_container_running(case: Case, point: str) -> None:
    container = case.start()
    case.criu.does(**{point: "hang"})
    process = case.runtime.popen(*case.words(), container.id, options=case.options)
    until(lambda: case.criu.reached, point)
    kill_process(process)
    assert container.status == "running"
    case.criu.does()
    case.checkpoint(container.id)


@pytest.mark.parametrize("status", ["created", "stopped"])
def test_only_what_runs_can_be_checkpointed(case: Case, status: str) -> None:
    case.bundle.sleeps()
    container = case.runtime.create(case.bundle)
    if status == "stopped":
        container.start().kill("KILL")
        container.wait()
    assert status in case.checkpoint_fails(container.id)
    assert not case.images.exists()


def test_unknown_container(case: Case) -> None:
    assert "does not exist" in case.checkpoint_fails("unknown")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--page-server", "x"], "ADDRESS:PORT"),
        (["--manage-cgroups-mode", "hard"], "soft, full, strict, ignore"),
        (["--network-lock", "ipfw"], "iptables, nftables, skip"),
        (["--empty-ns", "uts"], "'uts'"),
        (["--lazy-pages"], "--page-server"),
        (["--status-fd", "x"], "--status-fd"),
        (["--parent-path", "../nowhere"], "'../nowhere'"),
    ],
)
def test_wrong_options_of_checkpoint(case: Case, words: list[str], said: str) -> None:
    container = case.start()
    assert said in case.checkpoint_fails(container.id, *words)
    assert container.status == "running"
    assert not case.images.exists()


def test_criu_that_is_too_old(case: Case) -> None:
    container = case.start()
    case.criu.does(version=[2, 12, 1])
    assert "criu 2.12.1 is too old" in case.checkpoint_fails(container.id)
    assert container.status == "running"


@pytest.mark.parametrize(
    ("words", "feature"), [(["--pre-dump"], "mem_track"), (["--lazy-pages", "--page-server", "::1:1"], "")]
)
def test_feature_that_criu_lacks(case: Case, words: list[str], feature: str) -> None:
    container = case.start()
    case.criu.does(features=[])
    assert feature in case.checkpoint_fails(container.id, *words)


def test_no_criu(case: Case) -> None:
    container = case.start()
    words = case.runtime.fails(*case.words(), container.id, options=["--criu", "/nowhere/criu"])
    assert "--criu" in words


def test_options_reach_criu(case: Case) -> None:
    container = case.start()
    switches = ["--tcp-established", "--ext-unix-sk", "--shell-job", "--file-locks", "--auto-dedup", "--link-remap"]
    case.checkpoint(container.id, *switches, "--tcp-skip-in-flight", "--leave-running", "--work-path", str(case.work))
    (asked,) = case.criu.requests(DUMP)
    assert {number for number in ("3", "4", "5", "7", "8", "16", "18", "46") if asked.get(number) == [1]} == {
        *("3", "4", "5", "7", "8", "16", "18", "46")
    }
    assert asked["2"] == [container.pid]
    assert asked["34"] == [3]
    assert asked["17"] != asked["1"]


@pytest.mark.parametrize(("method", "number"), [("iptables", 1), ("nftables", 2), ("skip", 3)])
def test_network_lock_has_the_number_of_rpc_proto(case: Case, method: str, number: int) -> None:
    container = case.start()
    case.criu.does(version=[3, 19, 0])
    case.checkpoint(container.id, "--network-lock", method, "--work-path", str(case.work))
    assert [asked["64"] for asked in case.criu.requests(DUMP)] == [[number]]
    case.restore("--network-lock", method, "--tcp-close")
    assert [(asked["64"], asked["52"]) for asked in case.criu.requests(RESTORE)] == [([number], [1])]


@pytest.mark.parametrize(
    ("version", "words", "needed"),
    [
        ([3, 15, 0], ["--network-lock", "nftables"], "for --network-lock: 3.16"),
        ([3, 18, 0], ["--network-lock=skip"], "for --network-lock skip: 3.19"),
        ([3, 11, 0], ["--tcp-close"], "for --tcp-close: 3.12"),
    ],
)
def test_criu_that_is_too_old_for_an_option(case: Case, version: list[int], words: list[str], needed: str) -> None:
    case.make_images()
    case.criu.does(version=version)
    assert needed in case.restore_fails(*words)


@pytest.mark.parametrize("option", ["--no-subreaper", "--no-pivot", "--no-subreaper=true"])
def test_options_of_a_restore_that_criu_need_not_know(case: Case, option: str) -> None:
    case.make_images()
    name = case.runtime.add(case.bundle)
    pid_file = case.work.with_name("restored.pid")  # who reads it may send the runtime a signal for the container
    words = [word for word in case.restore_words(option, "--pid-file", str(pid_file)) if word != "--detach"]
    process = case.runtime.popen(*words, name, options=case.options, stdin=subprocess.DEVNULL)
    until(pid_file.exists)
    assert case.runtime.state(name)["status"] == "running"
    until((case.bundle.rootfs / "ran").exists)  # a first process has no handler before, and the kernel drops the signal
    process.send_signal(signal.SIGTERM)
    assert process.wait(TIME_LIMIT) == 7
    assert case.runtime.call("state", name).status != 0


def test_pre_dump_chain_is_a_relative_link(case: Case, scratch: Path) -> None:
    container = case.start()
    before = scratch / "before"
    case.runtime.expect("checkpoint", "--pre-dump", "--image-path", str(before), container.id, options=case.options)
    case.checkpoint(container.id, "--parent-path", str(before))
    assert case.criu.requests(DUMP)[0]["14"] == ["../before"]
    assert len(case.criu.requests(PRE_DUMP)) == 1


def test_configuration_file_of_the_annotation(case: Case) -> None:
    case.bundle.config["annotations"] = {"org.criu.config": "/etc/criu/mine.conf"}
    container = case.start()
    case.checkpoint(container.id)
    assert case.criu.requests(DUMP)[0]["51"] == ["/etc/criu/mine.conf"]


def test_a_configuration_file_of_elsewhere_is_refused(case: Case, scratch: Path) -> None:
    (scratch / "evil.conf").write_text("action-script /bin/true\n")
    case.bundle.config["annotations"] = {"org.criu.config": str(scratch / "evil.conf")}
    container = case.start()
    words = case.runtime.fails("checkpoint", "--image-path", str(case.images), container.id, options=case.options)
    assert "must be a file in /etc/criu/" in words
    assert not case.criu.requests(DUMP)
    assert container.status == "running"


def test_criu_hears_where_a_bind_mount_lies_and_what_config_json_calls_it(case: Case, scratch: Path) -> None:
    """A link of the image has led it to another place."""
    (case.bundle.rootfs / "place").mkdir()
    (case.bundle.rootfs / "link").symlink_to("/place")
    (scratch / "volume").mkdir()
    case.bundle.bind(scratch / "volume", "/link")
    case.checkpoint(case.start().id)
    assert "mnt[/place]:/link" in case.criu.requests(DUMP)[0]["37"]


def test_streams_are_written_down(case: Case) -> None:
    container = case.start()
    case.checkpoint(container.id)
    names = json.loads((case.images / "descriptors.json").read_text())
    assert names[0] == ""  # the null device is the container's own
    assert len(names) == 3 and all(name.startswith("file[") for name in names[1:])
    assert set(names[1:]) <= set(case.criu.requests(DUMP)[0]["37"])


def test_restored_container_is_a_container(case: Case, scratch: Path) -> None:
    case.make_images()
    name = case.restore("--pid-file", str(scratch / "pid"))
    state = case.runtime.state(name)
    assert state["status"] == "running"
    assert (scratch / "pid").read_text() == str(state["pid"])
    assert cgroup.of_process(state["pid"])
    case.runtime.expect("kill", name, "KILL")
    os.waitpid(state["pid"], 0)
    assert case.runtime.state(name)["status"] == "stopped"
    case.runtime.expect("delete", name)


@pytest.mark.skipif(
    len(Path("/proc/swaps").read_text().splitlines()) > 1, reason="a limit is not reached soon: it swaps"
)
def test_restore_in_the_foreground_tells_why_the_kernel_killed(case: Case, scratch: Path) -> None:
    case.bundle.linux["resources"]["memory"] = {"limit": 16 << 20}
    case.make_images()
    name = case.runtime.add(case.bundle)
    words = [word for word in case.restore_words() if word != "--detach"]
    with open(scratch / "said", "wb") as said:
        process = case.runtime.popen(*words, name, options=case.options, stderr=said)
        until(lambda: case.runtime.call("state", name).status == 0 and case.runtime.state(name)["status"] == "running")
        assert case.runtime.exec(name, "sh", "-c", "x=aaaaaaaaaaaaaaaa; while :; do x=$x$x; done").status == 137
        case.runtime.expect("kill", name, "KILL")
        assert process.wait(TIME_LIMIT) == 137
    assert "for lack of memory (OOM killer)" in (scratch / "said").read_text()


def test_restore_in_the_foreground_ends_with_the_container(case: Case) -> None:
    case.make_images()
    name = case.runtime.add(case.bundle)
    words = [word for word in case.restore_words() if word != "--detach"]
    process = case.runtime.popen(*words, name, options=case.options)
    until(lambda: case.runtime.call("state", name).status == 0 and case.runtime.state(name)["status"] == "running")
    until((case.bundle.rootfs / "ran").exists)
    process.send_signal(signal.SIGTERM)
    # it may end pyoci, which then ends what it has restored
    assert process.wait(TIME_LIMIT) in (7, 128 + signal.SIGTERM, -signal.SIGTERM)
    assert case.runtime.call("state", name).status != 0


@pytest.mark.parametrize("how", ["fail", "die", "crash", "garbage"])
def test_failed_restore_leaves_nothing(case: Case, how: str) -> None:
    case.make_images()
    case.criu.does(restore=how)
    words = case.restore_fails()
    if how == "fail":
        assert "first; last" in words
        assert "restore.log" in words
    if how == "crash":
        assert "criu was killed by SIGSEGV without an answer" in words


def test_criu_that_dies_once_all_is_restored_leaves_nothing(case: Case) -> None:
    case.make_images()
    case.criu.does(restored="die")
    case.restore_fails()


def test_criu_that_tells_another_process_leaves_nothing(case: Case) -> None:
    case.make_images()
    case.criu.does(pid=1)
    assert "process 1" in case.restore_fails()


def test_hooks_of_a_restore(case: Case, scratch: Path) -> None:
    """The network is made by a hook, in the namespace that criu has just made."""
    for kind in ("prestart", "createRuntime", "poststart", "poststop"):
        case.bundle.hook(kind, f"echo {kind} $(sed 's/.*\"pid\":\\([0-9]*\\).*/\\1/') >> {scratch}/hooks")
    case.make_images()
    name = case.restore()
    pid = case.runtime.state(name)["pid"]
    said = (scratch / "hooks").read_text().split()
    assert said == ["prestart", str(pid), "createRuntime", str(pid), "poststart", str(pid)]
    case.runtime.expect("delete", "--force", name)


def test_hook_that_fails_ends_the_restore(case: Case, scratch: Path) -> None:
    case.bundle.hook("createRuntime", "exit 3")
    case.bundle.hook("poststop", f"echo > {scratch}/undone")
    case.make_images()
    assert "createRuntime hook #0: " in case.restore_fails()
    assert (scratch / "undone").exists()


@pytest.mark.parametrize("point", ["version_asked", "restore", "restored"])
def test_killed_restore_leaves_only_what_delete_removes(case: Case, point: str) -> None:
    case.make_images()
    case.criu.does(**{point: "hang"})
    name = case.runtime.add(case.bundle)
    process = case.runtime.popen(*case.restore_words(), name, options=case.options)
    until(lambda: case.criu.reached, point)
    kill_process(process)
    if (case.runtime.root / name).exists():
        case.runtime.expect("delete", "--force", name)
    reap()
    assert case.runtime.call("state", name).status != 0
    assert not [group for group in cgroup.named(MARK) if group.name != MARK]


@pytest.mark.skipif(not late_signal.IS_POSSIBLE, reason="knows the registers of x86_64")
@pytest.mark.parametrize("command", ["checkpoint", "restore"])
def test_a_signal_right_before_the_wait_for_criu_ends_it(case: Case, command: str) -> None:
    """Python calls its handler after the call in which it waits for an answer."""
    if command == "restore":
        case.make_images()
        name = case.runtime.add(case.bundle)
        words = [*case.restore_words(), name]
    else:
        name = case.start().id
        words = [*case.words(), name]
    case.criu.does(**{"restore" if command == "restore" else "dump": "hang"})
    process = case.runtime.popen(*words, options=case.options, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
    until(lambda: case.criu.reached, "criu is at work")
    time.sleep(0.3)
    late_signal.send_before_the_call(process.pid, signal.SIGTERM)
    said = process.communicate(timeout=20)[1].decode()  # criu itself waits for 30 s
    assert "interrupted by SIGTERM" in said
    assert process.returncode == 128 + signal.SIGTERM


@pytest.mark.parametrize("where", ["images", "work"])
@pytest.mark.parametrize("command", ["delete", "delete --force"])
def test_delete_removes_the_yard_of_a_killed_restore(case: Case, where: str, command: str) -> None:
    """The empty folder on which criu mounts its view of the cgroups: as long as its caller lives, that removes it."""
    case.make_images()
    case.work.mkdir(mode=0o700)
    case.criu.does(restore="hang")
    name = case.runtime.add(case.bundle)
    words = case.restore_words(*(("--work-path", str(case.work)) if where == "work" else ()))
    process = case.runtime.popen(*words, name, options=case.options)
    until(lambda: case.criu.reached, "criu is at work")
    folder = case.work if where == "work" else case.images
    (folder / ".criu.cgyard.Ab12Cd").mkdir()
    (folder / ".criu.cgyard.Ef34Gh").mkdir()
    (folder / ".criu.cgyard.Ef34Gh/kept").write_text("of somebody else")
    kill_process(process)
    said = case.runtime.expect(*command.split(), name).stderr
    reap()
    assert not (folder / ".criu.cgyard.Ab12Cd").exists()
    assert (folder / ".criu.cgyard.Ef34Gh/kept").exists()
    assert "cgyard.Ef34Gh: directory not empty" in said


def test_delete_of_a_restored_container_looks_into_no_folder(case: Case) -> None:
    case.make_images()
    name = case.restore()
    (case.images / ".criu.cgyard.Ab12Cd").mkdir()
    case.runtime.expect("delete", "--force", name)
    assert (case.images / ".criu.cgyard.Ab12Cd").exists()


# criu fails after it has seized what it restored: it waits for init, which waits until its tracer has reaped the other.
HOLD = """
import ctypes, os, sys, time
if ctypes.CDLL(None, use_errno=True).ptrace(0x4206, int(sys.argv[1]), None, None):  # PTRACE_SEIZE
    sys.exit(os.strerror(ctypes.get_errno()))
print("holds", flush=True)
time.sleep(60)
"""


def test_delete_by_force_ends_the_criu_that_holds_a_process(case: Case) -> None:
    case.bundle.sh("sleep 1000 & wait")
    container = case.runtime.start(case.bundle)
    children = Path(f"/proc/{container.pid}/task/{container.pid}/children")
    child = until(children.read_text, "a child").strip()
    holder = subprocess.Popen([sys.executable, "-IS", "-c", HOLD, child], stdout=subprocess.PIPE)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"holds\n"
        for controller, group in cgroup.of_process(container.pid).items():
            place = cgroup.hierarchies()[controller] / group.lstrip("/")
            (place / "cgroup.procs").write_text(str(holder.pid))
        case.runtime.expect("delete", "--force", container.id)
        assert holder.wait(TIME_LIMIT) == -signal.SIGKILL
    finally:
        kill_process(holder)
        assert holder.stdout is not None
        holder.stdout.close()


@pytest.mark.parametrize("umask", [0o022, 0o077, 0])
def test_criu_runs_as_its_caller_would_run_it(case: Case, umask: int) -> None:
    """Its files are made with the caller's umask; it ignores the signals that the caller ignores, and no others."""
    container = case.start()

    def as_asked() -> None:
        os.umask(umask)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    case.checkpoint(container.id, preexec=as_asked)
    name = case.runtime.add(case.bundle)
    case.runtime.expect(*case.restore_words(), name, options=case.options, preexec=as_asked)
    for kind in (DUMP, RESTORE):
        how = case.criu.how(kind)
        lines = dict(line.split(":", 1) for line in how["status"].splitlines())
        assert how["umask"] == umask
        ignored = int(lines["SigIgn"], 16) & ~(1 << signal.SIGPIPE - 1)  # Python's, in which this criu is written
        assert ignored & ~(1 << signal.SIGXFSZ - 1) == 1 << signal.SIGHUP - 1
        assert int(lines["SigBlk"], 16) == 0


@pytest.mark.parametrize("point", ["dump", "restore"])
def test_ctrl_c_is_not_for_criu(case: Case, point: str) -> None:
    """A terminal sends it to all processes of a group: criu must live to undo what it has done."""
    words, name = case.words(), ""
    if point == "dump":
        name = case.start().id
    else:
        case.make_images()
        words, name = case.restore_words(), case.runtime.add(case.bundle)
    case.criu.does(**{point: "hang"})
    process = case.runtime.popen(*words, name, options=case.options, start_new_session=True)
    until(lambda: case.criu.reached, point)
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(TIME_LIMIT) != 0
    assert (case.criu.folder / "undone").exists()
    result = case.runtime.call("state", name)
    assert (json.loads(result.stdout)["status"] == "running") if point == "dump" else result.status


@pytest.mark.parametrize("words", [(), ("--shell-job",)], ids=["", "shell-job"])
def test_whose_group_of_processes_criu_is_in(case: Case, words: tuple[str, ...]) -> None:
    """Processes that are a job of the caller's terminal come into criu's: it must be the caller's."""
    case.make_images()
    case.restore(*words)
    assert case.criu.how(RESTORE)["in_own_group"] == (not words)


HANGS = """#!{python} -IS
import socket, sys, time
link = socket.socket(fileno=int(sys.argv[2]))
link.recv(1 << 20)
script = b"post-restore"
words = bytes([0x0A, len(script)]) + script
link.send(bytes([0x08, 6, 0x10, 1, 0x2A, len(words)]) + words)  # the type NOTIFY, success, and that
link.recv(1 << 16)
time.sleep(60)
"""


def test_criu_that_never_answers_once_all_is_restored(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(swrk, "_PATIENCE_ONCE_RESTORED", 0.3)
    program = scratch / "criu-that-hangs"
    program.write_text(HANGS.format(python=Path(sys.executable).resolve()))
    program.chmod(0o755)
    heard = []
    with swrk.Conversation(str(program)) as conversation:
        with pytest.raises(CriuError, match="has not answered"):
            conversation.request(rpc.RESTORE, {}, lambda script, *_: heard.append(script))
        conversation.kill()
    assert heard == ["post-restore"]


def test_restore_finds_its_rootfs_and_volumes_at_places_of_our_own(case: Case, scratch: Path) -> None:
    volume = scratch / "volume"
    volume.mkdir()
    case.bundle.bind(volume, "/new/volume")
    (scratch / "file").write_text("")
    case.bundle.bind(scratch / "file", "/new/file")
    case.make_images()
    case.restore()
    (asked,) = case.criu.requests(RESTORE)
    assert asked["13"] == ["/tmp/pyoci-root"]
    sources = dict(word.removeprefix("mnt[").split("]:") for word in asked["37"])
    assert (case.bundle.rootfs / "new/volume").is_dir()
    assert (case.bundle.rootfs / "new/file").is_file()
    for place in ("/new/volume", "/new/file"):
        assert sources[place].startswith("/tmp/pyoci-sources/")
        assert f" {sources[place]} " in case.criu.mounts(RESTORE)
    assert "/tmp/pyoci-root" not in Path("/proc/self/mountinfo").read_text()


def test_restore_without_a_checkpoint(case: Case) -> None:
    case.images.mkdir(mode=0o700)
    assert "inventory.img" in case.restore_fails()


def test_restore_without_a_folder(case: Case) -> None:
    assert str(case.images) in case.restore_fails()


def test_id_that_is_taken(case: Case) -> None:
    container = case.start()
    case.make_images()
    words = case.runtime.fails(*case.restore_words(), container.id, options=case.options)
    assert "already exists" in words
    assert container.status == "running"


def test_terminal_of_a_detached_restore_needs_a_socket(case: Case) -> None:
    case.bundle.process["terminal"] = True
    case.make_images()
    assert "--console-socket" in case.restore_fails()


@pytest.mark.parametrize("kind", ["link", "folder"])
@pytest.mark.parametrize("target", ["/proc/sys/kernel/core_pattern", "/made"])
def test_the_console_of_a_restore_is_no_link(case: Case, scratch: Path, kind: str, target: str) -> None:
    """criu mounts the terminal by the path: over what a link of the image leads to, a file of /proc, for one."""
    mounts = case.bundle.config["mounts"]
    case.bundle.config["mounts"] = [entry for entry in mounts if not entry["destination"].startswith("/dev")]
    case.bundle.process["terminal"] = True
    console = case.bundle.rootfs / "dev/console"
    if kind == "folder":
        console.mkdir()
    else:
        console.symlink_to(target)
    case.make_images()
    words = case.restore_fails("--console-socket", str(scratch / "nobody.sock"))
    assert f"mount the terminal on /dev/console: the rootfs has a {kind} there" in words
    assert case.criu.requests(RESTORE) == []
    assert not (case.bundle.rootfs / "made").exists()


def test_strict_cgroups_are_left_to_criu(case: Case) -> None:
    case.make_images()
    case.criu.does(restore="fail")
    case.restore_fails("--manage-cgroups-mode", "strict")
    assert case.criu.requests(RESTORE)[0]["34"] == [5]


@pytest.mark.parametrize("how", ["--features", "present"])
def test_features_tell_what_engines_look_for(case: Case, scratch: Path, how: str) -> None:
    path = str(scratch / "empty") if how != "present" else str(case.criu.folder)
    options = ["--criu", str(case.criu.path)] if how == "present" else ["--criu", "/nowhere/criu"]
    document = json.loads(case.runtime.expect("features", options=options, env={**os.environ, "PATH": path}).stdout)
    wanted = "true" if how == "present" else "false"
    for name in ("org.opencontainers.runc.checkpoint.enabled", "run.oci.crun.checkpoint.enabled"):
        assert document["annotations"][name] == wanted


def test_what_criu_does_not_restore_comes_from_the_config(case: Case) -> None:
    """No image has an I/O priority or a memory policy; both are inherited over fork(2) and execve(2)."""
    case.make_images()
    case.bundle.process["ioPriority"] = {"class": "IOPRIO_CLASS_BE", "priority": 6}
    case.bundle.linux["memoryPolicy"] = {"mode": "MPOL_BIND", "nodes": "0"}
    pid = case.runtime.state(case.restore())["pid"]
    ionice = subprocess.run(["ionice", "-p", str(pid)], capture_output=True, text=True, check=True)
    assert ionice.stdout.strip() == "best-effort: prio 6"
    if not Path("/proc/self/numa_maps").exists():
        pytest.skip("this kernel has no NUMA, so that nothing shows a memory policy")
    maps = Path(f"/proc/{pid}/numa_maps").read_text().splitlines()
    assert {line.split()[1] for line in maps} == {"bind:0"}


def test_groups_that_the_container_manages_are_refused_by_name(case: Case) -> None:
    """Before criu runs: a container whose checkpoint could not be restored would be lost."""
    cgroup_files.v2_only()
    case.bundle.config["annotations"] = {"run.oci.delegate-cgroup": "payload"}
    case.bundle.namespace("cgroup")
    container = case.start()
    assert "annotation run.oci.delegate-cgroup" in case.checkpoint_fails(container.id)
    assert container.status == "running"
    case.make_images()
    assert "annotation run.oci.delegate-cgroup" in case.restore_fails()
    assert not case.criu.requests(DUMP)
    assert not case.criu.requests(RESTORE)


def test_hooks_of_a_restore_write_where_their_annotation_says(case: Case) -> None:
    case.make_images()
    case.bundle.config["annotations"] = {"run.oci.hooks.stdout": str(case.bundle.path / "hooks.log")}
    case.bundle.hook("createRuntime", "echo said")
    case.restore()
    assert (case.bundle.path / "hooks.log").read_text() == "said\n"
