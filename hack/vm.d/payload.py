"""The payload disk: a tar with the checkout, pyoci as installed, the command and the agent."""

from __future__ import annotations

import io
import os
import shlex
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import NamedTuple

from image import HERE, contained

CHECKOUT = "srv/pyoci"  # in the guest
VENV = "opt/pyoci-venv"
INSTALL_LIMIT = 600  # seconds; it takes about 5

# Runs in a mount namespace of its own: an overlay over the guest's tree. So the guest's compiler runs at the
# host's speed, the upper folder ends as exactly what the installation added, and the tree stays as it was.
INSTALL = """
set -eu
work=$1 tree=$2 source=$3
mkdir -p "$work/upper" "$work/scratch" "$work/merged"
mount -t overlay guest -o "lowerdir=$tree,upperdir=$work/upper,workdir=$work/scratch" "$work/merged"
mount -t tmpfs tmp "$work/merged/tmp"
mount -t proc proc "$work/merged/proc"
cp -R "$source" "$work/merged/tmp/source"
chroot "$work/merged" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp LANG=C.UTF-8 PIP_NO_INDEX=1 \\
    PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore PIP_NO_CACHE_DIR=1 sh -ec '
        source=/tmp/source
        for wheel in "$source"/*.whl; do
            [ ! -e "$wheel" ] || source=$wheel
        done
        /opt/pyoci-venv/bin/python -m pip install -q --no-deps --no-build-isolation "$source"
        /opt/pyoci-venv/bin/python -m pip check
    '
"""


class InstallError(Exception):
    """pyoci could not be built or installed: the checkout's fault, not the machine's."""


class Request(NamedTuple):
    """What the agent is told."""

    command: list[str]  # empty: a shell
    user: str  # empty: root
    merge: bool  # standard error goes where standard output goes
    results: bool  # send the folder /results back
    terminal: tuple[str, str]  # for a shell: TERM, and stty's words for the window's size

    def settings(self) -> str:
        """As the shell script that the agent reads."""
        term, size = self.terminal
        values = {
            "vm_user": self.user,
            "vm_merge": "yes" if self.merge else "",
            "vm_results": "yes" if self.results else "",
            "vm_shell": "" if self.command else size,
            "vm_term": term,
        }
        return "".join(f"{name}={shlex.quote(value)}\n" for name, value in values.items())


class Payload:
    """A tar being written to `target`: that is the disk, for the guest to unpack at its root."""

    def __init__(self, target: Path) -> None:
        self._tar = tarfile.open(target, "w", format=tarfile.GNU_FORMAT)

    def close(self) -> None:
        self._tar.close()

    def add_request(self, request: Request) -> None:
        self._add_text("srv/vm/agent", (HERE / "agent").read_text())
        self._add_text("srv/vm/settings", request.settings())
        self._add_text("srv/vm/command", f"exec {shlex.join(request.command)}\n" if request.command else "")

    def add_tree(self, source: Path, place: str) -> None:
        """Add a file or a folder with all that is in it, as root's."""
        self._add(source, place)
        if source.is_dir() and not source.is_symlink():
            for path in sorted(source.rglob("*")):
                self._add(path, f"{place}/{path.relative_to(source)}")

    def add_checkout(self, checkout: Path) -> None:
        for name in sources(checkout):
            self._add(checkout / name, f"{CHECKOUT}/{name}")

    def add_installed(self, upper: Path) -> None:
        """Add what `install` made."""
        self.add_tree(upper / VENV, VENV)
        # Tests that run from the checkout import its pyoci: the compiled modules belong there, too.
        for packages in upper.glob(f"{VENV}/lib/python3*/site-packages"):
            for built in packages.glob("pyoci/**/*.so"):
                self._add(built, f"{CHECKOUT}/{built.relative_to(packages)}")

    def _add(self, path: Path, name: str) -> None:
        try:
            info = self._tar.gettarinfo(path, name)
        except FileNotFoundError:  # others work in the checkout: a file may go while it is read
            return
        # None: a socket. A character device: how an overlay says that a file of the tree was removed.
        if info is None or info.ischr():
            return
        info.uid = info.gid = 0
        info.uname = info.gname = "root"
        if info.islnk():  # a second name of a file that is in the archive: its content again
            info.type = tarfile.REGTYPE
            info.size = path.stat().st_size
        if info.isreg():
            with open(path, "rb") as content:
                self._tar.addfile(info, content)
        else:
            self._tar.addfile(info)

    def _add_text(self, name: str, text: str) -> None:
        data = os.fsencode(text)
        info = tarfile.TarInfo(name)
        info.size = len(data)
        self._tar.addfile(info, io.BytesIO(data))


def sources(checkout: Path) -> list[str]:
    """The files git knows or would take: not what was built, which may be another Python's."""
    listing = subprocess.run(
        ["git", "-C", str(checkout), "ls-files", "-z", "-co", "--exclude-standard"],
        capture_output=True,
        check=False,
    )
    if listing.returncode == 0:
        names = [os.fsdecode(name) for name in listing.stdout.split(b"\0") if name]
        return sorted(name for name in names if os.path.lexists(checkout / name))
    return sorted(str(path.relative_to(checkout)) for path in checkout.rglob("*") if not path.is_dir())


def install(work: Path, tree: Path, checkout: Path, wheel: Path | None) -> Path:
    """Install `wheel`, or else the checkout, over the guest's `tree`; return the folder of what was added.

    Raises InstallError.
    """
    source = work / "source"
    source.mkdir(parents=True)
    if wheel:
        shutil.copy2(wheel, source)
    else:
        for name in sources(checkout):
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(checkout / name, source / name, follow_symlinks=False)
    try:
        done = subprocess.run(
            contained(["sh", "-c", INSTALL, "install", str(work), str(tree), str(source)]),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            errors="replace",
            timeout=INSTALL_LIMIT,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise InstallError(f"installing pyoci for the guest took over {INSTALL_LIMIT} s") from error
    if done.returncode:
        raise InstallError(f"installing pyoci for the guest failed:\n{done.stdout.rstrip()}")
    return work / "upper"
