"""What a release is made of: fetched by name, and refused unless its checksum is the one in inputs.json."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import apt

SUITES = ("trixie", "bookworm")
SECURITY = ("trixie-security", "bookworm-security")


class ReleaseError(Exception):
    """The release cannot be made; the words say why, and what to do."""


class Unavailable(ReleaseError):
    """An input cannot be fetched here."""


class Input(NamedTuple):
    """A Debian source package (`package` is NAME=VERSION), or a file of the Python package index (`package` is "")."""

    name: str
    version: str
    license: str
    package: str
    files: dict[str, str]  # name: SHA-256


class Inputs(NamedTuple):
    sources: dict[str, Input]
    packages: dict[str, Input]
    tools: dict[str, Input]


def read(path: Path) -> Inputs:
    document = json.loads(path.read_text())
    return Inputs(*({row["name"]: _input(row) for row in document[kind]} for kind in Inputs._fields))


def _input(row: dict[str, Any]) -> Input:
    files = row.get("files") or {row["file"]: row["sha256"]}
    return Input(row["name"], row["version"], row["license"], row.get("package", ""), files)


def fetch(wanted: Input, folder: Path) -> None:
    """Have the files of `wanted` in `folder`, where a person may have put them. Raises ReleaseError."""
    folder.mkdir(parents=True, exist_ok=True)
    missing = [name for name in wanted.files if not (folder / name).exists()]
    if missing:
        if wanted.package:
            _from_debian(wanted, folder, missing)
        else:
            _from_index(wanted, folder, missing)
    for name, checksum in wanted.files.items():
        found = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        if found != checksum:
            raise ReleaseError(
                f"{folder / name}: SHA-256 is {found}, inputs.json has {checksum}: remove the file to fetch it again,"
                " or correct hack/release.d/inputs.json after you have looked at what has changed"
            )


def _from_debian(wanted: Input, folder: Path, missing: list[str]) -> None:
    """With a configuration of its own: the machine's need not have source packages, and stays as it is."""
    deb = f"deb-src [signed-by={apt.KEYRING}] http://deb.debian.org"
    sources = [f"{deb}/debian {suite} main" for suite in SUITES]
    sources += [f"{deb}/debian-security {suite} main" for suite in SECURITY]
    options = apt.configure(folder / "apt", sources)
    advice = f"put {', '.join(missing)} into {folder}, or have apt-get reach Debian's archive"
    try:
        subprocess.run(["apt-get", "-qq", *options, "update"], check=True, capture_output=True, cwd=folder)
        command = ["apt-get", "-qq", *options, "source", "--only-source", "--download-only", wanted.package]
        subprocess.run(command, check=True, capture_output=True, cwd=folder)
    except FileNotFoundError:
        raise Unavailable(f"source package {wanted.package}: there is no apt-get here: {advice}") from None
    except subprocess.CalledProcessError as error:
        words = error.stderr.decode(errors="replace").strip().splitlines()
        raise Unavailable(
            f"source package {wanted.package} cannot be fetched ({words[-1] if words else 'no words'}): {advice}"
        ) from None
    _check_there(wanted, folder)


def _from_index(wanted: Input, folder: Path, missing: list[str]) -> None:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder)]
    if any(name.endswith(".tar.gz") for name in wanted.files):
        command += ["--no-binary", wanted.name]  # pip asks the source for its dependencies, with build tools of its own
    try:
        subprocess.run([*command, f"{wanted.name}=={wanted.version}"], check=True, capture_output=True, text=True)
    except subprocess.CalledProcessError as error:
        words = [line for line in error.stderr.splitlines() if line.startswith("ERROR")]
        raise Unavailable(
            f"package {wanted.name} {wanted.version} cannot be fetched ({words[-1] if words else 'pip failed'}): put"
            f" {', '.join(missing)} into {folder}, or have pip reach the package index"
        ) from None
    _check_there(wanted, folder)


def _check_there(wanted: Input, folder: Path) -> None:
    for name in wanted.files:
        if not (folder / name).exists():
            raise Unavailable(f"{wanted.name}: {name} was not among what was fetched: put it into {folder}")


def unpack(wanted: Input, folder: Path, target: Path) -> None:
    """Unpack a source package with its patches, or a package of the index, into the new folder `target`."""
    shutil.rmtree(target, ignore_errors=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    if wanted.package:
        (description,) = (folder / name for name in wanted.files if name.endswith(".dsc"))
        command = ["dpkg-source", "--no-check", "-x", str(description), str(target)]
        try:
            subprocess.run(command, check=True, capture_output=True, text=True)
        except FileNotFoundError:
            raise ReleaseError("dpkg-source is missing: install dpkg-dev") from None
        except subprocess.CalledProcessError as error:
            raise ReleaseError(f"{description.name} cannot be unpacked: {error.stderr.strip()}") from None
        return
    target.mkdir()
    (name,) = wanted.files
    if name.endswith(".whl"):
        with zipfile.ZipFile(folder / name) as archive:
            archive.extractall(target)  # noqa: S202  # its checksum is known
        for path in target.rglob("*"):  # zipfile drops the modes
            path.chmod(0o755 if path.is_dir() else 0o644)
    else:
        with tarfile.open(folder / name) as archive:
            archive.extractall(target, filter="data")
        (top,) = target.iterdir()
        for path in top.iterdir():
            path.rename(target / path.name)
        top.rmdir()
