"""The packages of a release, installed and removed again: .deb in the root of each release of Debian, .rpm in an empty
one, the wheel in a virtual environment. What they have installed runs a container.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.release import RELEASES, ROOTS, EmptyRoot, find_program

pytestmark = pytest.mark.root

# Beside the program; the man pages are compressed by distributions, and not by wheels.
INSTALLED = (
    "share/man/man8/pyoci-create.8",
    "share/bash-completion/completions/pyoci",
    "share/zsh/site-functions/_pyoci",
    "share/fish/vendor_completions.d/pyoci.fish",
    "share/doc/pyoci/copyright",
    "share/doc/pyoci/sbom.cdx.json",
)
RUN = (
    "/usr/bin/pyoci create --bundle /bundle one",
    "/usr/bin/pyoci start one",
    "/usr/bin/pyoci exec one /bin/sh -c 'echo inside'",
    "/usr/bin/pyoci delete --force one",
)


KINDS = ("running", "paused", "created", "stopped")
UPGRADE = (
    "dpkg --install /old.deb >/dev/null",
    'pyoci() { /usr/bin/pyoci "$@"; }',
    "pyoci spec --bundle /bundle",
    """sed -i 's/"terminal": true/"terminal": false/; s/"sh"/"sleep", "1000"/' /bundle/config.json""",
    f"for kind in {' '.join(KINDS)}; do",
    "    pyoci create --bundle /bundle upgraded-$kind </dev/null >/dev/null 2>&1",
    "done",
    "for kind in running paused stopped; do pyoci start upgraded-$kind; done",
    "pyoci pause upgraded-paused",
    "pyoci kill upgraded-stopped KILL",
    "pyoci --version",
    "dpkg --install /new.deb >/dev/null",
    "pyoci --version",
    f"for kind in {' '.join(KINDS)}; do",
    "    echo $kind: $(pyoci state upgraded-$kind | grep '\"status\"')",
    "done",
    "pyoci resume upgraded-paused",
    "pyoci start upgraded-created",
    'for kind in running paused created; do pyoci exec upgraded-$kind /bin/sh -c "echo inside of $kind"; done',
    "pyoci update --pids-limit 100 upgraded-running",
    "pyoci ps --format json upgraded-running >/dev/null",
    "pyoci events --stats upgraded-running >/dev/null",
    "pyoci kill upgraded-running KILL",
    "while pyoci state upgraded-running | grep -q '\"running\"'; do sleep 0.1; done",
    "pyoci delete upgraded-running",
    "pyoci delete upgraded-stopped",
    "for kind in paused created; do pyoci delete --force upgraded-$kind; done",
    "dpkg --purge pyoci >/dev/null 2>&1",
    "echo left: $(ls /run/pyoci)",
)


def package(pattern: str) -> Path:
    """Beside the program."""
    found = sorted(find_program().parent.glob(pattern))
    if not found:
        pytest.skip(f"there is no {pattern} beside the program: hack/release makes it")
    return found[-1]


def files(folder: Path) -> set[str]:
    """All but what package managers keep for themselves."""
    own = ("var/lib/dpkg", "var/lib/rpm", "usr/lib/sysimage", "var/log", "var/cache", "var/lib/dnf")
    names = (str(path.relative_to(folder)) for path in folder.rglob("*"))
    return {name for name in names if not name.startswith(own)}


@pytest.mark.parametrize("release", RELEASES)
def test_deb_is_installed_and_removed(release: str, tmp_path: Path) -> None:
    below = ROOTS / release
    if not below.is_dir():
        pytest.skip(f"there is no root of {release}: hack/release --roots makes it")
    root = EmptyRoot(tmp_path / "root", find_program(), below)
    (root.folder / "pyoci").unlink()
    shutil.copy2(
        package(f"pyoci_*_{'amd64' if platform.machine() == 'x86_64' else 'arm64'}.deb"), root.folder / "it.deb"
    )
    (root.folder / "etc").mkdir()
    shutil.copytree(below / "etc/dpkg", root.folder / "etc/dpkg")
    for line in (root.folder / "etc/dpkg/dpkg.cfg.d").glob("*"):
        line.unlink()  # such as those that leave out all documentation
    page, *others = INSTALLED
    done = root.script(
        "find /usr /etc /opt /srv -xdev | sort >/before",
        "/usr/bin/dpkg --install /it.deb",
        "/usr/bin/dpkg --verify pyoci",
        f"ls -d /usr/bin/pyoci /usr/{page}.gz {' '.join(f'/usr/{name}' for name in others)}",
        f"gzip --test /usr/{page}.gz",
        "/usr/bin/pyoci spec --bundle /bundle",
        """sed -i 's/"terminal": true/"terminal": false/; s/"sh"/"sleep", "1000"/' /bundle/config.json""",
        *RUN,
        "/usr/bin/dpkg --purge pyoci",
        "find /usr /etc /opt /srv -xdev | sort >/after",
        "cmp /before /after",
        "! /usr/bin/dpkg --status pyoci",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "inside" in done.stdout


def test_containers_live_on_when_the_package_is_upgraded(tmp_path: Path) -> None:
    """A running, a paused and a created one, and one that has stopped; the next version has all of them to the end."""
    former = os.environ.get("PYOCI_FORMER_RELEASE")
    if former is None:
        pytest.skip("PYOCI_FORMER_RELEASE names no folder of a former release")
    below = ROOTS / "trixie"
    if not below.is_dir():
        pytest.skip("there is no root of trixie: hack/release --roots makes it")
    root = EmptyRoot(tmp_path / "root", find_program(), below)
    name = f"pyoci_*_{'amd64' if platform.machine() == 'x86_64' else 'arm64'}.deb"
    shutil.copy2(next(Path(former).glob(name)), root.folder / "old.deb")
    shutil.copy2(package(name), root.folder / "new.deb")
    try:
        done = root.script(*UPGRADE)
    finally:
        root.script(*(f"pyoci delete --force upgraded-{one} || true" for one in KINDS))
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    commits = [line for line in lines if line.startswith("commit:")]
    assert len(set(commits)) == 2, f"it is no upgrade: {commits}"
    for one in KINDS:
        assert f'{one}: "status": "{one}",' in lines, done.stdout
    for one in ("running", "paused", "created"):
        assert f"inside of {one}" in lines, done.stdout
    assert lines[-1] == "left:", done.stdout


def test_rpm_is_installed_and_removed(tmp_path: Path) -> None:
    rpm = shutil.which("rpm") or pytest.skip("rpm is not installed")
    file = package(f"pyoci-*.{platform.machine()}.rpm")
    root = EmptyRoot(tmp_path / "root", find_program())
    (root.folder / "pyoci").unlink()
    command = [rpm, "--root", str(root.folder)]
    # In a mount namespace of its own: rpm writes nothing outside of the root, and is not asked to be trusted with it.
    contained = ["unshare", "--mount", *command]
    subprocess.run([*command, "--initdb"], check=True)
    before = files(root.folder)
    done = subprocess.run([*contained, "--install", str(file)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    page, *others = INSTALLED
    for name in ("bin/pyoci", f"{page}.gz", *others):
        assert (root.folder / "usr" / name).is_file(), name
    subprocess.run([*command, "--verify", "pyoci"], check=True)
    lines = ["/usr/bin/pyoci spec --bundle /bundle"]
    lines += ["""sed -i 's/"terminal": true/"terminal": false/; s/"sh"/"sleep", "1000"/' /bundle/config.json""", *RUN]
    ran = root.script(*lines)
    assert ran.returncode == 0, ran.stderr
    assert "inside" in ran.stdout
    subprocess.run([*contained, "--erase", "pyoci"], check=True)
    left = {name for name in files(root.folder) - before if name.startswith("usr") and name != "usr"}
    # Folders of the system, which no package of this root owns.
    assert not {name for name in left if not (root.folder / name).is_dir() or "pyoci" in name}, left


def test_wheel_is_installed_and_removed(tmp_path: Path) -> None:
    wheel = package(f"pyoci_runtime-*{platform.machine()}.whl")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "venv")], check=True)
    pip = [sys.executable, "-m", "pip", "--python", str(tmp_path / "venv/bin/python")]
    before = files(tmp_path / "venv")
    subprocess.run([*pip, "install", "--quiet", "--no-index", str(wheel)], check=True)
    for name in ("bin/pyoci", *INSTALLED):
        assert (tmp_path / "venv" / name).is_file(), name
    done = subprocess.run([tmp_path / "venv/bin/pyoci", "--version"], check=True, capture_output=True, text=True)
    assert "standard library: in the program" in done.stdout
    subprocess.run([*pip, "uninstall", "--quiet", "--yes", "pyoci-runtime"], check=True)
    left = files(tmp_path / "venv") - before
    assert not {name for name in left if not (tmp_path / "venv" / name).is_dir()}
