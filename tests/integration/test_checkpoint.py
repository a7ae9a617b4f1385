"""checkpoint and restore with a real criu: a counter that goes on counting, whatever the container has.

Skipped where criu is not installed or does not work on the kernel; hack/test --guest runs it in the guest.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from helpers import cgroup
from helpers.bundle import Bundle
from helpers.checkpoint import Case, why_not
from helpers.runtime import TIME_LIMIT, Container, Runtime, kill_process, until
from helpers.sandbox import MARK
from helpers.terminal import ConsoleSocket, read_all

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not() or "criu works here")

COUNT = "i=0; while :; do i=$((i+1)); echo $i >> /counter/all; sleep 0.05; done"


class Counter(Case):
    """A container that writes 1, 2, 3 ... to a file of its rootfs."""

    def __init__(self, runtime: Runtime, bundle: Bundle, scratch: Path) -> None:
        super().__init__(runtime, bundle, scratch)
        self.scratch = scratch
        self.out = self.err = -1
        (bundle.rootfs / "counter").mkdir()
        self.file = bundle.rootfs / "counter/all"
        self.pid = 0

    def numbers(self) -> list[int]:
        return [int(line) for line in self.file.read_text().split()] if self.file.exists() else []

    def begin(self, script: str = COUNT, *words: str) -> Container:
        self.bundle.sh(script)
        container = self.start_with_pipes(*words)
        self.counts(2)
        return container

    def call(self, *words: str, options: tuple[str, ...] = ()) -> None:
        """One command with pipes for its output, as engines have them; it must succeed."""
        ends = [os.pipe2(os.O_CLOEXEC) for _ in range(2)]
        for reader, _ in ends:
            os.set_blocking(reader, False)
            self.runtime.keep(os.fdopen(reader, "rb", 0))
        (self.out, out), (self.err, err) = ends
        arguments = self.runtime.arguments(*words, options=[*self.options, *options])
        done = subprocess.run(
            arguments, stdin=subprocess.DEVNULL, stdout=out, stderr=err, timeout=TIME_LIMIT, check=False
        )
        os.close(out)
        os.close(err)
        if done.returncode:
            log = self.work / "restore.log"
            tail = log.read_text().splitlines()[-60:] if log.exists() else ["no log"]
            raise AssertionError("\n".join([*words, os.read(self.err, 4096).decode(), *tail]))

    def start_with_pipes(self, *words: str, options: tuple[str, ...] = ()) -> Container:
        name = self.runtime.add(self.bundle)
        self.call("run", "-d", "--bundle", str(self.bundle.path), *words, name, options=options)
        unused = open(os.devnull, "rb")
        self.runtime.keep(unused)
        return Container(self.runtime, name, self.bundle, unused, unused)

    def counts(self, more: int) -> None:
        before = len(self.numbers())
        until(lambda: len(self.numbers()) >= before + more, f"count from {before} on")

    def stop(self, container: Container, *words: str) -> None:
        result = self.runtime.call(*self.words("--work-path", str(self.work), *words), container.id)
        if "Can't get rlimit" in result.stderr:
            pytest.skip("criu needs CAP_SYS_RESOURCE for the processes of another user")
        log = self.work / "dump.log"
        errors = [line for line in log.read_text().splitlines() if "Error" in line] if log.exists() else []
        assert result.status == 0, "\n".join([result.stderr, *errors])
        os.waitpid(container.pid, 0)

    def go_on(self, *words: str, options: tuple[str, ...] = ()) -> str:
        """Restore, and see that no number is missing and none comes twice."""
        name = self.runtime.add(self.bundle)
        self.work.mkdir(exist_ok=True)
        self.call(*self.restore_words("--work-path", str(self.work)), *words, name, options=options)
        self.counts(2)
        numbers = self.numbers()
        assert numbers == list(range(1, len(numbers) + 1))
        self.pid = self.runtime.state(name)["pid"]
        return name

    def whole(self, script: str = COUNT, checkpoint: tuple[str, ...] = (), restore: tuple[str, ...] = ()) -> str:
        self.stop(self.begin(script), *checkpoint)
        return self.go_on(*restore)


@pytest.fixture
def counter(runtime: Runtime, bundle: Bundle, scratch: Path) -> Counter:
    return Counter(runtime, bundle, scratch)


def test_a_counter_goes_on_counting(counter: Counter) -> None:
    name = counter.whole()
    assert counter.runtime.state(name)["status"] == "running"
    assert counter.runtime.exec(name, "true").status == 0
    assert counter.bundle.cgroups_path in str(cgroup.of_process(counter.pid))


def test_leave_running(counter: Counter) -> None:
    container = counter.begin()
    counter.checkpoint(container.id, "--leave-running")
    counter.counts(3)
    assert container.status == "running"


def masked(bundle: Bundle) -> None:
    bundle.linux["maskedPaths"] = ["/proc/kcore", "/proc/keys", "/proc/scsi", "/sys/firmware"]
    bundle.linux["readonlyPaths"] = ["/proc/sys", "/proc/bus", "/bin"]


def cgroup_mount(bundle: Bundle) -> None:
    bundle.mount("/sys/fs/cgroup", "cgroup", ["ro", "nosuid"])


def cgroup_namespace(bundle: Bundle) -> None:
    bundle.namespace("cgroup")
    cgroup_mount(bundle)


def users(bundle: Bundle) -> None:
    bundle.user_namespace()


def filtered(bundle: Bundle) -> None:
    bundle.process["noNewPrivileges"] = True
    rule = {"names": ["ptrace", "umount2"], "action": "SCMP_ACT_ERRNO"}
    bundle.linux["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [rule]}


def host_network(bundle: Bundle) -> None:
    bundle.no_namespace("network")


def time_namespace(bundle: Bundle) -> None:
    bundle.namespace("time")
    bundle.linux["timeOffsets"] = {"monotonic": {"secs": 1000}}


def devices(bundle: Bundle) -> None:
    bundle.linux["devices"] = [{"path": "/dev/mine", "type": "c", "major": 1, "minor": 5}]


def ordinary_user(bundle: Bundle) -> None:
    bundle.process["user"] = {"uid": 1000, "gid": 1000}
    bundle.process["capabilities"] = {}
    os.chmod(bundle.rootfs / "counter", 0o777)


def read_only(bundle: Bundle) -> None:
    bundle.config["root"]["readonly"] = True
    bundle.bind(bundle.rootfs / "counter", "/counter")


EDITS = (
    masked,
    cgroup_mount,
    cgroup_namespace,
    users,
    filtered,
    host_network,
    time_namespace,
    devices,
    ordinary_user,
    read_only,
)


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.__name__)
def test_with(counter: Counter, edit: Callable[[Bundle], None]) -> None:
    edit(counter.bundle)
    container = counter.begin()
    before = container.mounts()
    counter.stop(container)
    if edit is users:  # docs/checkpoint.md: criu reads the images as the root of the container
        counter.images.parent.chmod(0o755)
        counter.images.chmod(0o755)
        for file in counter.images.iterdir():
            file.chmod(0o644)
    counter.go_on()
    now = {line.split()[4]: line.split()[5] for line in Path(f"/proc/{counter.pid}/mountinfo").read_text().splitlines()}
    assert set(now) == set(before)
    assert {place for place, words in now.items() if "ro" in words.split(",")} == {
        place for place, mount in before.items() if "ro" in mount.options
    }


def test_groups_of_the_caller(counter: Counter) -> None:
    """run.oci.keep_original_groups, podman's --group-add keep-groups."""
    counter.bundle.config["annotations"] = {"run.oci.keep_original_groups": "1"}
    before = os.getgroups()
    os.setgroups([*before, 4321])
    try:
        container = counter.begin()
    finally:
        os.setgroups(before)
    assert "4321" in groups_of(container.pid)
    counter.stop(container)
    counter.go_on()
    assert "4321" in groups_of(counter.pid)


