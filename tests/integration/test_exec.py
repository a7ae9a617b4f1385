"""`exec`: what a further process has of the container's own, of the command line and of --process."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from helpers.bundle import Bundle
from helpers.runtime import Container, Runtime

STATUS = 255  # of whatever keeps the process from running


@pytest.fixture
def container(runtime: Runtime, bundle: Bundle) -> Container:
    bundle.sleeps()
    bundle.process["env"] = ["PATH=/bin", "HOME=/x", "A=1"]
    bundle.process["capabilities"] = {kind: ["CAP_KILL"] for kind in ("bounding", "effective", "permitted")}
    bundle.process["oomScoreAdj"] = 123
    return runtime.start(bundle)


def by_file(runtime: Runtime, container: Container, scratch: Path, script: str, **properties: Any) -> str:
    """What `script` prints as a process of a file that names little more than its arguments."""
    file = scratch / "process.json"
    file.write_text(json.dumps({"args": ["/bin/sh", "-ec", script], "cwd": "/", "env": ["PATH=/bin"], **properties}))
    return runtime.expect("exec", "--process", str(file), container.id).stdout.strip()


class TestEnvironment:
    def test_a_variable_is_added(self, runtime: Runtime, container: Container) -> None:
        result = runtime.expect("exec", "--env", "B=2", container.id, "env")
        assert sorted(result.stdout.split()) == ["A=1", "B=2", "HOME=/x", "PATH=/bin"]

    def test_the_containers_own_value_is_replaced(self, runtime: Runtime, container: Container) -> None:
        result = runtime.expect("exec", "-e", "A=2", "-e", "A=3", container.id, "env")
        assert sorted(result.stdout.split()) == ["A=3", "HOME=/x", "PATH=/bin"]

    def test_the_program_is_looked_for_in_the_new_path(self, runtime: Runtime, container: Container) -> None:
        assert "not found in $PATH" in runtime.fails("exec", "-e", "PATH=/etc", container.id, "env")


class TestWorkingDirectory:
    def test_a_missing_one_is_refused_and_not_made(self, runtime: Runtime, container: Container) -> None:
        # "no such file or directory" makes it exit status 127 for podman.
        result = runtime.call("exec", "--cwd", "/no/where", container.id, "/bin/true")
        assert result.status == STATUS
        assert "/no/where" in result.stderr
        assert "no such file or directory" in result.stderr
        assert not container.path("/no").exists()

    @pytest.mark.beyond_runc("runc follows it: its process is the one that enters")
    @pytest.mark.parametrize("cwd", ["/proc/self", "/proc/thread-self", "/proc/self/task", "/link"])
    @pytest.mark.parametrize("namespace", ["own", "none"])
    def test_that_of_the_entering_process_is_refused(
        self, runtime: Runtime, bundle: Bundle, cwd: str, namespace: str
    ) -> None:
        """It ends before the program begins, which would stand in the folder of a dead process."""
        if namespace == "none":
            bundle.no_namespace("pid")
        bundle.sleeps()
        (bundle.rootfs / "link").symlink_to("/proc/self")
        container = runtime.start(bundle)
        result = runtime.call("exec", "--cwd", cwd, container.id, "/bin/true")
        assert result.status == STATUS and cwd in result.stderr
        for other in ("/proc", "/proc/1"):
            runtime.expect("exec", "--cwd", other, container.id, "/bin/sh", "-c", "pwd -P")


class TestOomScore:
    """The caller may be an engine that the kernel spares: whoever forgets this spares what runs in containers."""

    def test_of_the_container(self, runtime: Runtime, container: Container) -> None:
        assert runtime.expect("exec", container.id, "cat", "/proc/self/oom_score_adj").stdout == "123\n"

    def test_of_the_container_where_a_file_has_none(
        self, runtime: Runtime, container: Container, scratch: Path
    ) -> None:
        assert by_file(runtime, container, scratch, "cat /proc/self/oom_score_adj") == "123"

    @pytest.mark.beyond_runc("runc takes the container's always")
    def test_of_the_file(self, runtime: Runtime, container: Container, scratch: Path) -> None:
        assert by_file(runtime, container, scratch, "cat /proc/self/oom_score_adj", oomScoreAdj=321) == "321"


class TestFile:
    """What a file leaves out is the container's where it confines or enables, as runc has it."""

    CAPABILITIES = "grep -E '^Cap(Prm|Eff|Bnd)' /proc/self/status | cut -f2 | sort -u"

    def test_capabilities_of_the_container(self, runtime: Runtime, container: Container, scratch: Path) -> None:
        assert by_file(runtime, container, scratch, self.CAPABILITIES) == f"{1 << 5:016x}"

    def test_no_capabilities_where_the_file_has_none_in_it(
        self, runtime: Runtime, container: Container, scratch: Path
    ) -> None:
        assert by_file(runtime, container, scratch, self.CAPABILITIES, capabilities={}) == f"{0:016x}"

    @pytest.mark.parametrize("more", [{}, {"rlimits": []}])
    def test_limits_of_the_container(
        self, runtime: Runtime, bundle: Bundle, scratch: Path, more: dict[str, Any]
    ) -> None:
        bundle.sleeps()
        bundle.process["rlimits"] = [{"type": "RLIMIT_CORE", "soft": 512, "hard": 1024}]
        container = runtime.start(bundle)
        words = by_file(runtime, container, scratch, "grep core /proc/self/limits", **more).split()
        assert words[4:6] == ["512", "1024"]

    def test_neither_environment_nor_user_of_the_container(
        self, runtime: Runtime, bundle: Bundle, scratch: Path
    ) -> None:
        bundle.sleeps()
        bundle.process.update(env=["PATH=/bin", "A=1"], user={"uid": 1000, "gid": 1000})
        container = runtime.start(bundle)
        words = by_file(runtime, container, scratch, "id -u; env").split()
        assert words[0] == "0"
        assert "HOME=/root" in words
        assert "A=1" not in words


