"""Images in an OCI image layout: a folder with blobs named by their digests (image-spec, image-layout.md)."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import platform as machine
import stat
from collections.abc import Mapping, Sequence
from typing import IO, Any

from pyoci.errors import ConfigError, PyociError, SyscallError, UnsupportedError, reason
from pyoci.kernel import beneath
from pyoci.library import layer_bytes, layers, values
from pyoci.library.config import Config
from pyoci.library.program import warn

_DOCUMENT_MAX = 8 << 20
_PASSWD_MAX = 1 << 20
_NAME = "org.opencontainers.image.ref.name"
_INDEXES = ("application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json")
_MANIFESTS = ("application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json")
_DIGEST_LENGTHS = {"sha256": 64, "sha384": 96, "sha512": 128}
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "i686": "386", "loongarch64": "loong64"}
_NESTED_MAX = 4
# conversion.md of the image-spec: where the image's properties go in the annotations of the container
_ANNOTATIONS = {
    "os": "os",
    "architecture": "architecture",
    "variant": "variant",
    "author": "author",
    "created": "created",
}


# What the runtime does as annotations say (spec/rules/advice.py, plan/criu.py, cgroups/systemd_annotations.py): whoever
# writes an image gives no orders, such as to keep the groups of the process that calls us.
_ORDERS = ("run.oci.", "org.systemd.property.", "org.criu.", "io.container.manager")


class Image:
    """One image of a layout: its config and its layers. Every blob is checked against its digest and size."""

    def __init__(self, layout: str, manifest: Mapping[str, Any], config: Mapping[str, Any]) -> None:
        self.layout = layout
        self.manifest = manifest
        self.config = config

    def __repr__(self) -> str:
        return f"Image({self.layout!r}, config={self.manifest['config']['digest']!r})"

    @classmethod
    def open(cls, layout: str | os.PathLike[str], reference: str | None = None, platform: str | None = None) -> Image:
        """The image that is named `reference`, for `platform` ("linux/arm64/v8"; this machine's if None).

        Raises ConfigError for a layout that breaks the specification, PyociError when there is no such image.
        """
        place = values.source(layout, "layout")
        version = _member(_load(os.path.join(place, "oci-layout")), "imageLayoutVersion", str, "oci-layout")
        if not version.startswith("1."):
            raise UnsupportedError(f"image layout {place}: must have version 1.0.0, not {version!r}")
        parts = _platform(platform)
        index = _load(os.path.join(place, "index.json"))
        manifest, is_told = _select(place, index, reference, parts, 0)
        config = _blob_document(place, _member(manifest, "config", dict, "manifest"))
        if platform is not None and not is_told and not _fits(config, parts):
            other = "/".join(str(config.get(name)) for name in ("os", "architecture"))
            raise PyociError(f"image layout {place}: has no image for {platform}; this one is for {other[:80]}")
        return cls(place, manifest, config)

    def unpack(
        self, rootfs: str | os.PathLike[str], *, devices: bool = False, max_bytes: int | str | None = None
    ) -> None:
        """Unpack all layers into the folder `rootfs`, one over the other. Raises PyociError.

        Nothing is written outside of `rootfs`, whatever the layers hold.
        """
        limits = layer_bytes.Limits(layer_bytes.MAX_BYTES if max_bytes is None else values.most_bytes(max_bytes))
        target = values.source(rootfs, "rootfs")
        if not os.path.isdir(target):
            raise SyscallError(errno.ENOTDIR if os.path.lexists(target) else errno.ENOENT, f"unpack into {target}")
        digests = _texts(_part(self.config, "rootfs", dict), "diff_ids")
        entries = _member(self.manifest, "layers", list, "manifest")
        if len(digests) != len(entries):
            raise ConfigError(f"image: has {len(entries)} layers and {len(digests)} diff_ids")
        for descriptor, diff_id in zip(entries, digests, strict=True):
            with _open_blob(self.layout, descriptor) as blob:
                checked = _Checked(blob, descriptor)
                layers.unpack(checked, _media_type(descriptor), target, diff_id, limits, devices=devices)
                checked.finish()

    def apply(self, config: Config, rootfs: str | os.PathLike[str]) -> Config:
        """`config` with what the image says: program, environment, working directory, user, annotations.

        `rootfs` is where it was unpacked, whose passwd names the user. Raises ConfigError.
        """
        process = _part(self.config, "config", dict)
        args = [*_texts(process, "Entrypoint"), *_texts(process, "Cmd")]
        changed = config.with_args(*args) if args else config
        if env := dict(entry.partition("=")[::2] for entry in _texts(process, "Env")):
            changed = changed.with_env(env)
        if cwd := _part(process, "WorkingDir", str):
            changed = changed.with_cwd(cwd)
        if user := _part(process, "User", str):
            uid, gid, groups = user_of(user, rootfs)
            changed = changed.with_user((uid, gid), groups)
        return changed.with_annotations(self._annotations(process))

    def _annotations(self, process: Mapping[str, Any]) -> dict[str, str]:
        prefix = "org.opencontainers.image"
        annotations = {
            f"{prefix}.{name}": str(self.config[key]) for key, name in _ANNOTATIONS.items() if self.config.get(key)
        }
        if process.get("StopSignal"):
            annotations[f"{prefix}.stopSignal"] = str(process["StopSignal"])
        if ports := _part(process, "ExposedPorts", dict):
            annotations[f"{prefix}.exposedPorts"] = ",".join(ports)
        labels = _part(process, "Labels", dict)
        orders = sorted(name for name in labels if name.startswith(_ORDERS))
        if orders:
            words = ", ".join(orders)[:200]
            warn(f"image: its labels {words} are not taken: only the caller gives such annotations")
        return {**annotations, **{name: str(value) for name, value in labels.items() if name not in orders}}


def user_of(text: str, rootfs: str | os.PathLike[str]) -> tuple[int, int, Sequence[int]]:
    """An image's `User`, "user[:group]": the IDs. A number is a number, whatever passwd says (CVE-2016-3697).

    Names are looked up in the image's own files: regular ones, at most 1 MiB (CVE-2026-61801).
    """
    name, colon, group = text.partition(":")
    passwd, groups = (_lines(rootfs, f"/etc/{file}") for file in ("passwd", "group"))
    more: list[int] = []
    if _is_id(name):
        uid = int(name)
        gid = next((int(line[3]) for line in passwd if len(line) > 3 and line[2] == name and _is_id(line[3])), 0)
    else:
        line = next((line for line in passwd if len(line) > 3 and line[0] == name), None)
        if line is None or not (_is_id(line[2]) and _is_id(line[3])):
            raise ConfigError(f"image: its User is {text[:80]!r}, which /etc/passwd of the image does not have")
        uid, gid = int(line[2]), int(line[3])
        more = [int(line[2]) for line in groups if len(line) > 3 and name in line[3].split(",") and _is_id(line[2])]
    if colon:
        entry = next((line for line in groups if len(line) > 2 and line[0] == group), None)
        if not _is_id(group) and (entry is None or not _is_id(entry[2])):
            raise ConfigError(f"image: its User is {text[:80]!r}, and /etc/group of the image has no such group")
        gid = int(group) if _is_id(group) else int(entry[2]) if entry else 0
        more = []
    return uid, gid, more


class _Checked:
    """A blob that is read to its end, and then compared with its digest and its size."""

    def __init__(self, blob: IO[bytes], descriptor: Mapping[str, Any]) -> None:
        self._blob = blob
        self._digest = str(descriptor["digest"])
        self._hash = hashlib.new(self._digest.partition(":")[0])
        self._left = int(descriptor["size"])

    def read(self, size: int) -> bytes:
        data = self._blob.read(size)
        self._left -= len(data)
        if self._left < 0:
            raise ConfigError(f"image: blob {self._digest} is longer than its descriptor says")
        self._hash.update(data)
        return data

    def finish(self) -> None:
        while self.read(1 << 20):
            pass
        if self._left:
            raise ConfigError(f"image: blob {self._digest} is {self._left} bytes shorter than its descriptor says")
        digest = self._hash.hexdigest()
        if digest != self._digest.partition(":")[2]:
            raise ConfigError(f"image: blob {self._digest} has the digest {digest}: it was damaged or changed")


def _select(
    layout: str, index: Mapping[str, Any], reference: str | None, platform: tuple[str, str, str], depth: int
) -> tuple[dict[str, Any], bool]:
    """The manifest of the one image that is meant, and whether the index says for which platform it is."""
    if depth > _NESTED_MAX:
        raise ConfigError(f"image layout {layout}: indexes are nested more than {_NESTED_MAX} deep")
    entries = [entry for entry in _member(index, "manifests", list, "index") if isinstance(entry, dict)]
    every = _names(entries)
    if reference is not None:
        entries = [entry for entry in entries if _reference(entry) == reference]
    entries = [entry for entry in entries if _media_type(entry) in (*_INDEXES, *_MANIFESTS)]
    fitting = [entry for entry in entries if _fits(entry.get("platform"), platform)]
    if not fitting:
        what = f"named {reference[:200]!r}" if reference is not None else "at all"
        named = f"; it has {every}" if reference is not None and every else ""
        raise PyociError(f"image layout {layout}: has no image {what} for {'/'.join(filter(None, platform))}{named}")
    if len(fitting) > 1 and reference is None and depth == 0:
        raise PyociError(f"image layout {layout}: has several images, name one as reference: {_names(entries)}")
    chosen = fitting[0]
    document = _blob_document(layout, chosen)
    if _media_type(chosen) in _INDEXES:
        return _select(layout, document, None, platform, depth + 1)
    return document, isinstance(chosen.get("platform"), dict)


def _names(entries: Sequence[Mapping[str, Any]]) -> str:
    """Of an index: the references that images have in it."""
    names = {_reference(entry) or "(no name)" for entry in entries}
    return ", ".join(sorted(names))[:500]


def _fits(entry: Any, platform: tuple[str, str, str]) -> bool:
    if not isinstance(entry, dict):
        return True  # an entry need not say
    system, architecture, variant = platform
    same = entry.get("os") == system and entry.get("architecture") == architecture
    return same and (not variant or entry.get("variant", "") == variant)


def _platform(text: str | None) -> tuple[str, str, str]:
    if text is None:
        name = machine.machine()
        return "linux", _ARCHITECTURES.get(name, name), ""
    parts = text.split("/")
    if len(parts) not in (2, 3) or not all(parts):
        raise ConfigError(f"platform: must be OS/ARCHITECTURE[/VARIANT], not {text[:80]!r}")
    return parts[0], parts[1], parts[2] if len(parts) == 3 else ""


def _blob_document(layout: str, descriptor: Mapping[str, Any]) -> dict[str, Any]:
    with _open_blob(layout, descriptor) as blob:
        checked = _Checked(blob, descriptor)
        parts = []
        while part := checked.read(1 << 20):
            parts.append(part)
            if len(parts) > _DOCUMENT_MAX >> 20:
                raise ConfigError(f"image: blob {descriptor['digest']} is too large for a document")
        checked.finish()
    return _parse(b"".join(parts), str(descriptor["digest"]))


def _open_blob(layout: str, descriptor: Mapping[str, Any]) -> IO[bytes]:
    digest = _member(descriptor, "digest", str, "descriptor")
    if _member(descriptor, "size", int, "descriptor") < 0:
        raise ConfigError(f"image: the size of blob {digest[:80]!r} is below zero")
    algorithm, _, encoded = digest.partition(":")
    # It becomes a path: nothing else than what a digest can be.
    if _DIGEST_LENGTHS.get(algorithm) != len(encoded) or not set(encoded) <= set("0123456789abcdef"):
        raise ConfigError(f"image: the digest {digest[:80]!r} must be sha256 or sha512 and its hexadecimal digits")
    return _open_file(os.path.join(layout, "blobs", algorithm, encoded))


def _open_file(path: str) -> IO[bytes]:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            os.close(fd)
            raise ConfigError(f"image: {path} is not a regular file")
        return open(fd, "rb")
    except OSError as error:
        raise ConfigError(f"image: read {path}: {reason(error)}") from None


def _load(path: str) -> dict[str, Any]:
    with _open_file(path) as file:
        return _parse(file.read(_DOCUMENT_MAX + 1), path)


def _parse(data: bytes, what: str) -> dict[str, Any]:
    if len(data) > _DOCUMENT_MAX:
        raise ConfigError(f"image: {what} is larger than {_DOCUMENT_MAX} bytes")
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        raise ConfigError(f"image: {what} is not JSON") from None
    if not isinstance(document, dict):
        raise ConfigError(f"image: {what} is not a JSON object")
    return document


def _member(document: Any, name: str, kind: type[Any], what: str) -> Any:
    value = document.get(name) if isinstance(document, dict) else None
    if not isinstance(value, kind) or isinstance(value, bool):
        raise ConfigError(f"image: {name!r} of its {what} is missing, or has the wrong type")
    return value


def _part(document: Mapping[str, Any], name: str, kind: type[Any]) -> Any:
    """A member of the image's config, empty where it has none."""
    value = document.get(name)
    if value is None:
        return kind()
    if not isinstance(value, kind):
        raise ConfigError(f"image: {name!r} of its config has the wrong type")
    return value


def _texts(document: Mapping[str, Any], name: str) -> list[str]:
    texts: list[str] = _part(document, name, list)
    if not all(isinstance(text, str) for text in texts):
        raise ConfigError(f"image: {name!r} of its config must have strings only")
    return texts


def _reference(entry: Mapping[str, Any]) -> str | None:
    """The name of an image in its index."""
    annotations = entry.get("annotations")
    name = annotations.get(_NAME) if isinstance(annotations, dict) else None
    return None if name is None else str(name)


def _media_type(descriptor: Any) -> str:
    return _member(descriptor, "mediaType", str, "descriptor") if isinstance(descriptor, dict) else ""


def _lines(rootfs: str | os.PathLike[str], path: str) -> Sequence[Sequence[str]]:
    """The fields of passwd(5) or group(5) of the image; nothing where it has none."""
    root = os.open(rootfs, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fd = beneath.Root(root).find(path)
        if fd is None:
            return ()
        try:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                return ()
            with open(f"/proc/self/fd/{fd}", "rb") as file:
                text = file.read(_PASSWD_MAX).decode("utf-8", "replace")
        finally:
            os.close(fd)
    finally:
        os.close(root)
    return [line.split(":") for line in text.split("\n")]


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 10 and int(text) < 1 << 32