def groups_of(pid: int) -> list[str]:
    return next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if "Groups:" in line).split()


@pytest.fixture
def volume() -> Iterator[Path]:
    """A folder on the disk: a tmpfs, as the scratch folder is, takes id mappings since Linux 6.3, ext4 since 5.12."""
    folder = Path(tempfile.mkdtemp(prefix=MARK, dir="/var/tmp"))
    kind = subprocess.run(["stat", "-f", "-c", "%T", folder], capture_output=True, text=True, check=True).stdout.strip()
    try:
        if kind not in ("ext2/ext3", "xfs", "btrfs"):
            pytest.skip(f"/var/tmp is on {kind}, and an idmapped mount takes ext4, xfs or btrfs")
        folder.chmod(0o755)
        yield folder
    finally:
        shutil.rmtree(folder)


def test_an_idmapped_mount(counter: Counter, volume: Path) -> None:
    (volume / "note").touch()
    mapping = [{"containerID": 0, "hostID": 7000, "size": 10}]
    counter.bundle.bind(volume, "/v", "idmap").update(uidMappings=mapping, gidMappings=mapping)
    container = counter.begin()
    before = container.exec("ls", "-ln", "/v").stdout.split()
    assert before[4:6] == ["7000", "7000"], before
    counter.stop(container)
    assert counter.runtime.exec(counter.go_on(), "ls", "-ln", "/v").stdout.split() == before