class TestFailures:
    @pytest.mark.parametrize("words", [(), ("--",), ("",), ("no-such-program",), ("/etc",)])
    def test_status_of_what_cannot_run(self, runtime: Runtime, container: Container, words: tuple[str, ...]) -> None:
        assert runtime.call("exec", container.id, *words).status == STATUS

    def test_an_empty_name_is_not_found(self, runtime: Runtime, container: Container) -> None:
        assert "executable file not found in $PATH" in runtime.fails("exec", container.id, "")

    def test_in_a_stopped_container(self, runtime: Runtime, bundle: Bundle) -> None:
        container = runtime.start(bundle)
        container.wait()
        result = runtime.call("exec", container.id, "true")
        assert (result.status, "cannot exec in a stopped container" in result.stderr) == (STATUS, True)


class TestLimits:
    @pytest.mark.parametrize("user", ["0:0", "7:8"])
    def test_are_the_containers(self, runtime: Runtime, bundle: Bundle, user: str) -> None:
        bundle.sleeps()
        bundle.process["rlimits"] = [{"type": "RLIMIT_NOFILE", "soft": 60, "hard": 64}]
        container = runtime.start(bundle)
        script = "ulimit -Sn; ulimit -Hn"
        assert runtime.expect("exec", "--user", user, container.id, "sh", "-c", script).stdout.split() == ["60", "64"]


@pytest.mark.beyond_runc("enters it in the container's PID namespace")
@pytest.mark.parametrize("cwd", ["/proc/self", "/dev/fd"])
def test_a_cwd_that_leads_through_proc_self(runtime: Runtime, bundle: Bundle, cwd: str) -> None:
    bundle.sleeps()
    container = runtime.start(bundle)
    assert "exec enters it before the process has its number there" in runtime.fails(
        "exec", "--cwd", cwd, container.id, "pwd"
    )
