"""Errors: one line, the words that engines look for, nothing left behind, and the log that engines read."""

from __future__ import annotations

import datetime
import json
import os
import subprocess
from pathlib import Path

import pytest
from helpers import cgroup
from helpers.bundle import Bundle
from helpers.runtime import TIME_LIMIT, Runtime


def cannot_execute(runtime: Runtime, bundle: Bundle, *args: str) -> str:
    """What is said of a command that cannot be executed, by create or by start."""
    bundle.process["args"] = list(args)
    name = runtime.add(bundle)
    created = runtime.call("create", "--bundle", str(bundle.path), name)
    if created.status != 0:
        return created.stderr
    return runtime.fails("start", name)


class TestWords:
    def test_not_in_the_path(self, runtime: Runtime, bundle: Bundle) -> None:
        words = cannot_execute(runtime, bundle, "no-such-program")
        assert "executable file not found in $PATH" in words
        assert "no-such-program" in words

    def test_no_such_file(self, runtime: Runtime, bundle: Bundle) -> None:
        words = cannot_execute(runtime, bundle, "/no/such/program")
        assert "no such file or directory" in words
        assert "/no/such/program" in words

    def test_not_executable(self, runtime: Runtime, bundle: Bundle) -> None:
        assert "permission denied" in cannot_execute(runtime, bundle, "/etc/passwd")

    def test_a_folder(self, runtime: Runtime, bundle: Bundle) -> None:
        words = cannot_execute(runtime, bundle, "/etc")
        assert "permission denied" in words or "is a directory" in words

    @pytest.mark.beyond_runc("runc says `exec format error` on the container's output only, after start has returned")
    def test_not_a_program(self, runtime: Runtime, bundle: Bundle) -> None:
        (bundle.rootfs / "bin/broken").write_bytes(b"\x7fELF nonsense")
        (bundle.rootfs / "bin/broken").chmod(0o755)
        assert "exec format error" in cannot_execute(runtime, bundle, "/bin/broken").lower()

    @pytest.mark.beyond_runc("runc's start has returned before the execve")
    def test_a_script_whose_interpreter_is_missing(self, runtime: Runtime, bundle: Bundle) -> None:
        (bundle.rootfs / "bin/script").write_text("#!/no/such/shell\n")
        (bundle.rootfs / "bin/script").chmod(0o755)
        assert "no such file or directory" in cannot_execute(runtime, bundle, "/bin/script")

    def test_create_says_that_a_command_is_not_there(self, runtime: Runtime, bundle: Bundle) -> None:
        # podman and docker take the exit status 127 from create's words.
        bundle.process["args"] = ["no-such-program"]
        assert "executable file not found in $PATH" in runtime.refuses(bundle)

    @pytest.mark.parametrize("command", ["state", "start", "kill", "delete"])
    def test_an_unknown_container(self, runtime: Runtime, command: str) -> None:
        assert "does not exist" in runtime.fails(command, "nobody")


