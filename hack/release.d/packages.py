"""What is published beside the program: .deb, .rpm, wheel, bill of materials, checksums."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
import zipfile
from pathlib import Path

from inputs import Input, Inputs, ReleaseError, unpack
from libraries import Build

ROOT = Path(__file__).resolve().parents[2]
SUMMARY = "A low-level OCI container runtime: a drop-in for runc, one static program"
# python-prctl is linked in, and its licence is the strictest.
LICENSE = "GPL-3.0-or-later"
OWN_LICENSE = "Apache-2.0"
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
  - src: {program}
    dst: /usr/bin/pyoci
    file_info:
      mode: 0755
  - src: {sbom}
    dst: /usr/share/doc/pyoci/sbom.cdx.json
    file_info:
      mode: 0644
  - src: {copyright}
    dst: /usr/share/doc/pyoci/copyright
    file_info:
      mode: 0644
"""


def make(program: Path, version: str, build: Build, folder: Path) -> None:
    """Write everything that belongs to `program` into `folder`."""
    sbom = folder / f"{program.name}.cdx.json"
    sbom.write_text(bill_of_materials(program, version, build.inputs, build.machine.name))
    for kind, name in (("deb", build.machine.debian), ("rpm", build.machine.rpm)):
        _package(kind, name, program, sbom, version, build, folder)
    wheel(program, version, build.machine.name, folder)


def _package(kind: str, arch: str, program: Path, sbom: Path, version: str, build: Build, folder: Path) -> None:
    work = build.work / "packages"
    work.mkdir(exist_ok=True)
    copyright_file, settings = work / "copyright", work / f"{kind}.yaml"
    copyright_file.write_text(copyright_text(build.inputs))
    settings.write_text(
        NFPM.format(
            arch=arch,
            version=version,
            summary=SUMMARY,
            license=LICENSE,
            program=program,
            sbom=sbom,
            copyright=copyright_file,
        )
    )
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


def copyright_text(inputs: Inputs) -> str:
    lines = [f"pyoci is under {OWN_LICENSE}. This program has inside:", ""]
    lines += [f"  {one.name} {one.version}: {one.license}" for one in _parts(inputs)]
    lines += [
        "",
        "The GNU C Library: LGPL-2.1-or-later",
        "",
        f"So the program as a whole is under {LICENSE}. Its source is",
    ]
    lines += [
        "pyoci's repository at the commit that `pyoci --version` prints, with what hack/release.d/inputs.json names;"
    ]
    lines += ["hack/release builds it again, with changed libraries, too.", ""]
    return "\n".join(lines)


def _parts(inputs: Inputs) -> list[Input]:
    return [*inputs.sources.values(), *inputs.packages.values()]


def bill_of_materials(program: Path, version: str, inputs: Inputs, arch: str) -> str:
    """CycloneDX 1.5, without a date or a serial number: the same for the same program."""
    components = []
    for one in _parts(inputs):
        if one.package:
            name, _, package_version = one.package.partition("=")
            purl = f"pkg:deb/debian/{name}@{package_version.replace(':', '%3A').replace('+', '%2B')}?arch=source"
        else:
            purl = f"pkg:pypi/{one.name}@{one.version}"
        hashes = [
            {"alg": "SHA-256", "content": value}
            for name, value in one.files.items()
            if not name.endswith((".dsc", ".asc"))
        ]
        components.append(
            {
                "type": "library",
                "bom-ref": purl,
                "name": one.name,
                "version": one.version,
                "licenses": [{"license": {"id": one.license}}],
                "purl": purl,
                "hashes": hashes[:1],
            }
        )
    main = {
        "type": "application",
        "bom-ref": f"pyoci@{version}",
        "name": "pyoci",
        "version": version,
        "licenses": [{"license": {"id": OWN_LICENSE}}],
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


def wheel(program: Path, version: str, arch: str, folder: Path) -> None:
    """A wheel with nothing but the program: pip puts it into bin/, for any Python."""
    name = f"pyoci_runtime-{version}"
    tag = f"py3-none-manylinux_2_17_{arch}.musllinux_1_1_{arch}"
    metadata = (
        f"Metadata-Version: 2.1\nName: pyoci-runtime\nVersion: {version}\nSummary: {SUMMARY}\nLicense: {LICENSE}\n"
    )
    about = "Wheel-Version: 1.0\nGenerator: hack/release\nRoot-Is-Purelib: false\n"
    about += "".join(f"Tag: py3-none-{part}\n" for part in tag.removeprefix("py3-none-").split("."))
    files = {
        f"{name}.data/scripts/pyoci": program.read_bytes(),
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
