"""One random bundle run by one runtime, from `create` to what is left after `delete`."""

from __future__ import annotations

import fcntl
import json
import os
import pickle
import re
import resource
import signal
import stat
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lib import random_probe
from lib.random_case import BUNDLE, CONTAINER, SOURCES, Case
from lib.random_host import OUTPUT, STATE, Host

_CGROUPS = "/sys/fs/cgroup"
_EXTRA = 3  # the descriptor that --preserve-fds and LISTEN_FDS are about
_COMMAND_SECONDS = 20.0
_PROBE_SECONDS = 5.0
_LIMIT_FILES = re.compile(
    r"(memory\.((soft_|memsw\.|kmem\.(tcp\.)?)?limit_in_bytes|swappiness|oom_control|max|low|high|swap\.max)"
    r"|cpu\.(shares|cfs_(quota|period|burst)_us|idle|rt_(runtime|period)_us|weight|max)"
    r"|cpuset\.(cpus|mems)|pids\.max|devices\.list|blkio\.(bfq\.)?weight|blkio\.throttle\..*_device"
    r"|net_cls\.classid|net_prio\.ifpriomap|freezer\.state|cgroup\.freeze|hugetlb\..*limit_in_bytes)$"
)


def run(case: Case, runtime: str) -> dict[str, str]:
    """What was seen, by name. Each run has a mount namespace of its own, and ends with all its processes."""
    reader, writer = os.pipe()
    before = _groups()
    child = os.fork()
    if child == 0:
        low, writer = writer, fcntl.fcntl(writer, fcntl.F_DUPFD_CLOEXEC, 20)
        os.close(low)
        os.close(reader)
        os.dup2(os.open("/dev/null", os.O_RDONLY), _EXTRA)
        try:
            os.setsid()
            seen = _Run(case, runtime).all()
        except BaseException:  # noqa: BLE001 - what went wrong is the result
            seen = {"run failed": traceback.format_exc()}
        with os.fdopen(writer, "wb") as pipe:
            pickle.dump(seen, pipe)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        data = pipe.read()
    os.waitpid(child, 0)
    result: dict[str, str] = pickle.loads(data) if data else {"run failed": "died"}  # noqa: S301 - of our own child
    _end_processes()
    for group in sorted(_groups() - before, key=len, reverse=True):
        try:
            os.rmdir(group)
        except OSError as error:
            print(f"warning: {group}: {error}", file=sys.stderr)
    return result


def _groups() -> set[str]:
    return {folder for folder, _, _ in os.walk(_CGROUPS)} - {_CGROUPS}


def _thaw() -> None:
    for folder, _, files in os.walk(f"{_CGROUPS}/freezer"):
        if "freezer.state" in files:
            Path(folder, "freezer.state").write_text("THAWED")


def _processes() -> list[int]:
    return [
        int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) not in {1, os.getpid(), os.getppid()}
    ]


