"""The image that every engine gets: busybox from the host, as an OCI layout and as one tar of it.

The tar holds both an OCI index and docker's manifest.json over the same blobs, so podman, buildah, containerd
and docker all load it without a registry.
"""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import tarfile
from pathlib import Path

NAME = "localhost/conformance"
TAG = "1"
REFERENCE = f"{NAME}:{TAG}"
USER = "tester"
USER_ID = 1234
ORIGINAL = "as the image has it"

_PASSWD = f"root:x:0:0:root:/root:/bin/sh\n{USER}:x:{USER_ID}:{USER_ID}:{USER}:/home/{USER}:/bin/sh\n"
_GROUP = f"root:x:0:\n{USER}:x:{USER_ID}:\n"
_FOLDERS = {
    "bin": 0o755,
    "dev": 0o755,
    "etc": 0o755,
    "home": 0o755,
    "proc": 0o755,
    "root": 0o700,
    "run": 0o755,
    "sys": 0o755,
    "tmp": 0o1777,
    "var": 0o755,
    "www": 0o755,
}
_CONFIG = {
    "architecture": "amd64",
    "os": "linux",
    "config": {"Env": ["PATH=/bin", "FROM_IMAGE=yes"], "Cmd": ["sleep", "1000"], "WorkingDir": "/"},
    "history": [{"created_by": "conformance"}],
}


def build(busybox: Path, folder: Path) -> tuple[Path, Path]:
    """Write the image below `folder`; returns the OCI layout and the tar."""
    layout = folder / "image"
    blobs = layout / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    layer = _layer(busybox)
    layer_digest = _blob(blobs, layer)
    created = "2024-01-01T00:00:00Z"
    config = {
        **_CONFIG,
        "created": created,
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layer_digest}"]},
    }
    config_text = json.dumps(config).encode()
    config_digest = _blob(blobs, config_text)
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": _descriptor("config.v1+json", config_digest, len(config_text)),
            "layers": [_descriptor("layer.v1.tar", layer_digest, len(layer))],
        }
    ).encode()
    manifest_digest = _blob(blobs, manifest)
    entry = _descriptor("manifest.v1+json", manifest_digest, len(manifest))
    entry["annotations"] = {"org.opencontainers.image.ref.name": TAG, "io.containerd.image.name": REFERENCE}
    (layout / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    (layout / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))
    docker = {
        "Config": f"blobs/sha256/{config_digest}",
        "RepoTags": [REFERENCE],
        "Layers": [f"blobs/sha256/{layer_digest}"],
    }
    (layout / "manifest.json").write_text(json.dumps([docker]))
    archive = folder / "image.tar"
    with tarfile.open(archive, "w") as tar:
        for path in sorted(layout.rglob("*")):
            tar.add(path, str(path.relative_to(layout)), recursive=False)
    (layout / "manifest.json").unlink()  # it is docker's, not part of an OCI layout
    return layout, archive


def _descriptor(kind: str, digest: str, size: int) -> dict[str, object]:
    return {"mediaType": f"application/vnd.oci.image.{kind}", "digest": f"sha256:{digest}", "size": size}


def _blob(folder: Path, data: bytes) -> str:
    digest = hashlib.sha256(data).hexdigest()
    (folder / digest).write_bytes(data)
    return digest


def _layer(busybox: Path) -> bytes:
    applets = subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True).stdout.split()
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, mode in _FOLDERS.items():
            _add(tar, name, tarfile.DIRTYPE, mode)
        _add(tar, f"home/{USER}", tarfile.DIRTYPE, 0o700, owner=USER_ID)
        _add(tar, "bin/busybox", tarfile.REGTYPE, 0o755, busybox.read_bytes())
        for applet in applets:
            if applet != "busybox":
                _add(tar, f"bin/{applet}", tarfile.SYMTYPE, 0o777, target="busybox")
        files = {
            "etc/passwd": _PASSWD,
            "etc/group": _GROUP,
            "etc/original": f"{ORIGINAL}\n",
            "www/index.html": "published\n",
        }
        for name, text in files.items():
            _add(tar, name, tarfile.REGTYPE, 0o644, text.encode())
        _add(tar, "etc/not-executable", tarfile.REGTYPE, 0o644, b"#!/bin/sh\n")
    return buffer.getvalue()


def _add(
    tar: tarfile.TarFile,
    name: str,
    kind: bytes,
    mode: int,
    data: bytes = b"",
    *,
    target: str = "",
    owner: int = 0,
) -> None:
    info = tarfile.TarInfo(name)
    info.type, info.mode, info.size, info.linkname = kind, mode, len(data), target
    info.uid = info.gid = owner
    tar.addfile(info, io.BytesIO(data))
