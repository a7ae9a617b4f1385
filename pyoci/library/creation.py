"""How the library makes a container, and removes the rest of one that could not be made."""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from pyoci.errors import PyociError
from pyoci.host import config_bundle
from pyoci.library import values
from pyoci.library.config import Config
from pyoci.library.outcome import Output
from pyoci.library.process import Process
from pyoci.library.program import call
from pyoci.library.supervised import Supervised, SupervisorLost
from pyoci.library.waiting import Deadline

_Path = str | os.PathLike[str]


def new_id() -> str:
    return f"pyoci-{uuid.uuid4().hex[:12]}"


def source(bundle: _Path | None, config: Config | None, rootfs: _Path | None) -> tuple[Sequence[str], bytes | None]:
    """Options that name the bundle, or the config that is handed over. Raises TypeError."""
    require_config(config)
    if bundle is not None:
        if config is not None or rootfs is not None:
            raise TypeError("a bundle has a config and a rootfs: give either a bundle, or a config and a rootfs")
        return ["--bundle", values.source(bundle, "bundle")], None
    if config is None and rootfs is None:
        raise TypeError("give a bundle, or a config, or a rootfs")
    config = config or Config.default()
    if rootfs is not None:
        config = config.with_rootfs(rootfs)
    return [], config.require_rootfs().to_bytes()


def require_config(config: Config | None) -> None:
    """TypeError for a dict: one that is empty would count as no config."""
    if config is not None and not isinstance(config, Config):
        raise TypeError(f"config: takes a Config, not {type(config).__name__}; Config(document) makes one of a dict")


def create(
    program: str, root: str, container_id: str, words: Sequence[str], keywords: Mapping[str, Any], **settings: Any
) -> Supervised:
    """`create` by a supervisor of ours: the container exists once this returns. `settings` are those of Supervised."""
    is_anothers = is_taken(root, container_id)
    supervised = Supervised(program, root, ["create", *words, container_id], keywords=dict(keywords), **settings)
    try:
        supervised.popen.wait()
        supervised.until_created()
    except BaseException as error:
        # A signal's handler may raise anything, at any moment.
        is_left = isinstance(error, SupervisorLost) or (not isinstance(error, PyociError) and supervised.disown())
        supervised.close()
        if is_left and not is_anothers:
            remove_rest(program, root, container_id)
        raise
    return supervised


def start(
    program: str,
    root: str,
    words: Sequence[str],
    args: Sequence[str],
    keywords: dict[str, Any],
    deadline: Deadline,
    cancel: int,
    **settings: Any,
) -> Process[Output]:
    """`run` or `exec` by a supervisor that is a child of ours. Raises the supervisor's error, Timeout."""
    supervised = Supervised(program, root, words, keywords=keywords, **settings)
    try:
        supervised.until_created(deadline, cancel)
    except BaseException:
        supervised.abandon()
        supervised.close()
        raise
    return Process(supervised, args, keywords.get("encoding"), keywords.get("errors", "strict"))


def is_taken(root: str, container_id: str) -> bool:
    """Whether there is such a container already, which must not be removed when one of that name cannot be made."""
    return os.path.lexists(os.path.join(root, container_id))


def remove_rest(program: str, root: str, container_id: str) -> None:
    """Remove the leavings of a supervisor that was killed: the container, or a part of it, and its config's bundle."""
    call(program, root, ["delete", "--force", container_id])
    config_bundle.remove_bundles(root, container_id)
