"""runtime.md, Operations: create, start, kill, delete; and run and list, as runc spells them."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers import cgroup
from helpers.bundle import Bundle
from helpers.forked import forked
from helpers.runtime import TIME_LIMIT, Runtime, until

from pyoci.cgroups import v1, v2
from pyoci.errors import CgroupError, PyociError
from pyoci.host import create as creation
from pyoci.host.bundle_plan import Options


def test_create_start_delete(runtime: Runtime, bundle: Bundle) -> None:
    bundle.sh("echo ran")
    container = runtime.create(bundle)
    assert container.exits() == "ran"
    container.delete()
    assert "does not exist" in runtime.fails("state", container.id)


class TestCreate:
    def test_a_pid_file_that_cannot_be_written_leaves_nothing(
        self, runtime: Runtime, bundle: Bundle, scratch: Path
    ) -> None:
        folder = scratch / "pids"
        (folder / "pid").mkdir(parents=True)
        words = runtime.refuses(bundle, "--pid-file", str(folder / "pid"))
        assert f"write pid file {folder}/pid: is a directory" in words
        assert os.listdir(folder) == ["pid"]

    def test_pid_file(self, runtime: Runtime, bundle: Bundle, scratch: Path) -> None:
        container = runtime.create(bundle, "--pid-file", str(scratch / "pid"))
        assert (scratch / "pid").read_text() == str(container.pid)

    @pytest.mark.beyond_runc("runc puts a file in its place")
    @pytest.mark.parametrize("by_link", [False, True])
    def test_a_pid_file_that_is_a_pipe_or_a_device(
        self, runtime: Runtime, bundle: Bundle, scratch: Path, by_link: bool
    ) -> None:
        pipe, device, link = scratch / "pipe", scratch / "null", scratch / "link"
        os.mkfifo(pipe)
        os.mknod(device, stat.S_IFCHR | 0o666, os.makedev(1, 3))
        for path in (pipe, device):
            reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
            if by_link:
                link.unlink(missing_ok=True)
                link.symlink_to(path)
            runtime.expect(
                "run", "--bundle", str(bundle.path), "--pid-file", str(link if by_link else path), runtime.add(bundle)
            )
            assert os.read(reader, 100).decode().isdigit() is (path == pipe)
            os.close(reader)
        assert stat.S_ISFIFO(pipe.lstat().st_mode) and stat.S_ISCHR(device.lstat().st_mode)
        runtime.create(bundle, "--pid-file", str(pipe))
        assert pipe.read_text().isdigit(), "nobody reads from the pipe, and the file takes its place"

    def test_a_temporary_file_of_a_killed_create_is_in_nobodys_way(
        self, runtime: Runtime, bundle: Bundle, scratch: Path
    ) -> None:
        """Numbers of processes come again, in another PID namespace at the same time."""
        path = scratch / "pid"
        name = runtime.add(bundle)
        script = 'echo left > "$0/.pid.$$" && exec "$@"'
        words = runtime.arguments("create", "--bundle", str(bundle.path), "--pid-file", str(path), name)
        null = subprocess.DEVNULL
        process = subprocess.run(
            ["sh", "-c", script, str(scratch), *words], stdin=null, stdout=null, stderr=null, timeout=60
        )
        assert process.returncode == 0
        assert int(path.read_text()) == runtime.state(name)["pid"]

    def test_a_failure_is_undone_where_the_cgroup_tells_nothing(
        self, runtime: Runtime, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Whether memory was what it lacked is a question of words only."""
        bundle.process["args"] = ["/no/where"]
        bundle.write()
        options = Options(container_id=runtime.add(bundle), bundle=str(bundle.path), root=str(runtime.root))

        def broken(_group: object) -> int:
            raise CgroupError("broken")

        monkeypatch.setattr(v1.LegacyCgroup, "oom_kills", broken)
        monkeypatch.setattr(v2.UnifiedCgroup, "oom_kills", broken)

        def go() -> tuple[str, bool]:
            with pytest.raises(PyociError) as raised:
                creation.create(options, lambda _master, _name: None)
            with pytest.raises(ChildProcessError):
                os.waitpid(-1, os.WNOHANG)
            return str(raised.value), True

        words, undone = forked(go)
        assert "no such file" in words
        assert undone

    def test_the_id_may_be_used_again_after_delete(self, runtime: Runtime, bundle: Bundle) -> None:
        first = runtime.create(bundle)
        first.delete("--force")
        assert runtime.create(bundle, name=first.id).status == "created"

    def test_an_id_in_use_is_refused(self, runtime: Runtime, new_bundle: Callable[[], Bundle]) -> None:
        first = runtime.create(new_bundle())
        other = new_bundle()
        other.write()
        assert "exist" in runtime.fails("create", "--bundle", str(other.path), first.id)
        assert first.status == "created"

    def test_the_process_belongs_to_the_caller(self, runtime: Runtime, bundle: Bundle) -> None:
        # Engines wait for it: no process of the runtime may be its parent (we are the subreaper here).
        container = runtime.create(bundle)
        assert container.proc("stat").rpartition(")")[2].split()[1] == str(os.getpid())

    def test_two_at_once(self, runtime: Runtime, new_bundle: Callable[[], Bundle]) -> None:
        name = runtime.add(None)
        calls = []
        for _ in range(4):
            bundle = new_bundle()
            bundle.write()
            calls.append(runtime.quietly("create", "--bundle", str(bundle.path), name))
        statuses = sorted(call.wait(TIME_LIMIT) for call in calls)
        assert statuses[0] == 0
        assert all(statuses[1:])
        assert runtime.state(name)["status"] == "created"

    @pytest.mark.parametrize("name", ["a", "A-b_c.d+e", "0", "x" * 128])
    def test_good_ids(self, runtime: Runtime, bundle: Bundle, name: str) -> None:
        assert runtime.create(bundle, name=name).status == "created"

    @pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../a", "/a", "a b", "a\n", "ä", "a:b"])
    def test_bad_ids(self, runtime: Runtime, bundle: Bundle, name: str, scratch: Path) -> None:
        bundle.write()
        before = sorted(str(path) for path in scratch.iterdir())
        runtime.fails("create", "--bundle", str(bundle.path), name)
        assert sorted(str(path) for path in scratch.iterdir() if path != runtime.root) == [
            path for path in before if path != str(runtime.root)
        ]

    @pytest.mark.beyond_runc("runc has no limit but that of file names")
    def test_a_long_id(self, runtime: Runtime, bundle: Bundle) -> None:
        bundle.write()
        runtime.fails("create", "--bundle", str(bundle.path), "x" * 1025)

    def test_without_a_bundle(self, runtime: Runtime, scratch: Path) -> None:
        assert "config.json" in runtime.fails("create", "--bundle", str(scratch), "a")

    def test_without_an_id(self, runtime: Runtime, bundle: Bundle) -> None:
        bundle.write()
        runtime.fails("create", "--bundle", str(bundle.path))

    @pytest.mark.parametrize("option", ["--bundle", "-b"])
    def test_spellings_of_bundle(self, runtime: Runtime, bundle: Bundle, option: str) -> None:
        name = runtime.add(bundle)
        runtime.expect("create", option, str(bundle.path), name)

    def test_option_with_an_equals_sign(self, runtime: Runtime, bundle: Bundle, scratch: Path) -> None:
        name = runtime.add(bundle)
        runtime.expect("create", f"--bundle={bundle.path}", f"--pid-file={scratch}/pid", name)
        assert (scratch / "pid").exists()

    @pytest.mark.beyond_runc("runc takes options before the ID only")
    def test_option_after_the_id(self, runtime: Runtime, bundle: Bundle, scratch: Path) -> None:
        name = runtime.add(bundle)
        runtime.expect("create", name, "--bundle", str(bundle.path), "--pid-file", str(scratch / "pid"))
        assert (scratch / "pid").exists()

    def test_an_unknown_option(self, runtime: Runtime, bundle: Bundle) -> None:
        runtime.refuses(bundle, "--bogus")