def test_mounts_that_were_added_later(counter: Counter, scratch: Path) -> None:
    """They are restored where config.json has them by then; otherwise the message says so, not criu's number."""
    volume, file = scratch / "volume", scratch / "added.json"
    volume.mkdir()
    (volume / "note").write_text("here")
    added = [
        {"destination": "/later", "type": "bind", "source": str(volume), "options": ["bind"]},
        {"destination": "/fresh", "type": "tmpfs", "source": "tmpfs"},
    ]
    file.write_text(json.dumps(added))
    container = counter.begin()
    counter.runtime.expect("mounts", "add", container.id, str(file))
    assert container.exec("sh", "-c", "echo kept > /fresh/note").status == 0
    counter.stop(container)
    words = counter.restore_fails("--work-path", str(counter.work))
    assert "config.json lacks a mount" in words
    counter.bundle.config["mounts"] += added
    name = counter.go_on()
    assert counter.runtime.exec(name, "cat", "/later/note", "/fresh/note").stdout == "herekept\n"
    counter.runtime.expect("mounts", "remove", name, str(file))
    assert counter.runtime.exec(name, "ls", "/later", "/fresh").stdout.split() == ["/fresh:", "/later:"]


@pytest.mark.skipif(not Path("/run/systemd/system").exists(), reason="no systemd")
def test_a_subgroup_of_the_unit(counter: Counter) -> None:
    counter.bundle.linux["cgroupsPath"] = f"system.slice:pyoci:{counter.bundle.path.parent.name}-sub"
    counter.bundle.config["annotations"] = {"run.oci.systemd.subgroup": "payload"}
    counter.bundle.sh(COUNT)
    container = counter.start_with_pipes(options=("--systemd-cgroup",))
    counter.counts(2)
    counter.stop(container)
    name = counter.go_on(options=("--systemd-cgroup",))
    assert counter.runtime.exec(name, "true").status == 0
    assert Path(f"/proc/{counter.pid}/cgroup").read_text().strip().endswith("-sub.scope/payload")


def test_apparmor(counter: Counter) -> None:
    """The profile of the checkpoint, or the one of --lsm-profile."""
    enabled = Path("/sys/module/apparmor/parameters/enabled")
    if not enabled.exists() or not enabled.read_text().startswith("Y") or not shutil.which("apparmor_parser"):
        pytest.skip("AppArmor is not enabled here")
    names = [f"{MARK}-criu-{number}" for number in (1, 2)]
    # criu's code in the container's processes speaks to criu by a socket
    rules = "/** rwix, signal, network, unix, ptrace, capability,"
    text = "\n".join(f"profile {name} flags=(attach_disconnected) {{ {rules} }}" for name in names)
    subprocess.run(["apparmor_parser", "--replace"], input=text, text=True, check=True)
    try:
        counter.bundle.process["apparmorProfile"] = names[0]
        counter.stop(counter.begin())
        name = counter.go_on("--lsm-profile", f"apparmor:{names[1]}")
        assert Path(f"/proc/{counter.pid}/attr/current").read_text().split() == [names[1], "(enforce)"]

        counter.runtime.expect("delete", "--force", name)
        counter.file.unlink()
        counter.bundle.process["apparmorProfile"] = ""
        counter.stop(counter.begin())
        counter.bundle.process["apparmorProfile"] = names[0]
        assert "no AppArmor profile" in counter.restore_fails("--work-path", str(counter.work))
    finally:
        for name in counter.runtime.known:
            counter.runtime.call("delete", "--force", name)
        subprocess.run(["apparmor_parser", "--remove"], input=text, text=True, check=True)


