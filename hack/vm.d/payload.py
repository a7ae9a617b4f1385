"""The payload disk: a tar with the checkout, pyoci as installed, the command and the agent."""

from __future__ import annotations

import os
import shlex
import shutil
import stat
import subprocess
import tarfile
from pathlib import Path
from typing import NamedTuple

from image import HERE, Image, contained

CHECKOUT = "srv/pyoci"                  # in the guest
VENV = "opt/pyoci-venv"
INSTALL_LIMIT = 600                     # seconds

# Runs in a private mount namespace: an overlay over the guest's tree, so that the upper folder ends as exactly
# what the installation added, and the tree stays as it was.
INSTALL = """
set -eu
work=$1 tree=$2 source=$3
mkdir -p "$work/upper" "$work/scratch" "$work/merged"
mount -t overlay guest -o "lowerdir=$tree,upperdir=$work/upper,workdir=$work/scratch" "$work/merged"
mount -t tmpfs tmp "$work/merged/tmp"
mount -t proc proc "$work/merged/proc"
cp -R "$source" "$work/merged/tmp/source"
set -- /tmp/source
chroot "$work/merged" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp LANG=C.UTF-8 PIP_NO_INDEX=1 \\
    PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore sh -ec '
        source=$1
        case $(ls "$source") in *.whl) source=$(echo "$source"/*.whl) ;; esac
        /opt/pyoci-venv/bin/python -m pip install -q --no-cache-dir --no-deps --no-build-isolation "$source"
        /opt/pyoci-venv/bin/python -m pip check' sh "$@"
"""


class InstallFailed(Exception):
    """pyoci could not be built or installed: the checkout's fault, not the machine's."""


class Request(NamedTuple):
    """What the agent is told; see its settings."""

    command: list[str]                  # empty: a shell
    user: str                           # empty: root
    merge: bool                         # standard error goes where standard output goes
    results: bool
    terminal: tuple[str, str]           # for a shell: TERM, and stty's words for the window's size


def write(target: Path, work: Path, image: Image, checkout: Path, *, install: bool, wheel: Path | None,
          extra: list[tuple[Path, str]], request: Request) -> None:
    """Write the payload to `target`; `work` is a folder for what is made on the way. Raises InstallFailed."""
    files = _sources(checkout)
    with tarfile.open(target, "w", format=tarfile.GNU_FORMAT) as tar:
        for name in files:
            _add(tar, checkout / name, f"{CHECKOUT}/{name}")
        if install:
            _installed(tar, work, image, checkout, files, wheel)
        for source, place in extra:
            _add_tree(tar, source, place)
        _add_text(tar, "srv/vm/agent", (HERE / "agent").read_text())
        _add_text(tar, "srv/vm/command", f"exec {shlex.join(request.command)}\n" if request.command else "")
        _add_text(tar, "srv/vm/settings", _settings(request))


def _settings(request: Request) -> str:
    term, size = request.terminal
    values = {"vm_user": request.user, "vm_merge": "yes" if request.merge else "",
              "vm_results": "yes" if request.results else "", "vm_shell": "" if request.command else size,
              "vm_term": term}
    return "".join(f"{name}={shlex.quote(value)}\n" for name, value in values.items())


def _sources(checkout: Path) -> list[str]:
    """The files git knows or would take: not what was built, which may be another Python's."""
    listing = subprocess.run(["git", "-C", str(checkout), "ls-files", "-z", "-co", "--exclude-standard"],
                             capture_output=True, check=False)
    if listing.returncode == 0:
        names = [os.fsdecode(name) for name in listing.stdout.split(b"\0") if name]
        return sorted(name for name in names if os.path.lexists(checkout / name))
    return sorted(str(path.relative_to(checkout)) for path in checkout.rglob("*")
                  if not path.is_dir() and ".git" not in path.parts)


def _installed(tar: tarfile.TarFile, work: Path, image: Image, checkout: Path, files: list[str],
               wheel: Path | None) -> None:
    source = work / "source"
    source.mkdir()
    if wheel:
        shutil.copy2(wheel, source)
    else:
        for name in files:
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(checkout / name, source / name, follow_symlinks=False)
    try:
        done = subprocess.run(contained(["sh", "-c", INSTALL, "install", str(work), str(image.tree), str(source)]),
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              errors="replace", timeout=INSTALL_LIMIT, check=False)
    except subprocess.TimeoutExpired as error:
        raise InstallFailed(f"installing pyoci took over {INSTALL_LIMIT} s") from error
    if done.returncode:
        raise InstallFailed(f"installing pyoci for the guest failed:\n{done.stdout.rstrip()}")
    upper = work / "upper"
    _add_tree(tar, upper / VENV, VENV)
    # Tests run from the checkout import its pyoci: the compiled modules belong there too.
    packages = next((upper / VENV / "lib").glob("python3*/site-packages"))
    for built in packages.glob("pyoci/**/*.so"):
        _add(tar, built, f"{CHECKOUT}/{built.relative_to(packages)}")


def _add_tree(tar: tarfile.TarFile, source: Path, place: str) -> None:
    _add(tar, source, place)
    if source.is_dir() and not source.is_symlink():
        for path in sorted(source.rglob("*")):
            _add(tar, path, f"{place}/{path.relative_to(source)}")


def _add(tar: tarfile.TarFile, path: Path, name: str) -> None:
    try:
        info = tar.gettarinfo(path, name)
    except FileNotFoundError:           # others work in the checkout: a file may go while it is being read
        return
    # An overlay says with a character device 0:0 that a file of the tree was removed.
    if info is None or stat.S_ISCHR(info.mode) or info.ischr():
        return
    info.uid = info.gid = 0
    info.uname = info.gname = "root"
    if info.islnk():                    # a second name of a file already in the archive: take its content again
        info.type = tarfile.REGTYPE
        info.size = path.stat().st_size
    if info.isreg():
        with open(path, "rb") as content:
            tar.addfile(info, content)
    else:
        tar.addfile(info)


def _add_text(tar: tarfile.TarFile, name: str, text: str) -> None:
    import io
    data = text.encode(errors="surrogateescape")
    info = tarfile.TarInfo(name)
    info.size = len(data)
    info.mode = 0o755
    tar.addfile(info, io.BytesIO(data))
