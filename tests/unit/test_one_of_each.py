"""One form of each: what all of pyoci writes the same way is written in one place."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "pyoci"
SOURCES = {str(path.relative_to(PACKAGE)): path.read_text("utf-8") for path in sorted(PACKAGE.rglob("*.py"))}

# A pattern, the files that may have it, and what the others use.
FORMS = {
    "an error number in words": (
        r"\bstrerror\b|\berrorcode\b",
        # whose words engines match, or which look like those of strace(1)
        {"errors.py", "init/inside/execute.py", "wire/messages.py", "kernel/call_log.py"},
        "errors.reason",
    ),
    "the type of a file from its mode": (
        r"0o170000|0o100000|0o040000|0o020000",
        # `state` loads the first two, and no module that it can do without; of the third, any number may be asked for
        {"state/store.py", "log.py", "spec/rules/linux.py"},
        "stat.S_ISREG and its kin, with `import _stat as stat`",
    ),
    "an ioctl": (
        r"\bfcntl\.ioctl\(",
        # of a program's own terminal: the library is not the runtime
        {"kernel/streams.py", "kernel/loopback.py", "library/process.py"},
        "a function of kernel/",
    ),
    "a descriptor through a socket": (
        r"\bSCM_RIGHTS,|\bCMSG_LEN\b|\brecv_fds\b|\bsend_fds\b",
        {"kernel/scm_rights.py", "library/supervised.py"},  # programs that use the library have Python's socket
        "kernel.scm_rights",
    ),
    "lines of a text with names in it": (
        r"\.splitlines\(",
        # numbers and words of the kernel's, and texts of our own
        {
            f"cgroups/{name}.py"
            for name in ("devices", "files", "oom", "resctrl", "resources_v2", "stats_v1", "stats_v2")
        }
        | {"criu/swrk.py", "doctor/probe.py", "host/bundle_warnings.py", "host/advice.py", "kernel/bpf.py"}
        | {"library/copying.py", "manual/roff.py", "throwaway/user_network.py", "trace.py"},
        'split("\\n"): for splitlines() a form feed ends a line, too, and a file may have one in its name',
    ),
    "a wait without a limit": (
        r"poller\.poll\((\)|None|[^()]*else None\))|\bsettimeout\(None\)",
        # whose wakeup descriptor (set_wakeup_fd) a signal makes readable, whenever it comes
        {"host/relay.py", "host/supervise.py"},
        "a limit of kernel.LATE_SIGNAL, and then the wait again: Python may notice a signal only after the call",
    ),
    "all of a buffer": (
        r"\[[\w ]*\(?(posix|os)\.write\(",
        # the one; those that wait for a reader between two writes, and give up
        {"kernel/__init__.py", "log.py", "host/relay.py", "library/exchange.py"},
        "kernel.write_all",
    ),
    "all of a file": (
        r"while \w+ := (posix|os)\.read\(",
        # the one; those that copy or bound what they read
        {"kernel/__init__.py", "host/config_bundle.py", "host/mounts.py", "init/outside/tmpcopyup.py"}
        | {"cli/update.py"},
        "kernel.read_all or read_text",
    ),
    "how a child ended": (
        r"exit status \{|\{(os|posix)\.waitstatus_to_exitcode|killed by \{",
        {"kernel/signals.py", "library/outcome.py"},  # the one; whose reader has asked for the status of a program
        "kernel.signals.ending, which names the signal",
    ),
    "a path of mountinfo": (r"\[:3\], 8\)|\\040\"", {"kernel/uapi.py"}, "uapi.unescape"),
    "a list of CPUs": (r"partition\(\"-\"\)", {"number_list.py", "spec/patterns.py"}, "number_list.parse"),
    "the number of SIGKILL": (
        r"(?m)^_?(SIG)?KILL = |\b(kill|die_with_parent)\((.*, )?9\)",
        {"kernel/signals.py", "cgroups/files.py"},
        "kernel.signals.KILL, cgroups.files.SIGKILL",
    ),
}


# Names that Python, the launcher or hack/ use, and what programs import.
USED_ELSEWHERE = {"__getattr__", "__dir__", "__all__", "find_spec", "IS_PROGRAM", "BY_EXPRESSION"}
LIBRARY = ("library/", "aio.py")


def names_defined(tree: ast.Module) -> Iterator[str]:
    """At the top of a module, and methods."""
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node.name
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from (part.id for target in targets for part in ast.walk(target) if isinstance(part, ast.Name))
        if isinstance(node, ast.ClassDef):
            names = [member.name for member in node.body if isinstance(member, ast.FunctionDef)]
            yield from (name for name in names if not name.startswith("__"))


def names_used(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.ImportFrom):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from re.findall(r"^[\w.]+$", node.value)  # getattr and its kin


def test_nothing_is_dead() -> None:
    """What only tests use, or nobody, is not there."""
    trees = {file: ast.parse(text) for file, text in SOURCES.items()}
    used = {name.rpartition(".")[2] for tree in trees.values() for name in names_used(tree)}
    defined = {
        f"{file}: {name}"
        for file, tree in trees.items()
        if not file.startswith(LIBRARY)
        for name in names_defined(tree)
    }
    known = used | USED_ELSEWHERE | {"TYPE_CHECKING"}
    assert not {place for place in defined if place.rpartition(" ")[2] not in known}


def test_every_field_of_a_record_is_read() -> None:
    trees = {file: ast.parse(text) for file, text in SOURCES.items()}
    read = {name for tree in trees.values() for name in names_used(tree)}
    unread = {
        f"{file}: {node.name}.{field.target.id}"
        for file, tree in trees.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and any(isinstance(base, ast.Name) for base in node.bases)
        for field in node.body
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and field.target.id not in read
    }
    assert not {place for place in unread if not place.startswith(LIBRARY)}


def test_every_marker_marks_a_test() -> None:
    settings = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text())
    tests = "".join(path.read_text() for path in (PACKAGE.parent / "tests").rglob("test_*.py"))
    for line in settings["tool"]["pytest"]["ini_options"]["markers"]:
        name = line.partition(":")[0]
        assert f"pytest.mark.{name}" in tests, name


@pytest.mark.parametrize("name", FORMS)
def test_form(name: str) -> None:
    pattern, places, instead = FORMS[name]
    found = {file for file, text in SOURCES.items() if re.search(pattern, text)}
    assert found <= places, f"{found - places}: {name}: use {instead}"
    assert places <= found, f"{places - found} are without it now"


def test_the_mutation_tester_runs_each_test_of_a_plan() -> None:
    """Otherwise lines that these hold would count as held by no test (hack/mutate)."""
    settings = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text())["tool"]["mutmut"]
    named = {*settings["pytest_add_cli_args_test_selection"]}
    files = {str(path.relative_to(PACKAGE.parent)) for path in (PACKAGE.parent / "tests/unit").glob("test_plan_*.py")}
    assert files and files <= named
    assert all((PACKAGE.parent / path).exists() for path in named)