def test_volumes_and_what_lies_on_them(counter: Counter, scratch: Path) -> None:
    volume, file = scratch / "volume", scratch / "file"
    (volume / "sub").mkdir(parents=True)
    file.write_text("a file")
    counter.bundle.bind(volume, "/v")
    counter.bundle.mount("/v/sub", "tmpfs")
    counter.bundle.bind(file, "/etc/file")
    name = counter.whole(f"echo kept > /v/sub/note; {COUNT}")
    assert counter.runtime.exec(name, "cat", "/etc/file", "/v/sub/note").stdout == "a filekept\n"
    assert list((volume / "sub").iterdir()) == []


def test_a_destination_that_is_a_link(counter: Counter, scratch: Path) -> None:
    volume = scratch / "volume"
    volume.mkdir()
    (volume / "note").write_text("here")
    (counter.bundle.rootfs / "real").mkdir()
    (counter.bundle.rootfs / "link").symlink_to("/real")
    counter.bundle.bind(volume, "/link/v")
    name = counter.whole()
    assert counter.runtime.exec(name, "cat", "/real/v/note").stdout == "here"


def test_mount_points_that_are_gone_are_made_again(counter: Counter, scratch: Path) -> None:
    """podman --import restores into a fresh root file system."""
    volume = scratch / "volume"
    volume.mkdir()
    counter.bundle.bind(volume, "/new/volume")
    counter.stop(counter.begin())
    (counter.bundle.rootfs / "new/volume").rmdir()
    (counter.bundle.rootfs / "new").rmdir()
    counter.go_on()


def test_pipes_and_processes(counter: Counter) -> None:
    counter.whole(f"({COUNT.replace('>> /counter/all', '')}) | while read x; do echo $x >> /counter/all; done")


def test_an_open_file_that_was_deleted(counter: Counter) -> None:
    name = counter.whole(f"exec 5> /gone; rm /gone; {COUNT.replace('sleep', 'echo $i >&5; sleep')}")
    assert "deleted" in os.readlink(f"/proc/{counter.runtime.state(name)['pid']}/fd/5")


def test_a_tcp_connection(counter: Counter) -> None:
    (counter.bundle.rootfs / "bin/nc").symlink_to("busybox")
    script = (
        "nc -l -p 1234 -e cat & sleep 0.5;"
        f"({COUNT.replace('>> /counter/all', '')}) | nc 127.0.0.1 1234 | while read x; do echo $x >> /counter/all; done"
    )
    container = counter.begin(script)
    assert "tcp" in counter.checkpoint_fails(container.id).lower()
    counter.counts(2)
    counter.stop(container, "--tcp-established")
    counter.go_on("--tcp-established")


def test_streams_of_the_new_caller(counter: Counter) -> None:
    """What the container writes after the restore goes where the caller of restore says."""
    counter.stop(counter.begin(COUNT.replace("sleep", "echo said $i; sleep")))
    counter.go_on()
    assert b"said" in os.read(counter.out, 100)


def test_a_terminal(counter: Counter, scratch: Path) -> None:
    counter.bundle.process["terminal"] = True
    counter.bundle.sh(f"({COUNT}) & while read line; do echo got $line; done")
    first, second = ConsoleSocket(scratch / "one"), ConsoleSocket(scratch / "two")
    container = counter.start_with_pipes("--console-socket", str(first.path))
    _, (master,) = first.receive()
    counter.counts(2)
    counter.stop(container)
    os.close(master)
    name = counter.go_on("--console-socket", str(second.path))
    _, (master,) = second.receive()
    os.write(master, b"hello\n")
    assert b"got hello" in read_all(master, expect=b"got hello")
    assert counter.runtime.exec(name, "test", "-c", "/dev/console").status == 0
    os.close(master)
    first.close()
    second.close()


def test_a_paused_container(counter: Counter) -> None:
    """containerd pauses before it calls checkpoint."""
    container = counter.begin()
    counter.runtime.expect("pause", container.id)
    counter.stop(container)
    counter.go_on()


def test_a_chain_of_pre_dumps(counter: Counter, scratch: Path) -> None:
    container = counter.begin()
    asked = counter.runtime.call(*counter.words("--pre-dump"), container.id)
    if "feature mem_track" in asked.stderr:
        pytest.skip("this kernel does not track changes of memory")
    for number, parent in ((1, ()), (2, ("--parent-path", "../pre1"))):
        path = str(scratch / f"pre{number}")
        counter.runtime.expect("checkpoint", "--pre-dump", "--image-path", path, *parent, container.id)
        counter.counts(2)
    counter.stop(container, "--parent-path", "../pre2")
    assert os.readlink(counter.images / "parent") == "../pre2"
    counter.go_on()