def _end_processes() -> None:
    """End all but the cell's init and this one."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        alive = [pid for pid in _processes() if _is_alive(pid)]
        if not alive:
            return
        _thaw()
        for pid in alive:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        time.sleep(0.005)


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


class _Run:
    def __init__(self, case: Case, runtime: str) -> None:
        self._case = case
        self._runtime = runtime
        self._seen: dict[str, str] = {}
        self._hook_seen = 0
        self._groups_before = _groups()

    def all(self) -> dict[str, str]:
        """Everything, in order."""
        self._host = Host(self._case)
        case = self._case
        if case.use_run:
            self._text_of_config(case.text().replace("/bin/probe", "/bin/probe-run"))
            status = self._command("run", ["run", "--bundle", BUNDLE, *case.create_options, CONTAINER], out="probe")
            self._probe("probe", wait=False)
            self._seen["run status"] = str(status)
        else:
            self._text_of_config(case.text())
            status = self._command(
                "create",
                ["create", "--bundle", BUNDLE, "--pid-file", f"{OUTPUT}/pid", *case.create_options, CONTAINER],
                out="probe",
            )
            if status == 0:
                self._created()
        self._hooks()
        self._after()
        return self._seen

    def _created(self) -> None:
        self._state("created")
        self._cgroups("created")
        self._seen["host mounts"] = self._host.changes()
        if self._command("start", ["start", CONTAINER]) == 0:
            self._probe("probe", wait=True)
            self._state("started")
            for number, (kind, options, what) in enumerate(self._case.steps):
                self._step(f"{number} {kind}", kind, options, what)
        self._command("kill", ["kill", CONTAINER, "KILL"])
        deadline = time.monotonic() + 3
        while self._status() not in {"stopped", "none"} and time.monotonic() < deadline:
            time.sleep(0.01)
        self._state("killed")
        self._command("delete", ["delete", CONTAINER])
        self._state("deleted")

    def _step(self, name: str, kind: str, options: list[str], what: Any) -> None:
        if kind == "exec":
            if isinstance(what, dict):
                text = json.dumps(what).replace("/bin/probe", "/bin/probe-run")
                Path(OUTPUT, "process.json").write_text(text)
                arguments = ["exec", *options, "--process", f"{OUTPUT}/process.json", CONTAINER]
            else:
                arguments = [
                    "exec",
                    *options,
                    CONTAINER,
                    *(word.replace("/bin/probe", "/bin/probe-run") for word in what),
                ]
            self._command(name, arguments, out=name)
            self._probe(name, wait="--detach" in options)
        elif kind == "update":
            if what is not None:
                Path(OUTPUT, "resources.json").write_text(json.dumps(what))
                options = ["--resources", f"{OUTPUT}/resources.json"]
            self._command(name, ["update", *options, CONTAINER])
            self._cgroups(name)
        else:
            command, *rest = options
            arguments = [command, *rest, CONTAINER]
            if command == "kill":
                arguments = [
                    command,
                    *[word for word in rest if word == "--all"],
                    CONTAINER,
                    *[word for word in rest if word != "--all"],
                ]
            elif command == "list":
                arguments = [command, *rest]
            elif command == "create":
                arguments = [command, "--bundle", BUNDLE, CONTAINER]
            self._command(f"{name} {' '.join(options)}", arguments, out=name)
            if command in {"list", "ps", "events", "state"}:
                self._seen[f"{name} prints"] = self._printed(name)
            time.sleep(0.05)
            self._state(name)

    def _printed(self, name: str) -> str:
        """What a command prints: of a document its properties, of a table its words without numbers."""
        text = re.sub(r"\d{4}-\d\d-\d\dT[0-9:.]+Z", "TIME", self._output(name))
        try:
            return " ".join(sorted(set(_properties(json.loads(text)))))
        except ValueError:
            return " ".join(re.sub(r"\d+", "0", text).split())

    def _text_of_config(self, text: str) -> None:
        Path(BUNDLE, "config.json").write_text(text.replace("DONOR", str(self._host.donor)))

    # Commands

    def _command(self, name: str, arguments: list[str], out: str = "out") -> int:
        caller = self._case.caller

        def before_exec() -> None:
            os.umask(caller.get("umask", 0o22))
            os.setpgid(0, 0)
            for word in caller.get("ignored", ()):
                signal.signal(getattr(signal, word), signal.SIG_IGN)
            if caller.get("oom") is not None:
                Path("/proc/self/oom_score_adj").write_text(str(caller["oom"]))
            if caller.get("nofile"):
                resource.setrlimit(resource.RLIMIT_NOFILE, (caller["nofile"], 4096))
            if caller.get("nice"):
                os.nice(caller["nice"])

        environment = {"PATH": os.environ["PATH"], "CALLER": "yes"}
        for word in caller.get("env", ()):
            key, _, value = word.partition("=")
            environment[key] = value
        extra = ("--preserve-fds" in arguments or "LISTEN_FDS" in environment) * [_EXTRA]
        safe = re.sub(r"\W", "-", out)
        with open(f"{OUTPUT}/{safe}.out", "wb") as output, open(f"{OUTPUT}/{safe}.err", "wb") as errors:
            process = subprocess.Popen(
                [self._runtime, "--root", STATE, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=errors,
                env=environment,
                cwd="/tmp",
                preexec_fn=before_exec,  # noqa: PLW1509 - there are no threads
                close_fds=True,
                pass_fds=extra,
            )
            try:
                status = process.wait(_COMMAND_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                self._seen[f"{name} hangs"] = "yes"
                status = -99
        words = Path(f"{OUTPUT}/{safe}.err").read_text(errors="replace")
        if words:
            self._seen[f"words {name}"] = words
        self._seen[f"status {name}"] = self._rough(name, status)
        return status

    def _rough(self, name: str, status: int) -> str:
        """Exit statuses are compared where they are the program's; else only whether the command failed."""
        if "exec" in name or name == "run":
            return str(status)
        return "failed" if status else "0"

    def _state_document(self) -> dict[str, Any]:
        done = subprocess.run(
            [self._runtime, "--root", STATE, "state", CONTAINER], capture_output=True, timeout=20, check=False
        )
        try:
            document: dict[str, Any] = json.loads(done.stdout)
        except ValueError:
            return {}
        return document

    def _status(self) -> str:
        return str(self._state_document().get("status", "none"))

    def _state(self, when: str) -> None:
        document = self._state_document()
        document.pop("created", None)
        if document.get("pid"):
            document["pid"] = "N"
        for key in ("rootfs", "owner"):
            document.pop(key, None)
        version = document.pop("ociVersion", None)
        if version is not None:
            self._seen["ociVersion of the state"] = version
        self._seen[f"state {when}"] = json.dumps(document, sort_keys=True)

    def _output(self, name: str) -> str:
        safe = re.sub(r"\W", "-", name)
        return Path(f"{OUTPUT}/{safe}.out").read_text(errors="replace")

    def _probe(self, name: str, wait: bool) -> None:
        deadline = time.monotonic() + (_PROBE_SECONDS if wait else 0)
        while True:
            text = self._output(name)
            if random_probe.complete(text) or time.monotonic() > deadline or (wait and self._status() == "stopped"):
                break
            time.sleep(0.01)
        text = self._output(name)
        prefix = "" if name == "probe" else f"{name}: "
        for key, value in random_probe.parse(text, self._host.links, self._host.peers).items():
            self._seen[f"{prefix}{key}"] = value

    # Observations from the host

    def _cgroups(self, when: str) -> None:
        pid = self._state_document().get("pid")
        if not pid:
            return
        for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            self._seen[f"cgroup {when} {controllers} path"] = path
            folder = f"{_CGROUPS}/{controllers.removeprefix('name=')}{path}"
            if path == "/" or not os.path.isdir(folder):
                continue
            for name in sorted(os.listdir(folder)):
                if _LIMIT_FILES.match(name):
                    text = _read(f"{folder}/{name}")
                    self._seen[f"cgroup {when} {name}"] = (
                        " ".join(sorted(text.splitlines())) if name == "devices.list" else text
                    )

    def _hooks(self) -> None:
        for place, path in (
            ("", f"{OUTPUT}/hooks"),
            (" (in the container)", f"{BUNDLE}/rootfs/tmp/hooks"),
            (" (in the rootfs)", f"{BUNDLE}/rootfs/tmp/work/hooks"),
        ):
            if not os.path.exists(path):
                continue
            for number, text in enumerate(_read(path).split("@@hook ")[1:]):
                head, *lines = text.splitlines()
                for line in lines:
                    key, _, value = line.partition(" ")
                    self._seen[f"hook {number} {head}{place} {key}"] = self._of_hook(key, value)

    def _of_hook(self, key: str, value: str) -> str:
        if key == "state":
            return _hook_state(value)
        return self._host.links.get(value, "new") if re.fullmatch(r"\w+:\[\d+\]", value) else value

    def _after(self) -> None:
        if os.path.exists(f"{STATE}/{CONTAINER}") or self._case.use_run is False:
            self._command("delete in the end", ["delete", "--force", CONTAINER])
        deadline = time.monotonic() + 0.5
        while time.monotonic() < deadline and (set(self._alive()) or self._new_groups()):
            time.sleep(0.01)
        self._seen["left groups"] = " ".join(self._new_groups())
        self._seen["left processes"] = " ".join(self._alive())
        self._seen["left mounts"] = self._host.changes()
        self._seen["left states"] = " ".join(sorted(os.listdir(STATE)))
        for line in _tree(f"{BUNDLE}/rootfs"):
            name, _, facts = line.partition(" ")
            self._seen[f"left file {name}"] = facts
        for line in _tree(SOURCES):
            name, _, facts = line.partition(" ")
            self._seen[f"left source {name}"] = facts
        for name in ("shmmax", "pid_max", "hostname", "domainname"):
            self._seen[f"host's {name}"] = _read(f"/proc/sys/kernel/{name}")

    def _alive(self) -> list[str]:
        found = []
        for pid in _processes():
            if _is_alive(pid) and pid != self._host.donor:
                try:
                    found.append(Path(f"/proc/{pid}/comm").read_text().strip())
                except OSError:
                    continue
        return sorted(found)

    def _new_groups(self) -> list[str]:
        return sorted(_groups() - self._groups_before)