class TestStart:
    def test_twice_is_an_error(self, runtime: Runtime, bundle: Bundle) -> None:
        bundle.sleeps()
        container = runtime.start(bundle)
        runtime.fails("start", container.id)
        assert container.status == "running"

    def test_a_stopped_one_is_an_error(self, runtime: Runtime, bundle: Bundle) -> None:
        container = runtime.create(bundle)
        container.exits()
        runtime.fails("start", container.id)
        assert container.status == "stopped"

    def test_an_unknown_one(self, runtime: Runtime) -> None:
        assert "does not exist" in runtime.fails("start", "nobody")

    def test_without_process(self, runtime: Runtime, bundle: Bundle) -> None:
        del bundle.config["process"]
        name = runtime.add(bundle)
        created = runtime.call("create", "--bundle", str(bundle.path), name)
        assert created.status != 0 or runtime.call("start", name).status != 0


class TestKill:
    @pytest.mark.parametrize("words", [(), ("TERM",), ("SIGTERM",), ("15",), ("",)])
    def test_spellings_of_term(self, runtime: Runtime, bundle: Bundle, words: tuple[str, ...]) -> None:
        bundle.sh("trap 'exit 77' TERM; echo ready; while :; do sleep 0.02; done")
        container = runtime.start(bundle)
        until(lambda: "ready" in container.stdout)
        container.kill(*words)
        assert container.wait() == 77

    @pytest.mark.parametrize("name", ["HUP", "SIGUSR1", "12", "WINCH"])
    def test_other_signals(self, runtime: Runtime, bundle: Bundle, name: str) -> None:
        # All but KILL, STOP and CHLD, which the shell itself causes.
        numbers = [number for number in range(1, 32) if number not in (9, 17, 19)]
        traps = [f"trap 'exit {number}' {number}" for number in numbers]
        bundle.sh("; ".join([*traps, "echo ready; while :; do sleep 0.02; done"]))
        container = runtime.start(bundle)
        until(lambda: "ready" in container.stdout)
        container.kill(name)
        number = int(name) if name.isdigit() else signal.Signals[f"SIG{name.removeprefix('SIG')}"]
        assert container.wait() == number

    def test_kill(self, runtime: Runtime, bundle: Bundle) -> None:
        bundle.sleeps()
        container = runtime.start(bundle)
        container.kill("KILL")
        assert container.wait() == -9

    def test_a_created_one(self, runtime: Runtime, bundle: Bundle) -> None:
        container = runtime.create(bundle)
        container.kill("KILL")
        assert container.wait() == -9
        assert container.status == "stopped"

    def test_a_stopped_one_is_an_error(self, runtime: Runtime, bundle: Bundle) -> None:
        container = runtime.create(bundle)
        container.exits()
        assert "not running" in runtime.fails("kill", container.id, "TERM")

    def test_an_unknown_one(self, runtime: Runtime) -> None:
        assert "does not exist" in runtime.fails("kill", "nobody", "TERM")

    @pytest.mark.parametrize("name", ["SIGNOTHING", "0x9", "-1", "999", "TERMINATE"])
    def test_an_unknown_signal(self, runtime: Runtime, bundle: Bundle, name: str) -> None:
        bundle.sleeps()
        container = runtime.start(bundle)
        runtime.fails("kill", container.id, name)
        assert container.status == "running"

    def test_all(self, runtime: Runtime, bundle: Bundle) -> None:
        bundle.sh("sleep 60 & echo ready; wait")
        container = runtime.start(bundle)
        until(lambda: "ready" in container.stdout)
        container.kill("--all", "KILL")
        assert container.wait() == -9

    def test_all_is_no_error_when_it_has_stopped(self, runtime: Runtime, bundle: Bundle) -> None:
        # containerd's shim calls `kill --all ID 9` after the exit.
        container = runtime.create(bundle)
        container.exits()
        container.kill("--all", "9")