def test_lazy_pages(counter: Counter) -> None:
    container = counter.begin()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    counter.images.mkdir(mode=0o700)
    counter.work.mkdir()
    reader, writer = os.pipe()
    words = ["--lazy-pages", "--page-server", f"127.0.0.1:{port}", "--status-fd", str(writer)]
    dump = counter.runtime.popen(*counter.words(*words), container.id, pass_fds=(writer,))
    os.close(writer)
    assert os.read(reader, 1) == b"\0"
    os.close(reader)
    server = ["--page-server", "--address", "127.0.0.1", "--port", port]
    folders = ["-D", str(counter.images), "-W", str(counter.work)]
    daemon = subprocess.Popen(["criu", "lazy-pages", *server, *folders], stdout=subprocess.DEVNULL)
    try:
        until((counter.work / "lazy-pages.socket").exists, "the lazy-pages daemon")
        counter.bundle.linux["cgroupsPath"] += "-lazy"
        counter.go_on("--lazy-pages")
        assert dump.wait(TIME_LIMIT) == 0
    finally:
        kill_process(daemon)
        kill_process(dump)  # it waits for who fetches the memory
    os.waitpid(container.pid, 0)


@pytest.mark.parametrize("kind", ["network", "ipc", "uts"])
def test_a_joined_namespace(counter: Counter, namespace_holder: Callable[..., int], kind: str) -> None:
    file = {"network": "net"}.get(kind, kind)
    holder = namespace_holder(file)
    counter.bundle.namespace(kind, f"/proc/{holder}/ns/{file}")
    counter.stop(counter.begin())
    another = namespace_holder(file)
    counter.bundle.namespace(kind, f"/proc/{another}/ns/{file}")
    counter.go_on()
    assert os.readlink(f"/proc/{counter.pid}/ns/{file}") == os.readlink(f"/proc/{another}/ns/{file}")


def test_a_joined_pid_namespace(counter: Counter, namespace_holder: Callable[..., int]) -> None:
    holder = namespace_holder("pid")
    # criu's own helpers take numbers in the namespace of the restore, too
    count = "i=0; while [ $i -lt 60 ]; do /bin/true; i=$((i+1)); done"
    subprocess.run(["nsenter", f"--pid=/proc/{holder}/ns/pid", "sh", "-c", count], check=True)
    counter.bundle.namespace("pid", f"/proc/{holder}/ns/pid")
    counter.stop(counter.begin())
    another = namespace_holder("pid")  # in the first one nobody reaps what the container has left
    counter.bundle.namespace("pid", f"/proc/{another}/ns/pid")
    counter.go_on()
    assert os.readlink(f"/proc/{counter.pid}/ns/pid") == os.readlink(f"/proc/{another}/ns/pid")


@pytest.mark.parametrize("mode", ["soft", "full", "strict", "ignore"])
def test_cgroup_modes(counter: Counter, mode: str) -> None:
    counter.whole(checkpoint=("--manage-cgroups-mode", mode), restore=("--manage-cgroups-mode", mode))
    if mode != "ignore":
        assert counter.bundle.cgroups_path in str(cgroup.of_process(counter.pid))


def test_limits_are_those_of_the_config(counter: Counter) -> None:
    counter.stop(counter.begin())
    counter.bundle.linux["resources"] = {**counter.bundle.linux.get("resources", {}), "pids": {"limit": 77}}
    name = counter.go_on()
    group = [path for path in cgroup.named(counter.bundle.cgroups_path.strip("/")) if (path / "pids.max").exists()]
    assert (group[0] / "pids.max").read_text() == "77\n", name


@pytest.mark.skipif(not Path("/run/systemd/system").exists(), reason="no systemd")
def test_systemd(counter: Counter) -> None:
    counter.bundle.linux["cgroupsPath"] = f"system.slice:pyoci:{counter.bundle.path.parent.name}-criu"
    counter.bundle.sh(COUNT)
    container = counter.start_with_pipes(options=("--systemd-cgroup",))
    counter.counts(2)
    counter.stop(container)
    counter.go_on(options=("--systemd-cgroup",))
    assert "-criu.scope" in Path(f"/proc/{counter.pid}/cgroup").read_text()


