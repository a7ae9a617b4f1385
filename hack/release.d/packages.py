"""What is published beside the program: .deb, .rpm, wheel, bill of materials, checksums."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import os
import platform
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import licenses
from inputs import ReleaseError, unpack
from libraries import Build

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "launcher"))

import manual_pages  # noqa: E402 - needs the line above

SUMMARY = "A low-level OCI container runtime: a drop-in for runc, one static program"
LICENSE = licenses.WHOLE
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the first date that a zip file can have

NFPM = """\
name: pyoci
arch: {arch}
platform: linux
version: {version}
section: admin
priority: optional
maintainer: The pyoci project <pyoci@users.noreply.github.com>
description: |
  {summary}
license: {license}
mtime: "1980-01-01T00:00:00Z"
contents:
"""
# rpm removes the folders that a package owns, dpkg all that are empty.
NFPM_FOLDER = """\
  - dst: /usr/share/doc/pyoci
    type: dir
"""
NFPM_FILE = """\
  - src: {source}
    dst: /usr/{place}
    file_info:
      mode: 0{mode:o}
"""


class File(NamedTuple):
    """What a package installs: where, below /usr or the folder that pip chose."""

    place: str
    source: Path
    mode: int = 0o644


def make(program: Path, version: str, build: Build, folder: Path) -> None:
    """Write everything that belongs to `program` into `folder`."""
    work = build.work / "packages"
    work.mkdir()
    found = licenses.parts(build)
    sbom = folder / f"{program.name}.cdx.json"
    sbom.write_text(bill_of_materials(program, version, found, build.machine.name))
    rights = folder / f"{program.name}.copyright"
    rights.write_text(licenses.copyright_text(found))
    told = [File(place, path) for place, path in manual(program, build, work)]
    documents = [File("share/doc/pyoci/sbom.cdx.json", sbom), File("share/doc/pyoci/copyright", rights)]
    packed = [_packed(file, work) if file.place.startswith("share/man/") else file for file in told]
    for kind, name in (("deb", build.machine.debian), ("rpm", build.machine.rpm)):
        _package(kind, name, [File("bin/pyoci", program, 0o755), *packed, *documents], version, build, folder)
    wheel(program, version, build.machine.name, [*told, *documents], folder)


def manual(program: Path, build: Build, work: Path) -> Iterator[tuple[str, Path]]:
    """Man pages and completion, as the program writes them: (place, file)."""
    emulator = [] if build.machine.name == platform.machine() else [f"qemu-{build.machine.name}-static"]
    try:
        made = manual_pages.write([*emulator, str(program)], work / "manual")
    except (OSError, subprocess.CalledProcessError) as error:
        raise ReleaseError(f"{program.name} does not write its man pages: {error}") from None
    for place, paths in made:
        yield from ((f"{place}/{Path(path).name}", Path(path)) for path in paths)


def _packed(file: File, work: Path) -> File:
    """As distributions have their man pages: compressed, without a date."""
    path = work / f"{file.source.name}.gz"
    path.write_bytes(gzip.compress(file.source.read_bytes(), 9, mtime=0))
    return File(f"{file.place}.gz", path, file.mode)


def _package(kind: str, arch: str, files: list[File], version: str, build: Build, folder: Path) -> None:
    work = build.work / "packages"
    settings = work / f"{kind}.yaml"
    head = NFPM.format(arch=arch, version=version, summary=SUMMARY, license=LICENSE)
    settings.write_text(head + NFPM_FOLDER + "".join(NFPM_FILE.format(**file._asdict()) for file in files))
    target = folder / (f"pyoci_{version}_{arch}.deb" if kind == "deb" else f"pyoci-{version}-1.{arch}.rpm")
    command = [str(nfpm(build)), "package", "--config", str(settings), "--packager", kind, "--target", str(target)]
    environment = {"PATH": os.environ["PATH"], "SOURCE_DATE_EPOCH": "315532800", "HOME": str(work)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ReleaseError(f"nfpm cannot make {target.name}: {(done.stderr or done.stdout).strip()}")


def nfpm(build: Build) -> Path:
    folder = build.work / "nfpm"
    if not folder.exists():
        unpack(build.inputs.tools["nfpm"], build.downloads, folder)
    (program,) = folder.glob("*.data/scripts/nfpm")
    program.chmod(0o755)
    return program


def bill_of_materials(program: Path, version: str, found: list[licenses.Part], arch: str) -> str:
    """CycloneDX 1.5, without a date or a serial number: the same for the same program."""
    components = [_component(part) for part in found]
    main = {
        "type": "application",
        "bom-ref": f"pyoci@{version}",
        "name": "pyoci",
        "version": version,
        "licenses": [{"license": {"id": LICENSE}}],
        "hashes": [{"alg": "SHA-256", "content": hashlib.sha256(program.read_bytes()).hexdigest()}],
        "properties": [{"name": "pyoci:architecture", "value": arch}],
    }
    document = {
        "$schema": "http://cyclonedx.org/schema/bom-1.5.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": main},
        "components": components,
        "dependencies": [{"ref": main["bom-ref"], "dependsOn": [part["bom-ref"] for part in components]}],
    }
    return json.dumps(document, indent=2) + "\n"


def _component(part: licenses.Part) -> dict[str, Any]:
    # CycloneDX has `id` for one licence of SPDX's list, and `expression` for what is put together.
    words: dict[str, Any] = {"expression": part.license} if " " in part.license else {"license": {"id": part.license}}
    component = {
        "type": "library",
        "bom-ref": part.purl,
        "name": part.name,
        "version": part.version,
        "licenses": [words],
        "purl": part.purl,
    }
    hashes = [{"alg": "SHA-256", "content": part.checksum}] if part.checksum else []
    return {**component, "hashes": hashes} if hashes else component


def wheel(program: Path, version: str, arch: str, more: list[File], folder: Path) -> None:
    """A wheel with no Python in it: pip puts the program into bin/, for any Python, and `more` beside it."""
    name = f"pyoci_runtime-{version}"
    tag = f"py3-none-manylinux_2_17_{arch}.musllinux_1_1_{arch}"
    metadata = (
        f"Metadata-Version: 2.1\nName: pyoci-runtime\nVersion: {version}\nSummary: {SUMMARY}\nLicense: {LICENSE}\n"
    )
    about = "Wheel-Version: 1.0\nGenerator: hack/release\nRoot-Is-Purelib: false\n"
    about += "".join(f"Tag: py3-none-{part}\n" for part in tag.removeprefix("py3-none-").split("."))
    files = {
        f"{name}.data/scripts/pyoci": program.read_bytes(),
        **{f"{name}.data/data/{file.place}": file.source.read_bytes() for file in more},
        f"{name}.dist-info/METADATA": metadata.encode(),
        f"{name}.dist-info/WHEEL": about.encode(),
    }
    record = [f"{path},sha256={_wheel_hash(data)},{len(data)}" for path, data in files.items()]
    files[f"{name}.dist-info/RECORD"] = "\n".join([*record, f"{name}.dist-info/RECORD,,", ""]).encode()
    with zipfile.ZipFile(folder / f"{name}-{tag}.whl", "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in files.items():
            entry = zipfile.ZipInfo(path, _EPOCH)
            entry.external_attr = (0o100755 if path.endswith("scripts/pyoci") else 0o100644) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, data)


def _wheel_hash(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


def checksums(folder: Path) -> None:
    """SHA256SUMS, as sha256sum(1) reads it."""
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in sorted(folder.iterdir())]
    (folder / "SHA256SUMS").write_text("".join(lines))
