"""The pages of docs/tour: their commands are run one after the other in one shell, and what they print is compared.

    ```console
    $ echo hello          a command; lines that begin with `> ` go on with it
    hello                 what it prints: `...` stands for anything, on a line of its own for any lines
    ```

`<!-- needs: NAME -->` says what a machine must have; NEEDS tells whether it does.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

PAGES = sorted(
    (Path(__file__).resolve().parents[2] / "docs/tour").glob("[0-9]*.md"),
    key=lambda path: int(path.name.partition("-")[0]),
)
_BLOCK = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)
_NEEDS = re.compile(r"<!-- needs: (.*?) -->")
_MARK = "end-of-command"
_SECONDS = 180


class Step(NamedTuple):
    command: str
    expected: str


def steps(text: str) -> list[Step]:
    """The commands of a page and what they shall print."""
    made: list[tuple[list[str], list[str]]] = []
    for block in _BLOCK.findall(text):
        for line in block.splitlines():
            if line.startswith("$ "):
                made.append(([line[2:]], []))
            elif line.startswith("> ") and made and not made[-1][1]:
                made[-1][0].append(line[2:])
            else:
                made[-1][1].append(line)
    return [Step("\n".join(command), "\n".join(expected)) for command, expected in made]


def matches(expected: str, printed: str) -> bool:
    """Whether all lines are as expected, but for `...`."""
    pattern = ""
    for line in expected.splitlines():
        if line == "...":
            pattern += r"(?:.*\n)*?"
        else:
            pattern += ".*".join(re.escape(part) for part in line.split("...")) + "\n"
    text = printed if printed.endswith("\n") or not printed else printed + "\n"
    return re.fullmatch(pattern, text) is not None


def missing(text: str) -> str:
    """What this machine lacks for a page; empty when it has all."""
    return "; ".join(words for name in _NEEDS.findall(text) if (words := NEEDS[name]()))


def play(text: str, folder: Path, program: str) -> list[tuple[Step, str]]:
    """Run a page in `folder`, in namespaces of its own, and give what each command printed."""
    commands = steps(text)
    script = ["exec 2>&1", "ip link set lo up", "mount -t tmpfs tmpfs /run", 'echo "$_MARK"']
    for step in commands:
        script += [step.command, 'printf "\\n%s\\n" "$_MARK"']
    (folder / "page.sh").write_text("\n".join(script) + "\n")
    (folder / "work").mkdir()
    namespaces = ["unshare", "--mount", "--net", "--ipc", "--uts", "--pid", "--fork", "--kill-child", "--mount-proc"]
    done = subprocess.run(
        [*namespaces, "--propagation", "private", "bash", str(folder / "page.sh")],
        cwd=folder / "work",
        env={
            "PATH": f"{os.path.dirname(program)}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": "/root",
            "LC_ALL": "C",
            "_MARK": _MARK,
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=_SECONDS,
        check=False,
    )
    printed = done.stdout.decode("utf-8", "replace").split(_MARK + "\n")[1:-1]
    assert len(printed) == len(commands), f"the shell ended early, at $ {commands[len(printed)].command}"
    return [(step, _trimmed(words)) for step, words in zip(commands, printed, strict=True)]


def _trimmed(words: str) -> str:
    """Without the line feed that stands before each mark."""
    return words.removesuffix("\n")


def _load_module(name: str) -> None:
    if shutil.which("modprobe"):
        subprocess.run(["modprobe", "--quiet", name], check=False)


def _has_file_system(name: str) -> str:
    _load_module(name)
    with open("/proc/filesystems") as file:
        return "" if name in file.read().split() else f"this kernel has no {name}"


def _has(*programs: str) -> str:
    lacking = [program for program in programs if not shutil.which(program)]
    return f"not installed: {', '.join(lacking)}" if lacking else ""


def _has_thin_target() -> str:
    _load_module("dm-thin-pool")
    targets = subprocess.run(["dmsetup", "targets"], capture_output=True, text=True, check=False).stdout
    return "" if "thin-pool" in targets else "this kernel has no thin target of device mapper"


NEEDS: dict[str, Callable[[], str]] = {
    "overlay": lambda: _has_file_system("overlay"),
    "btrfs": lambda: _has_file_system("btrfs") or _has("mkfs.btrfs", "btrfs", "losetup"),
    "device mapper": lambda: _has("dmsetup", "losetup", "mkfs.ext4") or _has_thin_target(),
    "zfs": lambda: _has("zpool", "zfs") or _has_file_system("zfs"),
    "iproute2": lambda: _has("ip"),
    "util-linux": lambda: _has("unshare", "nsenter", "setpriv", "ipcmk", "ipcs"),
    "user namespaces": lambda: (
        ""
        if subprocess.run(
            ["setpriv", "--reuid=65534", "--clear-groups", "unshare", "--user", "true"],
            check=False,
            capture_output=True,
        ).returncode
        == 0
        else "ordinary users may make no user namespaces here"
    ),
}