def _properties(value: Any, place: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        entries = list(value.items())
    else:
        entries = [("-", entry) for entry in value or ()] if isinstance(value, list) else []
    for name, entry in entries:
        yield f"{place}/{name}"
        yield from _properties(entry, f"{place}/{name}")


def _hook_state(text: str) -> str:
    """What every runtime has to tell a hook."""
    try:
        document = json.loads(text)
    except ValueError:
        return text
    if document.get("pid") == 0:
        del document["pid"]
    for key in ("ociVersion", "rootfs", "created", "owner"):
        document.pop(key, None)
    return json.dumps(document, sort_keys=True)


def _read(path: str) -> str:
    try:
        return Path(path).read_text(errors="replace").strip()
    except OSError as error:
        return f"({error.strerror})"


def _tree(top: str) -> Iterator[str]:
    for folder, folders, files in os.walk(top):
        for name in sorted([*folders, *files]):
            path = os.path.join(folder, name)
            info = os.lstat(path)
            kind = stat.S_IFMT(info.st_mode)
            size = (
                "" if kind in {stat.S_IFDIR, stat.S_IFLNK} or name in {"hooks"} else f" {info.st_size} {info.st_rdev}"
            )
            yield f"{path[len(top) :]} {stat.filemode(info.st_mode)} {info.st_uid}:{info.st_gid}{size}"
