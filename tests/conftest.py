"""Fixtures. Unit tests need none; the others run as root, each with its own state root, cgroup and bundle."""

from __future__ import annotations

import os
import posix
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from helpers import leaks, sandbox
from helpers.bundle import BUSYBOX, Bundle
from helpers.library import Library
from helpers.runtime import Runtime, kill_process, runtime_command, until

from pyoci import log
from pyoci.kernel import _raw, call, signals

NEED_ROOT = {"integration", "security", "engines"}
# The files that take longest, some since they wait. A file stays with one worker of hack/test, so the last one to begin
# must be short.
FIRST = (
    "test_interleavings.py",
    "test_bounded_waits.py",
    "test_waits.py",
    "test_mount_table.py",
    "test_try.py",
    "test_faults.py",
    "test_podman.py",
    "test_launcher.py",
    "test_library_states.py",
    "test_mounts_command.py",
)
# What each test begins with: of the signals that ask to end, their handlers.
HANDLERS: dict[int, Any] = {}


def pytest_configure(config: pytest.Config) -> None:
    # The same examples in every run, so that a failure is the change's; hack/fuzz looks for new ones.
    hypothesis.settings.register_profile("pyoci", derandomize="PYOCI_FUZZ" not in os.environ)
    hypothesis.settings.load_profile("pyoci")
    config.addinivalue_line("markers", "beyond_runc(reason): asks more than Debian's runc does; skipped with runc")
    for name in ("COLUMNS", "LINES"):  # pytest's workers are told a size, which commands would believe
        os.environ.pop(name, None)
    # Ignored where a shell or nohup has started pytest in the background, and then by the commands under test, too.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_DFL)
    HANDLERS.update((number, signal.getsignal(number)) for number in signals.ENDING)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """With `-m alone`, files without such tests are not read: to collect all takes longer than to run these."""
    if collection_path.suffix == ".py" and config.option.markexpr.startswith("alone"):
        return b"pytest.mark.alone" not in collection_path.read_bytes() or None
    return None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: FIRST.index(item.path.name) if item.path.name in FIRST else len(FIRST))
    for item in items:
        if item.path.name.startswith("test_fuzz_"):
            item.add_marker("thorough")
        if os.geteuid() != 0 and NEED_ROOT & set(item.path.parts):
            item.add_marker(pytest.mark.skip(reason="needs root"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown() -> Generator[None, None, None]:
    """Each test begins as a command does. A hook, since fixtures for all tests take longer than most tests."""
    try:
        yield
    finally:
        silence_log()
        silence_calls()
        let_signals_through()


def silence_log() -> None:
    """The log as it is before a command has read its options."""
    sink = log._sink
    if sink.fd is not None:
        os.close(sink.fd)
    sink.__init__()  # type: ignore[misc]  # the sink is a module's only one


def silence_calls() -> None:
    """Nobody is told of system calls: what --debug puts in a module's place is taken out again."""
    call.log = None
    call_log = sys.modules.get("pyoci.kernel.call_log")
    if call_log is None:
        return
    for name, module in list(sys.modules.items()):
        if name.startswith(call_log._PLACES):
            if isinstance(getattr(module, "posix", None), call_log._Traced):
                module.posix = posix  # type: ignore[attr-defined]
            if getattr(getattr(module, "syscall", None), "__module__", "") == call_log.__name__:
                module.syscall = _raw.syscall  # type: ignore[attr-defined]


def let_signals_through() -> None:
    """A command that has come to its end holds the signals that ask to end: here the tests go on."""
    for number, handler in HANDLERS.items():
        signal.signal(number, handler)
    signals.let_through()


@pytest.fixture(scope="session")
def place() -> Iterator[Path]:
    """A scratch folder in a mount namespace that this session has for itself."""
    if not os.path.exists(BUSYBOX):
        pytest.skip("busybox-static is not installed")
    with sandbox.private_place() as folder:
        yield folder


@pytest.fixture
def scratch(place: Path) -> Iterator[Path]:
    """This test's own folder; nothing of the test may be left when it ends."""
    watch = leaks.Watch()
    scratch.count += 1  # type: ignore[attr-defined]
    folder = place / str(scratch.count)  # type: ignore[attr-defined]
    folder.mkdir(mode=0o755)
    yield folder
    found = watch.leaks()
    shutil.rmtree(folder)
    assert not found, "left behind: " + "; ".join(found)


scratch.count = 0  # type: ignore[attr-defined]


@pytest.fixture
def runtime(scratch: Path, request: pytest.FixtureRequest) -> Iterator[Runtime]:
    """The runtime under test, with a state root of its own."""
    runtime = Runtime(runtime_command(), scratch)
    beyond = request.node.get_closest_marker("beyond_runc")
    if beyond and not runtime.is_pyoci:
        pytest.skip(f"beyond runc: {beyond.args[0]}")
    yield runtime
    left = runtime.clean_up()
    assert not left, "; ".join(left)


@pytest.fixture
def new_bundle(scratch: Path) -> Callable[[], Bundle]:
    """Makes bundles, for tests that need several."""
    made: list[Bundle] = []

    def make() -> Bundle:
        number = len(made)
        made.append(Bundle(scratch / f"bundle{number}", f"/{sandbox.MARK}/{scratch.name}-{number}"))
        return made[-1]

    return make


@pytest.fixture
def bundle(new_bundle: Callable[[], Bundle]) -> Bundle:
    """A bundle made of busybox, to edit."""
    return new_bundle()


@pytest.fixture
def library(runtime: Runtime, bundle: Bundle) -> Library:
    """The library, `import pyoci`, with the runtime under test."""
    if not runtime.is_pyoci:
        pytest.skip("the library is pyoci's")
    return Library(runtime, bundle)


@pytest.fixture
def namespace_holder(scratch: Path) -> Iterator[Callable[..., int]]:
    """`namespace_holder("net")` is the PID of a process that lives in new namespaces (names of unshare(1))."""
    del scratch  # which looks for what is left, after this fixture's end
    processes: list[subprocess.Popen[bytes]] = []

    def make(*kinds: str) -> int:
        options = [f"--{kind}" for kind in kinds] + (["--map-root-user"] if "user" in kinds else [])
        command = ["unshare", *options, "--fork", "--kill-child", "sleep", "300"]
        process = subprocess.Popen(command)
        processes.append(process)
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        return int(until(lambda: children.read_text().split(), "unshare forks")[0])

    yield make
    for process in processes:
        kill_process(process)