class TestDelete:
    @pytest.mark.parametrize("started", [False, True])
    def test_one_that_has_not_stopped_is_an_error(self, runtime: Runtime, bundle: Bundle, started: bool) -> None:
        bundle.sleeps()
        container = runtime.create(bundle)
        if started:
            container.start()
        if started or runtime.is_pyoci:  # runc deletes a created one
            runtime.fails("delete", container.id)
            assert container.status == ("running" if started else "created")

    def test_an_unknown_one(self, runtime: Runtime) -> None:
        assert "does not exist" in runtime.fails("delete", "nobody")

    def test_force_of_an_unknown_one_is_no_error(self, runtime: Runtime) -> None:
        runtime.expect("delete", "--force", "nobody")

    @pytest.mark.parametrize("option", ["--force", "-f"])
    @pytest.mark.parametrize("started", [False, True])
    def test_force(self, runtime: Runtime, bundle: Bundle, started: bool, option: str) -> None:
        bundle.sh("trap '' TERM; while :; do sleep 1; done")
        container = runtime.create(bundle)
        if started:
            container.start()
        container.delete(option)
        container.wait(1)
        assert not cgroup.folder("pids", bundle.cgroups_path).exists()

    def test_the_rootfs_stays(self, runtime: Runtime, bundle: Bundle) -> None:
        container = runtime.create(bundle)
        container.delete("--force")
        assert (bundle.rootfs / "bin/busybox").exists()
        assert (bundle.path / "config.json").exists()


