"""The runtime under test, called as engines call it: by its command line."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import IO, Any, NamedTuple

from helpers.bundle import Bundle
from helpers.sandbox import MARK

#: Seconds for what must happen. Who waits so long waits for ever: a machine may be ten times slower than any of ours.
TIME_LIMIT = 120.0


def runtime_command() -> list[str]:
    """$PYOCI_RUNTIME, or the pyoci installed beside this Python."""
    given = os.environ.get("PYOCI_RUNTIME")
    return given.split() if given else [str(Path(sys.executable).parent / "pyoci")]


class Result(NamedTuple):
    stdout: str
    stderr: str
    status: int


def until(condition: Callable[[], Any], what: str = "condition", limit: float = TIME_LIMIT) -> Any:
    """Waits for a true value and returns it."""
    deadline = time.monotonic() + limit
    while not (value := condition()):
        assert time.monotonic() < deadline, f"{what}: not within {limit} s"
        time.sleep(0.005)
    return value


def sleeps(pid: int) -> bool:
    """Whether the process waits for something, proc_pid_stat(5)."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "S"


def hears(pid: int, number: signal.Signals) -> bool:
    """Whether the process has a handler for that signal."""
    status = Path(f"/proc/{pid}/status").read_text()
    caught = int(status.partition("SigCgt:")[2].split()[0], 16)
    return bool(caught >> number - 1 & 1)


def reap() -> None:
    """Takes note of the death of every child, adopted ones too; a zombie is still a process to the kernel."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _text(file: IO[bytes]) -> str:
    # pread, since the container shares the file offset and may still write.
    return os.pread(file.fileno(), 1 << 24, 0).decode(errors="replace")


class Container:
    """A container made by `Runtime.create`."""

    def __init__(self, runtime: Runtime, name: str, bundle: Bundle, stdout: IO[bytes], stderr: IO[bytes]) -> None:
        self.runtime = runtime
        self.id = name
        self.bundle = bundle
        self._stdout = stdout
        self._stderr = stderr
        self.pid: int = self.state()["pid"]

    @property
    def stdout(self) -> str:
        return _text(self._stdout)

    @property
    def stderr(self) -> str:
        return _text(self._stderr)

    def state(self) -> dict[str, Any]:
        return self.runtime.state(self.id)

    @property
    def status(self) -> str:
        return self.state()["status"]  # type: ignore[no-any-return]

    def start(self) -> Container:
        self.runtime.expect("start", self.id)
        return self

    def kill(self, *words: str) -> None:
        """`kill`; options come first in `words`, then the signal."""
        options = [word for word in words if word.startswith("--")]
        self.runtime.expect("kill", *options, self.id, *words[len(options) :])

    def delete(self, *words: str) -> None:
        self.runtime.expect("delete", *words, self.id)

    def wait(self, limit: float = TIME_LIMIT) -> int:
        """Reaps the container's process; its exit status, or minus the signal."""
        deadline = time.monotonic() + limit
        while True:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                return os.waitstatus_to_exitcode(status)
            assert time.monotonic() < deadline, f"container {self.id} still runs after {limit} s"
            time.sleep(0.003)

    def exits(self) -> str:
        """Starts it, waits for its end, and returns what it wrote."""
        self.start()
        status = self.wait()
        assert status == 0, f"exit status {status}: {self.stderr}"
        return self.stdout.strip()

    def exec(self, *args: str) -> Result:
        return self.runtime.call("exec", self.id, *args)

    def proc(self, name: str) -> str:
        """A file of /proc/PID of the container's process, seen from outside."""
        return Path(f"/proc/{self.pid}/{name}").read_text()

    def namespace(self, name: str) -> str:
        return os.readlink(f"/proc/{self.pid}/ns/{name}")

    def path(self, inside: str) -> Path:
        """A path of the container as it is now, through /proc/PID/root."""
        return Path(f"/proc/{self.pid}/root", inside.lstrip("/"))

    def mounts(self) -> dict[str, Mount]:
        """The container's mounts by mount point; of stacked ones the topmost."""
        return {entry.point: entry for entry in map(Mount.parse, self.proc("mountinfo").splitlines())}


class Mount(NamedTuple):
    """A line of /proc/PID/mountinfo, proc(5)."""

    root: str
    point: str
    options: set[str]
    propagation: set[str]
    kind: str
    source: str
    super_options: set[str]

    @classmethod
    def parse(cls, line: str) -> Mount:
        fields, _, rest = line.partition(" - ")
        _, _, _, root, point, options, *propagation = fields.split()
        kind, source, super_options = rest.split(" ", 2)
        kinds = {word.partition(":")[0] for word in propagation}
        return cls(root, point, set(options.split(",")), kinds, kind, source, set(super_options.split(",")))


