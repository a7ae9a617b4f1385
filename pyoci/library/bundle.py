"""A bundle: a folder with a config.json, and most often the rootfs."""

from __future__ import annotations

import contextlib
import os
from typing import Any

from pyoci.errors import PyociError, SyscallError
from pyoci.library import values
from pyoci.library.config import Config
from pyoci.state.remove_tree import remove_tree

_Path = str | os.PathLike[str]
ROOTFS = "rootfs"


class Bundle:
    """A bundle's folder; wherever a path of a bundle is taken, this is, too."""

    def __init__(self, path: _Path) -> None:
        """Of a folder that is there; its config is read when it is asked for."""
        self.path = values.source(path, "bundle")

    @classmethod
    def create(cls, path: _Path, config: Config, rootfs: _Path | None = None) -> Bundle:
        """Make the folder `path` where it is missing and save `config` in it.

        Without `rootfs`, the config's own counts: a relative one is below `path`, and made if it is missing.
        PyociError when there is a config.json already.
        """
        bundle = cls(path)
        if rootfs is not None:
            config = config.with_rootfs(rootfs)
        _make_folder(bundle.path)
        if os.path.lexists(os.path.join(bundle.path, "config.json")):
            raise PyociError(f"make bundle {bundle.path}: it has a config.json; use save() to replace it")
        if not os.path.isabs(config.rootfs):
            _make_folder(os.path.join(bundle.path, config.rootfs))
        bundle.save(config)
        return bundle

    @classmethod
    def from_image(
        cls,
        layout: _Path,
        path: _Path,
        *,
        reference: str | None = None,
        platform: str | None = None,
        config: Config | None = None,
        devices: bool = False,
        max_bytes: int | str | None = None,
    ) -> Bundle:
        """Unpack an image of an OCI image layout (a folder) into the new folder `path`, and make its config.

        `reference` is the image's name in the layout, needed where there are several; `platform` is as
        "linux/arm64/v8", this machine's if None. Program, environment, working directory and user are those of the
        image, everything else those of `config` (the default one if None). Owners are kept for root only; device
        nodes only with `devices`. Layers may unpack to `max_bytes`, such as "2G", together. Raises PyociError, and
        then leaves nothing at `path`.
        """
        from pyoci.library import image

        unpacked = image.Image.open(layout, reference, platform)
        target = values.source(path, "path")
        try:
            # No other user of this machine runs a set-user-ID program of the image (CVE-2021-41091).
            os.mkdir(target, 0o700)
        except FileExistsError:
            raise PyociError(f"unpack into {target}: it exists; the bundle needs a new folder") from None
        except OSError as error:
            raise SyscallError(error.errno or 0, f"make the bundle's folder {target}") from None
        try:
            rootfs = os.path.join(target, ROOTFS)
            os.mkdir(rootfs, 0o755)
            unpacked.unpack(rootfs, devices=devices, max_bytes=max_bytes)
            changed = unpacked.apply(config or Config.default(), rootfs)
            bundle = cls(target)
            bundle.save(changed.with_changes(lambda new: new["root"].update(path=ROOTFS)))
        except BaseException:
            with contextlib.suppress(OSError):
                _remove_tree(target)
            raise
        return bundle

    def __fspath__(self) -> str:
        return self.path

    def __repr__(self) -> str:
        return f"Bundle({self.path!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Bundle) and self.path == other.path

    def __hash__(self) -> int:
        return hash(self.path)

    @property
    def config(self) -> Config:
        """The content of config.json at this moment. Raises ConfigError."""
        return Config.load(self.path)

    @property
    def rootfs(self) -> str:
        """The rootfs as an absolute path."""
        return os.path.join(self.path, self.config.rootfs)

    def standalone(self) -> Config:
        """Its config with absolute paths, so that it says the same without the bundle. Raises ConfigError."""

        def edit(new: dict[str, Any]) -> None:
            for mount in new.get("mounts") or ():
                if mount.get("type") == "bind" or {"bind", "rbind"} & set(mount.get("options") or ()):
                    mount["source"] = os.path.join(self.path, mount.get("source") or "")

        config = self.config
        return config.with_rootfs(os.path.join(self.path, config.rootfs)).with_changes(edit)

    def save(self, config: Config) -> None:
        """Replace config.json, whole or not at all."""
        config.save(self.path)

    def remove(self) -> None:
        """Delete the folder with all in it. What a config with an absolute rootfs names elsewhere stays.

        SyscallError when it is not there, or not a folder.
        """
        try:
            _remove_tree(self.path)
        except OSError as error:
            raise SyscallError(error.errno or 0, f"remove bundle {self.path}") from None


def _remove_tree(path: str) -> None:
    """Not shutil.rmtree, which is recursive: a container has nested folders in its rootfs as deep as it liked."""
    parent = os.open(os.path.dirname(path), os.O_RDONLY | os.O_DIRECTORY)
    try:
        remove_tree(os.path.basename(path), parent)
    finally:
        os.close(parent)


def _make_folder(path: str) -> None:
    try:
        os.makedirs(path, exist_ok=True)
    except OSError as error:
        raise SyscallError(error.errno or 0, f"make the bundle's folder {path}") from None