class TestRun:
    def test_leaves_nothing(self, runtime: Runtime, bundle: Bundle) -> None:
        bundle.sh("exit 5")
        result = runtime.run(bundle, name=(name := runtime.new_id()))
        assert result.status == 5
        assert runtime.call("state", name).status != 0

    @pytest.mark.parametrize("option", ["--detach", "-d"])
    def test_detach(self, runtime: Runtime, bundle: Bundle, option: str) -> None:
        bundle.sleeps()
        name = runtime.new_id()
        assert runtime.run(bundle, option, name=name).status == 0
        assert runtime.state(name)["status"] == "running"

    def test_no_subreaper(self, runtime: Runtime, bundle: Bundle) -> None:
        bundle.sh("echo ran")
        assert runtime.run(bundle, "--no-subreaper").stdout == "ran\n"

    def test_create_takes_no_subreaper_as_crun_does(self, runtime: Runtime, bundle: Bundle) -> None:
        container = runtime.create(bundle, "--no-subreaper")
        assert container.status == "created"

    def test_keep(self, runtime: Runtime, bundle: Bundle) -> None:
        name = runtime.new_id()
        assert runtime.run(bundle, "--keep", name=name).status == 0
        assert runtime.state(name)["status"] == "stopped"
        runtime.expect("delete", name)

    def test_pid_file(self, runtime: Runtime, bundle: Bundle, scratch: Path) -> None:
        bundle.sleeps()
        name = runtime.new_id()
        runtime.run(bundle, "-d", "--pid-file", str(scratch / "pid"), name=name)
        assert int((scratch / "pid").read_text()) == runtime.state(name)["pid"]

    @pytest.mark.parametrize("one", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1])
    def test_signals_are_forwarded(self, runtime: Runtime, bundle: Bundle, one: signal.Signals) -> None:
        bundle.sh(f"trap 'exit 66' {int(one)}; echo > /ready; while :; do sleep 0.02; done")
        name = runtime.add(bundle)
        process = runtime.popen("run", "--bundle", str(bundle.path), name, stdin=subprocess.DEVNULL)
        until((bundle.rootfs / "ready").exists)
        # The program may be faster than `run` learns that it runs; until then a signal ends the start.
        until(lambda: not (runtime.root / name / "start").exists())
        process.send_signal(one)
        assert process.wait(TIME_LIMIT) == 66

    def test_standard_input_to_output(self, runtime: Runtime, bundle: Bundle, scratch: Path) -> None:
        (scratch / "in").write_text("through")
        bundle.process["args"] = ["/bin/cat"]
        with open(scratch / "in", "rb") as file:
            assert runtime.run(bundle, stdin=file).stdout == "through"

    def test_a_pipe_on_both_sides(self, runtime: Runtime, bundle: Bundle) -> None:
        bundle.process["args"] = ["/bin/cat"]
        name = runtime.add(bundle)
        words = ("run", "--bundle", str(bundle.path), name)
        process = runtime.popen(*words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        out, _ = process.communicate(b"x" * 300000, timeout=TIME_LIMIT)
        assert len(out) == 300000

    def test_orphans_inside_do_not_keep_it(self, runtime: Runtime, bundle: Bundle) -> None:
        bundle.sh("sleep 1000 > /dev/null 2>&1 < /dev/null & exit 3")
        assert runtime.run(bundle).status == 3

    def test_a_failed_one_leaves_nothing(self, runtime: Runtime, bundle: Bundle) -> None:
        bundle.process["args"] = ["/no/such/program"]
        name = runtime.new_id()
        assert runtime.run(bundle, name=name).status != 0
        assert runtime.call("state", name).status != 0
        assert not cgroup.folder("pids", bundle.cgroups_path).exists()


class TestList:
    def test_json(self, runtime: Runtime, bundle: Bundle) -> None:
        container = runtime.create(bundle)
        (entry,) = json.loads(runtime.expect("list", "--format", "json").stdout)
        assert entry["id"] == container.id
        assert entry["status"] == "created"
        assert entry["pid"] == container.pid
        assert entry["bundle"] == str(bundle.path)

    def test_table(self, runtime: Runtime, bundle: Bundle) -> None:
        container = runtime.create(bundle)
        head, row = runtime.expect("list").stdout.splitlines()
        assert head.split()[:4] == ["ID", "PID", "STATUS", "BUNDLE"]
        assert row.split()[:4] == [container.id, str(container.pid), "created", str(bundle.path)]

    @pytest.mark.parametrize("option", ["--quiet", "-q"])
    def test_quiet(self, runtime: Runtime, new_bundle: Callable[[], Bundle], option: str) -> None:
        names = {runtime.create(new_bundle()).id for _ in range(2)}
        assert set(runtime.expect("list", option).stdout.split()) == names

    def test_none(self, runtime: Runtime) -> None:
        runtime.root.mkdir()
        assert runtime.expect("list", "--quiet").stdout == ""
        assert json.loads(runtime.expect("list", "--format", "json").stdout) in ([], None)


def test_each_root_has_its_own_containers(runtime: Runtime, bundle: Bundle, scratch: Path) -> None:
    container = runtime.create(bundle)
    assert "does not exist" in runtime.fails("--root", str(scratch / "other"), "state", container.id)


def test_the_state_root_is_private(runtime: Runtime, bundle: Bundle) -> None:
    container = runtime.create(bundle)
    assert (runtime.root / container.id).stat().st_mode & 0o022 == 0
    assert os.stat(runtime.root).st_uid == 0