class TestNothingIsLeft:
    def check(self, runtime: Runtime, bundle: Bundle) -> str:
        before = set(Path(bundle.path).iterdir())
        words = runtime.refuses(bundle)
        assert not cgroup.folder("pids", bundle.cgroups_path).exists()
        assert set(Path(bundle.path).iterdir()) - before <= {bundle.path / "config.json"}
        if runtime.root.exists():
            assert not [path for path in runtime.root.iterdir() if path.name in runtime.known]
        return words

    def test_a_bad_mount(self, runtime: Runtime, bundle: Bundle) -> None:
        bundle.mount("/mnt", "wombatfs")
        self.check(runtime, bundle)

    def test_a_bad_limit(self, runtime: Runtime, bundle: Bundle) -> None:
        bundle.linux["resources"]["cpu"] = {"quota": 1, "period": 1}
        self.check(runtime, bundle)

    def test_a_bad_sysctl(self, runtime: Runtime, bundle: Bundle) -> None:
        bundle.linux["sysctl"] = {"net.ipv4.ip_forward": "perhaps"}
        self.check(runtime, bundle)

    def test_a_bad_user(self, runtime: Runtime, bundle: Bundle) -> None:
        bundle.user_namespace(size=10)
        bundle.process["user"] = {"uid": 1000, "gid": 1000}
        self.check(runtime, bundle)

    def test_a_bad_command(self, runtime: Runtime, bundle: Bundle) -> None:
        bundle.process["args"] = ["/no/such/program"]
        self.check(runtime, bundle)

    def test_a_pid_file_that_cannot_be_written(self, runtime: Runtime, bundle: Bundle) -> None:
        runtime.refuses(bundle, "--pid-file", "/no/such/folder/pid")
        assert not cgroup.folder("pids", bundle.cgroups_path).exists()

    def test_a_caller_that_has_closed_its_streams(self, runtime: Runtime, bundle: Bundle) -> None:
        bundle.mount("/mnt", "wombatfs")
        command = runtime.arguments("create", "--bundle", str(bundle.path), runtime.add(bundle))
        done = subprocess.run(["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *command], timeout=TIME_LIMIT)
        assert done.returncode != 0
        assert not cgroup.folder("pids", bundle.cgroups_path).exists()


class TestConfig:
    @pytest.mark.parametrize(
        "text",
        [
            b"",
            b"{",
            b"[]",
            b"null",
            b'"config"',
            b"{} trailing",
            b'{"ociVersion": "1.0.2", "root": }',
            b'{"ociVersion": "\xff"}',
            b"[" * 100000,
            b'{"a":' * 100000,
            b'{"ociVersion": "1.0.2"}',
            b'{"ociVersion": NaN}',
        ],
        ids=range(12),
    )
    def test_what_is_no_config_is_refused_in_words(self, runtime: Runtime, bundle: Bundle, text: bytes) -> None:
        bundle.write()
        (bundle.path / "config.json").write_bytes(text)
        words = runtime.fails("create", "--bundle", str(bundle.path), runtime.add(None))
        assert len(words) < 5000

    @pytest.mark.beyond_runc("runc reads the first value and takes no note of what follows")
    def test_a_huge_one_is_refused_in_words(self, runtime: Runtime, bundle: Bundle) -> None:
        bundle.write()
        with open(bundle.path / "config.json", "r+b") as file:
            file.truncate(200 << 20)
        assert len(runtime.fails("create", "--bundle", str(bundle.path), runtime.add(None))) < 5000

    def test_a_folder_is_refused_in_words(self, runtime: Runtime, bundle: Bundle) -> None:
        (bundle.path / "config.json").mkdir()
        runtime.fails("create", "--bundle", str(bundle.path), runtime.add(None))

    @pytest.mark.beyond_runc("runc names no place")
    def test_the_place_is_named_as_a_pointer(self, runtime: Runtime, bundle: Bundle) -> None:
        bundle.process["rlimits"] = [{"type": "RLIMIT_CORE", "soft": "none", "hard": 0}]
        assert "/process/rlimits/0/soft" in runtime.refuses(bundle)

    @pytest.mark.beyond_runc("runc 1.1 does not look at the version")
    @pytest.mark.parametrize("version", ["2.0.0", "one", "", "1"])
    def test_another_major_version_is_refused(self, runtime: Runtime, bundle: Bundle, version: str) -> None:
        bundle.config["ociVersion"] = version
        assert "ociVersion" in runtime.refuses(bundle)

    @pytest.mark.parametrize("version", ["1.0.0", "1.0.2-dev", "1.1.0", "1.2.1", "1.3.0"])
    def test_versions_of_the_same_major(self, runtime: Runtime, bundle: Bundle, version: str) -> None:
        bundle.config["ociVersion"] = version
        runtime.create(bundle)

    def test_an_unknown_property_is_no_error(self, runtime: Runtime, bundle: Bundle) -> None:
        bundle.config["com.example.extension"] = {"a": [1, 2]}
        bundle.process["extension"] = True
        bundle.linux["extension"] = None
        runtime.create(bundle)

    def test_one_line(self, runtime: Runtime, bundle: Bundle) -> None:
        bundle.mount("/mnt", "wombatfs")
        assert len(runtime.refuses(bundle).strip().splitlines()) == 1

    @pytest.mark.beyond_runc("runc ignores what it does not know")
    @pytest.mark.parametrize("section", ["vm", "windows", "solaris", "zos"])
    def test_another_platform_is_refused(self, runtime: Runtime, bundle: Bundle, section: str) -> None:
        bundle.config[section] = {}
        assert f"/{section}: " in runtime.refuses(bundle)


class TestLog:
    def log(self, runtime: Runtime, bundle: Bundle, scratch: Path, *options: str) -> str:
        file = scratch / "log"
        bundle.mount("/mnt", "wombatfs")
        bundle.write()
        words = ("create", "--bundle", str(bundle.path), runtime.add(bundle))
        runtime.fails(*words, options=["--log", str(file), *options])
        return file.read_text()

    def test_json(self, runtime: Runtime, bundle: Bundle, scratch: Path) -> None:
        entries = [json.loads(line) for line in self.log(runtime, bundle, scratch, "--log-format", "json").splitlines()]
        assert entries[-1]["level"] == "error"
        assert "wombatfs" in entries[-1]["msg"]
        assert datetime.datetime.fromisoformat(entries[-1]["time"].replace("Z", "+00:00")).tzinfo

    def test_text(self, runtime: Runtime, bundle: Bundle, scratch: Path) -> None:
        text = self.log(runtime, bundle, scratch, "--log-format", "text")
        assert "wombatfs" in text
        assert "level=error" in text

    def test_text_is_the_default(self, runtime: Runtime, bundle: Bundle, scratch: Path) -> None:
        assert "level=error" in self.log(runtime, bundle, scratch)

    def test_entries_are_appended(self, runtime: Runtime, bundle: Bundle, scratch: Path) -> None:
        for _ in range(2):
            text = self.log(runtime, bundle, scratch, "--log-format=json")
        assert len([line for line in text.splitlines() if json.loads(line)["level"] == "error"]) == 2

    def test_the_line_on_standard_error_is_there_too(self, runtime: Runtime, bundle: Bundle, scratch: Path) -> None:
        bundle.mount("/mnt", "wombatfs")
        words = ("create", "--bundle", str(bundle.path), runtime.add(bundle))
        assert "wombatfs" in runtime.fails(*words, options=["--log", str(scratch / "log")])

    def test_success_logs_no_error(self, runtime: Runtime, bundle: Bundle, scratch: Path) -> None:
        bundle.write()
        options = ["--log", str(scratch / "log"), "--log-format", "json"]
        runtime.expect("create", "--bundle", str(bundle.path), runtime.add(bundle), options=options)
        text = (scratch / "log").read_text() if (scratch / "log").exists() else ""
        assert '"level":"error"' not in text.replace(" ", "")

    @pytest.mark.beyond_runc("runc waits")
    @pytest.mark.parametrize("is_read", [False, True])
    def test_a_fifo_holds_nobody_up(self, runtime: Runtime, scratch: Path, is_read: bool) -> None:
        fifo = scratch / "fifo"
        os.mkfifo(fifo)
        reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK) if is_read else -1
        said = runtime.fails("state", "nobody", options=["--log", str(fifo)])
        assert "container does not exist" in said
        if is_read:
            assert b"container does not exist" in os.read(reader, 4096)
            os.close(reader)

    def test_an_unknown_format(self, runtime: Runtime, bundle: Bundle, scratch: Path) -> None:
        bundle.write()
        words = ("create", "--bundle", str(bundle.path), runtime.add(bundle))
        runtime.fails(*words, options=["--log", str(scratch / "log"), "--log-format", "xml"])

    def test_debug(self, runtime: Runtime, bundle: Bundle, scratch: Path) -> None:
        bundle.write()
        options = ["--debug", "--log", str(scratch / "log"), "--log-format", "json"]
        runtime.expect("create", "--bundle", str(bundle.path), runtime.add(bundle), options=options)
        assert any(json.loads(line)["level"] == "debug" for line in (scratch / "log").read_text().splitlines())


@pytest.mark.parametrize("words", [("bogus",), ("--bogus",), ("state", "--bogus", "x"), ("state", "a", "b")])
def test_usage_errors(runtime: Runtime, words: tuple[str, ...]) -> None:
    if words == ("bogus",) and not runtime.is_pyoci:
        pytest.skip("runc prints its help on standard output")
    result = runtime.call(*words)
    assert result.status != 0
    assert "Traceback" not in result.stderr