class Runtime:
    """One state root of the runtime under test. Whatever was made through it, `clean_up` removes."""

    def __init__(self, command: list[str], place: Path) -> None:
        self.command = command
        self.place = place
        self.root = place / "state"
        self._count = 0
        self.known: dict[str, Bundle | None] = {}
        self._streams: list[IO[bytes]] = []

    @property
    def is_pyoci(self) -> bool:
        return os.path.basename(self.command[-1]) != "runc"

    def new_id(self) -> str:
        self._count += 1
        return f"{MARK}-{self.place.name}-{self._count}"

    def arguments(self, *words: str, options: Iterable[str] = ()) -> list[str]:
        """The whole command line; `options` are global ones."""
        return [*self.command, "--root", str(self.root), *options, *words]

    def popen(self, *words: str, options: Iterable[str] = (), **keywords: Any) -> subprocess.Popen[bytes]:
        return subprocess.Popen(self.arguments(*words, options=options), **keywords)

    def quietly(self, *words: str, preexec: Callable[[], None] | None = None) -> subprocess.Popen[bytes]:
        """Begins a command whose streams are all /dev/null."""
        null = subprocess.DEVNULL
        return self.popen(*words, stdin=null, stdout=null, stderr=null, preexec_fn=preexec)

    def call(
        self,
        *words: str,
        options: Iterable[str] = (),
        stdin: int | IO[bytes] = subprocess.DEVNULL,
        stdout: IO[bytes] | None = None,
        stderr: IO[bytes] | None = None,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        pass_fds: Iterable[int] = (),
        limit: float = TIME_LIMIT,
        preexec: Callable[[], None] | None = None,
    ) -> Result:
        """Runs one command of the runtime to its end. Files, not pipes: the container keeps them open."""
        with tempfile.TemporaryFile(dir=self.place) as own_out, tempfile.TemporaryFile(dir=self.place) as own_err:
            out, err = stdout or own_out, stderr or own_err
            done = subprocess.run(
                self.arguments(*words, options=options),
                stdin=stdin,
                stdout=out,
                stderr=err,
                env=env,
                cwd=cwd,
                pass_fds=tuple(pass_fds),
                timeout=limit,
                preexec_fn=preexec,
            )
            return Result(_text(out), _text(err), done.returncode)

    def expect(self, *words: str, **keywords: Any) -> Result:
        """A call that must succeed."""
        result = self.call(*words, **keywords)
        assert result.status == 0, f"{' '.join(words)}: status {result.status}: {result.stderr}"
        return result

    def fails(self, *words: str, **keywords: Any) -> str:
        """A call that must fail; its words on standard error."""
        result = self.call(*words, **keywords)
        assert result.status != 0, f"{' '.join(words)}: succeeded, but must not: {result.stdout}"
        assert result.stderr.strip(), f"{' '.join(words)}: failed without a word"
        assert "Traceback" not in result.stderr, result.stderr
        return result.stderr

    def run(self, bundle: Bundle, *words: str, name: str | None = None, **keywords: Any) -> Result:
        """`run` in the foreground."""
        name = self.add(bundle, name)
        return self.call("run", "--bundle", str(bundle.path), *words, name, **keywords)

    def sh(self, bundle: Bundle, script: str, *words: str, **keywords: Any) -> str:
        """What `script` prints when it is run in a container of that bundle; it must succeed."""
        bundle.sh(script)
        result = self.run(bundle, *words, **keywords)
        assert result.status == 0, f"status {result.status}: {result.stderr}{result.stdout}"
        return result.stdout.strip()

    def create(self, bundle: Bundle, *words: str, name: str | None = None, **keywords: Any) -> Container:
        name = self.add(bundle, name)
        stdout, stderr = (tempfile.TemporaryFile(dir=self.place) for _ in range(2))
        self._streams += [stdout, stderr]
        self.expect("create", "--bundle", str(bundle.path), *words, name, stdout=stdout, stderr=stderr, **keywords)
        return Container(self, name, bundle, stdout, stderr)

    def start(self, bundle: Bundle, *words: str, **keywords: Any) -> Container:
        """create, then start."""
        return self.create(bundle, *words, **keywords).start()

    def refuses(self, bundle: Bundle, *words: str, **keywords: Any) -> str:
        """`create` must fail and leave no container; its words on standard error."""
        name = self.add(bundle, None)
        words_said = self.fails("create", "--bundle", str(bundle.path), *words, name, **keywords)
        assert self.call("state", name).status != 0, "a container that could not be created has a state"
        return words_said

    def state(self, name: str) -> dict[str, Any]:
        return json.loads(self.expect("state", name).stdout)  # type: ignore[no-any-return]

    def exec(self, name: str, *args: str, **keywords: Any) -> Result:
        return self.call("exec", name, *args, **keywords)

    def keep(self, stream: IO[bytes]) -> None:
        """Closes it with the other streams, at the end of the test."""
        self._streams.append(stream)

    def add(self, bundle: Bundle | None, name: str | None = None) -> str:
        """Writes the bundle down and notes the ID (a new one, if none is given) for the clean-up."""
        if bundle is not None:
            bundle.write()
        name = name or self.new_id()
        self.known[name] = bundle
        return name

    def clean_up(self) -> list[str]:
        """Deletes every container by force; says which state is left after that."""
        # The last first: it may live in the PID namespace of an earlier one, whose end waits until it is reaped.
        for name in reversed(self.known):
            self.call("delete", "--force", name)
            reap()
        for stream in self._streams:
            stream.close()
        left = [entry.name for entry in self.root.iterdir() if entry.name in self.known] if self.root.exists() else []
        return [f"state left: {name}" for name in left]


def kill_process(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait(TIME_LIMIT)