def test_empty_network_namespace_is_filled_by_a_hook(counter: Counter, scratch: Path) -> None:
    hook = (
        f"pid=$(sed 's/.*\"pid\":\\([0-9]*\\).*/\\1/'); nsenter -t $pid -n ip link set lo up && echo >> {scratch}/ran"
    )
    counter.stop(counter.begin(), "--empty-ns", "network")
    counter.bundle.hook("prestart", hook)
    counter.go_on("--empty-ns", "network")
    assert (scratch / "ran").exists()


def test_foreground(counter: Counter) -> None:
    counter.stop(counter.begin(f"trap 'exit 9' TERM; {COUNT}"))
    name = counter.runtime.add(counter.bundle)
    words = [word for word in counter.restore_words() if word != "--detach"]
    null = subprocess.DEVNULL
    process = counter.runtime.popen(*words, name, stdin=null, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    counter.counts(2)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=TIME_LIMIT)
    assert process.returncode == 9
    assert counter.runtime.call("state", name).status != 0


def test_refused_once_all_is_restored(counter: Counter) -> None:
    """The container ends, although it has children, which criu traces; criu ends with it and leaves no file."""
    counter.stop(counter.begin())
    before = counter.numbers()
    counter.bundle.process["capabilities"] = {}
    assert "its capabilities" in counter.restore_fails("--work-path", str(counter.work))
    assert counter.numbers() == before
    assert not list(counter.work.glob(".criu*"))


@pytest.mark.parametrize("kind", ["tmpfs", "bind"])
def test_nosymfollow_is_kept_or_the_restore_refused(counter: Counter, scratch: Path, kind: str) -> None:
    """criu has no word for the flag; a link on the mount must not lead anywhere after the restore."""
    (scratch / "volume").mkdir()
    if kind == "tmpfs":
        counter.bundle.mount("/n", "tmpfs", ["nosymfollow"])
    else:
        counter.bundle.bind(scratch / "volume", "/n", "nosymfollow")
    container = counter.begin(f"ln -s /counter/all /n/link; {COUNT}")
    assert counter.runtime.exec(container.id, "cat", "/n/link").status == 1
    counter.stop(container)
    before = counter.numbers()
    name = counter.runtime.add(counter.bundle)
    words = counter.restore_words("--work-path", str(counter.work))
    result = counter.runtime.call(*words, name)
    if result.status:
        assert "'/n': it is mounted without nosymfollow" in result.stderr
        assert counter.numbers() == before
        assert counter.runtime.call("state", name).status != 0
        return
    assert kind == "bind", "the tmpfs that criu makes has only flags that it knows"
    assert counter.runtime.exec(name, "cat", "/n/link").status == 1


@contextmanager
def killed_after(process: subprocess.Popen[bytes], seconds: float) -> Iterator[None]:
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        kill_process(process)
    yield


@pytest.mark.parametrize("part", [0.2, 0.5, 0.8])
def test_killed_checkpoint(counter: Counter, part: float) -> None:
    """Either the container runs on, or its checkpoint is whole."""
    container = counter.begin()
    process = counter.runtime.popen(*counter.words(), container.id, stderr=subprocess.DEVNULL)
    with killed_after(process, part * 3):
        pass
    until(lambda: not criu_runs(), "criu's end")
    state = counter.runtime.call("state", container.id)
    if state.status == 0 and counter.runtime.state(container.id)["status"] == "running":
        counter.counts(2)
        return
    counter.runtime.call("delete", "--force", container.id)
    os.waitpid(container.pid, os.WNOHANG)
    counter.go_on()


@pytest.mark.parametrize("part", [0.2, 0.5, 0.8])
def test_killed_restore(counter: Counter, part: float) -> None:
    """`delete --force` removes what is left, and the images are as good as before."""
    counter.stop(counter.begin())
    name = counter.runtime.add(counter.bundle)
    process = counter.runtime.popen(*counter.restore_words(), name, stderr=subprocess.DEVNULL)
    with killed_after(process, part * 3):
        pass
    counter.runtime.call("delete", "--force", name)
    until(lambda: not criu_runs(), "criu's end")
    counter.runtime.call("delete", "--force", name)
    assert counter.runtime.call("state", name).status != 0
    assert not list(Path("/tmp").glob(".criu*"))


def criu_runs() -> bool:
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if os.path.basename((folder / "cmdline").read_bytes().split(b"\0")[0]) == b"criu":
                return True
        except (FileNotFoundError, ProcessLookupError):
            continue
    return False
